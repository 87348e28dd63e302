from __future__ import annotations

import math

import numpy as np
import pytest

from cointrader.domain.errors import ConfigError
from cointrader.domain.order import Side
from cointrader.signals.indicators import Indicators
from cointrader.signals.rules import latest
from cointrader.signals.score import (
    GATES,
    PARTS,
    ScoreRule,
    ScoreSettings,
    is_loud,
    judge,
    score_points,
    side_scores,
)
from tests import reference
from tests.unit.signals.frames import closes_frame, random_frame, real_frame

NEUTRAL = {
    "rsi": 50.0,
    "macd_cross": 0,
    "close": 100.0,
    "band_lower": 99.0,
    "band_upper": 101.0,
    "ema_fast": 100.0,
    "ema_mid": 100.0,
    "ema_slow": 100.0,
    "stoch_k": 50.0,
    "stoch_d": 50.0,
}


def points(**values):
    return dict(zip(PARTS, score_points(**{**NEUTRAL, **values}), strict=True))


def answer(long_score, short_score, *, loud=False, threshold=3, calm=False):
    side, strength, gate = judge(long_score, short_score, loud, threshold, calm)
    return side, strength, GATES[gate]


# -------------------------------------------------------------------------------- points


def test_a_quiet_bar_has_no_points():
    assert points() == {"rsi": 0, "macd": 0, "bands": 0, "ema": 0, "stoch": 0}


@pytest.mark.parametrize(
    ("values", "part", "expected"),
    [
        ({"rsi": 34.9}, "rsi", 1),
        ({"rsi": 35.0}, "rsi", 0),
        ({"rsi": 65.0}, "rsi", 0),
        ({"rsi": 65.1}, "rsi", -1),
        ({"macd_cross": 1}, "macd", 2),
        ({"macd_cross": -1}, "macd", -2),
        ({"close": 98.9}, "bands", 1),
        ({"close": 99.0}, "bands", 0),
        ({"close": 101.1}, "bands", -1),
        ({"ema_fast": 103.0, "ema_mid": 102.0, "ema_slow": 101.0}, "ema", 1),
        ({"ema_fast": 103.0, "ema_mid": 102.0, "ema_slow": 102.0}, "ema", 0),
        ({"ema_fast": 101.0, "ema_mid": 102.0, "ema_slow": 103.0}, "ema", -1),
        ({"stoch_k": 19.0, "stoch_d": 18.0}, "stoch", 1),
        ({"stoch_k": 20.0, "stoch_d": 18.0}, "stoch", 0),
        ({"stoch_k": 19.0, "stoch_d": 19.5}, "stoch", 0),
        ({"stoch_k": 81.0, "stoch_d": 82.0}, "stoch", -1),
        ({"stoch_k": 81.0, "stoch_d": 80.0}, "stoch", 0),
    ],
)
def test_points_of_one_indicator(values, part, expected):
    assert points(**values) == {**points(), part: expected}


@pytest.mark.parametrize("residue", [1e-14, -1e-14, 5e-10, -5e-10])
@pytest.mark.parametrize("level", [0.0, 10.0, 100.0])
def test_k_and_d_that_differ_by_a_residue_are_equal(residue, level):
    assert points(stoch_k=level + residue, stoch_d=level)["stoch"] == 0


def test_rsi_at_new_extremes_several_bars_running_gives_no_stochastic_point():
    """The falling end: RSI makes a new low at every bar, so raw, K and D are all 0."""
    wave = 100.0 + np.sin(np.arange(400.0))
    fall = wave[-1] - np.cumsum(np.linspace(0.5, 5.0, 12))
    indicators = Indicators(closes_frame(np.concatenate([wave, fall])))

    part = ScoreRule().evaluate(indicators.frame, indicators).parts["stoch"]

    assert indicators.stoch_k[-5:].tolist() == indicators.stoch_d[-5:].tolist() == [0.0] * 5
    assert part[-5:].tolist() == [0] * 5


def test_a_constant_price_has_no_points_at_all():
    frame = closes_frame(np.full(400, 0.1))

    evaluated = ScoreRule().evaluate(frame, Indicators(frame))

    for name in ("rsi", "macd", "bands", "stoch"):
        assert not evaluated.parts[name].any(), name
    assert not evaluated.side.any()


def test_scores_sum_each_side_alone():
    assert side_scores((1, 2, -1, 1, -1)) == (4, 2)
    assert side_scores((-1, -2, -1, -1, -1)) == (0, 6)


# --------------------------------------------------------------------------------- gates


@pytest.mark.parametrize(
    ("scores", "situation", "expected"),
    [
        ((2, 0), {}, (0, 2, "below-threshold")),
        ((2, 0), {"loud": True}, (0, 2, "below-threshold")),
        ((3, 0), {}, (0, 3, "volume")),
        ((3, 0), {"loud": True}, (1, 3, "")),
        ((4, 0), {}, (1, 4, "")),
        ((0, 3), {"loud": True}, (-1, 3, "")),
        ((1, 4), {}, (-1, 4, "")),
        ((3, 3), {}, (0, 3, "volume")),
        ((3, 3), {"loud": True}, (0, 3, "both-sides")),
        ((3, 4), {"loud": True}, (0, 4, "both-sides")),
        ((3, 4), {}, (-1, 4, "")),
        ((4, 0), {"calm": True}, (0, 4, "adx")),
        ((2, 0), {"calm": True}, (0, 2, "below-threshold")),
        ((3, 3), {"loud": True, "calm": True}, (0, 3, "both-sides")),
        ((2, 0), {"threshold": 2, "loud": True}, (1, 2, "")),
        ((6, 0), {"threshold": 6}, (0, 6, "volume")),
    ],
)
def test_a_side_needs_points_and_volume_or_a_point_to_spare(scores, situation, expected):
    assert answer(*scores, **situation) == expected


def test_judging_arrays_is_judging_their_bars():
    longs, shorts = (grid.ravel() for grid in np.meshgrid(np.arange(7), np.arange(7)))
    for loud in (False, True):
        for calm in (False, True):
            whole = judge(longs, shorts, np.full(49, loud), 3, np.full(49, calm))
            bars = [
                judge(int(a), int(b), loud, 3, calm) for a, b in zip(longs, shorts, strict=True)
            ]
            assert np.transpose(whole).tolist() == [list(bar) for bar in bars]


@pytest.mark.parametrize(
    ("volume", "mean", "multiplier", "loud"),
    [
        (16.0, 10.0, 1.5, True),
        (15.0, 10.0, 1.5, False),
        (0.0, 0.0, 1.5, False),
        (0.0, 0.0, 0.0, False),
        (0.0, -1e-9, 1.5, False),
        (1.0, 10.0, 0.0, True),
        (1.0, math.nan, 1.5, False),
    ],
)
def test_volume_gate(volume, mean, multiplier, loud):
    assert is_loud(volume, mean, multiplier) is loud


# ------------------------------------------------------------------------------ the rule


def test_no_bar_before_300_is_decided():
    frame = random_frame(900, seed=8)
    every_bar = ScoreSettings(signal_threshold=1, vol_multiplier=0.0)

    evaluated = ScoreRule(every_bar).evaluate(frame, Indicators(frame))

    assert not evaluated.side[:300].any()
    assert {evaluated.at(i).reasons[-1] for i in range(300)} == {"warm-up"}
    assert "warm-up" not in {reason for i in range(300, 900) for reason in evaluated.at(i).reasons}
    assert evaluated.side[300:].any()
    assert latest(ScoreRule(every_bar), frame.rows(0, 300))[0].reasons[-1] == "warm-up"


def test_an_answer_carries_its_parts_and_what_refused_it():
    frame = random_frame(2000, seed=5)
    evaluated = ScoreRule().evaluate(frame, Indicators(frame))

    for i in range(300, 2000):
        signal = evaluated.at(i)
        parts = [int(evaluated.parts[name][i]) for name in PARTS]
        named = [f"{name}{part:+d}" for name, part in zip(PARTS, parts, strict=True) if part]
        refused = () if signal.side else signal.reasons[-1:]
        assert signal.reasons == (*named, *refused)
        assert set(refused) <= set(GATES[1:])
        if signal.side is not None:
            sign = signal.side.sign
            assert signal.strength == sum(part * sign for part in parts if part * sign > 0)
    assert set(evaluated.side.tolist()) == {-1, 0, 1}


def test_adx_gate_refuses_calm_bars_only_when_set():
    frame = random_frame(5000, seed=6)
    indicators = Indicators(frame)
    off = ScoreRule().evaluate(frame, indicators)
    on = ScoreRule(ScoreSettings(adx_threshold=25.0)).evaluate(frame, indicators)

    calm = indicators.adx < 25.0
    np.testing.assert_array_equal(on.side, np.where(calm, 0, off.side))
    refused = np.flatnonzero((off.side != 0) & calm)
    assert len(refused) > 0
    assert {on.at(i).reasons[-1] for i in refused} == {"adx"}


def test_the_newest_bar_alone_is_answered_as_in_the_whole_frame():
    frame = random_frame(2000, seed=7)
    for settings in (ScoreSettings(), ScoreSettings(2, 0.5, 20.0)):
        rule = ScoreRule(settings)
        whole, atr = rule.evaluate(frame, Indicators(frame)), Indicators(frame).atr
        for end in range(1, 2001, 7):
            signal, atr_now = latest(rule, frame.rows(0, end))
            assert signal == whole.at(end - 1)
            assert signal.side is None or atr_now == pytest.approx(atr[end - 1], rel=1e-12)


def test_sides_have_their_names():
    frame = random_frame(3000, seed=9)
    evaluated = ScoreRule().evaluate(frame, Indicators(frame))

    long_bar, short_bar = (int(np.argmax(evaluated.side == sign)) for sign in (1, -1))
    assert evaluated.at(long_bar).side is Side.LONG
    assert evaluated.at(short_bar).side is Side.SHORT


@pytest.mark.parametrize(
    "wrong",
    [
        {"signal_threshold": 0},
        {"signal_threshold": 7},
        {"vol_multiplier": -0.1},
        {"vol_multiplier": math.nan},
        {"adx_threshold": -1.0},
        {"adx_threshold": 101.0},
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ConfigError):
        ScoreSettings(**wrong)


# -------------------------------------------------------------------------- real candles


@pytest.mark.parametrize(
    ("symbol", "longs", "shorts"),
    [("XRPUSDT", 261, 270), ("TRXUSDT", 280, 209), ("DOGEUSDT", 265, 286)],
)
def test_signal_counts_on_real_candles(symbol, longs, shorts):
    frame = real_frame(symbol)

    side = ScoreRule().evaluate(frame, Indicators(frame)).side

    assert (int((side > 0).sum()), int((side < 0).sum())) == (longs, shorts)


@pytest.mark.parametrize("settings", [(3, 1.5, 0.0), (2, 1.0, 25.0), (4, 2.5, 0.0)])
@pytest.mark.parametrize("market", ["random", "TRXUSDT"])
def test_sides_equal_the_plain_reference(market, settings):
    frame = random_frame(20_000, seed=4) if market == "random" else real_frame(market)
    candles = frame.candles
    history = reference.History(
        frame.symbol,
        frame.open_time_ms,
        candles.open,
        candles.high,
        candles.low,
        candles.close,
        candles.volume,
        frame.funding_rate,
    )
    threshold, multiplier, adx = settings
    expected, _ = reference.signals(
        history,
        reference.Settings(
            signal_threshold=threshold, vol_multiplier=multiplier, adx_threshold=adx
        ),
    )

    ours = ScoreRule(ScoreSettings(*settings)).evaluate(frame, Indicators(frame))

    np.testing.assert_array_equal(ours.side, expected)


def test_a_running_bot_s_windows_signal_as_the_full_history_does_on_real_candles():
    frame = real_frame("XRPUSDT")
    side = ScoreRule().evaluate(frame, Indicators(frame)).side
    bars = [*np.flatnonzero(side).tolist(), *range(1000, len(frame), 97)]

    for i in (bar for bar in bars if bar >= 999):
        signal, _ = latest(ScoreRule(), frame.rows(i - 999, i + 1))
        assert signal.side is Side.of_sign(int(side[i])), i
