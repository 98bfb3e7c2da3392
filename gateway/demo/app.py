"""The simulated provider as an aiohttp application: paths in, dialects out.

It listens to nobody but the gateway (a Unix socket) or a test (port 0). The dialect is told from
path and headers alone, as a real client's base URL gives them, once the route prefix is off.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import orjson
from aiohttp import BodyPartReader, web

from gateway.demo import anthropic, bedrock, gemini, models, ollama, openai_chat
from gateway.demo.answer import Answer, Call, Whole, json_answer
from gateway.demo.deliver import deliver
from gateway.demo.embeddings import ollama_embed, openai_embeddings
from gateway.demo.files import FileStore
from gateway.demo.openai_responses import responses
from gateway.demo.options import BadCallError, Options, read_options
from gateway.demo.realtime import serve_session
from gateway.plugin.headers import Headers
from gateway.providers.errors import refusal_body
from gateway.providers.recognise import recognise_dialect
from gateway.settings import Dialect

BODY_BYTES_MAX = 256 * 1024 * 1024
"""Above every limit of the gateway, so that the gateway's own limit is the one that is seen."""

Dialectal: TypeAlias = Callable[[Call], Answer]
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

_OWN_SIGNALS = (b"x-should-retry", b"x-sealgate-reason", b"content-type")
"""Not sent by a provider: its status decides whether the SDK tries again."""


def make_app() -> web.Application:
    """The provider; every call makes a fresh one with no files."""
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    router = app.router
    for path, handler in _POSTS.items():
        router.add_post(path, _dialectal(handler))
    for path, handler in _GETS.items():
        router.add_get(path, _dialectal(handler))
    _add_files(router, FileStore())
    router.add_get("/v1/realtime", _realtime)
    router.add_route("*", "/{path:.*}", _unknown)
    return app


def _v1_models(call: Call) -> Answer:
    return _MODEL_LISTS.get(call.dialect, models.openai_models)(call)


def _v1_model(call: Call) -> Answer:
    return _MODEL_ITEMS.get(call.dialect, models.openai_model)(call)


_MODEL_LISTS: dict[Dialect, Dialectal] = {
    Dialect.ANTHROPIC: models.anthropic_models,
    Dialect.GEMINI: models.gemini_models,
}
_MODEL_ITEMS: dict[Dialect, Dialectal] = {
    Dialect.ANTHROPIC: models.anthropic_model,
    Dialect.GEMINI: models.gemini_model,
}
_POSTS: dict[str, Dialectal] = {
    "/v1/chat/completions": openai_chat.chat,
    "/v1/responses": responses,
    "/v1/embeddings": openai_embeddings,
    "/openai/deployments/{deployment}/chat/completions": openai_chat.chat,
    "/openai/deployments/{deployment}/embeddings": openai_embeddings,
    "/openai/responses": responses,
    "/v1/messages": anthropic.messages,
    "/v1/messages/count_tokens": anthropic.count_message_tokens,
    "/v1beta/models/{target}": gemini.model_method,
    "/v1/models/{target}": gemini.model_method,
    "/api/chat": ollama.chat,
    "/api/generate": ollama.generate,
    "/api/embed": ollama_embed,
    "/model/{model}/converse": bedrock.converse,
    "/model/{model}/converse-stream": bedrock.converse_stream,
    "/model/{model}/invoke": anthropic.invoke,
}
_GETS: dict[str, Dialectal] = {
    "/v1/models": _v1_models,
    "/v1/models/{target}": _v1_model,
    "/v1beta/models": models.gemini_models,
    "/v1beta/models/{target}": models.gemini_model,
    "/api/tags": models.ollama_tags,
    "/api/version": ollama.version,
}


def _dialectal(handler: Dialectal) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await _serve(request, lambda options: _call(request, handler, options))

    return handle


async def _call(request: web.Request, handler: Dialectal, options: Options) -> Answer:
    call = Call(
        path=request.path,
        body=_json_object(await request.read()),
        options=options,
        params=request.match_info,
        query=request.query,
        dialect=_dialect(request),
    )
    return handler(call)


def _json_object(raw: bytes) -> dict[str, Any]:
    if not raw:
        return {}
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise BadCallError("the body is not JSON") from None
    if not isinstance(body, dict):
        raise BadCallError("the body is not a JSON object")
    return body


async def _serve(
    request: web.Request, make: Callable[[Options], Awaitable[Answer]]
) -> web.StreamResponse:
    """Reads the options, makes the answer and sends it; what goes wrong is said natively."""
    extra = _own_headers(request)
    try:
        options = read_options(request.headers)
        answer = await make(options)
    except BadCallError as error:
        options, answer = Options(), _refusal(request, 400, "invalid_value", str(error))
    if options.status:
        answer = _refusal(request, options.status, "demo_status", "This error was asked for")
    return await deliver(request, answer, options, extra)


async def _unknown(request: web.Request) -> web.StreamResponse:
    async def not_found(_options: Options) -> Answer:
        await request.read()
        return _refusal(request, 404, "not_found", "The simulated provider has no such endpoint")

    return await _serve(request, not_found)


async def _realtime(request: web.Request) -> web.StreamResponse:
    try:
        options = read_options(request.headers)
    except BadCallError:
        return await _unknown(request)
    if options.status or "upgrade" not in request.headers:
        return await _unknown(request)
    model = request.query.get("model", "demo-1")
    return await serve_session(request, model, options, _own_headers(request))


def _add_files(router: web.UrlDispatcher, store: FileStore) -> None:
    async def upload(request: web.Request) -> web.StreamResponse:
        return await _serve(request, lambda _options: _upload(request, store))

    async def listing(request: web.Request) -> web.StreamResponse:
        return await _serve(request, lambda _options: _later(store.listed()))

    async def one(request: web.Request) -> web.StreamResponse:
        return await _serve(request, lambda _options: _later(_one_file(request, store)))

    router.add_post("/v1/files", upload)
    router.add_get("/v1/files", listing)
    router.add_get("/v1/files/{file_id}", one)
    router.add_get("/v1/files/{file_id}/{content:content}", one)
    router.add_delete("/v1/files/{file_id}", one)


async def _later(answer: Answer) -> Answer:
    return answer


async def _upload(request: web.Request, store: FileStore) -> Answer:
    if not request.content_type.startswith("multipart/"):
        raise BadCallError("a file is uploaded as multipart/form-data")
    name, purpose, content = "", "", None
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise BadCallError("a multipart body within a part is nothing that the API knows")
        if part.name == "file":
            name, content = part.filename or "file", bytes(await part.read())
        elif part.name == "purpose":
            purpose = await part.text()
    if content is None:
        raise BadCallError("the part `file` is missing")
    return json_answer(store.add(name, purpose, content).described())


def _one_file(request: web.Request, store: FileStore) -> Answer:
    file_id = request.match_info["file_id"]
    stored = store.get(file_id)
    if stored is None:
        return _refusal(request, 404, "not_found", "There is no file with this id")
    if request.method == "DELETE":
        store.remove(file_id)
        return json_answer({"id": file_id, "object": "file", "deleted": True})
    if "content" in request.match_info:
        return Whole(stored.content, content_type="application/octet-stream")
    return json_answer(stored.described())


def _dialect(request: web.Request) -> Dialect:
    path, _, query = request.raw_path.partition("?")
    return recognise_dialect(path, query, Headers(list(request.raw_headers)))


def _own_headers(request: web.Request) -> dict[str, str]:
    name = "request-id" if _dialect(request) is Dialect.ANTHROPIC else "x-request-id"
    return {"server": "sealgate-demo", name: request.headers.get("x-request-id", "req_demo")}


def _refusal(request: web.Request, status: int, code: str, message: str) -> Whole:
    """An error as the provider itself would write it."""
    request_id = request.headers.get("x-request-id", "req_demo")
    raw, body = refusal_body(
        _dialect(request), status=status, code=code, message=message, request_id=request_id
    )
    headers = {n.decode(): v.decode() for n, v in raw if n not in _OWN_SIGNALS}
    return Whole(body, status=status, headers=headers)
