from __future__ import annotations

import numpy as np
import pytest

from cointrader.market import doubts
from cointrader.market.frame import Columns
from cointrader.market.quality import Finding, Severity
from tests.unit.market.made import BAR_MS, some_times

HOUR_BARS = 4
BARS = 480  # five days


def walk(seed: int = 1, tick: float = 0.01, bars: int = BARS) -> Columns:
    steps = np.random.default_rng(seed).normal(0, 20 * tick, bars)
    close = np.round((100 + np.cumsum(steps)) / tick) * tick
    return Columns(close, close + tick, close - tick, close, np.ones(bars))


def rates(bars_late: int = 0, size: float = 1e-4) -> np.ndarray:
    """A rate for each bar from 15:00 on that changes at 00, 08 and 16, or so many bars later."""
    settled = (np.arange(BARS) - bars_late + 15 * HOUR_BARS) // (8 * HOUR_BARS)
    return size * (1 + settled % 5)


def funding_of(values: np.ndarray) -> list[Finding]:
    return list(doubts.funding(some_times(BARS), values, BAR_MS))


def moved(columns: Columns, bars: int) -> Columns:
    return Columns(*(np.roll(column, bars) for column in columns.arrays()))


def test_prices_on_the_grid_of_their_contract_are_no_doubt():
    assert list(doubts.price_grid(some_times(BARS), walk(), 0.01)) == []
    assert list(doubts.price_grid(some_times(0), walk(bars=0), 0.01)) == []


@pytest.mark.parametrize(
    ("tick", "detail"),
    [
        (0.1, "of the prices are no multiples of the contract's tick 0.1"),
        (0.001, "all prices are multiples of 0.01, 10 times the contract's tick 0.001"),
    ],
)
def test_prices_on_another_grid_are_told(tick, detail):
    (finding,) = doubts.price_grid(some_times(BARS), walk(), tick)

    assert finding.severity is Severity.SUSPECT
    assert detail in finding.detail


def test_a_single_price_says_nothing_about_its_grid():
    still = Columns(*(np.full(BARS, 100.0) for _ in range(5)))

    assert list(doubts.price_grid(some_times(BARS), still, 0.01)) == []


@pytest.mark.parametrize("bars_late", [0, 1])
def test_usual_rates_that_change_when_they_settle_are_no_doubt(bars_late):
    assert funding_of(rates(bars_late)) == []


def test_rates_that_are_not_known_or_zero_are_no_doubt():
    assert funding_of(np.full(BARS, np.nan)) == []
    assert funding_of(np.zeros(BARS)) == []


def test_rates_in_percent_are_told():
    (finding,) = funding_of(rates(size=1e-2))

    assert "the usual rate is 0.03, a fraction: 3.00%" in finding.detail


def test_rates_that_change_hours_later_are_told():
    (finding,) = funding_of(rates(bars_late=HOUR_BARS))

    assert "rates change 1 h after 00, 08 and 16 UTC" in finding.detail


def test_rates_that_change_every_hour_are_another_contract_and_no_doubt():
    assert funding_of(1e-4 * (1 + np.arange(BARS) // HOUR_BARS % 5)) == []


@pytest.mark.parametrize(("bars", "told"), [(1, "1 bar(s) too late"), (-36, "36 bar(s) too early")])
def test_a_companion_at_other_bars_is_told(bars, told):
    own = walk()

    (finding,) = doubts.lagging(some_times(BARS), own, {"BTCUSDT": moved(own, bars)}, BAR_MS)

    assert f"BTCUSDT stands {told}" in finding.detail


def test_a_companion_in_its_place_and_a_stranger_are_no_doubt():
    others = {"BTCUSDT": walk(), "ETHUSDT": walk(2)}

    assert list(doubts.lagging(some_times(BARS), walk(), others, BAR_MS)) == []


def test_few_bars_do_not_show_what_moves_with_what():
    own = walk(bars=300)

    found = doubts.lagging(some_times(300), own, {"BTCUSDT": moved(own, 1)}, BAR_MS)

    assert list(found) == []


def test_a_copy_is_told_from_its_first_shared_candle_on():
    first, second = (some_times(BARS), walk()), (some_times(BARS)[20:], walk().rows(20, BARS))

    (finding,) = doubts.copied("XRPUSDT", first, second)

    assert finding.detail == "all 460 candles from 2025-03-05 20:00 UTC on are XRPUSDT's"


def test_candles_that_differ_once_are_no_copy():
    other = walk()
    other.volume[7] = 2.0

    found = doubts.copied("XRPUSDT", (some_times(BARS), walk()), (some_times(BARS), other))

    assert list(found) == []
