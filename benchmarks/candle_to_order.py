"""From the last candle of a bar to the entry orders: bots of many symbols on one core.

The exchange is a process of its own on another core, and holds the stopwatch. It runs from the
moment at which the last final candle of a bar is handed to the socket, to the moment at which the
request of an entry has been read from one. So decoding, deciding all symbols, the auction, what is
asked of the exchange before an entry, the commit to disk and the way over two sockets are in it,
and so is the time that the simulated exchange takes for its answers; what it takes to carry out
one order does not keep it from reading the next. How long the candles of one
bar were on their way is told apart. What bots do shortly before every close (connections are
opened three seconds before it, bots look ahead two) is done directly before it.

A machine that does other things as well shows in the delay. So the processor time that the bots
used in the same span is measured too, and beside it what the same machine takes for one bare
request to the same exchange, one bare RSI, a page of a file brought safely to the disk, and a loop
of plain arithmetic that does the same every time: its spread is the machine's own.

`python -m benchmarks.candle_to_order --symbols 100 --bars 60 [--model] [--watched]`: watched is
with the dashboard beside the bots, as `cointrader run` has it, and a page that is open on it.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import queue
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import talib

from cointrader import __version__
from cointrader.app.config import Config
from cointrader.app.dashboard.child import ChildPlan, DashboardChild, Up
from cointrader.app.live.looking_ahead import look_ahead
from cointrader.app.live.run import FLUSH_AFTER_S
from cointrader.app.live.settled_memory import settled_memory
from cointrader.app.live.thread_turns import take_short_turns
from cointrader.app.live.wiring import Access, BinanceDesk
from cointrader.bot.bot import TradingBot
from cointrader.domain.clock import SystemClock
from cointrader.domain.order import Side
from cointrader.domain.records import Decision, Record, RunStarted
from cointrader.exchange.binance.credentials import Credentials
from cointrader.exchange.binance.endpoints import endpoints_at
from cointrader.journal.sqlite import SqliteJournal
from cointrader.market.frame import Frame
from cointrader.model.artifact import Model
from cointrader.risk.manager import RiskManager
from cointrader.signals.indicators import Indicators
from cointrader.signals.newest import Ahead, NewestBar
from cointrader.signals.rules import WARM_UP_BARS, Signal, Signals
from cointrader.signals.score import ScoreRule, ScoreSettings
from cointrader.strategy.decide import FilterAnswer, MarketView
from cointrader.strategy.entry_filter import MLFilter
from tests.unit.model.making import NAMES, network, published

BAR_MS = 900_000
ENTRIES = 3
CONTEXT = ("BTCUSDT", "ETHUSDT")
_PATIENCE_S = 60.0
_CALM_S = 0.2 + FLUSH_AFTER_S  # after a bar: stops are placed, all is on disk, sockets are silent


class Forced:
    """Scores every bar as ever, and on chosen bars says what it is told to.

    Three symbols at a time: long at the close of one bar, short, which only closes, at the next.
    """

    name = "forced"
    warm_up = WARM_UP_BARS

    def __init__(self, symbol_number: int, count: int) -> None:
        self._score = ScoreRule(ScoreSettings())
        self._number = symbol_number
        self._count = count
        self._bar = 0

    def evaluate(self, frame: Frame, indicators: Indicators) -> Signals:
        raise NotImplementedError("this rule is only asked for the newest bar")

    def answer(self, bar: NewestBar) -> Signal:
        scored = self._score.answer(bar)
        self._bar += 1
        if not self._is_turn(self._bar):
            return Signal(side=None, strength=0, reasons=scored.reasons)
        side = Side.LONG if self._bar % 2 == 0 else Side.SHORT
        return Signal(side=side, strength=3, reasons=("forced",))

    def holds(self, ahead: Ahead, close: float, volume: float) -> bool:
        self._score.holds(ahead, close, volume)
        return not self._is_turn(self._bar + 1)

    def _is_turn(self, bar: int) -> bool:
        return (self._number // ENTRIES - bar // 2) % (self._count // ENTRIES) == 0


class LongOnly:
    """Lets longs in: a short signal only closes."""

    def judge(self, view: MarketView) -> FilterAnswer:
        if view.signal.side is Side.LONG:
            return FilterAnswer(passed=True)
        return FilterAnswer(passed=False, refusal="filter")


class WithModel(LongOnly):
    """A model that is served from its folder judges the 26 features; then as above.

    Its weights are random, so what it says of a signal is not listened to.
    """

    def __init__(self, models: Path, symbol: str) -> None:
        published(models, network(columns=NAMES), symbol=symbol)
        self._model = MLFilter(models, correlation_symbols=CONTEXT)
        assert isinstance(self._model.look(symbol), Model)  # loaded, as a run does when it starts

    def judge(self, view: MarketView) -> FilterAnswer:
        judged = self._model.judge(view)
        assert judged.probability is not None, judged.detail
        return super().judge(view)


@dataclass(frozen=True, slots=True)
class Measured:
    """Milliseconds, one value per entry or per bar.

    `delays`: last final candle written, to entry read. `cpu`: processor time of the bots in that
    span. `spans`: first to last final candle of a bar written. `round_trips`: one bare request to
    the same exchange. `rsi`: one RSI over 1,000 bars. `to_disk`: one page written and flushed.
    `loop`: always the same arithmetic. `requests`: other requests in the span.
    """

    delays: Sequence[float]
    cpu: Sequence[float]
    spans: Sequence[float]
    round_trips: Sequence[float]
    rsi: Sequence[float]
    to_disk: Sequence[float]
    loop: Sequence[float]
    requests: Sequence[int]
    bars: int

    def quantiles(self) -> dict[str, dict[str, float]]:
        """p50, p90, p99 and max of everything measured."""
        named = {
            "delay_ms": self.delays,
            "bots_cpu_ms": self.cpu,
            "candles_span_ms": self.spans,
            "bare_request_ms": self.round_trips,
            "bare_rsi_ms": self.rsi,
            "bare_to_disk_ms": self.to_disk,
            "bare_loop_ms": self.loop,
            "requests": self.requests,
        }
        return {name: _quantiles(values) for name, values in named.items()}

    def __str__(self) -> str:
        lines = [f"{len(self.delays)} entries in {self.bars} bars"]
        for name, found in self.quantiles().items():
            lines.append(f"{name:16}" + "".join(f"  {q} {v:8.3f}" for q, v in found.items()))
        return "\n".join(lines)


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    found = {f"p{q}": float(np.percentile(values, q)) for q in (50, 90, 99)}
    return found | {"max": float(max(values))}


def measured(
    symbols: int, bars: int, *, with_model: bool = False, is_watched: bool = False
) -> Measured:
    """Run exchange and bots, each on a core of its own where there are two."""
    names = [f"S{number:03}USDT" for number in range(symbols)]
    served = [*names, *(CONTEXT if with_model else ())]
    command = [sys.executable, "-m", "benchmarks.served_burst", ",".join(served), str(bars + 2)]
    cores = os.sched_getaffinity(0)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as exchange:
        assert exchange.stdout is not None
        try:
            at = json.loads(exchange.stdout.readline())
            _pin(exchange.pid, cores, 1)
            _pin(0, cores, 0)
            with tempfile.TemporaryDirectory() as folder:
                scene = _Scene(names, bars, at, Path(folder), with_model, is_watched)
                round_trips = asyncio.run(scene.play())
            told = json.loads(exchange.stdout.readline())
        finally:
            os.sched_setaffinity(0, cores)
            exchange.kill()
    return _read(told, bars, round_trips)


def _pin(pid: int, cores: set[int], number: int) -> None:
    if len(cores) > number:
        os.sched_setaffinity(pid, {sorted(cores)[number]})


def _read(told: dict[str, Any], bars: int, round_trips: Sequence[float]) -> Measured:
    first, last = (np.array(moments) for moments in zip(*told["bars"], strict=True))
    entries = np.array([moment for moment, order_id in told["arrived"] if order_id[-2:-1] == "e"])
    bar_of = np.searchsorted(last[:, 0], entries[:, 0]) - 1
    passed = (entries - last[bar_of]) * 1000
    asked = np.array(told["asked"])
    close = 100 + np.random.default_rng(1).normal(size=1_000).cumsum()
    requests = [
        int(np.sum((asked > left) & (asked < arrived)))
        for left, arrived in zip(last[bar_of, 0], entries[:, 0], strict=True)
    ]
    return Measured(
        delays=passed[:, 0].tolist(),
        cpu=passed[:, 1].tolist(),
        spans=((last - first)[:, 0] * 1000).tolist(),
        round_trips=round_trips,
        rsi=_timed_often(partial(talib.RSI, close, 14), 200),
        to_disk=_to_disk_ms(),
        loop=_timed_often(_same_arithmetic, 100, apart_s=0.01),
        requests=requests,
        bars=bars,
    )


def _to_disk_ms() -> list[float]:
    with tempfile.TemporaryFile() as file:

        def write() -> None:
            os.pwrite(file.fileno(), bytes(4096), 0)
            os.fsync(file.fileno())

        return _timed_often(write, 100, apart_s=0.01)


def _same_arithmetic() -> int:
    return sum(number * number for number in range(100_000))


def _timed_often(work: Callable[[], object], times: int, *, apart_s: float = 0.0) -> list[float]:
    found = []
    for _ in range(times):
        time.sleep(apart_s)
        begun = time.perf_counter()
        work()
        found.append((time.perf_counter() - begun) * 1000)
    return found


class _ExchangeClock(SystemClock):
    """This machine's clock, as a live bot has it, set to the time of the exchange."""

    def __init__(self) -> None:
        self._ahead_ms = 0

    def start_at(self, now_ms: int) -> None:
        self._ahead_ms = now_ms - super().now_ms()

    def now_ms(self) -> int:
        return super().now_ms() + self._ahead_ms


@dataclass(frozen=True, slots=True)
class _Scene:
    names: Sequence[str]
    bars: int
    at: dict[str, str]
    folder: Path
    with_model: bool
    is_watched: bool

    @property
    def journal_path(self) -> Path:
        return self.folder / "journal.db"

    @property
    def models(self) -> Path:
        return self.folder / "models"

    async def play(self) -> list[float]:
        """Trade every bar; how long a bare request took after each of them, in ms."""
        decided: dict[int, int] = {}

        def hear(record: Record) -> None:
            if isinstance(record, Decision):
                decided[record.bar_open_ms] = decided.get(record.bar_open_ms, 0) + 1

        async with AsyncExitStack() as stack:
            owner = await stack.enter_async_context(aiohttp.ClientSession())
            clock = _ExchangeClock()
            now_ms = (await self._control(owner, "state"))["now_ms"]
            clock.start_at(now_ms)
            journal = stack.enter_context(
                SqliteJournal(
                    self.journal_path,
                    threaded=True,
                    flush_after_s=FLUSH_AFTER_S,
                    listeners=(hear,),
                )
            )
            config = self._config()
            await journal.commit(self._begun(config, now_ms))
            if self.is_watched:
                stack.enter_context(_watched(self.journal_path))
            risk = RiskManager(config, clock=clock, journal=journal)
            access = Access(
                "benchmark",
                endpoints_at(self.at["rest"]),
                Credentials(self.at["key"], self.at["secret"]),
            )
            desk = await stack.enter_async_context(BinanceDesk.opened(config, access, clock))
            await risk.start(desk.exchange)
            bots = self._bots(config, risk, desk, journal, clock)
            group = await stack.enter_async_context(asyncio.TaskGroup())
            tasks = [group.create_task(bot.run()) for bot in bots]
            await _until(lambda: all(bot.stream.bars_stored for bot in bots))
            await asyncio.sleep(2)
            take_short_turns()
            stack.enter_context(settled_memory())  # as `cointrader run` does in its first bar
            round_trips = []
            for bar in range(self.bars):
                bar_ms = now_ms + bar * BAR_MS
                clock.start_at(bar_ms + BAR_MS)
                gc.collect()  # as it does in the middle of every later one
                await desk.connect_ahead()
                await look_ahead(bots)
                await self._control(owner, "step")
                await _until(lambda bar_ms=bar_ms: decided.get(bar_ms, 0) >= len(self.names))
                await asyncio.sleep(_CALM_S)
                round_trips.append(await _timed(desk.api.server_time))
            for task in tasks:
                task.cancel()
            await self._control(owner, "stop")
            return round_trips

    def _begun(self, config: Config, now_ms: int) -> RunStarted:
        return RunStarted(
            at_ms=now_ms,
            mode="rehearsal",
            market="benchmark",
            profile=config.profile,
            symbols=tuple(self.names),
            interval=config.interval,
            base_balance=Decimal(10_000),
            version=__version__,
            settings=config.shown(),
            source={},
        )

    def _config(self) -> Config:
        return Config(
            overrides={
                "symbols": list(self.names),
                "correlation_symbols": list(CONTEXT) if self.with_model else [],
                "max_positions": ENTRIES,
                "max_same_direction": ENTRIES,
                "max_daily_loss": 0.9,
                "max_drawdown": 0.95,
            },
            environ={},
            folder=os.devnull,
        )

    def _bots(
        self,
        config: Config,
        risk: RiskManager,
        desk: BinanceDesk,
        journal: SqliteJournal,
        clock: _ExchangeClock,
    ) -> list[TradingBot]:
        return [
            TradingBot(
                config,
                symbol=symbol,
                risk=risk,
                exchange=desk.exchange,
                feed=desk.feed,
                journal=journal,
                clock=clock,
                rule=Forced(number, len(self.names)),
                entry_filter=self._filter_of(symbol),
                inputs=desk.inputs,
            )
            for number, symbol in enumerate(self.names)
        ]

    def _filter_of(self, symbol: str) -> LongOnly:
        return WithModel(self.models, symbol) if self.with_model else LongOnly()

    async def _control(self, owner: aiohttp.ClientSession, name: str) -> dict[str, int]:
        method = "GET" if name == "state" else "POST"
        async with owner.request(method, f"{self.at['control']}/{name}") as answer:
            state: dict[str, int] = await answer.json()
            return state


@contextmanager
def _watched(journal: Path) -> Iterator[None]:
    """The dashboard's process and a browser's, on whatever core the system gives them."""
    token, told = secrets.token_urlsafe(32), queue.Queue[Up | str]()
    plan = ChildPlan(journal, "127.0.0.1", 0, token=token)
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))  # children have it from us
    try:
        with ExitStack() as stack:
            stack.enter_context(DashboardChild(plan, told.put, told.put))
            up = told.get(timeout=_PATIENCE_S)
            assert isinstance(up, Up), up
            page = subprocess.Popen([sys.executable, "-m", "benchmarks.open_page", up.url, token])
            stack.callback(page.kill)
            os.sched_setaffinity(0, own)
            yield
    finally:
        os.sched_setaffinity(0, own)


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        while not is_so():  # noqa: ASYNC110 - told by no event
            await asyncio.sleep(0.02)


async def _timed(ask: Callable[[], Awaitable[object]]) -> float:
    begun = time.perf_counter()
    await ask()
    return (time.perf_counter() - begun) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--bars", type=int, default=60)
    parser.add_argument("--model", action="store_true")
    parser.add_argument("--watched", action="store_true")
    options = parser.parse_args()
    told = {"with_model": options.model, "is_watched": options.watched}
    print(measured(options.symbols, options.bars, **told))


if __name__ == "__main__":
    main()
