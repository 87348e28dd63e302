"""Reading limits from any object, and the gates at their edges."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from cointrader.domain.errors import ConfigError
from cointrader.risk.limits import (
    ACCOUNT,
    FIXED,
    REASONS,
    RISK,
    RiskLimits,
    daily_loss_reached,
    drawdown_reached,
    first_refusal,
    open_risk_exceeded,
    risk_to_stop,
    sizing_of,
)
from tests.unit.risk.fakes import Settings

CONTRACT = {
    "symbols": ["A", "B"],
    "leverage": 10,
    "max_positions": 3,
    "max_same_direction": 2,
    "max_daily_loss": 0.05,
    "margin_max_ratio": 0.5,
    "margin_min_ratio": 0.2,
    "margin_decay_rate": 0.0006,
}


def test_an_object_with_only_the_contract_gets_every_protection():
    limits = RiskLimits.of(SimpleNamespace(**CONTRACT))

    assert limits == RiskLimits(
        symbols=("A", "B"),
        leverage=10,
        max_positions=3,
        max_same_direction=2,
        max_daily_loss=0.05,
        margin_max_ratio=0.5,
        margin_min_ratio=0.2,
        margin_decay_rate=0.0006,
        is_decay_relative=False,
        is_loss_marked=True,
        has_open_risk_bound=True,
        max_drawdown=0.30,
        has_kill_fast=False,
        has_kill_slow=False,
        slots=2,
        has_margin_check=True,
        has_liquidation_rule=True,
        max_entry_delay_ms=30_000,
        is_probability_first=False,
        auction_deadline_ms=2_000,
        sizing=ACCOUNT,
        fixed_notional=0.0,
        risk_per_trade=0.02,
        taker_fee=0.0,
    )


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"margin_decay": "relative"}, {"is_decay_relative": True}),
        ({"daily_loss_basis": "realised"}, {"is_loss_marked": False}),
        ({"open_risk_bound": False}, {"has_open_risk_bound": False}),
        ({"max_drawdown": None}, {"max_drawdown": None}),
        ({"kill_fast": True}, {"has_kill_fast": True}),
        ({"kill_slow": True}, {"has_kill_slow": True}),
        ({"check_margin": False}, {"has_margin_check": False}),
        ({"liquidation_distance": False}, {"has_liquidation_rule": False}),
        ({"tie_break": "probability"}, {"is_probability_first": True}),
        ({"sizing": "risk"}, {"sizing": RISK}),
        ({"max_positions": 1}, {"max_positions": 1, "slots": 1}),
        ({"max_positions": 1, "slots_by": "symbols"}, {"max_positions": 1, "slots": 2}),
        ({"symbols": []}, {"symbols": (), "slots": 1}),  # nothing to share, and nothing by 0
    ],
)
def test_a_setting_changes_its_own_limit_and_no_other(changed, expected):
    limits = RiskLimits.of(SimpleNamespace(**CONTRACT))

    assert RiskLimits.of(SimpleNamespace(**CONTRACT | changed)) == replace(limits, **expected)


@pytest.mark.parametrize(
    "wrong",
    [
        {"margin_decay": "linear"},
        {"daily_loss_basis": "guessed"},
        {"tie_break": "luck"},
        {"slots_by": "max"},
        {"sizing": "all-in"},
        {"sizing": "fixed:0"},
        {"sizing": "fixed:inf"},
        {"sizing": "fixed:lots"},
    ],
)
def test_an_unknown_word_is_refused_with_its_name(wrong):
    with pytest.raises(ConfigError) as caught:
        RiskLimits.of(SimpleNamespace(**CONTRACT, **wrong))

    assert caught.value.where == next(iter(wrong))


def test_sizing_words():
    assert sizing_of("risk") == (RISK, 0.0)
    assert sizing_of("fixed:250.5") == (FIXED, 250.5)
    assert [sizing_of(text)[0] for text in ("account", "risk", "fixed:1")] == [0, 1, 2]


def test_fixed_sizing_turns_every_limit_off():
    given = CONTRACT | {"kill_fast": True, "kill_slow": True}
    on = RiskLimits.of(SimpleNamespace(**given))

    off = RiskLimits.of(SimpleNamespace(**given, sizing="fixed:100"))

    assert off.is_unlimited
    assert not on.is_unlimited
    assert off == replace(
        on,
        sizing=FIXED,
        fixed_notional=100.0,
        max_positions=off.max_positions,
        max_same_direction=off.max_positions,
        has_open_risk_bound=False,
        max_drawdown=None,
        has_kill_fast=False,
        has_kill_slow=False,
        has_margin_check=False,
    )
    assert off.max_positions > 1_000_000


def test_unknown_symbols_rank_behind_the_configured_ones():
    limits = RiskLimits.of(Settings(symbols=("B", "A")))

    assert [limits.rank(symbol) for symbol in ("B", "A", "Z")] == [0, 1, 2]


@pytest.mark.parametrize(
    ("start", "now", "expected"),
    [
        (1000.0, 950.01, False),
        (1000.0, 950.0, True),
        (1003.0, 952.85, True),  # exactly 5 %, whatever floats make of it
        (0.0, 0.0, True),
    ],
)
def test_the_daily_loss_counts_as_reached_at_the_limit(start, now, expected):
    assert daily_loss_reached(start, now, 0.05) is expected


def test_open_risk_may_fill_the_limit_but_not_pass_it():
    assert not open_risk_exceeded(1000.0, 990.0, 30.0, 10.0, 0.05)
    assert open_risk_exceeded(1000.0, 990.0, 30.0, 10.1, 0.05)
    assert not open_risk_exceeded(1000.0, 1020.0, 30.0, 40.0, 0.05)  # a gain makes room


def test_the_drawdown_is_reached_at_its_limit():
    assert not drawdown_reached(1000.0, 700.01, 0.30)
    assert drawdown_reached(1000.0, 700.0, 0.30)


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e9])
def test_an_amount_is_at_its_limit_to_a_hair_of_itself_whatever_its_size(size):
    start, hair, more = 1000.0 * size, 1e-10 * size, 1e-6 * size

    def refused(margin: float) -> bool:
        return first_refusal(*NOTHING[:-2], margin, start) != 0

    assert daily_loss_reached(start, 950.0 * size + hair, 0.05)
    assert not daily_loss_reached(start, 950.0 * size + more, 0.05)
    assert not open_risk_exceeded(start, start, 50.0 * size, hair, 0.05)
    assert open_risk_exceeded(start, start, 50.0 * size, more, 0.05)
    assert drawdown_reached(start, 700.0 * size + hair, 0.30)
    assert not drawdown_reached(start, 700.0 * size + more, 0.30)
    assert not refused(start + hair)
    assert refused(start + more)


def test_an_account_of_nothing_has_reached_its_limits_and_may_still_do_what_costs_nothing():
    assert daily_loss_reached(0.0, 0.0, 0.05)
    assert drawdown_reached(0.0, 0.0, 0.30)
    assert not open_risk_exceeded(0.0, 0.0, 0.0, 0.0, 0.05)
    assert first_refusal(*NOTHING[:-2], 0.0, 0.0) == 0


def test_risk_to_a_stop_in_profit_is_none():
    assert risk_to_stop(1, 10.0, 2.0, 1.5) == 5.0
    assert risk_to_stop(-1, 10.0, 2.0, 2.5) == 5.0
    assert risk_to_stop(1, 10.0, 2.0, 2.5) == 0.0


NOTHING = (1000.0, False, False, False, False, False, False, False, 0, 3, False, 0, 2, 10.0, 100.0)
EVERYTHING = (0.0, True, True, True, True, True, True, True, 3, 3, True, 2, 2, 101.0, 100.0)
# Index of the argument that cures each reason, in the order of section 5.
CURES = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 13)


def test_refusals_are_asked_in_the_order_of_the_rules():
    arguments: list[Any] = list(EVERYTHING)
    heard = []
    for cure in CURES:
        heard.append(REASONS[first_refusal(*arguments)])
        arguments[cure] = NOTHING[cure]

    assert heard == [
        "no-money",
        "paused",
        "unknown-result",
        "daily-loss",
        "open-risk",
        "drawdown",
        "kill-fast",
        "kill-slow",
        "max-positions",
        "symbol-held",
        "same-direction",
        "margin",
    ]
    assert first_refusal(*arguments) == 0
