"""How often the gate lets a model through that knows something, and one that knows nothing.

Signals are made up as rows: what each would have paid is drawn from a chance that the row tells
more or less of, and trades never overlap. Everything after that is the real thing: folds, fits,
ONNX sessions, thresholds, criteria.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from cointrader.domain.clock import DAY_MS
from cointrader.signals.features import feature_names
from cointrader.training import findings
from cointrader.training.alpha import level_of
from cointrader.training.backend import Backend, Sample
from cointrader.training.boosting import Boosting
from cointrader.training.calibration import sigmoid
from cointrader.training.candidate import Tested
from cointrader.training.gate_criteria import GateCriteria
from cointrader.training.gate_measures import against_random, of_findings, traded
from cointrader.training.gate_play import Alone, Judged, let_pass
from cointrader.training.measures import Floats
from cointrader.training.out_of_fold import CONTROLS, Procedure, together
from cointrader.training.pieces import Fit, Job, Piece, fit_piece
from cointrader.training.splits import EMBARGO_MS, expanding

NAMES = feature_names(("BTCUSDT", "ETHUSDT"))
EDGE_OF_070 = 0.788  # deviation of the true log-odds at which they rank trades with an AUC of 0.70

_INFORMED = {"rsi": 0.6, "vol_ratio": 0.6, "btc_rs": -0.53}  # squares add up to 1
_START_MS = 1_704_067_200_000
_WON, _LOST = 1.9, -1.1  # R: target twice as far as the stop, a tenth of the risk for costs
_LABEL_MS = DAY_MS // 4


@dataclass(frozen=True, slots=True)
class World:
    """A made-up symbol.

    Parameters
    ----------
    rows : signals, a fixed number of them a week
    edge : how much rows tell: deviation of the log-odds of winning; 0: nothing
    mean_r : net R of all signals, so what the rule is worth without a filter
    """

    rows: int = 1_800
    edge: float = 0.0
    mean_r: float = 0.0
    per_week: int = 15
    folds: int = 5


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """The rows of one made-up symbol. `odds` are the true ones, as log-odds."""

    sample: Sample
    net_r: Floats
    odds: Floats


def drawn(world: World, seed: int) -> Drawn:
    """Make a symbol up."""
    rng = np.random.default_rng([seed, 11])
    count = world.rows
    rows = rng.normal(size=(count, len(NAMES)))
    rows[:, NAMES.index("signal_strength")] = rng.integers(3, 7, count)
    rows[:, NAMES.index("side")] = rng.integers(0, 2, count)
    told = np.sum([w * rows[:, NAMES.index(name)] for name, w in _INFORMED.items()], axis=0)
    share = (world.mean_r - _LOST) / (_WON - _LOST)
    odds = _middle(world.edge, share) + world.edge * told
    label = (rng.random(count) < sigmoid(odds)).astype(np.int8)
    times = _START_MS + np.arange(count) * (7 * DAY_MS // world.per_week)
    weight = np.exp(2.0 * np.arange(count) / max(count - 1, 1))
    sample = Sample(rows, label, weight, times, times + _LABEL_MS)
    return Drawn(sample, np.where(label == 1, _WON, _LOST), odds)


def _middle(edge: float, share: float) -> float:
    """Mean log-odds at which `share` of the trades win."""
    normal = np.polynomial.hermite_e.hermegauss(40)
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2.0
        won = float(normal[1] @ sigmoid(middle + edge * normal[0]) / normal[1].sum())
        low, high = (middle, high) if won < share else (low, middle)
    return (low + high) / 2.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One model at the gate. `failed` is what it failed at first; "" for one that passed."""

    failed: str

    @property
    def passed(self) -> bool:
        return not self.failed


@dataclass(frozen=True, slots=True, eq=False)
class Weeks:
    """Trainings that came to the gate one after the other; those of one symbol."""

    trials: list[Trial] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether one ever got through."""
        return any(each.passed for each in self.trials)


def come(
    made: Drawn,
    criteria: GateCriteria,
    seed: int,
    attempt: int = 1,
    folds: int = 5,
    backend: Backend | None = None,
) -> Trial:
    """Train on these rows and come to the gate, as the `attempt`-th model of the symbol.

    The answer is that of `gate.judge`; criteria are looked at from the cheap to the dear, and no
    more is fitted once one is not met.
    """
    level = level_of(attempt, criteria.method.alpha)
    for found in _steps(made, criteria, seed, level, folds, backend or Boosting()):
        for each in criteria.criteria:
            if each.measure in found and not each.is_met(found[each.measure], level):
                return Trial(each.measure)
    return Trial("")


def _steps(
    made: Drawn, criteria: GateCriteria, seed: int, level: float, folds: int, backend: Backend
) -> Iterator[dict[str, float]]:
    method = criteria.method
    splits = [(part.train, part.test) for part in expanding(made.sample, folds, EMBARGO_MS)]
    job = Job(made.sample, splits, backend, (), seed)
    needs_controls = any(each.measure.startswith("controls") for each in criteria.criteria)
    procedure = Procedure.of(NAMES, folds, controls=CONTROLS if needs_controls else 0)
    procedure = replace(procedure, repeats=0)
    fits = _fitted(job, procedure.main())
    main = together(job, procedure.main(), fits)
    tested = Tested(
        open_ms=made.sample.open_ms[main.rows],
        label_end_ms=made.sample.label_end_ms[main.rows],
        fold=main.fold,
        side=np.ones(len(main.rows), np.int8),
        label=main.label,
        net_r=made.net_r[main.rows],
        margin=main.margin,
        probability=sigmoid(main.margin),
    )
    passed, is_judged = let_pass(tested)
    judged = Judged(tested.fold[is_judged], passed[is_judged])
    play = Alone(tested.net_r[is_judged])
    own = play.net_r[judged.passed]
    if len(own) == 0 or own.mean() <= 0.0:  # then no lower bound is above 0
        yield {"mean_r_low": float("-inf")}
    yield traded(judged, play, method, level)
    yield against_random(judged, play, method)
    win_ratios = [float(made.sample.label[train].mean()) for train, _ in splits]
    _, calibrated = findings.calibration_of(main, win_ratios)
    for columns in procedure.ablations.values():
        fits |= _fitted(job, procedure.without(columns))
    ablations = findings.ablations_of(job, procedure, fits, main, NAMES)
    for number in range(procedure.controls):
        fits |= _fitted(job, procedure.shuffled(number))
    controls = findings.controls_of(job, procedure, fits, main)
    yield of_findings(findings.ranking_of(main), ablations, controls, calibrated)


def _fitted(job: Job, pieces: list[Piece]) -> dict[str, Fit]:
    return {piece.key: fit_piece(job, piece) for piece in pieces}


def come_weekly(
    world: World,
    criteria: GateCriteria,
    seed: int,
    weeks: int = 52,
    backend: Backend | None = None,
) -> Weeks:
    """Train again every week on all rows there are by then, the last time on all of the world's.

    Ends with the first model that gets through.
    """
    whole, told = drawn(world, seed), Weeks()
    for week in range(weeks):
        count = world.rows - (weeks - 1 - week) * world.per_week
        part = Drawn(whole.sample.take(np.arange(count)), whole.net_r[:count], whole.odds[:count])
        told.trials.append(come(part, criteria, seed, week + 1, world.folds, backend))
        if told.passed:
            break
    return told
