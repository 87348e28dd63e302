"""Trading on Binance, its testnet, or anything that speaks its protocol.

First everything that may speak against it is looked at, and nothing is traded while anything does.
Then recovery, then the bots. Whatever ends the process leaves the protection on the exchange.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from cointrader import __version__
from cointrader.app.alongside import alongside
from cointrader.app.closing import Closed, close_at_market, not_ours
from cointrader.app.config import Config
from cointrader.app.control import Controls, commanded
from cointrader.app.ending import ended_politely
from cointrader.app.live.account_lock import holding_account
from cointrader.app.live.connecting_ahead import keep_connecting_ahead
from cointrader.app.live.looking_ahead import keep_looking_ahead
from cointrader.app.live.rehearsal import clock_of, is_rehearsal, loop_factory
from cointrader.app.live.settled_memory import keep_memory_settled
from cointrader.app.live.thread_turns import take_short_turns
from cointrader.app.live.told_context import ToldContext
from cointrader.app.live.transfers_since import Anchor, transfers_anchor
from cointrader.app.live.wiring import QUOTE_ASSET, Access, BinanceDesk, Patience, Place
from cointrader.app.metrics.desk import budgets_of, streams_of
from cointrader.app.metrics.journal import TimedJournal
from cointrader.app.metrics.vitals import About, Sources, Vitals
from cointrader.app.model_words import BROKEN, NONE
from cointrader.app.models import Models
from cointrader.app.notices import NoticeBoard
from cointrader.app.preflight.judge import Check, Facts, Streams, is_refused, judged
from cointrader.app.preflight.reading import look_from_inside, no_events, read_facts
from cointrader.app.service_manager import alive_to_manager, tell_manager
from cointrader.app.supervisor import Supervisor
from cointrader.app.verdict.live import Asked, VerdictState, WhileAllowed
from cointrader.app.verdict.told import tell_end_of, told_of
from cointrader.bot.bot import TradingBot
from cointrader.bot.foreign import ForeignPolicy, refuse_foreign
from cointrader.bot.settings import BotSettings
from cointrader.domain.clock import Clock
from cointrader.domain.errors import CointraderError, ExchangeError
from cointrader.domain.records import Alert, Record, RunStarted
from cointrader.exchange.binance.adapter import BinanceExchange
from cointrader.exchange.binance.api import BinanceApi
from cointrader.exchange.binance.connection import StreamLimits
from cointrader.exchange.binance.input_ages import OldestInputs
from cointrader.journal.reader import JournalReader
from cointrader.journal.schema import has_begun
from cointrader.journal.sqlite import SqliteJournal
from cointrader.model.folder import MODELS
from cointrader.ops import channels
from cointrader.ops.heartbeat import Heartbeat
from cointrader.ops.notifier import ChannelHealth
from cointrader.risk.manager import RiskManager
from cointrader.signals.rules import SignalRule
from cointrader.strategy.decide import EntryFilter

REHEARSAL = "rehearsal"
FLUSH_AFTER_S = 0.5  # decisions without an order are on disk this soon


@dataclass(frozen=True, slots=True)
class LivePlan:
    """One process that trades.

    `speed` is how many times as fast as the wall clock the exchange's time goes: 1 everywhere but
    in a rehearsal. `locks` is where the account's lock is held, this user's state folder if None.
    """

    config: Config
    access: Access
    journal_path: Path
    listeners: Sequence[Callable[[Record], None]] = ()  # hear what is written down
    speed: float = 1.0
    rules: Mapping[str, SignalRule] = field(default_factory=dict)  # instead of the configured ones
    locks: Path | None = None
    patience: Patience | None = None  # how long streams may be silent; by the kind of exchange
    verdict: Asked = field(default_factory=Asked)  # how real money looks up its verdict
    models: Path = MODELS  # the folder of those that judge signals
    channels: Callable[[], Sequence[ChannelHealth]] = list  # how those do that are told

    @property
    def is_rehearsal(self) -> bool:
        """Whether it is neither Binance nor its testnet."""
        return is_rehearsal(self.access)

    @property
    def streams(self) -> Patience | None:
        """How long streams may be silent: a simulated market says nothing within a bar."""
        if self.patience is not None or not self.is_rehearsal:
            return self.patience
        longest_ms = 2 * self.config.interval_ms
        return Patience(
            market=StreamLimits(max_age_ms=longest_ms),
            oldest=OldestInputs(market_ms=longest_ms),
        )

    @property
    def mode(self) -> str:
        """live, testnet or rehearsal: what the journal is told."""
        return REHEARSAL if self.is_rehearsal else self.access.name


class PreflightRefused(CointraderError):
    """Something speaks against trading: nothing was sent."""

    def __init__(self, checks: Sequence[Check]) -> None:
        self.checks = tuple(checks)
        failed = [check for check in checks if is_refused([check])]
        super().__init__(
            "the preflight failed: nothing is traded",
            found="; ".join(f"{check.name}: {check.found}" for check in failed),
            todo="; ".join(filter(None, (check.todo for check in failed))),
        )


@dataclass(frozen=True, slots=True)
class Ready:
    """What is known when trading begins."""

    now_ms: int
    checks: Sequence[Check]
    wallet: Decimal
    fee_ratio: Decimal  # the account's own taker fee, the highest of all symbols
    starts: int  # of this journal, this one included
    without_entries: Sequence[str]  # symbols without a model that serves, where one is asked for


@dataclass(frozen=True, slots=True)
class LiveOutcome:
    """What a run left behind, beside its journal."""

    was_stopped: bool  # by a person; positions stay open and protected
    quarantined: tuple[str, ...]  # symbols whose bots kept crashing
    elapsed_s: float


def run_live(
    plan: LivePlan, on_ready: Callable[[Ready], None] = lambda _ready: None
) -> LiveOutcome:
    """Trade until stopped, or until no bot is left.

    Raises `PreflightRefused` before anything is sent, `JournalError` and `CointraderError` when
    another process has the journal or the account, `ConfigError` for a setting or key.
    """
    began_s = time.monotonic()
    told = channels.opened(plan.config, plan.journal_path, prefix=plan.mode)
    with told as hearing:
        listeners = (*plan.listeners, hearing.hear)
        plan = replace(plan, listeners=listeners, channels=hearing.health)
        with asyncio.Runner(loop_factory=loop_factory(plan.access, plan.speed)) as runner:
            was_stopped = runner.run(_until_stopped(plan, on_ready))
    return LiveOutcome(was_stopped, _quarantined(plan.journal_path), time.monotonic() - began_s)


def _quarantined(journal: Path) -> tuple[str, ...]:
    if not has_begun(journal):  # stopped before anything was written
        return ()
    with JournalReader(journal) as reader:
        states = reader.bot_states().items()
        return tuple(symbol for symbol, bot in states if bot.state == "quarantined")


async def _until_stopped(plan: LivePlan, on_ready: Callable[[Ready], None]) -> bool:
    """True when Ctrl-C, or a polite stop, ended it."""

    def ready(found: Ready) -> None:
        tell_manager("READY=1", f"STATUS={plan.mode}, {len(plan.config.symbols)} symbols")
        on_ready(found)

    try:
        with ended_politely(), alive_to_manager():
            await trade_live(plan, await clock_of(plan.access), ready)
    except asyncio.CancelledError:
        return True
    return False


async def trade_live(plan: LivePlan, clock: Clock, on_ready: Callable[[Ready], None]) -> None:
    """`run_live` in a running loop, on a clock of its time. Returns when no bot is left."""
    for symbol in plan.config.symbols:
        BotSettings.of(plan.config, symbol)  # what no bot can use is told before anything is made
    async with opened(plan, clock) as ports:
        await _trade(plan, ports, on_ready)


@dataclass(frozen=True, slots=True)
class LivePorts:
    """What bots of one account trade through once nothing speaks against it."""

    config: Config  # with the account's own taker fee
    desk: BinanceDesk
    journal: SqliteJournal
    anchor: Anchor
    checks: Sequence[Check]
    models: Models
    context: ToldContext  # kept up to date as long as the ports are open
    vitals: Vitals
    verdict: VerdictState | None = None  # None where no verdict is asked for

    def filtered(self, inner: EntryFilter | None) -> EntryFilter | None:
        """`inner`, which is asked only while the verdict allows entries."""
        return inner if self.verdict is None else WhileAllowed(self.verdict, inner)


@asynccontextmanager
async def opened(plan: LivePlan, clock: Clock) -> AsyncIterator[LivePorts]:
    """The account, locked, looked at, set up and listened to, until the block ends."""
    config = plan.config
    async with AsyncExitStack() as stack:
        stack.enter_context(holding_account(plan.access, plan.locks))
        vitals = Vitals(_about(plan), clock)
        journal = await stack.enter_async_context(
            TimedJournal(
                plan.journal_path,
                took=vitals.committed,
                threaded=True,
                flush_after_s=FLUSH_AFTER_S,
                survives_power_loss=not plan.is_rehearsal,
                listeners=(*plan.listeners, vitals.hear),
            )
        )
        journal.ensure_same_account(plan.mode)
        models = Models(config, plan.models, is_paper=False, rules=plan.rules)
        facts = await _passed(plan, clock, journal, models)
        board = NoticeBoard(
            clock, leverage=config.leverage, quote_asset=QUOTE_ASSET, tell=journal.note
        )
        anchor = transfers_anchor(journal, plan.journal_path, now_ms=clock.now_ms())
        desk = await stack.enter_async_context(
            BinanceDesk.opened(
                config,
                plan.access,
                clock,
                on_notice=board.hear,
                transfers_since_ms=anchor.since_ms,
                transfers_before=anchor.before,
                patience=plan.streams,
            )
        )
        await _set_up(desk.exchange, facts, config)
        fee = await _own_fee(desk.exchange, config.symbols)
        checks = judged(replace(facts, streams=Streams()), config)
        context = ToldContext(
            desk.exchange, clock, config.symbols, config.interval_ms, tell=journal.note
        )
        await stack.enter_async_context(alongside({"funding and open interest": context.run()}))
        yield LivePorts(
            config.replace(taker_fee=float(fee)),
            desk,
            journal,
            anchor,
            checks,
            models,
            context,
            vitals,
            facts.verdict if facts.is_real_money else None,
        )


async def begin(plan: LivePlan, ports: LivePorts, risk: RiskManager) -> Decimal:
    """Write down that trading begins, and let `risk` take up where it was; the wallet."""
    config, exchange, anchor = ports.config, ports.desk.exchange, ports.anchor
    verdict = ports.verdict
    if verdict is not None and verdict.override is not None and verdict.is_new:
        await ports.journal.commit(verdict.override)
    now_ms = ports.desk.clock.now_ms()
    wallet = (await exchange.account()).wallet
    await ports.journal.commit(
        RunStarted(
            at_ms=anchor.since_ms if anchor.is_first else now_ms,
            mode=plan.mode,
            market=_market(plan),
            profile=config.profile,
            symbols=tuple(config.symbols),
            interval=config.interval,
            base_balance=wallet,
            version=__version__,
            settings=config.shown(),
            source={**({} if verdict is None else told_of(verdict)), **ports.models.told()},
        )
    )
    ports.models.tell_to(ports.journal, ports.desk.clock)
    await risk.start(exchange)
    if config.foreign_positions == ForeignPolicy.REFUSE:
        await refuse_foreign(exchange, ports.journal, config.symbols)
    return wallet


async def _trade(plan: LivePlan, ports: LivePorts, on_ready: Callable[[Ready], None]) -> None:
    config, desk, journal = ports.config, ports.desk, ports.journal
    clock, exchange = desk.clock, desk.exchange
    risk = RiskManager(config, clock=clock, journal=journal)
    wallet = await begin(plan, ports, risk)
    states = ports.models.states()
    without = [each.symbol for each in states if each.identity in (NONE, BROKEN)]
    bots = [
        TradingBot(
            config,
            symbol=symbol,
            risk=risk,
            exchange=exchange,
            feed=desk.feed,
            journal=journal,
            clock=clock,
            rule=plan.rules.get(symbol),
            entry_filter=ports.filtered(ports.models.filter_of(symbol)),
            inputs=desk.inputs,
            context=ports.context.of(symbol),
        )
        for symbol in config.symbols
    ]
    vitals = ports.vitals
    vitals.attach(
        risk,
        Sources(
            streams=lambda: streams_of(desk, config.symbols),
            budgets=lambda: budgets_of(desk),
            channels=plan.channels,
            inputs=desk.inputs,
            drift=ports.models.drift,
        ),
    )
    heart = Heartbeat(config.heartbeat_url, where="HEARTBEAT_URL") if config.heartbeat_url else None
    controls = Controls(
        risk=risk, bots=bots, exchange=exchange, journal=journal, clock=clock, vitals=vitals
    )
    async with commanded(plan.journal_path, controls, journal, clock):
        on_ready(
            Ready(
                now_ms=clock.now_ms(),
                checks=ports.checks,
                wallet=wallet,
                fee_ratio=Decimal(str(config.taker_fee)),
                starts=ports.anchor.starts + 1,
                without_entries=without,
            )
        )
        take_short_turns()
        bar_ms = bots[0].settings.interval_ms
        courses = {
            "memory": keep_memory_settled(clock, bar_ms),
            "connections": keep_connecting_ahead(desk, clock, bar_ms),
            "ahead": keep_looking_ahead(bots, clock, bar_ms),
            "vitals": vitals.pulse(heart),
        }
        if ports.verdict is not None:
            courses["verdict"] = tell_end_of(ports.verdict, clock, journal)
        async with alongside(courses):
            await Supervisor(clock, journal).run(bots)


def _about(plan: LivePlan) -> About:
    return About(
        mode=plan.mode,
        market=_market(plan),
        journal=plan.journal_path,
        symbols=tuple(plan.config.symbols),
        interval_ms=plan.config.interval_ms,
        speed=plan.speed,
    )


def _market(plan: LivePlan) -> str:
    if plan.is_rehearsal:
        return f"the exchange at {plan.access.name}"
    return "Binance USDⓈ-M futures" + (" testnet" if plan.access.name == Place.TESTNET else "")


# -- before trading -------------------------------------------------------------------------------


async def _passed(plan: LivePlan, clock: Clock, journal: SqliteJournal, models: Models) -> Facts:
    """The facts, once nothing in them speaks against trading."""
    machine = look_from_inside(plan.journal_path)
    facts = await read_facts(
        plan.config,
        plan.access,
        clock,
        machine,
        is_known=lambda order_id: journal.intent(order_id) is not None,
        asked=plan.verdict,
        in_code=sorted(plan.rules),
        models=models,
    )
    checks = judged(facts, plan.config)
    if is_refused(checks):
        raise PreflightRefused(checks)
    return facts


async def _set_up(exchange: BinanceExchange, facts: Facts, config: Config) -> None:
    """Put right what the preflight said would be, and see that it is."""
    if facts.is_hedge_mode:
        await exchange.set_one_way_mode()
        _require("position mode", await exchange.is_hedge_mode() is False, "one-way mode")
    for symbol in (each.symbol for each in facts.symbols):
        settings = await exchange.symbol_settings(symbol)
        if not settings.is_isolated:
            await exchange.set_isolated(symbol)
        if settings.leverage != config.leverage:
            await exchange.set_leverage(symbol, config.leverage)
        if not settings.is_isolated or settings.leverage != config.leverage:
            now = await exchange.symbol_settings(symbol)
            _require(symbol, now.is_isolated, "isolated margin")
            _require(symbol, now.leverage == config.leverage, f"leverage {config.leverage}")


def _require(where: str, is_so: bool, what: str) -> None:
    if not is_so:
        raise ExchangeError(
            f"{what} was set, and is not in force",
            where=where,
            todo="set it yourself, then start again",
        )


async def _own_fee(exchange: BinanceExchange, symbols: Sequence[str]) -> Decimal:
    """The account's taker fee as a fraction; the highest, where symbols differ, and no rebate."""
    return max([Decimal(0), *[await exchange.taker_fee_ratio(symbol) for symbol in symbols]])


# -- without bots ---------------------------------------------------------------------------------


def close_all(plan: LivePlan, symbols: Sequence[str] = (), *, who: str = "") -> list[Closed]:
    """Close at market while no process trades the account: what the journal knows to be open.

    `symbols` that are named are closed whoever opened them. Under the same locks as `run_live`,
    which raise the same errors; it is written down with `who` asked. The next start books what was
    closed.
    """
    with asyncio.Runner(loop_factory=loop_factory(plan.access, plan.speed)) as runner:
        return runner.run(_closed(plan, symbols, who))


async def _closed(plan: LivePlan, symbols: Sequence[str], who: str) -> list[Closed]:
    clock = await clock_of(plan.access)
    with (
        holding_account(plan.access, plan.locks),
        SqliteJournal(plan.journal_path, threaded=False) as journal,
    ):
        journal.ensure_same_account(plan.mode)
        api = BinanceApi.at(plan.access.endpoints, clock, plan.access.credentials)
        exchange = BinanceExchange(
            api, clock, interval=plan.config.interval, account_events=no_events
        )
        results: list[Closed] = []
        try:
            for symbol in symbols or plan.config.symbols:
                is_ours = symbol in symbols or journal.open_position(symbol) is not None
                if is_ours or await exchange.position(symbol) is None:
                    results.append(await close_at_market(exchange, clock, symbol))
                else:
                    results.append(not_ours(symbol))
        finally:
            await api.close()
        said = "; ".join(map(str, results))
        text = f"flatten without a process, asked for by {who or 'somebody'}: {said}"
        await journal.commit(Alert(clock.now_ms(), "warning", "", text))
        return results
