"""Paper trading on the market as it happens: public streams in, fills by the simulated account.

Nothing here has a key. Closed candles, running bars and mark prices come by Binance's streams, best
prices, filters, funding and history by its REST calls; orders never leave this process. Journal and
exchange are put on disk together, as in every paper run (`app.paper`).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

import aiohttp

from cointrader import __version__
from cointrader.app.alongside import alongside, until_up
from cointrader.app.control import Controls, commanded
from cointrader.app.ending import politely
from cointrader.app.live.rehearsal import clock_of, is_rehearsal, loop_factory, speed_of
from cointrader.app.live.told_context import ToldContext
from cointrader.app.live.wiring import Access, Place
from cointrader.app.metrics.journal import TimedJournal
from cointrader.app.metrics.vitals import About, Sources, Vitals
from cointrader.app.paper.live_plan import market_url
from cointrader.app.paper.run import PaperOutcome, PaperPlan, Progress
from cointrader.app.supervisor import Supervisor
from cointrader.bot.bot import TradingBot
from cointrader.bot.foreign import ForeignPolicy, refuse_foreign
from cointrader.bot.settings import BotSettings
from cointrader.domain.clock import MINUTE_MS, Clock
from cointrader.domain.errors import JournalError, RateLimited, Unreachable
from cointrader.domain.instrument import Instrument, to_decimal
from cointrader.domain.records import ExchangeState, RunStarted
from cointrader.exchange.binance.adapter import BinanceExchange
from cointrader.exchange.binance.api import BinanceApi
from cointrader.exchange.binance.connection import StreamLimits
from cointrader.exchange.binance.credentials import Credentials
from cointrader.exchange.binance.endpoints import LIVE, Endpoints, endpoints_at
from cointrader.exchange.binance.input_ages import OldestInputs
from cointrader.exchange.binance.market_feed import MultiSymbolStream
from cointrader.exchange.binance.rest import RestClient
from cointrader.exchange.binance.schemas import Bracket, SymbolBrackets
from cointrader.exchange.simulated.account import SimulatedAccount
from cointrader.exchange.simulated.brackets import plausible_brackets
from cointrader.exchange.simulated.instruments import unconstrained
from cointrader.exchange.simulated.ledger import Costs
from cointrader.exchange.simulated.live_market import LiveMarketExchange
from cointrader.journal.sqlite import SqliteJournal
from cointrader.ops import channels
from cointrader.ops.metrics import StreamAge
from cointrader.risk.manager import RiskManager

_CHECKPOINT_S = 0.5  # of the wall clock, between two checkpoints
_LOOK_MS = 1_000  # between two looks at the wall clock
_REACHED_S = 10.0  # until the market has answered a first time
_LONGEST_S, _LONGEST_VITAL_S, _CONNECT_S = 10.0, 4.0, 3.0  # one request, as seen by the wall clock
_TRADING = "TRADING"
_NO_KEY = Credentials("none", "none")  # nothing is signed with it


def run_paper_live(plan: PaperPlan, on_progress: Callable[[Progress], None]) -> PaperOutcome:
    """Trade until Ctrl-C, or until no bot is left.

    `on_progress` is called from time to time, first when trading begins. Before that, and before
    anything is made, it raises `Unreachable` where the market does not answer; `ConfigError`,
    `JournalError`, `Rejected` for a symbol that the market does not have, and `MissingCandles`
    for a run that was stopped too long ago.
    """
    access = _access(plan)
    speed = speed_of(access)

    async def course() -> PaperOutcome:
        return await paper_live(replace(plan, speed=speed), await clock_of(access), on_progress)

    with channels.opened(plan.told or plan.config, plan.journal_path, prefix="paper") as told:
        plan = replace(plan, listeners=(*plan.listeners, told.hear), channels=told.health)
        with asyncio.Runner(loop_factory=loop_factory(access, speed)) as runner:
            return runner.run(politely(course()))


async def paper_live(
    plan: PaperPlan, clock: Clock, on_progress: Callable[[Progress], None]
) -> PaperOutcome:
    """`run_paper_live` in a running loop, whose timers go `plan.speed` times as fast as time.

    `clock` shows the market's time. Cancelled, it leaves positions open and answers.
    """
    for symbol in plan.config.symbols:
        BotSettings.of(plan.config, symbol)  # a setting no bot can use is told first
    began_s = time.monotonic()
    async with _opened(plan, clock) as desk:
        vitals = Vitals(_about(plan), clock)
        with TimedJournal(
            plan.journal_path,
            took=vitals.committed,
            threaded=False,
            by_checkpoints=True,
            listeners=(*plan.listeners, vitals.hear),
        ) as journal:
            run = _Run(plan, clock, desk, journal, vitals, on_progress, began_s)
            try:
                finished = await run.trade()
            except BaseException:
                with contextlib.suppress(JournalError):  # it may be the journal itself that failed
                    run.checkpoint()
                raise
            run.checkpoint()
            return run.outcome(finished=finished)


def _about(plan: PaperPlan) -> About:
    return About(
        mode="paper",
        market=plan.source.label,
        journal=plan.journal_path,
        symbols=tuple(plan.config.symbols),
        interval_ms=plan.source.interval_ms,
        speed=plan.speed or 1.0,
    )


# -- the market -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Desk:
    """What the bots trade through."""

    exchange: LiveMarketExchange
    feed: MultiSymbolStream
    inputs: PublicInputs
    market: BinanceExchange  # of which funding and open interest are asked


class KeylessApi(BinanceApi):
    """The public calls, and in place of the leverage brackets, which need a key, stored ones."""

    async def leverage_brackets(self, symbol: str) -> SymbolBrackets:
        return SymbolBrackets(
            symbol=symbol,
            brackets=tuple(
                Bracket(
                    initial_leverage=row.max_leverage,
                    notional_cap=row.notional_cap,
                    maint_margin_ratio=row.maintenance_margin_ratio,
                    cum=row.maintenance_amount,
                )
                for row in plausible_brackets(symbol)
                if row.notional_cap is not None
            ),
        )


class PublicInputs:
    """`InputAges` where there is no account stream: prices and filters."""

    def __init__(self, feed: MultiSymbolStream, market: BinanceExchange, oldest: OldestInputs):
        self._feed = feed
        self._rules = market.rules
        self.oldest = oldest

    def too_old(self, symbol: str) -> str | None:
        """Which input of an entry in `symbol` is older than it may be, in words; None: none is."""
        status = self._rules.known_status(symbol)
        if status is not None and status != _TRADING:
            return f"{symbol} is not open for trading: the exchange says {status}"
        ages = (
            (self._feed.age_ms(symbol), self.oldest.market_ms, f"the candle stream of {symbol}"),
            (self._rules.age_ms or 0, self.oldest.rules_ms, "the exchange's filters"),
        )
        for age_ms, most_ms, name in ages:
            if age_ms > most_ms:
                return f"{name} is {age_ms / 1000:.0f} s old, {most_ms / 1000:.0f} s is the most"
        return None


@contextlib.asynccontextmanager
async def _opened(plan: PaperPlan, clock: Clock) -> AsyncIterator[_Desk]:
    """The market's streams up, and the account as it was left, until the block ends."""
    config, speed = plan.config, plan.speed or 1.0
    access = _access(plan)
    endpoints = access.endpoints
    async with contextlib.AsyncExitStack() as stack:
        api = _api(endpoints, clock, speed)
        stack.push_async_callback(api.close)
        market = BinanceExchange(api, clock, interval=config.interval)
        await _require_reached(market, plan, endpoints)
        exchange = await _exchange(plan, market, clock)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        silent_ms = plan.source.interval_ms + MINUTE_MS
        feed = MultiSymbolStream(
            [*config.symbols, *config.correlation_symbols],
            config.interval,
            url=endpoints.ws,
            session=session,
            history=market,
            clock=clock,
            limits=_patient(silent_ms, speed) if is_rehearsal(access) else None,
            on_bar=exchange.hear_bar,
            on_mark=exchange.hear_mark,
        )
        oldest = OldestInputs(market_ms=silent_ms) if is_rehearsal(access) else OldestInputs()
        courses = {"market streams": feed.run(), "funding": exchange.run()}
        await stack.enter_async_context(alongside(courses))

        def down() -> list[str]:
            return [health.name for health in feed.health() if not health.is_up]

        await until_up(down, clock, where=endpoints.ws)
        yield _Desk(exchange, feed, PublicInputs(feed, market, oldest), market)


def _access(plan: PaperPlan) -> Access:
    """Binance, or whatever is taken for it; what is asked there is public."""
    url = market_url(plan)
    return Access(url, endpoints_at(url), _NO_KEY) if url else Access(Place.LIVE, LIVE, _NO_KEY)


def _api(endpoints: Endpoints, clock: Clock, speed: float) -> KeylessApi:
    """Its timers are the loop's: each lasts as long as it should for somebody outside."""
    return KeylessApi(
        RestClient(
            endpoints.rest,
            clock,
            timeout_s=_LONGEST_S * speed,
            vital_timeout_s=_LONGEST_VITAL_S * speed,
            connect_timeout_s=_CONNECT_S * speed,
        )
    )


def _patient(silent_ms: int, speed: float) -> StreamLimits:
    """Of a simulated market between two bars nothing is heard."""
    usual = StreamLimits()
    return replace(
        usual,
        max_age_ms=silent_ms,
        ping_every_ms=max(silent_ms, round(usual.ping_every_ms * speed)),
        connect_timeout_ms=round(usual.connect_timeout_ms * speed),
        ack_timeout_ms=round(usual.ack_timeout_ms * speed),
    )


async def _require_reached(market: BinanceExchange, plan: PaperPlan, endpoints: Endpoints) -> None:
    """The market answers and has every symbol; else nothing is begun."""
    problem = "no answer"
    try:
        async with asyncio.timeout(_REACHED_S * (plan.speed or 1.0)):
            for symbol in (*plan.config.symbols, *plan.config.correlation_symbols):
                await market.is_trading(symbol)
            return
    except (Unreachable, RateLimited) as error:
        problem = f"{error.what}: {error.found}" if error.found else error.what
    except TimeoutError:
        problem = f"no answer within {_REACHED_S:g} s"
    raise Unreachable(
        "the public market cannot be reached",
        where=endpoints.rest,
        found=problem,
        todo="check the network; `cointrader paper` without --market needs none",
    )


async def _exchange(plan: PaperPlan, market: BinanceExchange, clock: Clock) -> LiveMarketExchange:
    """The account of this run on the market: a new one, or as it was left, brought up to date."""
    config = plan.config

    async def filters(symbol: str) -> Instrument:
        return await market.instrument(symbol) if config.use_filters else unconstrained(symbol)

    account = SimulatedAccount(
        instruments={symbol: await filters(symbol) for symbol in config.symbols},
        balance=plan.balance,
        costs=Costs(
            taker_fee=to_decimal(config.taker_fee),
            slippage=to_decimal(config.slippage_bps) / 10_000,
        ),
        leverage=config.leverage,
        check_margin=config.check_margin and config.fixed_notional is None,
    )
    exchange = LiveMarketExchange(
        account, market, clock, bar_ms=plan.source.interval_ms, filters=filters
    )
    if plan.resumed is not None:
        await exchange.resume(plan.resumed)
    return exchange


# -- trading --------------------------------------------------------------------------------------


class _Run:
    """One process that trades on paper."""

    def __init__(
        self,
        plan: PaperPlan,
        clock: Clock,
        desk: _Desk,
        journal: SqliteJournal,
        vitals: Vitals,
        on_progress: Callable[[Progress], None],
        began_s: float,
    ) -> None:
        self._plan = plan
        self._clock = clock
        self._desk = desk
        self._journal = journal
        self._vitals = vitals
        self._on_progress = on_progress
        self._began_s = began_s
        self._models = plan.filters()
        self._risk = RiskManager(plan.config, clock=clock, journal=journal)
        self._supervisor = Supervisor(clock, journal)
        config = plan.config
        self._context = ToldContext(
            desk.market, clock, config.symbols, plan.source.interval_ms, tell=journal.note
        )

    async def trade(self) -> bool:
        """False when a person stopped it, True when no bot is left."""
        config, exchange = self._plan.config, self._desk.exchange
        self._journal.ensure_same_account("paper")
        await self._journal.commit(self._started())
        self._models.tell_to(self._journal, self._clock)
        await self._risk.start(exchange)
        if config.foreign_positions == ForeignPolicy.REFUSE:
            await refuse_foreign(exchange, self._journal, config.symbols)
        bots = [self._bot(symbol) for symbol in config.symbols]
        self._vitals.attach(
            self._risk,
            Sources(
                streams=self._streams,
                channels=self._plan.channels,
                inputs=self._desk.inputs,
                drift=self._models.drift,
            ),
        )
        controls = Controls(
            risk=self._risk,
            bots=bots,
            exchange=exchange,
            journal=self._journal,
            clock=self._clock,
            vitals=self._vitals,
        )
        try:
            courses = {
                "vitals": self._vitals.pulse(),
                "checkpoints": self._keep_safe(),
                "funding and open interest": self._context.run(),
            }
            async with (
                commanded(self._plan.journal_path, controls, self._journal, self._clock),
                alongside(courses),
            ):
                await self._supervisor.run(bots)
        except asyncio.CancelledError:
            return False
        return True

    def checkpoint(self) -> None:
        now_ms = self._clock.now_ms()
        self._journal.checkpoint(ExchangeState(now_ms, self._desk.exchange.snapshot()))

    def outcome(self, *, finished: bool) -> PaperOutcome:
        now_ms = self._clock.now_ms()
        return PaperOutcome(
            finished=finished,
            final_wallet=self._desk.exchange.book.ledger.wallet,
            halted_days=self._risk.halted_days,
            quarantined=tuple(self._supervisor.quarantined),
            from_ms=self._journal.first_started_ms() or now_ms,
            to_ms=now_ms,
            elapsed_s=time.monotonic() - self._began_s,
        )

    async def _keep_safe(self) -> None:
        """Checkpoints as often as the wall clock asks, however fast the market's time goes."""
        saved_s = time.monotonic()
        self.checkpoint()
        while True:
            now_s = time.monotonic()
            if now_s - saved_s >= _CHECKPOINT_S:
                self.checkpoint()
                saved_s = now_s
            self._on_progress(Progress(0, 0, self._clock.now_ms(), now_s - self._began_s))
            await self._clock.sleep_ms(_LOOK_MS)

    def _streams(self) -> list[StreamAge]:
        feed = self._desk.feed
        oldest_ms = self._desk.inputs.oldest.market_ms
        lines = feed.health()
        is_up = all(line.is_up for line in lines)
        return [
            *(
                StreamAge(f"candles {symbol}", feed.age_ms(symbol), oldest_ms, is_up, symbol)
                for symbol in self._plan.config.symbols
            ),
            *(
                StreamAge(line.name, line.age_ms, None, line.is_up, reconnects=line.faults)
                for line in lines
            ),
        ]

    def _bot(self, symbol: str) -> TradingBot:
        return TradingBot(
            self._plan.config,
            symbol=symbol,
            risk=self._risk,
            exchange=self._desk.exchange,
            feed=self._desk.feed,
            journal=self._journal,
            clock=self._clock,
            rule=self._plan.rules.get(symbol),
            entry_filter=self._models.filter_of(symbol),
            inputs=self._desk.inputs,
            context=self._context.of(symbol),
        )

    def _started(self) -> RunStarted:
        config = self._plan.config
        return RunStarted(
            at_ms=self._clock.now_ms(),
            mode="paper",
            market=self._plan.source.label,
            profile=config.profile,
            symbols=tuple(config.symbols),
            interval=config.interval,
            base_balance=self._plan.balance,
            version=__version__,
            settings=config.shown(),
            source={**self._plan.origin, **self._models.told()},
        )
