"""A process that dies at a chosen step, and starts again from its journal.

`MortalExchange` and `MortalJournal` stand between the bots and the real adapters. Every call counts
two steps, one before it takes effect and one after; at the fatal step the whole generation of bots
is gone, with everything it had not committed. The exchange lives on, as a real one does. Where a
`Latency` is given, requests and answers take their time, and others come in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from cointrader.app.alongside import alongside
from cointrader.app.config import Config
from cointrader.app.live.looking_ahead import keep_looking_ahead
from cointrader.app.supervisor import Supervisor
from cointrader.app.virtual_time import LoopClock, VirtualLoop
from cointrader.bot.bot import TradingBot
from cointrader.domain.instrument import to_decimal
from cointrader.domain.order import Fill
from cointrader.domain.ports import InputAges
from cointrader.domain.records import RunStarted
from cointrader.exchange.simulated import Costs, SimulatedExchange, unconstrained
from cointrader.journal.sqlite import SqliteJournal
from cointrader.risk.manager import RiskManager


class Killed(BaseException):
    """The process is gone. Not an Exception: nobody may handle it."""


class Fate:
    """Counts steps; everything after the fatal one fails."""

    def __init__(self, fatal_step: int | None = None) -> None:
        self.steps = 0
        self.fatal_step = fatal_step
        self.is_dead = False

    def step(self) -> None:
        self.steps += 1
        if self.is_dead or self.steps == self.fatal_step:
            self.is_dead = True
            raise Killed


class Latency:
    """How long a request or an answer is on its way: up to `longest_ms` of virtual time."""

    def __init__(self, seed: int, longest_ms: int = 50) -> None:
        self._random = np.random.default_rng(seed)
        self._longest_ms = longest_ms

    async def pass_by(self) -> None:
        await asyncio.sleep(int(self._random.integers(0, self._longest_ms + 1)) / 1000)


class MortalExchange:
    """The exchange as one generation of bots sees it."""

    def __init__(
        self, exchange: SimulatedExchange, fate: Fate, latency: Latency | None = None
    ) -> None:
        self._exchange = exchange
        self._fate = fate
        self._latency = latency

    @property
    def is_remote(self) -> bool:
        return self._exchange.is_remote

    def account_events(self, symbol: str) -> Any:
        return self._exchange.account_events(symbol)

    def look_ahead(self) -> None:
        self._exchange.look_ahead()

    def candles(self, symbols: Any) -> Any:
        return self._exchange.candles(symbols)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._exchange, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            self._fate.step()
            if self._latency is not None:
                await self._latency.pass_by()
            result = await method(*args, **kwargs)
            if self._latency is not None:
                await self._latency.pass_by()
            self._fate.step()
            return result

        return call


class MortalJournal:
    """The journal as one generation of bots sees it: what it only noted dies with it."""

    def __init__(self, journal: SqliteJournal, fate: Fate) -> None:
        self._journal = journal
        self._fate = fate
        self._noted: list[Any] = []
        self._is_flushing = False

    def note(self, record: Any) -> None:
        if self._fate.is_dead:
            raise Killed
        self._noted.append(record)
        if not self._is_flushing:
            self._is_flushing = True
            asyncio.get_running_loop().call_later(0.05, self._flush)

    async def commit(self, *records: Any) -> None:
        self._fate.step()
        await self._write(*records)
        self._fate.step()

    async def _write(self, *records: Any) -> None:
        batch, self._noted = [*self._noted, *records], []
        await self._journal.commit(*batch)

    def _flush(self) -> None:
        self._is_flushing = False
        if not self._fate.is_dead:
            asyncio.ensure_future(self._write())  # noqa: RUF006 - inline: done at its first step

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)


Stranger = Callable[[SimulatedExchange, LoopClock], Coroutine[Any, Any, None]]


async def nobody(exchange: SimulatedExchange, clock: LoopClock) -> None:
    """The account is the bots' alone."""


class World:
    """One simulated exchange, one journal file, and as many lives as it takes.

    A `stranger` is somebody else with access to the account. `through` puts something between
    the bots and the exchange.
    """

    def __init__(
        self,
        config: Config,
        source,
        journal: Path,
        *,
        rules,
        balance=1000.0,
        latency: Latency | None = None,
        stranger: Stranger = nobody,
        inputs: InputAges | None = None,
        pauses_ms: Sequence[int] = (),
        looks_ahead: bool = False,
        through: Callable[[Any], Any] = lambda exchange: exchange,
        **plan,
    ) -> None:
        self.bots: list[TradingBot] = []  # of this life
        self._inputs = inputs
        self._pauses_ms = pauses_ms
        self._looks_ahead = looks_ahead
        self._through = through
        self._stranger = stranger
        self._config = config
        self._source = source
        self._journal = journal
        self._rules = rules
        self._balance = Decimal(repr(balance))
        self._latency = latency
        self._plan = plan
        self.lives = 0
        self.steps = 0
        self.halted_days = 0
        self.final_wallet = Decimal(0)
        self.left_orders: list[Any] = []
        self.left_positions: list[Any] = []
        self.fill_log: list[Fill] = []

    def run(self, fates) -> None:
        """Play to the end; each life takes the next fate, and is immortal when they run out."""
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(self._run(iter(fates)))

    async def _run(self, fates) -> None:
        config, clock = self._config, LoopClock()
        exchange = SimulatedExchange(
            self._source,
            clock,
            symbols=config.symbols,
            balance=self._balance,
            costs=Costs(to_decimal(config.taker_fee), to_decimal(config.slippage_bps) / 10_000),
            leverage=config.leverage,
            instruments={symbol: unconstrained(symbol) for symbol in config.symbols},
            check_margin=config.check_margin,
            **self._plan,
        )
        clock.start_at(exchange.timeline[0])
        market = asyncio.create_task(self._market(exchange))
        stranger = asyncio.create_task(self._stranger(exchange, clock))
        while await self._live(exchange, clock, next(fates, Fate())):
            pass
        await market
        await stranger
        account = await exchange.account()
        self.final_wallet = account.wallet
        for symbol in config.symbols:
            self.left_orders += await exchange.open_orders(symbol)
            held = await exchange.position(symbol)
            self.left_positions += [] if held is None else [held]
        self.fill_log = list(exchange.fill_log)

    async def _market(self, exchange: SimulatedExchange) -> None:
        await asyncio.sleep(0)  # the first life subscribes before anything happens
        await exchange.run()

    def _run_started(self, at_ms: int) -> RunStarted:
        symbols = tuple(self._config.symbols)
        return RunStarted(at_ms, "paper", "a table", "founding", symbols, "15m", self._balance, "0")

    async def _live(self, exchange: SimulatedExchange, clock: LoopClock, fate: Fate) -> bool:
        """One life. True when it was cut short."""
        self.lives += 1
        ports: Any = self._through(MortalExchange(exchange, fate, self._latency))
        with SqliteJournal(self._journal, threaded=False, survives_power_loss=False) as disk:
            journal: Any = MortalJournal(disk, fate)
            try:
                if self.lives == 1:
                    await disk.commit(self._run_started(clock.now_ms()))
                risk = RiskManager(self._config, clock=clock, journal=journal)
                await risk.start(ports)
                self.bots = [
                    TradingBot(
                        self._config,
                        symbol=symbol,
                        risk=risk,
                        exchange=ports,
                        feed=ports,
                        journal=journal,
                        clock=clock,
                        rule=self._rules[symbol],
                        inputs=self._inputs,
                    )
                    for symbol in self._config.symbols
                ]
                async with AsyncExitStack() as beside:
                    if self._looks_ahead:
                        bar_ms = self.bots[0].settings.interval_ms
                        looking = keep_looking_ahead(self.bots, clock, bar_ms)
                        await beside.enter_async_context(alongside({"ahead": looking}))
                    await Supervisor(clock, journal, pauses_ms=self._pauses_ms).run(self.bots)
                await risk.end_bar(exchange.timeline[-1])
                await journal.commit()
                self.halted_days = risk.halted_days
            except BaseException as end:
                if not _is_killed(end):
                    raise
                return True
            finally:
                self.steps += fate.steps
        return False


def _is_killed(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(_is_killed(inner) for inner in error.exceptions)
    return isinstance(error, Killed)
