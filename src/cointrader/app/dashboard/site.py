"""The answers of the dashboard: pages read from a journal, words to the process that writes it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cointrader.app.dashboard.candles import DATA, CandleShelf
from cointrader.app.dashboard.health import journal_health, read_health
from cointrader.app.dashboard.journal import JournalWatch, Readers
from cointrader.app.dashboard.memory import Memory
from cointrader.app.dashboard.overview import open_positions, read_overview, symbol_rows
from cointrader.app.dashboard.run import NOBODY, RunNow, read_run
from cointrader.app.dashboard.trades import cursor, read_costs, read_csv, read_trades
from cointrader.app.status import writer_of
from cointrader.dashboard import answers, views
from cointrader.dashboard.query import Query
from cointrader.dashboard.site import NobodyRuns
from cointrader.domain.errors import CointraderError
from cointrader.journal.page_reader import PageReader
from cointrader.journal.paging import Place
from cointrader.ops.control import Answer, NotRunning, ask, myself, socket_of

_QUICK_S = 2.0  # for questions whose answer a page can do without
_METRICS_S = 6.0  # they are not put together while a bar is answered, up to 2.3 s
_SLOW_S = 120.0  # closing positions takes a while
_KEPT_S = 1.0  # what the process told of itself is good for so long
_COMMANDS = {"reset-drawdown": "reset-kill"}


class JournalSite:
    """A `Site` over one journal file, which need not be there yet.

    What knows the signal rule is imported on use: the server need not wait for it.

    Every page has a reader for itself and reads the journal as of one moment, so pages may be
    asked for by several threads at once.
    """

    def __init__(self, journal: Path, *, data: Path = DATA) -> None:
        self._path = journal
        self._shelf = CandleShelf(self._values, data)
        self._memory = Memory()
        self._readers = Readers(journal)
        self._asked: tuple[float, Mapping[str, Any] | None, str] | None = None
        self._asking = threading.Lock()

    # -- pages

    def overview(self, query: Query) -> answers.Overview:
        del query
        with self._reading() as (reader, now):
            return read_overview(
                reader,
                now,
                lambda symbol, at_ms: self._shelf.close(now.run, symbol, at_ms),
                self._memory,
                is_listening=self._is_listening(now),
                now_ms=_now_ms(),
            )

    def symbols(self, query: Query) -> answers.Symbols:
        del query
        with self._reading() as (reader, now):
            return answers.Symbols(
                symbols=symbol_rows(reader, now, open_positions(reader, now), self._memory)
            )

    def symbol(self, symbol: str, query: Query) -> answers.SymbolPage:
        from cointrader.app.dashboard.symbol import read_symbol

        with self._reading() as (reader, now):
            return read_symbol(reader, now, self._shelf, self._memory, symbol.upper(), query)

    def decisions(self, query: Query) -> answers.Decisions:
        from cointrader.app.dashboard.decisions import read_decisions

        with self._reading() as (reader, now):
            return read_decisions(reader, now, query)

    def reasons(self, query: Query) -> answers.Reasons:
        from cointrader.app.dashboard.decisions import read_reasons

        with self._reading() as (reader, now):
            return read_reasons(reader, now, query)

    def trades(self, query: Query) -> answers.Trades:
        with self._reading() as (reader, now):
            return read_trades(reader, now, self._memory, query)

    def trades_csv(self, query: Query) -> str:
        with self._reading() as (reader, _now):
            return read_csv(reader, query)

    def costs(self, query: Query) -> answers.CostPage:
        with self._reading() as (reader, now):
            return read_costs(reader, now, query)

    def models(self, query: Query) -> answers.Models:
        from cointrader.app.dashboard.models import read_models

        del query
        process, _why_not = self._process()
        with self._reading() as (reader, now):
            return read_models(reader, now, process)

    def health(self, query: Query) -> answers.Health:
        del query
        process, why_not = self._process()
        with self._reading() as (reader, now):
            is_listening = self._is_listening(now)
            return read_health(
                reader,
                now,
                process,
                why_not,
                self._memory,
                is_listening=is_listening,
                now_ms=_now_ms(),
            )

    def alerts(self, query: Query) -> answers.Alerts:
        place = query.place()
        with self._reading() as (reader, _now):
            page = reader.alerts_page(
                level=query.text("level"),
                symbol=query.text("symbol"),
                after=None if place is None else Place(*place),
                limit=query.whole("limit", 100, least=1, most=500),
            )
        return answers.Alerts(
            alerts=[views.alert_row(alert) for alert in page.records], next=cursor(page.next)
        )

    def metrics(self) -> str:
        """The process's own metrics, and whether it answers."""
        text = (self._values("metrics", {}, timeout_s=_METRICS_S) or {}).get("text")
        process = text if isinstance(text, str) else ""
        found = journal_health(self._path, None)
        own = {
            "cointrader_dashboard_process_up": (bool(process), "The trading process answers."),
            "cointrader_dashboard_journal_bytes": (found.size + found.wal_size, "Journal size."),
            "cointrader_dashboard_journal_written_seconds": (
                found.written_ms / 1000,
                "When the journal was last written, Unix time.",
            ),
        }
        lines = [
            f"# HELP {name} {text}\n# TYPE {name} gauge\n{name} {float(value):.17g}\n"
            for name, (value, text) in own.items()
        ]
        return (process if process.endswith("\n") or not process else process + "\n") + "".join(
            lines
        )

    # -- the process

    def control(self, action: str, symbol: str | None) -> answers.Done:
        """Ask the running process; what it does and who asked stands in its journal then."""
        arguments: dict[str, Any] = {"symbols": [] if symbol is None else [symbol]}
        if action == "reset-drawdown":
            arguments = {"symbols": [], "drawdown": True}
        try:
            answer = self._ask(_COMMANDS.get(action, action), arguments, timeout_s=_SLOW_S)
        except NotRunning as error:
            raise NobodyRuns(error.what, where=error.where, todo=error.todo) from None
        return answers.Done(
            is_done=answer.is_done, lines=list(answer.lines), values=dict(answer.values)
        )

    def watch(self) -> JournalWatch:
        return JournalWatch(self._path)

    def prepare(self) -> None:
        """Do what takes long: read what is long past, make the market of a paper run."""
        try:
            with self._reading() as (reader, now):
                run = now.run
                self._memory.nets(reader)
        except (CointraderError, OSError):
            return  # nothing has begun yet: the first chart makes it
        self._shelf.prepare(run)

    def close(self) -> None:
        self._readers.close()

    # -- how

    @contextmanager
    def _reading(self) -> Iterator[tuple[PageReader, RunNow]]:
        with self._readers.lent() as reader, reader.at_one_moment():
            yield reader, read_run(reader)

    def _is_listening(self, now: RunNow) -> bool:
        """Whether somebody takes commands: its socket is there, and the journal has a writer."""
        return now.writer is not None and socket_of(self._path).exists()

    def _process(self) -> tuple[Mapping[str, Any] | None, str]:
        """What the running process tells of itself, or why it does not."""
        with self._asking:
            kept = self._asked
            if kept is None or time.monotonic() - kept[0] > _KEPT_S:
                kept = self._asked = (time.monotonic(), *self._told())
            return kept[1], kept[2]

    def _told(self) -> tuple[Mapping[str, Any] | None, str]:
        try:
            answer = self._ask("health", {}, timeout_s=_QUICK_S)
        except NotRunning:
            is_silent = writer_of(self._path) is not None
            return None, "the process takes no questions at full speed" if is_silent else NOBODY
        except CointraderError as error:
            return None, error.what
        if not answer.is_done:
            return None, "; ".join(answer.lines)
        told = answer.values.get("health", answer.values)
        return (told if isinstance(told, Mapping) else None), ""

    def _values(
        self, name: str, arguments: Mapping[str, Any], timeout_s: float = _QUICK_S
    ) -> Mapping[str, Any] | None:
        try:
            answer = self._ask(name, arguments, timeout_s=timeout_s)
        except CointraderError:
            return None
        return answer.values if answer.is_done else None

    def _ask(self, name: str, arguments: Mapping[str, Any], *, timeout_s: float) -> Answer:
        who = f"dashboard of {myself()}"
        return ask(self._path, name, arguments, timeout_s=timeout_s, who=who)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
