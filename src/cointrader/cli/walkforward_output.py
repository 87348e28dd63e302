"""A walk-forward for people and for machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cointrader.app.paper.market import PaperMarket
from cointrader.app.search.fold_filter import Judgement
from cointrader.app.search.walkforward import Filtered, WalkForwardResult
from cointrader.app.words import moment
from cointrader.backtest.statistics.evidence import MEASURES
from cointrader.backtest.sweep import ranking
from cointrader.backtest.verdict_file import json_number
from cointrader.cli.search_options import share, shown
from cointrader.cli.search_output import table

_TOLD = (  # of a walk-forward's tests
    "trades", "net", "mean_r", "mean_r_low", "mean_r_high", "profit_factor", "win_ratio",
    "mean_r_long", "mean_r_short", "sharpe", "deflated_sharpe", "luck", "max_drawdown",
    "bearable_costs",
)  # fmt: skip


def walk_lines(result: WalkForwardResult, market: PaperMarket) -> Iterable[str]:
    """A walk-forward for people: fold by fold, then all tests together."""
    plan = result.plan
    kind = "anchored" if plan.anchored else f"rolling, {plan.train:g} days"
    yield ""
    yield (
        f"{len(result.space.cells):,} cells over {', '.join(result.space.base.symbols)}, "
        f"{market.source.label}, {result.space.base.sizing}; training {kind}, "
        f"tests of {plan.test:g} days, embargo {plan.embargo:g}"
    )
    yield ""
    yield from table(
        ["trained from", "to", "tested from", "to", "trades", "mean R", "factor",
         "trades", "mean R", "factor"],
        [_fold(each) for each in result.tested],
    )  # fmt: skip
    yield ""
    for number, each in enumerate(result.tested, 1):
        cell = result.space.cells[each.cell]
        told = " ".join(f"{name}={text}" for name, text in cell.items())
        yield f"  {number}: {told}"
    yield ""
    if result.filtered is not None:
        yield from _filter_lines(result.filtered)
    yield (
        f"  tested             {share(result.coverage)} of the time from "
        f"{moment(result.folds[0].test_from_ms)}; no bar twice"
    )
    yield f"  trials             {result.trials:,} configurations ever tried on these candles"
    if not result.measures:
        yield "  all tests together made no trade"
        return
    filtered = result.filtered
    yield "  all tests together" + (", filtered and unfiltered:" if filtered else ":")
    for name in _TOLD:
        unit = MEASURES[name].unit
        line = f"    {MEASURES[name].words:<58} {_told(result.measures[name], unit)}"
        if filtered is not None and filtered.measures:
            line = f"{line:<78} {_told(filtered.measures[name], unit)}"
        yield line


def _filter_lines(filtered: Filtered) -> Iterable[str]:
    """What each filter was made of; how its training went; and what its test traded without it."""
    rows = []
    for each in filtered.judgements:
        told = [f"{each.number + 1}", each.symbol]
        if each.is_filter:
            told += [f"{each.rows:,}", shown(each.auc, 2), shown(each.threshold, 3), ""]
        else:
            told += ["-", "-", "-", f"unfiltered: {each.why_none}"]
        rows.append(told)
    yield f"  filters by {filtered.name}, each trained on its fold's training alone:"
    titles = ("fold", "symbol", "learned from", "AUC", "passes from", "")
    yield from table(titles, rows)
    yield ""


def _told(value: float, unit: str) -> str:
    match unit:
        case "count":
            return f"{value:,.0f}"
        case "share":
            return share(value)
        case "money":
            return shown(value, 2)
        case "R":
            return f"{shown(value, sign=True)} R"
        case _:
            return shown(value, 2)


def _fold(each: Any) -> list[str]:
    fold, train, test = each.fold, each.train, each.test
    return [
        moment(fold.train_from_ms),
        moment(fold.train_to_ms),
        moment(fold.test_from_ms),
        moment(fold.test_to_ms),
        *_few(train),
        *_few(test),
    ]


def _few(figures: Any) -> list[str]:
    return [
        f"{int(figures['trades'][0]):,}",
        shown(float(ranking.mean_r(figures)[0]), sign=True),
        shown(float(ranking.profit_factor(figures)[0]), 2),
    ]


def walk_as_plain(result: WalkForwardResult, market: PaperMarket) -> dict[str, object]:
    """A walk-forward as JSON values."""
    return {
        "market": market.source.label,
        "symbols": list(result.space.base.symbols),
        "sizing": result.space.base.sizing,
        "data": result.data.hash,
        "cells": len(result.space.cells),
        "trials": result.trials,
        "anchored": result.plan.anchored,
        "train_days": result.plan.train,
        "test_days": result.plan.test,
        "embargo_days": result.plan.embargo,
        "coverage": result.coverage,
        "folds": [_fold_as_plain(result, each) for each in result.tested],
        "measures": {name: json_number(value) for name, value in result.measures.items()},
        "filter": None if result.filtered is None else _filter_as_plain(result.filtered),
        "equity": {
            "days_ms": result.equity.time_ms[_last_of_day(result)].tolist(),
            "value": result.equity.value[_last_of_day(result)].tolist(),
        },
    }


def _filter_as_plain(filtered: Filtered) -> dict[str, object]:
    return {
        "name": filtered.name,
        "trained": [_judgement_as_plain(each) for each in filtered.judgements],
        "unfiltered_tests": [_few_as_plain(each) for each in filtered.unfiltered],
        "unfiltered_measures": {
            name: json_number(value) for name, value in filtered.measures.items()
        },
    }


def _judgement_as_plain(each: Judgement) -> dict[str, object]:
    made = each.is_filter
    return {
        "fold": each.number,
        "symbol": each.symbol,
        "unfiltered_because": each.why_none or None,
        "rows": each.rows,
        "last_outcome_known_ms": each.known_ms if made else None,
        "judges_from_ms": each.from_ms if made else None,
        "auc": json_number(each.auc),
        "threshold": each.threshold if made else None,
    }


def _last_of_day(result: WalkForwardResult) -> list[int]:
    day = result.equity.time_ms // 86_400_000
    return [int(place) for place in np.flatnonzero(np.append(np.diff(day) > 0, True))]


def _fold_as_plain(result: WalkForwardResult, each: Any) -> Mapping[str, object]:
    fold = each.fold
    return {
        "train_from_ms": fold.train_from_ms,
        "train_to_ms": fold.train_to_ms,
        "test_from_ms": fold.test_from_ms,
        "test_to_ms": fold.test_to_ms,
        "settings": dict(result.space.cells[each.cell]),
        "train": _few_as_plain(each.train),
        "test": _few_as_plain(each.test),
    }


def _few_as_plain(figures: Any) -> dict[str, object]:
    return {
        "trades": int(figures["trades"][0]),
        "mean_r": json_number(float(ranking.mean_r(figures)[0])),
        "profit_factor": json_number(float(ranking.profit_factor(figures)[0])),
        "net": json_number(float(figures["net"][0])),
    }
