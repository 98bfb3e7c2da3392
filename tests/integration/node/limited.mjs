// Several calls in a row, which a limit lets through only after a wait; prints how each ended.

import { anthropic, arguments_, openai, print } from "./clients.mjs";

const { sdk, url, calls } = arguments_;
const messages = [{ role: "user", content: "x" }];

async function call() {
  if (sdk === "openai") {
    return openai(`${url}/v1`).chat.completions.create({ model: "m", messages });
  }
  return anthropic(url).messages.create({ model: "claude-test", max_tokens: 9, messages });
}

const ended = [];
for (let n = 0; n < Number(calls); n++) {
  try {
    await call();
    ended.push("answered");
  } catch (error) {
    ended.push(error.constructor.name);
  }
}
print(ended);
