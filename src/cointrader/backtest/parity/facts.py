"""What a journal tells of a run, put in order for comparing it. Nothing here computes a rule."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from cointrader.domain.order import (
    Fill,
    Leg,
    OrderReport,
    OrderStatus,
    Side,
    client_order_id,
    leg_of,
)
from cointrader.domain.position import CloseReason, Trade, gross_pnl
from cointrader.domain.records import (
    Alert,
    Decision,
    EquityMarked,
    FundingPaid,
    Intent,
    PositionOpened,
    RiskEvent,
    RunStarted,
)

_REASONS = {
    Leg.STOP: CloseReason.STOP,
    Leg.TRAIL: CloseReason.STOP,
    Leg.TARGET: CloseReason.TARGET,
    Leg.CLOSE: CloseReason.REVERSE,
    Leg.EMERGENCY: CloseReason.UNPROTECTED,
}


@dataclass(frozen=True, slots=True)
class Entered:
    """What the fills of one entry add up to. `bar_ms` is the bar in which the first one happened.

    `asked` is the quantity that the order asked for; None where the journal has no such order.
    """

    symbol: str
    trade_id: str
    side: Side
    bar_ms: int
    at_ms: int
    price: float
    quantity: float
    fee: float
    asked: float | None
    stop: float | None  # as first protected; None: it never was, as far as the journal tells
    target: float | None


@dataclass(frozen=True, slots=True)
class Facts:
    """The journal of one account. Mappings are by symbol, then by the open time of a bar."""

    runs: Sequence[RunStarted]
    bar_ms: int
    decisions: Mapping[str, Mapping[int, Decision]]
    trades: Mapping[str, Trade]  # by trade id
    positions: Mapping[str, Sequence[PositionOpened]]  # by trade id, as their stops moved
    entered: Mapping[str, Entered]  # by trade id
    fills: Mapping[str, Sequence[Fill]]  # by symbol, ascending
    intents: Mapping[str, Intent]  # by client order id
    funding: Mapping[str, Sequence[FundingPaid]]
    equity: Mapping[int, EquityMarked]
    events: Sequence[RiskEvent]
    alerts: Sequence[Alert]
    triggered: Mapping[str, int]  # client order id of ours -> when it was triggered
    is_remote: bool  # orders took a way on which they can be late, lost or refused
    last_bar_ms: int = 0  # the newest bar anybody decided
    _starts: Sequence[int] = field(default=())

    def entry_of(self, symbol: str, bar_open_ms: int) -> Entered | None:
        """The entry that the decision on this bar became, under whichever attempt."""
        for attempt in range(10):
            found = self.entered.get(client_order_id(symbol, bar_open_ms, Leg.ENTRY, attempt))
            if found is not None:
                return found
        return None

    def trade_of(self, trade_id: str) -> Trade | None:
        """The trade of an entry; one that its fills closed and that was not booked, as they say."""
        found = self.trades.get(trade_id)
        if found is None and trade_id in self.entered:
            found = self._unbooked(self.entered[trade_id])
        return found

    def _unbooked(self, entered: Entered) -> Trade | None:
        exits = self.exits_of(entered)
        sold = sum((fill.quantity for fill in exits), Decimal(0))
        bought = Decimal(repr(entered.quantity))
        if not exits or sold < bought:
            return None
        cost = sum((fill.price * fill.quantity for fill in exits), Decimal(0))
        price, entry_price = cost / sold, Decimal(repr(entered.price))
        gross = gross_pnl(entered.side.sign, entry_price, price, sold)
        fee = Decimal(repr(entered.fee)) + sum((fill.fee for fill in exits), Decimal(0))
        leg = leg_of(exits[-1].client_order_id)
        return Trade(
            symbol=entered.symbol,
            side=entered.side,
            entry_time_ms=entered.bar_ms,
            exit_time_ms=exits[-1].at_ms // self.bar_ms * self.bar_ms,
            entry_price=entry_price,
            exit_price=price,
            quantity=sold,
            reason=CloseReason.MANUAL if leg is None else _REASONS.get(leg, CloseReason.MANUAL),
            gross=gross,
            fee=fee,
            funding=Decimal(0),
            net=gross - fee,
            trade_id=entered.trade_id,
        )

    def exits_of(self, entered: Entered) -> list[Fill]:
        """The fills that reduced this position, up to the end of its trade."""
        own = self.fills.get(entered.symbol, ())
        first = bisect_left(own, entered.at_ms, key=lambda fill: fill.at_ms)
        left, found = Decimal(repr(entered.quantity)), []
        for fill in own[first:]:
            if fill.side is entered.side.exit:
                found.append(fill)
                left -= fill.quantity
                if left <= 0:
                    break
            elif leg_of(fill.client_order_id) is Leg.ENTRY and (
                fill.client_order_id != entered.trade_id
            ):
                break
        return found

    def started_between(self, from_ms: int, to_ms: int) -> int | None:
        """When a process began, after `from_ms` and up to `to_ms`; never the first one of all."""
        for at_ms in self._starts[1:]:
            if from_ms < at_ms <= to_ms:
                return at_ms
        return None

    def events_between(self, from_ms: int, to_ms: int, *kinds: str) -> list[RiskEvent]:
        """Risk events of these kinds from `from_ms`, included, to `to_ms`, included."""
        return [e for e in self.events if from_ms <= e.at_ms <= to_ms and e.kind in kinds]

    def alerts_between(self, symbol: str, from_ms: int, to_ms: int) -> list[Alert]:
        return [a for a in self.alerts if a.symbol == symbol and from_ms <= a.at_ms <= to_ms]

    def is_paused(self, at_ms: int) -> bool:
        said = [e for e in self.events if e.at_ms <= at_ms and e.kind in ("paused", "resumed")]
        return bool(said) and said[-1].kind == "paused"


def facts_of(
    *,
    runs: Sequence[RunStarted],
    bar_ms: int,
    decisions: Iterable[Decision],
    trades: Iterable[Trade],
    positions: Iterable[PositionOpened],
    fills: Iterable[Fill],
    intents: Iterable[Intent],
    funding: Iterable[FundingPaid],
    equity: Iterable[EquityMarked],
    events: Sequence[RiskEvent],
    alerts: Sequence[Alert],
    reports: Iterable[OrderReport],
    is_remote: bool,
) -> Facts:
    """Put records of a journal in order."""
    decided: dict[str, dict[int, Decision]] = defaultdict(dict)
    for decision in decisions:
        decided[decision.symbol][decision.bar_open_ms] = decision
    moved: dict[str, list[PositionOpened]] = defaultdict(list)
    for position in positions:
        moved[position.trade_id].append(position)
    by_symbol: dict[str, list[Fill]] = defaultdict(list)
    for fill in sorted(fills, key=lambda each: (each.at_ms, each.trade_id)):
        by_symbol[fill.symbol].append(fill)
    paid: dict[str, list[FundingPaid]] = defaultdict(list)
    for payment in funding:
        paid[payment.symbol].append(payment)
    sent = {intent.client_order_id: intent for intent in intents}
    return Facts(
        runs=runs,
        bar_ms=bar_ms,
        decisions=dict(decided),
        trades={trade.trade_id: trade for trade in trades},
        positions=dict(moved),
        entered=_entered(by_symbol, moved, sent, bar_ms),
        fills=dict(by_symbol),
        intents=sent,
        funding=dict(paid),
        equity={mark.at_ms: mark for mark in equity},
        events=events,
        alerts=alerts,
        triggered={
            report.client_order_id: report.updated_ms
            for report in reports
            if report.status is OrderStatus.TRIGGERED
        },
        is_remote=is_remote,
        last_bar_ms=max((max(bars) for bars in decided.values()), default=0),
        _starts=tuple(run.at_ms for run in runs),
    )


def _entered(
    fills: Mapping[str, Sequence[Fill]],
    positions: Mapping[str, Sequence[PositionOpened]],
    intents: Mapping[str, Intent],
    bar_ms: int,
) -> dict[str, Entered]:
    parts: dict[str, list[Fill]] = defaultdict(list)
    for own in fills.values():
        for fill in own:
            if leg_of(fill.client_order_id) is Leg.ENTRY:
                parts[fill.client_order_id].append(fill)
    found = {}
    for trade_id, own in parts.items():
        quantity = sum((fill.quantity for fill in own), Decimal(0))
        prices = {fill.price for fill in own}
        cost = sum((fill.price * fill.quantity for fill in own), Decimal(0))
        price = prices.pop() if len(prices) == 1 else cost / quantity
        kept, order = positions.get(trade_id), intents.get(trade_id)
        asked = None if order is None or order.quantity is None else float(order.quantity)
        found[trade_id] = Entered(
            symbol=own[0].symbol,
            trade_id=trade_id,
            side=Side.LONG if own[0].side is Side.LONG.entry else Side.SHORT,
            bar_ms=own[0].at_ms // bar_ms * bar_ms,
            at_ms=own[0].at_ms,
            price=float(price),
            quantity=float(quantity),
            fee=float(sum((fill.fee for fill in own), Decimal(0))),
            asked=asked,
            stop=None if not kept else float(kept[0].stop),
            target=None if not kept else float(kept[0].target),
        )
    for trade_id, kept in positions.items():
        if trade_id in found or leg_of(trade_id) is not Leg.ADOPTED:
            continue
        first = kept[0]
        found[trade_id] = Entered(
            symbol=first.symbol,
            trade_id=trade_id,
            side=first.side,
            bar_ms=first.entry_bar_ms,
            at_ms=first.entry_bar_ms,
            price=float(first.entry_price),
            quantity=float(first.quantity),
            fee=float(first.entry_fee),
            asked=None,
            stop=float(first.stop),
            target=float(first.target),
        )
    return found
