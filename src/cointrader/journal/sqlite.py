"""The `Journal` port on SQLite: one writer, full sync, nothing pretended.

A commit is one transaction that is on disk when it returns. Threaded (live), all database work
happens on one thread of its own, so that a slow disk never stalls the event loop, and commits
that queue up behind one another share a transaction. Inline (virtual time, tests), nothing runs
beside the caller. After a failed commit the journal refuses everything until it is opened anew:
nobody may trade on records that are not on disk.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from cointrader.domain.errors import JournalError
from cointrader.domain.order import Leg
from cointrader.domain.records import (
    BotState,
    Decision,
    Intent,
    OrderSeen,
    PositionOpened,
    Record,
    RiskState,
    TradeClosed,
    VerdictOverridden,
)
from cointrader.journal import rows, schema
from cointrader.journal.copying import keep_before_upgrade
from cointrader.journal.lock import WriterLock
from cointrader.journal.tables import (
    BOTS,
    DECISIONS,
    INTENTS,
    ORDERS,
    RISK_STATE,
    RUNS,
    TRADES,
    VERDICT_OVERRIDES,
)
from cointrader.journal.trouble import explained, explaining, version_warning

MEMORY = ":memory:"
WAL_BYTES = 16 << 20  # a slow reader can make the -wal file grow; it shrinks back to this
T = TypeVar("T")


class SqliteJournal:
    """The one writer of a journal file.

    The reading methods answer for everything noted so far: what is not yet committed they commit
    first. They wait for a commit under way, so they belong into recovery, not into a bar.

    Parameters
    ----------
    path : the file, made if missing; ``":memory:"`` for a journal that ends with its process
    threaded : write on a thread of its own (live) or in the caller's (virtual time)
    account : whose journal this is, for `ensure_same_account`
    survives_power_loss : a commit waits for the disk itself. Without, it survives the end of this
        process however sudden, which is all that a simulated exchange in it is worth
    flush_after_s : what was noted inside an event loop is on disk after this long without
        anybody asking; None: only a commit or a reading writes it
    by_checkpoints : nothing is on disk before the next `checkpoint`, and what follows the last
        one is forgotten. For an exchange that lives and dies with this process: it and the
        journal then come back as of the same moment
    listeners : hear every record as it is written down; must be quick and must not raise

    Raises `JournalError` when the file is in use, damaged, newer, foreign, or cannot be written.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        threaded: bool,
        account: str = "",
        survives_power_loss: bool = True,
        flush_after_s: float | None = None,
        by_checkpoints: bool = False,
        listeners: Sequence[Callable[[Record], None]] = (),
    ) -> None:
        self.path = None if str(path) == MEMORY else Path(path).resolve()
        self.account = account
        self._where = str(self.path or MEMORY)
        self._noted: list[Record] = []
        self._patient: list[Decision] = []  # of one bar: not written with its orders but after
        self._sealed: deque[list[Record]] = deque()  # filled by the caller, emptied by the writer
        self._usable = True  # until closed, or until a commit fails
        self._closed = False
        self._failure: JournalError | None = None
        self._flush_after_s = flush_after_s
        self._flush_timer: asyncio.TimerHandle | None = None
        self._waiting: list[asyncio.Future[None]] = []  # for a commit that others may still join
        self._by_checkpoints = by_checkpoints
        self._listeners = tuple(listeners)
        with explaining(self._where):
            is_new = self.path is not None and not self.path.exists()
            self._lock = self._locked()
            try:
                self._connection = _opened(self._where, survives_power_loss)
            except BaseException:
                if is_new and self.path is not None:  # half a beginning would be in the way
                    self.path.unlink(missing_ok=True)
                self._release()
                raise
        self._thread = ThreadPoolExecutor(1, "journal") if threaded else None

    @property
    def warning(self) -> str | None:
        """Why the SQLite library in use asks for care, to be shown at the start; else None."""
        return version_warning()

    # -- writing

    def note(self, record: Record) -> None:
        """Queue a record for the next commit; a HOLD, for the one after its bar's orders."""
        if not self._usable:
            self._refuse()
        if isinstance(record, Decision) and record.action == "HOLD" and not record.refusal:
            if self._patient and self._patient[-1].bar_open_ms != record.bar_open_ms:
                self._no_more_patience()
            self._patient.append(record)
        else:
            self._noted.append(record)
        for listener in self._listeners:
            listener(record)
        if self._flush_timer is None and self._flush_after_s is not None:
            loop = asyncio.get_running_loop()
            self._flush_timer = loop.call_later(self._flush_after_s, self._flush)

    async def commit(self, *records: Record) -> None:
        """Write all that was noted, then `records`, in one transaction; return once on disk.

        An order waits for this, and not for the HOLDs of its bar: a hundred bots make many. Those
        that are lost are answered again, and alike. A commit that is cancelled while it waits is
        written all the same.
        """
        if not self._usable:
            self._refuse()
        self._noted.extend(records)
        for record in records:
            for listener in self._listeners:
                listener(record)
        if self._thread is None:
            self._seal()
            self._write()
            return
        loop = asyncio.get_running_loop()
        if not self._waiting:  # whoever commits in this turn of the loop joins
            loop.call_soon(self._commit_now, loop)
        done = loop.create_future()
        self._waiting.append(done)
        await done

    def _commit_now(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let the thread write what was committed in the turn of the loop that has passed."""
        assert self._thread is not None
        waiting, self._waiting = self._waiting, []
        self._seal()
        try:
            written = self._thread.submit(self._write)
        except RuntimeError:  # closed meanwhile: closing wrote it
            _pass_on(None, waiting)
            return

        def tell(written: Future[None]) -> None:
            with suppress(RuntimeError):  # the loop is gone, and with it those who waited
                loop.call_soon_threadsafe(_pass_on, written.exception(), waiting)

        written.add_done_callback(tell)

    def checkpoint(self, *records: Record) -> None:
        """Write all that was noted and `records`; from here a process that dies goes on."""
        if not self._usable:
            self._refuse()
        self._no_more_patience()
        self._noted.extend(records)
        self._seal()
        self._on_writer(lambda: self._write(ends=True))

    def ensure_same_account(self, mode: str, account: str | None = None) -> None:
        """Refuse to mix the records of two accounts, or of paper, testnet and live, in one file.

        The first to ask makes the journal theirs. Call it before the first record of a run.
        """
        asked = (mode, self.account if account is None else account)
        owner = self._read(lambda: rows.claim(self._connection, *asked))
        if owner != asked:
            raise JournalError(
                "this journal belongs to another account",
                where=self._where,
                found=_named(*owner),
                allowed=_named(*asked),
                todo="give each account, and each of paper, testnet and live, a file of its own",
            )

    # -- reading

    def open_position(self, symbol: str) -> PositionOpened | None:
        """The last `PositionOpened` of `symbol` that no `TradeClosed` has ended."""
        return self._read(lambda: rows.open_position(self._connection, symbol))

    def intent(self, client_order_id: str) -> Intent | None:
        """What was about to be sent under this id."""
        condition = ("client_order_id = ?", client_order_id)
        return self._read(lambda: rows.latest(self._connection, INTENTS, condition))

    def last_order(self, client_order_id: str) -> OrderSeen | None:
        """What was last seen of an order of ours."""
        condition = ("client_order_id = ?", client_order_id)
        return self._read(lambda: rows.newest(self._connection, ORDERS, condition))

    def last_entry(self, symbol: str) -> Intent | None:
        """The newest intent of `symbol` to open a position, or to take one over."""
        of_symbol = ("symbol = ?", symbol)
        opening = [
            self._read(
                partial(rows.latest, self._connection, INTENTS, of_symbol, ("leg = ?", leg.value))
            )
            for leg in (Leg.ENTRY, Leg.ADOPTED)
        ]
        return max(filter(None, opening), key=lambda intent: intent.at_ms, default=None)

    def last_bot_state(self, symbol: str, states: Collection[str]) -> BotState | None:
        """The newest state of the bot of `symbol` that is one of `states`."""
        of_symbol = ("symbol = ?", symbol)
        found = [
            self._read(partial(rows.newest, self._connection, BOTS, of_symbol, ("state = ?", each)))
            for each in states
        ]
        return max(filter(None, found), key=lambda state: state.at_ms, default=None)

    def has_trade(self, trade_id: str) -> bool:
        """Whether the position opened by the entry order `trade_id` is closed and booked."""
        return self._read(lambda: rows.has_trade(self._connection, trade_id))

    def last_decided_bar(self, symbol: str) -> int | None:
        """Open time of the last bar of `symbol` whose decision is on disk."""
        condition = ("symbol = ?", symbol)
        decision = self._read(lambda: rows.latest(self._connection, DECISIONS, condition))
        return None if decision is None else decision.bar_open_ms

    def first_started_ms(self) -> int | None:
        """When the first process began to trade with this journal."""
        first = self._read(lambda: next(rows.select(self._connection, RUNS), None))
        return None if first is None else first.at_ms

    def risk_state(self) -> RiskState | None:
        """The last state of the shared book."""
        return self._read(lambda: rows.newest(self._connection, RISK_STATE))

    def verdict_overrides(self) -> Sequence[VerdictOverridden]:
        """Every time a person let trade what no verdict speaks for, oldest first."""
        return self._read(lambda: list(rows.select(self._connection, VERDICT_OVERRIDES)))

    def trades(self, symbol: str | None = None) -> Sequence[TradeClosed]:
        """Closed trades by exit time."""
        condition = ("symbol = ?", symbol)
        return self._read(lambda: list(rows.select(self._connection, TRADES, condition)))

    # -- closing

    def close(self) -> None:
        """Commit what was noted and let go of the file. Asking twice is fine."""
        if not self._closed:
            self._usable, self._closed = False, True
            self._let_go()

    async def aclose(self) -> None:
        """`close`, without stalling the event loop."""
        if self._closed or self._thread is None:
            self.close()
        else:
            # Before the first await, so that nothing can be noted and then forgotten.
            self._usable, self._closed = False, True
            await asyncio.shield(asyncio.to_thread(self._let_go))

    def _let_go(self) -> None:
        if self._flush_timer is not None:
            self._flush_timer.cancel()
        try:
            if self._failure is None:
                self._no_more_patience()
                self._seal()
                self._on_writer(self._write)
        finally:
            if self._thread is not None:
                self._thread.shutdown()
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")  # what no checkpoint has confirmed
            # One file again, which a reader opens without making others beside it.
            with suppress(sqlite3.Error):  # somebody is reading: then the next to close does it
                self._connection.execute("PRAGMA journal_mode = DELETE")
            self._connection.close()
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _flush(self) -> None:
        """Write what was noted; a failure poisons the journal, and the next caller is told."""
        self._flush_timer = None
        if not self._usable:
            return
        self._no_more_patience()
        self._seal()
        if self._thread is None:
            with suppress(JournalError):
                self._write()
        else:
            self._thread.submit(self._write)

    def _no_more_patience(self) -> None:
        self._noted += self._patient
        self._patient = []

    # -- on the writer's thread

    def _seal(self) -> None:
        """What was noted by now is written in one transaction, or not at all."""
        if self._noted:
            self._sealed.append(self._noted)
            self._noted = []

    def _write(self, *, ends: bool = False) -> None:
        """Write what is sealed by now; an earlier commit may have taken it all along.

        `ends` ends the transaction where otherwise checkpoints do.
        """
        if self._failure is not None:
            self._refuse()
        batch = [record for _ in range(len(self._sealed)) for record in self._sealed.popleft()]
        if not batch and not self._connection.in_transaction:
            return
        try:
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            rows.insert(self._connection, batch)
            if ends or not self._by_checkpoints:
                self._connection.execute("COMMIT")
        except BaseException as error:
            self._usable, self._failure = False, explained(error, self._where)
            with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                self._connection.execute("ROLLBACK")
            if isinstance(error, Exception):
                raise self._failure from error
            raise

    def _read(self, question: Callable[[], T]) -> T:
        def answer() -> T:
            self._write()
            with explaining(self._where):
                return question()

        if not self._usable:
            self._refuse()
        self._no_more_patience()
        self._seal()
        return self._on_writer(answer)

    def _on_writer(self, work: Callable[[], T]) -> T:
        return work() if self._thread is None else self._thread.submit(work).result()

    # -- the file

    def _locked(self) -> WriterLock | None:
        if self.path is None:
            return None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return WriterLock(self.path)

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def _refuse(self) -> None:
        if self._failure is None:
            raise JournalError("the journal is closed", where=self._where)
        raise JournalError(
            "nothing more is written to this journal: an earlier commit failed",
            where=self._where,
            found=self._failure.what,
            todo=self._failure.todo,
        ) from self._failure


def _pass_on(error: BaseException | None, waiting: Iterable[asyncio.Future[None]]) -> None:
    """What became of a write is what became of every commit that it was made for."""
    for done in waiting:
        if done.done():  # whoever waited was cancelled
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)


def _opened(where: str, full_sync: bool) -> sqlite3.Connection:
    """A connection to a sound, up-to-date journal; nothing is changed in a file that is not one."""
    connection = sqlite3.connect(where, isolation_level=None, check_same_thread=False)
    try:
        found = schema.version(connection, where)
        _check(connection, where)
        if 0 < found < len(schema.MIGRATIONS):
            keep_before_upgrade(connection, Path(where), found)
        _set_up(connection, where, full_sync)
        schema.migrate(connection, where)
        # The smallest write there is: a file that cannot be written is told now.
        connection.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS)}")
    except BaseException:
        connection.close()
        raise
    return connection


def _set_up(connection: sqlite3.Connection, where: str, full_sync: bool) -> None:
    """Readers never wait for the writer; with full sync a commit returns when the disk has it."""
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode not in ("wal", "memory"):
        raise JournalError(
            "this file system cannot hold a journal that is read while it is written",
            where=where,
            found=f"journal_mode {mode}",
            allowed="wal",
            todo="put the journal on a local disk",
        )
    connection.execute(f"PRAGMA synchronous = {'FULL' if full_sync else 'NORMAL'}")
    connection.execute("PRAGMA fullfsync = ON")  # macOS: through the drive's cache as well
    connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")


def _check(connection: sqlite3.Connection, where: str) -> None:
    """Damage is found now, with nothing at stake, and not at the first order."""
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        damage = sqlite3.DatabaseError(verdict)
        damage.sqlite_errorname = "SQLITE_CORRUPT"
        raise explained(damage, where)


def _named(mode: str, account: str) -> str:
    return f"{mode}, account {account}" if account else mode
