"""Stops and targets from a fill."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cointrader.domain.errors import InvariantBroken
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import Side
from cointrader.strategy.plan import Exits, ExitSettings, Levels, trailed_stop

FREE = Instrument("XRPUSDT")
TICKED = Instrument("XRPUSDT", tick_size=Decimal("0.01"))


@pytest.mark.parametrize(
    ("side", "stop", "target"),
    [(Side.LONG, "98.5", "103.0"), (Side.SHORT, "101.5", "97.0")],
)
def test_levels_stand_in_multiples_of_the_atr_from_the_fill(side, stop, target):
    exits = ExitSettings(atr_sl_mult=0.75, atr_tp_mult=1.5).exits(atr=2.0)

    assert exits.levels(side, Decimal(100), FREE) == Levels(Decimal(stop), Decimal(target))


@pytest.mark.parametrize(
    ("side", "stop", "target"),
    [(Side.LONG, "197.0", "209.0"), (Side.SHORT, "203.0", "191.0")],
)
def test_levels_in_percent_follow_the_fill_and_not_the_signal(side, stop, target):
    exits = ExitSettings(mode="pct").exits(atr=123.0)

    assert exits.levels(side, Decimal(200), FREE) == Levels(Decimal(stop), Decimal(target))


def test_exits_unless_told_otherwise():
    assert ExitSettings() == ExitSettings("atr", 1.5, 3.0, 0.015, 0.045, 0.0)


def test_a_rule_may_bring_its_own_distances():
    exits = ExitSettings().exits(atr=1.0, stop_distance=5.0, target_distance=7.0)

    assert exits.levels(Side.LONG, Decimal(100), FREE) == Levels(Decimal("95.0"), Decimal("107.0"))


def test_triggers_are_rounded_to_the_tick_towards_the_entry():
    exits = Exits(stop=1.004, stop_is_ratio=False, target=3.006, target_is_ratio=False)

    assert exits.levels(Side.LONG, Decimal(100), TICKED) == Levels(
        Decimal("99.00"), Decimal("103.00")
    )
    assert exits.levels(Side.SHORT, Decimal(100), TICKED) == Levels(
        Decimal("101.00"), Decimal("97.00")
    )


@given(
    stop=st.floats(1e-9, 1e9),
    target=st.floats(1e-9, 1e9),
    stop_is_ratio=st.booleans(),
    target_is_ratio=st.booleans(),
)
def test_exits_survive_the_journal_to_the_last_bit(stop, target, stop_is_ratio, target_is_ratio):
    exits = Exits(stop, stop_is_ratio, target, target_is_ratio)

    assert Exits.from_text(exits.to_text()) == exits


def test_an_entry_without_exits_in_the_journal_is_a_broken_invariant():
    with pytest.raises(InvariantBroken):
        Exits.from_text("")


@pytest.mark.parametrize(
    ("sign", "stop", "best_close", "expected"),
    [
        (1, 95.0, 110.0, 99.0),  # nearer: moves up behind the best close
        (1, 99.5, 110.0, 99.5),  # farther: never moves back
        (-1, 105.0, 90.0, 99.0),
        (-1, 98.0, 90.0, 98.0),
    ],
)
def test_a_trailing_stop_only_ever_moves_nearer(sign, stop, best_close, expected):
    assert trailed_stop(sign, stop, best_close, 0.10) == pytest.approx(expected, rel=1e-12)
