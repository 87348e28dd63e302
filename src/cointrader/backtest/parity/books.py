"""A journal's trades against its own fills: do the books that it keeps agree?"""

from __future__ import annotations

from collections.abc import Callable, Set
from itertools import combinations
from typing import TYPE_CHECKING

from cointrader.backtest.parity.difference import number, same
from cointrader.backtest.parity.explain import Explained, down
from cointrader.backtest.parity.facts import Entered, Facts
from cointrader.domain.order import Fill
from cointrader.domain.position import Trade, gross_pnl

if TYPE_CHECKING:
    from cointrader.backtest.parity.replay import Case

Tell = Callable[..., None]
_MOST_AT_THE_EDGES = 6  # payments in the bars in which a position began and ended


def compare_books(case: Case, claimed: Set[str], tell: Tell) -> None:
    """Every trade, entry and fill of the journal belongs together."""
    facts = case.facts
    for trade in facts.trades.values():
        entered = facts.entered.get(trade.trade_id)
        if entered is None:
            _tell(tell, trade, "a trade", "no fill of its entry")
            continue
        if trade.trade_id not in claimed:
            _tell(tell, trade, f"entered {trade.trade_id}", "no decision asks for it")
        _compare_trade(facts, tell, trade, entered)
    for entered in facts.entered.values():
        if entered.trade_id not in facts.trades:
            _compare_open(facts, tell, entered)


def _compare_trade(facts: Facts, tell: Tell, trade: Trade, entered: Entered) -> None:
    exits = facts.exits_of(entered)
    if not exits:
        _tell(tell, trade, "a trade", "no fill of its exit")
        return
    sold = sum(float(fill.quantity) for fill in exits)
    last_bar_ms = max(fill.at_ms for fill in exits) // facts.bar_ms * facts.bar_ms
    cost = sum(float(fill.price) * float(fill.quantity) for fill in exits)
    fees = entered.fee + sum(float(fill.fee) for fill in exits)
    told = [
        ("side", trade.side.value, entered.side.value),
        ("entry bar", trade.entry_time_ms, entered.bar_ms),
        ("exit bar", trade.exit_time_ms, last_bar_ms),
    ]
    for what, one, theirs in told:
        if one != theirs:
            _tell(tell, trade, f"{what} {one}", f"its fills say {theirs}")
    price, quantity = float(trade.exit_price), float(trade.quantity)
    gross = float(gross_pnl(trade.side.sign, float(trade.entry_price), price, quantity))
    net = float(trade.gross) - float(trade.fee) + float(trade.funding)
    through = abs(price * quantity)
    for name, value, other, scale in (
        ("entry price", float(trade.entry_price), entered.price, 0.0),
        ("exit price", price, cost / sold, 0.0),
        ("quantity", quantity, sold, 0.0),
        ("quantity bought", quantity, entered.quantity, 0.0),
        ("fee", float(trade.fee), fees, through * 1e-3),
        ("gross", float(trade.gross), gross, through * 1e-3),
        ("net", float(trade.net), net, through * 1e-3),
    ):
        if not same(value, other, scale=scale):
            why = _grown(facts, entered) if name == "quantity bought" else None
            _tell(tell, trade, f"{name} {number(value)}", f"its fills say {number(other)}", why)
    for kept in facts.positions.get(trade.trade_id, ())[-1:]:
        if kept.side is not trade.side or not same(float(kept.entry_price), entered.price):
            words = f"{kept.side.value} at {kept.entry_price}"
            _tell(tell, trade, f"position {words}", f"its fills say {number(entered.price)}")
    _compare_funding(facts, tell, trade)


def _compare_funding(facts: Facts, tell: Tell, trade: Trade) -> None:
    """A payment in the bar of an entry or an exit may be this position's or its neighbour's."""
    inside, edges = 0.0, []
    for payment in facts.funding.get(trade.symbol, ()):
        bar_ms = payment.at_ms // facts.bar_ms * facts.bar_ms
        if trade.entry_time_ms < bar_ms < trade.exit_time_ms:
            inside += float(payment.amount)
        elif bar_ms in (trade.entry_time_ms, trade.exit_time_ms):
            edges.append(float(payment.amount))
    told, scale = float(trade.funding), abs(float(trade.entry_price * trade.quantity)) * 1e-3
    edges = edges[:_MOST_AT_THE_EDGES]
    for count in range(len(edges) + 1):
        for chosen in combinations(edges, count):
            if same(told, inside + sum(chosen), scale=scale):
                return
    _tell(tell, trade, f"funding {number(told)}", f"its payments say {number(inside)}")


def _compare_open(facts: Facts, tell: Tell, entered: Entered) -> None:
    """An entry without a trade is a position that is open: its fills must not have closed it."""
    exits: list[Fill] = facts.exits_of(entered)
    sold = sum(float(fill.quantity) for fill in exits)
    if sold >= entered.quantity * (1 - 1e-9):
        words = "no trade", f"its fills closed it, {number(sold)} of {number(entered.quantity)}"
        tell(entered.symbol, entered.bar_ms, "books", *words, None, entered.trade_id)
        return
    later = [
        other
        for other in facts.entered.values()
        if other.symbol == entered.symbol and other.at_ms > entered.at_ms
    ]
    if later:
        words = "no trade, and no exit", f"{later[0].trade_id} was entered after it"
        tell(entered.symbol, entered.bar_ms, "books", *words, None, entered.trade_id)


def _grown(facts: Facts, entered: Entered) -> Explained | None:
    return down(facts, entered.symbol, entered.at_ms, entered.at_ms + facts.bar_ms)


def _tell(tell: Tell, trade: Trade, told: str, found: str, why: Explained | None = None) -> None:
    tell(trade.symbol, trade.entry_time_ms, "books", told, found, why, trade.trade_id)
