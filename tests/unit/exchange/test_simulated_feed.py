"""What subscribers hear and when, from the first bar to the end of each symbol."""

# mypy: disable-error-code="comparison-overlap"
# Decimals are compared with whole numbers here.

import asyncio
import gc
from decimal import Decimal
from typing import Any

import pytest

from cointrader.domain.errors import ConfigError, InvariantBroken, Rejected
from cointrader.domain.events import CandleClosed, FeedEnded, OrderFilled
from cointrader.domain.order import SETTLEMENT_PREFIX, OrderKind, OrderRequest
from cointrader.domain.ports import Exchange, MarketFeed, Settlement
from cointrader.exchange.simulated import Costs, SimulatedExchange, unconstrained
from cointrader.exchange.subscriptions import Subscription
from tests.unit.exchange.simulated_fakes import (
    BUY,
    FLAT,
    FREE,
    M15,
    SELL,
    STOP,
    T0,
    TARGET,
    FakeClock,
    TableSource,
    opens,
    unread,
)


def a_market(source: TableSource, clock: FakeClock, *symbols: str, **settings):
    names = symbols or ("XRPUSDT",)
    return SimulatedExchange(
        source,
        clock,
        symbols=names,
        balance=Decimal(1000),
        leverage=10,
        instruments={symbol: unconstrained(symbol) for symbol in names},
        **{"costs": FREE, **settings},
    )


async def heard_until_the_end(exchange, clock, *symbols):
    """(time, symbol, bar) of every candle heard, and (time, symbol, "end")."""
    heard = []

    async def listen(subscription):
        async for event in subscription:
            if isinstance(event, FeedEnded):
                heard.append((clock.now_ms() - T0, event.symbol, "end"))
            else:
                bar = (event.candle.open_time_ms - T0) // M15
                heard.append((clock.now_ms() - T0, event.candle.symbol, bar))

    listener = asyncio.create_task(listen(exchange.candles(symbols)))
    await clock.finish(asyncio.create_task(exchange.run()))
    await asyncio.wait_for(listener, 1)  # the iterator ends with its last symbol
    return heard


async def test_simulated_exchange_is_an_exchange_and_a_market_feed():
    exchange = a_market(TableSource({"XRPUSDT": [FLAT]}), FakeClock())
    ports: tuple[Exchange, MarketFeed] = (exchange, exchange)  # mypy checks the signatures

    assert len(ports) == 2
    assert exchange.label == "table"


async def test_candle_is_heard_at_its_close_and_the_end_instead_of_the_last_one():
    clock = FakeClock()
    exchange = a_market(TableSource({"XRPUSDT": [FLAT] * 3}), clock)

    assert await heard_until_the_end(exchange, clock, "XRPUSDT") == [
        (M15, "XRPUSDT", 0),
        (2 * M15, "XRPUSDT", 1),
        (3 * M15 - 1, "XRPUSDT", "end"),
    ]
    assert (exchange.progress.done, exchange.progress.total) == (3, 3)
    assert exchange.progress.at_ms == opens(2)


async def test_range_starts_at_the_first_bar_at_or_after_start_and_excludes_the_end():
    clock = FakeClock()
    source = TableSource({"XRPUSDT": [FLAT] * 10})
    exchange = a_market(source, clock, start_ms=opens(3) - 1, end_ms=opens(6))
    heard = await heard_until_the_end(exchange, clock, "XRPUSDT")

    assert heard == [
        (4 * M15, "XRPUSDT", 3),
        (5 * M15, "XRPUSDT", 4),
        (6 * M15 - 1, "XRPUSDT", "end"),
    ]
    history = await exchange.history("XRPUSDT", before_ms=opens(99), limit=99)
    assert [candle.open_time_ms for candle in history] == [opens(bar) for bar in range(5)]


async def test_each_symbol_ends_at_its_own_last_candle_and_starts_at_its_own_first():
    clock = FakeClock()
    source = TableSource({"A": [FLAT] * 2, "B": [FLAT] * 3}, first_bar={"B": 1})
    heard = await heard_until_the_end(a_market(source, clock, "A", "B"), clock, "A", "B")

    assert heard == [
        (M15, "A", 0),
        (2 * M15 - 1, "A", "end"),
        (2 * M15, "B", 1),
        (3 * M15, "B", 2),
        (4 * M15 - 1, "B", "end"),
    ]


async def test_correlation_candles_come_with_the_traded_ones_until_they_end():
    clock = FakeClock()
    source = TableSource({"XRPUSDT": [FLAT] * 4, "BTCUSDT": [FLAT] * 3}, first_bar={"BTCUSDT": -1})
    exchange = a_market(source, clock, correlation_symbols=["BTCUSDT", "XRPUSDT"])

    assert await heard_until_the_end(exchange, clock, "XRPUSDT", "BTCUSDT") == [
        (M15, "BTCUSDT", 0),
        (M15, "XRPUSDT", 0),
        (2 * M15, "BTCUSDT", 1),
        (2 * M15, "BTCUSDT", "end"),
        (2 * M15, "XRPUSDT", 1),
        (3 * M15, "XRPUSDT", 2),
        (4 * M15 - 1, "XRPUSDT", "end"),
    ]


async def test_symbol_without_candles_ends_at_once_and_refuses_orders():
    clock = FakeClock()
    source = TableSource({"A": [FLAT] * 2})
    exchange = a_market(source, clock, "A", "B", correlation_symbols=["C"])

    with pytest.raises(Rejected) as caught:
        await exchange.place(OrderRequest("x", "B", BUY, OrderKind.MARKET, quantity=Decimal(1)))
    assert caught.value.code == "-4141"
    assert await heard_until_the_end(exchange, clock, "B", "C") == [
        (0, "B", "end"),
        (0, "C", "end"),
    ]


async def test_late_candle_is_heard_late_and_candles_of_one_symbol_stay_in_order():
    clock = FakeClock()
    source = TableSource({"A": [FLAT] * 4, "B": [FLAT] * 4})
    late = {("A", opens(0)): 700, ("B", opens(0)): M15 + 5}
    exchange = a_market(
        source, clock, "A", "B", lateness=lambda symbol, at: late.get((symbol, at), 0)
    )

    assert (await heard_until_the_end(exchange, clock, "A", "B"))[:5] == [
        (M15 + 700, "A", 0),
        (2 * M15, "A", 1),
        (2 * M15 + 5, "B", 0),
        (2 * M15 + 5, "B", 1),
        (3 * M15, "A", 2),
    ]


async def test_order_after_a_late_candle_fills_at_the_open_and_carries_its_time():
    clock = FakeClock()
    source = TableSource({"XRPUSDT": [FLAT, (104, 106, 103, 105), FLAT]})
    exchange = a_market(source, clock, lateness=lambda *_: 5_000)
    run = asyncio.create_task(exchange.run())
    await clock.advance_to(opens(1) + 5_000)
    await exchange.place(OrderRequest("e", "XRPUSDT", BUY, OrderKind.MARKET, quantity=Decimal(1)))
    run.cancel()

    (fill,) = exchange.fill_log
    assert (fill.price, fill.at_ms) == (104, opens(1))


async def test_run_cancelled_inside_a_bar_goes_on_where_it_was():
    clock = FakeClock()
    exchange = a_market(TableSource({"XRPUSDT": [FLAT] * 4}), clock)
    run = asyncio.create_task(exchange.run())
    await clock.advance_to(opens(1) + 1)
    run.cancel()
    subscription = exchange.candles(["XRPUSDT"])
    await clock.finish(asyncio.create_task(exchange.run()))

    assert exchange.progress.done == 4
    assert len(await unread(subscription)) == 3  # bars 1 and 2, and the end


# -- the end of a symbol ---------------------------------------------------------------------------


async def played_to_the_end(last, **protection):
    clock = FakeClock()
    source = TableSource({"XRPUSDT": [FLAT, last]})
    exchange = a_market(source, clock, costs=Costs(Decimal("0.001"), Decimal("0.01")))
    events = exchange.account_events("XRPUSDT")
    exchange.open_bar(opens(0))
    await exchange.place(OrderRequest("e", "XRPUSDT", BUY, OrderKind.MARKET, quantity=Decimal(1)))
    for kind, trigger in protection.items():
        request = OrderRequest(
            kind,
            "XRPUSDT",
            SELL,
            STOP if kind == "stop" else TARGET,
            trigger_price=Decimal(trigger),
            close_position=True,
        )
        await exchange.place(request)
    exchange.close_bar(opens(0))
    exchange.open_bar(opens(1))
    exchange.close_bar(opens(1))
    return exchange, await unread(events)


async def test_position_at_the_last_close_is_closed_by_the_exchange_with_slippage_and_fee():
    exchange, events = await played_to_the_end((100, 102, 99, 101), stop="90")

    end = exchange.fill_log[-1]
    assert end.client_order_id.startswith(SETTLEMENT_PREFIX)
    assert end.client_order_id == "settlement_autoclose-2"
    assert (end.price, end.fee) == (Decimal("99.99"), Decimal("0.09999"))
    assert end.at_ms == opens(2) - 1
    assert await exchange.open_orders("XRPUSDT") == []
    assert OrderFilled(end) in events
    account = await exchange.account()
    assert account.wallet == account.equity == Decimal("998.78901")  # -1.01 gross, -0.20099 fees


async def test_stop_of_the_last_bar_comes_before_the_end():
    exchange, _ = await played_to_the_end((100, 102, 89, 101), stop="90", target="200")

    assert [fill.client_order_id for fill in exchange.fill_log] == ["e", "stop"]
    assert await exchange.open_orders("XRPUSDT") == []


async def test_entry_at_the_last_bars_open_is_taken_and_nothing_after_its_close():
    clock = FakeClock()
    exchange = a_market(TableSource({"XRPUSDT": [FLAT]}), clock)
    entry = OrderRequest("e", "XRPUSDT", BUY, OrderKind.MARKET, quantity=Decimal(1))
    exchange.open_bar(opens(0))
    await exchange.place(entry)
    exchange.close_bar(opens(0))

    assert len(exchange.fill_log) == 2
    with pytest.raises(Rejected) as caught:
        await exchange.place(entry)
    assert caught.value.code == "-4141"


async def test_order_before_any_price_is_refused():
    exchange = a_market(TableSource({"XRPUSDT": [FLAT]}), FakeClock())

    with pytest.raises(Rejected) as caught:
        await exchange.quote("XRPUSDT")
    assert caught.value.code == "-1112"


async def test_before_the_first_bar_the_last_close_of_history_is_the_price():
    source = TableSource({"XRPUSDT": [(100, 103, 99, 102), FLAT]})
    exchange = a_market(source, FakeClock(), start_ms=opens(1))

    assert (await exchange.quote("XRPUSDT")).mark == 102


# -- subscriptions ---------------------------------------------------------------------------------


async def test_subscription_counts_from_the_call_and_every_subscriber_hears_all():
    clock = FakeClock()
    exchange = a_market(TableSource({"XRPUSDT": [FLAT] * 4}), clock)
    early = exchange.candles(["XRPUSDT"])
    run = asyncio.create_task(exchange.run())
    await clock.advance_to(opens(1))
    late = exchange.candles(["XRPUSDT"])
    await clock.finish(run)

    assert [type(event) for event in await unread(early)] == [CandleClosed] * 3 + [FeedEnded]
    assert len(await unread(late)) == 3


async def test_subscription_after_the_end_hears_the_end_at_once():
    clock = FakeClock()
    exchange = a_market(TableSource({"XRPUSDT": [FLAT]}), clock)
    await clock.finish(asyncio.create_task(exchange.run()))

    assert [event async for event in exchange.candles(["XRPUSDT"])] == [
        FeedEnded("XRPUSDT", opens(1) - 1)
    ]


async def test_closed_subscription_ends_its_reader_and_hears_nothing_more():
    clock = FakeClock()
    exchange = a_market(TableSource({"XRPUSDT": [FLAT] * 3}), clock)
    subscription = exchange.candles(["XRPUSDT"])
    reader = asyncio.ensure_future(anext(subscription))
    await asyncio.sleep(0)
    await subscription.aclose()

    with pytest.raises(StopAsyncIteration):
        await reader
    await clock.finish(asyncio.create_task(exchange.run()))
    assert await unread(subscription) == []


async def test_reader_that_stops_reading_breaks_an_invariant():
    subscription: Subscription[int] = Subscription("candles of XRPUSDT", limit=2)
    subscription.put(1)
    subscription.put(2)

    with pytest.raises(InvariantBroken, match="candles of XRPUSDT"):
        subscription.put(3)


async def test_dropped_subscription_is_forgotten_and_never_overflows():
    source = TableSource({"XRPUSDT": [FLAT] * 2})
    exchange = a_market(source, FakeClock(), check_margin=False)
    exchange.account_events("XRPUSDT")
    gc.collect()

    exchange.open_bar(opens(0))
    for number in range(6_000):  # two events each
        order = OrderRequest(f"{number}", "XRPUSDT", BUY, OrderKind.MARKET, quantity=Decimal(1))
        await exchange.place(order)
    assert len(exchange.fill_log) == 6_000


async def test_second_reader_of_one_subscription_is_an_error():
    subscription: Subscription[int] = Subscription("test")
    first = asyncio.ensure_future(anext(subscription))
    await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="two readers"):
        await anext(subscription)
    first.cancel()


# -- what is known by when -------------------------------------------------------------------------


async def test_history_ends_with_the_last_candle_closed_by_now():
    clock = FakeClock()
    exchange = a_market(TableSource({"XRPUSDT": [FLAT] * 9}), clock, start_ms=opens(5))

    async def bars(before: int, limit: int) -> list[int]:
        found = await exchange.history("XRPUSDT", before_ms=before, limit=limit)
        return [(candle.open_time_ms - T0) // M15 for candle in found]

    await clock.advance_to(opens(6) - 1)
    assert await bars(opens(99), 2) == [3, 4]
    await clock.advance_to(opens(6))
    assert await bars(opens(99), 2) == [4, 5]
    assert await bars(opens(4), 99) == [0, 1, 2, 3]
    assert await bars(opens(0), 99) == []


async def test_funding_rates_and_open_interest_are_answered_up_to_now():
    clock = FakeClock()
    settlements = [Settlement(opens(bar), 0.0001 * bar) for bar in (1, 2, 3)]
    source = TableSource(
        {"XRPUSDT": [FLAT] * 5},
        settlements={"XRPUSDT": settlements},
        open_interest={"XRPUSDT": [(opens(bar), 10.0 * bar) for bar in (1, 2, 3)]},
    )
    exchange = a_market(source, clock)
    await clock.advance_to(opens(2))

    assert await exchange.funding_rates("XRPUSDT", 0, opens(9)) == settlements[:2]
    assert await exchange.funding_rates("XRPUSDT", opens(2), opens(9)) == settlements[1:2]
    assert await exchange.open_interest("XRPUSDT", 0, opens(2)) == [(opens(1), 10.0)]
    assert await exchange.open_interest("XRPUSDT", opens(2), opens(9)) == [(opens(2), 20.0)]


async def test_unknown_symbol_is_refused_everywhere():
    exchange = a_market(TableSource({"XRPUSDT": [FLAT]}), FakeClock())
    calls = [
        exchange.cancel("NOPE", "x"),
        exchange.order("NOPE", "x"),
        exchange.open_orders("NOPE"),
        exchange.position("NOPE"),
        exchange.quote("NOPE"),
        exchange.instrument("NOPE"),
        exchange.history("NOPE", before_ms=0, limit=1),
        exchange.fills("NOPE", since_ms=0),
        exchange.funding("NOPE", since_ms=0),
    ]
    for call in calls:
        with pytest.raises(Rejected) as caught:
            await call
        assert caught.value.code == "-1121"
    with pytest.raises(Rejected):
        exchange.candles(["XRPUSDT", "NOPE"])
    with pytest.raises(Rejected):
        exchange.account_events("NOPE")


def test_market_that_cannot_be_traded_is_refused():
    source = TableSource({"XRPUSDT": [FLAT]})
    settings: dict[str, Any] = {
        "balance": Decimal(1),
        "costs": FREE,
        "leverage": 1,
        "instruments": {},
    }

    for symbols, message in ((["A"], "no instrument"), ([], "no symbols"), (["A", "A"], "twice")):
        with pytest.raises(ConfigError, match=message):
            SimulatedExchange(source, FakeClock(), symbols=symbols, **settings)
