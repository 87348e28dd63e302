"""The layout of `<folder>/<symbol>/combined_<interval>.parquet`, and what may be repaired in it.

One row per candle: own OHLCV, the candles of the correlation symbols under a suffix
(`close_btc` for BTCUSDT), `oi_change`, `funding_rate` and `timestamp`, the open time. Reading
makes lossless repairs only; everything else that is wrong stops it, with the row and the reason.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cointrader.domain.clock import INTERVALS_MS, interval_ms
from cointrader.domain.errors import ConfigError, DataError, MissingCandles
from cointrader.market import doubts
from cointrader.market.frame import COLUMN_NAMES, Columns, Floats, Frame, Times, missing
from cointrader.market.quality import (
    Finding,
    Kind,
    Rows,
    Severity,
    coverage,
    in_time_order,
    inspect,
    interval_name,
    possible,
    refusal,
    why_impossible,
)
from cointrader.market.store import Table, read_table, write_table

_QUOTES = ("USDC", "FDUSD", "BUSD")  # other than USDT, which a suffix leaves out
_NOT_SUFFIXES = {"time"}  # `close_time` is a column of Binance's own files
_EXTRAS = ("oi_change", "funding_rate")
_SYMBOL = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, eq=False)
class Examined:
    """A stored file as it is: its rows, what was found, what each column covers."""

    path: Path
    symbol: str
    interval_ms: int
    open_time_ms: Times
    candles: Columns
    correlated: Mapping[str, Columns]
    funding_rate: Floats
    oi_change: Floats
    findings: tuple[Finding, ...]

    def __len__(self) -> int:
        return len(self.open_time_ms)

    def kept(self) -> Rows:
        """Numbers of the rows a reader keeps, in time order: no copies, no open last candle."""
        rows = in_time_order(self.open_time_ms)
        was_open = any(finding.kind is Kind.OPEN_CANDLE for finding in self.findings)
        return rows[:-1] if was_open else rows

    def coverage(self) -> dict[str, float]:
        """Share of non-missing values by column name; a correlation symbol is one column."""
        own = dict(zip(COLUMN_NAMES, self.candles.arrays(), strict=True))
        others = {name: columns.close for name, columns in self.correlated.items()}
        known = {"funding_rate": self.funding_rate, "oi_change": self.oi_change}
        return coverage({**own, **others, **known})


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A file that can be trusted: its candles, and what was repaired or looked odd."""

    path: Path
    frame: Frame
    findings: tuple[Finding, ...]


def candle_path(folder: Path, symbol: str, interval: str) -> Path:
    """Where the candles of a symbol are stored; `ConfigError` for what cannot be a symbol."""
    interval_ms(interval)
    if not _SYMBOL.fullmatch(symbol):
        raise ConfigError(
            "not a symbol",
            where="the symbols",
            found=symbol,
            allowed="letters and digits",
            todo="write XRP/USDT as XRPUSDT",
        )
    return folder / symbol.lower() / f"combined_{interval}.parquet"


def stored_symbols(folder: Path, interval: str) -> tuple[str, ...]:
    """The symbols that have a file of this interval, in alphabetical order.

    Raises
    ------
    DataError : there is no such folder, or no such file in it
    """
    interval_ms(interval)
    name = f"combined_{interval}.parquet"
    if not folder.is_dir():
        raise DataError(
            "there is no such folder of candles",
            where=str(folder),
            found="a file" if folder.exists() else None,
            allowed=f"a folder that holds <symbol>/{name}",
            todo="give --data the right folder",
        )
    files = [path for path in folder.glob(f"*/{name}") if path.parent.name.islower()]
    if files:
        return tuple(sorted(path.parent.name.upper() for path in files))
    raise MissingCandles(
        "the folder holds no candles of this interval",
        where=str(folder),
        found=_what_is_there(folder),
        allowed=f"<symbol in lower case>/{name}",
        todo="give --data the folder above the symbols', or name an interval that is there",
    )


def examine(folder: Path, symbol: str, interval: str) -> Examined:
    """Look at a stored file without repairing or refusing what is in its rows.

    Raises
    ------
    DataError : it cannot be read at all: missing, broken, a column missing or of another type
    """
    path = candle_path(folder, symbol, interval)
    if not path.is_file():
        exist = ", ".join(stored_symbols(folder, interval))
        raise MissingCandles(
            f"no candles of {symbol.upper()} are stored",
            where=str(path),
            allowed=f"stored are {exist}",
            todo="choose among those stored, or store its candles there",
        )
    table = read_table(path, _wanted)
    candles = _own(table)
    correlated = {symbol_of(suffix): _at(table, suffix) for suffix in _suffixes(table.columns)}
    funding_rate, oi_change = _known(table, "funding_rate"), _known(table, "oi_change")
    context = [array for columns in correlated.values() for array in columns.arrays()]
    times = table.open_time_ms
    certain = inspect(
        times,
        candles,
        interval_ms(interval),
        context=(*context, funding_rate, oi_change),
        stored_ms=table.stored_ms,
        now_ms=time.time_ns() // 1_000_000 if table.stored_ms is None else None,
    )
    known = {"funding_rate": funding_rate, "oi_change": oi_change}
    findings = [*_context_findings(times, correlated, known), *certain]
    if refusal(findings, "") is None:
        findings += _doubts(times, candles, correlated, funding_rate, interval_ms(interval))
    return Examined(
        path,
        symbol.upper(),
        interval_ms(interval),
        times,
        candles,
        correlated,
        funding_rate if table.stored_ms is not None else _after_first_rate(table, funding_rate),
        # Files from elsewhere say 0 where a request failed; ours say null.
        oi_change if table.stored_ms is not None else np.where(oi_change == 0, np.nan, oi_change),
        tuple(findings),
    )


def read_combined(folder: Path, symbol: str, interval: str) -> Stored:
    """Read a stored file, repaired where that loses nothing.

    Repairs: rows are sorted, exact duplicates dropped, and a last candle that is known to have
    been open when the file was written is dropped. `findings` tells of each.

    Raises
    ------
    MissingCandles : it has a gap, or no candles
    DataError : it cannot be trusted; the message names the file, the row, its time and values
    """
    seen = examine(folder, symbol, interval)
    problem = refusal(seen.findings, str(seen.path))
    if problem:
        raise problem
    kept = seen.kept()
    if len(kept) == 0:
        raise MissingCandles(
            "a candle file holds no closed candle",
            where=str(seen.path),
            todo="store more of its candles there",
        )
    frame = Frame(
        seen.symbol,
        seen.interval_ms,
        seen.open_time_ms[kept],
        seen.candles.take(kept),
        {name: columns.take(kept) for name, columns in seen.correlated.items()},
        seen.funding_rate[kept],
        seen.oi_change[kept],
    )
    return Stored(seen.path, frame, seen.findings)


def write_combined(folder: Path, frame: Frame, *, stored_ms: int) -> Path:
    """Store a frame, replacing what was there at once; the path of its file.

    Parameters
    ----------
    stored_ms : now; a reader uses it to recognise a last candle that had not closed

    Raises
    ------
    DataError : the frame could not be read back (a gap, an impossible candle), or the disk
        refuses; what was stored before is untouched
    """
    interval = interval_name(frame.interval_ms)
    path = candle_path(folder, frame.symbol, interval)
    if len(frame) == 0:
        raise MissingCandles("there are no candles to store", where=f"{path} (not written)")
    problem = refusal(
        [
            *_context_findings(
                frame.open_time_ms,
                frame.correlated,
                {"funding_rate": frame.funding_rate, "oi_change": frame.oi_change},
            ),
            *inspect(frame.open_time_ms, frame.candles, frame.interval_ms, stored_ms=stored_ms),
        ],
        f"{path} (not written)",
    )
    if problem:
        raise problem
    columns = dict(zip(COLUMN_NAMES, frame.candles.arrays(), strict=True))
    for symbol, others in frame.correlated.items():
        names = (f"{name}_{suffix_of(symbol)}" for name in COLUMN_NAMES)
        columns |= dict(zip(names, others.arrays(), strict=True))
    columns |= {"oi_change": frame.oi_change, "funding_rate": frame.funding_rate}
    write_table(Table(path, frame.open_time_ms, columns, stored_ms))
    return path


def suffix_of(symbol: str) -> str:
    """The column suffix of a correlation symbol: ``btc`` for BTCUSDT, ``btcusdc`` for BTCUSDC."""
    return symbol.upper().removesuffix("USDT").lower()


def symbol_of(suffix: str) -> str:
    """The correlation symbol of a column suffix, the reverse of `suffix_of`."""
    name = suffix.upper()
    has_quote = any(name.endswith(quote) and name != quote for quote in _QUOTES)
    return name if has_quote else name + "USDT"


def _what_is_there(folder: Path) -> str:
    """What a person sees in a folder that is not a folder of candles."""
    intervals = {
        path.stem.removeprefix("combined_") for path in folder.glob("*/combined_*.parquet")
    }
    if intervals & INTERVALS_MS.keys():
        return "intervals " + ", ".join(sorted(intervals)) + " (symbol folders are lower-case)"
    names = sorted(path.name for path in folder.iterdir())
    return ", ".join(names[:5]) + (", ..." if names[5:] else "") or "an empty folder"


def _own(table: Table) -> Columns:
    absent = [name for name in COLUMN_NAMES if name not in table.columns]
    if absent:
        raise DataError(
            f"a candle file lacks {', '.join(absent)}",
            where=str(table.path),
            found=", ".join(table.columns),
            allowed="open, high, low, close, volume and timestamp; other columns are optional",
            todo="store it again from its source, or rename its columns",
        )
    return Columns(*(table.columns[name] for name in COLUMN_NAMES))


def _wanted(names: Iterable[str]) -> list[str]:
    """The columns of a file that mean something here; others are left alone."""
    known = {f"{name}_{suffix}" for name in COLUMN_NAMES for suffix in _suffixes(names)}
    return [name for name in names if name in known or name in (*COLUMN_NAMES, *_EXTRAS)]


def _suffixes(names: Iterable[str]) -> list[str]:
    suffixes = (name.removeprefix("close_") for name in names if name.startswith("close_"))
    return [suffix for suffix in suffixes if suffix not in _NOT_SUFFIXES]


def _at(table: Table, suffix: str) -> Columns:
    names = [f"{name}_{suffix}" for name in COLUMN_NAMES]
    absent = [name for name in names if name not in table.columns]
    if absent:
        raise DataError(
            f"the candles of {symbol_of(suffix)} are incomplete: {', '.join(absent)}",
            where=str(table.path),
            found=", ".join(name for name in names if name in table.columns),
            allowed=f"all of {', '.join(names)}, or none",
            todo="fetch the file again, or drop these columns",
        )
    return Columns(*(table.columns[name] for name in names))


def _known(table: Table, name: str) -> Floats:
    return table.columns.get(name, missing(len(table.open_time_ms)))


def _after_first_rate(table: Table, funding_rate: Floats) -> Floats:
    """Zeros before the first rate in time are missing; later ones are rates of zero."""
    order = np.argsort(table.open_time_ms, kind="stable")
    is_rate = (funding_rate[order] != 0) & ~np.isnan(funding_rate[order])
    begun = np.empty(len(order), dtype=np.bool_)
    begun[order] = np.logical_or.accumulate(is_rate)
    return np.where(begun, funding_rate, np.nan)


def _doubts(
    times: Times,
    candles: Columns,
    correlated: Mapping[str, Columns],
    funding_rate: Floats,
    bar_ms: int,
) -> Iterator[Finding]:
    """What makes a file that has nothing wrong in it look like another one."""
    rows = in_time_order(times)
    others = {name: columns.take(rows) for name, columns in correlated.items()}
    for one in (
        *doubts.funding(times[rows], funding_rate[rows], bar_ms),
        *doubts.lagging(times[rows], candles.take(rows), others, bar_ms),
    ):
        yield replace(one, row=int(rows[one.row]))


def _context_findings(
    times: Times, correlated: Mapping[str, Columns], known: Mapping[str, Floats]
) -> list[Finding]:
    """What cannot be in the context columns; a row that is wholly missing there is fine."""
    found = []
    for symbol, columns in correlated.items():
        given = ~np.all([np.isnan(array) for array in columns.arrays()], axis=0)
        for row in np.flatnonzero(given & ~possible(columns)).tolist():
            why = why_impossible(*(float(array[row]) for array in columns.arrays()))
            found.append((row, f"{symbol}: {why}"))
    for name, values in known.items():
        rows = np.flatnonzero(np.isinf(values)).tolist()
        found += [(row, f"{name} is {values[row]}; a missing value is null") for row in rows]
    return [
        Finding(Kind.IMPOSSIBLE, row, int(times[row]), detail, Severity.REFUSED)
        for row, detail in found
    ]
