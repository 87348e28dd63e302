"""Orders that wait for a price, and at which level they wait. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Decimal

from cointrader.domain.candle import Candle
from cointrader.domain.order import DetailedReport, OrderKind, OrderSide, PriceSource


@dataclass(frozen=True, slots=True)
class Trail:
    """What a trailing stop has seen; `extreme` is None until its activation price was reached."""

    callback_ratio: Decimal
    activation: Decimal | None
    extreme: Decimal | None = None

    def after(self, price: Decimal, *, sells: bool) -> Trail:
        """Having seen `price`: a sell follows the highest, a buy the lowest."""
        if self.extreme is not None:
            is_further = price > self.extreme if sells else price < self.extreme
            return replace(self, extreme=price) if is_further else self
        is_active = self.activation is None or (
            price >= self.activation if sells else price <= self.activation
        )
        return replace(self, extreme=price) if is_active else self

    def level(self, *, sells: bool) -> Decimal | None:
        """Where it triggers now; None before it is active."""
        if self.extreme is None:
            return None
        return self.extreme * (1 - self.callback_ratio if sells else 1 + self.callback_ratio)


@dataclass(frozen=True, slots=True)
class Resting:
    """An order that waits for its level: a limit's price, a conditional order's trigger."""

    report: DetailedReport
    level: float  # what bars are compared with; NaN for a trailing stop that is not active
    is_upwards: bool  # reached at or above it, else at or below
    is_on_mark: bool  # the mark price reaches it, not the last
    trail: Trail | None = None
    until_ms: int | None = None  # when it expires; None: never

    @staticmethod
    def of(
        report: DetailedReport, trail: Trail | None = None, until_ms: int | None = None
    ) -> Resting:
        """`trail`: what a trailing stop has seen so far."""
        sells = report.side is OrderSide.SELL
        if trail is not None:
            level = trail.level(sells=sells)
        else:
            level = report.price if report.kind is OrderKind.LIMIT else report.trigger_price
            if level is None:
                raise ValueError(f"{report.client_order_id} has no level: it cannot rest")
        return Resting(
            report,
            math.nan if level is None else float(level),
            waits_upwards(report.side, report.kind),
            report.triggered_by is PriceSource.MARK,
            trail,
            until_ms,
        )

    def seeing(self, price: float) -> Resting:
        """A trailing stop after the price was at `price`; the same one if that changed nothing."""
        if self.trail is None:
            return self
        sells = not self.is_upwards
        trail = self.trail.after(Decimal(repr(price)), sells=sells)
        return self if trail is self.trail else Resting.of(self.report, trail, self.until_ms)

    def is_reached_at(self, price: float) -> bool:
        """Whether `price` is at the level or past it."""
        return price >= self.level if self.is_upwards else price <= self.level

    def is_reached_in(self, bar: Candle, mark: Candle) -> bool:
        """Whether the price was there somewhere in a bar, equality included."""
        seen = mark if self.is_on_mark else bar
        return seen.high >= self.level if self.is_upwards else seen.low <= self.level

    @property
    def only_reduces(self) -> bool:
        return self.report.reduce_only


def waits_upwards(side: OrderSide, kind: OrderKind) -> bool:
    """Whether an order waits for the price to rise: buy stops, sell targets and sell limits."""
    is_stop = kind in (OrderKind.STOP_MARKET, OrderKind.TRAILING_STOP_MARKET)
    return is_stop == (side is OrderSide.BUY)
