"""Searches as values: many settings on the same history, and settings chosen on the past alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cointrader.app.backtest import market_of
from cointrader.app.search.space import Space, search_space, with_own_size
from cointrader.app.search.sweep import SweepResult, Where
from cointrader.app.search.sweep import sweep as play_sweep
from cointrader.app.search.walkforward import Plan, WalkForwardResult, walk_forward
from cointrader.backtest.columns import Longs
from cointrader.backtest.sweep import ranking
from cointrader.backtest.sweep.figures import FIGURES
from cointrader.backtest.sweep.header import WHOLE
from cointrader.backtest.sweep.ranking import Choice
from cointrader.research.frames import Column, frame, trade_frame
from cointrader.research.history import History, changed

if TYPE_CHECKING:
    import polars as pl

Grid = Mapping[str, Sequence[object]]


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """A search that was played. `result` has its arrays; `result.header` what it is worth."""

    result: SweepResult

    @property
    def cells(self) -> pl.DataFrame:
        """One row a cell: its settings as text, and what its own trades came to."""
        figures = self.result.table.figures[:, WHOLE]
        cells = self.result.space.cells
        return frame(
            {
                **{name: [cell[name] for cell in cells] for name in cells[0]},
                "trades": figures["trades"],
                "mean_r": ranking.mean_r(figures),
                "t": ranking.t_value(figures),
                "profit_factor": ranking.profit_factor(figures),
                "win_ratio": ranking.win_ratio(figures),
                "net": figures["net"],
            }
        )

    @property
    def best(self) -> Mapping[str, str] | None:
        """Settings of the chosen cell; None where none has enough trades."""
        place = self.result.header.best
        return None if place is None else self.result.space.cells[place]


@dataclass(frozen=True, slots=True, eq=False)
class WalkForward:
    """A walk-forward that was played. `result.measures` are the figures of all its tests.

    `time_ms` are the bars that `result.trades` name.
    """

    result: WalkForwardResult
    time_ms: Longs

    @property
    def folds(self) -> pl.DataFrame:
        """One row a fold: its times, the settings it chose, and their training and test."""
        found = self.result.tested
        cells = [self.result.space.cells[each.cell] for each in found]
        columns: dict[str, Column] = {
            f"{name}_ms": np.array([getattr(each.fold, f"{name}_ms") for each in found], np.int64)
            for name in ("train_from", "train_to", "test_from", "test_to")
        }
        columns |= {name: [cell[name] for cell in cells] for name in self.result.space.cells[0]}
        for part in ("train", "test"):
            rows = [np.atleast_1d(getattr(each, part)) for each in found]
            figures = np.concatenate(rows) if rows else np.zeros(0, FIGURES)
            columns[f"{part}_trades"] = figures["trades"]
            columns[f"{part}_mean_r"] = ranking.mean_r(figures)
            columns[f"{part}_profit_factor"] = ranking.profit_factor(figures)
        return frame(columns)

    @property
    def trades(self) -> pl.DataFrame:
        """Trades of all tests, in the order in which they ended."""
        symbols = self.result.space.base.symbols
        return trade_frame(self.result.trades, self.time_ms, symbols)

    @property
    def equity(self) -> pl.DataFrame:
        """Marked equity over all tests."""
        told = self.result.equity
        return frame({"time_ms": told.time_ms, "equity": told.value})


def sweep(
    history: History,
    grid: Grid | None = None,
    *,
    draws: int | None = None,
    seed: int = 1,
    least_trades: int = 100,
    by: Choice = "t",
    where: Where | None = None,
    ledger: Path | str | None = None,
    **settings: object,
) -> Search:
    """Play every combination of some settings on a history. Each is a trial.

    Parameters
    ----------
    grid : values by setting, ``{"atr_sl_mult": [1, 1.5, 2]}``; the usual 324 cells by default
    draws, seed : draw so many combinations at random instead of playing all
    least_trades : that a cell needs to be compared
    by : what is best; ``"t"`` is mean R over its standard error
    where : processes, cluster and store; in this process and without a store by default
    ledger : file in which trials are counted; this user's own by default
    settings : changes to the history's configuration, the same for all cells

    Raises what `app.sweep.sweep` raises.
    """
    space = _space(history, grid, draws, seed, settings)
    result = play_sweep(
        space, history.market, least_trades=least_trades, by=by, where=_where(where, ledger)
    )
    return Search(result)


def walkforward(
    history: History,
    grid: Grid | None = None,
    *,
    plan: Plan | None = None,
    draws: int | None = None,
    seed: int = 1,
    least_trades: int = 30,
    by: Choice = "t",
    where: Where | None = None,
    ledger: Path | str | None = None,
    **settings: object,
) -> WalkForward:
    """Choose settings on one stretch of time, judge them on the next, and go on.

    Parameters
    ----------
    plan : how time is cut; 180 days of training and 30 of test by default
    least_trades : that a cell needs in a training to be chosen

    The others are those of `sweep`. Raises what `app.walkforward.walk_forward` raises.
    """
    space = _space(history, grid, draws, seed, settings)
    result = walk_forward(
        space,
        history.market,
        plan or Plan(),
        least_trades=least_trades,
        by=by,
        where=_where(where, ledger),
    )
    candles = market_of(space.base, history.market.source)
    stretch = candles.between(history.market.start_ms, history.market.end_ms)
    return WalkForward(result, stretch.candles.time_ms)


def _space(
    history: History,
    grid: Grid | None,
    draws: int | None,
    seed: int,
    settings: Mapping[str, object],
) -> Space:
    texts = [
        f"{name.upper()}={','.join(str(value) for value in values)}"
        for name, values in (grid or {}).items()
    ]
    base = with_own_size(changed(history.config, settings))
    return search_space(base, texts, draws=draws, seed=seed)


def _where(where: Where | None, ledger: Path | str | None) -> Where:
    if where is not None:
        return where
    return Where(jobs=1, is_stored=False, ledger=None if ledger is None else Path(ledger))
