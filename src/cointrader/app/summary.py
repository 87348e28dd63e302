"""What a run came to, read from its journal and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cointrader.domain.order import LIQUIDATION_PREFIXES, Fill, Side
from cointrader.domain.position import Trade
from cointrader.journal.export import in_result_order

if TYPE_CHECKING:  # a backtest has no journal
    from cointrader.domain.records import PositionOpened
    from cointrader.journal.reader import JournalReader


@dataclass(frozen=True, slots=True)
class SymbolLine:
    """One symbol's share of the result, in quote currency."""

    symbol: str
    long_signals: int
    short_signals: int
    trades: int
    wins: int
    net: Decimal


@dataclass(frozen=True, slots=True)
class Summary:
    """Totals of a run. ``net = gross - fees + funding``; slippage is inside gross already."""

    trades: Sequence[Trade]  # in the order in which they ended
    symbols: Sequence[SymbolLine]
    reasons: dict[str, int]  # how trades ended
    refusals: dict[str, int]  # why entries were refused
    gross: Decimal
    fees: Decimal
    funding: Decimal
    slippage: Decimal
    net: Decimal
    profit_factor: float | None  # None without a loss
    max_drawdown_ratio: float  # of equity marked at each bar's open
    drawdown_halt_ms: int | None  # when the drawdown limit ended all entries
    open_positions: Sequence[PositionOpened]  # after Ctrl-C; what they cost is in no total
    bars: int  # decisions written down


def summarise(reader: JournalReader, symbols: Sequence[str], slippage: Decimal) -> Summary:
    """Add up a journal. `slippage` is the fraction of the price each fill was moved against us."""
    trades = in_result_order((record.trade for record in reader.trades()), symbols)
    wins = sum((t.net for t in trades if t.net > 0), Decimal(0))
    losses = -sum((t.net for t in trades if t.net < 0), Decimal(0))
    return Summary(
        trades=trades,
        symbols=[_line(reader, symbol, trades) for symbol in symbols],
        reasons=_count(t.reason.value for t in trades),
        refusals=reader.count_refusals(),
        gross=sum((t.gross for t in trades), Decimal(0)),
        fees=sum((t.fee for t in trades), Decimal(0)),
        funding=sum((t.funding for t in trades), Decimal(0)),
        slippage=slippage_cost((seen.fill for seen in reader.fills()), slippage),
        net=sum((t.net for t in trades), Decimal(0)),
        profit_factor=float(wins / losses) if losses else None,
        max_drawdown_ratio=max_drawdown([float(each.equity) for each in reader.equity()]),
        drawdown_halt_ms=next((e.at_ms for e in reader.risk_events(kind="drawdown-halted")), None),
        open_positions=[p for s in symbols if (p := reader.open_position(s)) is not None],
        bars=sum(reader.count_actions().values()),
    )


def max_drawdown(equity: Sequence[float] | NDArray[np.float64]) -> float:
    """Largest fall below the highest value so far, as a fraction of it; 0 without a fall.

    While the highest value is not above 0 nothing counts as a fall.
    """
    values = np.asarray(equity, np.float64)
    peaks = np.maximum.accumulate(values)
    counted = peaks > 0.0
    falls = (peaks[counted] - values[counted]) / peaks[counted]
    return float(falls.max(initial=0.0))


def _line(reader: JournalReader, symbol: str, trades: Iterable[Trade]) -> SymbolLine:
    own = [trade for trade in trades if trade.symbol == symbol]
    sides = reader.count_sides(symbol)
    return SymbolLine(
        symbol=symbol,
        long_signals=sides.get(Side.LONG, 0),
        short_signals=sides.get(Side.SHORT, 0),
        trades=len(own),
        wins=sum(trade.net > 0 for trade in own),
        net=sum((trade.net for trade in own), Decimal(0)),
    )


def slippage_cost(fills: Iterable[Fill], slippage: Decimal) -> Decimal:
    """What slippage took from simulated fills, each moved by this fraction of its price.

    A liquidation fills at the bankruptcy price, which is moved by nothing.
    """
    moved = (f for f in fills if not f.client_order_id.startswith(LIQUIDATION_PREFIXES))
    costs = (
        (fill.price - unslipped(fill.side.sign, fill.price, slippage))
        * fill.quantity
        * fill.side.sign
        for fill in moved
    )
    return sum(costs, Decimal(0)) if slippage else Decimal(0)


def unslipped(order_sign: int, price: Decimal, slippage: Decimal) -> Decimal:
    """The price before `domain.position.slipped` moved it."""
    return price / (1 + order_sign * slippage)


def _count(words: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))
