// Anthropic's Node SDK: whole and streamed messages, tools.

import { anthropic, arguments_, print } from "./clients.mjs";

const client = anthropic(arguments_.baseURL);
const say = (content) => ({
  model: "claude-test",
  max_tokens: 100,
  messages: [{ role: "user", content }],
});

const message = await client.messages.create(say(arguments_.hello));

const pieces = [];
const stream = client.messages.stream(say(arguments_.hello));
stream.on("text", (piece) => pieces.push(piece));
const streamed = await stream.finalMessage();

const input_schema = { type: "object", properties: { city: { type: "string" } } };
const tools = [{ name: "get_weather", input_schema }];
const called = await client.messages
  .stream({ ...say(arguments_.callTool), tools })
  .finalMessage();
const block = called.content.find((each) => each.type === "tool_use");

print({
  text: message.content[0].text,
  streamed: pieces.join(""),
  pieces: pieces.length,
  stopReason: streamed.stop_reason,
  tool: [block.name, block.input],
});
