"""One symbol, one loop: a closed candle, a decision, an order, a protected position.

The bot owns its windows and its one position. Everything it shares with the others is the risk
manager and the ports. It may be killed at any moment: `run` always begins by finding out what is
true (`bot.recovery`), so a restart is an ordinary start.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import cast

import numpy as np
from numpy.typing import NDArray

from cointrader.bot.execution import TOO_LATE
from cointrader.bot.foreign import ForeignPolicy, ForeignWatch
from cointrader.bot.keeper import PositionKeeper
from cointrader.bot.recovery import Recovery
from cointrader.bot.settings import BotConfig, BotSettings
from cointrader.bot.stream import Attentive, Bar, BarStream
from cointrader.domain.candle import Candle
from cointrader.domain.errors import ConfigError, DataError, ExchangeError
from cointrader.domain.events import FeedEvent
from cointrader.domain.order import Side
from cointrader.domain.ports import BestPrices, Clock, Exchange, InputAges, Journal, MarketFeed
from cointrader.domain.records import Alert
from cointrader.domain.records import Decision as DecisionRecord
from cointrader.market.context import Context
from cointrader.risk.manager import EntryRequest, Refusal, RiskManager
from cointrader.signals.checked import RULE_FAILED, RuleFailed
from cointrader.signals.features import feature_row
from cointrader.signals.indicators import Indicators
from cointrader.signals.prepare import prepare
from cointrader.signals.rules import (
    WARM_UP_BARS,
    QuickRule,
    Signal,
    SignalRule,
    is_quick,
    latest,
    latest_quick,
)
from cointrader.strategy.decide import (
    Decision,
    Enter,
    EntryFilter,
    Exit,
    Hold,
    MarketView,
    Reverse,
    Unfiltered,
    decide,
)
from cointrader.strategy.plan import Exits
from cointrader.strategy.state import State

_LOOK_GOOD_FOR_MS = 250  # prices, and what is open, for an entry: the one may wait for the other
_NO_SIGNAL = Signal(side=None, strength=0, reasons=())


class TradingBot:
    """Trades one symbol.

    Parameters
    ----------
    config : see `bot.settings.BotConfig`; read once
    symbol : the bot's own; upper-case
    risk : shared by all bots of the account
    exchange, feed, journal, clock : the ports; nothing touches them before `run`
    rule : the signal rule; the configured one by default
    entry_filter : judges signals; without one every signal passes
    inputs : says which input is too old for an entry; without it none is
    context : knows funding and open interest, for rules and features; without it they are NaN
    """

    def __init__(
        self,
        config: BotConfig,
        *,
        symbol: str,
        risk: RiskManager,
        exchange: Exchange | None = None,
        feed: MarketFeed | None = None,
        journal: Journal | None = None,
        clock: Clock | None = None,
        rule: SignalRule | None = None,
        entry_filter: EntryFilter | None = None,
        inputs: InputAges | None = None,
        context: Context | None = None,
    ) -> None:
        self.config = config
        self.symbol = symbol.upper()
        self.risk = risk
        self.settings = BotSettings.of(config, self.symbol)
        self.stream = BarStream(
            self.symbol, self.settings.correlation_symbols, self.settings.interval_ms, context
        )
        self.rule = self.settings.rule if rule is None else rule
        self.ml_filter = entry_filter
        self.inputs = inputs
        self._ports = (exchange, feed, journal, clock)
        self._loop: _Loop | None = None  # while it runs

    async def run(self) -> None:
        """Trade until the feed ends or until cancelled. Protection stays in place either way."""
        exchange, feed, journal, clock = self._ports
        if exchange is None or feed is None or journal is None or clock is None:
            raise ConfigError(
                f"the bot of {self.symbol} has no exchange to trade on",
                todo="pass exchange=, feed=, journal= and clock=, as `cointrader paper` does",
            )
        self._loop = _Loop(self, exchange, feed, journal, clock)
        try:
            await self._loop.run()
        finally:
            self._loop = None

    async def flatten(self) -> None:
        """Close the position at market and return once the exchange shows none.

        Whatever the bot is doing is finished first. A bot that is not running has nothing to
        close with: `ConfigError`.
        """
        if self._loop is None:
            raise ConfigError(
                f"the bot of {self.symbol} is not running",
                todo="start it, or close the position at the exchange",
            )
        await self._loop.flatten()


class _Loop:
    """One run of a bot, from recovery to the end of the feed."""

    def __init__(
        self, bot: TradingBot, exchange: Exchange, feed: MarketFeed, journal: Journal, clock: Clock
    ) -> None:
        self._symbol = bot.symbol
        self._bar_ms = bot.settings.interval_ms
        self._settings = bot.settings
        self._stream = bot.stream
        self._risk = bot.risk
        self._rule = bot.rule
        self._quick_rule = cast(QuickRule, bot.rule) if is_quick(bot.rule) else None
        self._warm_up_bars = max(WARM_UP_BARS, bot.rule.warm_up, bot.settings.periods.reach)
        self._filter: EntryFilter = bot.ml_filter or Unfiltered()
        self._inputs = bot.inputs
        self._told_failure = ""
        self._seen: MarketView | None = None  # of the bar that was looked at last
        self._decided: tuple[MarketView, Side | None, Decision] | None = None  # the last one
        self._recovered = asyncio.Event()  # what is open is known; or the run is over
        self._acting = asyncio.Lock()  # a bar is being answered, or the position closed on demand
        self._exchange = exchange
        self._feed = feed
        self._journal = journal
        self._clock = clock
        self._keeper = PositionKeeper(
            bot.symbol,
            risk=bot.risk,
            exchange=exchange,
            journal=journal,
            clock=clock,
            bar_ms=bot.settings.interval_ms,
            slippage=bot.settings.slippage,
            max_entry_delay_ms=bot.settings.max_entry_delay_ms,
        )
        self._foreign = ForeignWatch(bot.symbol, exchange, journal, clock)
        self._recovery = Recovery(
            self._keeper,
            exchange=exchange,
            journal=journal,
            risk=bot.risk,
            clock=clock,
            bar_ms=bot.settings.interval_ms,
            max_entry_delay_ms=bot.settings.max_entry_delay_ms,
        )

    async def run(self) -> None:
        self._risk.join(self._symbol)
        self._recovery.claim()
        await asyncio.sleep(0)  # bots that start together all join and claim before one is served
        account_events = self._exchange.account_events(self._symbol)
        candles = self._feed.candles(self._stream.symbols)
        try:
            async with asyncio.TaskGroup() as group:
                follower = group.create_task(
                    self._keeper.follow(account_events), name=f"keeper:{self._symbol}"
                )
                await self._trade(candles)
                follower.cancel()
        finally:
            self._recovered.set()
            self._risk.leave(self._symbol)

    async def _trade(self, candles: AsyncIterator[FeedEvent]) -> None:
        now_bar_ms = self._clock.now_ms() // self._bar_ms * self._bar_ms
        resume_ms = min(self._first_unanswered_ms(now_bar_ms), now_bar_ms)
        await self._recovery.finish()  # a position's stop needs no candle and waits for none
        self._recovered.set()
        # Beside the loop: other bots have positions to look after, and compiling takes seconds.
        await asyncio.to_thread(prepare, self._rule, self._settings.periods)
        await self._stream.warm_up(self._feed, before_ms=resume_ms)
        with suppress(ExchangeError):  # known before the first entry; else that one asks
            await self._keeper.learn_filters()
        if not self._stream.bars_stored:
            self._risk.leave(self._symbol)  # its first candle may be far off
        await self._mind_foreign(now_bar_ms - self._bar_ms)
        if resume_ms == now_bar_ms and self._stream.bars_stored:
            # Answered before a restart, or before our time: let no auction wait for it.
            await self._risk.begin_bar(now_bar_ms)
            await self._risk.submit(now_bar_ms, self._symbol, None)
        async for bar in self._stream.missed(self._feed, until_ms=now_bar_ms):
            await self._on_bar(bar)
        await self._follow(candles)

    async def _follow(self, candles: AsyncIterator[FeedEvent]) -> None:
        """Answer every bar that closes, until the feed ends."""
        if isinstance(candles, Attentive):  # most bars need no more than this
            candles.attend(lambda event: self._answered_at_once(event, candles))
        async for bar in self._stream.bars(candles, self._feed, self._clock):
            self._risk.join(self._symbol)
            await self._on_bar(bar)

    def _answered_at_once(self, event: FeedEvent, candles: Attentive) -> bool:
        """Take a candle as it is told; a bar with more to do than to HOLD is handed on to `bars`.

        With many symbols most of the time would go into waking bots that have nothing to do.
        """
        if self._acting.locked() or not self._keeper.is_at_rest:
            return False
        try:
            is_taken, bar = self._stream.take_at_once(event)
        except DataError:
            return False  # whoever reads it next says so
        if bar is not None and not self._holds(bar):
            candles.hand_on(bar)
        return is_taken

    def _holds(self, bar: Bar) -> bool:
        """Whether this bar is answered by a HOLD for which nobody has to wait."""
        self._risk.join(self._symbol)
        if self._keeper.saw_foreign or self._foreign.is_in_the_way:
            return False
        if self._keeper.held is not None and self._settings.exits.trailing_stop_pct > 0:
            return False
        try:
            view = self._seen = self._view(bar.candle)
            decision = self._decide(view)
        except Exception:  # it will come again, where this bot alone answers for it
            return False
        if not isinstance(decision, Hold):
            return False
        if not self._risk.hold(bar.candle.close_time_ms, self._symbol):
            return False
        self._note_refused(view, decision)
        return True

    def _first_unanswered_ms(self, now_bar_ms: int) -> int:
        """Open time of the first bar without a decision in the journal."""
        decided_ms = self._journal.last_decided_bar(self._symbol)
        if decided_ms is not None:
            return decided_ms + self._bar_ms
        started_ms = self._journal.first_started_ms()
        return now_bar_ms if started_ms is None else started_ms // self._bar_ms * self._bar_ms

    async def flatten(self) -> None:
        """Close what is open, and what the bar that is being answered may open yet."""
        await self._recovered.wait()
        if self._keeper.state is State.OPEN:  # at once, whatever else is being waited for
            await self._keeper.flatten()
        async with self._acting:
            await self._keeper.flatten()

    async def _on_bar(self, bar: Bar) -> None:
        async with self._acting:
            await self._answer(bar)

    async def _answer(self, bar: Bar) -> None:
        """Answer one closed bar: decide, close, ask for the entry, write it down."""
        candle = bar.candle
        open_ms, now_open_ms = candle.open_time_ms, candle.close_time_ms
        view = self._view(candle)
        if self._keeper.is_unsettled:
            await self._keeper.settled()
        held, decision, looking = self._keeper.held, None, None
        if not (self._keeper.saw_foreign or self._foreign.is_in_the_way):
            decision = self._decide(view)
            if isinstance(decision, Enter):  # while the account is being read
                looking = asyncio.create_task(
                    self._looked(bar, since_ms=now_open_ms), name=f"look:{self._symbol}"
                )
        try:
            self._exchange.look_ahead()
            await self._risk.begin_bar(now_open_ms)
            if self._keeper.saw_foreign or self._foreign.is_in_the_way:
                await self._mind_foreign(open_ms)
            if decision is None or self._keeper.held is not held:
                decision = self._decide(view)
            if isinstance(decision, Exit | Reverse):
                await self._keeper.close(open_ms)
            entry = decision.entry if isinstance(decision, Reverse) else decision
            trail_ratio = self._settings.exits.trailing_stop_pct
            if trail_ratio > 0 and isinstance(decision, Hold):
                # Before the decision is written: a bar whose stop was not moved is not answered.
                await self._keeper.trail(candle.close, open_ms, trail_ratio)
            if isinstance(entry, Enter):
                looked = await (self._looked(bar) if looking is None else looking)
                await self._enter(entry, view, now_open_ms, decision, looked)
            else:
                await self._risk.submit(now_open_ms, self._symbol, None)
                self._note_refused(view, decision)
        finally:
            if looking is not None:
                looking.cancel()

    def _decide(self, view: MarketView) -> Decision:
        held, known = self._keeper.held, self._decided
        if known is not None and known[0] is view and known[1] is held:
            return known[2]  # a model is not asked twice
        decision = decide(view, held, self._filter, self._settings.exits)
        self._decided = view, held, decision
        return decision

    def _note_refused(self, view: MarketView, decision: Decision) -> None:
        """Write down a decision that asks for no entry."""
        self._journal.note(_record(view, decision, _refusal_of(decision), _detail_of(decision)))

    async def _enter(
        self,
        entry: Enter,
        view: MarketView,
        now_open_ms: int,
        decision: Decision,
        looked: BestPrices | Refusal,
    ) -> None:
        if isinstance(looked, Refusal):
            await self._risk.submit(now_open_ms, self._symbol, None)
            self._journal.note(_record(view, decision, looked.reason, looked.detail))
            return
        await self._keeper.learn_filters()
        price = float(looked.ask if entry.side.sign > 0 else looked.bid)
        answer = await self._risk.submit(
            now_open_ms,
            self._symbol,
            EntryRequest(
                side=entry.side,
                price=price,
                stop_distance=entry.exits.stop_distance(price),
                instrument=self._keeper.instrument,
                probability=entry.probability,
            ),
        )
        if isinstance(answer, Refusal):
            self._journal.note(_record(view, decision, answer.reason, answer.detail))
            return
        assert answer is not None  # a request is always answered
        written = _record(view, decision)
        refused = await self._keeper.enter(view.open_time_ms, answer, entry.exits, written)
        if refused is not None:
            reason = "late" if refused.code == TOO_LATE else "rejected"
            self._journal.note(_record(view, decision, reason, str(refused)))

    async def _looked(self, bar: Bar, since_ms: int | None = None) -> BestPrices | Refusal:
        """The price to enter at, or what speaks against an entry; both are asked at once.

        What the symbol has is looked at now; a look since `since_ms` will do if it is young.
        """
        refusal = self._why_no_entry(bar)
        if refusal is not None:
            return refusal
        asked_ms = self._clock.now_ms()
        if since_ms is not None:
            since_ms = max(since_ms, asked_ms - _LOOK_GOOD_FOR_MS)
        refusal, prices = await asyncio.gather(
            self._why_foreign(since_ms), self._exchange.best_prices(self._symbol)
        )
        if refusal is not None:
            return refusal
        if self._clock.now_ms() - asked_ms > _LOOK_GOOD_FOR_MS:  # it was looked twice
            prices = await self._exchange.best_prices(self._symbol)
        return prices

    async def _why_foreign(self, since_ms: int | None) -> Refusal | None:
        try:
            found = await self._foreign.look(since_ms)
        except ExchangeError as error:
            return Refusal("foreign", f"what is open could not be looked up: {error.what}")
        return None if found is None else Refusal("foreign", f"not ours: {found}")

    def _why_no_entry(self, bar: Bar) -> Refusal | None:
        """What we know ourselves to speak against an entry on this bar."""
        if self._clock.now_ms() >= bar.candle.close_time_ms + self._bar_ms:
            return Refusal("late", "a later bar has closed since")
        # Missing candles are no matter where nobody looks at them.
        looks_at_all = self._quick_rule is None or not isinstance(self._filter, Unfiltered)
        if looks_at_all and not bar.complete:
            return Refusal("late", "candles of a correlation symbol are missing")
        stale = None if self._inputs is None else self._inputs.too_old(self._symbol)
        if stale is not None:
            return Refusal("stale", stale)
        if self._keeper.why_blocked:
            return Refusal("unprotected", self._keeper.why_blocked)
        return None

    async def _mind_foreign(self, bar_open_ms: int) -> None:
        """Look for what is not ours, and take a position over where that is wanted."""
        if self._keeper.held is not None:
            return
        self._keeper.foreign_seen_to()
        found = await self._foreign.find()
        exits = self._exits_now() if self._settings.foreign is ForeignPolicy.ADOPT else None
        if found is None or found.position is None or exits is None:
            self._foreign.tell(found)
            return
        if await self._keeper.adopt(exits, bar_open_ms):
            self._foreign.adopted(found)

    def _exits_now(self) -> Exits | None:
        """Exits by the last closed bar; None while there are too few bars to know its ATR."""
        if self._stream.bars_stored <= WARM_UP_BARS:
            return None
        frame = self._stream.frame(alone=True)
        atr = float(Indicators(frame, self._settings.periods, last=1).atr[-1])
        exits = self._settings.exits.exits(atr)
        return exits if exits.stop > 0 else None

    def _view(self, candle: Candle) -> MarketView:
        if self._seen is not None and self._seen.open_time_ms == candle.open_time_ms:
            return self._seen
        bars_before = self._stream.bars_stored - 1
        signal, atr = _NO_SIGNAL, math.nan
        if self._quick_rule is not None and bars_before >= self._warm_up_bars:
            candles = self._stream.candles()
            signal, atr = latest_quick(self._quick_rule, candles, self._settings.periods)
        elif bars_before >= WARM_UP_BARS:
            frame = self._stream.frame(alone=self._quick_rule is not None)
            try:
                signal, atr = latest(self._rule, frame, self._settings.periods)
            except RuleFailed as failed:
                signal = self._without_answer(failed)
        return MarketView(
            symbol=self._symbol,
            open_time_ms=candle.open_time_ms,
            closed_at_ms=candle.close_time_ms,
            bars_before=bars_before,
            signal=signal,
            atr=atr,
            features=lambda: self._features(signal),
        )

    def _without_answer(self, failed: RuleFailed) -> Signal:
        """No entry on a bar that the rule cannot answer; what is held is managed all the same.

        A person is told once, until the rule fails in another way.
        """
        if failed.what != self._told_failure:
            self._told_failure = failed.what
            words = f"{failed}\nno entries of {self._symbol} on such bars; exits go on"
            self._journal.note(Alert(self._clock.now_ms(), "critical", self._symbol, words))
        return Signal(side=None, strength=0, reasons=(RULE_FAILED,))

    def _features(self, signal: Signal) -> NDArray[np.float64]:
        frame = self._stream.frame()
        return feature_row(frame, Indicators(frame, self._settings.periods), signal)


def _record(
    view: MarketView, decision: Decision, refusal: str = "", detail: str = ""
) -> DecisionRecord:
    return DecisionRecord(
        symbol=view.symbol,
        bar_open_ms=view.open_time_ms,
        action=type(decision).__name__.upper(),
        side=view.signal.side,
        strength=view.signal.strength,
        reasons=view.signal.reasons,
        refusal=refusal,
        detail=detail,
        probability=_probability_of(decision),
    )


def _probability_of(decision: Decision) -> float | None:
    return decision.entry.probability if isinstance(decision, Reverse) else decision.probability


def _refusal_of(decision: Decision) -> str:
    """The key of whoever said no to an entry; a bar without a signal refuses nothing."""
    why = decision.why if isinstance(decision, Hold | Exit) else ""
    return why if why in ("filter", "no-model", "no-verdict") else ""


def _detail_of(decision: Decision) -> str:
    if isinstance(decision, Hold):
        return decision.detail or decision.why
    return decision.detail if isinstance(decision, Exit) else ""
