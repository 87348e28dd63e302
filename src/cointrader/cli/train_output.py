"""What came of a training, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterator

from cointrader.app.words import moment
from cointrader.cli.search_options import share, shown
from cointrader.training.card import Ablation, Card, Number, as_plain
from cointrader.training.train import Outcome

_MOST_COLUMNS = 5


def outcome_as_plain(outcome: Outcome) -> dict[str, object]:
    """The card, and where its model is."""
    return {
        "candidate": str(outcome.folder),
        "fitted": outcome.fitted,
        "remembered": outcome.remembered,
        "card": as_plain(outcome.card),
    }


def outcome_lines(outcome: Outcome) -> Iterator[str]:
    """A candidate in a few lines; everything else is on its card."""
    card = outcome.card
    data, ranking, controls = card.data, card.ranking, card.controls
    yield ""
    yield (
        f"{card.symbol} {card.interval}, {card.backend}, {moment(data.from_ms)} to "
        f"{moment(data.to_ms)} UTC, {_number(data.mean_r, sign=True)} R a trade"
    )
    for remark in data.remarks:
        yield f"  {remark}"
    yield ""
    by_fold = " ".join(_number(fold.auc, 2) for fold in card.folds)
    yield (
        f"  AUC out of fold         {_number(ranking.auc)}   "
        f"{_interval(ranking.low, ranking.high)}, {ranking.rows:,} rows; by fold {by_fold}"
    )
    if controls.aucs:
        yield (
            f"  shuffled labels         {_number(controls.mean)}   {_number(controls.lowest)} to "
            f"{_number(controls.highest)}; {controls.at_or_above} of {len(controls.aucs)} ranked "
            "no worse"
        )
    if controls.aucs and not controls.as_expected:
        yield "  ! shuffled labels should rank nothing (0.47 to 0.53): this training leaks"
    for each in card.ablations:
        yield _ablation(each)
    columns = ", ".join(
        f"{each.feature} {_number(each.auc_drop, sign=True)}"
        for each in card.importance[:_MOST_COLUMNS]
    )
    yield f"  it lives on             {columns}"
    yield from _probability_lines(card)
    yield f"  candidate               {outcome.folder}; not published, no bot trades by it"
    if not outcome.fitted and not outcome.remembered:
        yield "                          it was there already; --again trains it anew"


def _ablation(each: Ablation) -> str:
    name = "without strength, side" if len(each.without) > 1 else "without strength"
    return f"  {name:<24}{_number(each.auc)}   {_interval(each.low, each.high)}"


def _probability_lines(card: Card) -> Iterator[str]:
    told, kept, honest = card.calibration, card.threshold.chosen, card.threshold.chosen_before
    yield (
        f"  Brier                   {_number(told.brier, 4)}   always the share of wins: "
        f"{_number(told.brier_of_share, 4)}"
    )
    yield (
        f"  threshold               {_number(kept.threshold)}   keeps {_share(kept.share)}; "
        f"chosen before each fold, R a trade: {_number(honest.mean_r, sign=True)} kept "
        f"({_share(honest.share)}), {_number(card.threshold.all_of_these.mean_r, sign=True)} all"
    )


def _interval(low: Number, high: Number) -> str:
    return f"95 %: {_number(low)} to {_number(high)}"


def _number(value: Number, digits: int = 3, *, sign: bool = False) -> str:
    return shown(float("nan") if value is None else value, digits, sign=sign)


def _share(value: Number) -> str:
    return share(float("nan") if value is None else value)
