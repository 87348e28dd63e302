"""Mistakes that change nothing that anybody could see, and why."""

from __future__ import annotations

from tests.mutants.mutating import Mutant

# (file, function, before, after): why no test can fail.
EQUIVALENT: dict[tuple[str, str, str, str], str] = {
    ("risk/switches.py", "_slow_trips", "0", "1"): (
        "the bit is shifted out before the fifteenth trade, the first that is looked at"
    ),
    (
        "backtest/bar.py",
        "trail",
        "(wanted - held['stop']) * sign",
        "((wanted - held['stop']) / sign)",
    ): "a sign is +1 or -1",
    ("backtest/kernel.py", "play", "held['payment'] = place", "pass"): (
        "payments of earlier bars are looked at again, and not paid again"
    ),
    ("backtest/bar.py", "trail", "held['best_close'] = best", "pass"): (
        "what a better close called for is in the stop already, which never moves back"
    ),
    ("strategy/plan.py", "trailed_stop", "candidate > stop", "(candidate >= stop)"): (
        "where they are equal it is the same level"
    ),
    ("strategy/plan.py", "trailed_stop", "candidate < stop", "(candidate <= stop)"): (
        "where they are equal it is the same level"
    ),
    ("backtest/statistics/comparisons.py", "_worth", "last >= 0", "(last > 0)"): (
        "at its first candle a symbol is worth its first price by its first price, which is 1"
    ),
    ("backtest/own_trades.py", "_span", "2", "3"): (
        "where no end is given it is one that no candle reaches, and so is this"
    ),
    ("backtest/own_trades.py", "_span", "62", "63"): (
        "where no end is given it is one that no candle reaches, and so is this"
    ),
}


def reason_of(mutant: Mutant) -> str:
    """Why a mutant cannot be told from the original, "" where it can."""
    key = (mutant.file, mutant.function, mutant.before, mutant.after)
    return EQUIVALENT.get(key, "")
