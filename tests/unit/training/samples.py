"""Small samples to learn from: what a row says of its label is known, because it was planted."""

from __future__ import annotations

import numpy as np

from cointrader.signals.features import feature_names
from cointrader.training.backend import Sample
from cointrader.training.boosting import Boosting, BoostingSettings
from cointrader.training.calibration import sigmoid
from cointrader.training.train import Material, Plan, Subject

NAMES = feature_names(["BTCUSDT", "ETHUSDT"])
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
START_MS = 1_735_689_600_000
LABEL_MS = 6 * HOUR_MS  # until an outcome is known

QUICK = Boosting(BoostingSettings(num_boost_round=8, learning_rate=0.15, min_data_in_leaf=15))
SUBJECT = Subject("XRPUSDT", "15m", "score", "engine", {"SIGNAL_THRESHOLD": "3"})


def sample(count=600, edge=0.0, seed=1, missing=0.05):
    """Signals ten hours apart; `edge` is how much the first column says of the label."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, len(NAMES)))
    rows[:, 0] = rng.normal(50.0, 12.0, count)  # rsi, on a scale of its own
    rows[:, NAMES.index("signal_strength")] = rng.integers(3, 7, count)
    rows[:, NAMES.index("side")] = rng.integers(0, 2, count)
    label = (rng.random(count) < sigmoid(edge * (rows[:, 0] - 50.0) / 12.0)).astype(np.int8)
    hidden = rng.random(rows.shape) < missing
    hidden[:, NAMES.index("signal_strength")] = hidden[:, NAMES.index("side")] = False
    rows[hidden] = np.nan
    times = START_MS + 10 * HOUR_MS * np.arange(count)
    weight = np.exp(2.0 * np.arange(count) / count)
    return Sample(rows, label, weight, times, times + LABEL_MS)


def material(count=600, edge=0.0, seed=1, left_out=()):
    made = sample(count, edge, seed)
    side = np.where(made.rows[:, NAMES.index("side")] == 1.0, 1, -1).astype(np.int8)
    net_r = np.where(made.label == 1, 1.9, -1.1)
    return Material(
        made, NAMES, net_r, side, tuple(left_out), f"{count} {edge} {seed}", {"rsi": 0.95}
    )


def expanding(made, folds=3, embargo_ms=DAY_MS):
    """Tests one after the other; trainings of all whose label was known a day before them."""
    part = len(made) // (folds + 1)
    found = []
    for fold in range(1, folds + 1):
        test = np.arange(fold * part, (fold + 1) * part if fold < folds else len(made))
        known = made.label_end_ms <= made.open_ms[test[0]] - embargo_ms
        found.append((np.flatnonzero(known), test))
    return found


def plan(backend=QUICK, seed=1, controls=1):
    return Plan(backend, DAY_MS, seed, controls)
