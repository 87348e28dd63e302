"""The whole run through the kernel, left alone, and what of the journal's differs from it.

Once a decision differs the account is another, and everything after it may differ too: that is a
consequence and is only counted. What differs before the first differing decision is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cointrader.backtest.columns import AT_END
from cointrader.backtest.market import Market
from cointrader.backtest.parity.difference import Difference, number, same
from cointrader.backtest.parity.facts import Facts
from cointrader.backtest.result import BacktestResult
from cointrader.backtest.run import run
from cointrader.backtest.settings import BacktestSettings
from cointrader.backtest.signals import SymbolSignals
from cointrader.domain.order import Side
from cointrader.domain.position import Trade

_SIDES = {1: Side.LONG, -1: Side.SHORT}
_MONEY = ("entry_price", "exit_price", "quantity", "gross", "fee", "funding", "net")


@dataclass(frozen=True, slots=True)
class Whole:
    """The kernel's own run beside the journal's. Counts of what differs; times are of bars.

    `first_ms` is the first difference that the replay of single decisions found; what differs in
    `followed` lies after it. `differences` lie before it.
    """

    trades: int
    replayed_trades: int
    equal_trades: int
    equal_decisions: int
    followed: int
    first_ms: int | None
    net: float
    replayed_net: float
    differences: Sequence[Difference] = ()


def compare_whole(
    facts: Facts,
    market: Market,
    signals: Mapping[str, SymbolSignals],
    settings: BacktestSettings,
    found: Sequence[Difference],
) -> Whole:
    """Play it once more from the start; `found` are the differences of single decisions."""
    result = run(market, signals, settings, with_equity=False)
    first_ms = min((difference.bar_ms for difference in found), default=None)
    differences = [
        *_of_decisions(facts, result),
        *_of_trades(facts, result, int(result.time_ms[-1])),
    ]
    before = [d for d in differences if first_ms is None or d.bar_ms < first_ms]
    kernel = result.trade_list()
    told = list(facts.trades.values())
    by_id = {trade.trade_id: trade for trade in kernel}
    equal = sum(
        trade.trade_id in by_id and _is_same(trade, by_id[trade.trade_id]) for trade in told
    )
    of_decisions = sum(difference.aspect == "gate" for difference in differences)
    return Whole(
        trades=len(told),
        replayed_trades=len(kernel),
        equal_trades=equal,
        equal_decisions=len(result.decisions) - of_decisions,
        followed=len(differences) - len(before),
        first_ms=first_ms,
        net=sum(float(trade.net) for trade in told),
        replayed_net=sum(float(trade.net) for trade in kernel),
        differences=[_of_the_run(difference) for difference in before],
    )


def _of_decisions(facts: Facts, result: BacktestResult) -> list[Difference]:
    found, decisions = [], result.decisions
    for i in range(len(decisions)):
        symbol, at_ms = result.symbols[decisions.symbol[i]], int(decisions.bar_ms[i])
        told = facts.decisions.get(symbol, {}).get(at_ms)
        action, refusal = decisions.words(i)
        replayed = (_SIDES[int(decisions.side[i])], action, refusal)
        if told is None or (told.side, told.action, told.refusal) != replayed:
            words = "no decision" if told is None else _words(told.side, told.action, told.refusal)
            at_ms += facts.bar_ms  # it is answered when the bar has closed
            found.append(Difference(symbol, at_ms, "gate", words, _words(*replayed)))
    return found


def _of_trades(facts: Facts, result: BacktestResult, last_ms: int) -> list[Difference]:
    """Trades of either that the other does not have. In the last bar the journal may stop."""
    found, known = [], set()
    for trade, row in zip(result.trade_list(), result.trades, strict=True):
        known.add(trade.trade_id)
        told = facts.trades.get(trade.trade_id)
        if told is None:
            is_open = trade.trade_id in facts.entered and trade.exit_time_ms >= last_ms
            if not is_open and not (row["reason"] == AT_END and trade.entry_time_ms >= last_ms):
                found.append(_of_trade(trade, "no such trade", _shown(trade)))
        elif not _is_same(told, trade):
            found.append(_of_trade(_where(told, trade), _shown(told), _shown(trade)))
    found += [
        _of_trade(trade, _shown(trade), "no such trade")
        for trade in facts.trades.values()
        if trade.trade_id not in known
    ]
    return found


def _of_trade(trade: Trade, told: str, replayed: str) -> Difference:
    at_ms = trade.entry_time_ms
    return Difference(trade.symbol, at_ms, "books", told, replayed, trade_id=trade.trade_id)


def _where(told: Trade, replayed: Trade) -> Trade:
    """The trade as it is placed in time: where both begin alike, it differs from its end on."""
    is_alike = told.entry_time_ms == replayed.entry_time_ms and all(
        same(float(getattr(told, name)), float(getattr(replayed, name)))
        for name in ("entry_price", "quantity")
    )
    if not is_alike:
        return told
    return replace(told, entry_time_ms=min(told.exit_time_ms, replayed.exit_time_ms))


def _is_same(one: Trade, other: Trade) -> bool:
    names = ("side", "entry_time_ms", "exit_time_ms", "reason")
    if any(getattr(one, name) != getattr(other, name) for name in names):
        return False
    scale = abs(float(one.exit_price * one.quantity)) * 1e-3
    return all(
        same(
            float(getattr(one, name)),
            float(getattr(other, name)),
            scale=scale if name in ("gross", "net", "funding", "fee") else 0.0,
        )
        for name in _MONEY
    )


def _of_the_run(difference: Difference) -> Difference:
    return Difference(
        difference.symbol,
        difference.bar_ms,
        "run",
        difference.journal,
        difference.replay,
        trade_id=difference.trade_id,
    )


def _words(side: Side | None, action: str, refusal: str) -> str:
    return " ".join(filter(None, [side.value if side else "", action, refusal]))


def _shown(trade: Trade) -> str:
    return (
        f"{trade.side.value} {number(float(trade.quantity))} at {number(float(trade.entry_price))}"
        f", {trade.reason.value} at {number(float(trade.exit_price))}"
        f", net {number(float(trade.net))}"
    )
