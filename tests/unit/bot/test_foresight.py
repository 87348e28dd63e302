import math

import numpy as np

from cointrader.bot.foresight import Foresight
from cointrader.domain.candle import Candle
from cointrader.domain.order import Side
from cointrader.market.window import CandleWindow
from cointrader.signals.indicators import DEFAULT_PERIODS
from cointrader.signals.newest import NewestBar
from cointrader.signals.rules import WARM_UP_BARS, Signal
from cointrader.signals.score import ScoreRule

BAR_MS = 900_000
CAPACITY = 400


class Asked:
    """Answers with the last digit of the close, and counts how often it was asked."""

    name, warm_up = "asked", WARM_UP_BARS

    def __init__(self, side: Side | None, *, wants_adx: bool = False) -> None:
        self.times = 0
        self._side = side
        self._wants_adx = wants_adx

    def evaluate(self, frame, indicators):
        raise NotImplementedError

    def answer(self, bar: NewestBar) -> Signal:
        self.times += 1
        return Signal(self._side, int(bar.adx) if self._wants_adx else 1, (f"{bar.ema_slow:.9f}",))


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


def test_a_bar_that_was_looked_ahead_to_is_answered_before_it_is_in_the_window():
    *known, newest = candles(CAPACITY + 9)
    window, rule = a_window(known), ScoreRule()
    foresight = Foresight(rule, DEFAULT_PERIODS, WARM_UP_BARS)
    foresight.look(window)

    told = foresight.at_once(newest)

    window.append(newest)
    assert told == rule.answer(NewestBar(window, DEFAULT_PERIODS))


def test_a_rule_is_asked_once_about_a_bar():
    *known, newest = candles(CAPACITY + 1)
    window, rule = a_window(known), Asked(Side.LONG)
    foresight = Foresight(rule, DEFAULT_PERIODS, WARM_UP_BARS)
    foresight.look(window)
    told = foresight.at_once(newest)
    window.append(newest)

    signal, atr = foresight.latest(rule, window, newest)

    assert (signal, rule.times) == (told, 1)
    assert atr == NewestBar(window, DEFAULT_PERIODS).atr


def test_another_bar_than_the_expected_one_is_left_to_the_window():
    *known, missed, newest = candles(CAPACITY + 2)
    window, rule = a_window(known), ScoreRule()
    foresight = Foresight(rule, DEFAULT_PERIODS, WARM_UP_BARS)
    foresight.look(window)
    window.append(missed)

    assert foresight.at_once(newest) is None
    window.append(newest)
    signal, atr = foresight.latest(rule, window, newest)
    assert signal == rule.answer(NewestBar(window, DEFAULT_PERIODS))
    assert math.isnan(atr) == (signal.side is None)


def test_a_rule_that_wants_more_than_can_be_known_ahead_is_asked_when_it_can():
    *known, newest = candles(CAPACITY + 1)
    window, rule = a_window(known), Asked(None, wants_adx=True)
    foresight = Foresight(rule, DEFAULT_PERIODS, WARM_UP_BARS)
    foresight.look(window)

    assert foresight.at_once(newest) is None
    window.append(newest)
    signal, _ = foresight.latest(rule, window, newest)
    assert signal.strength == int(NewestBar(window, DEFAULT_PERIODS).adx)


def test_a_window_that_is_still_warming_up_is_not_looked_ahead_from():
    *known, newest = candles(WARM_UP_BARS)
    foresight = Foresight(ScoreRule(), DEFAULT_PERIODS, WARM_UP_BARS)
    foresight.look(a_window(known))

    assert not foresight.is_ready
    assert foresight.at_once(newest) is None
