"""Rules whose own feature foresees the trade, or is noise: there a filter has an edge, or none.

The feature looks ahead on purpose, as no real one may: it stands for knowledge that is really in
the market, so that a filter's worth is known before it is measured.
"""

from __future__ import annotations

import numpy as np

from cointrader.signals.rules import Signals

EVERY = 10  # bars from signal to signal
AHEAD = 10  # bars whose movement the feature knows


class Guessing:
    """A signal every few bars, long and short in turn, and a feature that says nothing."""

    name = "guessing"
    warm_up = 300

    def evaluate(self, frame, indicators):
        count = len(indicators)
        rows = np.arange(self.warm_up, count, EVERY)
        side = np.zeros(count, np.int8)
        side[rows] = np.where(np.arange(len(rows)) % 2, -1, 1)
        return Signals(side, np.abs(side), extra={"hint": self.hint(side, indicators.close)})

    def hint(self, side, close):
        return np.random.default_rng(7).normal(0.0, 1.0, len(close))


class Knowing(Guessing):
    """The same signals; the feature knows, under noise, which way the price will go."""

    name = "knowing"

    def hint(self, side, close):
        places = np.arange(len(close))
        ahead = close[np.minimum(places + AHEAD, len(close) - 1)] / close - 1.0
        return side * ahead / ahead.std() + 0.5 * super().hint(side, close)
