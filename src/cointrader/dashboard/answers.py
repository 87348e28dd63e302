"""What the API answers, as types: the OpenAPI file is made of them, and tests hold answers to them.

Money, prices and ratios are the nearest float64, times epoch ms UTC, ratios fractions. None is
"not known" or, for a limit, "off".
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

SideName = Literal["long", "short"]
ModelState = Literal["served", "none", "broken", "off", "unknown"]
Phase = Literal["running", "finished", "resumable", "stopped"]


class _Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every part of an answer. A field that is not declared here is a mistake."""


# -- who asks -------------------------------------------------------------------------------------


class Session(_Answer, frozen=True, kw_only=True):
    """Whether a browser is logged in. `csrf` goes into the header X-CSRF-Token of every POST."""

    is_logged_in: bool
    csrf: str
    expires_ms: int | None


class Problem(_Answer, frozen=True, kw_only=True):
    """Why nothing was done. `code` is stable, `text` and `todo` are for a person."""

    code: str
    text: str
    todo: str = ""


class Refused(_Answer, frozen=True, kw_only=True):
    """The answer to every request that failed."""

    error: Problem


# -- pieces of several pages ----------------------------------------------------------------------


class Writer(_Answer, frozen=True, kw_only=True):
    """The process that writes the journal now."""

    pid: int | None
    since_ms: int


class ControlsState(_Answer, frozen=True, kw_only=True):
    """Whether commands can be given, and if not, why."""

    are_possible: bool
    why_not: str


class Run(_Answer, frozen=True, kw_only=True):
    """The last run in the journal. `phase`: running, finished, resumable or stopped."""

    mode: str
    market: str
    profile: str
    interval: str
    interval_ms: int
    version: str
    symbols: list[str]
    started_ms: int
    starts: int
    to_ms: int
    phase: Phase
    writer: Writer | None
    verdict: str | None
    models: str | None


class Part(_Answer, frozen=True, kw_only=True):
    """Points that one indicator gave to one side."""

    name: str
    side: SideName
    points: int
    text: str


class DecisionRow(_Answer, frozen=True, kw_only=True):
    """One bar's answer. `gate` is what kept the signal from being one, `refusal` who said no."""

    symbol: str
    bar_open_ms: int
    action: str
    side: SideName | None
    score: int
    threshold: int | None
    parts: list[Part]
    gate: str
    gate_text: str
    refusal: str
    refusal_text: str
    detail: str
    probability: float | None


class TradeRow(_Answer, frozen=True, kw_only=True):
    """A closed trade: ``net = gross - fee + funding``; `slippage` is inside gross already.

    `slippage` is None where fills were not simulated; `r` is net in units of the first risk.
    """

    trade_id: str
    symbol: str
    side: SideName
    entry_ms: int
    exit_ms: int
    entry_price: float
    exit_price: float
    quantity: float
    reason: str
    reason_text: str
    gross: float
    slippage: float | None
    fee: float
    funding: float
    net: float
    r: float | None


class AlertRow(_Answer, frozen=True, kw_only=True):
    at_ms: int
    level: str
    symbol: str
    text: str


class Position(_Answer, frozen=True, kw_only=True):
    """An open position. `mark` is the last price the journal knows for it, `mark_ms` when.

    Distances are fractions of the mark: to the stop, to the target, to liquidation, positive while
    the price is on the right side. `liquidation_price` is reckoned from entry, leverage and stored
    brackets; the exchange's own differs a little.
    """

    symbol: str
    side: SideName
    trade_id: str
    quantity: float
    entry_price: float
    entry_ms: int
    stop: float
    target: float
    at_stop: float
    mark: float | None
    mark_ms: int | None
    unrealised: float | None
    unrealised_ratio: float | None
    stop_distance: float | None
    target_distance: float | None
    liquidation_price: float | None
    liquidation_distance: float | None


class SymbolRow(_Answer, frozen=True, kw_only=True):
    """One symbol and its bot. `state` as in the journal, or stopped, or unknown."""

    symbol: str
    state: str
    detail: str
    side: SideName | None
    last_bar_ms: int | None
    last_action: str | None
    last_refusal: str
    trades: int
    net: float
    kill_switches: list[str]


class Count(_Answer, frozen=True, kw_only=True):
    """How often something was so; `text` says it in words."""

    key: str
    text: str
    count: int


# -- overview -------------------------------------------------------------------------------------


class Account(_Answer, frozen=True, kw_only=True):
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


class Slots(_Answer, frozen=True, kw_only=True):
    """Positions in use and allowed."""

    used: int
    most: int | None
    long: int
    short: int
    most_same_direction: int | None


class EquityPoint(_Answer, frozen=True, kw_only=True):
    at_ms: int
    equity: float
    wallet: float


class Overview(_Answer, frozen=True, kw_only=True):
    """The first page. `equity` has at most 500 points, extremes kept, of `equity_marks` marks."""

    now_ms: int
    run: Run
    controls: ControlsState
    account: Account
    slots: Slots
    positions: list[Position]
    symbols: list[SymbolRow]
    equity: list[EquityPoint]
    equity_marks: int
    trades: int
    net: float
    refusals_today: list[Count]
    last_trades: list[TradeRow]
    last_alerts: list[AlertRow]


class Symbols(_Answer, frozen=True, kw_only=True):
    symbols: list[SymbolRow]


# -- symbol ---------------------------------------------------------------------------------------


class CandleRow(_Answer, frozen=True, kw_only=True):
    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class TradeMark(_Answer, frozen=True, kw_only=True):
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


class Line(_Answer, frozen=True, kw_only=True):
    """A stop or target in force from one bar to another; `to_ms` None: still."""

    trade_id: str
    kind: Literal["stop", "target"]
    price: float
    from_ms: int
    to_ms: int | None


class SymbolPage(_Answer, frozen=True, kw_only=True):
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


# -- lists ----------------------------------------------------------------------------------------


class Decisions(_Answer, frozen=True, kw_only=True):
    """Newest first. `next` continues below the last; None: there is nothing older.

    A rare filter may answer fewer than asked, and even none, with a `next`: it looked at bars back
    to `looked_to_ms`.
    """

    decisions: list[DecisionRow]
    next: str | None
    looked_to_ms: int | None


class Reasons(_Answer, frozen=True, kw_only=True):
    """What bars of a time answered, counted.

    `actions` are the answers, `gates` what kept signals back, `refusals` who refused entries.
    """

    from_ms: int
    to_ms: int
    bars: int
    actions: list[Count]
    gates: list[Count]
    refusals: list[Count]


class Trades(_Answer, frozen=True, kw_only=True):
    """Newest first; `count` and `net` are of all that meet the filters."""

    trades: list[TradeRow]
    next: str | None
    count: int
    net: float


class Costs(_Answer, frozen=True, kw_only=True):
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


class CostPage(_Answer, frozen=True, kw_only=True):
    """Costs of all trades that meet the filters, and of each symbol, worst net first."""

    total: Costs
    symbols: list[Costs]
    why_no_slippage: str


class Alerts(_Answer, frozen=True, kw_only=True):
    """Newest first."""

    alerts: list[AlertRow]
    next: str | None


# -- models ---------------------------------------------------------------------------------------


class FeatureDrift(_Answer, frozen=True, kw_only=True):
    """One feature of the rows judged live. 0.01 outside of the training's usual range is usual."""

    feature: str
    missing_share: float
    outside_share: float | None


class Drift(_Answer, frozen=True, kw_only=True):
    """`source`: who counted, the running process or this page from stored candles."""

    rows: int
    source: str
    features: list[FeatureDrift]


class Probabilities(_Answer, frozen=True, kw_only=True):
    """What the model answered in the last `days`. `bins`: counts of ten equal ranges of 0 to 1;
    `passed`: how many it did not refuse."""

    days: int
    count: int
    mean: float | None
    passed: int
    bins: list[int]


class Model(_Answer, frozen=True, kw_only=True):
    """The filter of one symbol. `state`: served, none, broken or off, as the run began.

    What follows `words` is None where there is no readable model in the folder now. `card` is the
    model card as training wrote it.
    """

    symbol: str
    state: ModelState
    words: str
    identity: str | None
    backend: str | None
    threshold: float | None
    rule: str | None
    rows: int | None
    made_ms: int | None
    trained_from_ms: int | None
    trained_to_ms: int | None
    features: list[str]
    left_out: list[str]
    gate: str | None
    gate_facts: dict[str, Any]
    metrics: dict[str, float | None]
    card: dict[str, Any] | None
    drift: Drift | None
    why_no_drift: str
    probabilities: Probabilities


class Models(_Answer, frozen=True, kw_only=True):
    folder: str | None
    models: list[Model]


# -- health ---------------------------------------------------------------------------------------


class JournalHealth(_Answer, frozen=True, kw_only=True):
    """The file itself, sizes in bytes; `newest_ms` is its newest record, by the record's time."""

    path: str
    size: int
    wal_size: int
    written_ms: int
    newest_ms: int | None
    schema: int


class Versions(_Answer, frozen=True, kw_only=True):
    """`run` traded, `dashboard` shows it."""

    run: str
    dashboard: str
    python: str
    sqlite: str


class Health(_Answer, frozen=True, kw_only=True):
    """`process` is what the running process tells of itself, None where none answers."""

    now_ms: int
    run: Run
    controls: ControlsState
    journal: JournalHealth
    versions: Versions
    process: dict[str, Any] | None
    why_no_process: str
    bots: list[SymbolRow]


# -- control --------------------------------------------------------------------------------------


class Asked(_Answer, frozen=True, kw_only=True):
    """The body of a control request. `confirm` repeats the action, and the symbol if there is one:
    ``{"symbol": "XRPUSDT", "confirm": "flatten XRPUSDT"}`` or ``{"confirm": "pause"}``.
    """

    confirm: str
    symbol: str | None = None


class Done(_Answer, frozen=True, kw_only=True):
    """What the running process answered; `is_done` False: it did not, or not wholly."""

    is_done: bool
    lines: list[str]
    values: dict[str, Any]


class Login(_Answer, frozen=True, kw_only=True):
    """The body of a login."""

    token: str


class Alive(_Answer, frozen=True, kw_only=True):
    """The answer of /healthz, which needs no token and tells nothing else."""

    status: Literal["ok"]
