"""What can happen to a bot, as values."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cointrader.domain.candle import Candle
from cointrader.domain.order import Fill, OrderReport


@dataclass(frozen=True, slots=True)
class CandleClosed:
    """A candle is final."""

    candle: Candle


@dataclass(frozen=True, slots=True)
class FeedEnded:
    """No candle of this symbol follows any more: its history, or its listing, ended."""

    symbol: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class OrderUpdated:
    """An order changed its status."""

    report: OrderReport


@dataclass(frozen=True, slots=True)
class OrderFilled:
    """An order was executed, in part or whole. The same fill may be told twice."""

    fill: Fill


@dataclass(frozen=True, slots=True)
class FundingSettled:
    """Funding was booked for an open position: positive received, negative paid."""

    symbol: str
    at_ms: int
    rate: Decimal
    amount: Decimal


FeedEvent = CandleClosed | FeedEnded
AccountEvent = OrderUpdated | OrderFilled | FundingSettled
