"""What never comes to the gate is answered in the shape of all other answers."""

from __future__ import annotations

from aiohttp import web

from cointrader.dashboard.replies import Refusal, dressed, of_aiohttp, refused
from cointrader.web.silent_protocol import SilentProtocol

_UNREADABLE = Refusal(400, "malformed", "this is not an HTTP request that can be read")
_FAILED = Refusal(500, "inside", "something went wrong inside the dashboard")


class Protocol(SilentProtocol):
    """One connection to the dashboard."""

    __slots__ = ()

    server = "dashboard"

    def unreadable(self) -> web.Response:
        return dressed(refused(_UNREADABLE))

    def failed(self) -> web.Response:
        return dressed(refused(_FAILED))

    def refused(self, error: web.HTTPException) -> web.Response:
        return dressed(refused(of_aiohttp(error)))
