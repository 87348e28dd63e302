"""What a journal tells of a week or a month: trades, costs, refusals, halts, alerts, protection.

Everything is read as it was written down; what was not written down is None, and never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from cointrader.app.bar_story import SymbolSettings, run_at
from cointrader.app.period.protection import Protection, protection_of
from cointrader.app.period.span import Span
from cointrader.app.status import required_run
from cointrader.app.summary import slippage_cost
from cointrader.app.words import r_multiple
from cointrader.domain.clock import interval_ms
from cointrader.domain.instrument import to_decimal
from cointrader.domain.order import Fill, Leg, OrderKind, leg_of
from cointrader.domain.position import Trade
from cointrader.domain.records import Alert, EquityMarked, RiskEvent, RunStarted
from cointrader.journal.export import in_result_order
from cointrader.journal.reader import JournalReader

_HALTS = ("halted", "drawdown-halted", "kill-switch", "paused")


@dataclass(frozen=True, slots=True)
class PeriodTrade:
    """A closed trade; `r` is its net in units of its risk, `probability` what the model gave it."""

    trade: Trade
    r: float | None
    probability: float | None


@dataclass(frozen=True, slots=True)
class PeriodCosts:
    """Money of the trades that ended in the period: ``net = gross - fees + funding``.

    Parameters
    ----------
    slippage : what fills of the period cost against the price that was decided on, positive when
        it cost something; None where the journal does not know that price
    slipped_fills, fills : how many of the period's fills that is about
    """

    gross: Decimal
    fees: Decimal
    funding: Decimal
    net: Decimal
    slippage: Decimal | None
    slipped_fills: int
    fills: int


@dataclass(frozen=True, slots=True)
class PeriodFacts:
    """All that a report rests on. `mark` are those of the period, and the last one before it."""

    span: Span
    run: RunStarted  # the one in force at the end of the period
    trades: Sequence[PeriodTrade]  # in the order in which they ended
    costs: PeriodCosts
    signals: int  # bars on which a side was signalled
    decisions: int
    refusals: Mapping[str, int]
    marks: Sequence[EquityMarked]
    transfers: Sequence[RiskEvent]
    halts: Sequence[RiskEvent]
    alerts: Sequence[Alert]
    protection: Protection
    known_from_ms: int  # the period as far as the journal covers it
    known_to_ms: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all was written down."""
        return not (self.decisions or self.trades or self.marks or self.costs.fills)

    @property
    def known_days(self) -> float:
        """How much of the period was traded, in days."""
        return max(0, self.known_to_ms - self.known_from_ms) / 86_400_000


def read_period(reader: JournalReader, span: Span) -> PeriodFacts:
    """Read a period. `JournalError` where the journal tells of no run."""
    run = run_at(reader, span.to_ms - 1)
    start, end = span.from_ms, span.to_ms
    marks = list(reader.equity(from_ms=start, to_ms=end))
    before = list(reader.equity(to_ms=span.from_ms, last=1))
    fills = [seen.fill for seen in reader.fills(from_ms=start, to_ms=end)]
    trades = period_trades(reader, run, start, end)
    started_ms = next(reader.runs()).at_ms
    ended_ms = max([run.at_ms, *(mark.at_ms for mark in reader.equity(last=1))])
    return PeriodFacts(
        span=span,
        run=run,
        trades=trades,
        costs=_costs(reader, [each.trade for each in trades], fills, run),
        signals=sum(reader.count_sides(from_ms=start, to_ms=end).values()),
        decisions=sum(reader.count_actions(from_ms=start, to_ms=end).values()),
        refusals=reader.count_refusals(from_ms=start, to_ms=end),
        marks=[*before, *marks] if marks else [],
        transfers=list(reader.risk_events(kind="deposit", from_ms=start, to_ms=end)),
        halts=[e for e in reader.risk_events(from_ms=start, to_ms=end) if e.kind in _HALTS],
        alerts=list(reader.alerts(from_ms=start, to_ms=end)),
        protection=protection_of(reader, span.from_ms, span.to_ms),
        known_from_ms=max(span.from_ms, started_ms),
        known_to_ms=min(span.to_ms, ended_ms + interval_ms(run.interval)),
    )


def period_trades(
    reader: JournalReader, run: RunStarted, from_ms: int | None = None, to_ms: int | None = None
) -> list[PeriodTrade]:
    """Trades that ended in [from_ms, to_ms), in the order in which they ended."""
    kept = reader.trades(from_ms=from_ms, to_ms=to_ms)
    ended = in_result_order((each.trade for each in kept), run.symbols)
    since_ms = min((trade.entry_time_ms for trade in ended), default=0)
    stops: dict[str, Decimal] = {}
    for held in reader.positions(from_ms=since_ms, to_ms=to_ms) if ended else ():
        stops.setdefault(held.trade_id, held.stop)  # the first one: it moves
    return [_of_trade(reader, trade, run, stops.get(trade.trade_id)) for trade in ended]


def first_moment(reader: JournalReader) -> int:
    """When the journal began. `JournalError` where it tells of no run."""
    required_run(reader)
    return next(reader.runs()).at_ms


def _of_trade(
    reader: JournalReader, trade: Trade, run: RunStarted, stop: Decimal | None
) -> PeriodTrade:
    intent = next(iter(reader.intents(client_order_id=trade.trade_id)), None)
    bar_ms = trade.entry_time_ms - interval_ms(run.interval)
    decided_ms = bar_ms if intent is None else intent.bar_open_ms
    decided = reader.decisions(trade.symbol, from_ms=decided_ms, to_ms=decided_ms + 1)
    decision = next(iter(decided), None)
    return PeriodTrade(
        trade,
        None if stop is None else r_multiple(trade, stop),
        None if decision is None else decision.probability,
    )


def _costs(
    reader: JournalReader, trades: Sequence[Trade], fills: Sequence[Fill], run: RunStarted
) -> PeriodCosts:
    slipped = [_slippage(reader, fill, run) for fill in fills]
    known = [cost for cost in slipped if cost is not None]
    return PeriodCosts(
        gross=sum((t.gross for t in trades), Decimal(0)),
        fees=sum((t.fee for t in trades), Decimal(0)),
        funding=sum((t.funding for t in trades), Decimal(0)),
        net=sum((t.net for t in trades), Decimal(0)),
        slippage=sum(known, Decimal(0)) if known else None,
        slipped_fills=len(known),
        fills=len(fills),
    )


def _slippage(reader: JournalReader, fill: Fill, run: RunStarted) -> Decimal | None:
    """What a fill cost against the price decided on; None where nobody wrote that price down.

    A simulated fill was moved by a known fraction of its price. On a real exchange a stop or a
    target has its trigger as that price; of market orders the journal has none.
    """
    if run.mode == "paper":
        bps = SymbolSettings(run, fill.symbol).text("SLIPPAGE_BPS", "0")
        return slippage_cost([fill], to_decimal(float(bps)) / 10_000)
    if leg_of(fill.client_order_id) not in (Leg.STOP, Leg.TARGET, Leg.TRAIL):
        return None
    intent = next(iter(reader.intents(client_order_id=fill.client_order_id)), None)
    if intent is None or intent.trigger_price is None or intent.kind is OrderKind.MARKET:
        return None
    return (fill.price - intent.trigger_price) * fill.quantity * fill.side.sign
