"""Tuned settings become those that trainings begin with, if they did better in most folds.

Tuning searches, so its best is better by luck too; settings alone trade nothing, and the model that
is trained with them comes to the gate like any other. All the same they are taken only where the
folds agree: a mean that one fold makes is none.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from cointrader.domain.errors import ConfigError
from cointrader.model.folder import put, settle
from cointrader.training.gate_criteria import ParamsRule
from cointrader.training.params import ACTIVE_FILE, backend_of

_MOST_BYTES = 1 << 20
_SYMBOL = re.compile(r"[A-Z0-9]+(_[0-9]{6})?")  # it names a folder, and files come from elsewhere
_BACKEND = "lgbm"  # whose settings a symbol's folder may hold


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a tuning found. Scores are of the same folds, in their order; higher is better."""

    symbol: str
    backend: str
    params: dict[str, Any]
    baseline: tuple[float, ...]
    tuned: tuple[float, ...]
    score: str

    @property
    def gains(self) -> tuple[float, ...]:
        """Of each fold: how much better the tuned settings did."""
        return tuple(new - old for new, old in zip(self.tuned, self.baseline, strict=True))


@dataclass(frozen=True, slots=True)
class ParamsVerdict:
    """Whether settings are taken, and why not."""

    tuned: Tuned
    mean_gain: float
    spread: float  # standard deviation over folds
    share_better: float
    refusals: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.refusals

    def as_plain(self) -> dict[str, object]:
        """For any JSON writer."""
        return {
            "verdict": "passed" if self.passed else "failed",
            "symbol": self.tuned.symbol,
            "backend": self.tuned.backend,
            "score": self.tuned.score,
            "folds": len(self.tuned.gains),
            "gains": list(self.tuned.gains),
            "mean_gain": self.mean_gain,
            "spread": self.spread if math.isfinite(self.spread) else None,
            "share_better": self.share_better,
            "refusals": list(self.refusals),
        }


def read_tuned(path: Path) -> Tuned:
    """The result of a tuning. `ConfigError` for a file that holds none, or impossible settings."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        told = json.loads(content) if len(content) <= _MOST_BYTES else None
    except (OSError, ValueError, RecursionError) as error:
        found = error.strerror if isinstance(error, OSError) else "no JSON"
        raise _none(path, str(found)) from None
    if not isinstance(told, dict):
        raise _none(path, type(told).__name__)
    for name, kind in (("symbol", str), ("backend", str), ("score", str), ("params", dict)):
        if not isinstance(told.get(name), kind) or not told[name]:
            raise _none(path, f"{name} is {told.get(name)!r}"[:100])
    baseline, tuned = (_folds(told.get(name), f"{path}, {name}") for name in ("baseline", "tuned"))
    if len(baseline) != len(tuned):
        raise _none(path, f"{len(baseline)} folds before and {len(tuned)} after")
    if not _SYMBOL.fullmatch(told["symbol"].upper()):
        raise _none(path, f"symbol is {told['symbol']!r}"[:100])
    if told["backend"] != _BACKEND:
        raise ConfigError(
            "only settings of one backend are kept for trainings to begin with",
            where=str(path),
            found=told["backend"],
            allowed=_BACKEND,
            todo="hand the file to the training itself: cointrader train --params FILE",
        )
    if told.get("learned_from"):
        raise ConfigError(
            "only settings for the usual rows are kept for trainings to begin with",
            where=str(path),
            found=f"chosen for a training on {told['learned_from']}"[:200],
            allowed="a tuning on the strategy's own signals",
            todo="hand the file to such a training itself: cointrader train --params FILE, and "
            "the same options of what is learned from",
        )
    params = told["params"]
    backend_of(told["backend"], params, str(path))  # or it says what cannot be
    return Tuned(told["symbol"].upper(), told["backend"], params, baseline, tuned, told["score"])


def judge_params(tuned: Tuned, rule: ParamsRule) -> ParamsVerdict:
    """Hold tuned settings against what they must show."""
    gains = tuned.gains
    mean = fmean(gains) if gains else math.nan
    better = sum(gain > 0.0 for gain in gains) / len(gains) if gains else math.nan
    spread = stdev(gains) if len(gains) > 1 else math.nan
    told = {
        f"{len(gains)} folds, at least {rule.least_folds}": len(gains) >= rule.least_folds,
        f"{tuned.score} {mean:+.4f} on the mean of folds, above {rule.least_mean_gain:g}": (
            mean > rule.least_mean_gain
        ),
        f"better in {better:.0%} of folds, at least {rule.least_share_better:.0%}": (
            better >= rule.least_share_better
        ),
    }
    refusals = tuple(text for text, is_met in told.items() if not is_met)
    return ParamsVerdict(tuned, mean, spread, better, refusals)


def publish_params(models: Path, verdict: ParamsVerdict) -> Path:
    """Make these the settings that trainings of the symbol begin with; the file."""
    if not verdict.passed:
        raise ValueError("these settings were refused")
    folder = models / verdict.tuned.symbol.lower()
    folder.mkdir(parents=True, exist_ok=True)
    told = {"params": verdict.tuned.params, "shown": verdict.as_plain()}
    put(folder, ACTIVE_FILE, (json.dumps(told, indent=2, allow_nan=False) + "\n").encode())
    settle(folder)
    return folder / ACTIVE_FILE


def _folds(told: object, where: str) -> tuple[float, ...]:
    values = told.get("folds") if isinstance(told, dict) else None
    if not isinstance(values, list) or not all(_is_number(value) for value in values):
        raise ConfigError(
            "a tuning tells its score of each fold",
            where=where,
            found=str(told)[:100],
            allowed='{"folds": [0.51, 0.53, 0.50]}',
        )
    return tuple(float(value) for value in values)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _none(path: Path, found: str) -> ConfigError:
    return ConfigError(
        "this file is no result of a tuning",
        where=str(path),
        found=found,
        allowed='{"symbol": "XRPUSDT", "backend": "lgbm", "params": {...}, "score": "auc", '
        '"baseline": {"folds": [...]}, "tuned": {"folds": [...]}}',
    )
