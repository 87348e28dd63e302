"""The end of a journal's position against the kernel's: when, why, at what price and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cointrader.backtest.parity import explain, explain_exits
from cointrader.backtest.parity.difference import number, same
from cointrader.backtest.parity.explain import Explained, Range
from cointrader.backtest.parity.facts import Entered, Facts
from cointrader.backtest.parity.shadow import Leaving
from cointrader.domain.order import Leg, leg_of
from cointrader.domain.position import CloseReason, Trade, gross_pnl

if TYPE_CHECKING:
    from cointrader.backtest.parity.replay import Replay

_OPEN = "still open"
_SOON_MS = 10_000  # after a bar's open its entries are made at the latest


def compare_close(replay: Replay, bar: int, s: int, time: int) -> None:
    """The kernel closes at this open by an opposite signal."""
    shadow, facts = replay.shadow, replay.case.facts
    if s not in shadow.held:
        return
    entered = shadow.held[s].entered
    trade = facts.trade_of(entered.trade_id)
    price = shadow.price(bar, s, -shadow.sign(s))
    replay.expect_close(entered.trade_id, bar)
    if trade is None and time > facts.last_bar_ms:
        return  # the journal ends before this close
    _compare(replay, bar, s, time, Leaving("REVERSE", price), trade)


def compare_inside(replay: Replay, bar: int, s: int, time: int) -> None:
    """Stop, target, liquidation and the end of the candles, and whatever else ended it."""
    shadow, facts, case = replay.shadow, replay.case.facts, replay.case
    entered = shadow.held[s].entered
    trade = facts.trade_of(entered.trade_id)
    _close_parts(replay, s, time, trade)
    ends_here = case.ends_with_data and bar == int(shadow.candles.last[s])
    expected = shadow.leaving(bar, s, ends_here=ends_here)
    ends_now = trade is not None and trade.exit_time_ms <= time
    if replay.is_expected_closed(entered.trade_id):
        expected = None  # the kernel has closed it before: that has been told
    elif trade is None and time > facts.last_bar_ms:
        expected = None  # the journal ends in the middle of this bar
    if expected is not None and (not ends_now or trade is None):
        _compare(replay, bar, s, time, expected, trade)
        replay.expect_close(entered.trade_id, bar)
    elif ends_now and trade is not None:
        if expected is not None:
            _compare(replay, bar, s, time, expected, trade)
        elif not replay.is_expected_closed(entered.trade_id):
            tell_unexpected(replay, bar, s, time, trade)
        book(replay, bar, s, trade)


def is_at_open(facts: Facts, trade: Trade, entered: Entered, time: int) -> bool:
    """Whether a position was closed before the entries of its bar, by whoever it was."""
    if trade.reason is CloseReason.REVERSE:
        return True
    closing = [fill for fill in facts.exits_of(entered) if fill.at_ms >= time]
    if any(leg_of(fill.client_order_id) is Leg.CLOSE for fill in closing):
        return True
    is_soon = all(fill.at_ms < time + _SOON_MS for fill in closing)
    return is_soon and trade.reason in (CloseReason.MANUAL, CloseReason.LIQUIDATED)


def _close_parts(replay: Replay, s: int, time: int, trade: Trade | None) -> None:
    """Fills of this bar that leave something open."""
    shadow, facts = replay.shadow, replay.case.facts
    held = shadow.held[s]
    if trade is not None and trade.exit_time_ms <= time:
        return
    for fill in facts.exits_of(held.entered):
        if not time <= fill.at_ms < time + facts.bar_ms or fill.trade_id in held.closed:
            continue
        told = f"{fill.quantity} of {number(shadow.quantity(s))} closed at {fill.price}"
        why = explain_exits.part(fill)
        trade_id = held.entered.trade_id
        replay.tell(fill.symbol, time, "exit", told, _OPEN, why, trade_id)
        if float(fill.quantity) < shadow.quantity(s):
            shadow.close_part(s, fill)


def _last_price(replay: Replay, s: int, trade: Trade) -> float:
    """What the last of the position was closed at; the trade has the average of all parts."""
    held = replay.shadow.held[s]
    if not held.closed:
        return float(trade.exit_price)
    last = [f for f in replay.case.facts.exits_of(held.entered) if f.trade_id not in held.closed]
    quantity = sum(float(fill.quantity) for fill in last)
    if not quantity:
        return float(trade.exit_price)
    return sum(float(fill.price) * float(fill.quantity) for fill in last) / quantity


def tell_unexpected(replay: Replay, bar: int, s: int, time: int, trade: Trade) -> None:
    """The journal has an exit here that the kernel has not."""
    entered = replay.shadow.held[s].entered
    why = explain_exits.leaving(replay.case.facts, trade, entered, time, "", replay.range(bar, s))
    told = f"{trade.reason.value} at {trade.exit_price}"
    replay.tell(trade.symbol, time, "exit", told, _OPEN, why, trade.trade_id)


def book(replay: Replay, bar: int, s: int, trade: Trade) -> None:
    """Compare what the exit cost and where the stops were, then take the trade over."""
    shadow, facts = replay.shadow, replay.case.facts
    held = shadow.held[s]
    entered = held.entered
    exit_fee = float(trade.fee) - entered.fee
    notional = float(trade.exit_price) * entered.quantity
    due = notional * float(shadow.rules["taker_fee"])
    if not same(exit_fee, due, scale=notional * 1e-3):
        fills = sum(float(fill.fee) for fill in facts.exits_of(entered))
        why = explain.fee(facts, exit_fee, notional, fills)
        words = number(exit_fee), number(due)
        replay.tell(trade.symbol, trade.exit_time_ms, "fee", *words, why, trade.trade_id)
    _compare_stops(replay, s, trade)
    sign, price = trade.side.sign, float(trade.exit_price)
    gross = float(gross_pnl(sign, entered.price, price, float(trade.quantity)))
    shadow.close(s, gross, exit_fee, float(trade.net))


def _compare_stops(replay: Replay, s: int, trade: Trade) -> None:
    """The stops that the journal has seen, against those that trailing gives."""
    facts, held = replay.case.facts, replay.shadow.held[s]
    told: list[float] = []
    for kept in facts.positions.get(trade.trade_id, ()):
        if not told or not same(told[-1], float(kept.stop)):
            told.append(float(kept.stop))
    expected = held.stops
    if not told or (
        len(told) == len(expected)
        and all(same(one, other) for one, other in zip(told, expected, strict=True))
    ):
        return
    why = explain.down(facts, trade.symbol, trade.entry_time_ms, trade.exit_time_ms + facts.bar_ms)
    words = " ".join(map(number, told)), " ".join(map(number, expected))
    replay.tell(trade.symbol, trade.exit_time_ms, "levels", *words, why, trade.trade_id)


def _compare(
    replay: Replay, bar: int, s: int, time: int, expected: Leaving, trade: Trade | None
) -> None:
    """One expected exit, against what the journal has."""
    facts, entered = replay.case.facts, replay.shadow.held[s].entered
    replayed = f"{expected.reason} at {number(expected.price)}"
    is_alike = (
        trade is not None
        and trade.exit_time_ms == time
        and trade.reason.value == expected.reason
        and same(_last_price(replay, s, trade), expected.price)
    )
    if is_alike:
        return
    if trade is None:
        told, allowed = _OPEN, None
    else:
        told = f"{trade.reason.value} at {trade.exit_price}"
        if trade.exit_time_ms != time:
            told += f" in the bar of {explain.clock(trade.exit_time_ms)}"
        allowed = _range_of(replay, s, trade.exit_time_ms)
    why: Explained | None = explain_exits.leaving(
        facts, trade, entered, time, expected.reason, allowed
    )
    replay.tell(entered.symbol, time, "exit", told, replayed, why, entered.trade_id)


def _range_of(replay: Replay, s: int, at_ms: int) -> Range | None:
    times = replay.shadow.candles.time_ms
    bar = int(times.searchsorted(at_ms))
    return replay.range(bar, s) if bar < len(times) else None
