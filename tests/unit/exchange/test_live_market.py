"""The simulated account on a market as it happens: triggers inside a bar, prices, funding."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from cointrader.domain.candle import Candle
from cointrader.domain.errors import MissingCandles, Rejected, Unreachable
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import OrderKind, OrderRequest, OrderSide
from cointrader.domain.ports import Quote, Settlement
from cointrader.exchange.simulated.account import SimulatedAccount
from cointrader.exchange.simulated.instruments import unconstrained
from cointrader.exchange.simulated.ledger import Costs
from cointrader.exchange.simulated.live_market import LiveMarketExchange
from tests.unit.exchange.binance_streams.fakes import HandClock

M15 = 900_000
T0 = 1_800_000_000_000  # on the hour
X = "XRPUSDT"
BUY, SELL = OrderSide.BUY, OrderSide.SELL
D = Decimal


class Market:
    """What everybody could ask."""

    def __init__(self) -> None:
        self.best = Quote(bid=D("99.9"), ask=D("100.1"), mark=D(100))
        self.is_reachable = True
        self.candles: list[Candle] = []
        self.rates: list[Settlement] = []
        self.asked_rates = 0

    async def quote(self, symbol: str) -> Quote:
        if not self.is_reachable:
            raise Unreachable("no network")
        return self.best

    async def history(self, symbol: str, *, before_ms: int, limit: int) -> Sequence[Candle]:
        return [c for c in self.candles if c.open_time_ms < before_ms][-limit:]

    async def funding_rates(self, symbol: str, from_ms: int, to_ms: int) -> Sequence[Settlement]:
        self.asked_rates += 1
        if not self.is_reachable:
            raise Unreachable("no network")
        return [each for each in self.rates if from_ms <= each.at_ms < to_ms]


class Venue:
    """The exchange, its market and its time, and short ways to trade."""

    def __init__(self, *, slippage: str = "0", instrument: Instrument | None = None) -> None:
        self.market, self.clock = Market(), HandClock(T0)
        self.instrument = instrument or unconstrained(X)
        self.exchange = self.again(slippage)

    def again(self, slippage: str = "0") -> LiveMarketExchange:
        """A new exchange on the same market."""

        async def filters(symbol: str) -> Instrument:
            return self.instrument

        account = SimulatedAccount(
            instruments={X: self.instrument},
            balance=D(1000),
            costs=Costs(taker_fee=D(0), slippage=D(slippage)),
            leverage=10,
            check_margin=True,
        )
        return LiveMarketExchange(account, self.market, self.clock, bar_ms=M15, filters=filters)

    def tell(self, opened, high, low, close, *, bar: int = 0, is_closed: bool = False) -> None:
        """The bar as far as it has come."""
        self.exchange.hear_bar(a_bar(bar, opened, high, low, close), is_closed)

    async def opens(self, side: OrderSide = BUY, *, stop: str = "", target: str = "") -> None:
        await self.order("entry", side, OrderKind.MARKET, quantity=D(1))
        exit_side = SELL if side is BUY else BUY
        for name, kind, level in (
            ("stop", OrderKind.STOP_MARKET, stop),
            ("target", OrderKind.TAKE_PROFIT_MARKET, target),
        ):
            if level:
                await self.order(name, exit_side, kind, trigger_price=D(level), close_position=True)

    async def order(self, name: str, side: OrderSide, kind: OrderKind, **terms) -> None:
        await self.exchange.place(OrderRequest(name, X, side, kind, **terms))

    async def exits(self) -> list[tuple[str, Decimal]]:
        """Who closed the position, and at what price."""
        fills = await self.exchange.fills(X, since_ms=0)
        return [(f.client_order_id, f.price) for f in fills if f.client_order_id != "entry"]


def a_bar(bar: int, opened, high, low, close) -> Candle:
    o, h, lo, c = map(float, (opened, high, low, close))
    return Candle(X, T0 + bar * M15, T0 + (bar + 1) * M15, o, h, lo, c, 1.0)


async def test_market_order_fills_at_the_best_price_moved_by_the_slippage():
    venue = Venue(slippage="0.001")

    await venue.opens(BUY)
    await venue.order("close", SELL, OrderKind.MARKET, quantity=D(1), reduce_only=True)

    fills = await venue.exchange.fills(X, since_ms=0)
    assert [fill.price for fill in fills] == [D("100.2001"), D("99.8001")]
    quote = await venue.exchange.quote(X)
    assert (quote.bid, quote.ask, quote.mark) == (D("99.8001"), D("100.2001"), D(100))


async def test_market_order_without_a_price_is_unreachable_and_changes_nothing():
    venue = Venue()
    venue.market.is_reachable = False

    with pytest.raises(Unreachable):
        await venue.opens(BUY)

    assert await venue.exchange.position(X) is None


async def test_protection_of_a_position_needs_no_network():
    venue = Venue()
    await venue.opens(BUY)
    venue.market.is_reachable = False

    await venue.order("stop", SELL, OrderKind.STOP_MARKET, trigger_price=D(95), close_position=True)

    assert [o.client_order_id for o in await venue.exchange.open_orders(X)] == ["stop"]


async def test_stop_that_the_newest_price_is_past_is_refused():
    venue = Venue()
    await venue.opens(BUY)
    venue.tell(100, 100, 94, 94)

    with pytest.raises(Rejected) as refused:
        await venue.order(
            "stop", SELL, OrderKind.STOP_MARKET, trigger_price=D(95), close_position=True
        )

    assert refused.value.code == "-2021"


async def test_stop_triggers_when_the_price_came_back_between_two_messages():
    venue = Venue()
    venue.tell(100, 101, 99, 100)
    await venue.opens(BUY, stop="95", target="110")

    venue.tell(100, 101, 94, 100)

    assert await venue.exits() == [("stop", D(95))]


async def test_target_triggers_when_the_price_came_back_between_two_messages():
    venue = Venue()
    venue.tell(100, 101, 99, 100)
    await venue.opens(SELL, stop="105", target="90")

    venue.tell(100, 101, 89, 100)

    assert await venue.exits() == [("target", D(90))]


async def test_stop_comes_first_when_one_message_touches_both():
    venue = Venue()
    venue.tell(100, 100, 100, 100)
    await venue.opens(BUY, stop="95", target="105")

    venue.tell(100, 106, 94, 100)

    assert await venue.exits() == [("stop", D(95))]


async def test_target_told_before_the_stop_is_reached_fills():
    venue = Venue()
    venue.tell(100, 100, 100, 100)
    await venue.opens(BUY, stop="95", target="105")

    venue.tell(100, 106, 100, 104)
    venue.tell(100, 106, 94, 100)

    assert await venue.exits() == [("target", D(105))]


async def test_extremes_of_the_bar_from_before_the_entry_trigger_nothing():
    venue = Venue()
    venue.tell(100, 120, 80, 100)
    await venue.opens(BUY, stop="95", target="110")

    venue.tell(100, 120, 80, 99)
    venue.tell(100, 120, 80, 101, is_closed=True)

    assert await venue.exits() == []


async def test_price_from_before_the_entry_is_not_on_its_way_to_the_next_message():
    venue = Venue()
    venue.tell(110, 110, 100, 110)
    await venue.opens(SELL, stop="105")  # at 99.9: it fell faster than the bar's messages come

    venue.exchange.hear_mark(X, 100.0)
    venue.tell(110, 110, 99, 101)

    assert await venue.exits() == []


async def test_next_bar_that_opens_beyond_the_stop_fills_at_its_open():
    venue = Venue()
    venue.tell(100, 100, 100, 100)
    await venue.opens(BUY, stop="95")
    venue.tell(100, 100, 99, 99, is_closed=True)

    venue.tell(93, 93, 92, 92, bar=1)

    assert await venue.exits() == [("stop", D(93))]


async def test_closed_bar_that_nobody_told_of_before_is_met_whole():
    venue = Venue()
    venue.tell(100, 100, 100, 100)
    await venue.opens(BUY, stop="95")

    venue.tell(100, 100, 100, 100, is_closed=True)
    venue.tell(100, 100, 94, 100, bar=1, is_closed=True)

    assert await venue.exits() == [("stop", D(95))]


async def test_bar_that_is_told_again_after_the_next_one_is_ignored():
    venue = Venue()
    venue.tell(100, 100, 100, 100, bar=1)
    await venue.opens(BUY, stop="95")

    venue.tell(100, 100, 90, 100, bar=0, is_closed=True)

    assert await venue.exits() == []


async def test_last_word_of_a_bar_that_comes_late_fills_within_that_bar():
    venue = Venue()
    venue.tell(100, 100, 100, 100)
    await venue.opens(BUY, stop="95")
    venue.clock.at_ms = T0 + M15 + 300

    venue.tell(100, 100, 94, 96, is_closed=True)

    (stopped,) = await venue.exchange.fills(X, since_ms=T0 + 1)
    assert stopped.at_ms == T0 + M15 - 1


async def test_order_answered_to_a_closed_bar_belongs_to_the_next_even_when_our_clock_is_behind():
    venue = Venue()
    venue.clock.at_ms = T0 + M15 - 200
    venue.tell(100, 100, 100, 100, is_closed=True)

    await venue.opens(BUY)

    (entry,) = await venue.exchange.fills(X, since_ms=0)
    assert entry.at_ms == T0 + M15


async def test_mark_price_alone_liquidates():
    venue = Venue(instrument=Instrument(X, maintenance_margin_ratio=D("0.01"), max_leverage=20))
    venue.tell(100, 100, 100, 100)
    await venue.opens(BUY)

    venue.tell(100, 100, 85, 100)  # the last price was there, the mark price was not
    assert await venue.exits() == []
    venue.exchange.hear_mark(X, 90.0)

    assert await venue.exchange.position(X) is None


async def test_account_is_marked_with_the_mark_price_or_else_the_last():
    venue = Venue()
    await venue.opens(BUY)  # at 100.1

    assert (await venue.exchange.account()).equity == D("999.9")
    venue.exchange.hear_mark(X, 102.1)
    assert (await venue.exchange.account()).equity == D("1002")


async def test_new_filters_of_the_market_hold_at_the_next_look():
    venue = Venue()
    venue.instrument = Instrument(X, tick_size=D("0.5"))

    assert (await venue.exchange.instrument(X)).tick_size == D("0.5")
    assert venue.exchange.book.instruments[X].tick_size == D("0.5")


# -- funding ------------------------------------------------------------------------------------


async def test_funding_is_booked_at_the_published_rate_and_mark():
    venue = Venue()
    await venue.opens(BUY)
    venue.market.rates = [Settlement(T0 + 3_600_000, 0.001, 200.0)]
    venue.clock.at_ms = T0 + 3_605_000

    await venue.exchange.book_published()
    await venue.exchange.book_published()

    (paid,) = await venue.exchange.funding(X, since_ms=0)
    assert (paid.at_ms, paid.rate, paid.amount) == (T0 + 3_600_000, D("0.001"), D("-0.2"))


async def test_position_opened_after_the_settlement_pays_nothing():
    venue = Venue()
    venue.market.rates = [Settlement(T0, 0.001, 200.0)]
    venue.clock.at_ms = T0 + 400
    await venue.opens(BUY)
    venue.clock.at_ms = T0 + 5_000

    await venue.exchange.book_published()

    assert await venue.exchange.funding(X, since_ms=0) == []


async def test_funding_that_could_not_be_asked_for_is_booked_at_the_next_look():
    venue = Venue()
    await venue.opens(BUY)
    venue.market.rates = [Settlement(T0 + 3_600_000, 0.001, 200.0)]
    venue.clock.at_ms = T0 + 3_605_000
    venue.market.is_reachable = False
    await venue.exchange.book_published()

    venue.market.is_reachable = True
    await venue.exchange.book_published()

    assert len(await venue.exchange.funding(X, since_ms=0)) == 1


async def test_nobody_is_asked_for_funding_while_flat():
    venue = Venue()

    await venue.exchange.book_published()

    assert venue.market.asked_rates == 0


# -- after a restart ----------------------------------------------------------------------------


async def a_stopped_venue(*, stop: str = "95", target: str = "110") -> tuple[Venue, dict]:
    """A long position, left in the middle of a bar that had gone down to 97."""
    venue = Venue()
    venue.tell(100, 101, 97, 100)
    await venue.opens(BUY, stop=stop, target=target)
    return venue, venue.exchange.snapshot()


async def test_snapshot_gives_back_position_orders_and_wallet():
    venue, state = await a_stopped_venue()
    again = venue.again()

    await again.resume(state)

    assert await again.position(X) == await venue.exchange.position(X)
    assert await again.open_orders(X) == await venue.exchange.open_orders(X)
    assert await again.account() == await venue.exchange.account()


async def test_stop_that_was_touched_while_nobody_looked_is_filled_in_its_bar():
    venue, state = await a_stopped_venue()
    venue.market.candles = [
        a_bar(0, 100, 101, 97, 100),
        a_bar(1, 100, 112, 94, 100),
        a_bar(2, 100, 130, 100, 120),
    ]
    venue.clock.at_ms = T0 + 3 * M15 + 10_000
    venue.exchange = venue.again()

    await venue.exchange.resume(state)

    assert await venue.exits() == [("stop", D(95))]
    fills = await venue.exchange.fills(X, since_ms=T0 + 1)
    assert fills[-1].at_ms == T0 + 2 * M15 - 1


async def test_low_from_before_the_stop_was_sent_does_not_fill_it_after_a_restart():
    venue, state = await a_stopped_venue(stop="98")
    venue.market.candles = [a_bar(0, 100, 102, 97, 101)]
    venue.clock.at_ms = T0 + M15
    venue.exchange = venue.again()

    await venue.exchange.resume(state)

    assert await venue.exits() == []


async def test_restart_within_the_same_bar_goes_on_with_its_growth():
    venue, state = await a_stopped_venue(stop="96")
    venue.exchange = venue.again()
    await venue.exchange.resume(state)

    venue.tell(100, 101, 97, 100)
    assert await venue.exits() == []
    venue.tell(100, 101, 96, 100)

    assert await venue.exits() == [("stop", D(96))]


async def test_funding_of_the_time_away_is_booked_before_the_stop_of_its_bar():
    venue, state = await a_stopped_venue()
    venue.market.rates = [
        Settlement(T0 + M15, 0.001, 100.0),
        Settlement(T0 + 2 * M15, 0.001, 100.0),
    ]
    venue.market.candles = [a_bar(0, 100, 101, 97, 100), a_bar(1, 100, 100, 94, 94)]
    venue.clock.at_ms = T0 + 2 * M15 + 10_000
    venue.exchange = venue.again()

    await venue.exchange.resume(state)

    assert [p.at_ms for p in await venue.exchange.funding(X, since_ms=0)] == [T0 + M15]
    assert await venue.exits() == [("stop", D(95))]
    assert await venue.exchange.open_orders(X) == []


async def test_absence_that_the_market_does_not_tell_of_is_refused():
    venue, state = await a_stopped_venue()
    venue.clock.at_ms = T0 + 2 * M15

    with pytest.raises(MissingCandles, match="does not tell"):
        await venue.again().resume(state)


async def test_absence_of_more_than_a_thousand_bars_is_refused():
    venue, state = await a_stopped_venue()
    venue.clock.at_ms = T0 + 1_001 * M15

    with pytest.raises(MissingCandles, match="too long ago"):
        await venue.again().resume(state)
