"""What the prover tells apart from a look-ahead: impure rules, writers, long memories."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from cointrader.domain.errors import MissingCandles
from cointrader.market.frame import missing
from cointrader.signals.checked import CheckedRule, RuleFailed
from cointrader.signals.indicators import signed
from cointrader.signals.leak_check import Effort, Kind, prove, trial_frame
from cointrader.signals.leak_check.inputs import Input, arrays_of, with_arrays
from cointrader.signals.rules import Signals
from cointrader.signals.score import ScoreRule
from tests.unit.signals.frames import real_frame

QUICK = Effort(moments=60, moments_of_features=5)


@pytest.fixture(scope="module")
def frame():
    return trial_frame(bars=1_800)


class Rule:
    """A band rule; the tests below spoil it."""

    name = "bands"
    warm_up = 300

    def side(self, frame, indicators):
        return signed(
            indicators.close < indicators.band_lower, indicators.close > indicators.band_upper
        )

    def evaluate(self, frame, indicators):
        side = self.side(frame, indicators)
        return Signals(side, np.abs(side))


def kinds(report):
    return [finding.kind for finding in report.findings]


def test_an_honest_rule_has_nothing_to_fear(frame):
    report = prove(Rule(), frame, effort=QUICK)

    assert report.findings == ()
    assert report.is_clean
    assert report.signals > 20
    assert report.moments >= 60
    assert report.answers > 2 * report.moments


@pytest.mark.parametrize("symbol", ["made up", "XRPUSDT"])
def test_the_built_in_rule_and_its_features_are_clean(frame, symbol):
    candles = frame if symbol == "made up" else real_frame(symbol).rows(0, 6_000)

    report = prove(ScoreRule(), candles, effort=Effort(moments=100, moments_of_features=20))

    assert report.findings == ()
    assert report.signals > 0


class Dice(Rule):
    def side(self, frame, indicators):
        lucky = np.random.default_rng().random(len(indicators)) < 0.98
        return super().side(frame, indicators) * lucky.astype(np.int8)


class Counting(Rule):
    def __init__(self):
        self.asked = itertools.count()

    def side(self, frame, indicators):
        return super().side(frame, indicators) * np.int8(next(self.asked) < 5)


class ByLength(Rule):
    """Remembers its answer by the number of bars."""

    def __init__(self):
        self.known = {}

    def side(self, frame, indicators):
        return self.known.setdefault(len(frame), super().side(frame, indicators))


@pytest.mark.parametrize("rule", [Dice, Counting, ByLength])
def test_a_rule_that_is_not_pure_is_no_look_ahead(frame, rule):
    report = prove(rule(), frame, effort=QUICK)

    assert kinds(report) == [Kind.IMPURE]
    assert not report.is_clean
    assert "differently" in str(report.findings[0])


class ScalesCandles(Rule):
    def side(self, frame, indicators):
        indicators.close[:] = indicators.close / indicators.close[0]
        return super().side(frame, indicators)


class FillsContext(Rule):
    def side(self, frame, indicators):
        frame.funding_rate[np.isnan(frame.funding_rate)] = 0.0
        frame.correlated["BTCUSDT"].close[5] = 1.0
        return super().side(frame, indicators)


class ClipsIndicators(Rule):
    def side(self, frame, indicators):
        np.clip(indicators.rsi, 30, 70, out=indicators.rsi)
        return super().side(frame, indicators)


@pytest.mark.parametrize(
    ("rule", "what"),
    [(ScalesCandles, "close"), (FillsContext, "BTCUSDT"), (ClipsIndicators, "indicators.rsi")],
)
def test_a_rule_that_writes_into_its_input_is_told(frame, rule, what):
    before = frame.candles.close.copy()

    report = prove(rule(), frame, effort=QUICK)

    assert kinds(report) == [Kind.WRITES_INPUT]
    assert what in str(report.findings[0])
    np.testing.assert_array_equal(frame.candles.close, before)


def test_so_is_one_from_a_file_which_is_kept_from_it(frame):
    report = prove(CheckedRule(ScalesCandles(), place="mine.py:Scales"), frame, effort=QUICK)

    assert kinds(report) == [Kind.WRITES_INPUT]


class LooksBackFurther(Rule):
    look_back = 3

    def side(self, frame, indicators):
        close = indicators.close
        low, high = (np.full(len(close), np.nan) for _ in range(2))
        n = min(12, len(close))
        windows = np.lib.stride_tricks.sliding_window_view(close, n)
        low[n - 1 :], high[n - 1 :] = windows.min(axis=1), windows.max(axis=1)
        return signed(close <= low, close >= high)


def test_a_rule_that_reads_more_bars_than_it_declares_is_told(frame):
    report = prove(LooksBackFurther(), frame, effort=QUICK)

    assert kinds(report) == [Kind.LOOK_BACK]
    assert "look_back" in str(report.findings[0])


class Expanding(Rule):
    def side(self, frame, indicators):
        mean = np.cumsum(indicators.close) / np.arange(1, len(indicators) + 1)
        return signed(indicators.close < mean * 0.98, indicators.close > mean * 1.02)


def test_a_memory_longer_than_a_running_bots_window_is_told_and_is_no_leak(frame):
    report = prove(Expanding(), frame, effort=QUICK)

    assert kinds(report) == [Kind.MEMORY]
    assert report.is_clean
    assert "no look-ahead" in str(report.findings[0])


class Peeks(Rule):
    def side(self, frame, indicators):
        close = frame.correlated["ETHUSDT"].close
        coming = np.append(close[3:], [np.nan] * 3) / close - 1
        return signed(coming > 0.005, coming < -0.005)


def test_the_bar_the_input_and_its_bar_are_named(frame):
    report = prove(Peeks(), frame, effort=Effort(moments=60, most_findings=1))

    (finding,) = report.findings
    assert (finding.kind, finding.column) == (Kind.LOOK_AHEAD, "side")
    assert finding.source == "close of ETHUSDT"
    assert finding.source_bar_ms == finding.bar_ms + 3 * frame.interval_ms
    assert finding.was != finding.became
    assert "side of the bar 2026-01-" in str(finding)


class NeedsEverything(Rule):
    def side(self, frame, indicators):
        btc = frame.correlated["BTCUSDT"].close
        some = frame.oi_change > -np.inf
        funded = frame.funding_rate > -np.inf
        coming = np.append(frame.oi_change[1:], 0.0) > 0
        return signed(some & funded & (btc > 0) & coming, np.zeros(len(some), bool))


def test_inputs_that_are_missing_are_made_up_so_that_nobody_hides_behind_them(frame):
    bare = with_arrays(
        frame,
        {each: missing(len(frame)) for each in arrays_of(frame) if each.symbol != frame.symbol},
    )

    report = prove(NeedsEverything(), bare, effort=QUICK)

    assert report.leaks[0].source == "open interest"
    told = "made up here, because missing: BTCUSDT, ETHUSDT, the funding rate, open interest"
    assert told in report.notes


def test_too_few_bars_prove_nothing(frame):
    with pytest.raises(MissingCandles, match="too few candles to prove anything"):
        prove(Rule(), frame.rows(0, 399), effort=QUICK)


class Fails(Rule):
    def side(self, frame, indicators):
        raise KeyError("volume_profile")


def test_a_rule_that_fails_is_told_as_such(frame):
    with pytest.raises(RuleFailed, match="failed"):
        prove(CheckedRule(Fails(), place="mine.py:Fails"), frame, effort=QUICK)


def test_a_missing_context_leaves_the_frame_of_the_caller_alone(frame):
    bare = with_arrays(frame, {Input("", "open interest"): missing(len(frame))})

    prove(Rule(), bare, effort=Effort(moments=10, moments_of_features=1))

    assert np.isnan(bare.oi_change).all()
