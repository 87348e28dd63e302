"""One entry of a journal against the kernel's: its gate, size, fill and levels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cointrader.backtest.parity import explain, money
from cointrader.backtest.parity.causes import OF_REFUSALS
from cointrader.backtest.parity.difference import number, same
from cointrader.backtest.parity.explain import Explained, Range
from cointrader.backtest.parity.facts import Entered
from cointrader.backtest.parity.shadow import Auction, Offer
from cointrader.domain.records import Decision
from cointrader.strategy.decide import Decision as Decided
from cointrader.strategy.decide import Enter, Exit, Hold
from cointrader.strategy.plan import Exits

if TYPE_CHECKING:
    from cointrader.backtest.parity.replay import Replay


def answered(
    replay: Replay,
    bar: int,
    s: int,
    time: int,
    decision: Decision,
    entry: Decided,
    auction: Auction,
) -> Entered | None:
    """Compare the answer to one decision; the entry that the journal has of it."""
    facts, symbol = replay.case.facts, decision.symbol
    told = facts.entry_of(symbol, decision.bar_open_ms)
    _compare_probability(replay, decision, entry)
    if isinstance(entry, Hold | Exit):
        refusal = entry.why if entry.why in ("filter", "no-model") else ""
        if decision.refusal != refusal:
            _tell_gate(replay, decision, refusal, explain.refusal(facts, decision, time))
        return told
    assert isinstance(entry, Enter)  # what `decide` answers otherwise
    sign, exits = entry.side.sign, entry.exits
    offer = replay.shadow.offer(bar, s, sign, exits, auction)
    if decision.refusal != offer.refusal:
        _tell_gate(replay, decision, offer.refusal, _why_gate(replay, time, decision, auction))
    if told is None:
        if not decision.refusal and time <= facts.last_bar_ms and decision.action != "HOLD":
            gone = explain.down(facts, symbol, decision.bar_open_ms, time + 2 * facts.bar_ms)
            words = "nothing filled", f"entered at {number(offer.price)}"
            replay.tell(symbol, decision.bar_open_ms, "fill", *words, gone)
        return None
    if decision.refusal:
        words = f"entered at {number(told.price)}", f"refused: {decision.refusal}"
        replay.tell(symbol, decision.bar_open_ms, "fill", *words, None, told.trade_id)
        return told
    replay.shadow.reserve(auction, sign, offer, exits)
    _compare_fill(replay, bar, s, time, decision, told, offer)
    _compare_size(replay, bar, s, decision, told, offer, exits)
    return told


def open_as_told(replay: Replay, bar: int, s: int, entered: Entered, exits: Exits | None) -> None:
    """Book the journal's entry, and compare its fee and its first levels."""
    shadow, facts = replay.shadow, replay.case.facts
    if s in shadow.held:
        words = f"entered {entered.trade_id}", f"holds {shadow.held[s].entered.trade_id}"
        replay.tell(entered.symbol, entered.bar_ms, "books", *words, None, entered.trade_id)
        return
    stop, target = shadow.open(bar, s, entered, exits)
    decided_ms = entered.bar_ms - facts.bar_ms
    notional = entered.price * entered.quantity
    due = notional * float(shadow.rules["taker_fee"])
    if exits is not None and not same(entered.fee, due, scale=notional * 1e-3):
        why = explain.fee(facts, entered.fee, notional, entered.fee)
        words = number(entered.fee), number(due)
        replay.tell(entered.symbol, decided_ms, "fee", *words, why, entered.trade_id)
    if exits is None or entered.stop is None or entered.target is None:
        return
    if not (same(entered.stop, stop) and same(entered.target, target)):
        off = max(abs(entered.stop - stop), abs(entered.target - target))
        replay.tell(
            entered.symbol,
            decided_ms,
            "levels",
            f"stop {number(entered.stop)}, target {number(entered.target)}",
            f"stop {number(stop)}, target {number(target)}",
            explain.levels(facts, entered.symbol, entered.bar_ms, off),
            entered.trade_id,
        )


def _compare_probability(replay: Replay, decision: Decision, entry: Decided) -> None:
    expected = entry.probability if isinstance(entry, Hold | Enter | Exit) else None
    told = decision.probability
    if told is expected or (told is not None and expected is not None and same(told, expected)):
        return
    words = _or_none(told), _or_none(expected)
    replay.tell(decision.symbol, decision.bar_open_ms, "probability", *words, None)


def _or_none(value: float | None) -> str:
    return "none" if value is None else number(value)


def _tell_gate(replay: Replay, decision: Decision, expected: str, why: Explained | None) -> None:
    told = f"refused: {decision.refusal}" if decision.refusal else "allowed"
    replayed = f"refused: {expected}" if expected else "allowed"
    replay.tell(decision.symbol, decision.bar_open_ms, "gate", told, replayed, why)


def _why_gate(replay: Replay, time: int, decision: Decision, auction: Auction) -> Explained | None:
    facts = replay.case.facts
    why = explain.refusal(facts, decision, time)
    if why is not None or decision.refusal in OF_REFUSALS:
        return why
    mark = facts.equity.get(time)
    return explain.gate(
        facts, decision, time, None if mark is None else float(mark.equity), auction.equity
    )


def _compare_fill(
    replay: Replay,
    bar: int,
    s: int,
    time: int,
    decision: Decision,
    told: Entered,
    offer: Offer,
) -> None:
    facts = replay.case.facts
    if told.bar_ms != time:
        words = f"filled in the bar of {explain.clock(told.bar_ms)}", explain.clock(time)
        why = explain.entry_bar(facts, told, time)
        replay.tell(decision.symbol, decision.bar_open_ms, "fill", *words, why, told.trade_id)
    if not same(told.price, offer.price):
        at = int(replay.shadow.candles.time_ms.searchsorted(told.bar_ms))
        is_there = at < len(replay.shadow.candles.time_ms)
        allowed = replay.range(at, s) if is_there else Range(0.0, 0.0)
        why = explain.entry_price(facts, told, time, allowed)
        if why is None and told.bar_ms != time and told.price in allowed:
            why = explain.entry_bar(facts, told, time)
        words = number(told.price), number(offer.price)
        replay.tell(decision.symbol, decision.bar_open_ms, "fill", *words, why, told.trade_id)


def _compare_size(
    replay: Replay,
    bar: int,
    s: int,
    decision: Decision,
    told: Entered,
    offer: Offer,
    exits: Exits,
) -> None:
    """The quantity is counted from the price asked before the fill: between the two it may lie."""
    if same(told.quantity, offer.quantity):
        return
    shadow, sign = replay.shadow, told.side.sign
    prices = [offer.price, told.price]
    sizes = [shadow.size(s, sign, price, exits) for price in prices]
    words = number(told.quantity), number(offer.quantity)
    is_between = min(sizes) * (1 - 1e-9) <= told.quantity <= max(sizes) * (1 + 1e-9)
    why = None
    if is_between and not same(told.price, offer.price):
        why = explain.entry_price(
            replay.case.facts, told, int(shadow.candles.time_ms[bar]), replay.range(bar, s)
        )
    if why is None:
        wanted = shadow.wanted(offer.price, exits)
        why = explain.size(
            replay.case.facts,
            told,
            decision.bar_open_ms,
            expected=offer.quantity,
            wanted=wanted,
            by_earlier_wallets=money.sizes_before(replay, s, sign, told.price, exits),
        )
    replay.tell(decision.symbol, decision.bar_open_ms, "size", *words, why, told.trade_id)
