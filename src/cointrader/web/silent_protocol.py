"""What aiohttp answers by itself, before a server sees a request: without repeating any of it.

Its own answers quote what could not be read, with the key, token or cookie in it, and its log does
so with a traceback for each, which a stranger could fill a disk with.
"""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import structlog
from aiohttp import web
from aiohttp.http import HttpProcessingError

log = structlog.get_logger()


class SilentProtocol(web.RequestHandler, ABC):
    """One connection. What is malformed gets one fixed answer, and the connection ends.

    `server` is what the log calls whoever answers; the answers are in its own shape.
    """

    __slots__ = ()

    server: ClassVar[str]

    @abstractmethod
    def unreadable(self) -> web.Response:
        """The answer, 400, to what is no request."""

    @abstractmethod
    def failed(self) -> web.Response:
        """The answer, 500, where something went wrong inside."""

    @abstractmethod
    def refused(self, error: web.HTTPException) -> web.Response:
        """The answer to a request that aiohttp refuses by itself, such as a body too large."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what never came to the server. Neither `exc` nor `message` is told."""
        del message
        is_theirs = status < 500 or _is_theirs(exc)
        self._note(exc, is_theirs=is_theirs)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        response = self.unreadable() if is_theirs else self.failed()
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send it; what aiohttp refuses by itself in the server's shape."""
        if isinstance(resp, web.HTTPException):
            resp = self.refused(resp)
        return await super().finish_response(request, resp, start_time)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """What ended a connection, by its kind and place alone."""
        del args
        error = kw.get("exc_info")
        found = error if isinstance(error, BaseException) else None
        self._note(found, is_theirs=_is_theirs(found))

    def _note(self, error: BaseException | None, *, is_theirs: bool) -> None:
        """One line: what is theirs for who looks closely, what is ours with where it came from."""
        if is_theirs:
            log.debug(f"{self.server}.malformed")
            return
        frames = traceback.extract_tb(error.__traceback__) if error is not None else []
        at = f"{frames[-1].name}:{frames[-1].lineno}" if frames else ""
        log.error(f"{self.server}.failed", error=type(error).__name__, at=at)


def _is_theirs(error: BaseException | None) -> bool:
    return isinstance(error, HttpProcessingError | web.RequestPayloadError)
