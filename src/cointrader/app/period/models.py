"""The models that judge a run's signals: how old, how they did, and what speaks for a new one.

A model is judged live by the trades that it let pass, of all of the journal: what it refused has
no result. How far live features lie from those it learned from is counted in the running process
only, and no journal has it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cointrader.app.model_words import BROKEN, NONE, OFF, SERVED, begun_with, pairs
from cointrader.app.period.facts import PeriodTrade
from cointrader.backtest.statistics.columns import Floats, Truths
from cointrader.domain.clock import DAY_MS
from cointrader.model.artifact import folder_of
from cointrader.model.errors import ModelBroken
from cointrader.model.folder import content
from cointrader.model.manifest import Manifest, manifest_of

OLD_DAYS = 30  # since the last candle it learned from; a verdict is called old then, too
ENOUGH_OF_EACH = 15  # winners, and losers, for an AUC to be told
_MOST_JSON = 1 << 20


@dataclass(frozen=True, slots=True)
class Ranking:
    """How well probabilities rank trades: the chance that a winner has the higher one."""

    auc: float
    low: float
    high: float
    trades: int


@dataclass(frozen=True, slots=True)
class PeriodModel:
    """The model of one symbol. None where it is not known; `reasons` speak for a new one.

    `signals_since` are bars with a signal after the last candle it learned from.
    """

    symbol: str
    identity: str  # as the run wrote it down
    is_model: bool
    is_changed: bool  # another one is in the folder now
    trained_to_ms: int | None
    age_days: int | None
    trained_auc: tuple[float, float, float] | None  # value, low, high
    live: Ranking | None
    trades: int  # with a probability
    signals_since: int | None
    reasons: tuple[str, ...]


def period_models(
    source: Mapping[str, str],
    symbols: Sequence[str],
    trades: Sequence[PeriodTrade],
    signals: Callable[[str, int], int],
    *,
    now_ms: int,
) -> list[PeriodModel]:
    """One for each symbol that a run's source names.

    Parameters
    ----------
    trades : of all of the journal
    signals : how many bars of a symbol signalled a side, from a moment on
    now_ms : as of when a model's age is told
    """
    served, folder = pairs(source.get(SERVED, "")), begun_with(source)
    return [
        _model(symbol, served[symbol], folder, trades, signals, now_ms)
        for symbol in symbols
        if symbol in served
    ]


def ranking(probability: Floats, won: Truths) -> Ranking | None:
    """The area under the ROC curve, ties counted half. None where there are too few of either.

    Hanley & McNeil (1982), Radiology 143, for its standard error; the interval is 1.96 of them.
    """
    above, below = probability[won], probability[~won]
    if min(len(above), len(below)) < ENOUGH_OF_EACH:
        return None
    pairs_ = above[:, None] - below[None, :]
    auc = float((pairs_ > 0.0).mean() + 0.5 * (pairs_ == 0.0).mean())
    q1, q2 = auc / (2.0 - auc), 2.0 * auc * auc / (1.0 + auc)
    spread = (
        auc * (1.0 - auc)
        + (len(above) - 1) * (q1 - auc * auc)
        + (len(below) - 1) * (q2 - auc * auc)
    ) / (len(above) * len(below))
    wide = 1.96 * math.sqrt(max(0.0, spread))
    return Ranking(auc, max(0.0, auc - wide), min(1.0, auc + wide), len(probability))


def _model(
    symbol: str,
    identity: str,
    folder: Path | None,
    trades: Sequence[PeriodTrade],
    signals: Callable[[str, int], int],
    now_ms: int,
) -> PeriodModel:
    is_model = identity not in (NONE, BROKEN, OFF)
    manifest = _manifest(folder, symbol, identity) if is_model else None
    is_same = manifest is not None and manifest.identity == identity
    own = [t for t in trades if t.trade.symbol == symbol and t.probability is not None]
    probability = np.array([t.probability for t in own], np.float64)
    live = ranking(probability, np.array([t.trade.net > 0 for t in own], np.bool_))
    known = manifest if is_same else None
    then = None if known is None else _trained_auc(known)
    age = None if known is None else (now_ms - known.trained_to_ms) // DAY_MS
    return PeriodModel(
        symbol=symbol,
        identity=identity,
        is_model=is_model,
        is_changed=manifest is not None and not is_same,
        trained_to_ms=None if known is None else known.trained_to_ms,
        age_days=age,
        trained_auc=then,
        live=live if is_model else None,
        trades=len(own),
        signals_since=None if known is None else signals(symbol, known.trained_to_ms),
        reasons=tuple(_reasons(age, then, live)) if is_model else (),
    )


def _reasons(
    age: int | None, then: tuple[float, float, float] | None, live: Ranking | None
) -> Iterator[str]:
    if age is not None and age >= OLD_DAYS:
        yield f"it learned from candles that ended {age} days ago"
    if live is not None and then is not None and live.high < then[1]:
        yield (
            f"it ranks live trades worse than those of its training: AUC {live.auc:.2f}, at best "
            f"{live.high:.2f}, and {then[0]:.2f} then"
        )
    if live is not None and live.high < 0.5:
        yield f"it ranks live trades the wrong way round: AUC {live.auc:.2f}"


def _trained_auc(manifest: Manifest) -> tuple[float, float, float] | None:
    found = [manifest.metrics.get(name, math.nan) for name in ("auc", "auc_low", "auc_high")]
    return None if math.isnan(found[0]) else (found[0], found[1], found[2])


def _manifest(folder: Path | None, symbol: str, identity: str) -> Manifest | None:
    """The manifest in the model's folder; None where there is none that can be read."""
    if folder is None:
        return None
    place, name = folder_of(folder, symbol), f"{identity.partition(':')[0]}_filter.json"
    try:
        return manifest_of(content(place, name, most_bytes=_MOST_JSON), str(place / name))
    except (FileNotFoundError, ModelBroken):
        return None
