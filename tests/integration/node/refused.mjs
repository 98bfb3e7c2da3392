// One refused call; prints the exception as an application sees it.

import { anthropic, arguments_, openai, print } from "./clients.mjs";

const { sdk, url } = arguments_;
const stream = Boolean(arguments_.stream);
const messages = [{ role: "user", content: "x" }];

async function call() {
  if (sdk === "openai") {
    return openai(`${url}/v1`).chat.completions.create({ model: "m", messages, stream });
  }
  return anthropic(url).messages.create({ model: "claude-test", max_tokens: 9, messages, stream });
}

try {
  const answer = await call();
  if (stream) for await (const _ of answer);
  print({ name: "none" });
} catch (error) {
  print({
    name: error.constructor.name,
    status: error.status,
    message: error.message,
    requestId: error.requestID,
  });
}
