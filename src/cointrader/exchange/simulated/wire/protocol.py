"""What aiohttp answers by itself, before any call is known: in Binance's shape, repeating nothing.

Its own answers quote what could not be read, with the key or the signature in it, and its log does
so with a traceback for each. (The dashboard has a protocol of its own for the same reason.)
"""

from __future__ import annotations

import traceback
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http import HttpProcessingError

from cointrader.exchange.simulated.wire.refusals import Answer, error_body, refused
from cointrader.exchange.simulated.wire.rest import as_response

log = structlog.get_logger()

_MALFORMED = error_body(refused(-1013, "Invalid message."))
_FAILED = error_body(refused(-1000, "An unknown error occurred while processing the request."))


class Protocol(web.RequestHandler):
    """One connection. What is malformed gets one fixed answer, and the connection ends."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what never came to a call. Neither `exc` nor `message` is told."""
        del message
        is_theirs = status < 500 or _is_theirs(exc)
        _note(exc, is_theirs=is_theirs)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        told = Answer(400, _MALFORMED) if is_theirs else Answer(500, _FAILED)
        response = as_response(told)
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send it. What aiohttp refuses by itself, a body too large for one, is told our way."""
        if isinstance(resp, web.HTTPException):
            body = _MALFORMED if resp.status < 500 else _FAILED
            resp = as_response(Answer(resp.status, body))
            resp.force_close()
        return await super().finish_response(request, resp, start_time)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """What ended a connection, by its kind alone."""
        del args
        error = kw.get("exc_info")
        found = error if isinstance(error, BaseException) else None
        _note(found, is_theirs=_is_theirs(found))


def _is_theirs(error: BaseException | None) -> bool:
    return isinstance(error, HttpProcessingError | web.RequestPayloadError)


def _note(error: BaseException | None, *, is_theirs: bool) -> None:
    """One line: what is theirs for who looks closely, what is ours with the place it came from."""
    if is_theirs:
        log.debug("exchange.malformed")
        return
    frames = traceback.extract_tb(error.__traceback__) if error is not None else []
    at = f"{frames[-1].name}:{frames[-1].lineno}" if frames else ""
    log.error("exchange.failed", error=type(error).__name__, at=at)
