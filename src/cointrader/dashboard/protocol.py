"""What aiohttp answers by itself, before the gate: in our shape, and without repeating anything.

Its own answers quote what could not be read, with the token or cookie in it, and its log does so
with a traceback for each, which a stranger could fill a disk with.
"""

from __future__ import annotations

from typing import Any

import structlog
from aiohttp import web
from aiohttp.http import HttpProcessingError

from cointrader.dashboard.replies import Refusal, dressed, of_aiohttp, refused

log = structlog.get_logger()


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
        """The answer to what never came to the gate. Neither `exc` nor `message` is told."""
        del message
        is_theirs = 400 <= status < 500
        _note(exc, is_theirs=is_theirs)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        refusal = (
            Refusal(400, "malformed", "this is not an HTTP request that can be read")
            if is_theirs
            else Refusal(500, "inside", "something went wrong inside the dashboard")
        )
        response = dressed(refused(refusal))
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send it. What aiohttp refuses by itself, an Expect header for one, is told our way."""
        if isinstance(resp, web.HTTPException):
            resp = dressed(refused(of_aiohttp(resp)))
        return await super().finish_response(request, resp, start_time)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """What ended a connection, by its kind alone."""
        del args
        error = kw.get("exc_info")
        is_theirs = isinstance(error, HttpProcessingError | web.RequestPayloadError)
        _note(error if isinstance(error, BaseException) else None, is_theirs=is_theirs)


def _note(error: BaseException | None, *, is_theirs: bool) -> None:
    if is_theirs:
        log.debug("dashboard.malformed")
    else:
        log.error("dashboard.failed", error=type(error).__name__)
