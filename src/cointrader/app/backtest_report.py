"""`--report FILE`: a backtest, or a search, as a page of HTML.

require_report_writable(path)  # before the run
judged = Judged(judgement.own, judgement.kept.verdict, criteria.method)
write_report(path, report_inputs(config, market, result, judged=judged, made_ms=now_ms))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cointrader import __version__
from cointrader.app.backtest import market_of, summary_of
from cointrader.app.config.config import AROUND_TRADING, Config
from cointrader.app.paper.market import PaperMarket
from cointrader.app.report_file import write_page
from cointrader.app.words import EXITS, REFUSALS
from cointrader.backtest.market import Market
from cointrader.backtest.report import render, report_data
from cointrader.backtest.report.heat import heat_maps
from cointrader.backtest.report.inputs import (
    Costs,
    Fold,
    Judged,
    ReportInputs,
    Side,
    Sweep,
    SweepFigure,
    WalkForward,
    Words,
)
from cointrader.backtest.report.words import percent
from cointrader.backtest.result import BacktestResult
from cointrader.market.quality import Finding
from cointrader.market.synthetic import SyntheticSource

if TYPE_CHECKING:
    from cointrader.app.search.sweep import SweepResult
    from cointrader.app.search.walkforward import WalkForwardResult
    from cointrader.backtest.sweep.header import SearchHeader
    from cointrader.backtest.walkforward.choosing import Tested


def write_report(path: Path, inputs: ReportInputs) -> None:
    """Make the page and write it. `CointraderError` where the disk refuses."""
    write_page(path, render(report_data(inputs)))


def report_inputs(
    config: Config,
    market: PaperMarket,
    result: BacktestResult,
    *,
    made_ms: int,
    candles: Market | None = None,
    judged: Judged | None = None,
    remarks: Sequence[str] = (),
    sweep: Sweep | None = None,
    walk_forward: WalkForward | None = None,
) -> ReportInputs:
    """What a report tells of one backtest.

    Parameters
    ----------
    result : what `app.backtest.backtest` made of `config` and `market`
    made_ms : now, epoch ms
    candles : of `market`, where they are at hand
    judged : the strategy's own trades with their verdict; without them the report has none
    remarks : further sentences about the data, such as symbols that were not found
    """
    slippage = config.slippage_bps / 10_000
    summary = summary_of(result, slippage)
    candles = market_of(config, market.source) if candles is None else candles
    is_made_up = isinstance(market.source, SyntheticSource)
    return ReportInputs(
        title=f"{config.signal} on {_symbols(config.symbols)}",
        market=market.source.label,
        is_made_up=is_made_up,
        profile=config.profile,
        stretch=candles.between(market.start_ms, market.end_ms),
        account=result,
        costs=Costs(
            gross=float(summary.gross),
            slippage=float(summary.slippage),
            fees=float(summary.fees),
            funding=float(summary.funding),
            net=float(summary.net),
        ),
        slippage=slippage,
        made_ms=made_ms,
        version=__version__,
        judged=judged,
        settings=config.shown(without=AROUND_TRADING),
        deviations=config.deviations(),
        findings=_findings(config, market),
        remarks=remarks,
        words=Words(REFUSALS, {reason.value: words for reason, words in EXITS.items()}),
        sweep=sweep,
        walk_forward=walk_forward,
    )


def sweep_part(result: SweepResult) -> Sweep:
    """What a report shows of a search: its head, and heat maps of mean R by pairs of settings."""
    # Here and not above: a plain backtest needs nothing of a search.
    from cointrader.backtest.sweep.header import WHOLE
    from cointrader.backtest.sweep.ranking import mean_r

    header, cells = result.header, result.space.cells
    figures = result.table.figures[:, WHOLE]
    enough = figures["trades"] >= header.least_trades
    lines = [
        SweepFigure("configurations ever tried on these candles", header.trials, "count"),
        SweepFigure("configurations of this search", header.cells, "count"),
        SweepFigure(f"of them with {header.least_trades} trades or more", header.enough, "count"),
        SweepFigure("of those, the share that earned something", header.profitable, "share"),
        SweepFigure("mean result of a trade, the chosen one", header.best_mean_r, "R"),
        SweepFigure("mean result of a trade, the median one", header.median_mean_r, "R"),
        SweepFigure("deflated Sharpe ratio of the chosen one", header.deflated_sharpe, "share"),
        SweepFigure("probability of so good a result by luck", header.luck, "share"),
        SweepFigure("probability of backtest overfitting", header.overfitting, "share"),
    ]
    if (slump := header.slump) is not None:
        lines += [
            SweepFigure("mean result of the past’s choice, in the past", slump.past_mean_r, "R"),
            SweepFigure("and in the future that followed", slump.future_mean_r, "R"),
        ]
    chosen = None if header.best is None else cells[header.best]
    return Sweep(
        tuple(lines),
        heat_maps(
            cells,
            np.where(enough, mean_r(figures), np.nan),
            figures["trades"].astype(np.int64),
            measure="mean R a trade",
            chosen=chosen,
        ),
        "" if chosen is None else _settings(chosen),
        _sweep_says(header),
    )


def _sweep_says(header: SearchHeader) -> tuple[str, ...]:
    if header.best is None:
        least = header.least_trades
        return (f"Nothing can be said: no configuration had {least} trades or more.",)
    return (
        f"The best of {header.enough:,} configurations made {header.best_mean_r:+.3f} R a trade, "
        f"the median one {header.median_mean_r:+.3f} R.",
        f"That the best owes this to more than the luck of {header.trials:,} tries has a "
        f"probability of {percent(header.deflated_sharpe)}. Over all ways to split the time, the "
        "best of the past was in the worse half of what followed in "
        f"{percent(header.overfitting)}.",
    )


def walk_forward_part(result: WalkForwardResult) -> WalkForward:
    """What a report shows of a walk-forward: its folds, and the equity of all tests together."""
    return WalkForward(
        kind="anchored" if result.plan.anchored else "rolling",
        folds=tuple(_fold(each, result.space.cells[each.cell]) for each in result.tested),
        coverage_ratio=result.coverage,
        equity=result.equity,
        says=_walk_says(result.measures),
    )


def _walk_says(measures: Mapping[str, float]) -> tuple[str, ...]:
    count = int(measures.get("trades", 0))
    if not count:
        return ("Nothing can be said: the tests made no trade.",)
    mean, low, high = (measures[name] for name in ("mean_r", "mean_r_low", "mean_r_high"))
    shown = "above zero: more than chance" if low > 0 else "not above zero: nothing is shown"
    return (
        f"Chosen on the past and judged on what followed: {count:,} trades, {mean:+.3f} R each.",
        f"Their mean lies between {low:+.3f} and {high:+.3f} R: the lower end is {shown}.",
    )


def _fold(tested: Tested, cell: Mapping[str, str]) -> Fold:
    fold = tested.fold
    return Fold(
        _side(fold.train_from_ms, fold.train_to_ms, tested.train),
        _side(fold.test_from_ms, fold.test_to_ms, tested.test),
        _settings(cell),
    )


def _side(from_ms: int, to_ms: int, figures: NDArray[np.void]) -> Side:
    from cointrader.backtest.sweep.ranking import mean_r, profit_factor

    row = np.atleast_1d(figures)
    return Side(
        from_ms, to_ms, int(row["trades"][0]), float(mean_r(row)[0]), float(profit_factor(row)[0])
    )


def _settings(cell: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in cell.items())


def _findings(config: Config, market: PaperMarket) -> dict[str, Sequence[Finding]]:
    """What is odd about the candles of each traded symbol; made-up ones have nothing."""
    look = getattr(market.source, "findings", None)
    return {} if look is None else {symbol: look(symbol) for symbol in config.symbols}


def _symbols(symbols: Sequence[str]) -> str:
    return symbols[0] if len(symbols) == 1 else f"{len(symbols)} symbols"
