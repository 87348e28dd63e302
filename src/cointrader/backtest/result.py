"""What a backtest came to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cointrader.backtest.codes import REFUSALS
from cointrader.backtest.columns import ACTIONS, REASONS, Bytes, Floats, Longs
from cointrader.domain.instrument import to_decimal
from cointrader.domain.order import Leg, Side, client_order_id
from cointrader.domain.position import CloseReason, Trade


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """How every signal was answered; arrays of one length, by symbol, then by time.

    `action` and `refusal` are indices into `columns.ACTIONS` and `codes.REFUSALS`; 0 is no refusal.
    """

    symbol: Longs  # place in the configured order
    bar_ms: Longs  # open time of the bar that closed with the signal
    side: Bytes
    action: Bytes
    refusal: Bytes

    def __len__(self) -> int:
        return len(self.bar_ms)

    def words(self, i: int) -> tuple[str, str]:
        """Action and refusal of one decision, as the journal of a running bot has them."""
        return ACTIONS[self.action[i]], REFUSALS[self.refusal[i]]


@dataclass(frozen=True, slots=True, eq=False)
class BacktestResult:
    """Trades in the order in which they ended, the account bar by bar, and what was refused.

    `trades` has the columns of `backtest.columns.TRADE`. `equity` and `wallet` are at the open of
    each bar, before its closes and entries; empty where they were not asked for.
    """

    symbols: tuple[str, ...]
    interval_ms: int
    time_ms: Longs
    trades: NDArray[np.void]
    equity: Floats
    wallet: Floats
    start_wallet: float
    final_wallet: float
    halted_days: int
    drawdown_halt_ms: int | None  # the bar on which the drawdown limit ended all entries
    decisions: Decisions
    bars: int  # decisions, HOLD included

    @property
    def refusals(self) -> dict[str, int]:
        """How often each reason refused an entry, the most frequent first."""
        counts = np.bincount(self.decisions.refusal, minlength=len(REFUSALS))
        named = [(REFUSALS[code], int(counts[code])) for code in np.flatnonzero(counts) if code]
        return dict(sorted(named, key=lambda item: -item[1]))

    @property
    def reasons(self) -> dict[str, int]:
        """How trades ended, the most frequent first."""
        counts = np.bincount(self.trades["reason"], minlength=len(REASONS))
        named = [(REASONS[code], int(counts[code])) for code in np.flatnonzero(counts)]
        return dict(sorted(named, key=lambda item: -item[1]))

    @property
    def r_multiples(self) -> Floats:
        """Net result of each trade in units of what it risked; NaN where it risked nothing."""
        risk = self.trades["risk"]
        found: Floats = np.full(len(risk), np.nan)
        np.divide(self.trades["net"], risk, out=found, where=risk > 0.0)
        return found

    @property
    def entry_ms(self) -> Longs:
        """Open time of the bar each trade was entered on."""
        times: Longs = self.time_ms[self.trades["entry_bar"]]
        return times

    @property
    def exit_ms(self) -> Longs:
        """Open time of the bar each trade ended in."""
        times: Longs = self.time_ms[self.trades["exit_bar"]]
        return times

    def trade_list(self) -> list[Trade]:
        """The trades as a running bot writes them down, with the digits that a float has."""
        return [
            self._trade(row, int(entered), int(left))
            for row, entered, left in zip(self.trades, self.entry_ms, self.exit_ms, strict=True)
        ]

    def _trade(self, row: np.void, entry_ms: int, exit_ms: int) -> Trade:
        symbol = self.symbols[row["symbol"]]
        return Trade(
            symbol=symbol,
            side=Side.LONG if row["side"] > 0 else Side.SHORT,
            entry_time_ms=entry_ms,
            exit_time_ms=exit_ms,
            entry_price=to_decimal(row["entry_price"]),
            exit_price=to_decimal(row["exit_price"]),
            quantity=to_decimal(row["quantity"]),
            reason=CloseReason(REASONS[row["reason"]]),
            gross=to_decimal(row["gross"]),
            fee=to_decimal(row["fee"]),
            funding=to_decimal(row["funding"]),
            net=to_decimal(row["net"]),
            trade_id=client_order_id(symbol, entry_ms - self.interval_ms, Leg.ENTRY),
        )
