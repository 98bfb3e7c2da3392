"""The admin API: each call is authenticated, permitted, checked, performed and recorded."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel, ValidationError

from gateway.admin import audit
from gateway.admin.api_error import ApiError, api_error_of
from gateway.admin.credentials import Caller, Credentials, situation_of
from gateway.admin.desk import LateDesk
from gateway.admin.endpoint import PAGE_LIMIT, Call, Endpoint
from gateway.admin.headers import HEADERS
from gateway.admin.receipt_forms import Document, Stream
from gateway.admin.trail import Trail
from gateway.errors import SealgateError
from gateway.identity.identities import Identities
from gateway.identity.store import PAGE_MAX, Actor, NotFoundError, OtherTenantError
from gateway.identity.strict_json import UnclearJsonError, parse_object
from gateway.ledger.store import LedgerAwayError
from gateway.reasons import Reason
from gateway.receipts.score import Alarm
from gateway.suggestions import did_you_mean, dotted, explain

BODY_BYTES_MAX = 65_536
WAIT_S_MAX = 30
WAIT_POLL_S = 0.05
OPENAPI_PATH = "/api/openapi.json"

_ALARMS = {
    Reason.CREDENTIAL_REVOKED.value: Alarm.KEY_COMPROMISE.value,
    Reason.TENANT_DENIED.value: Alarm.CROSS_TENANT.value,
}
"""What a refused credential raises."""

_log = logging.getLogger("sealgate.admin")
_ETAG = re.compile(r'"([0-9]{1,18})"')


class Api:
    """Serves `endpoints` from one thread that owns the database."""

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        identities: Identities,
        credentials: Credentials,
        *,
        note_use: Callable[[str], None],
        desk: LateDesk | None = None,
        trail: Trail | None = None,
    ) -> None:
        """`note_use` is told the id of each admin token that was used.

        `desk` reads receipts and `trail` keeps administrative acts beside them, where there are
        any.
        """
        self._desk = desk
        self._trail = trail
        self._ledger_thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._endpoints = tuple(endpoints)
        self._identities = identities
        self._credentials = credentials
        self._note_use = note_use
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="identity")
        self._document = b""

    def add_to(self, app: web.Application) -> None:
        """Adds the routes."""
        for endpoint in self._endpoints:
            app.router.add_route(endpoint.method, endpoint.path, partial(self._serve, endpoint))
        app.router.add_get(OPENAPI_PATH, self._describe)

    def close(self) -> None:
        """Ends the threads when they have done what they were given."""
        self._thread.shutdown()
        self._ledger_thread.shutdown()
        if self._desk is not None:
            self._desk.close()
        if self._trail is not None:
            self._trail.close()

    async def in_thread(self, work: Callable[[], Any]) -> Any:
        """What `work` gives, done in the thread that owns the database."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _describe(self, request: web.Request) -> web.Response:
        """The description names no data, but only who may call is told what can be called."""
        try:
            await self._caller(request)
        except ApiError as error:
            return error.response()
        if not self._document:
            # Made when it is first asked for: what it is made of takes megabytes.
            self._document = await asyncio.to_thread(self._described)
        return web.Response(body=self._document, content_type="application/json")

    def _described(self) -> bytes:
        from gateway.admin.openapi import describe  # noqa: PLC0415  # megabytes until it is read

        return orjson.dumps(describe(self._endpoints), option=orjson.OPT_INDENT_2)

    async def _serve(self, endpoint: Endpoint, request: web.Request) -> web.StreamResponse:
        seen = _Seen()
        try:
            response = await self._answer(endpoint, request, seen)
        except ApiError as error:
            seen.alarm = _ALARMS.get(error.code, "")
            response = error.response()
        except asyncio.CancelledError:
            # What the thread was given goes on; the line must not be lost with the client.
            self._record(endpoint, request, seen, 499)
            raise
        except Exception as error:
            if isinstance(error, OtherTenantError):
                seen.alarm = Alarm.CROSS_TENANT.value
            found = api_error_of(error)
            if found is None:
                self._record(endpoint, request, seen, 500)
                raise
            response = found.response()
        self._record(endpoint, request, seen, response.status)
        return response

    async def _answer(
        self, endpoint: Endpoint, request: web.Request, seen: _Seen
    ) -> web.StreamResponse:
        caller = await self._caller(request)
        seen.name, seen.tenant = caller.name, caller.tenant or ""
        situation = situation_of(request, self._identities.wall)
        book = await self.in_thread(self._identities.roles.book)
        actor = caller.actor(book, situation)
        seen.tenant = actor.tenant
        if endpoint.permission and not (
            actor.access is not None and actor.access.permits(endpoint.permission, situation)
        ):
            message = f"this needs the permission {endpoint.permission}"
            raise ApiError(403, "permission_denied", message)
        call = await self._call(endpoint, request, actor, caller)
        # A filter for another tenant lets nothing through, and is told like one that fits nothing.
        if actor.tenant is not None and call.query.get("tenant") not in {None, actor.tenant}:
            seen.alarm = Alarm.CROSS_TENANT.value
        if endpoint.ledger:
            result = await self._in_ledger(endpoint, call)
            if isinstance(result, Stream):
                return await self._send(result, request)
        else:
            result = await self.in_thread(partial(endpoint.perform, call))
        seen.record_id = seen.record_id or getattr(result, "id", "")
        return _response(endpoint, result)

    async def _in_ledger(self, endpoint: Endpoint, call: Call) -> Any:
        """What the endpoint gives; with `?wait=`, as soon as there is something."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _wait_s(call)
        while True:
            try:
                return await loop.run_in_executor(
                    self._ledger_thread, partial(endpoint.perform, call)
                )
            except (NotFoundError, LedgerAwayError, ApiError) as error:
                waits = not isinstance(error, ApiError) or error.code == "unpublished"
                if not waits or loop.time() >= deadline:
                    raise
            await asyncio.sleep(WAIT_POLL_S)

    async def _send(self, stream: Stream, request: web.Request) -> web.StreamResponse:
        """Sends an answer in pieces, each made when the one before is on its way."""
        response = web.StreamResponse(headers={**stream.headers, **HEADERS})
        response.content_type = stream.content_type
        loop, chunks = asyncio.get_running_loop(), stream.chunks
        first = await loop.run_in_executor(self._ledger_thread, next, chunks, b"")
        await response.prepare(request)
        piece = first
        try:
            while piece:
                await response.write(piece)
                piece = await loop.run_in_executor(self._ledger_thread, next, chunks, b"")
        except (SealgateError, LookupError, ValueError) as error:
            # The head is out: what is broken off must not look whole.
            _log.error("export broken off", extra={"fields": {"error": str(error)}})
            if request.transport is not None:
                request.transport.abort()
            return response
        await response.write_eof()
        return response

    async def _caller(self, request: web.Request) -> Caller:
        shown = await self._credentials.signed(request)
        if isinstance(shown, Caller):
            return shown
        caller = await self.in_thread(partial(self._credentials.look_up, shown))
        if caller is None:
            raise self._credentials.wrong(request)
        found: Caller = caller
        self._note_use(found.token_id)
        return found

    async def _call(
        self, endpoint: Endpoint, request: web.Request, actor: Actor, caller: Caller
    ) -> Call:
        return Call(
            identities=self._identities,
            actor=actor,
            roles=caller.roles,
            record_id=request.match_info.get("id", ""),
            form=None if endpoint.form is None else await _form(endpoint.form, request),
            query=_query(endpoint, request),
            version=_version(endpoint, request),
            desk=self._desk,
        )

    def _record(self, endpoint: Endpoint, request: web.Request, seen: _Seen, status: int) -> None:
        detail = audit.record(
            action=endpoint.action,
            actor=seen.name,
            tenant=seen.tenant,
            record_id=seen.record_id or request.match_info.get("id", ""),
            client_ip=request.remote or "",
            status=status,
            alarm=seen.alarm,
        )
        if self._trail is not None:
            self._trail.record(detail)


class _Seen:
    """What is known of a call so far, for its line in the log."""

    def __init__(self) -> None:
        self.name = ""
        self.tenant: str | None = ""
        self.record_id = ""
        self.alarm = ""


async def _form(model: type[BaseModel], request: web.Request) -> BaseModel:
    """The body as `model`. Raises ApiError."""
    if request.content_type != "application/json":
        message = "send the body as JSON, with content-type: application/json"
        raise ApiError(415, "not_json", message)
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        message = f"the body is larger than {BODY_BYTES_MAX} bytes"
        raise ApiError(413, "too_large", message) from None
    try:
        data = parse_object(body)
    except UnclearJsonError as error:
        raise ApiError(400, "malformed", f"the body cannot be read: {error}") from None
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        findings = explain(model, error.errors(include_url=False), "member", data)
        problems = [
            {"where": dotted(f.path) or "body", "message": f.message, "hint": f.hint}
            for f in findings
        ]
        text = "values of the body cannot be used"
        raise ApiError(422, "invalid", text, problems=problems) from None


def _query(endpoint: Endpoint, request: web.Request) -> dict[str, Any]:
    """Paging and filters. Raises ApiError for what the endpoint does not know."""
    known = ("limit", "after", *endpoint.filters) if endpoint.paged else endpoint.queries
    for name in request.query:
        if name not in known or len(request.query.getall(name)) > 1:
            message = "stands twice" if name in known else "unknown parameter"
            raise _unfit(f"?{name[:64]}", message, did_you_mean(name, known))
    if not endpoint.paged:
        return {name: request.query.get(name) for name in endpoint.queries}
    limit = request.query.get("limit", str(PAGE_LIMIT))
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= PAGE_MAX):
        raise _unfit("?limit", "not a number of records", f"write 1 to {PAGE_MAX}")
    filters = {name: request.query.get(name) for name in endpoint.filters}
    return {"limit": int(limit), "after": request.query.get("after", ""), **filters}


def _version(endpoint: Endpoint, request: web.Request) -> int | None:
    """The version that If-Match asks for (RFC 9110 section 13.1.1); `*` is any."""
    text = request.headers.get("if-match", "*")
    if not endpoint.conditional or text == "*":
        return None
    found = _ETAG.fullmatch(text)
    if found is None:
        raise _unfit("if-match", "not an ETag of this API", 'write "3", as ETag said it')
    return int(found[1])


def _unfit(where: str, message: str, hint: str) -> ApiError:
    row = {"where": where, "message": message, "hint": hint}
    return ApiError(422, "invalid", f"{where}: {message}", problems=[row])


def _wait_s(call: Call) -> float:
    """How long the caller waits for what is not there yet. Raises ApiError."""
    text = call.query.get("wait") or "0"
    if not (text.isascii() and text.isdigit() and int(text[:3]) <= WAIT_S_MAX):
        raise _unfit("?wait", "not a number of seconds", f"write 0 to {WAIT_S_MAX}")
    return float(text)


def _response(endpoint: Endpoint, result: BaseModel | Document | None) -> web.Response:
    if result is None:
        return web.Response(status=endpoint.status)
    if isinstance(result, Document):
        return web.Response(body=result.body, content_type=result.content_type)
    headers = {}
    version = getattr(result, "version", None)
    if version is not None:
        headers["etag"] = f'"{version}"'
    if endpoint.status == 201:  # noqa: PLR2004  # 201 Created (RFC 9110 section 15.3.2)
        headers["location"] = f"{endpoint.path}/{getattr(result, 'id', '')}"
    return web.Response(
        body=result.model_dump_json(indent=2).encode() + b"\n",
        status=endpoint.status,
        content_type="application/json",
        headers=headers,
    )
