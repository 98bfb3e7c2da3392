"""What the simulated provider says: derived from the request alone, the same every time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import orjson

from gateway.demo.options import Options

_ECHO_CHARACTERS_MAX = 4096
_SCHEMA_DEPTH_MAX = 8
_BYTES_PER_TOKEN = 4
_ARGUMENT_CHARACTERS = 8
"""Arguments come in portions of about this length."""
_WORD = re.compile(r"\S+\s*|\s+")
_TEXT_KEYS: Final = ("text", "content", "parts", "output", "input", "arguments")


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the client offers: its name and the JSON schema of its arguments."""

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A request without its dialect.

    `prompt` is the text of the last message, `everything` all text that the model would read.
    `must_call` names the tool the client insists on; empty: any; None: the model may choose.
    """

    model: str
    prompt: str
    everything: str
    tools: tuple[Tool, ...] = ()
    must_call: str | None = None
    after_tool: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """Either `text`, or a call of the tool `tool` with `arguments` (a JSON object as text)."""

    model: str
    text: str
    tool: str
    arguments: str
    input_tokens: int
    output_tokens: int
    chunks: int

    def pieces(self) -> list[str]:
        """The text, or the arguments, in the portions a stream gives them."""
        if self.tool:
            chunks = self.chunks or -(-len(self.arguments) // _ARGUMENT_CHARACTERS)
            return split_text(self.arguments, chunks)
        return split_text(self.text, self.chunks)


def answer(conversation: Conversation, options: Options) -> Reply:
    """The reply to a conversation."""
    tool = _chosen_tool(conversation)
    text = arguments = ""
    if tool is not None:
        arguments = orjson.dumps(example_of(tool.schema)).decode()
    else:
        text = _text(conversation, options)
    return Reply(
        model=conversation.model,
        text=text,
        tool=tool.name if tool else "",
        arguments=arguments,
        input_tokens=count_tokens(conversation.everything),
        output_tokens=count_tokens(text or arguments),
        chunks=options.chunks,
    )


def count_tokens(text: str) -> int:
    """A quarter of the UTF-8 bytes, rounded up: near the truth for English, and reproducible."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN)


def split_text(text: str, chunks: int) -> list[str]:
    """`text` in `chunks` portions of nearly the same length, or word by word where it is 0."""
    if chunks <= 0:
        return _WORD.findall(text)
    edges = [len(text) * i // chunks for i in range(chunks + 1)]
    return [text[a:b] for a, b in pairwise(edges) if b > a]


def text_of(value: Any) -> str:
    """All text within a message, a list of messages or a content part, whatever the dialect."""
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return "\n".join(filter(None, (text_of(item) for item in value)))
    if isinstance(value, Mapping):
        return "\n".join(filter(None, (text_of(value[key]) for key in _TEXT_KEYS if key in value)))
    return ""


def example_of(schema: Any, depth: int = 0) -> Any:
    """A value that fits a JSON schema, the same every time."""
    if not isinstance(schema, Mapping) or depth > _SCHEMA_DEPTH_MAX:
        return None
    for key in ("enum", "examples"):
        values = schema.get(key)
        if isinstance(values, list) and values:
            return values[0]
    if "const" in schema or "default" in schema:
        return schema.get("const", schema.get("default"))
    for key in ("anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(key), list) and schema[key]:
            return example_of(schema[key][0], depth + 1)
    return _example_of_type(schema, depth)


def _example_of_type(schema: Mapping[str, Any], depth: int) -> Any:
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = kind[0] if kind else "null"
    kind = str(kind).lower()  # Gemini writes types in capitals.
    if kind == "object":
        properties = schema.get("properties") or {}
        return {str(name): example_of(part, depth + 1) for name, part in properties.items()}
    if kind == "array":
        return [example_of(schema.get("items", {"type": "string"}), depth + 1)]
    scalars: dict[str, Any] = {"string": "demo", "integer": 1, "number": 1.5, "boolean": True}
    return scalars.get(kind)


def _chosen_tool(conversation: Conversation) -> Tool | None:
    tools = conversation.tools
    if not tools or conversation.after_tool:
        return None
    if conversation.must_call == "":
        return tools[0]
    wanted = conversation.must_call
    for tool in tools:
        asked = wanted is None and tool.name != "" and tool.name in conversation.prompt
        if asked or tool.name == wanted:
            return tool
    return None


def _text(conversation: Conversation, options: Options) -> str:
    if options.reply_text is not None:
        text = options.reply_text
    else:
        said = conversation.prompt[:_ECHO_CHARACTERS_MAX]
        source = "The tool answered" if conversation.after_tool else "You said"
        text = f"This is the simulated provider. {source}: {said}"
    # As many portions as asked for need as many characters.
    if text and len(text) < options.chunks:
        text = (text + " ") * (options.chunks // (len(text) + 1) + 1)
        text = text[: options.chunks]
    return text
