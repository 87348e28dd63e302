"""The two processes of a soak: an exchange that counts, and bots that are looked at from inside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections import Counter
from collections.abc import MutableMapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import structlog

from cointrader.app.config import Config
from cointrader.app.live.run import LivePlan, Ready, run_live
from cointrader.app.live.wiring import Access, Patience
from cointrader.app.logs.logs import configure as configure_logs
from cointrader.app.paper.market import instruments_of, synthetic_market
from cointrader.domain.clock import DAY_MS, HOUR_MS, INTERVALS_MS, MINUTE_MS
from cointrader.domain.instrument import to_decimal
from cointrader.domain.position import Position
from cointrader.domain.records import Record
from cointrader.exchange.binance.connection import StreamLimits
from cointrader.exchange.binance.credentials import Credentials as Key
from cointrader.exchange.binance.endpoints import endpoints_at
from cointrader.exchange.binance.input_ages import OldestInputs
from cointrader.exchange.simulated import Costs, SimulatedExchange
from cointrader.exchange.simulated.wire import (
    Credentials,
    ExchangeServer,
    PacedClock,
    Passage,
    ServerSettings,
)
from cointrader.exchange.simulated.wire.passage import Request
from cointrader.exchange.simulated.wire.refusals import Answer
from cointrader.exchange.simulated.wire.sockets import Connection
from tests.campaign.witness import Trip, Witness

SYMBOLS = ("XRPUSDT", "TRXUSDT", "DOGEUSDT")
INTERVAL = "5m"
BAR_MS = INTERVALS_MS[INTERVAL]
_KEY, _SECRET = "k" * 64, "s" * 64
_LOOK_S = 0.1  # between two looks at the connections


@dataclass(frozen=True, slots=True)
class SoakPlan:
    """`life_ms` is after how much of its time the exchange cuts a connection."""

    pace: float = 60.0
    life_ms: int = DAY_MS
    sample_s: float = 10.0
    seed: int = 1


class Ended(msgspec.Struct):
    """A stream connection that was open for `age_ms` of the exchange's time."""

    family: str
    ended_ms: int
    age_ms: int


class Served(msgspec.Struct):
    """What the exchange's process saw. Calls are counted by method and path, refused ones apart."""

    now_ms: int
    calls: dict[str, int]
    refusals: dict[str, int]
    connections: int
    ended: list[Ended]
    trips: list[Trip]
    positions: list[Position]


class Sample(msgspec.Struct):
    """The bots' process at one moment; `wall_s` and `at_ms` are counted from when it was ready."""

    wall_s: float
    at_ms: int
    rss_bytes: int
    tasks: int
    threads: int
    files: int
    sockets: int
    records: int
    events: dict[str, int]  # of the log, so far


def config() -> Config:
    given = {
        "symbols": list(SYMBOLS),
        "correlation_symbols": [],
        "interval": INTERVAL,
        "leverage": 3,
        "no_ml_filter": True,
        "signal_threshold": 1,
        "vol_multiplier": 0,
        "atr_sl_mult": 0.7,
        "atr_tp_mult": 1.0,
        "max_daily_loss": 0.5,  # halts are for other tests: here it is to trade on
        "max_drawdown": 0.9,
    }
    return Config(overrides=given, environ={}, folder="/nonexistent")


# -- the bots' process --------------------------------------------------------------------------


def trade(folder: Path, rest: str, plan: SoakPlan) -> None:
    """The bots' process."""
    inside = Inside(folder, plan)
    inside.count_log_events()
    live = LivePlan(
        config(),
        Access(rest, endpoints_at(rest), Key(_KEY, _SECRET)),
        folder / "journal.db",
        listeners=[inside.hear],
        speed=plan.pace,
        locks=folder,
        patience=Patience(
            # Of the market's connections no one is renewed in time: it is the exchange's to cut
            # them. Sixty times as fast, a ping of a minute is one of a second.
            market=StreamLimits(
                max_age_ms=2 * BAR_MS, renew_after_ms=100 * DAY_MS, ping_every_ms=MINUTE_MS
            ),
            account=StreamLimits(
                max_age_ms=HOUR_MS // 2, may_be_quiet=True, ping_every_ms=MINUTE_MS
            ),
            oldest=OldestInputs(market_ms=2 * BAR_MS),
        ),
    )
    run_live(live, inside.ready)


class Inside:
    """Looks at its own process now and then, and writes down what it sees."""

    def __init__(self, folder: Path, plan: SoakPlan) -> None:
        self._file = (folder / "samples.jsonl").open("wb", buffering=0)
        self._plan = plan
        self._records = 0
        self._events: Counter[str] = Counter()
        self._started = (0.0, 0)

    def hear(self, record: Record) -> None:
        del record
        self._records += 1

    def count_log_events(self) -> None:
        """Every event of the log is counted by its name; warnings are shown as ever."""
        configure_logs()

        def count(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
            name = str(event["event"])
            self._events[f"{name} {event['line']}" if "line" in event else name] += 1
            return event

        shown = structlog.get_config()["processors"]
        structlog.configure(
            processors=[count, *shown], wrapper_class=structlog.make_filtering_bound_logger(0)
        )

    def ready(self, ready: Ready) -> None:
        loop = asyncio.get_running_loop()
        self._started = (_wall_s(), round(loop.time() * 1000))
        self._look(loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        wall_s, loop_ms = self._started
        files = _files()
        sample = Sample(
            wall_s=round(_wall_s() - wall_s, 1),
            at_ms=round(loop.time() * 1000) - loop_ms,
            rss_bytes=_rss_bytes(),
            tasks=len(asyncio.all_tasks(loop)),
            threads=threading.active_count(),
            files=len(files),
            sockets=sum(target.startswith("socket:") for target in files),
            records=self._records,
            events=dict(self._events),
        )
        self._file.write(msgspec.json.encode(sample) + b"\n")
        loop.call_later(self._plan.sample_s * self._plan.pace, self._look, loop)


def _wall_s() -> float:
    return time.monotonic()


def _rss_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _files() -> list[str]:
    """What the open file descriptors lead to."""
    found = []
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one by which the folder itself is read
            found.append(str(each.readlink()))
    return found


# -- the exchange's process ---------------------------------------------------------------------


class Counting(Passage):
    """Counts what is asked."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()

    async def answer(self, request: Request, answer: Answer) -> Answer:
        name = f"{request.method} {request.path}"
        (self.calls if answer.status == 200 else self.refusals)[name] += 1
        return answer


class Connections:
    """Notes the age at which stream connections end."""

    def __init__(self, server: ExchangeServer, clock: PacedClock) -> None:
        self.ended: list[Ended] = []
        self.count = 0
        self._server = server
        self._clock = clock
        self._since_ms: dict[Connection, int] = {}

    async def follow(self) -> None:
        while True:
            now_ms, living = self._clock.now_ms(), set(self._server.streams.connections)
            for connection in self._since_ms.keys() - living:
                age_ms = now_ms - self._since_ms.pop(connection)
                self.ended.append(Ended(connection.family.value, now_ms, age_ms))
            for connection in living - self._since_ms.keys():
                self._since_ms[connection] = now_ms
                self.count += 1
            await asyncio.sleep(_LOOK_S)


def serve(folder: Path, plan: SoakPlan) -> None:
    """The exchange's process. Its address and, at its end, what it saw are files in `folder`."""
    configure_logs()
    asyncio.run(_serve(folder, plan))


async def _serve(folder: Path, plan: SoakPlan) -> None:
    settings, clock = config(), PacedClock(plan.pace)
    market = synthetic_market(settings, plan.seed, None, None)
    exchange = SimulatedExchange(
        market.source,
        clock,
        symbols=SYMBOLS,
        balance=Decimal(100_000),
        costs=Costs(to_decimal(settings.taker_fee), to_decimal(settings.slippage_bps) / 10_000),
        leverage=settings.leverage,
        instruments=instruments_of(settings, market.source, SYMBOLS),
        start_ms=market.start_ms,
        check_margin=settings.check_margin,
    )
    witness, counting = Witness(exchange, clock.now_ms, dict.fromkeys(SYMBOLS, 0.0)), Counting()
    server = ExchangeServer(
        exchange,
        clock,
        Credentials(_KEY, _SECRET),
        ServerSettings(connection_life_s=plan.life_ms / 1000, running_klines_ms=MINUTE_MS // 2),
        passage=counting,
    )
    connections = Connections(server, clock)
    async with server.serving() as at:
        following = asyncio.create_task(connections.follow())
        (folder / "exchange.part").write_text(at.rest)
        (folder / "exchange.part").rename(folder / "exchange.at")
        await server.stopped.wait()
        following.cancel()
        witness.end()
        seen = Served(
            clock.now_ms(),
            dict(counting.calls),
            dict(counting.refusals),
            connections.count,
            connections.ended,
            witness.trips,
            list(exchange.book.ledger.positions.values()),
        )
        (folder / "exchange.json").write_bytes(msgspec.json.encode(seen))
