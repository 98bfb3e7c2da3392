// OpenAI's Node SDK: whole and streamed answers, tools, responses, embeddings, files.

import { arguments_, openai, print } from "./clients.mjs";

const client = openai(arguments_.baseURL);
const model = "gpt-4o";
const say = (content) => [{ role: "user", content }];

const completion = await client.chat.completions.create({ model, messages: say(arguments_.hello) });

const pieces = [];
const stream = await client.chat.completions.create({
  model,
  messages: say(arguments_.hello),
  stream: true,
});
for await (const chunk of stream) {
  if (chunk.choices[0]?.delta.content) pieces.push(chunk.choices[0].delta.content);
}

const parameters = { type: "object", properties: { city: { type: "string" } } };
const toolStream = client.chat.completions.stream({
  model,
  messages: say(arguments_.callTool),
  tools: [{ type: "function", function: { name: "get_weather", parameters } }],
});
const called = (await toolStream.finalChatCompletion()).choices[0].message.tool_calls[0].function;

const kinds = [];
const events = await client.responses.create({ model, input: arguments_.hello, stream: true });
let response;
for await (const event of events) {
  kinds.push(event.type);
  if (event.type === "response.completed") response = event.response;
}

const embedded = await client.embeddings.create({
  model: "text-embedding-3-small",
  input: arguments_.embed,
});

const content = '{"text":"caf\u00e9 \\u2028"}\n';
const file = await client.files.create({
  file: new File([content], "data.jsonl"),
  purpose: "user_data",
});
const read = await (await client.files.content(file.id)).text();

print({
  text: completion.choices[0].message.content,
  streamed: pieces.join(""),
  pieces: pieces.length,
  tool: [called.name, JSON.parse(called.arguments)],
  response: response.output[0].content[0].text,
  responseEvents: [kinds[0], kinds.at(-1)],
  dimensions: embedded.data[0].embedding.length,
  fileIntact: read === content,
});
