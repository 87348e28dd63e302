"""Brackets of an instrument: what a notional asks for, and what a leverage allows."""

from dataclasses import replace
from decimal import Decimal

import pytest

from cointrader.domain.instrument import Instrument, LeverageBracket, brackets_of

D = Decimal
TIERED = Instrument(
    "XRPUSDT",
    brackets=brackets_of(
        [(D(10_000), 75, D("0.005")), (D(20_000), 50, D("0.0065")), (D(160_000), 40, D("0.01"))]
    ),
)


def test_brackets_meet_at_their_caps():
    assert [bracket.maintenance_amount for bracket in TIERED.brackets] == [0, D(15), D(85)]
    assert TIERED.maintenance_margin(D(10_000)) == D(50)
    assert TIERED.maintenance_margin(D(20_000)) == D(115)  # both lines: 0.0065 - 15, 0.01 - 85
    assert TIERED.maintenance_margin(D(160_000)) == D(1515)


@pytest.mark.parametrize(
    ("notional", "margin"),
    [("1", "0.005"), ("9999", "49.995"), ("10001", "50.0065"), ("999999", "9914.99")],
)
def test_maintenance_margin_is_that_of_the_bracket_whose_cap_comes_next(notional, margin):
    assert TIERED.maintenance_margin(D(notional)) == D(margin)  # beyond the last cap: the last's


@pytest.mark.parametrize(
    ("leverage", "largest"), [(76, 0), (75, 10_000), (51, 10_000), (50, 20_000), (10, 160_000)]
)
def test_leverage_allows_positions_up_to_the_cap_of_its_last_bracket(leverage, largest):
    assert TIERED.max_notional(leverage) == largest


def test_first_bracket_is_what_the_instrument_says_of_itself():
    assert (TIERED.max_leverage, TIERED.maintenance_margin_ratio) == (75, D("0.005"))


def test_ratio_alone_makes_one_bracket_without_a_cap():
    simple = Instrument("XRPUSDT", maintenance_margin_ratio=D("0.005"), max_leverage=50)

    assert simple.brackets == (LeverageBracket(None, 50, D("0.005")),)
    assert simple.max_notional(50) is None
    assert simple.max_notional(51) == 0
    assert simple.maintenance_margin(D(10**9)) == D(5_000_000)


def test_instrument_without_brackets_asks_for_nothing():
    free = Instrument("XRPUSDT")

    assert free.max_notional(125) is None
    assert free.maintenance_margin(D(1)) == 0


def test_changed_instrument_keeps_its_brackets():
    assert replace(TIERED, tick_size=D("0.1")).brackets == TIERED.brackets
