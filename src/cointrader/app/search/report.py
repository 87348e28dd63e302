"""`--report FILE` of a search: what was searched, and an account that trades what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cointrader.app.backtest import prepared
from cointrader.app.backtest_report import (
    report_inputs,
    sweep_part,
    walk_forward_part,
    write_report,
)
from cointrader.app.config import Config
from cointrader.app.paper.market import PaperMarket
from cointrader.app.search.cell import configured
from cointrader.app.search.sweep import SweepResult
from cointrader.app.search.walkforward import WalkForwardResult
from cointrader.backtest.report.inputs import Sweep, WalkForward
from cointrader.backtest.run import run

_BALANCE = 1000.0  # of the account beside a walk-forward


def write_sweep_report(
    path: Path,
    result: SweepResult,
    config: Config,
    market: PaperMarket,
    *,
    balance: float,
    made_ms: int,
    models: Path | None = None,
) -> None:
    """The search, and the account as the chosen cell would have traded it on the same candles.

    `config` says how the account sizes its entries; the search itself had a fixed size. `models` is
    the folder of those that judge signals, None where nothing does.
    """
    best = result.header.best
    if best is None:
        remark = "No configuration had trades enough: the account was traded as configured."
    else:
        config = configured(config, result.space.cells[best])
        remark = "The account was traded with the settings that did best on these very candles."
    remarks = [remark]
    if result.learned:
        remarks.append(
            "Models have learned from these very candles and know how they went on: what follows "
            "is their memory, and no evidence."
        )
    _write(path, config, market, balance, made_ms, remarks, models, sweep=sweep_part(result))


def write_walk_report(
    path: Path, result: WalkForwardResult, config: Config, market: PaperMarket, *, made_ms: int
) -> None:
    """The folds, and beside them the account as configured, which chooses nothing."""
    remark = "The account was traded as configured, over the whole time; the folds chose anew."
    part = walk_forward_part(result)
    _write(path, config, market, _BALANCE, made_ms, [remark], walk_forward=part)


def _write(
    path: Path,
    config: Config,
    market: PaperMarket,
    balance: float,
    made_ms: int,
    remarks: Sequence[str],
    models: Path | None = None,
    *,
    sweep: Sweep | None = None,
    walk_forward: WalkForward | None = None,
) -> None:
    judges = None
    if models is not None:
        from cointrader.app.model_state import state_lines
        from cointrader.app.models import Models

        judges = Models(config, models, is_paper=True)
        remarks = [*remarks, *state_lines(judges.states())]
    ready = prepared(config, market, models=judges)
    played = run(ready.candles, ready.signals, ready.settings(balance=balance))
    inputs = report_inputs(
        config,
        market,
        played,
        made_ms=made_ms,
        candles=ready.candles,
        remarks=tuple(remarks),
        sweep=sweep,
        walk_forward=walk_forward,
    )
    write_report(path, inputs)
