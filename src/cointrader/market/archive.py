"""The files of Binance's public archive (data.binance.vision): their names, and what is in them.

Pure: names and bytes in, columns out. Only USDⓈ-M futures: candles, funding settlements, and the
"metrics", whose open interest goes years back.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np

from cointrader.domain.clock import DAY_MS, INTERVALS_MS, interval_ms
from cointrader.domain.errors import DataError
from cointrader.domain.ports import Settlement
from cointrader.market.frame import Columns, Floats, Times
from cointrader.market.spans import Span

_NAME = re.compile(
    r"(?P<symbol>\w+?)-(?P<what>fundingRate|metrics|\d+[mh])-(?P<period>\d{4}-\d\d(-\d\d)?)"
    r"\.(zip|csv)"
)
_MICROSECONDS = 10**14  # a time above it is no count of milliseconds
_AGAIN = "fetch it again; if it stays so, leave it out and tell what file it is"


class Kind(StrEnum):
    """What a file holds, as the archive's folders are called."""

    KLINES = "klines"
    FUNDING = "fundingRate"
    METRICS = "metrics"


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One file of the archive. `interval` is that of klines, else empty.

    `period` is a UTC month or day: ``2025-01`` or ``2025-01-31``.
    """

    kind: Kind
    symbol: str
    period: str
    interval: str = ""

    @property
    def is_monthly(self) -> bool:
        return len(self.period) == len("2025-01")

    @property
    def name(self) -> str:
        """Without the ending."""
        return f"{self.symbol}-{self.interval or self.kind}-{self.period}"

    @property
    def path(self) -> str:
        """Below the archive's address."""
        every = "monthly" if self.is_monthly else "daily"
        inner = f"{self.interval}/" if self.interval else ""
        return f"data/futures/um/{every}/{self.kind}/{self.symbol}/{inner}{self.name}.zip"

    @property
    def span(self) -> Span:
        """The time it tells of."""
        if not self.is_monthly:
            start = _midnight(self.period)
            return start, start + DAY_MS
        year, month = map(int, self.period.split("-"))
        following = f"{year + month // 12:04d}-{month % 12 + 1:02d}"
        return _midnight(f"{self.period}-01"), _midnight(f"{following}-01")


def file_named(name: str) -> ArchiveFile | None:
    """What a file of this name holds; None for a name that the archive does not give."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    what = found["what"]
    if what in INTERVALS_MS:
        kind, interval = Kind.KLINES, what
    elif what in (Kind.FUNDING, Kind.METRICS):
        kind, interval = Kind(what), ""
    else:
        return None
    file = ArchiveFile(kind, found["symbol"], found["period"], interval)
    try:
        _ = file.span
    except ValueError:
        return None
    return file


def months_of(kind: Kind, symbol: str, span: Span, interval: str = "") -> list[ArchiveFile]:
    """The monthly files that tell of a span."""
    days = days_of(kind, symbol, span, interval)
    periods = dict.fromkeys(file.period[: len("2025-01")] for file in days)
    return [ArchiveFile(kind, symbol, period, interval) for period in periods]


def days_of(kind: Kind, symbol: str, span: Span, interval: str = "") -> list[ArchiveFile]:
    """The daily files that tell of a span."""
    first = span[0] // DAY_MS * DAY_MS
    midnights = range(first, span[1], DAY_MS) if span[0] < span[1] else ()
    return [ArchiveFile(kind, symbol, _day(at_ms), interval) for at_ms in midnights]


def require_sum(data: bytes, checksum: str, where: str) -> str:
    """The SHA-256 of `data`; `DataError` when it is not the one that `checksum` begins with.

    Parameters
    ----------
    checksum : text of a .CHECKSUM file, as ``sha256sum`` writes it
    """
    found = hashlib.sha256(data).hexdigest()
    told = checksum.split()[:1]
    if told != [found]:
        raise DataError(
            "a file of the archive is not what its checksum says",
            where=where,
            found=f"{len(data):,} bytes, sha256 {found}",
            allowed=f"sha256 {told[0] if told else 'missing: the checksum file is empty'}",
            todo="run it again: the file may have been cut off, or just replaced",
        )
    return found


def unpacked(data: bytes, where: str) -> str:
    """The text of the one CSV file in a zip; of `data` itself, where it is no zip."""
    if not data.startswith(b"PK"):
        return _text(data, where)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if len(names) != 1:
                found = ", ".join(names) or "nothing"
                raise DataError("a zip holds other than one file", where=where, found=found)
            return _text(archive.read(names[0]), where)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, OSError, ValueError) as error:
        raise DataError(
            "a zip cannot be unpacked", where=where, found=str(error), todo=_AGAIN
        ) from error


def candles_in(text: str, file: ArchiveFile, where: str) -> tuple[Times, Columns]:
    """The candles of a klines file, ascending; its first line may name the columns."""
    step_ms, (first_ms, end_ms) = interval_ms(file.interval), file.span
    rows: dict[int, list[float]] = {}
    for line, fields in _rows(text, where, "open_time", fewest=6):
        at_ms = _time(fields[0], where, line)
        if at_ms % step_ms or not first_ms <= at_ms < end_ms:
            raise _unlike(where, line, f"a candle of {at_ms}", f"open times of {file.name}")
        rows[at_ms] = [_number(field, where, line) for field in fields[1:6]]
    times = np.array(sorted(rows), dtype=np.int64)
    table = np.array([rows[at_ms] for at_ms in times.tolist()], dtype=np.float64).reshape(-1, 5)
    return times, Columns(*(np.ascontiguousarray(column) for column in table.T))


def settlements_in(text: str, where: str) -> list[Settlement]:
    """The settlements of a fundingRate file, ascending; it does not tell the mark price."""
    rows = {
        _time(fields[0], where, line): _number(fields[2], where, line)
        for line, fields in _rows(text, where, "calc_time", fewest=3)
    }
    return [Settlement(at_ms, rate) for at_ms, rate in sorted(rows.items())]


def open_interest_in(text: str, file: ArchiveFile, where: str) -> tuple[Times, Floats]:
    """Time and contracts of a metrics file, ascending; blank and zero amounts are not known."""
    rows: dict[int, float] = {}
    for line, fields in _rows(text, where, "create_time", fewest=3):
        if fields[1].strip() != file.symbol:
            raise _unlike(where, line, fields[1], f"rows of {file.symbol}")
        amount = _number(fields[2], where, line) if fields[2].strip() else 0.0
        if amount > 0:
            rows[_moment(fields[0], where, line)] = amount
    times = np.array(sorted(rows), dtype=np.int64)
    return times, np.array([rows[at_ms] for at_ms in times.tolist()], dtype=np.float64)


def _rows(
    text: str, where: str, first_name: str, *, fewest: int
) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of every row that is not blank, without a line of names."""
    for line, fields in enumerate(csv.reader(io.StringIO(text)), start=1):
        if not fields or (line == 1 and fields[0].strip().lstrip("\ufeff") == first_name):
            continue
        if len(fields) < fewest:
            raise _unlike(where, line, ",".join(fields), f"{fewest} fields or more")
        yield line, fields


def _time(field: str, where: str, line: int) -> int:
    try:
        at_ms = int(field)
    except ValueError:
        raise _unlike(where, line, field, "a time in ms") from None
    if at_ms >= _MICROSECONDS:
        raise _unlike(
            where, line, field, "a time in ms; the spot market's files tell µs since 2025"
        )
    return at_ms


def _moment(field: str, where: str, line: int) -> int:
    try:
        moment = datetime.fromisoformat(field.strip()).replace(tzinfo=UTC)
    except ValueError:
        raise _unlike(where, line, field, "a time such as 2025-01-31 08:05:00") from None
    return round(moment.timestamp()) * 1000


def _number(field: str, where: str, line: int) -> float:
    try:
        number = float(field)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise _unlike(where, line, field, "a number")
    return number


def _unlike(where: str, line: int, found: str, allowed: str) -> DataError:
    return DataError(
        "a file of the archive cannot be read",
        where=f"{where}, line {line}",
        found=found,
        allowed=allowed,
        todo=_AGAIN,
    )


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError("not a text", where=where, found=str(error), todo=_AGAIN) from None


def _midnight(day: str) -> int:
    return round(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).strftime("%Y-%m-%d")
