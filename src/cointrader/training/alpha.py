"""Attempts at the gate, and what each of them has to pay.

Whoever trains again every week comes to the gate with fifty models a year, and one of fifty looks
good by luck. So each attempt is written into the ledger of trials before its result is known, and
the k-th one is judged at a level that is smaller the more there were:

    alpha * 6 / (pi^2 k^2),    k = 1, 2, ...

These add up to alpha, so among models that know nothing at most a share alpha of symbols ever gets
one through, however often it is tried and however alike the attempts are (Bonferroni's bound needs
no independence).

References: Foster & Stine (2008), Alpha-investing, JRSS B 70, on spending a level over a sequence
of tests; Tian & Ramdas (2021), Online control of the familywise error rate, Statistical Methods in
Medical Research 30: alpha-spending with a series that sums up to 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from cointrader.backtest.trial_ledger import DataSet, Trial, TrialLedger
from cointrader.training.card import Card

_PREFIX = "model:"


@dataclass(frozen=True, slots=True)
class Attempt:
    """Which attempt a model is, among those on candles that it shares with them.

    `number` counts from 1. The same model judged again is the attempt that it was.
    """

    number: int
    is_new: bool


def level_of(attempt: int, alpha: float) -> float:
    """The level at which the k-th attempt is judged."""
    if attempt < 1:
        raise ValueError(f"attempts are counted from 1, and this is {attempt}")
    return alpha * 6.0 / (math.pi * attempt) ** 2


def data_set_of(card: Card) -> DataSet:
    """What a model was made from, as the ledger knows data: by symbol and time."""
    return DataSet(card.data.hash, (card.symbol,), card.data.from_ms, card.data.to_ms + 1)


def count_attempt(
    ledger: TrialLedger, card: Card, *, at_ms: int, source: str = "promote"
) -> Attempt:
    """Write a model down as an attempt, before its result is looked at.

    An attempt is a model, by the hash of its file. Those of a symbol are one family where their
    data overlap, whatever backend, label, settings or strategy they are of: another strategy on
    the same candles is another try at the same candles.

    Raises `CointraderError` where the ledger cannot be written.
    """
    data, configuration = data_set_of(card), _PREFIX + card.final.sha256
    told = card.data.learned_from
    also = "" if told is None else f", learned from {told.text}"
    trial = Trial(configuration, f"{card.backend} {card.symbol} {card.interval} {card.rule}{also}")
    is_new = ledger.record(data, [trial], at_ms=at_ms, source=source) > 0
    names = (each.configuration for each in ledger.trials(data))
    models = list(dict.fromkeys(name for name in names if name.startswith(_PREFIX)))
    # Those written down in the same millisecond come in no particular order: a new one is last.
    number = len(models) if is_new else models.index(configuration) + 1
    return Attempt(number, is_new)
