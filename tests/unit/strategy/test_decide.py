"""The one decision, as a table of what is held, what is signalled and what the filter says."""

import numpy as np
import pytest

from cointrader.domain.order import Side
from cointrader.signals.rules import Signal
from cointrader.strategy.decide import (
    Enter,
    Exit,
    FilterAnswer,
    Hold,
    MarketView,
    NoEntries,
    Reverse,
    Unfiltered,
    decide,
    reads_features,
)
from cointrader.strategy.plan import ExitSettings

EXITS = ExitSettings()


class SaysNo:
    def judge(self, view):
        return FilterAnswer(passed=False, probability=0.31, refusal="filter", detail="0.31 < 0.55")


def a_view(side, *, bars_before=300):
    return MarketView(
        symbol="XRPUSDT",
        open_time_ms=0,
        closed_at_ms=900_000,
        bars_before=bars_before,
        signal=Signal(side=side, strength=3 if side else 0, reasons=()),
        atr=0.5,
        features=lambda: np.zeros(26),
    )


@pytest.mark.parametrize("held", [None, Side.LONG, Side.SHORT])
def test_without_a_signal_everything_stays_as_it_is(held):
    assert decide(a_view(None), held, Unfiltered(), EXITS) == Hold("no-signal")


@pytest.mark.parametrize("side", list(Side))
def test_a_signal_while_flat_enters_with_exits_from_the_atr(side):
    decision = decide(a_view(side), None, Unfiltered(), EXITS)

    assert decision == Enter(side, EXITS.exits(atr=0.5))


@pytest.mark.parametrize("side", list(Side))
def test_a_signal_of_the_side_held_is_ignored(side):
    assert decide(a_view(side), side, Unfiltered(), EXITS) == Hold("same-side")


@pytest.mark.parametrize("side", list(Side))
def test_an_opposite_signal_reverses(side):
    decision = decide(a_view(side), side.opposite, Unfiltered(), EXITS)

    assert decision == Reverse(Enter(side, EXITS.exits(atr=0.5)))


def test_an_opposite_signal_that_the_filter_refuses_only_closes():
    decision = decide(a_view(Side.SHORT), Side.LONG, SaysNo(), EXITS)

    assert decision == Exit("filter", "0.31 < 0.55", 0.31)


def test_a_signal_that_the_filter_refuses_while_flat_is_held_with_its_reason():
    assert decide(a_view(Side.LONG), None, SaysNo(), EXITS) == Hold("filter", "0.31 < 0.55", 0.31)


def test_without_a_trusted_model_positions_are_still_closed_but_none_is_opened():
    assert decide(a_view(Side.LONG), None, NoEntries("no model"), EXITS) == Hold(
        "no-model", "no model"
    )
    assert decide(a_view(Side.LONG), Side.SHORT, NoEntries("no model"), EXITS) == Exit(
        "no-model", "no model"
    )


def test_the_first_decision_has_three_hundred_bars_before_it():
    early = decide(a_view(Side.LONG, bars_before=299), None, Unfiltered(), EXITS)
    assert early == Hold("warm-up", "299 of 300 bars")
    assert isinstance(decide(a_view(Side.LONG, bars_before=300), None, Unfiltered(), EXITS), Enter)


def test_a_filter_that_does_not_say_whether_it_looks_at_features_may_look_at_them():
    assert not reads_features(Unfiltered())
    assert not reads_features(NoEntries("no model"))
    assert reads_features(SaysNo())
