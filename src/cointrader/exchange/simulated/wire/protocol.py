"""What never comes to a call is answered in Binance's shape."""

from __future__ import annotations

from aiohttp import web

from cointrader.exchange.simulated.wire.refusals import Answer, error_body, refused
from cointrader.exchange.simulated.wire.rest import as_response
from cointrader.web.silent_protocol import SilentProtocol

_UNREADABLE = error_body(refused(-1013, "Invalid message."))
_FAILED = error_body(refused(-1000, "An unknown error occurred while processing the request."))


class Protocol(SilentProtocol):
    """One connection to the simulated exchange."""

    __slots__ = ()

    server = "exchange"

    def unreadable(self) -> web.Response:
        return as_response(Answer(400, _UNREADABLE))

    def failed(self) -> web.Response:
        return as_response(Answer(500, _FAILED))

    def refused(self, error: web.HTTPException) -> web.Response:
        body = _UNREADABLE if error.status < 500 else _FAILED
        response = as_response(Answer(error.status, body))
        response.force_close()
        return response
