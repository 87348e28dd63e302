"""The signals that are judged, and what became of them when some were let pass and some were not.

A signal's fold says which model spoke of it: one that had not seen it. What passes is decided by a
threshold chosen on the folds before (`let_pass`); the first fold has none before it, and is not
judged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cointrader.backtest.codes import FILTER, NO_MODEL
from cointrader.backtest.market import Market
from cointrader.backtest.run import run
from cointrader.backtest.settings import BacktestSettings
from cointrader.backtest.signals import SymbolSignals
from cointrader.domain.errors import DataError
from cointrader.risk.limits import ALLOWED
from cointrader.training.calibration import sigmoid
from cointrader.training.candidate import Tested
from cointrader.training.measures import Floats
from cointrader.training.threshold import choose

LEAST_KNOWN = 0.9  # of the rule's signals in the judged time that the training must have tested

Truths = NDArray[np.bool_]


class Player(Protocol):
    """Plays the judged signals, of which some pass.

    Takes bool of shape (n,), answers float64 of shape (n,): net R of the trade that each signal
    began, costs included; NaN where it began none.
    """

    def __call__(self, passed: Truths, /) -> Floats: ...


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Signals in time order: the fold each was tested in, and whether the filter lets it pass."""

    fold: NDArray[np.int64]
    passed: Truths

    def __len__(self) -> int:
        return len(self.fold)


def let_pass(tested: Tested) -> tuple[Truths, Truths]:
    """Which rows pass at a threshold that nothing of their own fold was known to.

    Chosen as the model's own threshold is, on rows of earlier folds whose outcome was known when
    the fold began. By the score before calibration: the curve of the model is fitted on all folds,
    and would bring in what came later. It keeps the order, so it would change nothing else.

    Returns
    -------
    Whether each row passes, and whether it is judged: rows of the first fold are not.
    """
    score = sigmoid(tested.margin)
    passed, is_judged = np.ones(len(score), np.bool_), np.zeros(len(score), np.bool_)
    for fold in np.unique(tested.fold)[1:]:
        now = tested.fold == fold
        known = (tested.fold < fold) & (tested.label_end_ms <= tested.open_ms[now].min())
        if not known.any():
            continue
        threshold = choose(score[known], tested.net_r[known]).threshold
        passed[now], is_judged[now] = score[now] >= threshold, True
    return passed, is_judged


@dataclass(frozen=True, slots=True, eq=False)
class Alone:
    """Every signal that passes has its own trade, as where trades never overlap."""

    net_r: Floats

    def __call__(self, passed: Truths, /) -> Floats:
        return np.where(passed, self.net_r, np.nan)


class OnMarket:
    """The rule's own trades by the kernel of the backtests, a position at a time.

    Signals that pass enter, those that do not only close what is against them, and so do those
    that nobody tested. Plays from the first judged signal on.

    Parameters
    ----------
    signals : all of the rule's, over the candles of `market`; what a filter said does not count
    settings : of a fixed size, so that no halt keeps a trade from being made
    judged_ms : open time of each judged signal's bar, ascending; all of them are among `signals`
    """

    def __init__(
        self,
        market: Market,
        symbol: str,
        signals: SymbolSignals,
        settings: BacktestSettings,
        judged_ms: NDArray[np.int64],
    ) -> None:
        self._market = Market(
            market.label,
            market.interval_ms,
            {symbol: market.frames[symbol]},
            {symbol: market.settlements[symbol]},
        )
        self._symbol, self._judged_ms = symbol, judged_ms
        self._settings = replace(settings, start_ms=int(judged_ms[0]))
        times = market.frames[symbol].open_time_ms[signals.rows]
        self._places = np.searchsorted(times, judged_ms)
        self._signals = replace(
            signals, refused=np.full(len(signals), NO_MODEL, np.int8), probability=None
        )

    def __call__(self, passed: Truths, /) -> Floats:
        refused = self._signals.refused
        assert refused is not None
        refused = refused.copy()
        refused[self._places] = np.where(passed, ALLOWED, FILTER)
        signals = {self._symbol: replace(self._signals, refused=refused)}
        result = run(self._market, signals, self._settings, with_equity=False)
        trades = result.trades[result.trades["risk"] > 0.0]  # without a stop there is no R
        began_ms = result.time_ms[trades["entry_bar"] - 1]
        found = np.full(len(self._judged_ms), np.nan)
        found[np.searchsorted(self._judged_ms, began_ms)] = trades["net"] / trades["risk"]
        return found


def on_market(
    tested: Tested,
    market: Market,
    symbol: str,
    signals: SymbolSignals,
    settings: BacktestSettings,
) -> tuple[Judged, OnMarket]:
    """The tested rows that are signals of the rule, and what plays them.

    Rows that are none are not judged: a training may learn from looser signals, and from bars
    without one.

    Raises
    ------
    DataError : the candles or the rule are not those that the rows were made from
    """
    passed, is_judged = let_pass(tested)
    times = market.frames[symbol].open_time_ms[signals.rows]
    place = np.minimum(np.searchsorted(times, tested.open_ms), max(len(times) - 1, 0))
    is_signal = np.zeros(len(tested.open_ms), np.bool_)
    if len(times):
        is_signal = (times[place] == tested.open_ms) & (signals.side[place] == tested.side)
    kept = is_signal & is_judged
    _require_known(tested.open_ms[is_judged], tested.open_ms[kept], times, symbol)
    judged = Judged(tested.fold[kept], passed[kept])
    return judged, OnMarket(market, symbol, signals, settings, tested.open_ms[kept])


def _require_known(
    judged_ms: NDArray[np.int64],
    kept_ms: NDArray[np.int64],
    times: NDArray[np.int64],
    symbol: str,
) -> None:
    """Nearly every signal in the judged time was tested; some have no label."""
    if not len(judged_ms):
        raise DataError(
            "there is nothing to judge: this training had one fold",
            where=symbol,
            todo="train again with more --folds",
        )
    in_time = times[(times >= judged_ms.min()) & (times <= judged_ms.max())]
    if not len(kept_ms) or len(kept_ms) < LEAST_KNOWN * len(in_time):
        raise DataError(
            "this candidate was trained on other candles, or for another strategy",
            where=symbol,
            found=f"it knows {len(kept_ms):,} of the {len(in_time):,} signals in its time",
            allowed=f"at least {LEAST_KNOWN:.0%}",
            todo="give the settings and the --data it was trained with, or train again",
        )
