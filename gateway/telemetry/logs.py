"""JSON lines on standard output: process events, and one line per exchange.

No line holds a header value, a query string or a byte of a body, and none is longer than one
atomic pipe write (4096 bytes on Linux).
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from gateway.errors import SealgateError
from gateway.plugin.exchange import Exchange
from gateway.plugin.identity import PRINCIPAL, Principal
from gateway.plugin.usage import Usage
from gateway.plugin.verdict import Verdict
from gateway.settings import LogSettings
from gateway.telemetry.lines import LINE_BYTES_MAX, LineWriter

FLUSH_INTERVAL_S = 0.1
_PATH_CHARACTERS_MAX = 1024


class Clock:
    """Wall-clock time as ISO 8601 in UTC with milliseconds; the seconds part is made once each."""

    __slots__ = ("_second", "_text", "_wall")

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._second = -1
        self._text = ""

    def text(self) -> str:
        now = self._wall()
        second = int(now)
        if second != self._second:
            self._second = second
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
        return f"{self._text}{int((now - second) * 1000):03d}Z"


class JsonFormatter(logging.Formatter):
    """One record as one JSON line; what goes in `extra={"fields": {...}}` becomes members.

    Of an exception only its type and the places in the code are written: its text may quote a
    request. Errors that are meant for the operator are written in full.
    """

    def __init__(
        self, *, worker: int | None = None, wall: Callable[[], float] | None = None
    ) -> None:
        super().__init__()
        self._clock = Clock(wall or time.time)  # noqa: TID251  # process logs run outside of plugins
        self._worker = worker

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": self._clock.text(),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
            "pid": os.getpid(),
        }
        if self._worker is not None:
            line["worker"] = self._worker
        line.update(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[1] is not None:
            line.update(_exception_fields(record.exc_info[1]))
        encoded = _dumps(line)
        if len(encoded) >= LINE_BYTES_MAX:
            line = {key: _shortened(value) for key, value in line.items()}
            encoded = _dumps(line)
        return encoded.decode()


def _dumps(line: Mapping[str, Any]) -> bytes:
    return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS)


def _shortened(value: Any) -> Any:
    if isinstance(value, str | list | dict):
        text = value if isinstance(value, str) else str(value)
        return text if len(text) <= 250 else text[:250] + "..."  # noqa: PLR2004  # 12 members fit a line
    return value


def _exception_fields(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    fields: dict[str, Any] = {
        "exception": type(error).__name__,
        "at": [f"{os.path.basename(f.filename)}:{f.lineno} {f.name}" for f in frames],  # noqa: PTH119  # a name only
    }
    if isinstance(error, SealgateError | OSError):
        fields["error"] = str(error)
    return fields


class _LineHandler(logging.Handler):
    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._writer.append([self.format(record).encode() + b"\n"])
        except Exception:  # noqa: BLE001  # a log line must never end what it tells about
            self.handleError(record)


def configure_logging(
    settings: LogSettings, writer: LineWriter, *, worker: int | None = None
) -> None:
    """Sends every logger of this process to `writer` as JSON lines, from `settings.level` up."""
    handler = _LineHandler(writer)
    handler.setFormatter(JsonFormatter(worker=worker))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(settings.level.upper())
    logging.captureWarnings(capture=True)
    # Both speak per connection or per request on levels that operators do want from us.
    for chatty in ("aiohttp.access", "aiohttp.server", "asyncio", "watchfiles"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


class ExchangeLog:
    """One JSON line per exchange, handed to the writer at most 100 ms later.

    Must be used on one event loop. Where `enabled` is false, `record` does nothing; where
    `subjects` is, no line names a user. A line is put together from pieces that were made JSON
    once, because this runs for every exchange.
    """

    def __init__(
        self,
        writer: LineWriter,
        *,
        enabled: bool = True,
        subjects: bool = True,
        wall: Callable[[], float] | None = None,
    ) -> None:
        self.enabled = enabled
        self._subjects = subjects
        self._callers: dict[Principal, str] = {}
        self._writer = writer
        self._clock = Clock(wall or time.time)  # noqa: TID251  # the default of an injected clock
        self._lines: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self._same: dict[tuple[object, ...], str] = {}

    def record(
        self,
        x: Exchange,
        *,
        status: int,
        outcome: str,
        reason: str,
        duration_s: float,
        first_byte_s: float | None,
        bytes_in: int,
        bytes_out: int,
        target: str = "",
        trace_id: str = "",
    ) -> None:
        """Writes the line of one finished exchange; times in seconds, sizes in body bytes."""
        if not self.enabled:
            return
        kind = (x.route, x.upstream, target, x.dialect, x.policy, x.policy_version)
        result = (x.request.method, status, outcome, reason)
        path, first = (
            x.request.path,
            "null" if first_byte_s is None else f"{first_byte_s * 1e3:.3f}",
        )
        principal = x.facts.get(PRINCIPAL)
        caller = _NO_CALLER if principal is None else self._caller(principal)
        seen = x.coverage
        inspected = "" if seen is None else f'"coverage":"{seen}","gaps":"{seen.gaps}",'
        line = (
            f'{{"time":"{self._clock.text()}","level":"info","event":"exchange",'
            f'"request_id":{_text(x.id)},"trace_id":{_text(trace_id)},'
            f'"client_ip":{_text(x.client_ip)},{caller},"path":{_text(_loggable_path(path))},'
            f'"model":{_text(x.model)},{self._constant(_KIND, kind)},'
            f'{self._constant(_RESULT, result)},"duration_ms":{duration_s * 1e3:.3f},'
            f'"first_byte_ms":{first},"bytes_in":{bytes_in},"bytes_out":{bytes_out},{inspected}'
            f"{'' if x.usage is None else _usage(x.usage)}"
            f'"verdicts":[{",".join([self._verdict(v) for v in x.verdicts])}]}}\n'
        ).encode()
        self._lines.append(line if len(line) <= LINE_BYTES_MAX else _fitted(line))
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(FLUSH_INTERVAL_S, self.flush)

    def flush(self) -> None:
        """Hands what is buffered to the writer now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lines:
            self._writer.append(self._lines)
            self._lines = []

    def _constant(self, names: tuple[str, ...], values: tuple[object, ...]) -> str:
        """These members as JSON without braces; the same values come again and again."""
        found = self._same.get(values)
        if found is None:
            if len(self._same) >= _CONSTANTS_MAX:
                self._same.clear()
            found = _dumps(dict(zip(names, values, strict=True)))[1:-1].decode()
            self._same[values] = found
        return found

    def _caller(self, principal: Principal) -> str:
        """Who called as JSON without braces; a principal is made once per credential."""
        found = self._callers.get(principal)
        if found is None:
            if len(self._callers) >= _CONSTANTS_MAX:
                self._callers.clear()
            subject = principal.subject if self._subjects else ""
            who = {"tenant": principal.tenant, "subject": subject, "key_id": principal.key_id}
            found = self._callers[principal] = _dumps(who)[1:-1].decode()
        return found

    def _verdict(self, verdict: Verdict) -> str:
        said = (verdict.plugin, verdict.hook, verdict.outcome, verdict.reason, verdict.enforced)
        labels = f',"labels":{_dumps(verdict.labels).decode()}' if verdict.labels else ""
        return f'{{{self._constant(_VERDICT, said)},"us":{verdict.duration_us:.1f}{labels}}}'


_NO_CALLER = '"tenant":"","subject":"","key_id":""'
_KIND = ("route", "upstream", "target", "dialect", "policy", "policy_version")
_RESULT = ("method", "status", "outcome", "reason")
_VERDICT = ("plugin", "hook", "outcome", "reason", "enforced")
_CONSTANTS_MAX = 4096


def _usage(usage: Usage) -> str:
    return (
        f'"usage":{{"input_tokens":{usage.input_tokens},"output_tokens":{usage.output_tokens},'
        f'"cached_tokens":{usage.cached_tokens},"cache_write_tokens":{usage.cache_write_tokens},'
        f'"reasoning_tokens":{usage.reasoning_tokens},'
        f'"estimated":{"true" if usage.estimated else "false"}}},'
    )


def _text(value: str | None) -> str:
    return orjson.dumps(value).decode()


def _loggable_path(path: str) -> str:
    if not path.startswith("/"):
        # Absolute form (RFC 9112 section 3.2.2): what stands before the path may hold a password.
        _, _, rest = path.partition("://")
        path = "/" + rest.partition("/")[2] if rest else path
    return path if len(path) <= _PATH_CHARACTERS_MAX else path[:_PATH_CHARACTERS_MAX] + "..."


def _fitted(encoded: bytes) -> bytes:
    """The same line without what makes it too long; what went is counted in it."""
    line = orjson.loads(encoded)
    verdicts = line["verdicts"]
    line["verdicts"] = [v for v in verdicts if v["outcome"] != "allow"][:8]
    for verdict in line["verdicts"]:
        verdict.pop("labels", None)
    line["verdicts_omitted"] = len(verdicts) - len(line["verdicts"])
    line = {k: v[:200] if isinstance(v, str) else v for k, v in line.items()}
    encoded = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
    if len(encoded) > LINE_BYTES_MAX:
        line["verdicts"], line["verdicts_omitted"] = [], len(verdicts)
        encoded = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
    return encoded
