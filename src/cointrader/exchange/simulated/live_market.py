"""The `Exchange` port over a public market as it happens: its prices, and an account of our own.

Market orders fill at the best price that the market has at that moment, moved by the slippage.
What rests is met by what each message about the running bar adds to its high and low, so a level
that the price touched between two messages is touched. Funding is booked as the market publishes
it. Nothing is sent anywhere, and no key is needed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Protocol

import structlog

from cointrader.domain.candle import Candle
from cointrader.domain.clock import HOUR_MS, MINUTE_MS, Clock
from cointrader.domain.errors import ExchangeError, MissingCandles
from cointrader.domain.instrument import Instrument, to_decimal
from cointrader.domain.order import OrderReport, OrderRequest, OrderSide
from cointrader.domain.ports import Account, BestPrices, Quote, Settlement
from cointrader.domain.position import slipped
from cointrader.exchange.simulated.account import SimulatedAccount
from cointrader.exchange.simulated.account_port import AccountPort
from cointrader.exchange.simulated.checks import Moment
from cointrader.exchange.simulated.snapshot import restore_into, to_plain

log = structlog.get_logger()

MOST_BARS_AWAY = 1_000  # replayed at most; windows of bots are not longer
_PUBLISHED_AFTER_MS = (5_000, MINUTE_MS)  # after a full hour: when its settlements are asked for


class PublicMarket(Protocol):
    """What a market tells everybody. Raises an `ExchangeError` when it cannot be had now."""

    async def quote(self, symbol: str) -> Quote:
        """Best bid and ask, and the mark price, now."""
        ...

    async def history(self, symbol: str, *, before_ms: int, limit: int) -> Sequence[Candle]:
        """The last `limit` closed candles that opened before `before_ms`, oldest first."""
        ...

    async def funding_rates(self, symbol: str, from_ms: int, to_ms: int) -> Sequence[Settlement]:
        """Settlements of [from_ms, to_ms) that have happened by now."""
        ...


class LiveMarketExchange(AccountPort):
    """One simulated account on a live market.

    Parameters
    ----------
    account : where orders are filled and booked; a new one, or one to be restored
    market : what is asked; `hear_bar` and `hear_mark` are told the rest by its streams
    bar_ms : length of a bar
    filters : what the market allows now for a symbol; asked at every entry
    """

    def __init__(
        self,
        account: SimulatedAccount,
        market: PublicMarket,
        clock: Clock,
        *,
        bar_ms: int,
        filters: Callable[[str], Awaitable[Instrument]],
    ) -> None:
        super().__init__(account)
        self._market = market
        self._clock = clock
        self._bar_ms = bar_ms
        self._filters = filters
        self._seen: dict[str, Candle] = {}  # the newest bar of each symbol, as far as it has come
        self._marks: dict[str, float] = {}
        self._prices: dict[str, tuple[Decimal, Decimal]] = {}  # bid and ask as last heard of
        self._begun_ms: dict[str, int] = {}  # when the bar that is traded now opened

    # -- the market speaks ------------------------------------------------------------------------

    def hear_bar(self, candle: Candle, is_closed: bool) -> None:
        """A bar as far as it has come: told again and again, at last when it has closed."""
        symbol = candle.symbol
        seen = self._seen.get(symbol)
        if symbol not in self._account.desks or _is_older(candle, seen):
            return
        self._seen[symbol] = candle
        self._begun_ms[symbol] = candle.close_time_ms if is_closed else candle.open_time_ms
        fresh = candle
        if seen is not None and seen.open_time_ms == candle.open_time_ms:
            fresh = _added(candle, seen, self._last(symbol))
        self._prices[symbol] = (to_decimal(candle.close),) * 2
        mark = self._marks.get(symbol)
        self._match(fresh, fresh if mark is None else _flat(fresh, mark))

    def hear_mark(self, symbol: str, price: float) -> None:
        """The mark price is at `price`: it liquidates, and triggers what watches it."""
        before = self._marks.get(symbol, price)
        self._marks[symbol] = price
        if symbol in self._begun_ms:
            opened_ms, last = self._begun_ms[symbol], self._last(symbol)
            bar = Candle(symbol, opened_ms, opened_ms + self._bar_ms, last, last, last, last, 0.0)
            low, high = sorted((before, price))
            self._match(bar, bar._replace(open=before, high=high, low=low, close=price))

    def _match(self, bar: Candle, mark: Candle) -> None:
        account, symbol = self._account, bar.symbol
        if symbol in account.ledger.positions or account.desks[symbol].resting:
            # A bar's last word may come when the next one has begun.
            at_ms = min(max(self._clock.now_ms(), bar.open_time_ms), bar.close_time_ms - 1)
            account.match(bar, mark, at_ms)

    # -- Exchange ---------------------------------------------------------------------------------

    async def place(self, request: OrderRequest) -> OrderReport:
        """Market orders fill before this returns, and their events are queued by then.

        Conditional orders are taken by what is known already: protection waits for no network.
        `Unreachable` when no price could be had: then nothing happened.
        """
        symbol = request.symbol
        self._require_traded(symbol)
        if not request.kind.is_conditional or symbol not in self._prices:
            quote = await self.quote(symbol)
        else:
            bid, ask = self._prices[symbol]
            quote = Quote(bid, ask, self._mark_of(symbol))
        last = (quote.bid + quote.ask) / 2
        return self._account.place(request, Moment(self._now_ms(symbol), quote, last))

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport | None:
        self._require_traded(symbol)
        return self._account.cancel(symbol, client_order_id, self._now_ms(symbol))

    async def account(self) -> Account:
        ledger = self._account.ledger
        marks = {symbol: self._mark_of(symbol) for symbol in ledger.positions}
        return Account(
            ledger.wallet, ledger.equity(marks), self._account.available(), ledger.transfers
        )

    async def best_prices(self, symbol: str) -> BestPrices:
        return await self.quote(symbol)

    async def quote(self, symbol: str) -> Quote:
        """The market's best prices, each moved by the slippage against who takes it."""
        best = await self._market.quote(symbol)
        self._prices[symbol] = best.bid, best.ask
        self._marks[symbol] = float(best.mark)
        slippage = self._account.costs.slippage
        return replace(
            best,
            bid=slipped(OrderSide.SELL.sign, best.bid, slippage),
            ask=slipped(OrderSide.BUY.sign, best.ask, slippage),
        )

    async def instrument(self, symbol: str) -> Instrument:
        self._require_traded(symbol)
        now = await self._filters(symbol)
        if now != self._account.instruments[symbol]:
            self._account.change_instrument(now)
        return now

    def _now_ms(self, symbol: str) -> int:
        """The time, which is never before the bar that is traded: clocks may differ."""
        return max(self._clock.now_ms(), self._begun_ms.get(symbol, 0))

    def _last(self, symbol: str) -> float:
        """Where the price was when anything was last heard of it."""
        bid, ask = self._prices[symbol]
        return float((bid + ask) / 2)

    def _mark_of(self, symbol: str) -> Decimal:
        """The mark price; as long as none was told the last price, or that of the entry."""
        if symbol in self._marks:
            return to_decimal(self._marks[symbol])
        if symbol in self._seen:
            return to_decimal(self._seen[symbol].close)
        return self._account.ledger.positions[symbol].entry_price

    # -- funding ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Book funding after every full hour, as it is published, until cancelled."""
        while True:
            hour_ms = self._clock.now_ms() // HOUR_MS * HOUR_MS + HOUR_MS
            for after_ms in _PUBLISHED_AFTER_MS:
                await self._clock.sleep_until_ms(hour_ms + after_ms)
                await self.book_published()

    async def book_published(self) -> None:
        """Book what open positions have not paid yet, as far as the market has told."""
        for symbol in list(self._account.ledger.positions):
            try:
                self._settle(symbol, await self._unpaid(symbol))
            except ExchangeError as error:  # the next look asks for it again
                log.warning("funding.unknown", symbol=symbol, reason=error.what)

    async def _unpaid(self, symbol: str) -> Sequence[Settlement]:
        """What was settled since the open position was opened, or last paid."""
        held = self._account.ledger.positions.get(symbol)
        if held is None:
            return ()
        since_ms = max(held.opened_ms, self._paid_ms(symbol)) + 1
        return await self._market.funding_rates(symbol, since_ms, self._clock.now_ms() + 1)

    def _settle(self, symbol: str, settlements: Sequence[Settlement]) -> None:
        """Book each that is not booked yet, if a position was open before it."""
        for settled in settlements:
            is_held = symbol in self._account.ledger.positions
            if not is_held or settled.at_ms <= self._paid_ms(symbol):
                continue
            mark = settled.mark_price
            if mark is None:
                mark = float(self._mark_of(symbol))
            at_the_time = Candle(symbol, settled.at_ms, settled.at_ms, mark, mark, mark, mark, 0.0)
            self._account.settle(at_the_time, [settled], [mark])

    def _paid_ms(self, symbol: str) -> int:
        return max((paid.at_ms for paid in self._account.funding[symbol]), default=0)

    # -- after a restart --------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """The account as plain JSON values, and how far the market had come."""
        return {
            **to_plain(self._account),
            "resume_ms": self._clock.now_ms() // self._bar_ms * self._bar_ms,
            "seen": [list(candle) for candle in self._seen.values()],
        }

    async def resume(self, state: Mapping[str, Any]) -> None:
        """Take over what `snapshot` wrote, and play what the market did since then.

        Before its streams begin; the bar that is running now is left to them.
        Raises `MissingCandles` for an absence that is too long, or that nobody can tell of.
        """
        now_allowed = dict(self._account.instruments)
        restore_into(self._account, state)
        for symbol, instrument in now_allowed.items():
            if instrument != self._account.instruments[symbol]:
                self._account.change_instrument(instrument)
        self._seen = {row[0]: Candle(*row) for row in state["seen"]}
        self._prices = {s: (to_decimal(c.close),) * 2 for s, c in self._seen.items()}
        played_ms = int(state["resume_ms"])
        while (bar_ms := self._clock.now_ms() // self._bar_ms * self._bar_ms) > played_ms:
            _require_short((bar_ms - played_ms) // self._bar_ms)
            for symbol in self._account.desks:
                await self._replay(symbol, played_ms, bar_ms)
            played_ms = bar_ms

    async def _replay(self, symbol: str, from_ms: int, to_ms: int) -> None:
        """What the closed bars that opened in [from_ms, to_ms) did to position and orders."""
        account = self._account
        if symbol not in account.ledger.positions and not account.desks[symbol].resting:
            return
        bars = (to_ms - from_ms) // self._bar_ms
        candles = await self._market.history(symbol, before_ms=to_ms, limit=bars)
        if not candles or candles[-1].close_time_ms < to_ms:
            raise MissingCandles(
                f"the market does not tell what {symbol} did in the meantime",
                where="--resume",
                todo="try again in a moment",
            )
        unpaid = await self._unpaid(symbol)
        for candle in candles:
            self._settle(symbol, [each for each in unpaid if each.at_ms < candle.close_time_ms])
            self.hear_bar(candle, True)
        self._settle(symbol, unpaid)  # of the running bar: before anything in it is met


def _require_short(bars: int) -> None:
    if bars > MOST_BARS_AWAY:
        raise MissingCandles(
            "this run was stopped too long ago to go on",
            where="--resume",
            found=f"{bars:,} bars have closed since",
            allowed=f"up to {MOST_BARS_AWAY:,}, as many as a bot's window holds",
            todo="start a new run",
        )


def _is_older(candle: Candle, seen: Candle | None) -> bool:
    return seen is not None and candle.open_time_ms < seen.open_time_ms


def _added(candle: Candle, seen: Candle, last: float) -> Candle:
    """Where the price went since it was last heard of, as a bar; `seen` is `candle` before that.

    From the price then to the price now; beyond both only where high or low have grown.
    """
    low, high = sorted((last, candle.close))
    return candle._replace(
        open=last,
        high=candle.high if candle.high > seen.high else high,
        low=candle.low if candle.low < seen.low else low,
    )


def _flat(bar: Candle, price: float) -> Candle:
    return bar._replace(open=price, high=price, low=price, close=price)
