"""A market, an exchange process for it, and a bot process that dies at a chosen moment.

The market has one symbol and takes it through an entry, its protection, a move of its stop, a
reversal and a close, one bar each. `trade` is the whole of a bot process: `run_live` against the
exchange of another process. It may be told to kill itself at a record of its journal; `serve` may
be told to kill it after an order was carried out and before that is answered.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

import msgspec
import numpy as np

from cointrader.app.config import Config
from cointrader.app.live.run import LivePlan, Ready, run_live
from cointrader.app.live.wiring import Access
from cointrader.app.logs.logs import configure as configure_logs
from cointrader.app.paper.market import instruments_of
from cointrader.domain.candle import Candle
from cointrader.domain.clock import INTERVALS_MS, MINUTE_MS
from cointrader.domain.instrument import to_decimal
from cointrader.domain.order import leg_of
from cointrader.domain.records import (
    BotState,
    Decision,
    FillSeen,
    Intent,
    OrderSeen,
    Record,
    RiskEvent,
)
from cointrader.exchange.binance.credentials import Credentials as Key
from cointrader.exchange.binance.endpoints import endpoints_at
from cointrader.exchange.simulated import Costs, SimulatedExchange
from cointrader.exchange.simulated.wire import (
    Credentials,
    ExchangeServer,
    PacedClock,
    Passage,
    ServerSettings,
)
from cointrader.exchange.simulated.wire.faults.calls import route_of
from cointrader.exchange.simulated.wire.passage import Request
from cointrader.exchange.simulated.wire.refusals import Answer
from cointrader.market.frame import Frame
from cointrader.signals.indicators import Indicators
from cointrader.signals.rules import Signals
from tests.campaign.witness import Witness
from tests.markets import START_MS, Row, TableSource

SYMBOL, KEY, SECRET = "XRPUSDT", "k" * 64, "s" * 64
INTERVAL = "5m"
BAR_MS = INTERVALS_MS[INTERVAL]
STOP_DISTANCE = 0.04  # at a price of 2: a hundredth of the balance is at risk
FORBIDDEN_DISTANCE = 0.4  # more than a day may lose: such an entry is refused

_WARM_UP = 400  # bars before the first one that is played
_FLAT: Row = (2.0, 2.0, 2.0, 2.0)
_PLAYED: tuple[Row, ...] = (
    _FLAT,
    (2.0, 2.03, 2.0, 2.03),
    (2.03, 2.03, 2.03, 2.03),
    (2.03, 2.03, 2.0, 2.0),
    *[_FLAT] * 8,
)
MARKET_MS = START_MS + _WARM_UP * BAR_MS  # the exchange begins to trade
HEAD_START_MS = 100_000  # from when it serves to the first close

# The end of a bar, and what it brings about.
PHASES = ("entry", "stop move", "reversal", "close")
_SCRIPT = {0: (1, STOP_DISTANCE), 2: (-1, STOP_DISTANCE), 3: (1, FORBIDDEN_DISTANCE)}


class Minutes(TableSource):
    """A table of candles of five minutes."""

    def candles(self, symbol: str) -> list[Candle]:
        return [
            Candle(symbol, at, at + BAR_MS, *row, 100.0)
            for at, row in zip(self.open_times(symbol), self.rows[symbol], strict=True)
        ]

    def open_times(self, symbol: str) -> list[int]:
        return [START_MS + bar * BAR_MS for bar in range(len(self.rows[symbol]))]


@dataclass(frozen=True, slots=True)
class Act:
    """The rule of the scenario: a side and a stop distance for some bars."""

    script: Mapping[int, tuple[int, float]]  # by open time
    name: str = "act"
    warm_up: int = 0

    def evaluate(self, frame: Frame, indicators: Indicators) -> Signals:
        times = frame.open_time_ms[-len(indicators) :]
        told = [self.script.get(int(at), (0, STOP_DISTANCE)) for at in times]
        side = np.array([side for side, _ in told], np.int8)
        return Signals(
            side=side,
            strength=np.abs(side),
            stop_distance=np.array([distance for _, distance in told]),
            target_distance=np.full(len(told), 1.0),
        )


def config() -> Config:
    given = {
        "symbols": [SYMBOL],
        "correlation_symbols": [],
        "interval": INTERVAL,
        "leverage": 2,
        "no_ml_filter": True,
        "trailing_stop_pct": 0.01,
    }
    return Config(overrides=given, environ={}, folder="/nonexistent")


def phase_at(at_ms: int) -> str:
    """What the bar that closed last before `at_ms` has brought about."""
    bar = (at_ms - MARKET_MS) // BAR_MS - 1
    return PHASES[bar] if 0 <= bar < len(PHASES) else "start" if bar < 0 else "end"


# -- moments ------------------------------------------------------------------------------------


class Moment(StrEnum):
    """When, at a step, a bot process is killed."""

    HEARD = "before it is on disk"
    WRITTEN = "when it is on disk"
    EXECUTED = "before the answer"  # of a request that was carried out


@dataclass(frozen=True, slots=True)
class Fatal:
    """The end of a process. `step` as `Steps` names it."""

    step: str
    moment: Moment

    def __str__(self) -> str:
        return f"{self.step}, {self.moment}"


class Steps:
    """Names what happens one after the other: the second entry intent is ``intent entry 2``."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def next(self, name: str) -> str:
        self._counts[name] += 1
        return f"{name} {self._counts[name]}"


def name_of(record: Record) -> str:
    match record:
        case Decision():
            return f"decision {record.action.lower()}" + (" refused" * bool(record.refusal))
        case Intent():
            return f"intent {record.leg.name.lower()}"
        case OrderSeen(report):
            return f"{report.status.value.lower()} {_leg(report.client_order_id)}"
        case FillSeen(fill):
            return f"fill {_leg(fill.client_order_id)}"
        case BotState():
            return f"bot {record.state}"
        case RiskEvent():
            return f"risk event {record.kind}"
        case _:
            return type(record).__name__


def _leg(order_id: str) -> str:
    leg = leg_of(order_id)
    return "other" if leg is None else leg.name.lower()


# -- the bot's process --------------------------------------------------------------------------


class Life:
    """Hears the records of one process, writes their names down, and ends it at the fatal one."""

    def __init__(self, folder: Path, number: int, fatal: Fatal | None) -> None:
        self._journal = folder / "journal.db"
        self._log = (folder / f"life-{number}.jsonl").open("wb", buffering=0)
        self._fatal = fatal
        self._steps = Steps()

    def ready(self, ready: Ready) -> None:
        self._tell({"ready_ms": ready.now_ms, "at_ms": _loop_ms()})

    def hear(self, record: Record) -> None:
        step = self._steps.next(name_of(record))
        self._tell({"step": step, "at_ms": _loop_ms()})
        if self._fatal is None or step != self._fatal.step:
            return
        if self._fatal.moment is Moment.HEARD:
            _die()
        if self._fatal.moment is Moment.WRITTEN:
            version = _versions(self._journal)
            before = next(version)
            threading.Thread(target=_die_after, args=(version, before), daemon=True).start()

    def _tell(self, what: dict[str, object]) -> None:
        self._log.write(msgspec.json.encode(what) + b"\n")


def trade(folder: Path, rest: str, pace: float, number: int, fatal: Fatal | None) -> None:
    """The bot's process; `number` counts its lives."""
    (folder / "bot.pid").write_text(str(os.getpid()))
    configure_logs()
    life = Life(folder, number, fatal)
    plan = LivePlan(
        config(),
        Access(rest, endpoints_at(rest), Key(KEY, SECRET)),
        folder / "journal.db",
        listeners=[life.hear],
        speed=pace,
        rules={SYMBOL: Act({MARKET_MS + bar * BAR_MS: told for bar, told in _SCRIPT.items()})},
        locks=folder,
    )
    run_live(plan, life.ready)


def _loop_ms() -> int:
    return round(asyncio.get_running_loop().time() * 1000)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def _versions(journal: Path):
    """Tells a number, again and again, that changes with every commit to the file."""
    connection = sqlite3.connect(f"file:{journal}?mode=ro", uri=True, check_same_thread=False)
    while True:
        yield connection.execute("PRAGMA data_version").fetchone()[0]


def _die_after(versions, before: int) -> None:
    while next(versions) == before:
        time.sleep(0.0001)
    _die()


# -- the guard's process ------------------------------------------------------------------------


def guard(folder: Path, rest: str) -> None:
    """`cointrader guard` with its usual settings."""
    from cointrader.cli.main import main

    os.environ |= {
        "BINANCE_API_KEY": KEY,
        "BINANCE_API_SECRET": SECRET,
        "XDG_STATE_HOME": str(folder / "guard"),
    }
    os.chdir(folder)
    main(["guard", "--exchange", rest])


# -- the exchange's process ---------------------------------------------------------------------


class Reaper(Passage):
    """Kills the bot after its fatal order was carried out, before that is answered."""

    def __init__(self, folder: Path, fatal: Fatal | None) -> None:
        self._folder = folder
        self._fatal = fatal
        self._steps = Steps()
        self.done: list[str] = []

    async def answer(self, request: Request, answer: Answer) -> Answer:
        method, _ = route_of(request)
        if method in ("POST", "DELETE") and answer.status == 200:
            ids = ("newClientOrderId", "clientAlgoId", "origClientOrderId")
            named = next(filter(None, map(request.params.given, ids)), "")
            leg = leg_of(named)
            if leg is not None:
                word = "send" if method == "POST" else "cancel"
                self.done.append(step := self._steps.next(f"{word} {leg.name.lower()}"))
                if self._fatal == Fatal(step, Moment.EXECUTED):
                    pid = int((self._folder / "bot.pid").read_text())
                    os.kill(pid, signal.SIGKILL)
        return answer


class LateClock(PacedClock):
    """It starts shortly before the first bar closes."""

    def start_at(self, now_ms: int) -> None:
        super().start_at(now_ms + BAR_MS - HEAD_START_MS)


def serve(folder: Path, pace: float, fatal: Fatal | None) -> None:
    """The exchange's process. Its addresses and, at its end, what it saw are files in `folder`."""
    configure_logs()
    asyncio.run(_serve(folder, pace, fatal))


async def _serve(folder: Path, pace: float, fatal: Fatal | None) -> None:
    settings, clock = config(), LateClock(pace)
    source = Minutes({SYMBOL: [_FLAT] * _WARM_UP + list(_PLAYED)}, interval_ms=BAR_MS)
    exchange = SimulatedExchange(
        source,
        clock,
        symbols=[SYMBOL],
        balance=Decimal(1000),
        costs=Costs(to_decimal(settings.taker_fee), to_decimal(settings.slippage_bps) / 10_000),
        leverage=settings.leverage,
        instruments=instruments_of(settings, source, [SYMBOL]),
        start_ms=MARKET_MS,
        check_margin=settings.check_margin,
        siblings="stay",  # more is left to cancel, and to die at
    )
    witness = Witness(exchange, clock.now_ms, {SYMBOL: STOP_DISTANCE})
    reaper = Reaper(folder, fatal)
    server = ExchangeServer(
        exchange,
        clock,
        Credentials(KEY, SECRET),
        ServerSettings(running_klines_ms=MINUTE_MS // 2),
        passage=reaper,
    )
    async with server.serving() as at:
        (folder / "exchange.part").write_text(at.rest)
        (folder / "exchange.part").rename(folder / "exchange.at")
        await server.stopped.wait()
        witness.end()
        seen = {
            "now_ms": clock.now_ms(),
            "spells": witness.spells,
            "trips": witness.trips,
            "entry_fills": witness.entry_fills,
            "leftovers": witness.leftovers,
            "exits_that_opened": witness.exits_that_opened,
            "requests": reaper.done,
            "positions": list(exchange.book.ledger.positions.values()),
            "resting": [each.report for each in exchange.book.desks[SYMBOL].resting.values()],
        }
        (folder / "exchange.json").write_bytes(msgspec.json.encode(seen))
