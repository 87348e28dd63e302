"""Attempts are counted, and each pays for those before it."""

from __future__ import annotations

import math

import pytest

from cointrader.backtest.trial_ledger import DataSet, Trial, TrialLedger
from cointrader.training.alpha import Attempt, count_attempt, level_of
from tests.unit.training.gate_cases import a_card


@pytest.fixture
def ledger(tmp_path):
    with TrialLedger(tmp_path / "trials.db") as opened:
        yield opened


def test_levels_of_all_attempts_together_are_the_level_there_is_to_spend():
    levels = [level_of(k, 0.05) for k in range(1, 100_001)]

    assert levels == sorted(levels, reverse=True)
    assert sum(levels) < 0.05
    assert sum(levels) == pytest.approx(0.05, abs=1e-6)


def test_attempts_are_counted_from_one():
    with pytest.raises(ValueError, match="counted from 1"):
        level_of(0, 0.05)


def test_every_new_model_of_a_symbol_is_a_new_attempt(ledger):
    numbers = [
        count_attempt(ledger, a_card(sha256=f"{week:064x}", data=f"d{week}"), at_ms=week).number
        for week in range(1, 53)
    ]

    assert numbers == list(range(1, 53))


def test_the_same_model_again_is_the_attempt_that_it_was(ledger):
    first, second = a_card(sha256="1" * 64), a_card(sha256="2" * 64)
    assert count_attempt(ledger, first, at_ms=1) == Attempt(1, is_new=True)
    assert count_attempt(ledger, second, at_ms=2) == Attempt(2, is_new=True)

    assert count_attempt(ledger, first, at_ms=3) == Attempt(1, is_new=False)
    assert count_attempt(ledger, second, at_ms=4) == Attempt(2, is_new=False)


def test_another_strategy_or_backend_on_the_same_candles_is_one_more_attempt(ledger):
    count_attempt(ledger, a_card(sha256="1" * 64), at_ms=1)
    other = a_card(sha256="2" * 64, rule="my.rule", backend="mlx", strategy={"ATR_SL_MULT": "2"})

    assert count_attempt(ledger, other, at_ms=2).number == 2


def test_another_symbol_or_another_time_begins_anew(ledger):
    count_attempt(ledger, a_card(sha256="1" * 64, from_ms=1_000, to_ms=2_000), at_ms=1)
    other = a_card(sha256="2" * 64, symbol="DOGEUSDT", data="e")
    later = a_card(sha256="3" * 64, from_ms=2_001, to_ms=3_000, data="f")
    overlapping = a_card(sha256="4" * 64, from_ms=1_999, to_ms=3_000, data="g")

    assert count_attempt(ledger, other, at_ms=2).number == 1
    assert count_attempt(ledger, later, at_ms=3).number == 1
    assert count_attempt(ledger, overlapping, at_ms=4).number == 3


def test_attempts_in_the_same_millisecond_have_numbers_of_their_own(ledger):
    cards = [a_card(sha256=character * 64) for character in "9517"]

    assert [count_attempt(ledger, card, at_ms=5).number for card in cards] == [1, 2, 3, 4]


def test_backtests_on_the_same_candles_are_trials_but_no_attempts(ledger):
    ledger.record(DataSet("x", ("XRPUSDT",), 0, 5_000), [Trial("a"), Trial("b")], at_ms=1)

    assert count_attempt(ledger, a_card(), at_ms=2).number == 1
    assert ledger.count(DataSet("x", ("XRPUSDT",), 0, 5_000)) == 3


def test_half_of_the_level_is_there_for_the_first_attempt():
    assert level_of(1, 0.05) == pytest.approx(0.05 * 6 / math.pi**2)
