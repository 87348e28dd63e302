"""Calls whose answers differ a little over the WebSocket API."""

from __future__ import annotations

from typing import Any

from cointrader.exchange.simulated.wire import calls_algo, calls_market, calls_orders
from cointrader.exchange.simulated.wire.params import Params
from cointrader.exchange.simulated.wire.texts import plain
from cointrader.exchange.simulated.wire.venue import Venue


async def account_v1(venue: Venue, _params: Params) -> Any:
    """account.status: knows where each position breaks even."""
    told = venue.account.account(version=2)
    del told["feeBurn"]
    views = venue.account.positions(row["symbol"] for row in told["positions"])
    rows = zip(told["positions"], views, strict=True)
    told["positions"] = [row | {"breakEvenPrice": plain(view.break_even)} for row, view in rows]
    return told


async def account_v2(venue: Venue, _params: Params) -> Any:
    """v2/account.status: knows which assets serve as margin."""
    told = venue.account.account(version=3)
    told["assets"] = [asset | {"marginAvailable": True} for asset in told["assets"]]
    return told


async def book_ticker(venue: Venue, params: Params) -> Any:
    """ticker.book: tells the number of the book."""
    told, number = await calls_market.book_ticker(venue, params), venue.market.updated_ms
    if isinstance(told, list):
        return [row | {"lastUpdateId": number} for row in told]
    return told | {"lastUpdateId": number}


async def amend(venue: Venue, params: Params) -> Any:
    return _without(await calls_orders.amend(venue, params), "pair")


async def place_algo(venue: Venue, params: Params) -> Any:
    return _without(await calls_algo.place(venue, params), "activatePrice", "callbackRate")


def _without(told: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name not in names}
