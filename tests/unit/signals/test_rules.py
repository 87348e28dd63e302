from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from cointrader.domain.errors import DataError
from cointrader.domain.order import Side
from cointrader.signals.indicators import Indicators, signed
from cointrader.signals.rules import Signal, Signals, evaluate, latest
from tests.unit.signals.frames import random_frame


@dataclass
class Breakout:
    """The example of the module's documentation."""

    name: str = "breakout"
    warm_up: int = 300
    look_back: int = 0

    def evaluate(self, frame, indicators):
        up = indicators.close > indicators.band_upper
        down = indicators.close < indicators.band_lower
        side = signed(up, down)
        return Signals(side=side, strength=np.abs(side), parts={"breakout": side})


class Whole:
    name = "whole"
    warm_up = 10

    def evaluate(self, frame, indicators):
        self.n_shown = len(indicators)
        ones = np.ones(len(frame), np.int8)
        distance = indicators.atr * 2.0
        return Signals(ones, ones, stop_distance=distance, extra={"range": frame.candles.high})


class Careless:
    """Says it needs one bar, and answers for the whole frame."""

    name = "careless"
    warm_up = 0
    look_back = 0

    def evaluate(self, frame, indicators):
        ones = np.ones(len(frame), np.int8)
        return Signals(ones, ones)


def test_a_rule_of_one_s_own_is_asked_for_the_newest_bar_alone():
    frame = random_frame(1000)
    whole = evaluate(Breakout(), frame, Indicators(frame))

    for end in range(290, 1000):
        signal, _ = latest(Breakout(), frame.rows(0, end))
        assert signal == whole.at(end - 1)
    assert {-1, 0, 1} == set(whole.side.tolist())


def test_a_rule_without_look_back_sees_the_whole_frame():
    rule, frame = Whole(), random_frame(40)

    signal, atr_now = latest(rule, frame)

    assert rule.n_shown == 40
    assert signal.side is Side.LONG
    assert signal.stop_distance == 2.0 * atr_now
    assert signal.target_distance is None
    assert signal.extra == {"range": frame.candles.high[-1]}


def test_bars_before_the_declared_warm_up_are_held():
    frame = random_frame(40)

    signals = evaluate(Whole(), frame, Indicators(frame))

    assert signals.side.tolist() == [0] * 10 + [1] * 30
    assert signals.at(9).reasons == ("warm-up",)
    assert signals.at(10).reasons == ()


def test_a_rule_that_answers_for_other_bars_than_shown_is_refused():
    with pytest.raises(DataError, match="careless"):
        latest(Careless(), random_frame(40))


def test_reasons_are_the_parts_then_the_gate():
    signals = Signals(
        side=np.array([1, 0], np.int8),
        strength=np.array([3, 2], np.int8),
        parts={"macd": np.array([2, 2], np.int8), "ema": np.array([1, 0], np.int8)},
        gate=np.array([0, 1], np.int8),
        gates=("", "below-threshold"),
    )

    assert signals.at(0) == Signal(Side.LONG, 3, ("macd+2", "ema+1"))
    assert signals.at(-1) == Signal(None, 2, ("macd+2", "below-threshold"))
