"""An edge planted into the synthetic market: a rule that is given what it shall earn.

For power tests: can a method find an edge of a known size? After each entry of the rule the price
of that symbol drifts in its direction for a few bars. A fair price plus a drift: by optional
stopping a trade earns, on average, just the drift that it lived to receive, whatever its stop and
target; the drift is sized so that what is left after costs is the stated share of the risk.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cointrader.market.frame import Columns, Floats, Frame
from cointrader.market.synthetic.path import Path

Answers = tuple[NDArray[np.int8], Floats]

_DRIFT = (0.4, 0.3, 0.2, 0.1)  # its parts, by bar from the entry on: early, before a stop ends it
_AHEAD = 160  # bars for which the rule is asked at once; an entry makes the rest of them void
_EXPECTED_SHARE = 0.85  # of the drift that a trade lives to receive, until trades have told
_EXPECTED_TAKEN = 0.01  # in units of risk, by bars that reach both levels: their stop counts
_EXPECTED_WEIGHT = 10.0  # of both expectations, in trades, and in units of risk given
_SHARE_OF_LAST_BAR = 0.5  # a bar's drift that arrives before its stop or target does


@dataclass(frozen=True, slots=True)
class PlantedEdge:
    """What a rule shall earn, on average over trades that are played alone.

    Parameters
    ----------
    signal : a frame's rows -> (side +1, -1 or 0; distance of the stop from the entry, in quote
        currency), both of one value per row, for row i from rows up to i alone. It is shown
        `history` rows before the first that is wanted, and must not keep what it is shown.
    net_r : mean profit after fees and slippage, in units of the risk to the stop
    cost_ratio : fees and slippage of a round trip, as a fraction of the notional
    slippage_ratio : of a fill, within that; stop and target are measured from the fill
    target_ratio : distance of the target in stop distances; `math.inf` for none
    history : rows that an answer may look back on
    """

    signal: Callable[[Frame], Answers]
    net_r: float
    cost_ratio: float = 0.0014
    slippage_ratio: float = 0.0002
    target_ratio: float = 2.0
    history: int = 1_000

    def __post_init__(self) -> None:
        if self.history < 1 or not self.target_ratio > 0.0:
            raise ValueError(
                f"history {self.history} must be at least 1 row, and target_ratio "
                f"{self.target_ratio} above 0"
            )
        costs = self.slippage_ratio, self.cost_ratio
        if not (math.isfinite(self.net_r) and all(0.0 <= cost < 1.0 for cost in costs)):
            raise ValueError(
                f"net_r {self.net_r} must be a number, and slippage_ratio and cost_ratio {costs} "
                "fractions from 0 to 1"
            )

    @property
    def label(self) -> str:
        return f"planted edge of {self.net_r:.2f} R"


def plant(edge: PlantedEdge, path: Path, frame: Frame) -> Columns:
    """The candles of `path` with the edge in them.

    Parameters
    ----------
    frame : the symbol's rows without the edge, one per bar of `path`
    """
    return _Planting(edge, path, frame).run()


@dataclass(frozen=True, slots=True)
class _Trade:
    """The rule's open position, as a bot that trades this symbol alone would hold it."""

    side: int
    first: int  # the bar at whose open it was entered
    distance: float  # of the stop from the fill
    stop: float
    target: float
    risk_ratio: float  # `distance` as a fraction of the fill price
    drift_r: float  # what it was given, in units of risk

    def bars_lived(self, candles: Columns) -> int:
        """How many of these bars it outlives: the next one reaches its stop or its target."""
        touched = self._stopped(candles) | self._on_target(candles)
        return int(np.argmax(touched)) if touched.any() else len(candles)

    def taken_by_the_stop(self, last: Columns) -> float:
        """What a fair price loses in this last bar, in units of risk, as the stop comes first.

        In a bar that reaches both levels the target may have been the first.
        """
        if not (self._stopped(last) & self._on_target(last)).all():
            return 0.0
        return self.side * (self.target - float(last.close[0])) / self.distance

    def _stopped(self, candles: Columns) -> NDArray[np.bool_]:
        return candles.low <= self.stop if self.side > 0 else candles.high >= self.stop

    def _on_target(self, candles: Columns) -> NDArray[np.bool_]:
        return candles.high >= self.target if self.side > 0 else candles.low <= self.target


@dataclass(slots=True)
class _Experience:
    """What the trades so far tell of a drift's fate, begun with what is usual."""

    trades: float = _EXPECTED_WEIGHT
    given_r: float = _EXPECTED_WEIGHT
    received_r: float = _EXPECTED_WEIGHT * _EXPECTED_SHARE
    taken_r: float = _EXPECTED_WEIGHT * _EXPECTED_TAKEN

    def drift_r(self, wanted_r: float) -> float:
        """The drift whose received part is worth `wanted_r`, all in units of risk."""
        return (wanted_r + self.taken_r / self.trades) * self.given_r / self.received_r

    def learn(self, given_r: float, received_r: float, taken_r: float) -> None:
        self.trades += 1.0
        self.given_r += abs(given_r)
        self.received_r += abs(received_r)
        self.taken_r += taken_r


class _Planting:
    """Reads the rule's answers from left to right; all it changes lies to the right of them."""

    def __init__(self, edge: PlantedEdge, path: Path, frame: Frame) -> None:
        self._edge = edge
        self._path = path
        self._candles = Columns(*(column.copy() for column in frame.candles.arrays()))
        self._frame = replace(frame, candles=self._candles)
        self._log_opens = np.append(path.opens, path.opens[-1] + path.moves[-1])
        self._nudges = np.zeros(len(path))
        self._experience = _Experience()

    def run(self) -> Columns:
        bars = len(self._path)
        bar = 0  # the next one whose answer is to be looked at
        trade: _Trade | None = None
        while bar < bars:
            stop = min(bar + _AHEAD, bars)
            self._draw(bar, stop)
            sides, distances = self._answers(bar, stop)
            entries = np.flatnonzero((sides != 0) & (distances > 0.0))
            if trade is not None:
                lived = trade.bars_lived(self._candles.rows(bar, stop))
                opposite = entries[(entries < lived) & (sides[entries] == -trade.side)]
                last = int(opposite[0]) if len(opposite) else lived
                entries = entries[entries >= last]
                if bar + last < stop:
                    self._learn(trade, bar + last, touched=last == lived)
                    trade = None
            if len(entries) == 0:
                bar = stop
                continue
            signal = int(entries[0])
            bar += signal + 1
            if bar < bars:
                trade = self._enter(bar, int(sides[signal]), float(distances[signal]))
        return self._candles

    def _answers(self, start: int, stop: int) -> Answers:
        """What the rule says to bars `start` included to `stop` excluded, as they are by now."""
        first = max(0, start - self._edge.history)
        sides, distances = self._edge.signal(self._frame.rows(first, stop))
        return sides[start - first :], distances[start - first :]

    def _enter(self, bar: int, side: int, distance: float) -> _Trade:
        """A trade from the open of `bar` on, and its drift, which ends with it."""
        edge = self._edge
        fill = float(self._candles.open[bar]) * (1.0 + side * edge.slippage_ratio)
        risk_ratio = distance / fill
        trade = _Trade(
            side,
            bar,
            distance,
            stop=fill - side * distance,
            target=fill + side * edge.target_ratio * distance,
            risk_ratio=risk_ratio,
            drift_r=self._experience.drift_r(edge.net_r + edge.cost_ratio / risk_ratio),
        )
        stop = min(bar + len(_DRIFT), len(self._path))
        self._nudges[bar:stop] = side * risk_ratio * trade.drift_r * np.array(_DRIFT[: stop - bar])
        self._draw(bar, stop)
        last = bar + trade.bars_lived(self._candles.rows(bar, stop))
        self._nudges[last + 1 : stop] = 0.0
        return trade

    def _draw(self, start: int, stop: int) -> None:
        """Bars `start` included to `stop` excluded, from the path and the nudges as they are."""
        self._log_opens[start : stop + 1], prices = self._path.prices(
            start, stop, float(self._log_opens[start]), self._nudges[start:stop]
        )
        for column, new in zip(self._candles.arrays()[:4], prices, strict=True):
            column[start:stop] = new

    def _learn(self, trade: _Trade, last: int, *, touched: bool) -> None:
        """Count what a trade whose last bar was `last` has received of its drift."""
        nudges = self._nudges[trade.first : min(last + 1, trade.first + len(_DRIFT))].copy()
        if touched and last < trade.first + len(_DRIFT):
            nudges[-1] *= _SHARE_OF_LAST_BAR
        taken_r = trade.taken_by_the_stop(self._candles.rows(last, last + 1)) if touched else 0.0
        self._experience.learn(trade.drift_r, float(nudges.sum()) / trade.risk_ratio, taken_r)
