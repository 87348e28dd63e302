"""Windows of a walk-forward: where settings are chosen, and where they are judged.

A trade belongs to the window of its signal. One that began in training and ended after it is
purged: its result was not known when the choice was made. Between training and test lies an
embargo, a time and not a number of rows. Test windows follow each other without a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cointrader.backtest.columns import Longs
from cointrader.backtest.market import Stretch
from cointrader.backtest.sweep.figures import FOREVER, Windows
from cointrader.domain.errors import InvariantBroken, MissingCandles, UsageError
from cointrader.market.quality import utc
from cointrader.signals.rules import WARM_UP_BARS

LEAST_COVERAGE = 0.95


@dataclass(frozen=True, slots=True)
class Fold:
    """One choice and its test. Epoch ms of bars' open times; ends are excluded."""

    train_from_ms: int
    train_to_ms: int
    test_from_ms: int
    test_to_ms: int


def folds_of(
    first_ms: int, end_ms: int, *, train_ms: int, test_ms: int, embargo_ms: int, anchored: bool
) -> tuple[Fold, ...]:
    """Folds over the time from the first decision to the end.

    The first test begins `train_ms` and `embargo_ms` after `first_ms`; each further one where the
    one before ends. Training is the `train_ms` before the embargo, or with `anchored` all the time
    there is. A rest shorter than half a test is added to the last one.

    Raises
    ------
    UsageError : a length that is none
    MissingCandles : there is not time for half a test
    """
    if train_ms <= 0 or test_ms <= 0 or embargo_ms < 0:
        raise UsageError(
            "training and test need a length, an embargo is not negative",
            found=f"{train_ms}, {test_ms} and {embargo_ms} ms",
        )
    begin = first_ms + train_ms + embargo_ms
    starts = list(range(begin, end_ms, test_ms))
    if starts and end_ms - starts[-1] < test_ms / 2:
        starts.pop()
    if not starts:
        raise MissingCandles(
            "too few candles to choose settings and to test them",
            found=f"{utc(first_ms)} to {utc(end_ms)}",
            allowed=f"training, embargo and half a test: to {utc(begin + test_ms // 2)}",
            todo="shorten --train or --test, or store more candles",
        )
    ends = [*starts[1:], end_ms]
    return tuple(
        Fold(
            first_ms if anchored else start - embargo_ms - train_ms,
            start - embargo_ms,
            start,
            end,
        )
        for start, end in zip(starts, ends, strict=True)
    )


def first_decision_ms(stretch: Stretch) -> int:
    """Open time of the first bar on which some symbol is warm."""
    warm = [
        max(int(first), int(first) + WARM_UP_BARS - row)
        for first, last, row in zip(
            stretch.candles.first, stretch.candles.last, stretch.rows, strict=True
        )
        if last >= first
    ]
    times = stretch.candles.time_ms
    return int(times[min(*warm, len(times) - 1)])


def windows_of(folds: Sequence[Fold], time_ms: Longs) -> Windows:
    """Two windows for each fold, training and test, as bars of a timeline."""
    rows = []
    for fold in folds:
        begin, end, test, stop = (
            int(bar)
            for bar in np.searchsorted(
                time_ms,
                (fold.train_from_ms, fold.train_to_ms, fold.test_from_ms, fold.test_to_ms),
            )
        )
        rows += [(begin, end, end), (test, stop, FOREVER)]
    return Windows.of(rows)


def coverage(tested: Sequence[Fold], time_ms: Longs, from_ms: int) -> float:
    """Share of the bars from `from_ms` on that were in a test.

    Raises `InvariantBroken` where a bar was tested twice, or a choice had seen it.
    """
    times = np.zeros(len(time_ms), np.int64)
    for fold in tested:
        if fold.train_to_ms > fold.test_from_ms:
            raise InvariantBroken(
                "settings were chosen on bars they are tested on", found=utc(fold.test_from_ms)
            )
        times += (time_ms >= fold.test_from_ms) & (time_ms < fold.test_to_ms)
    if (times > 1).any():
        raise InvariantBroken("a bar is in two tests", found=utc(int(time_ms[times > 1][0])))
    judged = times[time_ms >= from_ms]
    return float((judged > 0).mean()) if len(judged) else 0.0


def require_coverage(share: float) -> None:
    """Raises `MissingCandles` where too much of the time was not tested."""
    if share < LEAST_COVERAGE:
        raise MissingCandles(
            "too little of the time was tested out of sample",
            found=f"{100 * share:.1f} %",
            allowed=f"at least {100 * LEAST_COVERAGE:.0f} %",
            todo="where nothing could be chosen, a longer --train or a lower --least-trades helps",
        )
