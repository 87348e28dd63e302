"""A search for people, for machines, and as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from cointrader.app.paper.market import PaperMarket
from cointrader.app.search.space import Space
from cointrader.app.search.sweep import SweepResult
from cointrader.app.words import moment, money
from cointrader.backtest.sweep import ranking
from cointrader.backtest.sweep.header import FUTURE, PAST, WHOLE
from cointrader.backtest.verdict_file import json_number
from cointrader.cli.result_output import memory_words
from cointrader.cli.search_options import share, shown
from cointrader.cli.search_output import choice, table
from cointrader.domain.errors import CointraderError

_FIGURES = ("trades", "mean_r", "t", "profit_factor", "win_ratio", "net", "longs")


def sweep_lines(result: SweepResult, market: PaperMarket, by: str, top: int) -> Iterable[str]:
    """A sweep for people: what it is worth first, its best cells below."""
    head, memory = result.header, memory_words(result.learned)
    yield ""
    if memory:
        yield f"NOT JUDGED: {memory}"
        yield ""
    yield (
        f"{head.cells:,} cells over {', '.join(result.space.base.symbols)}, {market.source.label}, "
        f"{moment(result.from_ms)} to {moment(result.to_ms)} UTC, {result.space.base.sizing}"
    )
    left_out = _left_out(result.space)
    if left_out:
        yield f"left out: {left_out}"
    yield ""
    yield f"  trials             {head.trials:>9,}   configurations ever tried on these candles"
    yield f"  enough trades      {head.enough:>9,}   cells with at least {head.least_trades}"
    yield f"  profitable         {share(head.profitable):>9}   of these"
    yield (
        f"  best / median      {shown(head.best_mean_r, sign=True):>9} / "
        f"{shown(head.median_mean_r, sign=True)} R a trade; the best by {by}"
    )
    if not memory:
        yield from _judgement(result)
    yield from _best(result, by, top)


def _judgement(result: SweepResult) -> Iterable[str]:
    head = result.header
    yield (
        f"  deflated Sharpe    {share(head.deflated_sharpe):>9}   probability that the best "
        f"owes its Sharpe ratio to more than the luck of {head.trials:,} trials"
    )
    yield (
        f"  overfitting        {share(head.overfitting):>9}   probability that the best of the "
        "past is not in the better half after it"
    )
    yield f"  slump              {_slump(result)}"


def _left_out(space: Space) -> str:
    told = []
    if space.twins:
        told.append(f"{space.twins:,} that are the same configuration as another")
    if space.impossible:
        told.append(f"{space.impossible:,} whose settings do not fit together")
    return "; ".join(told)


def _slump(result: SweepResult) -> str:
    slump = result.header.slump
    if slump is None:
        return "too few trades to choose a cell in the past"
    return (
        f"chosen on candles before {moment(result.split_ms)}: "
        f"{shown(slump.past_mean_r, sign=True)} R over {slump.past_trades:,} trades; "
        f"after it {shown(slump.future_mean_r, sign=True)} R over {slump.future_trades:,}"
    )


def _best(result: SweepResult, by: str, top: int) -> Iterable[str]:
    order = _ordered(result, by)[:top]
    if not order:
        return
    names = [axis.name for axis in result.space.axes if len(axis.values) != 1]
    titles = [*names, "trades", "mean R", "t", "factor", "won", "net"]
    rows = []
    columns = _columns(result, WHOLE)
    for cell in order:
        values = result.space.cells[cell]
        rows.append(
            [
                *(values[name] for name in names),
                f"{columns['trades'][cell]:,}",
                shown(columns["mean_r"][cell], sign=True),
                shown(columns["t"][cell], 2, sign=True),
                shown(columns["profit_factor"][cell], 2),
                share(columns["win_ratio"][cell]),
                money(float(columns["net"][cell])),
            ]
        )
    yield ""
    yield from table(titles, rows)


def _columns(result: SweepResult, window: int) -> dict[str, Any]:
    figures = result.table.figures[:, window]
    return {
        "trades": figures["trades"],
        "mean_r": ranking.mean_r(figures),
        "t": ranking.t_value(figures),
        "profit_factor": ranking.profit_factor(figures),
        "win_ratio": ranking.win_ratio(figures),
        "net": figures["net"],
        "longs": figures["longs"],
    }


def _ordered(result: SweepResult, by: str) -> list[int]:
    """Cells with enough trades, the best first; of equals the first."""
    figures = result.table.figures[:, WHOLE]
    values = ranking.values_of(figures, choice(by))
    is_fit = (figures["trades"] >= result.header.least_trades) & ~np.isnan(values)
    order = np.argsort(-values, kind="stable")
    return [int(cell) for cell in order if is_fit[cell]]


def sweep_as_plain(
    result: SweepResult, market: PaperMarket, by: str, top: int
) -> dict[str, object]:
    """A sweep as JSON values; the best `top` cells."""
    head, slump = result.header, result.header.slump
    return {
        "market": market.source.label,
        "symbols": list(result.space.base.symbols),
        "from_ms": result.from_ms,
        "to_ms": result.to_ms,
        "sizing": result.space.base.sizing,
        "data": result.data.hash,
        "by": by,
        "not_judged": memory_words(result.learned) or None,
        "trials": head.trials,
        "new_trials": result.new_trials,
        "cells": head.cells,
        "remembered": result.remembered,
        "twins": result.space.twins,
        "impossible": result.space.impossible,
        "least_trades": head.least_trades,
        "enough_trades": head.enough,
        "profitable": json_number(head.profitable),
        "best_mean_r": json_number(head.best_mean_r),
        "median_mean_r": json_number(head.median_mean_r),
        "deflated_sharpe": json_number(head.deflated_sharpe),
        "luck": json_number(head.luck),
        "overfitting": json_number(head.overfitting),
        "slump": None
        if slump is None
        else {
            "split_ms": result.split_ms,
            "settings": dict(result.space.cells[slump.cell]),
            "past_trades": slump.past_trades,
            "past_mean_r": json_number(slump.past_mean_r),
            "past_profit_factor": json_number(slump.past_profit_factor),
            "future_trades": slump.future_trades,
            "future_mean_r": json_number(slump.future_mean_r),
            "future_profit_factor": json_number(slump.future_profit_factor),
        },
        "top": [_cell(result, cell) for cell in _ordered(result, by)[:top]],
    }


def _cell(result: SweepResult, cell: int) -> dict[str, object]:
    columns = _columns(result, WHOLE)
    return {
        "settings": dict(result.space.cells[cell]),
        "configuration": result.space.identities[cell],
        **{name: json_number(columns[name][cell]) for name in _FIGURES},
    }


def write_cells(result: SweepResult, path: Path) -> None:
    """All cells as CSV, in the order of the search; empty where a figure cannot be told."""
    names = [axis.name for axis in result.space.axes]
    whole, past, future = (_columns(result, window) for window in (WHOLE, PAST, FUTURE))
    head = [*names, *_FIGURES]
    head += [f"{when}_{name}" for when in ("past", "future") for name in _FIGURES[:3]]
    try:
        with path.open("w", newline="", encoding="utf-8") as target:
            writer = csv.writer(target)
            writer.writerow([*head, "configuration"])
            for cell, values in enumerate(result.space.cells):
                numbers = [json_number(whole[name][cell]) for name in _FIGURES]
                for columns in (past, future):
                    numbers += [json_number(columns[name][cell]) for name in _FIGURES[:3]]
                row = ["" if number is None else number for number in numbers]
                writer.writerow(
                    [*(values[name] for name in names), *row, result.space.identities[cell]]
                )
    except OSError as error:
        raise CointraderError(
            "the cells could not be written",
            where=str(path),
            found=error.strerror,
            todo="free the disk or name another file; finished cells are kept",
        ) from error
