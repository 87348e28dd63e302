"""Stretches of time: what is known of a range, and what is still to be asked for. Pure.

A span is (from_ms, to_ms), the first included and the second excluded.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from cointrader.market.frame import Times

Span = tuple[int, int]


def united(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same time in as few spans as can tell it, ascending; empty ones are dropped."""
    whole: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(whole[-1][1], end))
        else:
            whole.append((start, end))
    return tuple(whole)


def without(wanted: Iterable[Span], known: Iterable[Span]) -> tuple[Span, ...]:
    """What of `wanted` is not in `known`."""
    left: list[Span] = []
    taken = united(known)
    for start, end in united(wanted):
        at = start
        for from_ms, to_ms in taken:
            if to_ms <= at or from_ms >= end:
                continue
            left.append((at, from_ms))
            at = to_ms
        left.append((at, end))
    return united(left)


def within(spans: Iterable[Span], bounds: Span) -> tuple[Span, ...]:
    """The part of `spans` that lies in `bounds`."""
    return united((max(start, bounds[0]), min(end, bounds[1])) for start, end in spans)


def filled(open_time_ms: Times, step_ms: int) -> tuple[Span, ...]:
    """The time that candles fill, each of them `step_ms` long; times strictly ascending."""
    if len(open_time_ms) == 0:
        return ()
    breaks = np.flatnonzero(np.diff(open_time_ms) != step_ms)
    starts = open_time_ms[np.concatenate(([0], breaks + 1))].tolist()
    ends = (open_time_ms[np.concatenate((breaks, [-1]))] + step_ms).tolist()
    return united(zip(starts, ends, strict=True))
