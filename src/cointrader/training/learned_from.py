"""The rows of a training, also of one that learns from more than the decision population.

What is learned from beside (`wider.Wider`) is never tested. Folds are cut by the decision
population, so ranking, calibration, threshold and gate look at the same rows whatever else was
learned from, and a model that only tells its additions apart gains nothing by it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from cointrader.domain.errors import ConfigError
from cointrader.signals.rules import SignalRule
from cointrader.signals.score import ScoreRule
from cointrader.training import card
from cointrader.training.backend import Sample
from cointrader.training.card import number
from cointrader.training.coverage import Report
from cointrader.training.dataset import Dataset
from cointrader.training.population import Population
from cointrader.training.train import Material
from cointrader.training.wider import NOTHING_ELSE, Wider

Truths = NDArray[np.bool_]


def population_of(wider: Wider, rule: SignalRule, where: str, seed: int) -> Population:
    """Which bars of a symbol become rows.

    Raises
    ------
    ConfigError : the threshold is stricter than the one decided with, or the rule has none
    """
    if wider.threshold is None or wider.threshold == _threshold_of(rule):
        return Population(holds=wider.holds, seed=seed)
    if not isinstance(rule, ScoreRule):
        raise ConfigError(
            "a rule of your own has no score that could be asked for less",
            where=f"--population-threshold, {where}",
            found=rule.name,
            todo="leave --population-threshold out",
        )
    decided = rule.settings.signal_threshold
    if wider.threshold > decided:
        raise ConfigError(
            "a model cannot learn from stricter signals than it is asked about",
            where=f"--population-threshold, {where}",
            found=wider.threshold,
            allowed=f"1 to {decided}, which is SIGNAL_THRESHOLD",
            todo="leave --population-threshold out, or raise SIGNAL_THRESHOLD",
        )
    looser = ScoreRule(replace(rule.settings, signal_threshold=wider.threshold))
    return Population(looser, f"signal_threshold {wider.threshold}", wider.holds, seed)


def decision_rows(rows: Dataset, symbol: str) -> Truths:
    """Which rows are signals that the configured strategy of `symbol` would act on."""
    own: Truths = rows.is_own & (rows.symbol_id == rows.symbols.index(symbol))
    return own


def material_of(
    rows: Dataset, symbol: str, wider: Wider = NOTHING_ELSE, *, rule: SignalRule | None = None
) -> Material:
    """A dataset as a training takes it, with what its report says.

    Parameters
    ----------
    rows : of `symbol`, or of several symbols as one
    wider : what it holds beside the decision population
    rule : the configured one
    """
    is_own = decision_rows(rows, symbol)
    told = None if wider == NOTHING_ELSE else _told(rows, symbol, wider, rule)
    report = rows.report() if told is None else _report_of(rows, is_own, told)
    return Material(
        Sample(rows.rows, rows.label, rows.weight, rows.open_ms, rows.label_end_ms),
        rows.names,
        rows.net_r,
        rows.side,
        report.left_out,
        _hash_of(rows, symbol),
        report.coverage,
        (*report.lines(), *(told.remarks if told else ())),
        drift={
            name: card.Drift(distance=number(each.distance), chance=number(each.chance))
            for name, each in report.drift.items()
        },
        is_tested=None if told is None else is_own,
        kind=None if told is None else _kinds(rows),
        learned_from=told,
    )


def _report_of(rows: Dataset, is_own: Truths, told: card.LearnedFrom) -> Report:
    """Columns as all signals know them; wins, losses and drift of the decision population.

    Bars without a signal have no strength and no side, which is no reason to do without both.
    """
    whole, own = rows.take(rows.side != 0).report(), rows.take(is_own).report()
    missing = {*whole.left_out, *own.left_out}
    return replace(
        own,
        coverage=whole.coverage,
        left_out=tuple(name for name in whole.coverage if name in missing),
        drift={name: each for name, each in own.drift.items() if name not in missing},
        population=told.text,
        dropped=whole.dropped,
    )


def _hash_of(rows: Dataset, symbol: str) -> str:
    """Symbols of a pool share rows and not what is tested: an attempt of one is none of another."""
    if rows.symbols == (symbol,):
        return rows.hash
    return hashlib.sha256(f"{rows.hash} {symbol}".encode()).hexdigest()


def _kinds(rows: Dataset) -> NDArray[np.int64]:
    """Numbers rows of the same kind alike: symbol, and signal, looser signal or none."""
    found: NDArray[np.int64] = 3 * rows.symbol_id + np.where(
        rows.is_own, 0, np.where(rows.side != 0, 1, 2)
    )
    return found


def _told(rows: Dataset, symbol: str, wider: Wider, rule: SignalRule | None) -> card.LearnedFrom:
    counts = {}
    for place, name in enumerate(rows.symbols):
        of = rows.symbol_id == place
        counts[name] = card.Rows(
            signals=int((of & rows.is_own).sum()),
            looser=int((of & ~rows.is_own & (rows.side != 0)).sum()),
            holds=int((of & (rows.side == 0)).sum()),
        )
    others = [name for name in rows.symbols if name != symbol]
    parts = ["the strategy's own signals"]
    if wider.threshold is not None:
        parts.append(f"signals at signal_threshold {wider.threshold}")
    if wider.holds:
        parts.append(f"{wider.holds:g} bars without a signal for each")
    if others:
        parts.append(f"rows of {', '.join(others)}")
    decided = None if wider.threshold is None or rule is None else _threshold_of(rule)
    found = card.LearnedFrom(
        text=", ".join(parts),
        decision_threshold=decided,
        population_threshold=wider.threshold,
        hold_negatives=wider.holds,
        pooled=rows.symbols if wider.is_pooled else (),
        rows=counts,
    )
    return msgspec.structs.replace(found, remarks=tuple(_remarks(found, symbol)))


def _remarks(told: card.LearnedFrom, symbol: str) -> Iterator[str]:
    """How many rows there are of what, and what is dangerous in them."""
    own, others = told.rows[symbol], {n: each for n, each in told.rows.items() if n != symbol}
    yield (
        f"! it answers for {own.signals:,} signals and learns from "
        f"{sum(each.all for each in told.rows.values()):,} rows; all else on this card is told of "
        "the former alone"
    )
    if told.population_threshold is not None:
        looser = sum(each.looser for each in told.rows.values())
        yield (
            f"! {looser:,} looser signals (signal_threshold {told.population_threshold}, decided "
            f"with {told.decision_threshold}): what it learns of them may not hold for stronger "
            "ones"
        )
    if told.hold_negatives:
        holds = sum(each.holds for each in told.rows.values())
        yield (
            f"! {holds:,} bars without a signal count as lost: their missing strength gives them "
            "away, which would look like knowledge on such bars and is none of signals"
        )
    if others:
        names = ", ".join(f"{name} {each.all:,}" for name, each in others.items())
        yield f"! rows of other symbols, as if what moves them moved this one: {names}"


def _threshold_of(rule: SignalRule) -> int | None:
    return rule.settings.signal_threshold if isinstance(rule, ScoreRule) else None
