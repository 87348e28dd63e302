"""From the inputs of a report to all its numbers, as plain values. Nothing is worded here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cointrader.backtest.columns import REASONS, Floats, Longs
from cointrader.backtest.own_trades import marked_equity, trade_columns
from cointrader.backtest.report.candles import (
    SymbolCandles,
    drawn_interval,
    plain_trades,
    symbol_candles,
)
from cointrader.backtest.report.figures import (
    Count,
    Equities,
    Group,
    Histogram,
    Month,
    TradeTable,
    by_month,
    by_side,
    by_symbol,
    counted,
    everything,
    histogram,
)
from cointrader.backtest.report.inputs import Judged, ReportInputs
from cointrader.backtest.report.thin import thinned
from cointrader.backtest.statistics.columns import Equity
from cointrader.backtest.statistics.costs import by_costs
from cointrader.backtest.statistics.daily import daily_r
from cointrader.backtest.statistics.metrics import Totals
from cointrader.domain.clock import DAY_MS
from cointrader.market.quality import Finding


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A curve to draw and its fall below its highest value so far, at the same times.

    Of an account `value` is money and `fall` a fraction, of R both are R; `fall` is 0 or below.
    """

    time_ms: Longs
    value: Floats
    fall: Floats
    start: float


@dataclass(frozen=True, slots=True)
class Note:
    """Findings of one kind about one symbol's candles; `detail` and `time_ms` are of the first."""

    symbol: str
    kind: str
    severity: str
    count: int
    time_ms: int
    detail: str


@dataclass(frozen=True, slots=True)
class Account:
    """The run with its own sizing, limits and halts."""

    start_wallet: float
    final_wallet: float
    trades: Group
    max_drawdown_ratio: float
    halted_days: int
    drawdown_halt_ms: int | None
    curve: Curve | None


@dataclass(frozen=True, slots=True)
class Own:
    """The strategy's own trades. `scenarios` are those of `statistics.costs`."""

    trades: Group
    scenarios: dict[str, Totals]
    curve: Curve


@dataclass(frozen=True, slots=True, eq=False)
class ReportData:
    """All numbers of a report.

    `sides`, `symbols`, `histogram` and `reasons` are of the strategy's own trades, or where those
    were not judged of the account's; those named `account_...` always of the account's.
    """

    inputs: ReportInputs
    from_ms: int
    to_ms: int  # end of the last bar, excluded
    account: Account
    own: Own | None
    sides: list[Group]
    symbols: list[Group]
    account_sides: list[Group]
    account_symbols: list[Group]
    months: list[Month]
    histogram: Histogram
    reasons: list[Count]
    account_reasons: list[Count]
    refusals: list[Count]
    notes: list[Note]
    candles: list[SymbolCandles]
    charts: dict[str, object]  # what the page's script reads, as JSON values


def report_data(inputs: ReportInputs) -> ReportData:
    """Count, group and measure. Same inputs, same numbers."""
    account, judged = TradeTable.of(inputs.account), inputs.judged
    own = None if judged is None else TradeTable.of(judged.result)
    told, method = (account, None) if judged is None or own is None else (own, judged.method)
    equity = _equity(inputs)
    of_account = _account(inputs, account, equity)
    of_own = None if judged is None or own is None else _own(inputs, judged, own)
    candles = symbol_candles(inputs.stretch, drawn_interval(inputs.stretch))
    ended = inputs.account if judged is None else judged.result
    return ReportData(
        inputs=inputs,
        from_ms=inputs.stretch.from_ms,
        to_ms=inputs.stretch.to_ms,
        account=of_account,
        own=of_own,
        sides=by_side(told, method),
        symbols=by_symbol(told, inputs.account.symbols, method),
        account_sides=by_side(account, None),
        account_symbols=by_symbol(account, inputs.account.symbols, None),
        months=by_month(own, account, equity),
        histogram=histogram(told.r),
        reasons=counted(ended.reasons, inputs.words.exits),
        account_reasons=counted(inputs.account.reasons, inputs.words.exits),
        refusals=counted(inputs.account.refusals, inputs.words.refusals),
        notes=notes_of(inputs),
        candles=candles,
        charts=_charts(inputs, of_account, of_own, candles),
    )


def notes_of(inputs: ReportInputs) -> list[Note]:
    """Findings about the candles, one line per symbol and kind, the gravest first as given."""
    found: dict[tuple[str, str, str], list[Finding]] = {}
    for symbol, findings in inputs.findings.items():
        for each in findings:
            found.setdefault((symbol, each.kind.value, each.severity.value), []).append(each)
    return [
        Note(*key, count=len(each), time_ms=each[0].time_ms, detail=each[0].detail)
        for key, each in found.items()
    ]


def fall_ratio(value: Floats) -> Floats:
    """How far below its highest value so far, as a fraction: 0 or below."""
    high = np.maximum.accumulate(value)
    fall: Floats = np.where(high > 0.0, value / np.where(high > 0.0, high, 1.0) - 1.0, 0.0)
    return fall


def _equity(inputs: ReportInputs) -> Equities:
    result = inputs.account
    if len(result.equity) == 0:
        ends = np.array([inputs.stretch.from_ms, inputs.stretch.to_ms - 1], np.int64)
        return Equities(ends, np.zeros(0))
    marked: Equity = marked_equity(result)
    return Equities(marked.time_ms, marked.value)


def _account(inputs: ReportInputs, trades: TradeTable, equity: Equities) -> Account:
    result = inputs.account
    value = equity.value
    fall = fall_ratio(value)
    return Account(
        start_wallet=result.start_wallet,
        final_wallet=result.final_wallet,
        trades=everything(trades),
        max_drawdown_ratio=-float(fall.min(initial=0.0)),
        halted_days=result.halted_days,
        drawdown_halt_ms=result.drawdown_halt_ms,
        curve=_account_curve(equity, fall, result.drawdown_halt_ms) if len(value) else None,
    )


def _account_curve(equity: Equities, fall: Floats, halt_ms: int | None) -> Curve:
    keep = [] if halt_ms is None else [int(np.searchsorted(equity.time_ms, halt_ms))]
    keep.append(int(fall.argmin()))
    rows = thinned(equity.value, keep=keep)
    start = float(equity.value[0])
    return Curve(equity.time_ms[rows], equity.value[rows], fall[rows], start)


def _own(inputs: ReportInputs, judged: Judged, trades: TradeTable) -> Own:
    columns = trade_columns(judged.result, inputs.slippage)
    by_day = daily_r(columns, inputs.stretch.from_ms, inputs.stretch.to_ms)
    value = np.cumsum(by_day.value)
    fall = value - np.maximum.accumulate(np.maximum(value, 0.0))
    rows = thinned(value, keep=[int(fall.argmin())])
    return Own(
        trades=everything(trades, judged.verdict.measures),
        scenarios=by_costs(columns),
        curve=Curve(by_day.day[rows] * DAY_MS, value[rows], fall[rows], 0.0),
    )


def _charts(
    inputs: ReportInputs, account: Account, own: Own | None, candles: list[SymbolCandles]
) -> dict[str, object]:
    """Everything that is drawn with the chart library."""
    halt = account.drawdown_halt_ms
    stitched = None if inputs.walk_forward is None else inputs.walk_forward.equity
    trades = {"account": plain_trades(inputs.account, candles)}
    if inputs.judged is not None:
        trades["own"] = plain_trades(inputs.judged.result, candles)
    return {
        "account": None if account.curve is None else _plain(account.curve),
        "halt": None if halt is None else halt // 1_000,
        "own": None if own is None else _plain(own.curve),
        "stitched": None if stitched is None else _plain(_stitched(stitched)),
        "reasons": [inputs.words.exits.get(key, key) for key in REASONS],
        "candles": [each.plain() for each in candles],
        "trades": trades,
    }


def _stitched(equity: Equity) -> Curve:
    fall = fall_ratio(equity.value)
    rows = thinned(equity.value, keep=[int(fall.argmin())])
    return Curve(equity.time_ms[rows], equity.value[rows], fall[rows], float(equity.value[0]))


def _plain(curve: Curve) -> dict[str, object]:
    """As JSON values: times in seconds, and where two fall on one second the later one."""
    seconds = curve.time_ms // 1_000
    kept = np.flatnonzero(np.diff(seconds, append=seconds[-1] + 1))
    return {
        "time": seconds[kept].tolist(),
        "value": _digits(curve.value[kept], 7),
        "fall": _digits(curve.fall[kept], 4),
        "start": curve.start,
    }


def _digits(values: Sequence[float] | Floats, digits: int) -> list[float]:
    return [float(f"{value:.{digits}g}") for value in np.asarray(values).tolist()]
