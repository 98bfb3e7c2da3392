// The SDKs with nothing set but the base URL, a key and what the simulated provider shall say.

import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

export const arguments_ = JSON.parse(process.argv[2]);

const defaultHeaders = arguments_.replyText ? { "x-demo-reply-text": arguments_.replyText } : {};

export function openai(baseURL) {
  return new OpenAI({ baseURL, apiKey: arguments_.apiKey ?? "k", defaultHeaders });
}

export function anthropic(baseURL) {
  return new Anthropic({ baseURL, apiKey: arguments_.apiKey ?? "k", defaultHeaders });
}

export function print(value) {
  process.stdout.write(JSON.stringify(value));
}
