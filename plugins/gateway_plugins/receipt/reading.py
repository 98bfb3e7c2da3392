"""What is read of the bodies of one exchange: commitments at four points, and what was said.

A commitment is SHA-256(salt || body without its content-encoding), where the salt is
HMAC-SHA256(secret, label) and the secret is one of this exchange; unsalted where there is none.
Bodies come from the core in batches (`Sink`) and the rest at the end.

The texts are those of `gateway.providers.said`. They are read of whole bodies up to 1 MiB and of
streams of any length; `unread` names what could not be read.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import orjson

from gateway.plugin import BodyTrace, Evidence, Exchange, Headers, RequestView
from gateway.plugin.usage import Usage
from gateway.providers.bedrock import unwrapped
from gateway.providers.content_coding import DecodeError, decoded
from gateway.providers.dialect import Piece
from gateway.providers.eventstream import NotAFrameError
from gateway.providers.said import answer_said, event_said, prompt_said, said_path
from gateway.providers.skeleton import Skeletons
from gateway.providers.sse import EventTooLargeError
from gateway.providers.streaming import Splitter, make_splitter, stream_kind
from gateway.providers.usage import UsageReader, may_report
from gateway.receipts.commitment import commit_with, digest, salt
from gateway.receipts.receipt import EMPTY_TEXT_HASH

if TYPE_CHECKING:
    from collections.abc import Callable

HEAVY_BYTES: Final = 65_536
"""A compressed body above this is decoded in a thread."""
SAME: Final = "same"
_DONE: Final = b"[DONE]"
_CHUNK: Final = b"chunk"
_EVENT_END: Final = b"\n\n"


_NOBODY: Final = Exchange("", RequestView("", "", Headers([])))
"""Stands for the exchange once all of it was read."""


class Hash(Protocol):
    """What hashlib makes."""

    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


class Reading:
    """One exchange's bodies; callable as the core's `Sink`."""

    __slots__ = (
        "_alike", "_events", "_hashes", "_keeps", "_said", "_said_whole", "_secret", "_splitter",
        "_usage", "_x", "answer", "asked", "coded", "digests", "prompt", "request_encoding",
        "served", "unread",
    )  # fmt: skip

    def __init__(self, x: Exchange, secret: bytes, keep_characters: int) -> None:
        """`keep_characters` of each text are kept; 0 keeps none."""
        self._x = x
        self._secret = secret
        self._keeps = keep_characters
        self._hashes: dict[str, Hash] = {}
        self._splitter: Splitter | None = None
        self._alike: Skeletons | None = None
        self._events = -1
        self._said: Hash | None = None
        self._said_whole = EMPTY_TEXT_HASH
        self._usage: UsageReader | None = None
        self.request_encoding = x.request.headers.first(b"content-encoding") or b""
        self.asked: Any = None
        """The JSON value of the request as it came, where it is one."""
        self.digests: dict[str, str] = {}
        """The commitments, by label."""
        self.prompt = ""
        self.answer = ""
        self.served: str | None = None
        self.coded: list[str] = []
        """Commitments that are to a body with its content-encoding, because it does not decode."""
        self.unread: list[str] = []

    def __call__(self, trace: BodyTrace, data: bytes) -> None:
        """See `Sink`."""
        self._hash(trace.label).update(data)
        evidence = self._x.evidence
        if evidence is None or trace is not evidence.returned or self._returned_encoding():
            return
        self._read_stream(data)

    # -- commitments ------------------------------------------------------------------------------

    def is_heavy(self, evidence: Evidence) -> bool:
        """Whether the end takes longer than a loop should wait."""
        request = self.request_encoding and evidence.request.held > HEAVY_BYTES
        response = evidence.response
        return bool(
            request or (evidence.response_encoding and response and response.held > HEAVY_BYTES)
        )

    def read(self, evidence: Evidence) -> None:
        """Makes the commitments and reads the texts; called once, when all is over."""
        found = self.digests
        request, forwarded = evidence.request, evidence.forwarded
        body = self._commit(request, self.request_encoding, found)
        self._read_request(body)
        if forwarded is request:
            found["request_forwarded"] = SAME
        elif forwarded is not None:
            encoding = self._x.request.headers.first(b"content-encoding") or b""
            self._commit(forwarded, encoding, found)
        response, returned = evidence.response, evidence.returned
        whole = None
        if response is not None:
            whole = self._commit(response, evidence.response_encoding, found)
        if returned is response and returned is not None:
            found["response_returned"] = SAME
        elif returned is not None:
            whole = self._commit(returned, self._returned_encoding(), found)
        if returned is not None:
            self._read_answer(whole)
        if self._usage is not None:
            self._usage.close(complete=evidence.stream_outcome == "complete")
        # The exchange holds its evidence, and that this: a circle would wait for the collector.
        self._x = _NOBODY

    def _returned_encoding(self) -> bytes:
        response = self._x.response
        return b"" if response is None else response.headers.first(b"content-encoding") or b""

    def _commit(self, trace: BodyTrace, encoding: bytes, found: dict[str, str]) -> bytes | None:
        """Commits to one body; gives it back decoded if it is here as a whole."""
        label = trace.label
        was_flushed = trace.flushed
        data = trace.take()
        if was_flushed:
            self._hash(label).update(data)
            found[label] = self._hash(label).hexdigest()
            if encoding and encoding.lower() != b"identity":
                self.coded.append(label)
            return data if self._splitter is not None else None
        if encoding and data:
            try:
                data = decoded(data, encoding)
            except DecodeError:
                self.coded.append(label)
                found[label] = commit_with(self._secret, label, data)
                return None
        found[label] = commit_with(self._secret, label, data)
        return data

    def _hash(self, label: str) -> Hash:
        known = self._hashes.get(label)
        if known is None:
            begun = salt(self._secret, label) if self._secret else b""
            known = self._hashes[label] = hashlib.sha256(begun)
        return known

    # -- what was said ----------------------------------------------------------------------------

    @property
    def events(self) -> int:
        """Events of the stream; 0 for an answer that was none."""
        return max(self._events, 0)

    @property
    def prompt_hash(self) -> str:
        """SHA-256 of the UTF-8 bytes of what the user said last."""
        return digest(self.prompt.encode())

    @property
    def answer_hash(self) -> str:
        """The same of what the model said."""
        said = self._said
        return self._said_whole if said is None else said.hexdigest()

    @property
    def usage(self) -> Usage | None:
        """What the provider said was used, as far as this reading saw it."""
        reader = self._usage
        return reader.usage if reader is not None and reader.reported else None

    def _read_request(self, body: bytes | None) -> None:
        if body is None:
            self.unread.append("prompt")
            return
        if not body:
            return
        request = self._x.request
        if request.body_edited or request.body is None or self.request_encoding:
            self.asked = _json(body)
        else:
            self.asked = request.json()
        if self.asked is None:
            self.unread.append("prompt")
        else:
            self.prompt = prompt_said(self.asked)

    def _read_answer(self, body: bytes | None) -> None:
        """Reads the whole answer, or the end of a stream."""
        x = self._x
        response = x.response
        if response is None or response.local:
            return
        if body is None:
            self.unread.append("answer")
        elif response.streamed:
            self._read_stream(body)
            self._read_stream(b"", last=True)
        elif body:
            # Mostly it was parsed for those who look into it.
            value = response.json() if response.body == body else _json(body)
            if value is None:
                self.unread.append("answer")
                return
            self._say_whole(answer_said(value))
            self._note_model(value)
            if x.usage is None:  # else the core has read it
                self._usage = UsageReader(Usage())
                self._usage.whole(value)

    def _read_stream(self, data: bytes, *, last: bool = False) -> None:
        splitter = self._splitter
        if splitter is None:
            if self._events >= 0:
                return  # it could not be cut
            splitter = self._begin_stream()
            if splitter is None:
                return
        try:
            pieces = splitter.feed(data) if data else ()
            if last and splitter.pending:
                pieces = splitter.feed(_EVENT_END)  # some clients read an event that nothing ends
        except (EventTooLargeError, NotAFrameError):
            self._splitter = None
            self.unread.append("answer")
            return
        said: list[str] = []
        for piece in pieces:
            payload = piece.data
            if payload is not None and payload != _DONE:
                self._events += 1
                said.append(self._event(payload, piece.name))
        self._say("".join(said))

    def _begin_stream(self) -> Splitter | None:
        response = self._x.response
        self._events = 0
        self._usage = UsageReader(Usage())
        kind = None if response is None else stream_kind(response.headers.first(b"content-type"))
        if response is None or kind is None:
            return None
        self._splitter = splitter = make_splitter(kind)
        self._alike = Skeletons()
        return splitter

    def _event(self, payload: bytes, name: bytes) -> str:
        alike = cast("Skeletons", self._alike)
        said = alike.text(payload, name)
        if said:
            return said  # but for this text it is one that was read before
        try:
            event = orjson.loads(unwrapped(payload) if name == _CHUNK else payload)
        except ValueError:
            if "answer" not in self.unread:
                self.unread.append("answer")
            return ""
        if self.served is None:
            self._note_model(event)
        said = event_said(event)
        if name == _CHUNK or may_report(payload):
            cast("UsageReader", self._usage).event(event, name)
            if name == _CHUNK or not _says_no_usage(payload, event):
                return said
        if said and alike.missed() and (path := said_path(event)) is not None:
            alike.keep(payload, name, Piece("", "", "", said, path))
        return said

    def _note_model(self, value: Any) -> None:
        """The model that answered, if the answer names it."""
        if isinstance(value, list):
            value = value[0] if value else None
        if not isinstance(value, dict):
            return
        for key in ("model", "modelVersion"):
            named = value.get(key)
            if isinstance(named, str):
                self.served = named
                return
        for key in ("message", "response"):
            inner = value.get(key)
            if isinstance(inner, dict) and isinstance(inner.get("model"), str):
                self.served = inner["model"]

    def _say_whole(self, text: str) -> None:
        """All of it at once, unless some of it was read as a stream."""
        if text and self._said is None:
            self._said_whole = digest(text.encode())
            self.answer = text[: self._keeps]
        else:
            self._say(text)

    def _say(self, text: str) -> None:
        if not text:
            return
        if self._said is None:
            self._said = hashlib.sha256()
        self._said.update(text.encode())
        if len(self.answer) < self._keeps:
            self.answer = (self.answer + text)[: self._keeps]


def _says_no_usage(payload: bytes, event: Any) -> bool:
    """Whether all that looks like a report of usage is `"usage": null`, as OpenAI's events say."""
    if type(event) is not dict or event.get("usage", 0) is not None:
        return False
    return b"eval_count" not in payload and b"Metrics" not in payload


def _json(body: bytes) -> Any:
    """The JSON value of a body; None where it is none."""
    loads: Callable[[bytes], Any] = orjson.loads
    try:
        return loads(body)
    except orjson.JSONDecodeError:
        return None
