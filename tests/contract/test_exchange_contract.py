"""What every `Exchange` and its feed must do, whichever adapter speaks: see `domain.ports`.

One market, one account. Each sentence is said of the simulated exchange in process and of our
client of Binance on loopback sockets, in front of another simulated exchange.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import fields
from decimal import Decimal
from functools import partial

import pytest

from cointrader.domain.candle import Candle
from cointrader.domain.errors import Rejected
from cointrader.domain.events import CandleClosed, FundingSettled, OrderUpdated
from cointrader.domain.instrument import LeverageBracket
from cointrader.domain.order import (
    LIQUIDATION_PREFIXES,
    Fill,
    Leg,
    OrderKind,
    OrderReport,
    OrderRequest,
    OrderSide,
    OrderStatus,
    Side,
    client_order_id,
)
from cointrader.domain.ports import Quote, Settlement
from tests.contract.venues import (
    CALM,
    PATIENCE_S,
    SYMBOL,
    Scene,
    Venue,
    in_process,
    over_the_wire,
)
from tests.unit.exchange.simulated_fakes import M15, T0, Row, candle

FALLS: Row = (2.0, 2.01, 1.89, 1.9)
RISES: Row = (2.0, 2.11, 1.99, 2.1)
CRASHES: Row = (2.0, 2.01, 1.7, 1.75)
GAPS: Row = (1.9, 1.92, 1.89, 1.91)
HOUR = 4  # the number of the bar that opens at a full hour, when funding is settled

MARKET, STOP = OrderKind.MARKET, OrderKind.STOP_MARKET
TARGET = OrderKind.TAKE_PROFIT_MARKET
NEW, TRIGGERED, FILLED = OrderStatus.NEW, OrderStatus.TRIGGERED, OrderStatus.FILLED
CANCELED = OrderStatus.CANCELED
EXPIRED = OrderStatus.EXPIRED

ENTRY_ID = client_order_id(SYMBOL, T0, Leg.ENTRY)
STOP_ID = client_order_id(SYMBOL, T0, Leg.STOP)
TARGET_ID = client_order_id(SYMBOL, T0, Leg.TARGET)
TRAIL_ID = client_order_id(SYMBOL, T0, Leg.TRAIL)
CLOSE_ID = client_order_id(SYMBOL, T0, Leg.CLOSE)
NOBODYS_ID = client_order_id(SYMBOL, T0 - M15, Leg.ENTRY)

Opens = Callable[[Scene], AbstractAsyncContextManager[Venue]]


@pytest.fixture(
    params=[
        pytest.param(in_process, id="in-process"),
        pytest.param(over_the_wire, id="over-the-wire"),
        pytest.param(partial(over_the_wire, with_socket=True), id="over-the-wire-with-a-socket"),
    ]
)
def opened(request: pytest.FixtureRequest) -> Opens:
    """Opens one scene behind one adapter."""
    opens: Opens = request.param
    return opens


# -- short ways to trade --------------------------------------------------------------------------


async def enter(venue: Venue, quantity: str = "20", order_id: str = ENTRY_ID) -> OrderReport:
    """Buy at market, and wait until that was told."""
    request = OrderRequest(order_id, SYMBOL, OrderSide.BUY, MARKET, quantity=Decimal(quantity))
    report = await venue.exchange.place(request)
    await venue.account.status(order_id, FILLED)
    return report


async def protect(
    venue: Venue, trigger: str, *, kind: OrderKind = STOP, order_id: str = STOP_ID
) -> OrderReport:
    """A sell that closes whatever is open when `trigger` is reached."""
    return await venue.exchange.place(
        OrderRequest(
            order_id,
            SYMBOL,
            OrderSide.SELL,
            kind,
            trigger_price=Decimal(trigger),
            close_position=True,
        )
    )


async def reduce_at(venue: Venue, trigger: str, quantity: str, *, order_id: str) -> OrderReport:
    """A stop that sells `quantity`, or as much of it as is held."""
    return await venue.exchange.place(
        OrderRequest(
            order_id,
            SYMBOL,
            OrderSide.SELL,
            STOP,
            quantity=Decimal(quantity),
            trigger_price=Decimal(trigger),
            reduce_only=True,
        )
    )


async def close_at_market(venue: Venue, quantity: str = "20") -> OrderReport:
    return await venue.exchange.place(
        OrderRequest(
            CLOSE_ID,
            SYMBOL,
            OrderSide.SELL,
            MARKET,
            quantity=Decimal(quantity),
            reduce_only=True,
        )
    )


async def wallet(venue: Venue) -> Decimal:
    return (await venue.exchange.account()).wallet


async def status(venue: Venue, order_id: str) -> OrderStatus:
    report = await venue.exchange.order(SYMBOL, order_id)
    assert report is not None
    return report.status


def plain(fill: Fill) -> Fill:
    """What every adapter says of a fill, without what it may add."""
    return Fill(**{each.name: getattr(fill, each.name) for each in fields(Fill)})


def money(fill: Fill) -> tuple[str, OrderSide, Decimal, Decimal, Decimal]:
    return fill.client_order_id, fill.side, fill.price, fill.quantity, fill.fee


# -- the market -----------------------------------------------------------------------------------


async def test_an_instrument_has_the_filters_and_the_brackets_of_its_symbol(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        found = await venue.exchange.instrument(SYMBOL)

    assert (found.symbol, found.tick_size, found.step_size) == (
        SYMBOL,
        Decimal("0.0001"),
        Decimal("0.1"),
    )
    assert (found.min_quantity, found.max_quantity, found.max_limit_quantity) == (
        Decimal("0.1"),
        Decimal(1_000_000),
        Decimal(1_000_000),
    )
    assert (found.min_notional, found.min_price, found.max_price) == (
        Decimal(5),
        Decimal("0.0143"),
        Decimal(100_000),
    )
    assert (found.price_multiplier_up, found.price_multiplier_down) == (
        Decimal("1.05"),
        Decimal("0.95"),
    )
    assert found.brackets[1] == LeverageBracket(Decimal(20_000), 50, Decimal("0.0065"), Decimal(15))
    assert found.max_notional(10) == Decimal(8_000_000)


async def test_a_quote_is_what_market_orders_fill_at(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        assert await venue.exchange.quote(SYMBOL) == Quote(
            bid=Decimal("1.999"), ask=Decimal("2.001"), mark=Decimal(2)
        )
        entry = await enter(venue)
        close = await close_at_market(venue)
        bought, sold = [
            await venue.exchange.order(SYMBOL, each.client_order_id) for each in (entry, close)
        ]

    assert bought is not None
    assert sold is not None
    assert (bought.average_price, sold.average_price) == (Decimal("2.001"), Decimal("1.999"))


async def test_a_quote_follows_the_market(opened: Opens):
    async with opened(Scene([CALM, GAPS])) as venue:
        await venue.next_bar()

        assert (await venue.exchange.quote(SYMBOL)).mark == Decimal("1.9")


async def test_an_unknown_symbol_is_refused(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        with pytest.raises(Rejected) as refused:
            await venue.exchange.quote("NOPEUSDT")

    assert refused.value.code == "-1121"


async def test_the_same_candles_close_on_the_feed_in_order(opened: Opens):
    async with opened(Scene([CALM, RISES, FALLS, GAPS])) as venue:
        for _ in range(4):
            await venue.next_bar()
        await venue.candles.until(lambda heard: len(heard) >= 4)
        await venue.quiet()

        assert venue.candles.all == [
            CandleClosed(candle(SYMBOL, 0, CALM)),
            CandleClosed(candle(SYMBOL, 1, RISES)),
            CandleClosed(candle(SYMBOL, 2, FALLS)),
            CandleClosed(candle(SYMBOL, 3, GAPS)),
        ]


async def test_history_is_the_closed_candles_before_a_time_oldest_first(opened: Opens):
    async with opened(Scene([CALM, RISES, FALLS, GAPS])) as venue:
        for _ in range(3):
            await venue.next_bar()

        assert await history(venue, before_bar=99, limit=2) == [
            candle(SYMBOL, 1, RISES),
            candle(SYMBOL, 2, FALLS),  # the bar after it is still open
        ]
        assert await history(venue, before_bar=1, limit=2) == [candle(SYMBOL, 0, CALM)]


async def history(venue: Venue, *, before_bar: int, limit: int) -> list[Candle]:
    before_ms = T0 + before_bar * M15
    return list(await venue.feed.history(SYMBOL, before_ms=before_ms, limit=limit))


# -- the account ----------------------------------------------------------------------------------


async def test_a_deposit_raises_wallet_equity_and_transfers_alike(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        before = await venue.exchange.account()
        await venue.deposit("50")
        after = await venue.exchange.account()

    assert {before.wallet, before.equity, before.available} == {Decimal(1000)}
    assert {after.wallet, after.equity, after.available} == {Decimal(1050)}
    assert before.transfers is not None
    assert after.transfers == before.transfers + 50


async def test_what_a_trade_costs_is_no_transfer(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        before = await venue.exchange.account()
        await enter(venue)
        after = await venue.exchange.account()

    assert after.transfers == before.transfers
    assert after.wallet == Decimal("999.97999")  # 1000 - 20 * 2.001 * 0.0005
    assert after.equity == Decimal("999.95999")  # the wallet - 20 * (2.001 - 2)
    assert after.available == Decimal("995.97799")  # less a tenth of 20 * 2.001, and the loss


async def test_there_is_no_position_before_an_entry(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        assert await venue.exchange.position(SYMBOL) is None


async def test_a_position_tells_its_side_quantity_price_and_margin(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        await enter(venue)
        held = await venue.exchange.position(SYMBOL)

    assert held is not None
    assert (held.side, held.quantity) == (Side.LONG, Decimal(20))
    assert held.entry_price == Decimal("2.001")
    assert held.margin == Decimal("4.002")
    assert held.opened_ms == T0
    assert held.liquidation_price is not None
    # (20 * 2.001 - 4.002) / (20 * (1 - 0.005))
    assert round(held.liquidation_price, 8) == Decimal("1.80994975")


# -- entries --------------------------------------------------------------------------------------


async def test_a_market_entry_is_filled_when_the_answer_comes(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        report = await enter(venue)
        known = await venue.exchange.order(SYMBOL, ENTRY_ID)

    for found in (report, known):
        assert found is not None
        assert (found.client_order_id, found.side, found.kind, found.status) == (
            ENTRY_ID,
            OrderSide.BUY,
            MARKET,
            FILLED,
        )
        assert (found.quantity, found.filled_quantity) == (Decimal(20), Decimal(20))
    assert known is not None
    assert known.average_price == Decimal("2.001")  # the answer itself need not tell it


async def test_the_fill_of_an_entry_is_told_once_under_our_id_before_its_end(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        await enter(venue)
        await venue.quiet()

        assert [money(fill) for fill in venue.account.fills] == [
            (ENTRY_ID, OrderSide.BUY, Decimal("2.001"), Decimal(20), Decimal("0.02001"))
        ]
        assert venue.account.fills[0].at_ms == T0
        assert venue.account.statuses(ENTRY_ID) == [NEW, FILLED]
        assert [type(event).__name__ for event in venue.account.all] == [
            "OrderUpdated",
            "OrderFilled",
            "OrderUpdated",
        ]


async def test_an_entry_that_needs_more_margin_than_there_is_is_refused(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        with pytest.raises(Rejected) as refused:
            await enter(venue, "10000")  # a margin of 2001 of 1000

        assert refused.value.code == "-2019"
        assert await venue.exchange.position(SYMBOL) is None
        await venue.quiet()
        assert venue.account.fills == []


@pytest.mark.parametrize(
    ("quantity", "code"),
    [
        pytest.param("0.1", "-4164", id="below the smallest notional"),
        pytest.param("20.05", "-1111", id="between two steps"),
        pytest.param("2000000", "-4005", id="above the largest quantity"),
    ],
)
async def test_an_entry_outside_the_filters_is_refused(opened: Opens, quantity: str, code: str):
    async with opened(Scene([CALM])) as venue:
        with pytest.raises(Rejected) as refused:
            await enter(venue, quantity)

    assert refused.value.code == code


# -- protection -----------------------------------------------------------------------------------


async def test_a_closing_stop_without_a_position_is_refused(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        with pytest.raises(Rejected) as refused:
            await protect(venue, "1.95")

        assert refused.value.code == "-4509"
        assert await venue.exchange.open_orders(SYMBOL) == []


async def test_a_closing_stop_rests_among_the_open_orders(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        await enter(venue)
        placed = await protect(venue, "1.95")
        (seen,) = await venue.exchange.open_orders(SYMBOL)
        known = await venue.exchange.order(SYMBOL, STOP_ID)
        await venue.account.status(STOP_ID, NEW)

    for found in (placed, seen, known):
        assert found is not None
        assert (found.client_order_id, found.kind, found.side, found.status) == (
            STOP_ID,
            STOP,
            OrderSide.SELL,
            NEW,
        )
        assert (found.trigger_price, found.close_position) == (Decimal("1.95"), True)
        assert (found.quantity, found.filled_quantity, found.average_price) == (
            None,
            Decimal(0),
            None,
        )


async def test_a_second_closing_stop_is_refused(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        await enter(venue)
        await protect(venue, "1.95")
        with pytest.raises(Rejected) as refused:
            await protect(venue, "1.94", order_id=TRAIL_ID)

        assert refused.value.code == "-4130"
        assert [each.client_order_id for each in await venue.exchange.open_orders(SYMBOL)] == [
            STOP_ID
        ]


async def test_the_id_of_an_open_stop_is_not_taken_again(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        await enter(venue)
        await protect(venue, "1.95")
        with pytest.raises(Rejected) as refused:
            await protect(venue, "1.95")

    assert refused.value.code == "-4116"


async def test_a_stop_that_the_price_is_past_is_refused(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        await enter(venue)
        with pytest.raises(Rejected) as refused:
            await protect(venue, "2.05")

    assert refused.value.code == "-2021"


async def test_a_closing_stop_and_a_closing_target_rest_together(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        await enter(venue)
        await protect(venue, "1.95")
        await protect(venue, "2.05", kind=TARGET, order_id=TARGET_ID)

        assert {
            (each.client_order_id, each.kind, each.trigger_price)
            for each in await venue.exchange.open_orders(SYMBOL)
        } == {(STOP_ID, STOP, Decimal("1.95")), (TARGET_ID, TARGET, Decimal("2.05"))}


async def test_stops_with_a_quantity_stack_beside_the_closing_one(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        await enter(venue)
        await protect(venue, "1.93")
        await reduce_at(venue, "1.95", "20", order_id=TRAIL_ID)
        await reduce_at(venue, "1.94", "8", order_id=TARGET_ID)

        assert {
            (each.client_order_id, each.quantity, each.close_position)
            for each in await venue.exchange.open_orders(SYMBOL)
        } == {
            (STOP_ID, None, True),
            (TRAIL_ID, Decimal(20), False),
            (TARGET_ID, Decimal(8), False),
        }


async def test_a_stop_with_a_quantity_takes_that_much_of_the_position(opened: Opens):
    async with opened(Scene([CALM, FALLS])) as venue:
        await enter(venue)
        await reduce_at(venue, "1.95", "8", order_id=TRAIL_ID)
        await venue.next_bar()
        await venue.next_bar()
        await venue.account.status(TRAIL_ID, FILLED)
        held = await venue.exchange.position(SYMBOL)

    assert held is not None
    assert held.quantity == 12


@pytest.mark.parametrize(
    ("kind", "order_id", "trigger", "row", "price"),
    [
        # 1.95 and 2.05, slipped by 0.05 %
        pytest.param(STOP, STOP_ID, "1.95", FALLS, "1.949025", id="stop"),
        pytest.param(TARGET, TARGET_ID, "2.05", RISES, "2.048975", id="target"),
        # the open of 1.9, slipped
        pytest.param(STOP, STOP_ID, "1.95", GAPS, "1.89905", id="stop passed by a gap"),
    ],
)
async def test_a_level_that_a_bar_reaches_closes_the_position_under_its_id(
    opened: Opens, kind: OrderKind, order_id: str, trigger: str, row: Row, price: str
):
    async with opened(Scene([CALM, row])) as venue:
        await enter(venue)
        await protect(venue, trigger, kind=kind, order_id=order_id)
        await venue.next_bar()
        assert await venue.exchange.position(SYMBOL) is not None
        await venue.next_bar()
        await venue.account.status(order_id, FILLED)
        await venue.quiet()

        _, fill = venue.account.fills
        fee = 20 * Decimal(price) * Decimal("0.0005")
        assert money(fill) == (order_id, OrderSide.SELL, Decimal(price), Decimal(20), fee)
        assert fill.at_ms == T0 + 2 * M15 - 1
        assert venue.account.statuses(order_id) == [NEW, TRIGGERED, FILLED]
        assert isinstance(venue.account.all[-1], OrderUpdated)  # the fill comes before the end
        assert await venue.exchange.position(SYMBOL) is None
        assert await venue.exchange.open_orders(SYMBOL) == []
        ended = await venue.exchange.order(SYMBOL, order_id)
        assert ended is not None
        assert (ended.status, ended.filled_quantity, ended.average_price) == (
            FILLED,
            Decimal(20),
            Decimal(price),
        )


async def test_the_wallet_pays_what_a_stop_cost(opened: Opens):
    async with opened(Scene([FALLS])) as venue:
        await enter(venue)
        await protect(venue, "1.95")
        await venue.next_bar()
        await venue.account.filled(STOP_ID)

        # 1000 - 0.02001 - 20 * (2.001 - 1.949025) - 20 * 1.949025 * 0.0005
        assert await wallet(venue) == Decimal("998.92099975")


async def test_a_target_whose_position_was_stopped_expires_and_can_not_be_cancelled(
    opened: Opens,
):
    async with opened(Scene([FALLS])) as venue:
        await enter(venue)
        await protect(venue, "1.95")
        await protect(venue, "2.05", kind=TARGET, order_id=TARGET_ID)
        await venue.next_bar()
        await venue.account.status(STOP_ID, FILLED)

        await venue.account.status(TARGET_ID, EXPIRED)

        assert await venue.exchange.open_orders(SYMBOL) == []
        assert await venue.exchange.cancel(SYMBOL, TARGET_ID) is None


async def test_a_liquidation_is_told_under_an_id_of_the_exchange(opened: Opens):
    async with opened(Scene([CRASHES])) as venue:
        await enter(venue, "4000")
        await protect(venue, "1.6")
        await venue.next_bar()
        await venue.account.until(lambda _: len(venue.account.fills) == 2)
        await venue.quiet()

        forced = venue.account.fills[1]
        assert forced.client_order_id.startswith(LIQUIDATION_PREFIXES)
        assert (forced.side, forced.quantity) == (OrderSide.SELL, Decimal(4000))
        assert venue.account.statuses(STOP_ID) == [NEW, EXPIRED]
        assert await venue.exchange.position(SYMBOL) is None
        assert await wallet(venue) == Decimal("195.598")  # 1000 - 4.002 - a margin of 800.4


# -- cancelling and asking ------------------------------------------------------------------------


async def test_cancelling_an_id_nobody_used_gives_none(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        assert await venue.exchange.cancel(SYMBOL, NOBODYS_ID) is None


async def test_an_id_nobody_used_is_no_order(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        assert await venue.exchange.order(SYMBOL, NOBODYS_ID) is None


async def test_a_filled_order_cannot_be_cancelled(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        await enter(venue)

        assert await venue.exchange.cancel(SYMBOL, ENTRY_ID) is None
        assert await status(venue, ENTRY_ID) is FILLED


async def test_a_resting_stop_is_cancelled_once(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        await enter(venue)
        await protect(venue, "1.95")
        cancelled = await venue.exchange.cancel(SYMBOL, STOP_ID)
        again = await venue.exchange.cancel(SYMBOL, STOP_ID)
        await venue.account.status(STOP_ID, CANCELED)

        assert cancelled is not None
        assert (cancelled.client_order_id, cancelled.status) == (STOP_ID, CANCELED)
        assert again is None
        assert await venue.exchange.open_orders(SYMBOL) == []
        assert await status(venue, STOP_ID) is CANCELED
        assert venue.account.statuses(STOP_ID) == [NEW, CANCELED]


async def test_a_cancelled_stop_is_not_triggered(opened: Opens):
    async with opened(Scene([FALLS])) as venue:
        await enter(venue)
        await protect(venue, "1.95")
        await venue.exchange.cancel(SYMBOL, STOP_ID)
        await venue.next_bar()
        await venue.quiet()

        assert [fill.client_order_id for fill in venue.account.fills] == [ENTRY_ID]
        assert await venue.exchange.position(SYMBOL) is not None


# -- closing --------------------------------------------------------------------------------------


async def test_a_reduce_only_market_order_closes_the_position(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        await enter(venue)
        report = await close_at_market(venue)
        fill = await venue.account.filled(CLOSE_ID)

        assert (report.status, report.reduce_only) == (FILLED, True)
        assert money(fill) == (
            CLOSE_ID,
            OrderSide.SELL,
            Decimal("1.999"),
            Decimal(20),
            Decimal("0.01999"),
        )
        assert await venue.exchange.position(SYMBOL) is None
        assert await wallet(venue) == Decimal("999.92")  # 1000 - 0.02001 - 20 * 0.002 - 0.01999


async def test_a_reduce_only_order_takes_no_more_than_is_held(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        await enter(venue)
        await close_at_market(venue, "50")
        fill = await venue.account.filled(CLOSE_ID)

        assert fill.quantity == 20
        assert await venue.exchange.position(SYMBOL) is None


async def test_a_reduce_only_order_without_a_position_is_refused(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        with pytest.raises(Rejected) as refused:
            await close_at_market(venue)

    assert refused.value.code == "-2022"


# -- what is told and what is booked --------------------------------------------------------------


async def test_the_fills_booked_are_the_fills_told(opened: Opens):
    async with opened(Scene([CALM, FALLS])) as venue:
        await enter(venue)
        await protect(venue, "1.95")
        await venue.next_bar()
        await venue.next_bar()
        await venue.account.filled(STOP_ID)
        all_booked = await venue.exchange.fills(SYMBOL, since_ms=T0)
        late_booked = await venue.exchange.fills(SYMBOL, since_ms=T0 + 1)

        told = [plain(fill) for fill in venue.account.fills]
        assert [fill.client_order_id for fill in told] == [ENTRY_ID, STOP_ID]
        assert [plain(fill) for fill in all_booked] == told
        assert [plain(fill) for fill in late_booked] == told[1:]


async def test_the_funding_booked_is_the_funding_told(opened: Opens):
    settlement = Settlement(T0 + HOUR * M15, 0.0001, 2.0)
    async with opened(Scene([CALM] * (HOUR + 1), [settlement])) as venue:
        await enter(venue)
        for _ in range(HOUR):
            await venue.next_bar()
        await venue.quiet()
        assert venue.account.funding == []
        await venue.next_bar()
        await venue.account.until(lambda _: bool(venue.account.funding))
        await venue.quiet()
        booked = await venue.exchange.funding(SYMBOL, since_ms=T0)

        assert list(booked) == [
            FundingSettled(SYMBOL, T0 + HOUR * M15, Decimal("0.0001"), Decimal("-0.004"))
        ]  # 20 * 2 * 0.0001
        assert venue.account.funding == list(booked)
        assert await wallet(venue) == Decimal("999.97599")


async def test_nothing_is_booked_to_an_account_that_did_not_trade(opened: Opens):
    settlement = Settlement(T0 + HOUR * M15, 0.0001, 2.0)
    async with opened(Scene([CALM] * (HOUR + 1), [settlement])) as venue:
        for _ in range(HOUR + 1):
            await venue.next_bar()
        await venue.quiet()

        assert venue.account.all == []
        assert list(await venue.exchange.fills(SYMBOL, since_ms=T0)) == []
        assert list(await venue.exchange.funding(SYMBOL, since_ms=T0)) == []


async def test_a_subscription_hears_what_happens_from_its_call_on(opened: Opens):
    async with opened(Scene([CALM])) as venue:
        await enter(venue)
        late = venue.exchange.account_events(SYMBOL)
        await protect(venue, "1.95")
        async with asyncio.timeout(PATIENCE_S):
            first = await anext(late)

        assert isinstance(first, OrderUpdated)
        assert first.report.client_order_id == STOP_ID
