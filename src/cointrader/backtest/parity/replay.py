"""Every decision of a journal asked again, from the state the journal shows before it.

    differences = Replay(case).play()

Bar by bar: what closes by an opposite signal, then the entries in their order, then funding, stops
and targets, as in the kernel. After each answer is compared the journal's own is booked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter

from cointrader.backtest.market import Stretch
from cointrader.backtest.parity import entries, exits, explain, money
from cointrader.backtest.parity.answers import Answers
from cointrader.backtest.parity.books import compare_books
from cointrader.backtest.parity.deciding import compare_decisions, expected_decision
from cointrader.backtest.parity.difference import Difference, number
from cointrader.backtest.parity.explain import Explained, Range
from cointrader.backtest.parity.facts import Entered, Facts
from cointrader.backtest.parity.shadow import Shadow
from cointrader.backtest.settings import BacktestSettings
from cointrader.domain.order import Leg, Side, leg_of
from cointrader.domain.records import Decision, FundingPaid
from cointrader.strategy.decide import Decision as Decided
from cointrader.strategy.decide import Enter, EntryFilter, Exit, Reverse
from cointrader.strategy.plan import Exits

_TOLD_BARS = 2_000  # between two words on how far it is


@dataclass(frozen=True, slots=True)
class Case:
    """One journal and what it is compared with.

    `ends_with_data` says that the run closed what was open at the last candle, as paper does.
    """

    facts: Facts
    stretch: Stretch
    settings: BacktestSettings
    answers: Mapping[str, Answers]
    filters: Mapping[str, EntryFilter]
    ends_with_data: bool
    is_probability_first: bool = False
    on_progress: Callable[[str], None] = lambda _text: None


@dataclass(slots=True)
class Replay:
    """One pass over a case."""

    case: Case
    found: list[Difference] = field(default_factory=list)
    shadow: Shadow = field(init=False)
    _claimed: set[str] = field(default_factory=set)
    _late: dict[tuple[int, int], tuple[Entered, Exits | None]] = field(default_factory=dict)
    _by_bar: dict[int, list[Entered]] = field(default_factory=dict)
    _paid: dict[tuple[str, int], list[FundingPaid]] = field(default_factory=dict)
    _closing_bar: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        case = self.case
        self.shadow = Shadow(case.stretch, case.settings)
        for entered in case.facts.entered.values():
            self._by_bar.setdefault(entered.bar_ms, []).append(entered)
        for symbol, payments in case.facts.funding.items():
            for payment in payments:
                bar_ms = payment.at_ms // case.facts.bar_ms * case.facts.bar_ms
                self._paid.setdefault((symbol, bar_ms), []).append(payment)

    # ---------------------------------------------------------------- the pass

    def play(self) -> list[Difference]:
        """All differences, in the order of time."""
        case, facts = self.case, self.case.facts
        compare_decisions(case, self.tell)
        times = case.stretch.candles.time_ms
        last_ms = facts.last_bar_ms + facts.bar_ms
        for bar, time in enumerate(times.tolist()):
            if time > last_ms:
                break
            if bar % _TOLD_BARS == 0:
                case.on_progress(f"bar {bar} of {len(times)}")
            self._play_bar(bar, time)
        compare_books(case, self._claimed, self.tell)
        self.found.sort(key=attrgetter("bar_ms"))
        return self.found

    def _play_bar(self, bar: int, time: int) -> None:
        facts, shadow = self.case.facts, self.shadow
        self._hear(bar, time)
        equity = shadow.equity(bar)
        money.compare_account(self, bar, time, equity)
        equity = shadow.equity(bar)
        shadow.begin(bar, equity)
        asked: list[tuple[int, Decision, Decided]] = []
        for s, symbol in enumerate(shadow.symbols):
            if not self._has_bar(bar - 1, s) or not self._has_bar(bar, s):
                continue
            decision = facts.decisions.get(symbol, {}).get(time - facts.bar_ms)
            expected = self._expected(s, symbol, time, decision)
            if isinstance(expected, Exit | Reverse):
                exits.compare_close(self, bar, s, time)
            elif s in shadow.held:
                shadow.trail(bar, s)
            self._close_by_signal(bar, s, time, is_expected=isinstance(expected, Exit | Reverse))
            if decision is not None and expected is not None:
                asked.append((s, decision, expected))
        equity = shadow.equity(bar)
        shadow.judge(bar, equity)
        self._enter(bar, time, equity, asked)
        for s, symbol in enumerate(shadow.symbols):
            money.compare_funding(self, bar, s, symbol, time)
            if s in shadow.held:
                exits.compare_inside(self, bar, s, time)

    def _has_bar(self, bar: int, s: int) -> bool:
        candles = self.case.stretch.candles
        return int(candles.first[s]) <= bar <= int(candles.last[s])

    # ---------------------------------------------------------------- what else the journal tells

    def _hear(self, bar: int, time: int) -> None:
        """Commands and transfers since the bar before."""
        facts, shadow = self.case.facts, self.shadow
        before_ms = time - facts.bar_ms + 1 if bar > 0 else 0
        for event in facts.events_between(before_ms, time, "lifted", "deposit"):
            if event.kind == "deposit":
                self._transfer(bar, time, float(event.detail))
            elif event.symbol in shadow.symbols:
                shadow.reset_switch(shadow.symbols.index(event.symbol))
            else:
                shadow.lift_drawdown(shadow.equity(bar))

    def _transfer(self, bar: int, time: int, amount: float) -> None:
        self.shadow.transfer(bar, amount)
        moved = explain.Explained("transfer", f"{amount:+g} from outside")
        self.tell("", time, "account", f"{amount:+g}", "no transfer", moved)

    # ---------------------------------------------------------------- closes by signal

    def _expected(
        self, s: int, symbol: str, time: int, decision: Decision | None
    ) -> Decided | None:
        """What `decide` answers to the journal's own signal and position; None without a bar."""
        held = Side.of_sign(self.shadow.sign(s))
        expected = expected_decision(
            self.case, symbol, time - self.case.facts.bar_ms, held, decision
        )
        if decision is None or expected is None:
            return None
        action = type(expected).__name__.upper()
        if action != decision.action:
            self.tell(
                symbol,
                decision.bar_open_ms,
                "action",
                decision.action,
                action,
                self._why_action(decision, time),
            )
        return expected

    def _why_action(self, decision: Decision, time: int) -> Explained | None:
        if decision.refusal:
            return explain.refusal(self.case.facts, decision, time)
        return explain.late_news(self.case.facts, decision, time)

    def _close_by_signal(self, bar: int, s: int, time: int, *, is_expected: bool) -> None:
        """Book the close that the journal has at this open."""
        if s not in self.shadow.held:
            return
        entered = self.shadow.held[s].entered
        trade = self.case.facts.trade_of(entered.trade_id)
        if trade is None or trade.exit_time_ms != time or entered.bar_ms == time:
            return
        if not exits.is_at_open(self.case.facts, trade, entered, time):
            return
        if not is_expected and self._closing_bar.get(entered.trade_id) is None:
            exits.tell_unexpected(self, bar, s, time, trade)
        exits.book(self, bar, s, trade)

    # ---------------------------------------------------------------- entries

    def _enter(
        self, bar: int, time: int, equity: float, asked: list[tuple[int, Decision, Decided]]
    ) -> None:
        shadow = self.shadow
        auction = shadow.auction(bar, equity)
        if self.case.is_probability_first:
            asked = sorted(asked, key=lambda each: -(each[1].probability or 0.0))
        opening: list[tuple[int, Entered, Exits | None]] = []
        for s, decision, expected in asked:
            entry = expected.entry if isinstance(expected, Reverse) else expected
            told = entries.answered(self, bar, s, time, decision, entry, auction)
            if told is None:
                continue
            self._claimed.add(told.trade_id)
            plan = entry.exits if isinstance(entry, Enter) else None
            if told.bar_ms == time:
                opening.append((s, told, plan))
            else:
                self._late[told.bar_ms, s] = told, plan
        for s, entered, plan in opening:
            entries.open_as_told(self, bar, s, entered, plan)
        for s, symbol in enumerate(shadow.symbols):
            late = self._late.pop((time, s), None)
            if late is not None and s not in shadow.held:
                entries.open_as_told(self, bar, s, *late)
            for entered in self._by_bar.get(time, ()):
                if entered.symbol == symbol and entered.trade_id not in self._claimed:
                    self._enter_unasked(bar, s, time, entered)

    def _enter_unasked(self, bar: int, s: int, time: int, entered: Entered) -> None:
        """The journal has an entry that no decision asked for."""
        facts = self.case.facts
        awaited = (time - 2 * facts.bar_ms, time - 3 * facts.bar_ms)
        if any(facts.entry_of(entered.symbol, at) is entered for at in awaited):
            why = explain.entry_bar(facts, entered, time - facts.bar_ms)
        else:
            why = None
        if leg_of(entered.trade_id) is Leg.ADOPTED:
            why = Explained("manual-order", f"taken over as {entered.trade_id}")
        self._claimed.add(entered.trade_id)
        self.tell(
            entered.symbol,
            time,
            "fill",
            f"entered {number(entered.quantity)} at {number(entered.price)}",
            "no decision asks for it",
            why,
            entered.trade_id,
        )
        if s not in self.shadow.held:
            entries.open_as_told(self, bar, s, entered, None)

    # ---------------------------------------------------------------- how

    def expect_close(self, trade_id: str, bar: int) -> None:
        """The kernel closes this position on `bar`: what the journal does later is no news."""
        self._closing_bar[trade_id] = bar

    def is_expected_closed(self, trade_id: str) -> bool:
        return trade_id in self._closing_bar

    def paid(self, symbol: str, bar_ms: int) -> Sequence[FundingPaid]:
        """The funding payments that the journal has in this bar."""
        return self._paid.get((symbol, bar_ms), ())

    def range(self, bar: int, s: int) -> Range:
        """What this bar allows a fill to cost."""
        candles = self.shadow.candles
        slippage = float(self.shadow.rules["slippage"])
        return Range.of(float(candles.low[s, bar]), float(candles.high[s, bar]), slippage)

    def tell(
        self,
        symbol: str,
        bar_ms: int,
        aspect: str,
        journal: str,
        replay_: str,
        why: Explained | None,
        trade_id: str = "",
    ) -> None:
        found = Difference(symbol, bar_ms, aspect, journal, replay_, trade_id=trade_id)
        if why is not None:
            found = replace(found, cause=why.cause, evidence=why.evidence)
        self.found.append(found)
