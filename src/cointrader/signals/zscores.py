"""How many standard deviations values lie from the mean of the windows that end with them.

Every window by itself: no running sum or variance, so a score depends on its window alone, to the
last bit, whatever else is asked for. The sum and the squared deviations of a full window are
brought together in pairs, pairs of pairs and so on, which is as exact as two passes over it; and a
pair is shared by every window that holds it, so a history of scores costs hardly more than reading
it. A window with missing values is gone through value by value.

Plain functions over arrays, compiled. One score and all of them are made by the same lines.

References: Chan, Golub, LeVeque (1983), Algorithms for Computing the Sample Variance: Analysis and
Recommendations, The American Statistician 37(3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cointrader.signals.compiled import compiled

Floats = NDArray[np.float64]
Longs = NDArray[np.integer]

FLAT = 1e-12  # a standard deviation below this share of the mean is rounding, not movement
_CHUNK = 1024  # rows worked on at a time: what belongs to them fits the cache
_FEW = 64  # one row of so many, or less: by itself it is made sooner


def zscores(
    columns: Floats, windows: Sequence[int], least: Sequence[int], rows: Longs | None = None
) -> Floats:
    """Z-scores of the values of some columns at some rows.

    Parameters
    ----------
    columns : float64 array of shape (n_columns, n_bars); NaN is missing and ignored
    windows : per column: values looked at, the row's own included; at the start those there are.
        0: the column stays as it is
    least : per column: values that must be known in a window
    rows : indices into the bars, from 0; None for all

    Returns
    -------
    float64 array of shape (n_columns, n_rows). Population standard deviation; 0 where it is at
    most ``1e-12 * max(1, |mean|)``; NaN where the value itself, or too much of its window, is
    missing. Where all rows are asked for, `columns` itself, whose values they replace.
    """
    told, longest = np.array((windows, least), np.int64), max(windows, default=0)
    if rows is None:
        _every(columns, told, np.empty((7, longest + _CHUNK)), columns)
        return columns
    some = np.empty((len(columns), len(rows)))
    if len(rows) * _FEW <= columns.shape[1]:
        _some(columns, told, np.array(rows, np.int64), np.empty((6, longest)), some)
        return some
    return zscores(columns.copy(), windows, least)[:, rows]


def some_scores(columns: Floats, told: Longs, rows: Longs, room: Floats, out: Floats) -> None:
    """The scores of some rows, each window by itself, written to `out`.

    `told` are windows and least numbers of values, one of each per column; `room` is scratch space
    of shape (6, longest window).
    """
    for c in range(len(columns)):
        values, window, least, scores = columns[c], told[0, c], told[1, c], out[c]
        for place in range(len(rows)):
            row = rows[place]
            if window == 0:
                scores[place] = values[row]
            else:
                one_score(values, row, window, least, room, scores[place : place + 1])


def every_score(columns: Floats, told: Longs, room: Floats, out: Floats) -> None:
    """The scores of all rows, written to `out`, which may be `columns`.

    `room` is scratch space of shape (7, longest window + chunk).
    """
    n_bars = columns.shape[1]
    for c in range(len(columns)):
        values, window, least, scores = columns[c], told[0, c], told[1, c], out[c]
        if window == 0:
            for row in range(n_bars):
                scores[row] = values[row]
            continue
        n_chunks = 1 + max(0, n_bars - window + _CHUNK) // _CHUNK
        for chunk in range(n_chunks - 1, -1, -1):  # the last first: it looks back, not ahead
            first = window - 1 + (chunk - 1) * _CHUNK if chunk else 0
            stop = min(window - 1 + chunk * _CHUNK, n_bars)
            begin = max(0, first + 1 - window)
            seen = room[6, : stop - begin]
            n_holes = 0
            for i in range(stop - begin):
                seen[i] = values[begin + i]
                n_holes += math.isnan(seen[i])
            if chunk and n_holes < stop - begin:
                whole_scores(seen, window, room, scores[first:stop])
                if n_holes == 0:
                    continue
            if chunk == 0:
                first_scores(seen, least, scores)
                continue
            known = 0
            for i in range(stop - begin):  # where a window has a hole
                known = 0 if math.isnan(seen[i]) else known + 1
                row = begin + i
                if row >= first and known < window:
                    one_score(seen, i, window, least, room, scores[row : row + 1])


_some, _every = compiled(some_scores), compiled(every_score)


# ------------------------------------------------------------------ one window


def one_score(values: Floats, row: int, window: int, least: int, room: Floats, out: Floats) -> None:
    """The score of one row, written to its place in `out`, shape (1,)."""
    if math.isnan(values[row]):
        out[0] = math.nan
        return
    first, has_hole = row + 1 - window, False
    for i in range(max(first, 0), row):
        has_hole |= math.isnan(values[i])
    if has_hole or first < 0:
        out[0] = score_with_holes(values[max(first, 0) : row + 1], least)
    else:
        whole_scores(values[first : row + 1], window, room, out)


def score_with_holes(seen: Floats, least: int) -> float:
    """The score of the last value of a window that is short or has NaN: value by value."""
    total, squares, count = 0.0, 0.0, 0
    for i in range(len(seen)):
        if not math.isnan(seen[i]):
            squares = grown(squares, total, seen[i], count)
            total += seen[i]
            count += 1
    return score(seen[-1], total, squares, count) if count >= least else math.nan


def first_scores(seen: Floats, least: int, out: Floats) -> None:
    """`score_with_holes` of each window that begins with the first value."""
    total, squares, count = 0.0, 0.0, 0
    for i in range(len(seen)):
        out[i] = math.nan
        if not math.isnan(seen[i]):
            squares = grown(squares, total, seen[i], count)
            total += seen[i]
            count += 1
            if count >= least:
                out[i] = score(seen[i], total, squares, count)


# ------------------------------------------------------------------ full windows, any number


def whole_scores(values: Floats, window: int, room: Floats, out: Floats) -> None:
    """Scores of the windows that end at value `window - 1` or later; NaN where one has a hole.

    Rows 0 to 3 of `room` are for sums and squares, before a level and after it by turns: of the
    `size` values that end at each place. Rows 4 and 5 are those of whole windows.
    """
    n_seen, before = len(values), window - 1
    n_rows = n_seen - before
    now, after, used, size = 0, 2, 0, 1
    if window & 1:
        for i in range(n_rows):
            room[4, i] = values[before + i]
            room[5, i] = 0.0
        used = 1
    while used < window:
        if size == 1:
            pair_up(values, room, now)
        elif not window & (2 * size):
            quadruple(room, now, after, n_seen, size)  # nobody asks for the level between
            now, after, size = after, now, 2 * size
        else:
            double(room, now, after, n_seen, size)
            now, after = after, now
        size *= 2
        if window & size:
            take_part(room, now, before - used, n_rows, used, size)
            used += size
    newest, total, squares = values[before:], room[4], room[5]
    for i in range(n_rows):
        out[i] = score(newest[i], total[i], squares[i], window)


def pair_up(values: Floats, room: Floats, now: int) -> None:
    """Sums and squares of two values each."""
    n_seen = len(values)
    later, earlier = values[1:], values[: n_seen - 1]
    sums, squares = room[now, 1:n_seen], room[now + 1, 1:n_seen]
    for i in range(len(sums)):
        sums[i] = later[i] + earlier[i]
        squares[i] = paired(0.0, 0.0, later[i], earlier[i], 0.5)


def double(room: Floats, now: int, after: int, n_seen: int, size: int) -> None:
    """From sums and squares of `size` values to those of twice as many."""
    later, earlier = room[now, size:n_seen], room[now, : n_seen - size]
    later_squares, earlier_squares = room[now + 1, size:n_seen], room[now + 1, : n_seen - size]
    sums, squares, scale = room[after, size:n_seen], room[after + 1, size:n_seen], 0.5 / size
    for i in range(len(squares)):
        sums[i] = later[i] + earlier[i]
        squares[i] = paired(later_squares[i], earlier_squares[i], later[i], earlier[i], scale)


def quadruple(room: Floats, now: int, after: int, n_seen: int, size: int) -> None:
    """`double` twice, which reads and writes half as much."""
    n = n_seen - 3 * size
    first, second, third, last = (
        room[now, :n], room[now, size : size + n], room[now, 2 * size : 2 * size + n],
        room[now, 3 * size : n_seen],
    )  # fmt: skip
    first_squares, second_squares, third_squares, last_squares = (
        room[now + 1, :n], room[now + 1, size : size + n],
        room[now + 1, 2 * size : 2 * size + n], room[now + 1, 3 * size : n_seen],
    )  # fmt: skip
    sums, squares = room[after, 3 * size : n_seen], room[after + 1, 3 * size : n_seen]
    scale = 0.5 / size
    for i in range(len(squares)):
        later, earlier = last[i] + third[i], second[i] + first[i]
        later_squares = paired(last_squares[i], third_squares[i], last[i], third[i], scale)
        earlier_squares = paired(second_squares[i], first_squares[i], second[i], first[i], scale)
        sums[i] = later + earlier
        squares[i] = paired(later_squares, earlier_squares, later, earlier, 0.5 * scale)


def take_part(room: Floats, now: int, first: int, n_rows: int, used: int, size: int) -> None:
    """Add the `size` values before those used to the sums and squares of whole windows."""
    total, squares = room[4, :n_rows], room[5, :n_rows]
    more_total, more = room[now, first : first + n_rows], room[now + 1, first : first + n_rows]
    if used == 0:
        for i in range(n_rows):
            total[i] = more_total[i]
            squares[i] = more[i]
        return
    for i in range(n_rows):
        squares[i] = joined(squares[i], more[i], total[i], more_total[i], used, size)
        total[i] += more_total[i]


# ------------------------------------------------------------------ the arithmetic


def paired(
    later: float, earlier: float, later_sum: float, earlier_sum: float, scale: float
) -> float:
    """Squared deviations of two runs of n values, as those of one run: `scale` is 1 / 2n."""
    apart = later_sum - earlier_sum
    return (later + earlier) + apart * apart * scale


def joined(
    squares: float, more: float, total: float, more_total: float, used: int, size: int
) -> float:
    """Squared deviations of `used` values and of `size` earlier ones, as those of one run."""
    apart = more_total * (used / size) - total
    return (squares + more) + apart * apart * (size / (used * (used + size)))


def grown(squares: float, total: float, value: float, count: int) -> float:
    """Squared deviations of `count` values and of one more."""
    if count == 0:
        return 0.0
    apart = value * count - total
    return squares + apart * apart / (count * (count + 1.0))


def score(value: float, total: float, squares: float, count: int) -> float:
    """The score of `value`: 0 where the window hardly moves."""
    share = 1.0 / count
    mean = total * share
    deviation = math.sqrt(squares * share)
    is_flat = 1.0 * ((deviation <= FLAT) | (deviation <= FLAT * abs(mean)))
    return (value - mean) / (deviation + is_flat) * (1.0 - is_flat)
