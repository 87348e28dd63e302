"""Cards, filters and players for tests of the gate."""

from __future__ import annotations

import numpy as np

from cointrader.training import card
from cointrader.training.gate_play import Alone, Judged

SHA = "a" * 64


def a_card(*, sha256=SHA, symbol="XRPUSDT", from_ms=1_000, to_ms=2_000, data="d" * 64, **changes):
    """The card of a model that ranks well and is honest about it."""
    nothing = card.Kept(threshold=0.5, rows=1, share=1.0, mean_r=0.0, total_r=0.0, win_ratio=0.5)
    told = {
        "backend": "lgbm",
        "library": "lightgbm",
        "symbol": symbol,
        "interval": "15m",
        "rule": "score",
        "label": "engine",
        "strategy": {},
        "settings": {},
        "seed": 1,
        "embargo_ms": 0,
        "version": "0",
        "identity": "i",
        "made_ms": 0,
        "seconds": 1.0,
        "data": card.Data(
            hash=data, rows=9, from_ms=from_ms, to_ms=to_ms, ones=4, longs=4, mean_r=0.0,
            features=("rsi",), left_out=(), coverage={}, remarks=(),
        ),
        "folds": (),
        "ranking": card.Ranking(rows=900, auc=0.65, low=0.61, high=0.69, mean_of_folds=0.65),
        "ablations": (
            card.Ablation(
                name="without", without=("side",), auc=0.64, low=0.60, high=0.68, difference=0.01
            ),
        ),
        "importance": (),
        "controls": card.Controls(
            aucs=(0.5,) * 20, mean=0.5, lowest=0.5, highest=0.5, at_or_above=0, as_expected=True
        ),
        "calibration": card.Calibrated(
            slope=0.9, intercept=0.0, brier_uncalibrated=0.24, brier=0.23, brier_of_share=0.25,
            error=0.03, groups=(card.Group(rows=400, foretold=0.5, came=0.53),),
        ),
        "threshold": card.Threshold(
            least_share=0.25, least_rows=30, chosen=nothing, tried=(), chosen_before=nothing,
            all_of_these=nothing,
        ),
        "final": card.Final(rows=9, rounds=1, sha256=sha256, bytes=1),
    }  # fmt: skip
    return card.Card(**{**told, **changes})


def knowing(count=1_000, share=0.4, good=0.3, bad=-0.5, seed=1, folds=4):
    """A filter, and trades that earn `good` where it lets them pass and `bad` where not."""
    rng = np.random.default_rng(seed)
    passed = rng.random(count) < share
    net_r = np.where(passed, good, bad) + rng.normal(0.0, 1.0, count)
    return Judged(np.arange(count) * folds // count, passed), Alone(net_r)
