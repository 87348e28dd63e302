import math

import numpy as np
import pytest

from cointrader.bot.foresight import Foresight
from cointrader.domain.candle import Candle
from cointrader.domain.order import Side
from cointrader.market.window import CandleWindow
from cointrader.signals.indicators import DEFAULT_PERIODS
from cointrader.signals.newest import Ahead, NewestBar
from cointrader.signals.rules import WARM_UP_BARS, Signal
from cointrader.signals.score import ScoreRule

BAR_MS = 900_000
CAPACITY = 400


class Asked:
    """Says of every bar what it was made to say, and counts how often it was asked for it."""

    name, warm_up = "asked", WARM_UP_BARS

    def __init__(self, side: Side | None) -> None:
        self.times = 0
        self._side = side

    def evaluate(self, frame, indicators):
        raise NotImplementedError

    def answer(self, bar: NewestBar) -> Signal:
        self.times += 1
        return Signal(self._side, 1, (f"{bar.ema_slow:.9f}",))

    def holds(self, ahead: Ahead, close: float, volume: float) -> bool:
        return self._side is None


class Failing(Asked):
    def holds(self, ahead, close, volume):
        raise ArithmeticError


def candles(count: int) -> list[Candle]:
    close = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(size=count) * 0.01))
    return [
        Candle("XRPUSDT", i * BAR_MS, (i + 1) * BAR_MS, c, c * 1.01, c * 0.99, c, 1.0 + i % 7)
        for i, c in enumerate(close.tolist())
    ]


def a_window(known: list[Candle]) -> CandleWindow:
    window = CandleWindow("XRPUSDT", BAR_MS, CAPACITY)
    window.extend(known)
    return window


def looking_ahead(rule, known: list[Candle]) -> tuple[Foresight, CandleWindow]:
    window, foresight = a_window(known), Foresight(rule, DEFAULT_PERIODS, WARM_UP_BARS)
    foresight.look(window)
    return foresight, window


@pytest.mark.parametrize("side", [None, Side.LONG, Side.SHORT])
def test_a_bar_that_was_looked_ahead_to_is_known_to_be_a_hold_before_it_is_in_the_window(side):
    *known, newest = candles(CAPACITY + 9)
    foresight, _ = looking_ahead(Asked(side), known)

    assert foresight.surely_holds(newest) == (side is None)


def test_looked_ahead_to_or_not_a_bar_has_the_same_signal_and_atr():
    *known, newest = candles(CAPACITY + 1)
    foresight, window = looking_ahead(Asked(Side.LONG), known)
    window.append(newest)

    ahead = foresight.latest(Asked(Side.LONG), window, newest)

    blind = Foresight(Asked(Side.LONG), DEFAULT_PERIODS, WARM_UP_BARS)
    assert ahead == blind.latest(Asked(Side.LONG), window, newest)
    assert ahead[1] == NewestBar(window, DEFAULT_PERIODS).atr


def test_the_atr_of_a_hold_is_asked_by_nobody():
    *known, newest = candles(CAPACITY + 1)
    foresight, window = looking_ahead(Asked(None), known)
    window.append(newest)

    assert math.isnan(foresight.latest(Asked(None), window, newest)[1])


def test_another_bar_than_the_expected_one_is_left_to_the_window():
    *known, missed, newest = candles(CAPACITY + 2)
    rule = ScoreRule()
    foresight, window = looking_ahead(rule, known)
    window.append(missed)

    assert not foresight.surely_holds(newest)
    window.append(newest)
    signal, _ = foresight.latest(rule, window, newest)
    assert signal == rule.answer(NewestBar(window, DEFAULT_PERIODS))


def test_a_rule_that_fails_is_in_doubt():
    *known, newest = candles(CAPACITY + 1)
    foresight, _ = looking_ahead(Failing(None), known)

    assert not foresight.surely_holds(newest)


def test_a_window_that_is_still_warming_up_is_not_looked_ahead_from():
    *known, newest = candles(WARM_UP_BARS)
    foresight, _ = looking_ahead(Asked(None), known)

    assert not foresight.surely_holds(newest)
