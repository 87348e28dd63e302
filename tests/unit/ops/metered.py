"""A process's metrics with a bit of everything in them, and how to read them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from prometheus_client.parser import text_string_to_metric_families

from cointrader.domain.order import (
    Fill,
    Leg,
    OrderKind,
    OrderReport,
    OrderSide,
    OrderStatus,
    Side,
)
from cointrader.domain.position import CloseReason, Trade
from cointrader.domain.records import (
    Alert,
    BotState,
    Decision,
    EquityMarked,
    FillSeen,
    FundingPaid,
    Intent,
    OrderSeen,
    PositionOpened,
    RiskEvent,
    TradeClosed,
)
from cointrader.ops.metrics import Budget, Metrics, StreamAge

NOON = 1_735_732_800_000  # 2025-01-01 12:00 UTC
BAR_MS = 900_000
XRP = "XRPUSDT"


@dataclass
class HandClock:
    """Stands still until it is moved."""

    at_ms: int = NOON + BAR_MS

    def now_ms(self):
        return self.at_ms

    async def sleep_ms(self, duration_ms):
        raise AssertionError("nobody waits here")

    async def sleep_until_ms(self, at_ms):
        raise AssertionError("nobody waits here")


def an_id(leg, number=0):
    return f"ct-abc-{leg.value}{number}"


def an_intent(leg=Leg.ENTRY, number=0):
    return Intent(an_id(leg, number), XRP, NOON, leg, OrderSide.BUY, OrderKind.MARKET,
                  Decimal(100), None, NOON)  # fmt: skip


def an_order(leg=Leg.ENTRY, status=OrderStatus.FILLED, number=0):
    return OrderSeen(
        OrderReport(client_order_id=an_id(leg, number), symbol=XRP, side=OrderSide.BUY,
                    kind=OrderKind.MARKET, status=status, updated_ms=NOON)
    )  # fmt: skip


def a_fill(leg=Leg.ENTRY, side=OrderSide.BUY, quantity=100):
    return FillSeen(
        Fill(trade_id=1, client_order_id=an_id(leg), symbol=XRP, side=side,
             quantity=Decimal(quantity), price=Decimal("0.5"), fee=Decimal("0.02"), at_ms=NOON)
    )  # fmt: skip


def a_position():
    return PositionOpened(XRP, an_id(Leg.ENTRY), Side.LONG, Decimal(100), Decimal("0.5"), NOON,
                          Decimal("0.02"), Decimal("0.48"), Decimal("0.54"), 0.5)  # fmt: skip


def a_trade():
    return TradeClosed(
        Trade(XRP, Side.LONG, NOON, NOON, Decimal("0.5"), Decimal("0.54"), Decimal(100),
              CloseReason.TARGET, Decimal(4), Decimal("0.05"), Decimal(0), Decimal("3.95"),
              an_id(Leg.ENTRY))
    )  # fmt: skip


def a_decision(symbol=XRP, action="ENTER", refusal="", probability=None):
    return Decision(symbol, NOON, action, Side.LONG, 3, (), refusal, probability=probability)


def metrics_of(*records, clock=None):
    metrics = Metrics(clock or HandClock(), interval_ms=BAR_MS, symbols=(XRP, "TRXUSDT"))
    for record in records:
        metrics.hear(record)
    return metrics


def everything():
    """Metrics in which every family has a sample."""
    metrics = metrics_of(
        BotState(NOON, XRP, "running"), BotState(NOON, XRP, "crashed"),
        BotState(NOON, XRP, "unprotected"), a_decision(probability=0.6),
        a_decision(refusal="filter"), an_intent(), a_fill(), an_order(),
        an_intent(Leg.STOP), an_order(Leg.STOP, OrderStatus.NEW),
        an_intent(Leg.TARGET), an_order(Leg.TARGET, OrderStatus.REJECTED),
        a_position(), EquityMarked(NOON, Decimal(1000), Decimal(1003)), a_trade(),
        FundingPaid(XRP, NOON, Decimal("0.0001"), Decimal("-0.01")),
        RiskEvent(NOON, "halted"), Alert(NOON, "warning", "", "late"),
    )  # fmt: skip
    metrics.lagged(0.001)
    metrics.committed(0.001)
    metrics.see_streams([StreamAge("account", 100, 10_000, is_up=True)])
    metrics.see_budgets([Budget("request weight per minute", 5, 2_400)])
    metrics.see_account(daily_loss_ratio=0.01, max_daily_loss_ratio=0.05, drawdown_ratio=0.02,
                        is_paused=False, halts=["drawdown"], tripped=[XRP])  # fmt: skip
    metrics.see_journal(1_000, 100)
    metrics.see_process(mode="paper", started_ms=NOON)
    metrics.see_channel("discord", waiting=0, is_failing=False)
    return metrics


def samples_of(metrics):
    """Every sample: its name, and its labels as sorted pairs, to its value."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.text())
        for sample in family.samples
    }


def value(metrics, name, **labels):
    return samples_of(metrics)[f"cointrader_{name}", tuple(sorted(labels.items()))]
