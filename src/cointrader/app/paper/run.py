"""Paper trading: the real bots on a simulated exchange, over recorded or made-up candles.

The exchange dies with its process, so it and the journal are put on disk together, at checkpoints:
whatever ends a run, it goes on from a moment at which both agree.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cointrader import __version__
from cointrader.app.alongside import alongside
from cointrader.app.config import Config
from cointrader.app.control import Controls, commanded
from cointrader.app.ending import politely
from cointrader.app.metrics.journal import TimedJournal
from cointrader.app.metrics.vitals import About, Sources, Vitals
from cointrader.app.models import Models
from cointrader.app.paper.market import instruments_of
from cointrader.app.paper.ports import PaperPorts, in_process
from cointrader.app.supervisor import Supervisor
from cointrader.app.virtual_time import LoopClock, VirtualLoop
from cointrader.bot.bot import TradingBot
from cointrader.bot.foreign import ForeignPolicy, refuse_foreign
from cointrader.bot.settings import BotSettings
from cointrader.domain.errors import JournalError, MissingCandles
from cointrader.domain.instrument import to_decimal
from cointrader.domain.ports import CandleSource
from cointrader.domain.records import ExchangeState, Record, RunStarted
from cointrader.exchange.simulated.adapter import SimulatedExchange
from cointrader.exchange.simulated.ledger import Costs
from cointrader.journal.reader import JournalReader
from cointrader.journal.sqlite import SqliteJournal
from cointrader.market.context import Recorded
from cointrader.ops import channels
from cointrader.ops.notifier import ChannelHealth
from cointrader.risk.manager import RiskManager
from cointrader.risk.state import restored
from cointrader.signals.rules import WARM_UP_BARS, SignalRule

if TYPE_CHECKING:
    from cointrader.exchange.simulated.wire.faults import FaultPlan  # costs 0.3 s

_LAST_WORDS_S = 60.0  # for bots to end after the market has
_CHECKPOINT_S = 0.25  # of the wall clock, between two checkpoints
_LOOK_BARS = 8  # where time jumps, so many bars pass between two looks at the wall clock
WIRE = "wire"  # in a run's origin: it went through the real adapter
_BEFORE_CLOSE_MS = 2  # bots have acted on the bar, and it has not closed yet


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
    origin: Mapping[str, str] = field(default_factory=dict)  # how to make `source` again
    resumed: Mapping[str, Any] | None = None  # the exchange as of the journal's last checkpoint
    listeners: Sequence[Callable[[Record], None]] = ()  # hear what is written down
    rules: Mapping[str, SignalRule] = field(default_factory=dict)  # instead of the configured ones
    wire: bool = False  # through the real adapter and Binance's protocol, on this machine
    faults: FaultPlan | None = None  # of that wire
    models: Path | None = None  # the folder of those that judge signals; None: nothing does
    told: channels.ChannelConfig | None = None  # who is told of it; None: as `config` says
    channels: Callable[[], Sequence[ChannelHealth]] = list  # how those do that are told

    @property
    def has_finished(self) -> bool:
        """Whether the run to be resumed has reached its end."""
        return self.resumed is not None and self.resumed["resume_ms"] is None

    def filters(self) -> Models:
        """What judges the signals of this run."""
        begun = None if self.resumed is None else self.origin
        return Models(self.config, self.models, is_paper=True, rules=self.rules, begun=begun)


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
    if plan.has_finished:
        return _outcome_of(_told_again(plan), plan)
    is_paced = plan.speed is not None  # at full speed people could follow nothing but alerts
    told = channels.opened(
        plan.told or plan.config,
        plan.journal_path,
        prefix="paper",
        tells_stories=is_paced,
        takes_commands=is_paced,
    )
    with told as hearing:
        listeners = (*plan.listeners, hearing.hear)
        plan = replace(plan, listeners=listeners, channels=hearing.health)
        return _outcome_of(_run(plan, on_progress), plan)


def _outcome_of(course: Coroutine[Any, Any, PaperOutcome], plan: PaperPlan) -> PaperOutcome:
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(plan.speed)) as runner:
        return runner.run(politely(course))


async def _told_again(plan: PaperPlan) -> PaperOutcome:
    """The outcome of a run that had reached its end."""
    account = await _exchange(plan, LoopClock(0)).account()
    with JournalReader(plan.journal_path) as reader:
        recorded = reader.risk_state()
        last_bar_ms = max((mark.at_ms for mark in reader.equity(last=1)), default=0)
        return PaperOutcome(
            finished=True,
            final_wallet=account.wallet,
            halted_days=0 if recorded is None else restored(recorded.state)[0].halted_days,
            quarantined=tuple(
                symbol for symbol, bot in reader.bot_states().items() if bot.state == "quarantined"
            ),
            from_ms=next(reader.runs()).at_ms,
            to_ms=last_bar_ms + plan.source.interval_ms,
            elapsed_s=0.0,
        )


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
    vitals = None if plan.speed is None else Vitals(_about(plan, plan.speed), clock)
    with _journal(plan, vitals) as journal:
        risk = RiskManager(plan.config, clock=clock, journal=journal)
        journal.ensure_same_account("paper")
        models = plan.filters()
        await journal.commit(_run_started(plan, exchange, models))
        models.tell_to(journal, clock)
        supervisor = Supervisor(clock, journal)
        try:
            async with _ports(plan, exchange, clock) as ports:
                await risk.start(ports.exchange)
                if plan.config.foreign_positions == ForeignPolicy.REFUSE:
                    await refuse_foreign(ports.exchange, journal, plan.config.symbols)
                symbols = plan.config.symbols
                bots = [
                    _bot(plan, symbol, ports, risk, journal, clock, models) for symbol in symbols
                ]
                safe = _keep_safe(plan, clock, exchange, journal, on_progress)
                async with _commands(plan, bots, ports, risk, journal, clock, models, vitals):
                    finished = await _trade(bots, ports, supervisor, safe)
                if finished:
                    await risk.end_bar(exchange.timeline[-1])
        except BaseException:
            with contextlib.suppress(JournalError):  # it may be the journal itself that failed
                _checkpoint(journal, exchange, clock)
            raise
        _checkpoint(journal, exchange, clock)
        return PaperOutcome(
            finished=finished,
            final_wallet=(await exchange.account()).wallet,
            halted_days=risk.halted_days,
            quarantined=tuple(supervisor.quarantined),
            from_ms=journal.first_started_ms() or exchange.timeline[0],
            to_ms=exchange.timeline[max(exchange.progress.done, 1) - 1] + plan.source.interval_ms,
            elapsed_s=time.monotonic() - started_s,
        )


def _checkpoint(journal: SqliteJournal, exchange: SimulatedExchange, clock: LoopClock) -> None:
    journal.checkpoint(ExchangeState(clock.now_ms(), exchange.snapshot()))


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


def _ports(
    plan: PaperPlan, exchange: SimulatedExchange, clock: LoopClock
) -> contextlib.AbstractAsyncContextManager[PaperPorts]:
    if plan.wire:
        from cointrader.app.paper.wire import over_the_wire

        return over_the_wire(plan.config, exchange, clock, faults=plan.faults)
    return contextlib.nullcontext(in_process(exchange))


def _bot(
    plan: PaperPlan,
    symbol: str,
    ports: PaperPorts,
    risk: RiskManager,
    journal: SqliteJournal,
    clock: LoopClock,
    models: Models,
) -> TradingBot:
    return TradingBot(
        plan.config,
        symbol=symbol,
        risk=risk,
        exchange=ports.exchange,
        feed=ports.feed,
        journal=journal,
        clock=clock,
        rule=plan.rules.get(symbol),
        entry_filter=models.filter_of(symbol),
        inputs=ports.inputs,
        context=Recorded(plan.source, symbol),
    )


def _journal(plan: PaperPlan, vitals: Vitals | None) -> SqliteJournal:
    if vitals is None:
        return SqliteJournal(
            plan.journal_path, threaded=False, by_checkpoints=True, listeners=plan.listeners
        )
    return TimedJournal(
        plan.journal_path,
        took=vitals.committed,
        threaded=False,
        by_checkpoints=True,
        listeners=(*plan.listeners, vitals.hear),
    )


def _about(plan: PaperPlan, speed: float) -> About:
    return About(
        mode="paper",
        market=plan.source.label,
        journal=plan.journal_path,
        symbols=tuple(plan.config.symbols),
        interval_ms=plan.source.interval_ms,
        speed=speed,
    )


@contextlib.asynccontextmanager
async def _commands(
    plan: PaperPlan,
    bots: Sequence[TradingBot],
    ports: PaperPorts,
    risk: RiskManager,
    journal: SqliteJournal,
    clock: LoopClock,
    models: Models,
    vitals: Vitals | None,
) -> AsyncIterator[None]:
    """Takes commands (pause, flatten, ...) where time is slow enough for a person to give any."""
    if vitals is None:
        yield
        return
    sources = Sources(channels=plan.channels, inputs=ports.inputs, drift=models.drift)
    vitals.attach(risk, sources)
    controls = Controls(
        risk=risk, bots=bots, exchange=ports.exchange, journal=journal, clock=clock, vitals=vitals
    )
    async with (
        commanded(plan.journal_path, controls, journal, clock),
        alongside({"vitals": vitals.pulse()}),
    ):
        yield


async def _trade(
    bots: Sequence[TradingBot],
    ports: PaperPorts,
    supervisor: Supervisor,
    safe: Coroutine[Any, Any, None],
) -> bool:
    """Run bots and market side by side. False when a person stopped it."""
    try:
        async with asyncio.TaskGroup() as group:
            keeper = group.create_task(safe, name="checkpoints")
            trading = group.create_task(supervisor.run(bots), name="supervisor")
            await ports.play()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_S):
                    await asyncio.shield(trading)
            trading.cancel()
            keeper.cancel()
    except asyncio.CancelledError:
        return False
    return True


async def _keep_safe(
    plan: PaperPlan,
    clock: LoopClock,
    exchange: SimulatedExchange,
    journal: SqliteJournal,
    on_progress: Callable[[Progress], None],
) -> None:
    """Checkpoints, and a word on how far it is, as often as the wall clock asks.

    Where time jumps, shortly before a bar closes. At a person's pace also within a bar: what he
    told the bots to do is on disk a moment later, for whoever looks and for the next start.
    """
    started_s = time.monotonic()
    saved_s = -_CHECKPOINT_S
    bar_ms = plan.source.interval_ms
    step_ms = bar_ms * (_LOOK_BARS if plan.speed is None else 1)
    while True:
        now_s = time.monotonic()
        if plan.speed is not None or now_s - saved_s >= _CHECKPOINT_S:
            _checkpoint(journal, exchange, clock)
            saved_s = now_s
        done = exchange.progress
        on_progress(Progress(done.done, done.total, clock.now_ms(), now_s - started_s))
        this_bar_ms = (clock.now_ms() + _BEFORE_CLOSE_MS) // bar_ms * bar_ms
        next_ms = this_bar_ms + step_ms - _BEFORE_CLOSE_MS
        if plan.speed is not None:
            next_ms = min(next_ms, clock.now_ms() + round(_CHECKPOINT_S * 1_000 * plan.speed))
        await clock.sleep_until_ms(next_ms)


def _exchange(plan: PaperPlan, clock: LoopClock) -> SimulatedExchange:
    config, resumed = plan.config, plan.resumed
    start_ms = plan.start_ms if resumed is None else resumed["resume_ms"] or sys.maxsize
    exchange = _playing(plan, clock, start_ms=start_ms, end_ms=plan.end_ms)
    if resumed is not None:
        exchange.restore(resumed)
    elif plan.wire and exchange.timeline:
        # What is served is traded too. Its symbols' candles may begin earlier and end later.
        known = plan.source.symbols()
        served = [s for s in config.correlation_symbols if s in known and s not in config.symbols]
        first_ms, end_ms = exchange.timeline[0], exchange.timeline[-1] + plan.source.interval_ms
        exchange = _playing(plan, clock, start_ms=first_ms, end_ms=end_ms, also=served)
    return exchange


def _playing(
    plan: PaperPlan,
    clock: LoopClock,
    *,
    start_ms: int | None,
    end_ms: int | None,
    also: Sequence[str] = (),
) -> SimulatedExchange:
    config = plan.config
    symbols = [*config.symbols, *also]
    return SimulatedExchange(
        plan.source,
        clock,
        symbols=symbols,
        correlation_symbols=[s for s in config.correlation_symbols if s not in also],
        balance=plan.balance,
        costs=Costs(
            taker_fee=to_decimal(config.taker_fee),
            slippage=to_decimal(config.slippage_bps) / 10_000,
        ),
        leverage=config.leverage,
        instruments=instruments_of(config, plan.source, symbols),
        start_ms=start_ms,
        end_ms=end_ms,
        check_margin=config.check_margin and config.fixed_notional is None,
        lateness=plan.lateness,
    )


def _run_started(plan: PaperPlan, exchange: SimulatedExchange, models: Models) -> RunStarted:
    config = plan.config
    origin = {**plan.origin, **models.told()}
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
        source={**origin, WIRE: "loopback"} if plan.wire else origin,
    )
