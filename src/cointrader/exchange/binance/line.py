"""A line: streams kept flowing over one connection after another.

A connection that breaks, or falls silent, is replaced after a pause that grows. One that is due is
replaced while it still works: the new one is subscribed and delivering before the old one is
closed, so for a moment every message comes twice; who listens drops the second.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import aiohttp
import structlog

from cointrader.domain.errors import ConfigError, RateLimited, Unreachable
from cointrader.domain.ports import Clock
from cointrader.exchange.binance.connection import Connection, StreamLimits, connect
from cointrader.exchange.binance.failures import MAY_PASS, Failures

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LineHealth:
    """How a line is doing. `age_ms` is how long ago its last message came, None before the first
    connection; `faults` counts broken connections and attempts, `renewals` those replaced in time.
    """

    name: str
    is_up: bool
    age_ms: int | None
    faults: int
    renewals: int


class Line:
    """Streams over one connection at a time, until cancelled.

    Parameters
    ----------
    name : for logs and task names
    address : where to connect, asked anew for every connection
    streams : what to subscribe to; empty where the address says it all
    on_message : called with the text of every message, in order; must not block
    on_up : called whenever a connection is ready: what came before it may have been missed
    """

    def __init__(
        self,
        name: str,
        *,
        address: Callable[[], Awaitable[str]],
        streams: Sequence[str],
        session: aiohttp.ClientSession,
        clock: Clock,
        limits: StreamLimits,
        on_message: Callable[[str], None],
        on_up: Callable[[], None],
    ) -> None:
        self.name = name
        self._address = address
        self._streams = streams
        self._session = session
        self._clock = clock
        self._limits = limits
        self._on_message = on_message
        self._on_up = on_up
        self._pause = _Pause(limits)
        self._failures = Failures(clock, "stream.broken", line=name)
        self._current: Connection | None = None
        self._made_ms = clock.now_ms()
        self._faults = self._renewals = 0

    @property
    def up_since_ms(self) -> int | None:
        """When the connection in use was opened; None while there is none."""
        current = self._current
        return None if current is None or current.ended.is_set() else current.opened_ms

    @property
    def down_since_ms(self) -> int | None:
        """Since when there is no connection in use; None while there is one."""
        return self._made_ms if self._current is None else self._current.ended_ms

    def health(self) -> LineHealth:
        current = self._current
        return LineHealth(
            name=self.name,
            is_up=self.up_since_ms is not None,
            age_ms=None if current is None else self._clock.now_ms() - current.last_message_ms,
            faults=self._faults,
            renewals=self._renewals,
        )

    def doubt(self, reason: str) -> None:
        """Whoever listens found out that the connection in use is of no use: replace it."""
        if self._current is not None:
            self._current.fail(reason)

    @property
    def may_be_asked(self) -> bool:
        """Whether the connection in use is good for requests."""
        return self._current is not None and self._current.may_be_asked

    async def ask(self, method: str, params: object, *, within_s: float) -> str:
        """Put a request to the connection in use; one that does not answer is replaced.

        Only while it `may_be_asked`. Raises what `Connection.ask` raises.
        """
        current = self._in_use
        try:
            return await current.ask(method, params, within_s=within_s)
        except TimeoutError:
            current.retire()
            raise

    @property
    def _in_use(self) -> Connection:
        assert self._current is not None, "a connection was made"
        return self._current

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with asyncio.TaskGroup() as readers:
            try:
                while True:
                    await self._replace(readers)
                    await self._serve()
            finally:
                if self._current is not None:
                    await self._current.close()

    async def _replace(self, readers: asyncio.TaskGroup) -> None:
        """Put a new connection into service, then close the one before."""
        old = self._current
        fresh = await self._established(readers)
        self._current = fresh
        self._on_up()  # before anything is waited for: what was missed must be known to be missing
        self._failures.end()
        if old is not None:
            try:
                await old.last_answers()
            finally:
                await old.close()

    async def _established(self, readers: asyncio.TaskGroup) -> Connection:
        """A new connection, however many attempts it takes."""
        while True:
            try:
                return await self._attempt(readers)
            except RateLimited as limited:
                await self._failed(limited, at_least_ms=limited.retry_after_ms)
            except (aiohttp.ClientError, OSError, *MAY_PASS) as error:
                if isinstance(error, ConfigError) and self._current is None:
                    raise  # it never worked: a person has to mend it
                await self._failed(error)

    async def _attempt(self, readers: asyncio.TaskGroup) -> Connection:
        connection = await connect(
            self._session,
            await self._address(),
            name=self.name,
            clock=self._clock,
            limits=self._limits,
            on_message=self._on_message,
        )
        readers.create_task(connection.read(), name=f"read:{self.name}")
        try:
            await connection.subscribe(self._streams)
            if self.up_since_ms is not None and not self._limits.may_be_quiet:
                await self._delivering(connection)  # the old one stays until the new one talks
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _delivering(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(self._limits.max_age_ms / 1000):
                await connection.delivering.wait()
        except TimeoutError:
            raise Unreachable("subscribed, acknowledged, and silent", where=self.name) from None
        if connection.ended.is_set():
            raise Unreachable(f"connection {connection.reason}", where=self.name)

    async def _serve(self) -> None:
        """Return when the connection in use has to be replaced: at once, or after a pause."""
        current = self._in_use
        due_ms = current.opened_ms + self._limits.renew_after_ms
        while not current.ended.is_set():
            silent_ms = current.last_message_ms + self._limits.max_age_ms
            now_ms = self._clock.now_ms()
            is_quiet = now_ms >= silent_ms and self._limits.may_be_quiet
            if current.is_retired or now_ms >= due_ms or is_quiet:
                self._renewals += 1
                log.info("stream.renewed", line=self.name)
                return
            if now_ms >= silent_ms:
                current.fail(f"silent for {self._limits.max_age_ms} ms")
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(max(1, min(due_ms, silent_ms) - now_ms) / 1000):
                    await current.stirred.wait()
        if self._clock.now_ms() - current.opened_ms >= self._limits.settled_after_ms:
            self._pause.reset()
        await current.close()
        await self._failed(Unreachable(current.reason))

    async def _failed(self, error: Exception, *, at_least_ms: int = 0) -> None:
        self._faults += 1
        pause_ms = max(at_least_ms, self._pause.next_ms())
        self._failures.add(error, retry_in_ms=pause_ms)
        await self._clock.sleep_ms(pause_ms)


class _Pause:
    """Waits that double, each shortened by chance so that lines do not come back together."""

    def __init__(self, limits: StreamLimits) -> None:
        self._limits = limits
        self._longest_ms = limits.first_pause_ms

    def next_ms(self) -> int:
        longest_ms = self._longest_ms
        self._longest_ms = min(2 * longest_ms, self._limits.longest_pause_ms)
        return int(longest_ms * random.uniform(0.5, 1.0))

    def reset(self) -> None:
        self._longest_ms = self._limits.first_pause_ms
