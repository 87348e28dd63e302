"""Paper trading: the real bots on a simulated exchange, over recorded or made-up candles."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from cointrader import __version__
from cointrader.app.config import Config
from cointrader.app.supervisor import Supervisor
from cointrader.app.virtual_time import LoopClock, VirtualLoop
from cointrader.bot.bot import TradingBot
from cointrader.bot.settings import BotSettings
from cointrader.domain.clock import DAY_MS
from cointrader.domain.errors import MissingCandles
from cointrader.domain.instrument import Instrument, to_decimal
from cointrader.domain.ports import CandleSource
from cointrader.domain.records import RunStarted
from cointrader.exchange.simulated.adapter import SimulatedExchange
from cointrader.exchange.simulated.instruments import plausible_instrument, unconstrained
from cointrader.exchange.simulated.ledger import Costs
from cointrader.journal.sqlite import SqliteJournal
from cointrader.risk.manager import RiskManager
from cointrader.signals.rules import WARM_UP_BARS, SignalRule

_FLUSH_AFTER_S = 0.05  # one transaction for what all bots noted about a bar
_FLUSH_AFTER_JUMPS_S = 6 * 3600.0  # seconds of loop time, which pass at once where time jumps
_LAST_WORDS_S = 60.0  # for bots to end after the market has


@dataclass(frozen=True, slots=True)
class PaperPlan:
    """One paper run. Times are epoch ms; `end_ms` is excluded, `speed` None is full speed."""

    config: Config
    source: CandleSource
    journal_path: Path
    balance: Decimal
    start_ms: int | None = None
    end_ms: int | None = None
    speed: float | None = None
    lateness: Callable[[str, int], int] | None = None
    rules: Mapping[str, SignalRule] = field(default_factory=dict)  # instead of the configured ones


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    done_bars: int
    total_bars: int
    now_ms: int
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class PaperOutcome:
    """What a run left behind, beside its journal."""

    finished: bool  # False after Ctrl-C: positions stay open and protected
    final_wallet: Decimal
    halted_days: int
    quarantined: tuple[str, ...]  # symbols whose bots kept crashing
    from_ms: int
    to_ms: int
    elapsed_s: float


def run_paper(plan: PaperPlan, on_progress: Callable[[Progress], None]) -> PaperOutcome:
    """Play the plan to its end, or until Ctrl-C.

    `on_progress` is called from time to time, first when everything is ready to begin.
    Raises `MissingCandles`, `ConfigError`, `JournalError` before that.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(plan.speed)) as runner:
        return runner.run(_run(plan, on_progress))


async def _run(plan: PaperPlan, on_progress: Callable[[Progress], None]) -> PaperOutcome:
    clock = LoopClock(0)
    exchange = _exchange(plan, clock)
    if not exchange.timeline:
        raise MissingCandles(
            "there is no candle to trade on in this range",
            where=plan.source.label,
            todo="choose other --from and --to, or other symbols",
        )
    for symbol in plan.config.symbols:
        BotSettings.of(
            plan.config, symbol
        )  # a setting no bot can use is told before anything is made
    _require_enough(plan)
    clock.start_at(exchange.timeline[0])
    started_s = time.monotonic()
    with SqliteJournal(
        plan.journal_path,
        threaded=False,
        survives_power_loss=plan.speed is not None,
        flush_after_s=_FLUSH_AFTER_S if plan.speed is not None else _FLUSH_AFTER_JUMPS_S,
    ) as journal:
        risk = RiskManager(plan.config, clock=clock, journal=journal)
        journal.ensure_same_account("paper")
        await journal.commit(_run_started(plan, exchange))
        await risk.start(exchange)
        supervisor = Supervisor(clock, journal)
        finished = await _trade(plan, clock, exchange, journal, risk, supervisor, on_progress)
        if finished:
            await risk.end_bar(exchange.timeline[-1])
        await journal.commit()
        return PaperOutcome(
            finished=finished,
            final_wallet=(await exchange.account()).wallet,
            halted_days=risk.halted_days,
            quarantined=tuple(supervisor.quarantined),
            from_ms=exchange.timeline[0],
            to_ms=exchange.timeline[max(exchange.progress.done, 1) - 1] + plan.source.interval_ms,
            elapsed_s=time.monotonic() - started_s,
        )


def _require_enough(plan: PaperPlan) -> None:
    """At least one symbol must come to a decision that can still be filled."""
    end_ms = plan.end_ms
    stored = {
        symbol: sum(end_ms is None or at < end_ms for at in plan.source.open_times(symbol))
        for symbol in plan.config.symbols
    }
    needed = WARM_UP_BARS + 1
    if max(stored.values()) < needed:
        raise MissingCandles(
            f"too few candles: {WARM_UP_BARS} warm the indicators up before the first decision",
            where=plan.source.label,
            found=", ".join(f"{symbol} {count}" for symbol, count in stored.items()),
            allowed=f"{needed} or more of one symbol",
            todo="store more candles, or choose a later --to",
        )


async def _trade(
    plan: PaperPlan,
    clock: LoopClock,
    exchange: SimulatedExchange,
    journal: SqliteJournal,
    risk: RiskManager,
    supervisor: Supervisor,
    on_progress: Callable[[Progress], None],
) -> bool:
    """Run bots and market side by side. False when a person stopped it."""
    bots = [
        TradingBot(
            plan.config,
            symbol=symbol,
            risk=risk,
            exchange=exchange,
            feed=exchange,
            journal=journal,
            clock=clock,
            rule=plan.rules.get(symbol),
        )
        for symbol in plan.config.symbols
    ]
    try:
        async with asyncio.TaskGroup() as group:
            reporter = group.create_task(_report(plan, clock, exchange, on_progress))
            trading = group.create_task(supervisor.run(bots), name="supervisor")
            await exchange.run()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_S):
                    await asyncio.shield(trading)
            trading.cancel()
            reporter.cancel()
    except asyncio.CancelledError:
        return False
    return True


async def _report(
    plan: PaperPlan,
    clock: LoopClock,
    exchange: SimulatedExchange,
    on_progress: Callable[[Progress], None],
) -> None:
    started_s = time.monotonic()
    while True:
        progress = exchange.progress
        on_progress(
            Progress(progress.done, progress.total, clock.now_ms(), time.monotonic() - started_s)
        )
        await clock.sleep_ms(DAY_MS if plan.speed is None else round(1000 * plan.speed))


def _exchange(plan: PaperPlan, clock: LoopClock) -> SimulatedExchange:
    config = plan.config
    return SimulatedExchange(
        plan.source,
        clock,
        symbols=config.symbols,
        correlation_symbols=config.correlation_symbols,
        balance=plan.balance,
        costs=Costs(
            taker_fee=to_decimal(config.taker_fee),
            slippage=to_decimal(config.slippage_bps) / 10_000,
        ),
        leverage=config.leverage,
        instruments={symbol: _instrument(plan, symbol) for symbol in config.symbols},
        start_ms=plan.start_ms,
        end_ms=plan.end_ms,
        check_margin=config.check_margin,
        lateness=plan.lateness,
    )


def _instrument(plan: PaperPlan, symbol: str) -> Instrument:
    if not plan.config.use_filters:
        return unconstrained(symbol)
    recent = plan.source.candles(symbol)[-500:]
    return plausible_instrument(symbol, (candle.close for candle in recent))


def _run_started(plan: PaperPlan, exchange: SimulatedExchange) -> RunStarted:
    config = plan.config
    return RunStarted(
        at_ms=exchange.timeline[0],
        mode="paper",
        market=plan.source.label,
        profile=config.profile,
        symbols=tuple(config.symbols),
        interval=config.interval,
        base_balance=plan.balance,
        version=__version__,
        settings=config.shown(),
    )
