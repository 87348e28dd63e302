"""History from Binance's public archive into the store: whole months and days as zip files.

A file is believed when it is what its checksum says, and stored in one piece. It is not fetched
twice. What the archive does not have yet is left for later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import aiohttp

from cointrader import __version__
from cointrader.app.fetch.rest import missing_candles
from cointrader.app.fetch.work import Patience, Work
from cointrader.domain.clock import DAY_MS
from cointrader.domain.errors import ConfigError, DataError, RateLimited, Unreachable
from cointrader.market.archive import (
    ArchiveFile,
    Kind,
    candles_in,
    days_of,
    months_of,
    open_interest_in,
    require_sum,
    settlements_in,
    unpacked,
)
from cointrader.market.history import (
    History,
    candle_series,
    funding_series,
    open_interest_series,
)
from cointrader.market.spans import Span, united, within, without

ARCHIVE_URL = "https://data.binance.vision"
_MONTH_LATE_MS = 10 * DAY_MS  # a month's file comes on the first Monday after it
_DAY_LATE_MS = 7 * DAY_MS
_TRIES = 3  # for a file that is not what its checksum says
_PAUSE_MS = 2_000
_TIMEOUT = aiohttp.ClientTimeout(total=300, sock_connect=10, sock_read=30)
_GONE, _TOO_MANY = 404, 429


class ArchiveHistory:
    """One address that has the archive's folders. An async context manager.

    `now_ms` is the time when the fetch began.
    """

    def __init__(
        self, base_url: str, history: History, patience: Patience, work: Work, now_ms: int
    ) -> None:
        self._base_url = base_url
        self._history = history
        self._patience = patience
        self._work = work
        self._now_ms = now_ms
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers={"User-Agent": f"cointrader/{__version__}"}, timeout=_TIMEOUT
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def candles(self, symbol: str, interval: str, wanted: Sequence[Span]) -> None:
        """Candles of `wanted` that are not stored: by months, and by days where there are none."""
        ended = within(wanted, (0, self._now_ms // DAY_MS * DAY_MS))
        spans = missing_candles(self._history, symbol, interval, ended)
        await self._months(Kind.KLINES, symbol, spans, interval)
        # Of months that have no file yet, or are not over.
        recent = within(spans, (self._latest_months(), self._now_ms))
        left = missing_candles(self._history, symbol, interval, recent)
        await self._read_all(_files(days_of, Kind.KLINES, symbol, left, interval))

    async def settlements(self, symbol: str, wanted: Sequence[Span]) -> None:
        """Settlements of `wanted` that are not stored, of months that are over."""
        spans = without(wanted, self._history.asked(funding_series(symbol)))
        await self._months(Kind.FUNDING, symbol, spans)

    async def open_interest(self, symbol: str, wanted: Sequence[Span]) -> None:
        """Amounts of `wanted` that are not stored, of days that are over."""
        ended = within(wanted, (0, self._now_ms // DAY_MS * DAY_MS))
        spans = without(ended, self._history.asked(open_interest_series(symbol)))
        await self._read_all(_files(days_of, Kind.METRICS, symbol, spans))

    async def _months(
        self, kind: Kind, symbol: str, spans: Sequence[Span], interval: str = ""
    ) -> None:
        files = _files(months_of, kind, symbol, spans, interval)
        await self._read_all([file for file in files if file.span[1] <= self._now_ms])

    def _latest_months(self) -> int:
        """From when on a month may have no file although there was a market."""
        return self._now_ms - 31 * DAY_MS - _MONTH_LATE_MS

    async def _read_all(self, files: Sequence[ArchiveFile]) -> None:
        fresh = [file for file in files if not self._history.has_read(file.path)]
        self._work.plan(len(fresh))
        async with asyncio.TaskGroup() as group:
            for file in fresh:
                group.create_task(self._read(file), name=f"archive:{file.name}")

    async def _read(self, file: ArchiveFile) -> None:
        for remaining in range(_TRIES - 1, -1, -1):
            try:
                await self._patience.ask(lambda: self._read_once(file))
            except DataError:
                if not remaining:
                    raise
                await self._patience.clock.sleep_ms(_PAUSE_MS)
            else:
                break
        self._work.finish()

    async def _read_once(self, file: ArchiveFile) -> None:
        """Fetch, check and store one file, or note that there is none."""
        where = f"{self._base_url}/{file.path}"
        data = await self._bytes(where)
        if data is None:
            late_ms = _MONTH_LATE_MS if file.is_monthly else _DAY_LATE_MS
            if file.span[1] + late_ms < self._now_ms:
                self._history.note_absent(file.path, _series(file), _asked(file))
            return
        checksum = await self._bytes(f"{where}.CHECKSUM")
        if checksum is None:
            raise DataError(
                "a file of the archive has no checksum", where=where, todo="run it again later"
            )
        total = require_sum(data, checksum.decode("ascii", "replace"), where)
        store(self._history, file, unpacked(data, where), where, (file.path, total))

    async def _bytes(self, url: str) -> bytes | None:
        """What is at an address; None where nothing is."""
        assert self._session is not None, "used as an async context manager"
        try:
            async with self._session.get(url) as answer:
                if answer.status == _GONE:
                    return None
                if answer.status == _TOO_MANY:
                    wait = answer.headers.get("Retry-After", "")
                    pause_ms = int(wait) * 1000 if wait.isdecimal() else _PAUSE_MS
                    raise RateLimited("the archive wants a pause", retry_after_ms=pause_ms)
                if answer.status >= 500:
                    raise Unreachable(
                        "the archive has a fault", where=url, found=f"status {answer.status}"
                    )
                if answer.status != 200:
                    raise ConfigError(
                        "the archive refuses",
                        where=url,
                        found=f"status {answer.status}",
                        todo="check --archive-url, or go without it: --source rest",
                    )
                return await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(
                "the archive cannot be reached",
                where=url,
                found=type(error).__name__,
                todo="check the network; or go without the archive: --source rest",
            ) from None


def store(
    history: History, file: ArchiveFile, text: str, where: str, read: tuple[str, str] | None
) -> int:
    """Put what an archive file tells into the history; how many rows that were."""
    match file.kind:
        case Kind.KLINES:
            times, columns = candles_in(text, file, where)
            history.keep_candles(file.symbol, file.interval, times, columns, file=read)
            return len(times)
        case Kind.FUNDING:
            settlements = settlements_in(text, where)
            history.keep_settlements(file.symbol, settlements, asked=_asked(file), file=read)
            return len(settlements)
        case Kind.METRICS:
            at_ms, amounts = open_interest_in(text, file, where)
            asked = _asked(file)
            history.keep_open_interest(file.symbol, at_ms, amounts, asked=asked, file=read)
            return len(at_ms)


def _asked(file: ArchiveFile) -> list[Span]:
    """What need not be asked for again. Of candles nothing: REST may have more of them."""
    return [] if file.kind is Kind.KLINES else [file.span]


def _series(file: ArchiveFile) -> str:
    match file.kind:
        case Kind.KLINES:
            return candle_series(file.symbol, file.interval)
        case Kind.FUNDING:
            return funding_series(file.symbol)
        case Kind.METRICS:
            return open_interest_series(file.symbol)


def _files(
    made_of: Callable[[Kind, str, Span, str], list[ArchiveFile]],
    kind: Kind,
    symbol: str,
    spans: Sequence[Span],
    interval: str = "",
) -> list[ArchiveFile]:
    """The files that tell of any of `spans`, each once."""
    every = (made_of(kind, symbol, span, interval) for span in united(spans))
    return list(dict.fromkeys(file for files in every for file in files))
