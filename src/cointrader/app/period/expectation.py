"""What was expected, as a verdict measured it, and whether what happened lies inside of it. Pure.

A verdict is about the strategy's own trades, in R; trades a week are those of the account that was
played beside it, unless a halt ended that one early.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cointrader.app.period.chance import (
    ENOUGH,
    Chance,
    chance_of_count,
    chance_of_factor,
    chance_of_mean,
    chance_of_winners,
)
from cointrader.app.period.facts import PeriodFacts
from cointrader.app.verdict.kept import KeptVerdict
from cointrader.app.words import moment
from cointrader.backtest.statistics.columns import Floats

_WEEK_DAYS = 7.0
_NAMED = 3  # settings that differ, named one by one


@dataclass(frozen=True, slots=True)
class Expected:
    """One figure of a verdict, with the interval it was measured with (NaN where it has none)."""

    value: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a backtest let one expect. `source` says which, in words."""

    source: str
    answer: str  # the verdict's
    mean_r: Expected
    profit_factor: Expected
    win_ratio: float
    trades_per_week: float
    of_account: bool  # trades a week of an account, or of the strategy's own trades


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure that was seen, beside what was expected; `chance` is None where nothing can tell."""

    name: str
    unit: str  # R, times, count or share
    seen: float
    expected: Expected
    chance: Chance | None
    text: str


def expectation_of(kept: KeptVerdict, differences: Sequence[str] = ()) -> Expectation:
    """What a verdict lets one expect of live trading; `differences` are those of its settings."""
    named = ", ".join(differences[:_NAMED])
    more = f", and {len(differences) - _NAMED} more" if len(differences) > _NAMED else ""
    other = f", with other settings: {named}{more}" if differences else ""
    measures, occasion = kept.verdict.measures, kept.occasion
    account = kept.verdict.account
    days = measures.get("days", math.nan)
    is_whole = account is not None and account.halted_ms is None
    trades = float(account.trades) if account is not None and is_whole else measures.get(
        "trades", math.nan
    )  # fmt: skip
    return Expectation(
        source=(
            f"the backtest of {moment(occasion.start_ms)[:10]} to "
            f"{moment(occasion.end_ms - 1)[:10]} on {occasion.market}{other}"
        ),
        answer=str(kept.verdict.answer),
        mean_r=_expected(kept, "mean_r"),
        profit_factor=_expected(kept, "profit_factor"),
        win_ratio=measures.get("win_ratio", math.nan),
        trades_per_week=_WEEK_DAYS * trades / days if days else math.nan,
        of_account=is_whole,
    )


def compared(facts: PeriodFacts, expectation: Expectation) -> list[Compared]:
    """The period's figures beside what was expected, each with its chance."""
    r = np.array([each.r for each in facts.trades if each.r is not None], np.float64)
    net = np.array([float(each.trade.net) for each in facts.trades], np.float64)
    return list(_compared(facts, r, net, expectation))


def _compared(
    facts: PeriodFacts, r: Floats, net: Floats, expectation: Expectation
) -> Iterator[Compared]:
    trades, wins = len(net), int((net > 0.0).sum())
    if len(r):
        yield _told("mean result of a trade", "R", float(r.mean()), expectation.mean_r,
                    chance_of_mean(r, expectation.mean_r.value))  # fmt: skip
    if trades:
        factor = _factor(net)
        yield _told("profit factor", "times", factor, expectation.profit_factor,
                    chance_of_factor(net, expectation.profit_factor.value))  # fmt: skip
        chance = chance_of_winners(wins, trades, expectation.win_ratio)
        if chance is not None:
            chance = Chance(
                chance.so_low, chance.so_high, chance.method, chance.low / trades,
                chance.high / trades,
            )  # fmt: skip
        yield _told("share of winners", "share", wins / trades,
                    Expected(expectation.win_ratio), chance)  # fmt: skip
    usual = expectation.trades_per_week * facts.known_days / _WEEK_DAYS
    yield _told("trades", "count", float(trades), Expected(usual), chance_of_count(trades, usual))


def _told(name: str, unit: str, seen: float, expected: Expected, chance: Chance | None) -> Compared:
    return Compared(name, unit, seen, expected, chance, _sentence(seen, expected, chance))


def _sentence(seen: float, expected: Expected, chance: Chance | None) -> str:
    if math.isnan(expected.value):
        return "the verdict does not tell what to expect"
    if chance is None:
        return f"cannot be told: it takes {ENOUGH} trades, winners and losers among them"
    worse = seen < expected.value
    share = chance.so_low if worse else chance.so_high
    so = "so low" if worse else "so high"
    where = "inside" if chance.is_inside else "OUTSIDE"
    return (
        f"{where} of what chance leaves: were the expectation true, {so} a result would come "
        f"{_often(share)} ({chance.method})"
    )


def _often(share: float) -> str:
    if share < 0.0005:
        return "less than once in 2,000 times"
    return f"in {100 * share:.1f} % of such periods"


def verdict_sentence(found: Sequence[Compared]) -> str:
    """All of it in one sentence."""
    judged = [each for each in found if each.chance is not None]
    if not judged:
        return "Too little happened to be held against the expectation."
    outside = [each for each in judged if each.chance is not None and not each.chance.is_inside]
    if not outside:
        return "What happened is inside of what was expected."
    names = ", ".join(each.name for each in outside)
    return f"What happened is outside of what was expected: {names}."


def _expected(kept: KeptVerdict, name: str) -> Expected:
    measures = kept.verdict.measures
    return Expected(
        measures.get(name, math.nan),
        measures.get(f"{name}_low", math.nan),
        measures.get(f"{name}_high", math.nan),
    )


def _factor(net: Floats) -> float:
    won, lost = float(net[net > 0.0].sum()), -float(net[net < 0.0].sum())
    if lost > 0.0:
        return won / lost
    return math.inf if won > 0.0 else math.nan
