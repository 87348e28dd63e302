"""What is long past, kept in memory: a page then reads only what came since.

The last days of a journal are read anew each time, because a record of them may still be written
again: after a crash a bar is decided anew. What is older than that stays as it is.
"""

from __future__ import annotations

import threading

import numpy as np

from cointrader.app.dashboard.journal import identity
from cointrader.dashboard import views
from cointrader.domain.clock import DAY_MS
from cointrader.journal.page_reader import PageReader
from cointrader.journal.page_trades import TradeFilter

_OPEN_MS = 2 * DAY_MS  # of a journal's time, in which records may be written again

Curve = list[tuple[int, float, float]]  # time, equity, wallet
Nets = dict[str, tuple[int, float]]  # by symbol: trades and their net


class Memory:
    """Of one journal file; another in its place is noticed. May be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._file: object = None
        self._until_ms = 0
        self._nets: Nets = {}
        self._curve: Curve = []
        self._settled = (np.empty(0, np.int64), np.empty(0))

    def nets(self, reader: PageReader) -> Nets:
        """By symbol how many trades closed, and their net."""
        with self._lock:
            self._go_on(reader)
            return _added(self._nets, reader.nets(TradeFilter(from_ms=self._until_ms)))

    def curve(self, reader: PageReader, most: int) -> tuple[Curve, int]:
        """The equity curve in at most `most` points, and how many it has."""
        with self._lock:
            self._go_on(reader)
            recent = reader.equity_curve(self._until_ms)
            count = len(self._curve) + len(recent)
            at_ms = np.concatenate([self._settled[0], _times(recent)])
            equity = np.concatenate([self._settled[1], _equities(recent)])
            settled = len(self._curve)
            chosen = views.thinned(at_ms, equity, most).tolist()
            return [
                self._curve[place] if place < settled else recent[place - settled]
                for place in chosen
            ], count

    def _go_on(self, reader: PageReader) -> None:
        """Take in what has become old enough since the last time."""
        file = identity(reader.path)
        newest_ms = reader.newest()["equity"]
        until_ms = newest_ms - _OPEN_MS
        if file != self._file or until_ms < self._until_ms:  # another journal, or an older one
            self._file, self._until_ms = file, 0
            self._nets, self._curve = {}, []
            self._settled = (np.empty(0, np.int64), np.empty(0))
        if until_ms < self._until_ms + DAY_MS:
            return
        since_ms = self._until_ms
        more = [mark for mark in reader.equity_curve(since_ms) if mark[0] < until_ms]
        self._nets = _added(self._nets, reader.nets(TradeFilter(from_ms=since_ms, to_ms=until_ms)))
        self._curve = [*self._curve, *more]
        self._settled = (_times(self._curve), _equities(self._curve))
        self._until_ms = until_ms


def _added(one: Nets, other: Nets) -> Nets:
    found = dict(one)
    for symbol, (count, net) in other.items():
        before = found.get(symbol, (0, 0.0))
        found[symbol] = before[0] + count, before[1] + net
    return found


def _times(curve: Curve) -> views.Times:
    return np.array([mark[0] for mark in curve], np.int64)


def _equities(curve: Curve) -> views.Floats:
    return np.array([mark[1] for mark in curve], np.float64)
