"""Writes an answer, or fails on purpose in the way the request asks for."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from itertools import islice
from socket import SO_LINGER, SOL_SOCKET

from aiohttp import web

from gateway.demo.answer import Answer, Stream, Whole
from gateway.demo.options import Fault, Options

_POLL_S = 0.02
_SLOW_HEAD_BYTES = 16
_SLOW_HEAD_DELAY_MS = 20
_GARBAGE = b"\x15\x03\x01\x00\x02\x02\x46 this is no HTTP at all\r\n\r\n"
_RESET = struct.pack("ii", 1, 0)
"""Linger for zero seconds: closing sends RST instead of FIN."""


async def deliver(
    request: web.Request, answer: Answer, options: Options, extra: dict[str, str]
) -> web.StreamResponse:
    """Sends `answer` with the `extra` header fields, after the latency and with the fault."""
    if options.latency_ms:
        await asyncio.sleep(options.latency_ms / 1000)
    if options.fault is not None:
        return await _fail(request, answer, options, extra)
    if isinstance(answer, Whole):
        headers = {"content-type": answer.content_type, **extra, **answer.headers}
        return web.Response(status=answer.status, body=answer.body, headers=headers)
    return await _stream(request, answer.pieces, answer.content_type, options, extra)


async def _stream(
    request: web.Request,
    pieces: Iterable[bytes],
    content_type: str,
    options: Options,
    extra: dict[str, str],
) -> web.StreamResponse:
    headers = {"content-type": content_type, "cache-control": "no-cache", **extra}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    await _write(response, pieces, options)
    await response.write_eof()
    return response


async def _write(response: web.StreamResponse, pieces: Iterable[bytes], options: Options) -> None:
    first = True
    for piece in pieces:
        if options.chunk_delay_ms and not first:
            await asyncio.sleep(options.chunk_delay_ms / 1000)
        first = False
        await response.write(piece)


async def _fail(
    request: web.Request, answer: Answer, options: Options, extra: dict[str, str]
) -> web.StreamResponse:
    fault = options.fault
    if fault is Fault.RESET_BEFORE_HEAD:
        _abort(request)
    elif fault is Fault.GARBAGE:
        _send_raw(request, _GARBAGE)
        _close(request)
    elif fault is Fault.SLOW_HEAD:
        await _dribble(request, answer, options)
    elif fault is Fault.SILENCE and isinstance(answer, Whole):
        await _wait_for_the_client_to_go(request)
    else:
        return await _break_off(request, answer, options, extra)
    return web.Response()


async def _break_off(
    request: web.Request, answer: Answer, options: Options, extra: dict[str, str]
) -> web.StreamResponse:
    """Half of the answer, and then silence, a reset, or an end that is no proper end."""
    content_type = answer.content_type
    headers = {"content-type": content_type, **extra}
    if isinstance(answer, Whole):
        headers["content-length"] = str(len(answer.body))
        pieces = iter([answer.body[: len(answer.body) // 2]])
    else:
        pieces = _first_half(answer)
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    await _write(response, pieces, options)
    await _let_written_bytes_leave(request)
    if options.fault is Fault.SILENCE:
        await _wait_for_the_client_to_go(request)
    elif options.fault is Fault.RESET_MID_STREAM:
        _abort(request)
    else:
        _close(request)
    return response


def _first_half(answer: Stream) -> Iterator[bytes]:
    pieces = list(answer.pieces)
    return islice(iter(pieces), max(1, len(pieces) // 2))


async def _dribble(request: web.Request, answer: Answer, options: Options) -> None:
    """The head a few bytes at a time, then the body at once."""
    whole = isinstance(answer, Whole)
    body = answer.body if isinstance(answer, Whole) else b"".join(answer.pieces)
    status = answer.status if isinstance(answer, Whole) else 200
    phrase = HTTPStatus(status).phrase if whole else "OK"
    head = (
        f"HTTP/1.1 {status} {phrase}\r\ncontent-type: {answer.content_type}\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    ).encode()
    delay_s = (options.chunk_delay_ms or _SLOW_HEAD_DELAY_MS) / 1000
    for start in range(0, len(head), _SLOW_HEAD_BYTES):
        _send_raw(request, head[start : start + _SLOW_HEAD_BYTES])
        await asyncio.sleep(delay_s)
    _send_raw(request, body)
    _close(request)


async def _let_written_bytes_leave(request: web.Request) -> None:
    """A reset throws away what still waits to be sent."""
    transport = request.transport
    if transport is not None:
        await _until(lambda: transport.is_closing() or not transport.get_write_buffer_size())


async def _wait_for_the_client_to_go(request: web.Request) -> None:
    await _until(lambda: request.transport is None or request.transport.is_closing())


async def _until(condition: Callable[[], bool]) -> None:
    # aiohttp has no event for either; asking works in every server that runs this application.
    while not condition():  # noqa: ASYNC110  # the transport tells of no event for this
        await asyncio.sleep(_POLL_S)


def _send_raw(request: web.Request, data: bytes) -> None:
    if request.transport is not None and not request.transport.is_closing():
        request.transport.write(data)


def _close(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()


def _abort(request: web.Request) -> None:
    transport = request.transport
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if sock is not None and transport.get_extra_info("peername"):
        # A Unix socket knows no reset, and has no peer name.
        sock.setsockopt(SOL_SOCKET, SO_LINGER, _RESET)
    transport.abort()
