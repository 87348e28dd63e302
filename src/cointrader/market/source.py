"""A folder of stored candles, played back as a `CandleSource`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import overload

import numpy as np

from cointrader.domain.candle import Candle
from cointrader.domain.clock import MINUTE_MS, interval_ms
from cointrader.domain.errors import MissingCandles
from cointrader.domain.ports import Settlement
from cointrader.market import doubts
from cointrader.market.at_interval import AtInterval, read_at, stored_interval
from cointrader.market.frame import (
    Columns,
    Floats,
    Frame,
    Times,
    join_on_time,
    missing,
    missing_columns,
)
from cointrader.market.history import FILE_NAME, settlements_in
from cointrader.market.quality import Finding, Kind, Severity, utc

SETTLEMENT_MS = doubts.SETTLEMENT_MS
DEFAULT_CORRELATION_SYMBOLS = ("BTCUSDT", "ETHUSDT")
_CHUNK = 4096  # candles made at once while iterating


class CandleRows(Sequence[Candle]):
    """Columns read as a sequence of candles, each made when it is looked at.

    A slice is another view of the same columns. `open_time_ms` and `columns` are the arrays.
    """

    __slots__ = ("_interval_ms", "_symbol", "columns", "open_time_ms")

    def __init__(
        self, symbol: str, interval_ms: int, open_time_ms: Times, columns: Columns
    ) -> None:
        self.open_time_ms = open_time_ms
        self._symbol = symbol
        self._interval_ms = interval_ms
        self.columns = columns

    def __len__(self) -> int:
        return len(self.open_time_ms)

    @overload
    def __getitem__(self, index: int) -> Candle: ...

    @overload
    def __getitem__(self, index: slice) -> CandleRows: ...

    def __getitem__(self, index: int | slice) -> Candle | CandleRows:
        if isinstance(index, slice):
            columns = Columns(*(column[index] for column in self.columns.arrays()))
            return CandleRows(self._symbol, self._interval_ms, self.open_time_ms[index], columns)
        columns = self.columns
        opened = self.open_time_ms.item(index)
        return Candle(
            self._symbol,
            opened,
            opened + self._interval_ms,
            columns.open.item(index),
            columns.high.item(index),
            columns.low.item(index),
            columns.close.item(index),
            columns.volume.item(index),
        )

    def __iter__(self) -> Iterator[Candle]:
        for start in range(0, len(self), _CHUNK):
            piece = slice(start, start + _CHUNK)
            opened = self.open_time_ms[piece]
            yield from map(
                Candle,
                repeat(self._symbol),
                opened.tolist(),
                (opened + self._interval_ms).tolist(),
                *(column[piece].tolist() for column in self.columns.arrays()),
            )


class FolderSource:
    """Candles of `<folder>/<symbol>/combined_<interval>.parquet`, or bars made of shorter ones.

    A correlation symbol without a file of its own is taken from the `*_btc`-like columns of the
    given symbols' files, united on time; where two files disagree the first configured symbol's
    counts, and `findings` tells.

    Parameters
    ----------
    path : the folder
    symbols : to be traded, in configured order
    correlation_symbols : context, in configured order

    Raises
    ------
    DataError : a symbol is not stored (here), or its file cannot be trusted (at first use)
    """

    def __init__(
        self,
        path: Path,
        symbols: Sequence[str],
        interval: str = "15m",
        correlation_symbols: Sequence[str] = DEFAULT_CORRELATION_SYMBOLS,
    ) -> None:
        self._folder = Path(path)
        self._interval = interval
        self._interval_ms = interval_ms(interval)
        self._traded = tuple(dict.fromkeys(symbol.upper() for symbol in symbols))
        self._context = tuple(dict.fromkeys(symbol.upper() for symbol in correlation_symbols))
        self._files: dict[str, AtInterval] = {}
        self._settled: dict[str, tuple[Settlement, ...]] = {}
        self._united: dict[str, tuple[Times, Columns, tuple[Finding, ...]]] = {}
        for symbol in self._traded:
            if stored_interval(self._folder, symbol, interval) is None:
                self._file(symbol)  # raises, and says what is stored

    @property
    def label(self) -> str:
        told = f"candles of {self._folder}, {self._interval}"
        intervals = (stored_interval(self._folder, name, self._interval) for name in self._traded)
        made_of = sorted({name for name in intervals if name not in (None, self._interval)})
        return told + (f" (made of {', '.join(made_of)})" if made_of else "")

    @property
    def interval_ms(self) -> int:
        return self._interval_ms

    def symbols(self) -> Sequence[str]:
        """Every symbol with candles: the given ones, then correlation symbols, in their order."""
        others = (symbol for symbol in self._context if symbol not in self._traded)
        return (*self._traded, *(symbol for symbol in others if len(self._columns(symbol)[0])))

    def candles(self, symbol: str) -> CandleRows:
        """All candles of `symbol`, ascending, without gaps; empty for an unknown symbol.

        Raises
        ------
        DataError : its file cannot be trusted
        MissingCandles : a correlation symbol has a hole in the files it is taken from
        """
        symbol = symbol.upper()
        times, columns = self._columns(symbol)
        holes = np.flatnonzero(np.diff(times) > self._interval_ms)
        if len(holes):
            before, after = int(times[holes[0]]), int(times[holes[0] + 1])
            raise MissingCandles(
                f"candles of {symbol} are missing",
                where=f"{self._folder}, columns of {', '.join(self._traded)}",
                found=f"{utc(before)}, then {utc(after)}",
                allowed="one candle per interval, without a gap",
                todo=f"store candles of {symbol} in this folder, or leave it out",
            )
        return CandleRows(symbol, self._interval_ms, times, columns)

    def settlements(self, symbol: str) -> Sequence[Settlement]:
        """Funding settlements that have a rate; trading rules, section 3.

        Those at 00, 08 and 16 UTC by the stored column, and those at other times that the history
        beside the candles (`market.history`) has recorded. The column was forward-filled from
        stamps a few ms late, so the rate of the settlement at bar t stands at bar t+1: of the
        candles as they are stored, also where longer bars are made of them.
        """
        symbol = symbol.upper()
        if symbol not in self._settled:
            self._settled[symbol] = self._settlements(symbol) if self.has_own_file(symbol) else ()
        return self._settled[symbol]

    def _settlements(self, symbol: str) -> tuple[Settlement, ...]:
        frame = self._file(symbol).stored.frame
        at = np.flatnonzero(frame.open_time_ms % SETTLEMENT_MS == 0)
        rates = frame.funding_rate[np.minimum(at + 1, len(frame) - 1)]
        pairs = zip(frame.open_time_ms[at].tolist(), rates.tolist(), strict=True)
        settled = [Settlement(at_ms, rate) for at_ms, rate in pairs if not math.isnan(rate)]
        settled += self._recorded_between(symbol, frame)
        return tuple(sorted(settled, key=lambda each: each.at_ms))

    def _recorded_between(self, symbol: str, frame: Frame) -> Iterator[Settlement]:
        """Recorded settlements of the time of `frame` at other hours than 00, 08 and 16 UTC."""
        first_ms, last_ms = int(frame.open_time_ms[0]), int(frame.open_time_ms[-1])
        for each in settlements_in(self._folder / FILE_NAME, symbol):
            at_ms = (each.at_ms + MINUTE_MS // 2) // MINUTE_MS * MINUTE_MS  # stamped a little late
            if first_ms <= at_ms <= last_ms and at_ms % SETTLEMENT_MS:
                yield Settlement(at_ms, each.rate)

    def open_times(self, symbol: str) -> Sequence[int]:
        """Open times of all candles of `symbol` in ms, ascending."""
        times: list[int] = self.candles(symbol).open_time_ms.tolist()
        return times

    def open_interest(self, symbol: str) -> Sequence[tuple[int, float]]:
        """Always empty: these files know changes of open interest, not its amount."""
        del symbol
        return ()

    def open_interest_changes(self, symbol: str) -> tuple[Times, Floats]:
        """Open times of the candles of `symbol`, and how open interest changed over each.

        Fractions, NaN where they are not known. Empty for a symbol without a file of its own.
        """
        symbol = symbol.upper()
        if not self.has_own_file(symbol):
            return np.empty(0, np.int64), missing(0)
        frame = self._file(symbol).frame
        return frame.open_time_ms, frame.oi_change

    def frame(self, symbol: str) -> Frame:
        """All candles of `symbol` with the correlation symbols joined on time, for research.

        The correlation candles are those that `candles` plays back; NaN where there are none.

        Raises
        ------
        DataError : no candles of `symbol` are known, or its file cannot be trusted
        """
        symbol = symbol.upper()
        times, columns = self._columns(symbol)
        has_file = (
            self.has_own_file(symbol) or len(times) == 0
        )  # then reading it says what is stored
        stored = self._file(symbol).frame if has_file else None
        return Frame(
            symbol,
            self._interval_ms,
            times,
            columns,
            {name: join_on_time(times, *self._columns(name)) for name in self._context},
            stored.funding_rate if stored else missing(len(times)),
            stored.oi_change if stored else missing(len(times)),
        )

    def has_own_file(self, symbol: str) -> bool:
        """Whether the candles of `symbol` are taken from a file of its own."""
        symbol = symbol.upper()
        if symbol in self._files or symbol in self._traded:
            return True
        known = symbol in self._context
        return known and stored_interval(self._folder, symbol, self._interval) is not None

    def findings(self, symbol: str) -> tuple[Finding, ...]:
        """What was repaired, looked odd, or is told differently by two files."""
        symbol = symbol.upper()
        if self.has_own_file(symbol):
            return self._file(symbol).stored.findings
        return self._unite(symbol)[2]

    def _file(self, symbol: str) -> AtInterval:
        if symbol not in self._files:
            self._files[symbol] = read_at(self._folder, symbol, self._interval)
        return self._files[symbol]

    def _columns(self, symbol: str) -> tuple[Times, Columns]:
        if self.has_own_file(symbol):
            frame = self._file(symbol).frame
            return frame.open_time_ms, frame.candles
        times, columns, _ = self._unite(symbol)
        return times, columns

    def _unite(self, symbol: str) -> tuple[Times, Columns, tuple[Finding, ...]]:
        """A correlation symbol's candles, united on time over the files that carry them."""
        if symbol not in self._united:
            times, columns = np.empty(0, dtype=np.int64), missing_columns(0)
            findings: list[Finding] = []
            for name in self._traded if symbol in self._context else ():
                frame = self._file(name).frame
                if symbol not in frame.correlated:
                    continue
                given = np.flatnonzero(~np.isnan(frame.correlated[symbol].close))
                more = (frame.open_time_ms[given], frame.correlated[symbol].take(given))
                findings += _disagreements(symbol, name, (times, columns), more)
                times, columns = _union((times, columns), more)
            self._united[symbol] = times, columns, tuple(findings)
        return self._united[symbol]


Timed = tuple[Times, Columns]


def _union(first: Timed, second: Timed) -> Timed:
    """Both in time order; where both have a time, the first one's candle."""
    if np.array_equal(first[0], second[0]):
        return first
    times, rows = np.unique(np.concatenate((first[0], second[0])), return_index=True)
    pairs = zip(first[1].arrays(), second[1].arrays(), strict=True)
    return times, Columns(*(np.concatenate(pair)[rows] for pair in pairs))


def _disagreements(symbol: str, name: str, first: Timed, second: Timed) -> list[Finding]:
    """Times for which the file of `name` tells another candle than the files before it."""
    here = join_on_time(second[0], *first)
    differs = np.zeros(len(second[0]), dtype=np.bool_)
    for one, other in zip(here.arrays(), second[1].arrays(), strict=True):
        differs |= (one != other) & ~np.isnan(one)
    rows = np.flatnonzero(differs).tolist()
    if not rows:
        return []
    at_ms = int(second[0][rows[0]])
    detail = (
        f"{len(rows)} candle(s) of {symbol} in the file of {name} differ from those in the files "
        f"before it, first at {utc(at_ms)}; the first configured symbol's are used"
    )
    return [Finding(Kind.DISAGREEMENT, rows[0], at_ms, detail, Severity.SUSPECT)]
