"""The model card: how a model was made and what is known of it. ``training_log.json``.

One file per folder, with a card for each backend that was trained into it. Numbers that cannot be
told are null. Times are epoch ms; R is the risk of a trade, its stop's distance in money.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from cointrader.domain.errors import DataError
from cointrader.model.folder import put, settle

CARD_FILE = "training_log.json"
FORMAT = 1

Number = float | None  # None: cannot be told


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """How far a feature moved from the first third of the rows to the last: the largest distance
    of both distributions, 0 to 1, and the chance of one as large where nothing moved."""

    distance: Number
    chance: Number


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows a symbol gave: signals of its configured rule, looser ones, bars without."""

    signals: int
    looser: int = 0
    holds: int = 0

    @property
    def all(self) -> int:
        return self.signals + self.looser + self.holds


class LearnedFrom(msgspec.Struct, frozen=True, kw_only=True):
    """What was learned from beside the strategy's own signals, which alone were tested.

    `decision_threshold` is the score that a signal needs to be acted on, `population_threshold`
    the looser one that was learned from; `hold_negatives` bars without a signal for each signal;
    `pooled` all symbols whose rows made this model; `remarks` what is dangerous in it.
    """

    text: str
    decision_threshold: int | None = None
    population_threshold: int | None = None
    hold_negatives: float = 0.0
    pooled: tuple[str, ...] = ()
    rows: Mapping[str, Rows] = {}
    remarks: tuple[str, ...] = ()


class Data(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was learned from. `coverage` is by feature the share of rows that know it; `mean_r` and
    `drift` are of the strategy's own signals. `learned_from` None: from these alone."""

    hash: str
    rows: int
    from_ms: int
    to_ms: int
    ones: int
    longs: int
    mean_r: Number
    features: tuple[str, ...]
    left_out: tuple[str, ...]
    coverage: Mapping[str, float]
    remarks: tuple[str, ...]
    drift: Mapping[str, Drift] = {}
    learned_from: LearnedFrom | None = None


class Fold(msgspec.Struct, frozen=True, kw_only=True):
    """One walk-forward step. Its training ends before its test by purging and embargo.

    The ratios are shares of the strategy's own signals that won.
    """

    train_rows: int
    train_from_ms: int
    train_to_ms: int  # when the last label of the training became known
    train_win_ratio: float
    test_rows: int
    test_from_ms: int
    test_to_ms: int
    test_win_ratio: float
    test_mean_r: Number
    rounds: int
    auc: Number


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """How well out-of-fold scores rank trades: AUC over all folds at once, its 95 % interval, and
    the mean of the folds' own."""

    rows: int
    auc: Number
    low: Number
    high: Number
    mean_of_folds: Number


class Ablation(msgspec.Struct, frozen=True, kw_only=True):
    """The same folds without some columns. `difference` is how much less the AUC is."""

    name: str
    without: tuple[str, ...]
    auc: Number
    low: Number
    high: Number
    difference: Number


class Importance(msgspec.Struct, frozen=True, kw_only=True):
    """Fall of the out-of-fold AUC when a column is permuted: mean, and spread over repeats."""

    feature: str
    auc_drop: Number
    spread: Number


class Controls(msgspec.Struct, frozen=True, kw_only=True):
    """The same training on shuffled labels, where there is nothing to find. `at_or_above` of them
    ranked no worse than the model; unless `as_expected`, the procedure leaks."""

    aucs: tuple[Number, ...]
    mean: Number
    lowest: Number
    highest: Number
    at_or_above: int
    as_expected: bool


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Out-of-fold rows of similar probability."""

    rows: int
    foretold: float
    came: float


class Calibrated(msgspec.Struct, frozen=True, kw_only=True):
    """Probabilities against outcomes. `slope` and `intercept` are in the model.

    The Brier scores are of folds after the first: of the models' own probabilities, of those
    calibrated on the folds before, and of always saying the training's share of wins. `error`, the
    mean distance of probability and outcome, and `groups` are of the calibrated ones.
    """

    slope: float
    intercept: float
    brier_uncalibrated: Number
    brier: Number
    brier_of_share: Number
    error: Number
    groups: tuple[Group, ...]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What a threshold keeps; `total_r` is net R for each signal there was, refused ones 0."""

    threshold: Number
    rows: int
    share: Number
    mean_r: Number
    total_r: Number
    win_ratio: Number


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """The probability from which a signal passes, and what it would have kept.

    `chosen` looks good by choice. Honest is `chosen_before`, where each fold's threshold was
    chosen on the folds before it, beside `all_of_these`, the same folds unfiltered.
    """

    least_share: float
    least_rows: int
    chosen: Kept
    tried: tuple[Kept, ...]
    chosen_before: Kept
    all_of_these: Kept


class Final(msgspec.Struct, frozen=True, kw_only=True):
    """The model itself: fitted on all rows."""

    rows: int
    rounds: int
    sha256: str
    bytes: int


class Card(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model. `identity` is a hash of everything that shaped it; `gate` what the gate said of
    it, as `training.gate.GateVerdict.as_plain` tells it, None before it was asked."""

    backend: str
    library: str
    symbol: str
    interval: str
    rule: str
    label: str
    strategy: Mapping[str, str]
    settings: Mapping[str, object]
    seed: int
    embargo_ms: int
    version: str
    identity: str
    made_ms: int
    seconds: float
    data: Data
    folds: tuple[Fold, ...]
    ranking: Ranking
    ablations: tuple[Ablation, ...]
    importance: tuple[Importance, ...]
    controls: Controls
    calibration: Calibrated
    threshold: Threshold
    final: Final
    gate: Mapping[str, Any] | None = None


class _File(msgspec.Struct, frozen=True):
    format: int
    cards: Mapping[str, Card]


def number(value: float) -> Number:
    """A number as a card holds it."""
    return float(value) if math.isfinite(value) else None


def read_cards(folder: Path) -> dict[str, Card]:
    """The cards in a folder, by backend; none where there is no file. `DataError`."""
    path = folder / CARD_FILE
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None
    try:
        file = msgspec.json.decode(content, type=_File)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _unreadable(path, str(error)) from None
    if file.format != FORMAT:
        raise _unreadable(path, f"format {file.format}")
    return dict(file.cards)


def as_plain(card: Card) -> dict[str, Any]:
    """A card as plain values for any JSON writer."""
    plain: dict[str, Any] = msgspec.to_builtins(card)
    return plain


def write_card(folder: Path, card: Card) -> None:
    """Put a card into the folder's file; those of other backends stay."""
    try:
        others = read_cards(folder)
    except DataError:  # what nobody can read is of use to nobody
        others = {}
    file = _File(FORMAT, {**others, card.backend: card})
    put(folder, CARD_FILE, msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n")
    settle(folder)


def _unreadable(path: Path, why: str) -> DataError:
    return DataError(
        "the model card cannot be read",
        where=str(path),
        found=why.partition("\n")[0][:200],
        allowed=f"a card of format {FORMAT}",
        todo="train again: cointrader train --again",
    )
