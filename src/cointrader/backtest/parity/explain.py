"""Finds in a journal what explains a difference; None where it has no evidence of any cause.

A run in process, on paper, has an exchange that is never late and charges what the settings say:
there, most causes cannot be, and are not accepted whatever the journal says of itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from cointrader.backtest.parity.causes import OF_REFUSALS
from cointrader.backtest.parity.difference import number, same
from cointrader.backtest.parity.facts import Entered, Facts
from cointrader.domain.order import (
    LIQUIDATION_PREFIXES,
    SETTLEMENT_PREFIX,
    Leg,
    is_ours,
)
from cointrader.domain.records import Decision

LATE_MS = 1_000  # a fill this long after its bar's open has seen another market
_CRASH_MS = 120_000  # the longest pause before a crashed bot begins again, and its recovery
_BY_SLOTS = ("max-positions", "same-direction", "margin", "open-risk", "symbol-held")
_HIGHEST_FEE = 0.002  # of the notional: no taker pays more on this exchange
_COMMAND_MS = 10_000  # how soon after a bar's open an entry is answered at the latest
_MINIMUM = re.compile(r"below the minimum of ([0-9.E+-]+)")


class Explained(NamedTuple):
    """A cause, a key of `CAUSES`, and what shows it."""

    cause: str
    evidence: str


class Range(NamedTuple):
    """What a bar allows a fill to cost, slippage included."""

    low: float
    high: float

    @staticmethod
    def of(low: float, high: float, slippage: float) -> Range:
        return Range(low * (1.0 - slippage) * (1 - 1e-9), high * (1.0 + slippage) * (1 + 1e-9))

    def __contains__(self, price: object) -> bool:
        return isinstance(price, float) and self.low <= price <= self.high


def clock(at_ms: int) -> str:
    """A time to the second, UTC."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def down(facts: Facts, symbol: str, from_ms: int, to_ms: int) -> Explained | None:
    """Whether the bot of `symbol` was not there at some time in between."""
    began_ms = facts.started_between(from_ms, to_ms)
    if began_ms is not None:
        return Explained("restart", f"a process began at {clock(began_ms)}")
    for alert in facts.alerts_between(symbol, 0, to_ms):
        if "crashed" in alert.text and alert.at_ms >= from_ms - _CRASH_MS:
            return Explained("crash", f"{clock(alert.at_ms)}: {one_line(alert.text)}")
        if "quarantine" in alert.text:
            return Explained("crash", f"{clock(alert.at_ms)}: {one_line(alert.text)}")
    return None


def missing_decision(facts: Facts, symbol: str, bar_ms: int) -> Explained | None:
    """Why a bar may have no decision."""
    return down(facts, symbol, bar_ms, bar_ms + 2 * facts.bar_ms)


def refusal(facts: Facts, decision: Decision, answered_ms: int) -> Explained | None:
    """Why an entry may have been refused that the account would have allowed."""
    cause = OF_REFUSALS.get(decision.refusal)
    if cause is None:
        return _minimum(facts, decision)
    symbol, detail = decision.symbol, one_line(decision.detail)
    gone = down(facts, symbol, decision.bar_open_ms, answered_ms + facts.bar_ms)
    told = facts.alerts_between(symbol, 0, answered_ms + facts.bar_ms)
    evidence: str | None = None
    if decision.refusal == "paused":
        if facts.is_paused(answered_ms + _COMMAND_MS):
            evidence = "entries were paused by a command"
    elif decision.refusal == "foreign":
        evidence = next((one_line(a.text) for a in told if "did not open" in a.text), None)
        if evidence is None and facts.is_remote and "could not be looked up" in detail:
            evidence = detail
        if evidence is None:
            evidence = _stranger(facts, symbol, answered_ms)
    elif decision.refusal == "unprotected":
        evidence = next((one_line(a.text) for a in told if "stop" in a.text), None)
        evidence = evidence or (detail if facts.is_remote else None)
    elif gone is not None and decision.refusal == "late":
        return gone
    elif facts.is_remote and detail:
        evidence = detail
    return None if evidence is None else Explained(cause, evidence)


def gate(
    facts: Facts, decision: Decision, answered_ms: int, told_equity: float | None, equity: float
) -> Explained | None:
    """Why the account answered an entry otherwise than the replay."""
    if facts.is_remote and told_equity is not None and not same(told_equity, equity):
        words = f"equity {number(told_equity)} by mark price, {number(equity)} by last price"
        return Explained("mark-price", words)
    ended = [
        trade
        for trade in facts.trades.values()
        if answered_ms - facts.bar_ms <= trade.exit_time_ms <= answered_ms
    ]
    if facts.is_remote and ended and decision.refusal in _BY_SLOTS:
        return Explained("late-news", f"{ended[-1].trade_id} ended in the bar before")
    return down(facts, decision.symbol, decision.bar_open_ms, answered_ms + facts.bar_ms)


def entry_price(facts: Facts, entered: Entered, open_ms: int, allowed: Range) -> Explained | None:
    """Why an entry was filled at another price than its bar's open."""
    if entered.price not in allowed or entered.at_ms < open_ms:
        return None
    late_ms = entered.at_ms - open_ms
    if late_ms >= LATE_MS or facts.is_remote:  # in process every fill is at the open itself
        cause = "latency" if late_ms >= LATE_MS else "slippage"
        return Explained(cause, f"filled {late_ms / 1000:g} s after the open, within its bar")
    return None


def entry_bar(facts: Facts, entered: Entered, open_ms: int) -> Explained | None:
    """Why an entry was filled in another bar than the next one."""
    if entered.at_ms < open_ms:
        return None
    gone = down(facts, entered.symbol, open_ms - facts.bar_ms, entered.at_ms)
    if gone is not None or not facts.is_remote:
        return gone
    return Explained("latency", f"filled {(entered.at_ms - open_ms) / 1000:g} s after the open")


def size(
    facts: Facts,
    entered: Entered,
    decided_ms: int,
    *,
    expected: float,
    wanted: float,
    by_earlier_wallets: Sequence[float],
) -> Explained | None:
    """Why an entry has another quantity. `wanted` is before the grid."""
    if any(same(quantity, entered.quantity) for quantity in by_earlier_wallets):
        return Explained("stale", "it is sized by the wallet as it was before")
    if entered.asked is not None and same(entered.asked, expected):
        if entered.quantity < expected:
            words = f"asked for {number(expected)}, filled {number(entered.quantity)}"
            return Explained("partial-fill", words)
        return None
    if not facts.is_remote:
        return None
    asked = [
        intent.quantity
        for intent in facts.intents.values()
        if intent.symbol == entered.symbol
        and intent.leg is Leg.ENTRY
        and intent.bar_open_ms >= decided_ms
        and intent.quantity is not None
    ]
    step = grid_of(asked)
    if step and 0.0 <= wanted - entered.quantity < step and entered.quantity >= 2 * step:
        return Explained("filter-change", f"quantities from here on lie on steps of {step:g}")
    return None


def levels(facts: Facts, symbol: str, from_ms: int, off: float) -> Explained | None:
    """Why stop and target lie elsewhere than the fill says; `off` is by how much at most."""
    if not facts.is_remote:
        return None
    told = [
        level
        for kept in facts.positions.values()
        for each in kept
        if each.symbol == symbol and each.entry_bar_ms >= from_ms
        for level in (each.stop, each.target)
    ]
    tick = grid_of(told)
    if tick and off < tick:
        return Explained("filter-change", f"prices from here on lie on ticks of {tick:g}")
    return None


def account(
    facts: Facts, at_ms: int, told: float, expected: float, earlier: Sequence[float]
) -> Explained | None:
    """Why the wallet is another than the trades add up to. `earlier`: what it was before."""
    if not facts.is_remote:
        return None
    for before in reversed(earlier):
        if same(told, before, scale=abs(before)):
            return Explained("stale", f"it is what the wallet was before: {number(before)}")
    missing = abs(told - expected)
    for payments in facts.funding.values():
        for payment in payments:
            is_recent = at_ms - facts.bar_ms <= payment.at_ms <= at_ms
            if is_recent and abs(missing - abs(float(payment.amount))) <= 0.02 * missing:
                words = f"as much again as the payment at {clock(payment.at_ms)}"
                return Explained("funding-at-reversal", words)
    for alert in reversed(facts.alerts):
        if alert.at_ms <= at_ms + facts.bar_ms and "did not open" in alert.text:
            return Explained("manual-order", f"somebody else trades here: {one_line(alert.text)}")
    return None


def late_news(facts: Facts, decision: Decision, answered_ms: int) -> Explained | None:
    """Whether a bot that held may not have heard yet that its position had ended."""
    if not facts.is_remote or decision.action != "HOLD" or decision.side is None:
        return None
    for trade in facts.trades.values():
        if (
            trade.symbol == decision.symbol
            and trade.side is decision.side
            and answered_ms - 2 * facts.bar_ms <= trade.exit_time_ms <= answered_ms
        ):
            return Explained("late-news", f"{trade.trade_id} ended in the bar before")
    return None


def fee(facts: Facts, paid: float, notional: float, told: float) -> Explained | None:
    """Why another fee was paid than the settings have. `told` is what the fills add up to."""
    if not facts.is_remote or notional <= 0.0 or not same(paid, told, scale=notional):
        return None
    ratio = paid / notional
    if abs(ratio) > _HIGHEST_FEE:
        return None
    return Explained("fee", f"the fills paid {ratio:.4%} of the notional")


def funding(
    facts: Facts,
    *,
    expected: float | None,
    paid: float | None,
    rate: float | None,
    told_rate: float | None,
    quantity: float,
    allowed: Range,
    is_reversal: bool,
) -> Explained | None:
    """Why a settlement was another; `expected` or `paid` None: there was none."""
    if not facts.is_remote:
        return None
    if is_reversal and paid is not None and expected is None:
        return Explained(
            "funding-at-reversal", "a position that begins or ends at the settlement was charged"
        )
    if expected is None or paid is None or rate is None or told_rate is None:
        return Explained("funding-record", "only one of the two knows of this settlement")
    if not same(rate, told_rate):
        words = f"rate {told_rate:g} at the exchange, {rate:g} in the candles"
        return Explained("funding-record", words)
    mark = abs(paid / (quantity * rate)) if quantity and rate else 0.0
    if Range(allowed.low * 0.98, allowed.high * 1.02).__contains__(mark):
        return Explained("mark-price", f"paid on a mark price of {number(mark)}")
    return None


def grid_of(values: Iterable[Decimal]) -> float:
    """The largest step of 1, 2 or 5 times a power of ten on which all values lie; 0: none."""
    kept = [value for value in values if value > 0]
    if not kept:
        return 0.0
    for exponent in range(6, -13, -1):
        for digit in (5, 2, 1):
            step = Decimal(digit).scaleb(exponent)
            if all(value % step == 0 for value in kept):
                return float(step)
    return 0.0


def _stranger(facts: Facts, symbol: str, until_ms: int) -> str | None:
    """A fill of somebody else before a moment."""
    for fill in facts.fills.get(symbol, ()):
        is_exchange = fill.client_order_id.startswith((SETTLEMENT_PREFIX, *LIQUIDATION_PREFIXES))
        if fill.at_ms <= until_ms and not is_ours(fill.client_order_id) and not is_exchange:
            return f"a fill of {fill.client_order_id} at {clock(fill.at_ms)}"
    return None


def _minimum(facts: Facts, decision: Decision) -> Explained | None:
    """A refusal by a minimum that the exchange did not have before."""
    found = _MINIMUM.search(decision.detail)
    if not facts.is_remote or found is None or decision.refusal not in _MINIMUMS:
        return None
    return Explained("filter-change", f"the exchange's minimum was {found[1]}")


_MINIMUMS = ("min-quantity", "min-notional")


def one_line(text: str) -> str:
    return " ".join(text.split())
