"""What a person may ask of a running process without changing anything: how it stands.

Questions are answered and forgotten: nothing is written down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

import numpy as np

from cointrader.domain.errors import UsageError
from cointrader.domain.order import Side
from cointrader.domain.ports import Account, Clock, Quote
from cointrader.domain.position import Position, gross_pnl
from cointrader.market.window import CandleWindow
from cointrader.ops.control import Answer
from cointrader.risk.manager import RiskManager

MOST_CANDLES = 1_000  # of one answer; no window is longer


class Stream(Protocol):
    """What a bot has heard of its market."""

    @property
    def own(self) -> CandleWindow:
        """Its own symbol's closed candles."""
        ...


class AskedBot(Protocol):
    """What a question needs of a bot."""

    @property
    def symbol(self) -> str: ...

    @property
    def stream(self) -> Stream: ...


class AskedExchange(Protocol):
    """What a question needs of an exchange."""

    async def position(self, symbol: str) -> Position | None: ...

    async def account(self) -> Account: ...

    async def quote(self, symbol: str) -> Quote: ...


class Questions:
    """Answers about one process. Its parts are those of the bots."""

    def __init__(
        self, risk: RiskManager, bots: Sequence[AskedBot], exchange: AskedExchange, clock: Clock
    ) -> None:
        self._risk = risk
        self._bots: Mapping[str, AskedBot] = {bot.symbol: bot for bot in bots}
        self._exchange = exchange
        self._clock = clock

    def state(self) -> Answer:
        """Whether entries are allowed, and what is open by the risk manager's book."""
        open_ = {symbol: str(side) for symbol, side in self._risk.open_positions.items()}
        held = ", ".join(f"{symbol} {side}" for symbol, side in open_.items()) or "no position"
        entries = "entries are PAUSED" if self._risk.is_paused else "entries are allowed"
        values = {"is_paused": self._risk.is_paused, "positions": open_}
        return Answer(True, (f"running, {entries}, {held}",), values)

    async def positions(self) -> Answer:
        """Each open position as the exchange has it, also one that is not ours.

        Results are at the mark price, before fees and funding; `at_ms` is when it was asked.
        """
        at_ms = self._clock.now_ms()
        found = await asyncio.gather(*map(self._exchange.position, self._bots))
        held = [position for position in found if position is not None]
        quotes = await asyncio.gather(*(self._exchange.quote(each.symbol) for each in held))
        ours = self._risk.open_positions
        lines: list[str] = []
        values: dict[str, Any] = {}
        for position, quote in zip(held, quotes, strict=True):
            mark = quote.mark
            result = gross_pnl(position.side.sign, position.entry_price, mark, position.quantity)
            liquidation = position.liquidation_price
            lines.append(_position_line(position, mark, result, ours))
            values[position.symbol] = {
                "side": str(position.side),
                "quantity": str(position.quantity),
                "entry_price": str(position.entry_price),
                "mark_price": str(mark),
                "unrealised": str(result),
                "liquidation_price": None if liquidation is None else str(liquidation),
                "is_ours": position.symbol in ours,
            }
        told = {"positions": values, "at_ms": at_ms}
        return Answer(True, tuple(lines) or ("no position",), told)

    async def pnl(self) -> Answer:
        """What today brought, and the account."""
        account = await self._exchange.account()
        today = Decimal(str(self._risk.daily_pnl))
        base = Decimal(str(self._risk.initial_balance))
        since = account.wallet - base
        lines = (
            f"closed trades today: {today:+,.2f}",
            f"equity {account.equity:,.2f}, wallet {account.wallet:,.2f}",
            f"since the beginning: {since:+,.2f} on {base:,.2f}",
        )
        values = {
            "today": str(today),
            "equity": str(account.equity),
            "wallet": str(account.wallet),
            "base": str(base),
        }
        return Answer(True, lines, values)

    def candles(self, symbols: Sequence[str], arguments: Mapping[str, Any]) -> Answer:
        """Closed candles of one symbol that opened in [`from_ms`, `to_ms`), oldest first.

        Those of its bot's window, at most the newest 1,000, each as
        ``[open_ms, open, high, low, close, volume]``: nobody is asked for more. None where the
        bot has not warmed up yet. `UsageError` for any other number of symbols than one.
        """
        if len(symbols) != 1:
            raise UsageError(
                "candles are told of one symbol at a time",
                found=", ".join(symbols) or "no symbol",
                allowed=", ".join(self._bots),
            )
        (symbol,) = symbols
        window = self._bots[symbol].stream.own
        from_ms, to_ms = _moment(arguments, "from_ms"), _moment(arguments, "to_ms")
        times = window.open_time_ms
        first = 0 if from_ms is None else int(np.searchsorted(times, from_ms))
        end = len(times) if to_ms is None else int(np.searchsorted(times, to_ms))
        part = slice(max(first, end - MOST_CANDLES), end)
        columns = window.columns()
        prices = (columns.open, columns.high, columns.low, columns.close, columns.volume)
        rows = zip(times[part].tolist(), *(each[part].tolist() for each in prices), strict=True)
        told = [list(row) for row in rows]
        return Answer(True, (f"{symbol}: {len(told)} candles",), {"candles": told})


def _moment(arguments: Mapping[str, Any], name: str) -> int | None:
    found = arguments.get(name)
    if found is None or (isinstance(found, int) and not isinstance(found, bool)):
        return found
    raise UsageError(f"{name} is a time in epoch milliseconds", found=str(found)[:40])


def _position_line(held: Position, mark: Decimal, result: Decimal, ours: Mapping[str, Side]) -> str:
    whose = "" if held.symbol in ours else ", NOT OURS"
    liquidation = held.liquidation_price
    at = "" if liquidation is None else f", liquidation {liquidation.normalize():f}"
    return (
        f"{held.symbol} {held.side} {held.quantity.normalize():f} at "
        f"{held.entry_price.normalize():f}, now {mark.normalize():f}: {result:+,.2f}{at}{whose}"
    )
