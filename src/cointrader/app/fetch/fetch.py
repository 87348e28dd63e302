"""`cointrader fetch`: history of the exchange into `<folder>/<symbol>/combined_<interval>.parquet`.

Candles of the symbols and their correlation symbols first, then funding and open interest, from
REST, from the public archive, or from both; into the history (`history.db`), from there into the
files. What is stored is not fetched again, so an interrupted fetch is simply run again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from cointrader.app.fetch.archive import ArchiveHistory
from cointrader.app.fetch.files import (
    Existing,
    adopt,
    read_existing,
    wanted_spans,
    write_symbol,
)
from cointrader.app.fetch.plan import HISTORY_NAME, FetchOutcome, FetchPlan, Source, asked_span
from cointrader.app.fetch.rest import KEPT_OPEN_INTEREST_MS, RestHistory, missing_candles
from cointrader.app.fetch.work import OnProgress, Patience, Work, nothing_to_tell
from cointrader.domain.clock import Clock, interval_ms
from cointrader.domain.errors import ConfigError, DataError, Unreachable
from cointrader.exchange.binance.rest import RestClient
from cointrader.market.doubts import SETTLEMENT_MS
from cointrader.market.history import History, open_interest_series
from cointrader.market.quality import utc
from cointrader.market.spans import Span, united, within, without
from cointrader.market.upsert import OPEN_INTEREST_MS, interest_before_ms

_MANY_CANDLES = 100_000  # from so many missing on, the archive's months are faster than pages
_REST_AT_ONCE, _FILES_AT_ONCE = 4, 8


async def fetch(
    plan: FetchPlan, clock: Clock, on_progress: OnProgress = nothing_to_tell
) -> FetchOutcome:
    """Fetch what is missing and bring the files up to date.

    Data that is wrong with one symbol fails that symbol only.

    Raises
    ------
    ExchangeError, ConfigError : the exchange, or the archive where it is alone, cannot be asked
    DataError : the history cannot be used
    """
    outcome = FetchOutcome()
    existing = read_all_existing(plan, outcome)
    async with AsyncExitStack() as stack:
        history = stack.enter_context(History(plan.folder / HISTORY_NAME))
        history.require_origin(plan.origin)
        now_ms, work = clock.now_ms(), Work(on_progress)
        rest = archive = None
        if plan.source is not Source.ARCHIVE:
            client = RestClient(plan.rest_url, clock)
            stack.push_async_callback(client.close)
            patience = Patience(clock, _REST_AT_ONCE)
            now_ms = await patience.ask(client.now_ms)
            rest = RestHistory(client, history, patience, work, now_ms)
        if plan.source is not Source.REST and plan.archive_url is not None:
            patience = Patience(clock, _FILES_AT_ONCE)
            archive = await stack.enter_async_context(
                ArchiveHistory(plan.archive_url, history, patience, work, now_ms)
            )
        await _Job(plan, history, rest, archive, now_ms, existing, outcome).run()
    return outcome


def read_all_existing(plan: FetchPlan, outcome: FetchOutcome) -> dict[str, Existing | None]:
    """The files as they are; before anything is asked, so that a broken one is told at once.

    Raises
    ------
    DataError : none of them can be read
    """
    existing: dict[str, Existing | None] = {}
    for symbol in plan.symbols:
        try:
            existing[symbol] = read_existing(plan.folder, symbol, plan.interval)
        except DataError as error:
            outcome.failed[symbol] = error
    if not existing and outcome.failed:
        raise next(iter(outcome.failed.values()))
    return existing


@dataclass(slots=True)
class _Job:
    """One run of `fetch`, with all that it needs."""

    plan: FetchPlan
    history: History
    rest: RestHistory | None
    archive: ArchiveHistory | None
    now_ms: int
    existing: dict[str, Existing | None]
    outcome: FetchOutcome

    async def run(self) -> None:
        asked = asked_span(self.plan, self.now_ms)
        spans: dict[str, tuple[Span, ...]] = {}
        for symbol, existing in self.existing.items():
            if existing is not None:
                adopt(self.history, existing, self.plan.interval)
            spans[symbol] = wanted_spans(asked, existing)
        everything = united(span for each in spans.values() for span in each)
        needed = dict.fromkeys(self.plan.correlation_symbols, everything)
        needed |= {name: united([*each, *needed.get(name, ())]) for name, each in spans.items()}
        async with asyncio.TaskGroup() as group:
            for name, wanted in needed.items():
                group.create_task(self._candles(name, wanted), name=f"candles:{name}")
        async with asyncio.TaskGroup() as group:
            for name, wanted in spans.items():
                group.create_task(self._context(name, wanted), name=f"context:{name}")
        for symbol, wanted in spans.items():
            self._write(symbol, wanted)

    async def _candles(self, symbol: str, wanted: Sequence[Span]) -> None:
        interval = self.plan.interval
        if self.archive is not None and (self.rest is None or self._are_many(symbol, wanted)):
            await self._from_archive(self.archive.candles(symbol, interval, wanted))
        if self.rest is not None:
            await self.rest.candles(symbol, interval, wanted)

    def _are_many(self, symbol: str, wanted: Sequence[Span]) -> bool:
        spans = missing_candles(self.history, symbol, self.plan.interval, wanted)
        total_ms = sum(end - start for start, end in spans)
        return total_ms // interval_ms(self.plan.interval) > _MANY_CANDLES

    async def _context(self, symbol: str, wanted: Sequence[Span]) -> None:
        """Funding and open interest, from the first candle on: before it there is none."""
        whole = (wanted[0][0], wanted[-1][1])
        times = self.history.candle_times(symbol, self.plan.interval, whole)
        if len(times) == 0:
            return
        since = within(wanted, (int(times[0]), whole[1]))
        rates = united((start - SETTLEMENT_MS, end) for start, end in since)
        before_ms = interest_before_ms(interval_ms(self.plan.interval))
        amounts = united((start - before_ms, end + 1) for start, end in since)
        if self.rest is not None:
            await self.rest.settlements(symbol, rates)
            await self.rest.open_interest(symbol, amounts)
        elif self.archive is not None:
            await self._from_archive(self.archive.settlements(symbol, rates))
        if self.archive is not None:
            until_ms = self.now_ms - (0 if self.rest is None else KEPT_OPEN_INTEREST_MS)
            older = within(amounts, (0, until_ms))
            await self._from_archive(self.archive.open_interest(symbol, older))
        self._tell_unasked(symbol, amounts)

    async def _from_archive(self, reading: Awaitable[None]) -> None:
        """Read there; beside REST, an archive that is away leaves holes that are told."""
        try:
            await reading
        except* (Unreachable, ConfigError) as errors:
            if self.rest is None:
                raise
            self._warn(
                f"the archive was not read, so what only it has is missing: {_first(errors)}"
            )

    def _tell_unasked(self, symbol: str, amounts: Sequence[Span]) -> None:
        """A word where open interest may exist elsewhere."""
        older = within(amounts, (0, self.now_ms - KEPT_OPEN_INTEREST_MS))
        left = without(older, self.history.asked(open_interest_series(symbol)))
        if left and self.archive is None:
            since_ms = left[-1][1] // OPEN_INTEREST_MS * OPEN_INTEREST_MS
            self._warn(
                f"open interest of {symbol} before {utc(since_ms)} was not fetched: the "
                "exchange keeps a month of it, and the archive, which has more, was not asked"
            )

    def _warn(self, text: str) -> None:
        if text not in self.outcome.warnings:
            self.outcome.warnings.append(text)

    def _write(self, symbol: str, spans: Sequence[Span]) -> None:
        try:
            written = write_symbol(
                self.history,
                self.plan.folder,
                symbol,
                self.plan.interval,
                spans,
                self.plan.correlation_symbols,
                self.existing[symbol],
                now_ms=self.now_ms,
            )
        except DataError as error:
            self.outcome.failed[symbol] = error
        else:
            self.outcome.symbols.append(written)


def _first(error: BaseException) -> BaseException:
    """One of the errors of a group of parallel tasks."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
