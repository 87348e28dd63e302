"""The signal rule asked again on every bar, and what follows for the position that was held."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from cointrader.backtest.parity import explain
from cointrader.backtest.parity.explain import Explained, clock
from cointrader.domain.order import Side
from cointrader.domain.records import Decision
from cointrader.signals.rules import WARM_UP_BARS, Signal
from cointrader.strategy.decide import Decision as Decided
from cointrader.strategy.decide import MarketView, decide

if TYPE_CHECKING:
    from cointrader.backtest.parity.replay import Case

_RULE_FAILED = "rule-failed"
Tell = Callable[..., None]


def compare_decisions(case: Case, tell: Tell) -> None:
    """Every bar's signal, HOLD included; and which bars were decided at all."""
    facts = case.facts
    for symbol in case.stretch.market.symbols:
        case.on_progress(f"signals of {symbol}")
        answers, told = case.answers[symbol], facts.decisions.get(symbol, {})
        due = _due_bars(case, symbol)
        for bar_ms in due:
            decision = told.get(bar_ms)
            if decision is None:
                why = explain.missing_decision(facts, symbol, bar_ms)
                tell(symbol, bar_ms, "decision", "no decision", "a decision", why)
                continue
            row = answers.row(bar_ms)
            assert row is not None  # bars that are due are rows
            _compare_signal(case, tell, decision, row)
        for bar_ms in sorted(told.keys() - set(due)):
            _tell_undue(case, tell, told[bar_ms])


def _due_bars(case: Case, symbol: str) -> list[int]:
    """Bars that a bot of this symbol decides: its last candle of all is told to nobody."""
    candles, market = case.stretch.candles, case.stretch.market
    s = market.symbols.index(symbol)
    first, last = int(candles.first[s]), int(candles.last[s])
    if last < first:
        return []
    end_ms = int(candles.time_ms[last])
    if not case.ends_with_data:
        end_ms += market.interval_ms
    times = [at for at in case.answers[symbol].open_times if at < end_ms]
    begin_ms, newest_ms = int(candles.time_ms[first]), case.facts.last_bar_ms
    due = [at for at in times if begin_ms <= at <= newest_ms]
    is_whole = case.ends_with_data and newest_ms + 2 * market.interval_ms > candles.time_ms[-1]
    is_told = newest_ms in case.facts.decisions.get(symbol, {})
    if due and due[-1] == newest_ms and not is_whole and not is_told:
        due.pop()  # it was stopped, or is read, in the middle of a bar
    return due


def _compare_signal(case: Case, tell: Tell, decision: Decision, row: int) -> None:
    answers = case.answers[decision.symbol]
    expected = answers.at(row)
    if _is_told(decision, expected):
        return
    if row >= WARM_UP_BARS:
        narrow = answers.as_a_bot_sees(row)
        if _is_told(decision, narrow):
            return
    tell(
        decision.symbol,
        decision.bar_open_ms,
        "signal",
        _words(decision.side, decision.strength, decision.reasons),
        _words(expected.side, expected.strength, expected.reasons),
        _why_signal(case, decision, row),
    )


def _is_told(decision: Decision, signal: Signal) -> bool:
    return (
        decision.side is signal.side
        and decision.strength == signal.strength
        and tuple(decision.reasons) == tuple(signal.reasons)
    )


def _why_signal(case: Case, decision: Decision, row: int) -> Explained | None:
    facts, bar_ms = case.facts, decision.bar_open_ms
    if _RULE_FAILED in decision.reasons:
        # A person is told once, until the rule fails in another way.
        for alert in facts.alerts_between(decision.symbol, 0, bar_ms + 2 * facts.bar_ms):
            if "no entries of" in alert.text:
                return Explained("rule-failed", " ".join(alert.text.split())[:200])
    if row < WARM_UP_BARS and facts.is_remote:
        begins = clock(case.answers[decision.symbol].open_times[0])
        return Explained("missing-bar", f"the candles begin {begins}: too few before this bar")
    return None


def _tell_undue(case: Case, tell: Tell, decision: Decision) -> None:
    """A decision on a bar that a replay does not decide."""
    facts, candles = case.facts, case.stretch.candles
    s = case.stretch.market.symbols.index(decision.symbol)
    last = int(candles.last[s])
    why = None
    if facts.is_remote and last >= 0 and decision.bar_open_ms >= int(candles.time_ms[last]):
        is_idle = decision.action == "HOLD" or bool(decision.refusal)
        if is_idle or not case.ends_with_data:
            why = Explained("end-of-data", f"the candles end {clock(int(candles.time_ms[last]))}")
    elif facts.is_remote and not np.isin(decision.bar_open_ms, candles.time_ms):
        why = Explained("missing-bar", "the candles do not have this bar")
    tell(
        decision.symbol,
        decision.bar_open_ms,
        "decision",
        decision.action,
        "no such bar to decide",
        why,
    )


def expected_decision(
    case: Case, symbol: str, bar_ms: int, held: Side | None, told: Decision | None
) -> Decided | None:
    """What `decide` says to the journal's own signal; None where the candles have no such bar."""
    answers = case.answers[symbol]
    row = answers.row(bar_ms)
    if row is None:
        return None
    signal = answers.at(row)
    if told is not None and (told.side is not signal.side):
        narrow = answers.as_a_bot_sees(row) if row >= WARM_UP_BARS else signal
        signal = narrow if told.side is narrow.side else Signal(told.side, told.strength)
    view = MarketView(
        symbol=symbol,
        open_time_ms=bar_ms,
        closed_at_ms=bar_ms + case.facts.bar_ms,
        bars_before=row
        if row >= WARM_UP_BARS or told is None or told.side is None
        else WARM_UP_BARS,
        signal=signal,
        atr=answers.atr(row) if signal.side is not None else np.nan,
        features=_no_features,
    )
    exits = case.settings.exits[symbol]
    return decide(view, held, case.filters[symbol], exits)


def _words(side: Side | None, strength: int, reasons: tuple[str, ...]) -> str:
    return " ".join([side.value if side else "HOLD", str(strength), *reasons])


def _no_features() -> np.ndarray:
    raise NotImplementedError("a replay knows no model that asks for features")
