"""Funding and open interest beside a symbol's candles, the same in backtests and in running bots.

Two columns per bar: the rate last settled at or before its open, and how open interest changed
as known at its close (`market.upsert` says how both follow from what an exchange tells).
`Recorded` takes them from stored data, `Told` from what an exchange has told so far. A bot's
windows hold closed bars only, so neither knows more than was known.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np

from cointrader.domain.clock import DAY_MS, HOUR_MS
from cointrader.domain.errors import ExchangeError
from cointrader.domain.ports import CandleSource, Settlement
from cointrader.market.frame import Floats, Times, missing
from cointrader.market.upsert import OPEN_INTEREST_MS, funding_column, open_interest_change

Kind = TypeVar("Kind")

_EARLIER_MS = DAY_MS  # what was told so long before a bar does not count in it any more
_INTEREST_KEPT_MS = 27 * DAY_MS  # asked for at most; exchanges keep a month
_SETTLEMENT_LATE_MS = OPEN_INTEREST_MS  # after which it is looked for again


class Context(Protocol):
    """What a bot asks for the bars of its window."""

    def columns(self, open_time_ms: Times) -> tuple[Floats, Floats]:
        """Funding rate and change of open interest of the bars that open at these times.

        float64 arrays of shape (n,), as in `market.frame.Frame`; NaN where nothing is known.
        """
        ...


class ContextFeed(Protocol):
    """What an exchange tells of funding and open interest; every adapter of ours does."""

    async def funding_rates(
        self, symbol: str, from_ms: int, to_ms: int
    ) -> Sequence[Settlement]: ...

    async def open_interest(
        self, symbol: str, from_ms: int, to_ms: int
    ) -> Sequence[tuple[int, float]]: ...


@runtime_checkable
class KnowsChanges(Protocol):
    """A source that has changes of open interest instead of amounts."""

    def open_interest_changes(self, symbol: str) -> tuple[Times, Floats]:
        """Open times of bars, ascending, and the change of open interest over each."""
        ...


class Recorded:
    """What a source of candles has recorded beside those of one symbol; read when first asked."""

    def __init__(self, source: CandleSource, symbol: str) -> None:
        self._source = source
        self._symbol = symbol

    def columns(self, open_time_ms: Times) -> tuple[Floats, Floats]:
        """See `Context`."""
        return self._settlements.column(open_time_ms), self._changes(open_time_ms)

    @cached_property
    def _settlements(self) -> _Settled:
        return _Settled(self._source.settlements(self._symbol))

    @cached_property
    def _recorded(self) -> tuple[bool, tuple[Times, Floats]]:
        """Whether changes or amounts, and these."""
        if isinstance(self._source, KnowsChanges):
            return True, self._source.open_interest_changes(self._symbol)
        return False, _amounts_of(self._source.open_interest(self._symbol))

    def _changes(self, open_time_ms: Times) -> Floats:
        has_changes, known = self._recorded
        if has_changes:
            return _at(open_time_ms, *known)
        return _changes_of(open_time_ms, self._source.interval_ms, *known)


class Told:
    """What an exchange has told of one symbol, as far back as `keep_ms` before the newest of it."""

    def __init__(self, interval_ms: int, *, keep_ms: int) -> None:
        self._interval_ms = interval_ms
        self._keep_ms = keep_ms
        self._rates: dict[int, Settlement] = {}
        self._known: dict[int, float] = {}
        self._settlements = _Settled(())
        self._amounts = _amounts_of(())
        self._asked_ms: int | None = None  # for settlements, with an answer

    def take(
        self, settlements: Iterable[Settlement] = (), amounts: Iterable[tuple[int, float]] = ()
    ) -> None:
        """Remember settlements, and amounts with the times at which they were known."""
        self._rates |= {each.at_ms: each for each in settlements}
        self._known |= dict(amounts)
        self._rates = _newest(self._rates, self._keep_ms + _EARLIER_MS)
        self._known = _newest(self._known, self._keep_ms)
        self._settlements = _Settled(list(self._rates.values()))
        self._amounts = _amounts_of(list(self._known.items()))

    def columns(self, open_time_ms: Times) -> tuple[Floats, Floats]:
        """See `Context`."""
        return (
            self._settlements.column(open_time_ms),
            _changes_of(open_time_ms, self._interval_ms, *self._amounts),
        )

    async def catch_up(
        self, feed: ContextFeed, symbol: str, *, from_ms: int, now_ms: int
    ) -> ExchangeError | None:
        """Ask for what was told since it was asked for last, from `from_ms` on at the earliest.

        Nothing is asked for of which there can be no news. What cannot be had stays missing, and
        its error is returned: a bar is decided without it.
        """
        settled_ms = max([from_ms - _EARLIER_MS, *(at + 1 for at in self._rates)])
        earliest_ms = max(from_ms - _EARLIER_MS, now_ms - _INTEREST_KEPT_MS)
        told_ms = max([earliest_ms, *(at + 1 for at in self._known)])
        problem: ExchangeError | None = None
        try:
            if self._may_have_settled(now_ms):
                self.take(settlements=await feed.funding_rates(symbol, settled_ms, now_ms + 1))
                self._asked_ms = now_ms
        except ExchangeError as error:
            problem = error
        try:
            if now_ms - max(self._known, default=0) >= OPEN_INTEREST_MS:
                self.take(amounts=await feed.open_interest(symbol, told_ms, now_ms + 1))
        except ExchangeError as error:
            problem = error
        return problem

    def _may_have_settled(self, now_ms: int) -> bool:
        """Since it was asked for last. On the hour, and then it may be told a little later."""
        asked_ms = self._asked_ms
        if asked_ms is None or now_ms // HOUR_MS > asked_ms // HOUR_MS:
            return True
        return now_ms - asked_ms >= _SETTLEMENT_LATE_MS


class _Settled:
    """Settlements, ascending; a window is answered from those that may count in it."""

    def __init__(self, settlements: Sequence[Settlement]) -> None:
        self._settlements = settlements
        self._at_ms = [each.at_ms for each in settlements]

    def column(self, open_time_ms: Times) -> Floats:
        if len(open_time_ms) == 0:
            return missing(0)
        first = bisect_left(self._at_ms, int(open_time_ms[0]) - _EARLIER_MS)
        stop = bisect_left(self._at_ms, int(open_time_ms[-1]) + _EARLIER_MS)
        return funding_column(open_time_ms, self._settlements[first:stop])


def _amounts_of(known: Sequence[tuple[int, float]]) -> tuple[Times, Floats]:
    return (
        np.array([at for at, _ in known], np.int64),
        np.array([amount for _, amount in known], np.float64),
    )


def _changes_of(open_time_ms: Times, interval_ms: int, known_ms: Times, amounts: Floats) -> Floats:
    """Changes of open interest, from those amounts that may count in them."""
    if len(open_time_ms) == 0:
        return missing(0)
    bounds = open_time_ms[0] - _EARLIER_MS, open_time_ms[-1] + interval_ms + 1
    first, stop = np.searchsorted(known_ms, bounds)
    return open_interest_change(
        open_time_ms, interval_ms, known_ms[first:stop], amounts[first:stop]
    )


def _newest(told: dict[int, Kind], keep_ms: int) -> dict[int, Kind]:
    """In time order, without what is older than `keep_ms` before the last."""
    times = sorted(told)
    first = bisect_left(times, times[-1] - keep_ms) if times else 0
    return {at: told[at] for at in times[first:]}


def _at(open_time_ms: Times, known_ms: Times, values: Floats) -> Floats:
    """The values of these times; NaN where there is none."""
    found = missing(len(open_time_ms))
    place = np.searchsorted(known_ms, open_time_ms)
    inside = np.flatnonzero(place < len(known_ms))
    inside = inside[known_ms[place[inside]] == open_time_ms[inside]]
    found[inside] = values[place[inside]]
    return found
