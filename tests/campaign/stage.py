"""One run of the campaign: a simulated day, a served exchange with faults, and who trades on it.

Exchange, wire and traders share one event loop whose time jumps, so a day takes seconds. The faults
are in force from when the trader is ready until the day ends; then they are lifted, and what they
left behind has some quiet time to come right.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import numpy as np

from cointrader.app.config import Config
from cointrader.app.paper.market import instruments_of
from cointrader.app.virtual_time import LoopClock, VirtualLoop
from cointrader.domain.instrument import to_decimal
from cointrader.domain.ports import Settlement
from cointrader.exchange.simulated import Costs, SimulatedExchange
from cointrader.exchange.simulated.wire import Credentials, ExchangeServer, PacedClock
from cointrader.exchange.simulated.wire.faults import FaultPlan, Injection
from cointrader.exchange.simulated.wire.server import Addresses, ServerSettings
from tests.campaign.witness import Door, Witness
from tests.markets import BAR_MS, DAY_MS, START_MS, Scripted, TableSource, random_rows

DAY_BARS = 96
QUIET_BARS = 2  # after the faults are lifted
_WARM_UP_DAYS = 4
_RUNNING_KLINES_MS = 60_000
_SETTLEMENT_MS = DAY_MS // 3
_READY_S = 120.0

# symbol: price, tick
_SYMBOLS = {"XRPUSDT": (2.1, 4), "TRXUSDT": (0.28, 5), "DOGEUSDT": (0.19, 5)}
_BNB = "BNBUSDT"
_MOVE = 0.003  # of the price, in a bar
_STOP, _TARGET = 0.003, 0.004
_SIGNAL_CHANCE = 0.09  # of a bar on which nothing was said before
_SIGNALS_A_DAY = 3  # at the least, however short the day
_TURNS = (0, 0, 1, 2)  # how many opposite signals follow, within a bar or two each
BALANCE = Decimal(1000)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run, and all that is needed to see it again. `faults` is a specification or empty."""

    seed: int
    faults: str = ""
    bars: int = DAY_BARS

    @property
    def market_start_ms(self) -> int:
        return START_MS + _WARM_UP_DAYS * DAY_MS

    @property
    def faults_end_ms(self) -> int:
        return self.market_start_ms + self.bars * BAR_MS

    @property
    def end_ms(self) -> int:
        return self.faults_end_ms + QUIET_BARS * BAR_MS - BAR_MS // 3


@dataclass(frozen=True, slots=True)
class Booked:
    """A trade as its trader booked it. `entry_id` is the client order id of its entry."""

    symbol: str
    entry_id: str
    net: Decimal


@dataclass(frozen=True, slots=True)
class Stage:
    """What a trader is given."""

    config: Config
    rules: Mapping[str, Scripted]
    clock: LoopClock
    at: Addresses
    keys: Credentials
    folder: Path


class Trader(Protocol):
    """Whoever trades: the product, or the naive bot."""

    async def trade(self, stage: Stage, ready: Callable[[], None]) -> None:
        """Trade until cancelled; `ready` is called once everything is up."""
        ...

    @property
    def booked(self) -> Sequence[Booked]:
        """Its trades, as it believes them to be."""
        ...

    @property
    def intended(self) -> Mapping[str, Decimal]:
        """What it meant to buy or sell, by the client order id of the entry."""
        ...


@dataclass(slots=True)
class Seen:
    """What is known of a run when it is over."""

    scenario: Scenario
    config: Config
    witness: Witness
    door: Door
    injections: Sequence[Injection]
    booked: Sequence[Booked]
    intended: Mapping[str, Decimal]
    end_ms: int
    elapsed_s: float
    failure: str = ""
    bites: Counter[str] = field(default_factory=Counter)


def play(scenario: Scenario, trader: Trader, folder: Path) -> Seen:
    """Play one run to its end. `folder` is for the trader's files."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(_play(scenario, trader, folder))


async def _play(scenario: Scenario, trader: Trader, folder: Path) -> Seen:
    began_s = time.monotonic()
    config, source, rules = _made(scenario)
    clock = LoopClock()
    exchange = _exchange(scenario, config, source, clock)
    clock.start_at(exchange.timeline[0])
    paced, keys = PacedClock(), Credentials.made()
    distances = {symbol: rule.stop_distance or 0.0 for symbol, rule in rules.items()}
    witness, door = Witness(exchange, paced.now_ms, distances), Door(paced.now_ms)
    server = ExchangeServer(
        exchange,
        paced,
        keys,
        ServerSettings(running_klines_ms=_RUNNING_KLINES_MS),
        passage=door,
        faults=FaultPlan((), scenario.seed),
    )
    ready = asyncio.Event()
    failure = ""
    async with server.serving() as at:
        stage = Stage(config, rules, clock, at, keys, folder)
        trading = asyncio.create_task(trader.trade(stage, ready.set), name="trader")
        await _either(trading, ready.wait(), _READY_S)
        rules_of = FaultPlan.parse(scenario.faults, scenario.seed).rules if scenario.faults else ()
        for rule in rules_of:
            server.faults.add(rule)
        await _until(trading, clock, scenario.faults_end_ms - BAR_MS // 3)
        server.faults.lift()
        await _until(trading, clock, scenario.end_ms)
        witness.end()
        end_ms = clock.now_ms()
        if trading.done():
            failure = _words(trading)
        trading.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await trading
    return Seen(
        scenario,
        config,
        witness,
        door,
        server.faults.log.entries,
        trader.booked,
        trader.intended,
        end_ms,
        time.monotonic() - began_s,
        failure,
        Counter(injection.fault for injection in server.faults.log.entries),
    )


async def _either(trading: asyncio.Task[None], ready, timeout_s: float) -> None:
    """Wait until the trader is ready. Raises what ended it before that."""
    waiting = asyncio.ensure_future(ready)
    done, _ = await asyncio.wait(
        (trading, waiting), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
    )
    waiting.cancel()
    if trading in done:
        await trading
    assert waiting in done, "the trader was not ready in time"


async def _until(trading: asyncio.Task[None], clock: LoopClock, at_ms: int) -> None:
    """Let time pass until then; a trader that ended by itself is no reason to stop."""
    del trading
    await clock.sleep_until_ms(at_ms)


def _words(trading: asyncio.Task[None]) -> str:
    error = None if trading.cancelled() else trading.exception()
    return "the trader ended" if error is None else f"the trader failed: {error!r}"


# -- the market ---------------------------------------------------------------------------------


def _made(scenario: Scenario) -> tuple[Config, TableSource, dict[str, Scripted]]:
    rng = np.random.default_rng(scenario.seed)
    count = _WARM_UP_DAYS * DAY_BARS + scenario.bars + QUIET_BARS + 1
    rows, rules = {}, {}
    signals_from = _WARM_UP_DAYS * DAY_BARS
    for symbol, (price, decimals) in _SYMBOLS.items():
        walk = random_rows(rng, count, price=price, move=_MOVE, tick=10.0**-decimals)
        rows[symbol] = [tuple(round(value, decimals) for value in row) for row in walk]
        now = rows[symbol][signals_from][0]
        script = _script(rng, scenario.market_start_ms, scenario.bars)
        rules[symbol] = Scripted(script, now * _STOP, now * _TARGET)
    if "commission-in-bnb" in scenario.faults:  # who values it asks for the price of BNB
        rows[_BNB] = [(600.0, 600.0, 600.0, 600.0)] * count
    days = _WARM_UP_DAYS + scenario.bars // DAY_BARS + 2
    funding = {
        symbol: [
            Settlement(START_MS + k * _SETTLEMENT_MS, float(rng.normal(1e-4, 2e-4)))
            for k in range(days * 3)
        ]
        for symbol in _SYMBOLS
    }
    slots = 3 - scenario.seed % 2  # fewer than symbols on every other day: both limits bind
    config = Config(
        overrides={
            "symbols": list(_SYMBOLS),
            "correlation_symbols": [],
            "leverage": 3,
            "max_positions": slots,
            "max_same_direction": slots - 1,
        },
        environ={},
        folder="/nonexistent",
    )
    return config, TableSource(rows, funding=funding), rules


def _script(rng: np.random.Generator, start_ms: int, bars: int) -> dict[int, int]:
    """Signals by the open time of their bar: entries, and now and then reversals behind them."""
    script: dict[int, int] = {}
    bar, chance = 0, max(_SIGNAL_CHANCE, _SIGNALS_A_DAY / bars)
    while bar < bars - 2:
        if rng.random() < chance:
            side = int(rng.choice((1, -1)))
            script[start_ms + bar * BAR_MS] = side
            for _ in range(rng.choice(_TURNS)):
                bar += int(rng.integers(1, 3))
                side = -side
                script[start_ms + bar * BAR_MS] = side
        bar += 1
    return {at_ms: side for at_ms, side in script.items() if at_ms < start_ms + (bars - 2) * BAR_MS}


def _exchange(
    scenario: Scenario, config: Config, source: TableSource, clock: LoopClock
) -> SimulatedExchange:
    return SimulatedExchange(
        source,
        clock,
        symbols=source.symbols(),
        balance=BALANCE,
        costs=Costs(to_decimal(config.taker_fee), to_decimal(config.slippage_bps) / 10_000),
        leverage=config.leverage,
        instruments=instruments_of(config, source, source.symbols()),
        start_ms=scenario.market_start_ms,
        check_margin=config.check_margin,
    )
