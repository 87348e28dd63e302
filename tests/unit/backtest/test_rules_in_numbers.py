"""Rules as plain numbers say what their Decimal forms say."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cointrader.backtest.bar import distance
from cointrader.domain.candle import LIQUIDATED, NO_TOUCH, STOP, TARGET, bar_exit
from cointrader.domain.instrument import (
    Instrument,
    as_fraction,
    floor_steps,
    on_grid,
    trigger_level,
)
from cointrader.domain.order import Side
from cointrader.strategy.plan import is_past

NOTHING = float("nan")
grids = st.sampled_from(["0.1", "0.01", "0.0001", "0.00001", "0.5", "0.025", "1", "10", "1E+1"])


@given(grids, st.floats(1e-4, 1e6))
def test_a_level_is_the_float_of_the_price_that_is_sent(tick, value):
    instrument = Instrument("XRPUSDT", tick_size=Decimal(tick))
    grid = (float(tick), *as_fraction(Decimal(tick)))

    assert trigger_level(1, value, *grid) == float(instrument.stop_price(value, position=Side.LONG))
    assert trigger_level(-1, value, *grid) == float(
        instrument.target_price(value, position=Side.LONG)
    )


@given(grids, st.floats(0, 1e6))
def test_a_quantity_is_the_float_of_the_one_that_is_sent(step, value):
    instrument = Instrument("XRPUSDT", step_size=Decimal(step))

    steps = floor_steps(value, float(step))

    assert on_grid(steps, *as_fraction(Decimal(step))) == float(instrument.quantity(value))


def test_without_a_grid_a_level_stays_and_is_never_below_the_lowest_price():
    assert trigger_level(1, 1.23456789, 0.0, 0, 1) == 1.23456789
    assert trigger_level(1, -5.0, 0.0, 0, 1) == 1e-12


@pytest.mark.parametrize(
    ("sign", "low", "high", "liquidation", "expected"),
    [
        (1, 90, 101, 95, LIQUIDATED),  # above the stop of 92: it comes first
        (1, 95, 101, 95, LIQUIDATED),  # the level itself is touched
        (1, 90, 101, 92, STOP),  # at the stop itself
        (1, 90, 101, 91, STOP),
        (1, 90, 101, NOTHING, STOP),
        (1, 93, 101, 92.5, NO_TOUCH),
        (1, 94, 111, 93, TARGET),
        (-1, 99, 110, 105, LIQUIDATED),  # below the stop of 108
        (-1, 99, 105, 105, LIQUIDATED),
        (-1, 99, 110, 108, STOP),
        (-1, 99, 110, 109, STOP),
        (-1, 99, 104, 105, NO_TOUCH),
    ],
)
def test_a_bar_liquidates_only_what_it_does_not_stop_before(sign, low, high, liquidation, expected):
    stop, target = (92.0, 110.0) if sign > 0 else (108.0, 90.0)

    assert bar_exit(sign, 100.0, high, low, stop, target, liquidation, False) == expected


def test_a_distance_is_a_fraction_of_the_fill_or_so_many_units():
    assert distance(0.02, NOTHING, True, 150.0) == 3.0
    assert distance(1.5, 4.0, False, 150.0) == 6.0


@pytest.mark.parametrize(
    ("sign", "price", "level", "tick", "expected"),
    [
        (1, 100.0, 100.0, 0.1, False),
        (1, 99.95, 100.0, 0.1, False),  # within the tick of it
        (1, 99.9, 100.0, 0.1, True),
        (-1, 100.05, 100.0, 0.1, False),
        (-1, 100.1, 100.0, 0.1, True),
        (1, 99.99999, 100.0, 0.0, True),
        (1, 100.0, 100.0, 0.0, False),  # at it is not past it
        (-1, 100.0, 100.0, 0.0, False),
        (-1, 100.00001, 100.0, 0.0, True),
        (-1, 99.99999, 100.0, 0.0, False),
    ],
)
def test_a_stop_is_past_when_the_price_is_a_tick_beyond_it(sign, price, level, tick, expected):
    assert bool(np.bool_(is_past(sign, price, level, tick))) is expected
