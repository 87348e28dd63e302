"""The answers of the dashboard: pages read from a journal, words to the process that writes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cointrader.app.dashboard.candles import DATA, CandleShelf
from cointrader.app.dashboard.health import journal_health, read_health
from cointrader.app.dashboard.journal import JournalWatch, Readers
from cointrader.app.dashboard.memory import Memory
from cointrader.app.dashboard.overview import read_overview, symbol_rows
from cointrader.app.dashboard.positions import Prices, open_positions, seen_of
from cointrader.app.dashboard.process import SLOW_S, RunningProcess
from cointrader.app.dashboard.run import RunNow, read_run
from cointrader.app.dashboard.trades import cursor, read_costs, read_csv, read_trades
from cointrader.dashboard import answers, views
from cointrader.dashboard.query import Query
from cointrader.dashboard.site import NobodyRuns
from cointrader.domain.errors import CointraderError
from cointrader.journal.page_reader import PageReader
from cointrader.journal.paging import Place
from cointrader.ops.control import NotRunning, socket_of

_METRICS_S = 6.0  # they are not put together while a bar is answered, up to 2.3 s
_COMMANDS = {"reset-drawdown": "reset-kill"}


class JournalSite:
    """A `Site` over one journal file, which need not be there yet.

    What knows the signal rule is imported on use: the server need not wait for it.

    Every page has a reader for itself and reads the journal as of one moment, so pages may be
    asked for by several threads at once.

    Parameters
    ----------
    data : a folder of stored history, for charts
    now_ms : the time of real markets; the system's by default
    opened : opens the journal
    """

    def __init__(
        self,
        journal: Path,
        *,
        data: Path = DATA,
        now_ms: Callable[[], int] | None = None,
        opened: Callable[[Path], PageReader] = PageReader,
    ) -> None:
        self._path = journal
        self._process = RunningProcess(journal, now_ms or _now_ms)
        self._shelf = CandleShelf(self._process.values, data)
        self._memory = Memory()
        self._readers = Readers(journal, opened)

    # -- pages

    def overview(self, query: Query) -> answers.Overview:
        del query
        with self._reading() as (reader, now):
            return read_overview(
                reader,
                now,
                self._prices(reader, now),
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
            prices = self._prices(reader, now)
            return read_symbol(
                reader, now, self._shelf, prices, self._memory, symbol.upper(), query
            )

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
        process, _why_not = self._process.health()
        with self._reading() as (reader, now):
            return read_models(reader, now, process)

    def health(self, query: Query) -> answers.Health:
        del query
        process, why_not = self._process.health()
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
        text = (self._process.values("metrics", {}, timeout_s=_METRICS_S) or {}).get("text")
        process = text if isinstance(text, str) else ""
        found = journal_health(self._path)
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
            name = _COMMANDS.get(action, action)
            answer = self._process.ask(name, arguments, timeout_s=SLOW_S)
        except NotRunning as error:
            raise NobodyRuns(error.what, where=error.where, todo=error.todo) from None
        return answers.Done(
            is_done=answer.is_done, lines=list(answer.lines), values=dict(answer.values)
        )

    def watch(self) -> JournalWatch:
        return JournalWatch(self._path)

    def remember(self) -> None:
        """Read what is long past, so that the first page need not."""
        with suppress(CointraderError, OSError), self._reading() as (reader, _now):
            self._memory.nets(reader)  # nothing may have begun yet

    def prepare(self) -> None:
        """Do what takes long: read what is long past, make the market of a paper run."""
        self.remember()
        try:
            with self._reading() as (_reader, now):
                run = now.run
        except (CointraderError, OSError):
            return  # nothing has begun yet: the first chart makes it
        self._shelf.prepare(run)

    def close(self) -> None:
        self._readers.close()

    # -- how

    def _prices(self, reader: PageReader, now: RunNow) -> Prices:
        """What prices there are, and what the running process says of positions."""
        seen, told = seen_of(reader), None
        if self._is_listening(now):
            told = self._process.positions(seen, bar_ms=now.bar_ms)
        else:
            self._process.forget()
        return Prices(lambda symbol, at_ms: self._shelf.close(now.run, symbol, at_ms), told, seen)

    @contextmanager
    def _reading(self) -> Iterator[tuple[PageReader, RunNow]]:
        with self._readers.lent() as reader, reader.at_one_moment():
            yield reader, read_run(reader)

    def _is_listening(self, now: RunNow) -> bool:
        """Whether somebody takes commands: its socket is there, and the journal has a writer."""
        return now.writer is not None and socket_of(self._path).exists()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
