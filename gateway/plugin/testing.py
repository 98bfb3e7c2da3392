"""For the tests of plugin authors: make an exchange, let one plugin live through it, look.

    async with running(Greeter, {"greeting": "hello"}) as greeter:
        played = await play(greeter, make_exchange(body=b"{}"), response=make_response())
        assert played.outcomes == {"on_request_headers": Outcome.ALLOW, ...}

There is no chain, no policy and no shadow mode here: only the plugin. Whatever it raises, reaches
the test.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from gateway.networks import parse_address
from gateway.plugin.body import Body
from gateway.plugin.contract import Answer, Plugin
from gateway.plugin.exchange import Exchange, RequestView, ResponseView
from gateway.plugin.facts import CLIENT_ADDRESS
from gateway.plugin.headers import Headers
from gateway.plugin.runtime import Runtime
from gateway.plugin.text import TextStream
from gateway.plugin.verdict import Outcome, Reject, Reply, Verdict
from gateway.providers.forms import form_of, request_reader, response_reader
from gateway.reasons import REASONS
from gateway.scan.binding import bind_scanners
from gateway.settings import Dialect

P = TypeVar("P", bound=Plugin)


def make_headers(fields: Mapping[str, str] | Sequence[tuple[str, str]] = ()) -> Headers:
    """Headers from text; a sequence of pairs may repeat a name."""
    pairs = fields.items() if isinstance(fields, Mapping) else fields
    return Headers([(n.encode("latin-1"), v.encode("latin-1")) for n, v in pairs])


def make_exchange(
    method: str = "POST",
    target: str = "/v1/chat/completions",
    *,
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    body: bytes | None = None,
    client_ip: str = "192.0.2.1",
    scheme: str = "http",
    dialect: Dialect = Dialect.OPENAI,
    model: str | None = None,
) -> Exchange:
    """An exchange as the core hands it to the first plugin.

    With a `body`, content-length and content-type are added where `headers` has none. A `client_ip`
    that is no address stands for a client that is not known.
    """
    request = RequestView(method, target, make_headers(headers), scheme=scheme)
    if body is not None:
        request.body = body
        if "content-length" not in request.headers:
            request.headers.add("content-length", str(len(body)))
        if "content-type" not in request.headers:
            request.headers.add("content-type", "application/json")
    request.reader = request_reader(form_of(dialect, request.path), _content_type(request))
    x = Exchange("test", request, client_ip=client_ip, dialect=dialect)
    x.model = model
    address = parse_address(client_ip)
    if address is not None:
        x.provide(CLIENT_ADDRESS, address)
    return x


def make_response(
    status: int = 200,
    *,
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    body: bytes | None = None,
    streamed: bool = False,
    dialect: Dialect = Dialect.OPENAI,
    target: str = "/v1/chat/completions",
) -> ResponseView:
    """An upstream's response to a request of this dialect and target."""
    response = ResponseView(status, b"OK", make_headers(headers), streamed=streamed)
    response.body = body
    response.reader = response_reader(form_of(dialect, target), _content_type(response))
    return response


@asynccontextmanager
async def running(
    plugin: type[P], config: Mapping[str, Any] | None = None, runtime: Runtime | None = None
) -> AsyncIterator[P]:
    """One started use of `plugin` with `config` as a policy would write it; stopped at the end."""
    use = plugin(plugin.Config.model_validate(config or {}), runtime or Runtime())
    if use.patterns:
        await asyncio.to_thread(bind_scanners, [use])
    await use.start()
    try:
        yield use
    finally:
        await use.stop()


@dataclass
class Played:
    """What came of it: the refusal or reply that ended it, and a verdict for each hook that ran."""

    answer: Reject | Reply | None = None
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """The outcome of each hook, by its name."""
        return {verdict.hook: verdict.outcome for verdict in self.verdicts}


async def play(
    plugin: Plugin,
    x: Exchange,
    *,
    response: ResponseView | None = None,
    texts: Sequence[TextStream] = (),
) -> Played:
    """Calls the hooks that `plugin` overrides, in the order of a real exchange.

    A refusal or reply ends the request; then the response is a local one, as in the gateway.
    `response` is the upstream's; `texts` are the pieces of a streamed one.
    """
    played = Played()
    for hook in ("on_request_headers", "on_request"):
        if played.answer is None:
            played.answer = await _call(plugin, hook, x, played)
    x.response = response if played.answer is None else _local(played.answer)
    if x.response is not None:
        answer = await _call(plugin, "on_response_headers", x, played)
        if not x.response.local:
            played.answer = answer
            if x.response.body is not None and not x.response.streamed and answer is None:
                played.answer = await _call(plugin, "on_response", x, played)
    for text in texts:
        if played.answer is None:
            played.answer = await _call(plugin, "on_text", x, played, text)
    await _call(plugin, "on_complete", x, played)
    return played


async def _call(plugin: Plugin, hook: str, x: Exchange, played: Played, *more: Any) -> Answer:
    if getattr(type(plugin), hook) is getattr(Plugin, hook) or hook in plugin.skips_hooks:
        return None
    step = getattr(plugin, hook)(x, *more)
    answer = cast("Answer", await step if inspect.isawaitable(step) else step)
    flag = x.take_flag()
    verdict = Verdict(plugin.name, hook, Outcome.ALLOW)
    if isinstance(answer, Reject):
        verdict.outcome, verdict.reason = Outcome.DENY, answer.code or answer.reason.value
    elif flag is not None:
        verdict.outcome, verdict.reason = Outcome.FLAG, flag[0]
    elif _edited(x, more):
        verdict.outcome = Outcome.EDIT
    verdict.labels = {} if flag is None else flag[1]
    played.verdicts.append(verdict)
    return answer


def _edited(x: Exchange, texts: Sequence[TextStream]) -> bool:
    views = [x.request, x.response] if x.response is not None else [x.request]
    return any(view.body_edited for view in views) or any(text.edited for text in texts)


def _local(answer: Reject | Reply) -> ResponseView:
    """The answer as `on_response_headers` sees it, without the body that the dialect gives it."""
    if isinstance(answer, Reply):
        view = ResponseView(answer.status, b"", make_headers(answer.headers), local=True)
        view.body = answer.body
        return view
    status = answer.status or REASONS[answer.reason].status
    return ResponseView(status, b"", make_headers(answer.headers), local=True)


def _content_type(view: Body) -> bytes | None:
    return view.headers.first(b"content-type")
