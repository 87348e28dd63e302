"""Whatever is asked in whatever order: slots, symbols, directions and margin hold."""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from cointrader.domain.instrument import Instrument
from cointrader.risk.book import Refusal
from cointrader.risk.limits import RiskLimits
from cointrader.risk.manager import Reservation, RiskManager
from cointrader.risk.sizing import margin_ratio, size_entry
from tests.unit.risk.fakes import LONG, SHORT, Settings, default_profile

SYMBOLS = tuple(f"S{number}USDT" for number in range(8))
SIDES = st.sampled_from([LONG, SHORT])
MONEY = st.floats(1.0, 1e7)


def assert_limits_hold(risk: RiskManager, positions: int = 3, direction: int = 2) -> None:
    sides = Counter(slot.side for slot in risk._book.slots.values())
    assert sides.total() <= positions
    assert max(sides.values(), default=0) <= direction


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["reserve", "commit", "release", "close"]),
            st.integers(0, 7),
            SIDES,
            st.floats(0.0, 600.0),
        ),
        max_size=60,
    )
)
def test_any_sequence_of_steps_keeps_the_limits(steps):
    async def play() -> None:
        risk = RiskManager(default_profile(symbols=SYMBOLS))
        risk.set_base_balance(1000.0)
        held: dict[str, Reservation] = {}
        for step, number, side, margin in steps:
            symbol = SYMBOLS[number]
            if step == "reserve":
                answer = await risk.reserve(symbol, side, margin)
                if isinstance(answer, Reservation):
                    assert symbol not in held
                    held[symbol] = answer
            elif step == "close":
                await risk.close_position(symbol, 0.0)
                held.pop(symbol, None)
            elif symbol in held:
                getattr(held[symbol], step)()
                if symbol not in risk.open_positions:
                    del held[symbol]
            assert_limits_hold(risk)
            assert sum(slot.margin for slot in risk._book.slots.values()) <= 1000.0 + 1e-6

    asyncio.run(play())


@given(MONEY, MONEY, st.booleans())
def test_the_margin_ratio_stays_in_its_bounds_and_never_grows_with_the_wallet(
    wallet, base, is_relative
):
    def ratio(snapshot: float) -> float:
        return margin_ratio(snapshot, base, 0.5, 0.2, 0.0006, is_relative)

    assert 0.2 <= ratio(wallet) <= 0.5
    assert ratio(wallet * 1.5) <= ratio(wallet)


@given(st.floats(10.0, 490.0))
def test_the_margin_ratio_moves_whenever_a_profit_moves(profit):
    now = margin_ratio(1000.0 + profit, 1000.0, 0.5, 0.2, 0.0006, False)
    later = margin_ratio(1009.0 + profit, 1000.0, 0.5, 0.2, 0.0006, False)

    assert later < now < 0.5


@given(
    st.floats(1e-4, 1e5),
    st.floats(0.0, 1e4),
    MONEY,
    st.sampled_from(["0.001", "0.1", "1", "10"]),
    st.sampled_from(["account", "risk", "fixed:50"]),
)
def test_a_size_is_on_the_grid_and_never_larger_than_it_was_meant(
    price, stop_distance, wallet, step, sizing
):
    limits = RiskLimits.of(Settings(sizing=sizing))
    grid = Instrument("ANY", step_size=Decimal(step), min_notional=Decimal(5))

    quantity = size_entry(
        LONG,
        price=price,
        stop_distance=stop_distance,
        snapshot=wallet,
        base=wallet,
        instrument=grid,
        limits=limits,
    )

    most = 50.0 if sizing == "fixed:50" else wallet / 3 * 0.5 * 10
    if isinstance(quantity, Refusal):
        assert quantity.reason in ("min-quantity", "min-notional")
    else:
        assert quantity % Decimal(step) == 0
        assert float(quantity) * price >= 5.0
        assert float(quantity) * price <= most * (1 + 1e-9) + 1e-8 * float(step) * price
        if sizing == "risk":
            assert float(quantity) * stop_distance <= wallet * 0.02 * (1 + 1e-6) + 1e-8
