"""What is measured of a filter: its trades beside those without it, and what its card says.

All of it comes from rows that no model had seen when it spoke of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np

from cointrader.backtest.statistics.bootstrap import interval, mean_of
from cointrader.training.card import Ablation, Calibrated, Card, Controls, Number, Ranking
from cointrader.training.gate_criteria import GateMethod
from cointrader.training.gate_play import Judged, Player, Truths
from cointrader.training.measures import Floats, calibration_chance


def measured(
    judged: Judged,
    play: Player,
    card: Card,
    method: GateMethod,
    level: float,
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> dict[str, float]:
    """Every measure of a filter; NaN for what cannot be told.

    Parameters
    ----------
    level : of one-sided bounds
    on_progress : told how many random filters more were played, and of how many
    """
    return {
        **traded(judged, play, method, level),
        **against_random(judged, play, method, on_progress),
        **of_card(card),
    }


def traded(judged: Judged, play: Player, method: GateMethod, level: float) -> dict[str, float]:
    """The trades of the signals that pass, beside those of all signals.

    ``more_r`` is what the filter adds: for each signal there was the R of its trade with the filter
    minus that without, 0 where it made none. The two runs are of the same signals on the same
    candles, so the signals are pairs, and runs of them are drawn together.
    """
    with_it, without = play(judged.passed), play(np.ones(len(judged), np.bool_))
    own, all_of_them = with_it[~np.isnan(with_it)], without[~np.isnan(without)]
    more = np.nan_to_num(with_it) - np.nan_to_num(without)
    return {
        "signals": float(len(judged)),
        "kept_share": _mean(judged.passed.astype(np.float64)),
        "trades": float(len(own)),
        "mean_r": _mean(own),
        "mean_r_low": lower_bound(own, method, level),
        "net_r": float(own.sum()),
        "all_trades": float(len(all_of_them)),
        "all_mean_r": _mean(all_of_them),
        "all_net_r": float(all_of_them.sum()),
        "more_r": _mean(more),
        "more_r_low": lower_bound(more, method, level),
    }


def lower_bound(values: Floats, method: GateMethod, level: float) -> float:
    """Below which the mean of a series in time order lies with a chance of `level`.

    The lower of two: the drawn share itself (stationary bootstrap), and as many standard errors
    below the mean as a normal distribution says. The first knows skewness, the second the far tail,
    of which ten thousand draws say nothing. NaN for fewer than 2 values.
    """
    if len(values) < 2:
        return math.nan
    found = interval(
        mean_of, values, seed=method.seed, confidence=1.0 - 2.0 * level, draws=method.draws
    )
    return min(found.low, found.value + NormalDist().inv_cdf(level) * found.error)


def against_random(
    judged: Judged,
    play: Player,
    method: GateMethod,
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> dict[str, float]:
    """The mean R of its trades among those of filters that know nothing.

    Each lets as many signals of each fold pass, drawn at random, and is played in the same way. So
    neither refusing many, nor refusing in a bad year, counts as knowing something.

    ``random_p`` counts the filter itself as one such draw. Where no draw did as well, the draws
    cannot tell how seldom that is, and a normal distribution with their mean and deviation does.
    NaN for a filter that lets all or none pass.
    """
    own = _mean_r(play(judged.passed))
    kept = int(judged.passed.sum())
    if not 0 < kept < len(judged) or math.isnan(own):
        return {"random_mean_r": math.nan, "random_p": math.nan}
    rng = np.random.default_rng([method.seed, 1])
    drawn = np.empty(method.random_filters)
    for place in range(len(drawn)):
        mean = _mean_r(play(_as_many(judged, rng)))
        drawn[place] = 0.0 if math.isnan(mean) else mean
        on_progress(1, len(drawn))
    return {"random_mean_r": _mean(drawn), "random_p": chance_of(own, drawn)}


def chance_of(own: float, drawn: Floats) -> float:
    """How often a draw is at least `own`."""
    as_good, spread = int((drawn >= own).sum()), float(drawn.std(ddof=1))
    normal = NormalDist().cdf((float(drawn.mean()) - own) / spread) if spread > 0.0 else 1.0
    return normal if as_good == 0 else max((as_good + 1) / (len(drawn) + 1), normal)


def _as_many(judged: Judged, rng: np.random.Generator) -> Truths:
    """As many of each fold, at random."""
    passed = judged.passed.copy()
    for fold in np.unique(judged.fold):
        own = judged.fold == fold
        passed[own] = rng.permutation(passed[own])
    return passed


def of_card(card: Card) -> dict[str, float]:
    """What the card knows: ranking, ablations, shuffled labels, calibration."""
    return of_findings(card.ranking, card.ablations, card.controls, card.calibration)


def of_findings(
    ranking: Ranking,
    ablations: Sequence[Ablation],
    controls: Controls,
    calibrated: Calibrated,
) -> dict[str, float]:
    """The same of the parts of a card."""
    aucs = [value for value in controls.aucs if value is not None]
    return {
        "auc": _number(ranking.auc),
        "auc_low": _number(ranking.low),
        "ablation_auc_low": _least([_number(each.low) for each in ablations]),
        "controls": float(len(aucs)),
        "controls_distance": abs(_number(controls.mean) - 0.5),
        "controls_p": (controls.at_or_above + 1) / (len(aucs) + 1) if aucs else math.nan,
        "calibration_slope": calibrated.slope,
        "brier_gain": _number(calibrated.brier_of_share) - _number(calibrated.brier),
        "calibration_error": _number(calibrated.error),
        "calibration_excess": _number(calibrated.error) - calibration_chance(calibrated.groups),
    }


def _number(value: Number) -> float:
    return math.nan if value is None else value


def _least(values: list[float]) -> float:
    """NaN where one cannot be told, or there is none."""
    return float(np.min(values)) if values else math.nan


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan


def _mean_r(results: Floats) -> float:
    return _mean(results[~np.isnan(results)])
