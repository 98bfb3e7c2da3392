"""Runs secrets through a gateway in every dialect, and counts what of them comes out."""

from __future__ import annotations

import http.client
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import orjson

from tests.conformance.dialects import DIALECTS, Spoken
from tests.conformance.leaks import leaked
from tests.conformance.upstream import Upstream
from tests.conformance.vectors import VECTORS, Vector

PLACES = ("content", "arguments")
"""Where the secret is: in what the model says, or in the arguments of its call of a tool."""
SIZES = tuple(range(1, 101))
WHOLE = 0
"""As a size: the answer is not streamed."""
TIMEOUT_S = 30


@dataclass(frozen=True)
class Case:
    """One secret in one place of one answer, in deltas of `size` characters."""

    spoken: Spoken
    vector: Vector
    place: str
    size: int


@dataclass(frozen=True)
class Result:
    """`leaked` characters of the secret came out; `cut` says that the answer was broken off."""

    case: Case
    status: int
    leaked: int
    cut: bool


class Gateway:
    """A client of the gateway under test, whose upstream is `upstream`."""

    def __init__(self, base_url: str, upstream: Upstream, headers: dict[str, str]) -> None:
        url = urlsplit(base_url)
        self._address = (url.hostname or "127.0.0.1", url.port or 80)
        self._prefix = url.path.rstrip("/")
        self._upstream = upstream
        self._headers = {"content-type": "application/json", **headers}

    def run(self, case: Case) -> Result:
        """Asks once, and reads what comes to its end or to where it is cut."""
        spoken, streamed = case.spoken, case.size != WHOLE
        text = case.vector.text
        content = text if case.place == "content" else "Done."
        note = text if case.place == "arguments" else "nothing"
        arguments = orjson.dumps({"note": note}).decode()
        if streamed:
            body = spoken.write(_cut(content, case.size), _cut(arguments, case.size))
            self._upstream.say(body, spoken.content_type, streamed=True)
        else:
            body = orjson.dumps(spoken.whole(content, arguments))
            self._upstream.say(body, "application/json", streamed=False)
        path = spoken.stream_path if streamed else spoken.path
        status, content_type, got, cut = self._ask(path, spoken.request(streamed=streamed))
        return Result(case, status, leaked(case.vector.kept_secret, got, content_type), cut)

    def _ask(self, path: str, body: bytes) -> tuple[int, str, bytes, bool]:
        connection = http.client.HTTPConnection(*self._address, timeout=TIMEOUT_S)
        try:
            connection.request("POST", self._prefix + path, body, self._headers)
            response = connection.getresponse()
            content_type = response.getheader("content-type") or ""
            try:
                return response.status, content_type, response.read(), False
            except http.client.IncompleteRead as broken:
                return response.status, content_type, broken.partial, True
        finally:
            connection.close()


def _cut(text: str, size: int) -> Sequence[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def cases(
    sizes: Iterable[int] = (WHOLE, *SIZES),
    dialects: Iterable[Spoken] = DIALECTS,
    vectors: Iterable[Vector] = VECTORS,
) -> Iterator[Case]:
    """Every combination."""
    every = tuple(sizes)
    for spoken in dialects:
        for vector in vectors:
            for place in PLACES:
                for size in every:
                    yield Case(spoken, vector, place, size)


def table(results: Iterable[Result]) -> str:
    """The worst of each dialect, secret and place, as a Markdown table."""
    worst: dict[tuple[str, str, str], Result] = {}
    counts: dict[tuple[str, str, str], int] = {}
    for result in results:
        case = result.case
        key = (case.spoken.name, case.vector.name, case.place)
        counts[key] = counts.get(key, 0) + 1
        if key not in worst or result.leaked > worst[key].leaked:
            worst[key] = result
    lines = [
        "| dialect | secret | place | answers | most leaked | of | in deltas of |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for key, result in worst.items():
        size = "whole" if result.case.size == WHOLE else str(result.case.size)
        of = len(result.case.vector.kept_secret)
        lines.append(
            f"| {' | '.join(key)} | {counts[key]} | {result.leaked} | {of} "
            f"| {size if result.leaked else ''} |"
        )
    return "\n".join(lines)
