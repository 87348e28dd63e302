"""Executions in parts, and how long what happened can be asked for."""

# mypy: disable-error-code="comparison-overlap"
# Decimals are compared with whole numbers here.

from decimal import Decimal

import pytest

from cointrader.domain.events import FundingSettled, OrderFilled, OrderUpdated
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import OrderStatus, Side
from cointrader.exchange.simulated import at_most
from cointrader.exchange.simulated.history import History
from cointrader.exchange.simulated.liquidity import parts_of
from tests.unit.exchange.simulated_fakes import BUY, FLAT, SELL, STOP, Bench, unread

D = Decimal


def opened(**settings) -> Bench:
    bench = Bench(FLAT, (100, 100, 97, 98), FLAT, liquidity=at_most(D(250)), **settings)
    bench.open(0)
    return bench


async def test_order_larger_than_the_liquidity_fills_in_parts_with_their_own_trade_ids():
    bench = opened(instrument=Instrument("XRPUSDT", step_size=D(1)))
    report = await bench.market(BUY, "5", "m")

    events = await unread(bench.events)
    fills = [(e.fill.trade_id, e.fill.quantity) for e in events if isinstance(e, OrderFilled)]
    told = [
        (e.report.status, e.report.filled_quantity) for e in events if isinstance(e, OrderUpdated)
    ]
    assert fills == [(1, 2), (2, 2), (3, 1)]
    assert told == [
        (OrderStatus.NEW, 0),
        (OrderStatus.PARTIALLY_FILLED, 2),
        (OrderStatus.PARTIALLY_FILLED, 4),
        (OrderStatus.FILLED, 5),
    ]
    assert (report.status, report.quantity, report.average_price) == (OrderStatus.FILLED, 5, 100)


async def test_stop_fills_in_parts_and_closes_the_whole_position():
    bench = opened(instrument=Instrument("XRPUSDT", step_size=D(1)))
    await bench.market(BUY, "5")
    await bench.conditional(SELL, STOP, "98")
    bench.close(0)
    bench.play(1)

    assert [fill.quantity for fill in bench.exchange.fill_log][3:] == [2, 2, 1]
    assert await bench.exchange.position("XRPUSDT") is None


async def test_parts_add_up_to_a_flip():
    bench = opened(instrument=Instrument("XRPUSDT", step_size=D(1)))
    await bench.market(BUY, "3")
    await bench.market(SELL, "8")

    held = await bench.held()
    assert (held.side, held.quantity) == (Side.SHORT, 5)


@pytest.mark.parametrize(
    ("quantity", "most", "step", "parts"),
    [
        ("1", "5", "0.1", ["1"]),
        ("1", "0.45", "0.1", ["0.4", "0.4", "0.2"]),
        ("0.3", "0.01", "0.1", ["0.1", "0.1", "0.1"]),  # never less than a step
        ("1", "0.4", None, ["0.4", "0.4", "0.2"]),
    ],
)
def test_parts_are_on_the_grid_and_add_up(quantity, most, step, parts):
    found = parts_of(D(quantity), D(most), None if step is None else D(step))

    assert list(found) == [D(part) for part in parts]


def test_no_execution_has_many_more_than_a_hundred_parts():
    assert len(list(parts_of(D("833333.3"), D("0.1"), D("0.1")))) <= 101
    assert len(list(parts_of(D("833.33333333333337"), D("1e-9"), None))) <= 101


def paid(at_ms: int) -> FundingSettled:
    return FundingSettled("XRPUSDT", at_ms, D(0), D(0))


def test_history_keeps_the_last_hundred_and_all_of_the_newest_position():
    short, long = History[FundingSettled](), History[FundingSettled]()
    for at_ms in range(300):
        short.add(paid(at_ms), position_since_ms=290)
        long.add(paid(at_ms), position_since_ms=50)

    assert [record.at_ms for record in short] == list(range(200, 300))
    assert [record.at_ms for record in long] == list(range(50, 300))
    assert [record.at_ms for record in long.since(298)] == [298, 299]
