"""The pages of a run: overview, symbol, and the lists of what happened."""

from __future__ import annotations

from typing import Literal

from cointrader.dashboard.answers.parts import (
    AlertRow,
    Answer,
    BarePosition,
    ControlsState,
    Count,
    DecisionRow,
    Position,
    Run,
    SideName,
    SymbolRow,
    TradeRow,
)

# -- overview --------------------------------------------------------------------------------------


class Account(Answer, frozen=True, kw_only=True):
    """Money and limits in quote currency; a limit of None is off, other None are unknown."""

    base: float
    wallet: float
    equity: float
    unrealised: float
    open_risk: float
    day_start: float | None
    day_loss: float | None
    day_loss_ratio: float | None
    max_daily_loss: float | None
    day_loss_with_open_risk_ratio: float | None
    is_day_halted: bool
    halted_days: int
    high_water: float | None
    drawdown_ratio: float | None
    max_drawdown: float | None
    is_drawdown_halted: bool
    is_paused: bool
    unknown_results: list[str]


class Slots(Answer, frozen=True, kw_only=True):
    """Positions in use and allowed."""

    used: int
    most: int | None
    long: int
    short: int
    most_same_direction: int | None


class EquityPoint(Answer, frozen=True, kw_only=True):
    at_ms: int
    equity: float
    wallet: float


class Overview(Answer, frozen=True, kw_only=True):
    """The first page. `equity` has at most 500 points, extremes kept, of `equity_marks` marks."""

    now_ms: int
    run: Run
    controls: ControlsState
    account: Account
    slots: Slots
    positions: list[Position]
    without_levels: list[BarePosition]
    symbols: list[SymbolRow]
    equity: list[EquityPoint]
    equity_marks: int
    trades: int
    net: float
    refusals_today: list[Count]
    last_trades: list[TradeRow]
    last_alerts: list[AlertRow]


class Symbols(Answer, frozen=True, kw_only=True):
    symbols: list[SymbolRow]


# -- symbol ----------------------------------------------------------------------------------------


class CandleRow(Answer, frozen=True, kw_only=True):
    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class TradeMark(Answer, frozen=True, kw_only=True):
    """A trade on the chart; exit fields are None while it is open."""

    trade_id: str
    side: SideName
    entry_ms: int
    entry_price: float
    exit_ms: int | None
    exit_price: float | None
    reason: str
    reason_text: str
    net: float | None


class Line(Answer, frozen=True, kw_only=True):
    """A stop or target in force from one bar to another; `to_ms` None: still."""

    trade_id: str
    kind: Literal["stop", "target"]
    price: float
    from_ms: int
    to_ms: int | None


class SymbolPage(Answer, frozen=True, kw_only=True):
    """One symbol's chart, from `from_ms` to `to_ms`, excluded; decisions newest first.

    `candles` is empty where they cannot be had, and `why_no_candles` says why. There is more
    between `first_ms` and `last_ms`.
    """

    symbol: str
    interval_ms: int
    from_ms: int
    to_ms: int
    first_ms: int
    last_ms: int
    candles: list[CandleRow]
    candles_from: str
    why_no_candles: str
    trades: list[TradeMark]
    lines: list[Line]
    position: Position | None
    state: SymbolRow
    decisions: list[DecisionRow]


# -- lists -----------------------------------------------------------------------------------------


class Decisions(Answer, frozen=True, kw_only=True):
    """Newest first. `next` continues below the last; None: there is nothing older.

    A rare filter may answer fewer than asked, and even none, with a `next`: it looked at bars back
    to `looked_to_ms`.
    """

    decisions: list[DecisionRow]
    next: str | None
    looked_to_ms: int | None


class Reasons(Answer, frozen=True, kw_only=True):
    """What bars of a time answered, counted.

    `actions` are the answers, `gates` what kept signals back, `refusals` who refused entries.
    """

    from_ms: int
    to_ms: int
    bars: int
    actions: list[Count]
    gates: list[Count]
    refusals: list[Count]


class Trades(Answer, frozen=True, kw_only=True):
    """Newest first; `count` and `net` are of all that meet the filters."""

    trades: list[TradeRow]
    next: str | None
    count: int
    net: float


class Costs(Answer, frozen=True, kw_only=True):
    """Where the money went: ``net = before_costs - slippage - fee + funding``.

    `slippage` is None where fills were not simulated; it is inside `gross` then too.
    """

    key: str
    trades: int
    wins: int
    before_costs: float
    slippage: float | None
    gross: float
    fee: float
    funding: float
    net: float


class CostPage(Answer, frozen=True, kw_only=True):
    """Costs of all trades that meet the filters, and of each symbol, worst net first."""

    total: Costs
    symbols: list[Costs]
    why_no_slippage: str


class Alerts(Answer, frozen=True, kw_only=True):
    """Newest first."""

    alerts: list[AlertRow]
    next: str | None
