"""Refusals of the admin API: what is wrong, where, how to mend it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from aiohttp import web

from gateway.identity.store import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    StaleError,
    UnfitError,
)
from gateway.ledger.store import LedgerAwayError, LedgerError


class ApiError(Exception):
    """Ends a call with `status`; `code` is for programs, the text for people."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        problems: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.problems = problems
        self.headers = headers

    def response(self) -> web.Response:
        """The answer."""
        body: dict[str, Any] = {"error": str(self), "code": self.code}
        if self.problems:
            body["problems"] = self.problems
        return web.Response(
            body=orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE),
            status=self.status,
            content_type="application/json",
            headers=self.headers,
        )


def api_error_of(error: Exception) -> ApiError | None:
    """What an error of the store means here; None for one that nobody foresaw."""
    match error:
        case ApiError():
            return error
        case NotFoundError():
            return ApiError(404, "not_found", str(error))
        case ForbiddenError():
            return ApiError(403, "forbidden", str(error))
        case ConflictError():
            return ApiError(409, "conflict", str(error))
        case StaleError():
            return ApiError(412, "stale", str(error))
        case UnfitError():
            row = {"where": error.member, "message": error.message, "hint": ""}
            return ApiError(422, "invalid", "a value cannot be used", problems=[row])
        case LedgerAwayError():
            message = "the ledger does not answer at the moment; try again"
            return ApiError(503, "unavailable", message, headers={"retry-after": "1"})
        case LedgerError():
            return ApiError(409, "ledger", str(error))
        case sqlite3.OperationalError():
            message = "identity cannot be read or written at the moment; try again"
            return ApiError(503, "unavailable", message, headers={"retry-after": "1"})
        case _:
            return None
