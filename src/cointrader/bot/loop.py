"""One run of a bot: a closed candle, a decision, an order, a protected position.

It may be killed at any moment: a run always begins by finding out what is true (`bot.recovery`),
so a restart is an ordinary start.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

from cointrader.bot.execution import TOO_LATE
from cointrader.bot.foreign import ForeignPolicy, ForeignWatch
from cointrader.bot.keeper import PositionKeeper
from cointrader.bot.postponed import put_off
from cointrader.bot.recovery import Recovery
from cointrader.bot.settings import BotSettings
from cointrader.bot.stream import Attentive, Bar, BarStream
from cointrader.bot.views import Views
from cointrader.domain.errors import DataError, ExchangeError, OutcomeUnknown
from cointrader.domain.events import CandleClosed, FeedEvent
from cointrader.domain.order import Side
from cointrader.domain.ports import BestPrices, Clock, Exchange, InputAges, Journal, MarketFeed
from cointrader.domain.records import Decision as DecisionRecord
from cointrader.risk.manager import EntryRequest, Refusal, RiskManager
from cointrader.signals.prepare import prepare
from cointrader.signals.rules import SignalRule
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
    reads_features,
)
from cointrader.strategy.plan import Exits
from cointrader.strategy.state import State

_LOOK_GOOD_FOR_MS = 250  # prices, and what is open, for an entry: the one may wait for the other
_REFUSALS = ("filter", "no-model", "no-verdict")  # of whoever may say no to an entry
_ACTIONS: dict[type[Decision], str] = {
    kind: kind.__name__.upper() for kind in (Hold, Enter, Exit, Reverse)
}


class Loop:
    """One run of a bot, from recovery to the end of the feed."""

    def __init__(
        self,
        settings: BotSettings,
        stream: BarStream,
        rule: SignalRule,
        entry_filter: EntryFilter | None,
        inputs: InputAges | None,
        *,
        risk: RiskManager,
        exchange: Exchange,
        feed: MarketFeed,
        journal: Journal,
        clock: Clock,
    ) -> None:
        symbol = stream.symbol
        self._symbol = symbol
        self._bar_ms = settings.interval_ms
        self._settings = settings
        self._stream = stream
        self._risk = risk
        self._rule = rule
        self._views = Views(symbol, stream, rule, settings.periods, journal, clock)
        self._filter: EntryFilter = entry_filter or Unfiltered()
        self._inputs = inputs
        self._postponed: FeedEvent | None = None  # its HOLD is told, and not written down yet
        self._decided: tuple[MarketView, Side | None, Decision] | None = None  # the last one
        self._recovered = asyncio.Event()  # what is open is known
        self._flattening: set[asyncio.Task[None]] = set()  # on demand
        self._acting = asyncio.Lock()  # a bar is being answered, or the position closed on demand
        self._exchange = exchange
        self._feed = feed
        self._journal = journal
        self._clock = clock
        self._keeper = PositionKeeper(
            symbol,
            risk=risk,
            exchange=exchange,
            journal=journal,
            clock=clock,
            bar_ms=settings.interval_ms,
            slippage=settings.slippage,
            max_entry_delay_ms=settings.max_entry_delay_ms,
        )
        self._foreign = ForeignWatch(symbol, exchange, journal, clock)
        self._recovery = Recovery(
            self._keeper,
            exchange=exchange,
            journal=journal,
            risk=risk,
            clock=clock,
            bar_ms=settings.interval_ms,
            max_entry_delay_ms=settings.max_entry_delay_ms,
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
            for flattening in self._flattening:  # whoever runs next has the position
                flattening.cancel()
            self._risk.leave(self._symbol)
            self._postponed = None  # not answered, so it is asked for by whoever comes next

    def look_ahead(self) -> None:
        """As `TradingBot.look_ahead`."""
        if self._postponed is None:
            self._views.look_ahead()

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
            candles.attend(partial(self._answered_at_once, candles))
        async for bar in self._stream.bars(candles, self._feed, self._clock):
            self._risk.join(self._symbol)
            await self._on_bar(bar)

    def _answered_at_once(self, candles: Attentive, event: FeedEvent) -> bool:
        """Take a candle as it is told; a bar with more to do than to HOLD is handed on to `bars`.

        With many symbols most of the time would go into waking bots that have nothing to do. Where
        it can be, a HOLD is told first and the rest of it done a little later: entries of other
        bots wait for the last one to say what it wants.
        """
        if not self._caught_up(candles) or self._acting.locked() or not self._keeper.is_at_rest:
            return False
        if self._surely_holds(event):
            self._postponed = event
            put_off(partial(self._caught_up, candles))
            return True
        return self._taken(candles, event)

    def _caught_up(self, candles: Attentive) -> bool:
        """Do what was put off; False where it has to be read first, as any other event."""
        event, self._postponed = self._postponed, None
        if event is None:
            return True
        is_free = not self._acting.locked() and self._keeper.is_at_rest
        is_taken = is_free and self._taken(candles, event)
        if not is_taken:
            candles.hand_on(event)
        return is_taken

    def _surely_holds(self, event: FeedEvent) -> bool:
        """Whether this is the candle that was looked ahead to, and nobody will hear but a HOLD."""
        if not (self._stream.awaits(event) and self._may_just_hold):
            return False
        assert isinstance(event, CandleClosed)
        if not self._views.surely_holds(event.candle):
            return False
        return self._risk.hold(event.candle.close_time_ms, self._symbol)

    @property
    def _may_just_hold(self) -> bool:
        """Whether a bar without a signal asks nothing of this bot."""
        keeper = self._keeper
        if keeper.saw_foreign or self._foreign.is_in_the_way:
            return False
        return keeper.held is None or self._settings.exits.trailing_stop_pct <= 0

    def _taken(self, candles: Attentive, event: FeedEvent) -> bool:
        try:
            is_taken, bar = self._stream.take_at_once(event)
        except DataError:
            return False  # whoever reads it next says so
        if bar is not None and not self._holds(bar):
            self._risk.join(self._symbol)
            candles.hand_on(bar)
        return is_taken

    def _holds(self, bar: Bar) -> bool:
        """Whether this bar is answered by a HOLD for which nobody has to wait."""
        if not self._may_just_hold:
            return False
        try:
            view = self._views.of(bar.candle)
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
        """Close what is open, and what the bar that is being answered may open yet.

        `OutcomeUnknown` where this run ends before that is done: the next one goes on from there.
        """
        flattening = asyncio.create_task(self._flatten(), name=f"flatten:{self._symbol}")
        self._flattening.add(flattening)
        try:
            await asyncio.wait([flattening])
        finally:
            self._flattening.discard(flattening)
            flattening.cancel()  # whoever asked is gone
        if flattening.cancelled():
            raise OutcomeUnknown("the bot ended before it had closed", where=self._symbol)
        flattening.result()

    async def _flatten(self) -> None:
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
        view = self._views.of(candle)
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
        why = detail = ""
        if isinstance(decision, Hold):
            why, detail = decision.why, decision.detail or decision.why
        elif isinstance(decision, Exit):
            why, detail = decision.why, decision.detail
        refusal = why if why in _REFUSALS else ""  # a bar without a signal refuses nothing
        self._journal.note(_record(view, decision, refusal, detail))

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
        looks_at_all = not self._views.needs_own_candles_alone or reads_features(self._filter)
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
        atr = self._views.atr()
        exits = None if atr is None else self._settings.exits.exits(atr)
        return exits if exits is not None and exits.stop > 0 else None


def _record(
    view: MarketView, decision: Decision, refusal: str = "", detail: str = ""
) -> DecisionRecord:
    signal = view.signal
    return DecisionRecord(
        view.symbol,
        view.open_time_ms,
        _ACTIONS[type(decision)],
        signal.side,
        signal.strength,
        signal.reasons,
        refusal,
        detail,
        decision.entry.probability if isinstance(decision, Reverse) else decision.probability,
    )
