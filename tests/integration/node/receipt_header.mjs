// What OpenAI's and Anthropic's Node SDKs see of a header: in whole answers and in streams.

import { anthropic, arguments_, openai, print } from "./clients.mjs";

const messages = [{ role: "user", content: "hello" }];
const seen = {};

async function look(name, pending, streamed) {
  const { data, response } = await pending.withResponse();
  seen[name] = response.headers.get(arguments_.header);
  if (streamed) for await (const event of data) void event;
}

const chat = openai(`${arguments_.baseURL}/v1`).chat.completions;
const said = anthropic(arguments_.baseURL).messages;
for (const stream of [false, true]) {
  const how = stream ? "streamed" : "whole";
  await look(`openai_${how}`, chat.create({ model: "m", messages, stream }), stream);
  const asked = { model: "m", max_tokens: 50, messages, stream };
  await look(`anthropic_${how}`, said.create(asked), stream);
}
print(seen);
