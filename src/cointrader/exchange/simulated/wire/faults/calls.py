"""What a request is about, in the words that faults are aimed with."""

from __future__ import annotations

from collections.abc import Mapping

from cointrader.exchange.simulated.wire.faults.parameters import Parameter, any_of, symbol
from cointrader.exchange.simulated.wire.orders import AlgoOrder, PlainOrder
from cointrader.exchange.simulated.wire.passage import Request
from cointrader.exchange.simulated.wire.venue import Venue
from cointrader.exchange.simulated.wire.ws_api import METHODS

# word -> (method, path after its version) of the calls it means; others are told apart below
_PATHS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "order": (("POST", "order"), ("POST", "batchOrders")),
    "cancel": (
        ("DELETE", "order"),
        ("DELETE", "algoOrder"),
        ("DELETE", "batchOrders"),
        ("DELETE", "allOpenOrders"),
        ("DELETE", "algoOpenOrders"),
    ),
    "query": (("GET", "order"), ("GET", "algoOrder"), ("GET", "openOrder")),
    "open-orders": (("GET", "openOrders"), ("GET", "openAlgoOrders")),
    "position": (("GET", "positionRisk"),),
    "account": (("GET", "account"), ("GET", "balance")),
    "history": (("GET", "userTrades"), ("GET", "income"), ("GET", "allOrders")),
    "settings": (
        ("POST", "leverage"),
        ("POST", "marginType"),
        ("POST", "positionSide/dual"),
        ("POST", "multiAssetsMargin"),
    ),
    "listen-key": (("POST", "listenKey"), ("PUT", "listenKey")),
    "klines": (("GET", "klines"), ("GET", "continuousKlines")),
    "rules": (("GET", "exchangeInfo"), ("GET", "leverageBracket")),
}
WORDS = ("any", "change", "read", *_PATHS, "place", "entry", "exit", "protection", "stop", "target")


def aimed_at(default: str) -> Mapping[str, Parameter]:
    """The parameters by which a fault is aimed at calls."""
    return {"call": any_of(default, WORDS, "which calls"), "symbol": symbol()}


def route_of(request: Request) -> tuple[str, str]:
    """Method and path; of the WebSocket API those of the same call over REST."""
    if request.method == "WS":
        return METHODS.get(request.path, ("GET", request.path))  # a session's is none of REST
    return request.method, request.path


def kinds_of(request: Request, venue: Venue) -> frozenset[str]:
    """Every word that means this request."""
    method, path = route_of(request)
    call = method, path.partition("/v")[2].partition("/")[2]
    words = {"any", "read" if method == "GET" else "change"}
    words |= {word for word, calls in _PATHS.items() if call in calls}
    if "order" in words:
        words |= {"place", "exit" if only_reduces(request, venue) else "entry"}
    if call == ("POST", "algoOrder"):
        is_target = said(request, "type").startswith("TAKE_PROFIT")
        words |= {"place", "protection", "target" if is_target else "stop"}
    return frozenset(words)


def only_reduces(request: Request, venue: Venue) -> bool:
    """Whether an order says that it reduces, or is against the position that is held."""
    if "true" in (said(request, "reduceOnly").lower(), said(request, "closePosition").lower()):
        return True
    held = venue.exchange.book.ledger.positions.get(symbol_of(request, venue) or "")
    return held is not None and said(request, "side") == held.side.exit.value


def symbol_of(request: Request, venue: Venue) -> str | None:
    """The symbol a request is about; of an algo order that it names only by its id too."""
    if named := said(request, "symbol"):
        return named.upper()
    algo = algo_of(request, venue)
    return None if algo is None else algo.symbol


def algo_of(request: Request, venue: Venue) -> AlgoOrder | None:
    """The conditional order that a call names."""
    if (number := said(request, "algoId")).isdecimal():
        return venue.recorder.algo(int(number))
    return venue.recorder.algo_named(said(request, "clientAlgoId"))


def plain_of(request: Request, venue: Venue) -> PlainOrder | None:
    """The market or limit order that a call names."""
    if (number := said(request, "orderId")).isdecimal():
        return venue.recorder.plain(int(number))
    symbol = said(request, "symbol").upper()
    return venue.recorder.plain_named(symbol, said(request, "origClientOrderId"))


def said(request: Request, name: str) -> str:
    """A parameter's text, empty where it was not sent."""
    return request.params.raw(name)


def in_words(request: Request) -> str:
    """A request as the log tells it."""
    named = ("symbol", "side", "type", "newClientOrderId", "clientAlgoId", "origClientOrderId")
    told = (said(request, name) for name in (*named, "orderId", "algoId"))
    return " ".join([request.method, request.path, *(text for text in told if text)])
