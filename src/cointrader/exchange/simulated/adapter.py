"""The `Exchange` and `MarketFeed` ports over recorded candles, in one process.

`run` moves through the bars: at T the bar opens and the candles that closed at T are published;
at T + interval - 1 ms it closes: funding, then resting orders and liquidations, symbol by symbol.
What bots do in between fills at the bar's open. The driver's own time stamps everything, so a
result does not depend on how exactly a clock wakes sleepers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cointrader.domain.candle import Candle
from cointrader.domain.clock import Clock
from cointrader.domain.errors import ConfigError, Rejected
from cointrader.domain.instrument import Instrument, to_decimal
from cointrader.domain.order import DetailedReport, Fill, OrderReport, OrderRequest, OrderSide
from cointrader.domain.ports import Account, BestPrices, CandleSource, Quote, Settlement
from cointrader.domain.position import Position
from cointrader.exchange.simulated.account import Siblings, SimulatedAccount
from cointrader.exchange.simulated.account_port import AccountPort
from cointrader.exchange.simulated.checks import Moment
from cointrader.exchange.simulated.feed import CandleSubscription
from cointrader.exchange.simulated.ledger import Costs
from cointrader.exchange.simulated.liquidity import Liquidity
from cointrader.exchange.simulated.marks import MarkPrices
from cointrader.exchange.simulated.matching import market_price
from cointrader.exchange.simulated.playback import Lateness, Playback
from cointrader.exchange.simulated.snapshot import restore_into, to_plain
from cointrader.exchange.simulated.tape import Tape


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the simulated exchange has come."""

    done: int  # bars that have closed
    total: int
    at_ms: int | None  # open time of the current or last bar, None before the first


class SimulatedExchange(AccountPort):
    """One account on a market that plays candles back.

    Parameters
    ----------
    source : the candles, settlements and open interest to play
    clock : what `run` sleeps on
    symbols : traded, in the configured order
    correlation_symbols : published only
    balance : the wallet at the start, in quote currency
    instruments : grids and minimums of every traded symbol
    start_ms, end_ms : first bar played, and the first that is not; all by default
    check_margin : refuse orders that need more margin than there is
    lateness : (symbol, open time of the candle) -> ms after its close at which it is published
    mark_prices : symbol -> (time in ms, mark price) rows, ascending; the last price where none is
    liquidity : the most that one fill executes; without it every execution is one fill
    siblings : whether close_position orders "expire" or "stay" when their position is gone
    """

    def __init__(
        self,
        source: CandleSource,
        clock: Clock,
        *,
        symbols: Sequence[str],
        correlation_symbols: Sequence[str] = (),
        balance: Decimal,
        costs: Costs,
        leverage: int,
        instruments: Mapping[str, Instrument],
        start_ms: int | None = None,
        end_ms: int | None = None,
        check_margin: bool = True,
        lateness: Lateness | None = None,
        mark_prices: Mapping[str, Sequence[tuple[int, float]]] | None = None,
        liquidity: Liquidity | None = None,
        siblings: Siblings = "expire",
    ) -> None:
        _check_symbols(symbols, instruments)
        self.label = source.label
        self._clock = clock
        self._marks = MarkPrices(mark_prices or {})
        self._market = Playback(
            source,
            symbols=symbols,
            correlation_symbols=correlation_symbols,
            start_ms=start_ms,
            end_ms=end_ms,
            lateness=lateness,
        )
        super().__init__(
            SimulatedAccount(
                instruments={symbol: instruments[symbol] for symbol in symbols},
                balance=balance,
                costs=costs,
                leverage=leverage,
                check_margin=check_margin,
                liquidity=liquidity,
                siblings=siblings,
            )
        )
        self._done = 0
        self._bar_ms: int | None = None
        self._at_ms = self.timeline[0] - 1 if self.timeline else 0
        self._marked: Account | None = None  # the account at the prices of this moment

    # -- time ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Play all bars that are left. Cancelled and called again, it goes on where it was."""
        feed, timeline = self._market.feed, self.timeline
        self._market.end_empty(timeline[0] if timeline else self._clock.now_ms())
        while self._done < len(timeline):
            opens_ms = timeline[self._done]
            closes_ms = opens_ms + self._market.interval_ms - 1
            await self._wait_until(opens_ms)
            self.open_bar(opens_ms)
            feed.deliver(opens_ms)
            await self._wait_until(closes_ms)
            self.close_bar(opens_ms)
            feed.deliver(closes_ms)
        self._market.end_rest(self._at_ms)
        while (due_ms := feed.next_due_ms) is not None:
            await self._clock.sleep_until_ms(due_ms)
            feed.deliver(due_ms)

    def open_bar(self, at_ms: int) -> None:
        """The bar that opens at `at_ms` trades at its open from now on."""
        self._at_ms = self._bar_ms = at_ms
        self._marked = None
        self._market.open_bar(at_ms)

    def close_bar(self, at_ms: int) -> None:
        """Funding, then orders and liquidations of the bar that opened at `at_ms`; its candle."""
        next_ms = at_ms + self._market.interval_ms
        self._at_ms = next_ms - 1
        self._marked = None
        account = self._account
        # First, so that a bar is usually whole when the candle of its own symbol arrives.
        self._market.publish_correlation(at_ms)
        for symbol, tape in self._market.traded.items():
            bar = tape.bar
            if bar is None:
                continue
            is_held = symbol in account.ledger.positions
            if is_held and (settlements := tape.settlements_in(at_ms, next_ms)):
                marks = [self._marks.of_settlement(each, bar) for each in settlements]
                account.settle(bar, settlements, marks)
            if account.desks[symbol].resting:
                account.expire_due(symbol, self._at_ms)
            if is_held or account.desks[symbol].resting:
                account.match(bar, self._marks.bar(bar), self._at_ms)
            if self._market.end_bar(tape, bar, self._at_ms):
                account.end_symbol(symbol, bar.close, self._at_ms)
        self._done += 1

    @property
    def progress(self) -> Progress:
        """Bars done, bars in all, and where it stands."""
        return Progress(self._done, len(self.timeline), self._bar_ms)

    @property
    def timeline(self) -> Sequence[int]:
        """Open times of all bars played, ascending."""
        return self._market.timeline

    async def _wait_until(self, at_ms: int) -> None:
        """Sleep, delivering late candles on the way; those due at `at_ms` come after its bar."""
        feed = self._market.feed
        while (due_ms := feed.next_due_ms) is not None and due_ms < at_ms:
            await self._clock.sleep_until_ms(due_ms)
            feed.deliver(due_ms)
        await self._clock.sleep_until_ms(at_ms)

    # -- Exchange -----------------------------------------------------------------------------

    async def place(self, request: OrderRequest, *, good_till_ms: int | None = None) -> OrderReport:
        """Market orders fill before this returns, and their events are queued by then.

        A fill at the open carries the bar's open time, however late its order came. What rests
        expires at `good_till_ms`; in the bar that this lies in it is not filled any more.
        """
        tape = self._traded(request.symbol)
        if tape.is_over and tape.bar is None:
            raise Rejected(f"{request.symbol} has ended", code="-4141", todo="trade another symbol")
        self._marked = None
        moment = Moment(self._at_ms, self._quote(tape), to_decimal(self._last(tape)))
        return self._account.place(request, moment, until_ms=good_till_ms)

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport | None:
        self._traded(symbol)
        self._marked = None
        return self._account.cancel(symbol, client_order_id, self._at_ms)

    async def account(self) -> Account:
        if self._marked is None:
            ledger = self._account.ledger
            marks = {symbol: self._mark_of(held) for symbol, held in ledger.positions.items()}
            self._marked = Account(
                ledger.wallet,
                ledger.equity(marks),
                self._account.available(),
                ledger.transfers,
            )
        return self._marked

    async def best_prices(self, symbol: str) -> BestPrices:
        return self.price(symbol)

    async def quote(self, symbol: str) -> Quote:
        return self.price(symbol)

    async def instrument(self, symbol: str) -> Instrument:
        self._traded(symbol)
        return self._account.instruments[symbol]

    def _traded(self, symbol: str) -> Tape:
        tape = self._market.traded.get(symbol)
        if tape is None:
            raise _unknown(symbol, self._market.traded)
        return tape

    def _last(self, tape: Tape) -> float:
        if tape.price is None:
            raise Rejected(
                f"{tape.symbol} has no price yet", code="-1112", todo="wait for its first candle"
            )
        return tape.price

    def _mark_of(self, held: Position) -> Decimal:
        price = self._marks.at(held.symbol, self._at_ms) or self._market.traded[held.symbol].price
        return held.entry_price if price is None else to_decimal(price)

    def _quote(self, tape: Tape) -> Quote:
        last = self._last(tape)
        slippage = self._account.costs.slippage
        return Quote(
            bid=market_price(OrderSide.SELL, last, slippage),
            ask=market_price(OrderSide.BUY, last, slippage),
            mark=to_decimal(self._marks.at(tape.symbol, self._at_ms) or last),
        )

    # -- MarketFeed ---------------------------------------------------------------------------

    async def history(self, symbol: str, *, before_ms: int, limit: int) -> Sequence[Candle]:
        known_ms = self._clock.now_ms()
        return self._known(symbol).history(before_ms=before_ms, known_ms=known_ms, limit=limit)

    def candles(self, symbols: Sequence[str]) -> CandleSubscription:
        for symbol in symbols:
            self._known(symbol)
        return self._market.feed.subscribe(symbols)

    async def funding_rates(self, symbol: str, from_ms: int, to_ms: int) -> Sequence[Settlement]:
        """Settlements of [from_ms, to_ms) that have happened by now."""
        known_ms = self._clock.now_ms() + 1
        return self._known(symbol).settlements_in(from_ms, min(to_ms, known_ms))

    async def open_interest(
        self, symbol: str, from_ms: int, to_ms: int
    ) -> Sequence[tuple[int, float]]:
        """(time known, contracts) of [from_ms, to_ms), as far as known by now."""
        known_ms = self._clock.now_ms() + 1
        return self._known(symbol).open_interest(from_ms, min(to_ms, known_ms))

    def _known(self, symbol: str) -> Tape:
        tape = self._market.tapes.get(symbol)
        if tape is None:
            raise _unknown(symbol, self._market.tapes)
        return tape

    # -- controls -----------------------------------------------------------------------------

    def deposit(self, amount: Decimal) -> None:
        """Money from outside, at any time. Raises `Rejected` unless it is above zero."""
        self._marked = None
        self._account.deposit(amount)

    def withdraw(self, amount: Decimal) -> None:
        """Money that leaves, at any time. Raises `Rejected` for more than is available."""
        self._marked = None
        self._account.withdraw(amount)

    def set_leverage(self, symbol: str, leverage: int) -> None:
        """Leverage of what is opened from now on. Raises `Rejected` as the real exchange does."""
        self._traded(symbol)
        self._marked = None
        self._account.set_leverage(symbol, leverage)

    def change_instrument(self, instrument: Instrument) -> None:
        """New filters hold for new orders; resting orders and entries stay; brackets count now."""
        self._traded(instrument.symbol)
        self._account.change_instrument(instrument)

    def close_symbol(self, symbol: str) -> None:
        """The symbol is being settled: from now on it takes exits only."""
        self._traded(symbol)
        self._marked = None
        self._account.close_symbol(symbol, self._at_ms)

    def liquidate(self, symbol: str) -> None:
        """Close a position at its bankruptcy price, as if the mark price had ruined it."""
        self._marked = None
        self._account.liquidate(symbol, self._at_ms)

    def deleverage(self, symbol: str, quantity: Decimal) -> None:
        """Close so much of a position at its mark price, against a liquidated one (ADL)."""
        self._marked = None
        mark = self._quote(self._traded(symbol)).mark
        self._account.deleverage(symbol, quantity, mark, self._at_ms)

    def settle_now(self, symbol: str, rate: Decimal, at_ms: int) -> None:
        """Book funding for an open position at the present mark price, stamped with `at_ms`."""
        self._marked = None
        mark = self._quote(self._traded(symbol)).mark
        self._account.pay_funding(self._account.ledger.positions[symbol], at_ms, rate, mark)

    def expire_due(self, now_ms: int) -> None:
        """End the orders that were good until a time which has come by now."""
        self._marked = None
        for symbol in self._account.desks:
            self._account.expire_due(symbol, now_ms)

    @property
    def next_expiry_ms(self) -> int | None:
        """When the first of the orders that are good until a time expires."""
        desks = self._account.desks.values()
        times = (order.until_ms for desk in desks for order in desk.resting.values())
        return min((each for each in times if each is not None), default=None)

    def expire_siblings(self, symbol: str) -> None:
        """End the orders that were to close a position which is gone."""
        self._traded(symbol)
        self._account.expire_siblings(symbol, self._at_ms)

    def execute_held(self, report: DetailedReport) -> None:
        """Carry out an order that stuck at its trigger, at the present price."""
        self._marked = None
        quote = self._quote(self._traded(report.symbol))
        price = quote.ask if report.side is OrderSide.BUY else quote.bid
        self._account.execute_held(report, price, self._at_ms)

    def move_price(self, symbol: str, price: float) -> None:
        """Trade at `price` until the bar's end; what rests is looked at then, by the bar itself."""
        self._marked = None
        self._traded(symbol).price = price

    @property
    def fill_log(self) -> Sequence[Fill]:
        """Every fill of this run, all symbols (the last 100,000), oldest first."""
        return self._account.fill_log

    def snapshot(self) -> dict[str, Any]:
        """The account as plain JSON values; `resume_ms` is the bar to start again from."""
        left = self.timeline[self._done :]
        return {**to_plain(self._account), "resume_ms": left[0] if left else None}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over an account that `snapshot` wrote. Before `run`, on the same symbols."""
        self._marked = None
        restore_into(self._account, state)

    # -- for the wire in front of it ------------------------------------------------------------

    @property
    def market(self) -> Playback:
        """The candles being played, by symbol."""
        return self._market

    def price(self, symbol: str) -> Quote:
        """`quote`, for those who cannot wait."""
        return self._quote(self._traded(symbol))

    def mark_candle(self, candle: Candle) -> Candle:
        """The mark price over the time of a candle; the candle itself where none is recorded."""
        return self._marks.bar(candle)


def _check_symbols(symbols: Sequence[str], instruments: Mapping[str, Instrument]) -> None:
    if not symbols:
        raise ConfigError("the simulated exchange has no symbols to trade")
    if len(set(symbols)) != len(symbols):
        raise ConfigError("a symbol is traded twice", found=", ".join(symbols))
    missing = [symbol for symbol in symbols if symbol not in instruments]
    if missing:
        raise ConfigError(
            "the simulated exchange has no instrument for a symbol it trades",
            found=", ".join(missing),
            todo="add instruments.plausible_instrument(symbol, prices)",
        )


def _unknown(symbol: str, known: Mapping[str, Tape]) -> Rejected:
    return Rejected(
        f"unknown symbol {symbol}", code="-1121", todo=f"this market has {', '.join(known)}"
    )
