"""An entry filter in a walk-forward: made anew for each fold, of what was known when it began.

What a filter is made by stands outside: nothing that trades knows of training. Here is what it is
asked, what it answers, and how that becomes signals of a test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cointrader.app.search.cell import Cell
from cointrader.app.search.play import Job, Player
from cointrader.app.search.sweep import Progress, Where
from cointrader.backtest.columns import Floats
from cointrader.backtest.fingerprint import hash_of_settings
from cointrader.backtest.market import Market
from cointrader.backtest.signals import SymbolSignals
from cointrader.backtest.trial_ledger import DataSet, Trial
from cointrader.backtest.walkforward.folds import Fold
from cointrader.domain.errors import InvariantBroken, MissingCandles
from cointrader.market.quality import utc


@dataclass(frozen=True, slots=True)
class FoldChoice:
    """What a fold chose. `number` is its place among the folds, `identity` that of the cell."""

    number: int
    fold: Fold
    cell: Cell
    identity: str


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """What the filter of one symbol says in one fold.

    Parameters
    ----------
    number : of the fold
    why_none : why there is no filter, so that the test trades unfiltered; "" where there is one
    from_ms : first bar it speaks of; it has learned from nothing that was not known by then
    known_ms : when the last outcome it learned from was known
    rows : signals it learned from
    auc : how it ranks signals of the training that it had not seen: 0.5 is luck
    threshold : probability from which on a signal passes, chosen in the training
    probability : float64, of the cell's signals from `from_ms` on, in their order
    """

    number: int
    symbol: str
    why_none: str = ""
    from_ms: int = 0
    known_ms: int = 0
    rows: int = 0
    auc: float = float("nan")
    threshold: float = 0.0
    probability: Floats | None = None

    @property
    def is_filter(self) -> bool:
        return not self.why_none


class FoldFilter(Protocol):
    """Makes the filters of all folds."""

    @property
    def name(self) -> str:
        """For people, such as ``lgbm``."""

    @property
    def identity(self) -> str:
        """Names how filters are made: another way is another trial."""

    def __call__(
        self,
        job: Job,
        choices: Sequence[FoldChoice],
        data: DataSet,
        where: Where,
        on_progress: Progress,
    ) -> Sequence[Judgement]:
        """One judgement for each choice and symbol.

        Each made of nothing that was not known at ``fold.train_to_ms``. Where that is too little
        to learn from, there is none, and the judgement says why.
        """


def trials_of(choices: Sequence[FoldChoice], made_by: FoldFilter) -> list[Trial]:
    """Each chosen cell with its filter is a strategy of its own, and counts as one."""
    found = {}
    for each in choices:
        identity = hash_of_settings({"cell": each.identity, "filter": made_by.identity})
        told = " ".join(f"{name}={text}" for name, text in each.cell.items())
        found[identity] = Trial(identity, f"{told} filter={made_by.name}".strip())
    return list(found.values())


def judged_signals(
    player: Player, market: Market, choice: FoldChoice, judgements: Sequence[Judgement]
) -> Mapping[str, SymbolSignals]:
    """The signals of a choice as its filters judge them.

    Before the end of the training there was no filter yet: those signals enter nothing, so that
    no probability is used that a filter gave to what it had learned from.

    Raises `InvariantBroken` where a filter had learned from what it judges.
    """
    signals = player.signals(choice.cell)
    of_symbol = {each.symbol: each for each in judgements if each.number == choice.number}
    return {
        symbol: _judged(
            own, market.frames[symbol].open_time_ms[own.rows], choice, of_symbol[symbol]
        )
        for symbol, own in signals.items()
    }


def _judged(
    signals: SymbolSignals, open_ms: np.ndarray, choice: FoldChoice, judgement: Judgement
) -> SymbolSignals:
    if not judgement.is_filter or judgement.probability is None:
        return signals
    _require_unseen(judgement, choice.fold)
    first = int(np.searchsorted(open_ms, judgement.from_ms))
    probability = np.full(len(signals), np.nan)
    probability[first:] = judgement.probability
    return signals.judged(probability, judgement.threshold)


def _require_unseen(judgement: Judgement, fold: Fold) -> None:
    if not judgement.known_ms <= judgement.from_ms <= fold.test_from_ms:
        raise InvariantBroken(
            "a filter had learned from what it judges",
            where=judgement.symbol,
            found=f"learned from outcomes up to {utc(judgement.known_ms)}",
            allowed=f"up to {utc(judgement.from_ms)}",
        )


def require_some(judgements: Sequence[Judgement], made_by: FoldFilter) -> None:
    """Raises `MissingCandles` where not one filter could be made: there is nothing to judge."""
    if judgements and not any(each.is_filter for each in judgements):
        raise MissingCandles(
            f"no fold has signals enough to train {made_by.name} on",
            found=judgements[0].why_none,
            todo="lengthen --train, train with --anchored, or store more candles",
        )
