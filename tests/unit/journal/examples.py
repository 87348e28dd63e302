"""One record of every kind, and short ways to make more."""

from __future__ import annotations

from decimal import Decimal

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
    ExchangeState,
    FillSeen,
    FundingPaid,
    Intent,
    OrderSeen,
    PositionOpened,
    Record,
    RiskEvent,
    RiskState,
    RunStarted,
    TradeClosed,
    VerdictOverridden,
)

BAR_MS = 900_000
T0 = 1_700_000_100_000


def a_decision(
    symbol: str = "XRPUSDT", bar: int = 0, action: str = "HOLD", refusal: str = ""
) -> Decision:
    return Decision(symbol, T0 + bar * BAR_MS, action, None, 1, ("macd-cross-up",), refusal)


def an_intent(order_id: str = "ct-XRPUSDT-1-e0", bar: int = 0) -> Intent:
    return Intent(
        order_id,
        "XRPUSDT",
        T0 + bar * BAR_MS,
        Leg.ENTRY,
        OrderSide.BUY,
        OrderKind.MARKET,
        Decimal("120.5"),
        None,
        T0 + (bar + 1) * BAR_MS,
        "atr 0.0123",
    )


def a_fill(trade_id: int = 1, price: str = "0.6123") -> FillSeen:
    return FillSeen(
        Fill(
            "XRPUSDT",
            trade_id,
            "ct-XRPUSDT-1-e0",
            OrderSide.BUY,
            Decimal(price),
            Decimal("120.5"),
            Decimal("0.03689"),
            T0 + BAR_MS + trade_id,
        )
    )


def a_position(
    trade_id: str = "ct-XRPUSDT-1-e0", stop: str = "0.60", symbol: str = "XRPUSDT", bar: int = 1
) -> PositionOpened:
    return PositionOpened(
        symbol,
        trade_id,
        Side.LONG,
        Decimal("120.5"),
        Decimal("0.6123"),
        T0 + bar * BAR_MS,
        Decimal("0.03689"),
        Decimal(stop),
        Decimal("0.64"),
        0.6123,
    )


def a_trade(
    trade_id: str = "ct-XRPUSDT-1-e0",
    symbol: str = "XRPUSDT",
    exit_bar: int = 5,
    reason: CloseReason = CloseReason.TARGET,
    net: str = "3.19",
) -> TradeClosed:
    return TradeClosed(
        Trade(
            symbol,
            Side.LONG,
            T0 + BAR_MS,
            T0 + exit_bar * BAR_MS,
            Decimal("0.6123"),
            Decimal("0.64"),
            Decimal("120.5"),
            reason,
            Decimal("3.33785"),
            Decimal("0.07"),
            Decimal("-0.07785"),
            Decimal(net),
            trade_id,
        )
    )


def an_equity(bar: int = 0, equity: str = "1001.25") -> EquityMarked:
    return EquityMarked(T0 + bar * BAR_MS, Decimal("1000.00"), Decimal(equity))


def a_run(mode: str = "paper") -> RunStarted:
    return RunStarted(
        T0,
        mode,
        "synthetic seed 1",
        "default",
        ("XRPUSDT", "TRXUSDT"),
        "15m",
        Decimal("1000"),
        "0.1.0",
        {"leverage": "10", "note": "ÄÖ ✓"},
    )


EVERY_KIND: tuple[Record, ...] = (
    a_run(),
    Decision(
        "XRPUSDT", T0, "ENTER", Side.LONG, 4, ("rsi-oversold", "ema"), "filter", "0.41 < 0.55", 0.41
    ),
    an_intent(),
    OrderSeen(
        OrderReport(
            "ct-XRPUSDT-1-s0",
            "XRPUSDT",
            OrderSide.SELL,
            OrderKind.STOP_MARKET,
            OrderStatus.NEW,
            T0 + BAR_MS,
            trigger_price=Decimal("0.6000"),
            close_position=True,
        )
    ),
    a_fill(),
    FundingPaid("XRPUSDT", T0 + 2 * BAR_MS, Decimal("0.0001"), Decimal("-0.00737")),
    a_position(),
    a_trade(),
    an_equity(),
    RiskEvent(T0, "refused", "XRPUSDT", "same-direction", "2 of 2 long slots in use"),
    RiskState(T0, {"slots": {"XRPUSDT": "LONG"}, "day": 19675, "halted": False, "peak": "1001.25"}),
    BotState(T0, "XRPUSDT", "crashed", "Unreachable: no answer"),
    ExchangeState(T0, {"sums": {"wallet": "1000.5"}, "resume_ms": T0}),
    VerdictOverridden(T0, T0 + BAR_MS, "c" * 64, "", "the verdict is no edge", "a try", "alice"),
    Alert(T0, "warning", "XRPUSDT", "market stream lost"),
)
NEW_SINCE_VERSION_1 = (BotState, ExchangeState, VerdictOverridden)
