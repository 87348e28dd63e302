"""Stops and targets with a limit price, against a walk along the bars unit by unit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from cointrader.domain.order import OrderKind, OrderSide
from tests.unit.exchange.simulated_fakes import BUY, SELL, STOP, TARGET, Bench, Row

Bar = tuple[int, int, int, int]
prices = st.integers(90, 110)


@st.composite
def bars(draw: st.DrawFn) -> Bar:
    opens, closes = draw(prices), draw(prices)
    high = max(opens, closes) + draw(st.integers(0, 6))
    low = min(opens, closes) - draw(st.integers(0, 6))
    return opens, high, low, closes


def walk(bar: Bar, *, upwards_first: bool) -> Iterator[int]:
    """Every whole price that a bar goes through."""
    opens, high, low, closes = bar
    here = opens
    yield here
    for there in (*((high, low) if upwards_first else (low, high)), closes):
        while here != there:
            here += 1 if there > here else -1
            yield here


def expected(
    side: OrderSide, kind: OrderKind, trigger: int, limit: int, table: Sequence[Bar]
) -> int | None:
    """What it fills at, told by its rules for one price after the other; None: not at all."""
    buys = side is BUY
    waits_up = buys is (kind is STOP)
    is_armed = True
    for bar in table:
        for number, price in enumerate(walk(bar, upwards_first=buys)):
            if is_armed and (price >= trigger if waits_up else price <= trigger):
                is_armed = False
                # A stop that a bar opens beyond is taken at the open, a target never better.
                market = price if kind is STOP and number == 0 else trigger
                if market <= limit if buys else market >= limit:
                    return market
            if not is_armed and (price <= limit if buys else price >= limit):
                return limit
    return None


@given(
    side=st.sampled_from([BUY, SELL]),
    kind=st.sampled_from([STOP, TARGET]),
    trigger=prices,
    limit=prices,
    first=bars(),
    table=st.lists(bars(), min_size=1, max_size=4),
)
def test_it_fills_where_a_walk_along_the_bars_would(
    side: OrderSide, kind: OrderKind, trigger: int, limit: int, first: Bar, table: list[Bar]
) -> None:
    waits_up = (side is BUY) is (kind is STOP)
    assume(trigger > first[0] if waits_up else trigger < first[0])  # else it triggers at once

    async def play() -> Decimal | None:
        rows: list[Row] = [(*map(float, bar),) for bar in (first, *table)]  # type: ignore[misc]
        bench = Bench(*rows)
        bench.open(0)
        await bench.place(side, kind, trigger_price=str(trigger), price=str(limit), quantity="1")
        bench.close(0)
        bench.play(*range(1, len(rows)))
        return bench.exchange.fill_log[0].price if bench.exchange.fill_log else None

    assert asyncio.run(play()) == expected(side, kind, trigger, limit, [first, *table])
