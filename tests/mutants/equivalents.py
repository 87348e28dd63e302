"""Mistakes that change nothing that anybody could see, and why."""

from __future__ import annotations

from tests.mutants.mutating import Mutant

# (before, after), wherever it is: why no test can fail.
ANYWHERE: dict[tuple[str, str], str] = {
    (f"{sign} > 0", f"({sign} >= 0)"): "the sign of a position or an order is +1 or -1"
    for sign in ("sign", "held['sign']", "row['side']")
}

_NO_COUNT = "no limit: a number of positions that no account comes to"
_ZEROS = "a sum is the same with zeros in it"

# (file, function, before, after): why no test can fail.
EQUIVALENT: dict[tuple[str, str, str, str], str] = {
    ("risk/limits.py", "", "2 ** 31 - 1", "(2 ** 31 + 1)"): _NO_COUNT,
    ("risk/limits.py", "", "2", "3"): _NO_COUNT,
    ("risk/limits.py", "", "31", "32"): _NO_COUNT,
    ("risk/limits.py", "", "1", "2"): _NO_COUNT,
    (
        "risk/switches.py",
        "_slow_trips",
        "source.random() < win_ratio",
        "(source.random() <= win_ratio)",
    ): "a number drawn is a given one once in 2 to the 53rd",
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
    ("backtest/kernel.py", "play", "bar < n_bars", "(bar <= n_bars)"): (
        "each symbol's last candle ends its position, so after the last bar nothing is open, and "
        "where nothing is open the walk stops there itself"
    ),
    ("backtest/kernel.py", "play", "False", "True"): (
        "whether somebody asks on a bar only spares looking for him: nobody is served then"
    ),
    ("backtest/statistics/bootstrap.py", "_runs", "block <= 1.0", "(block < 1.0)"): (
        "runs of one row are drawn the longer way then: the same rows"
    ),
    (
        "backtest/statistics/bootstrap.py",
        "_significant_lags",
        "correlation < 2.0 * math.sqrt(math.log10(n) / n)",
        "(correlation <= 2.0 * math.sqrt(math.log10(n) / n))",
    ): "a bound that is irrational but for n = 10,000 and the like: no correlation is exactly it",
    ("backtest/statistics/bootstrap.py", "_autocovariance", "product / n", "(product * n)"): (
        "covariances are only ever divided by each other, where it cancels"
    ),
    ("backtest/bar.py", "liquidation_of", "level > 0.0", "(level >= 0.0)"): (
        "a level of 0 is touched by no price"
    ),
    ("strategy/plan.py", "trailed_stop", "candidate > stop", "(candidate >= stop)"): (
        "where they are equal it is the same level"
    ),
    ("strategy/plan.py", "trailed_stop", "candidate < stop", "(candidate <= stop)"): (
        "where they are equal it is the same level"
    ),
    ("backtest/own_trades.py", "RandomSignals.__call__", "False", "True"): (
        "only trades are read, whether or not equity was written down beside them"
    ),
    ("backtest/own_trades.py", "", "25000000", "25000001"): "a bound on memory, to the byte",
    ("backtest/statistics/metrics.py", "profit_factor", "net > 0.0", "(net >= 0.0)"): _ZEROS,
    ("backtest/statistics/metrics.py", "profit_factor", "net < 0.0", "(net <= 0.0)"): _ZEROS,
    (
        "backtest/statistics/overfitting.py",
        "_BlockSums.sharpe",
        "square > 1e-24",
        "(square >= 1e-24)",
    ): "a bound far above what rounding leaves and far below any result: neither is exactly it",
    ("backtest/statistics/overfitting.py", "", "512", "513"): "a bound on memory: parts of a whole",
    ("backtest/own_trades.py", "_span", "2", "3"): (
        "where no end is given it is one that no candle reaches, and so is this"
    ),
    ("backtest/own_trades.py", "_span", "62", "63"): (
        "where no end is given it is one that no candle reaches, and so is this"
    ),
}


def reason_of(mutant: Mutant) -> str:
    """Why a mutant cannot be told from the original, "" where it can."""
    change = (mutant.before, mutant.after)
    return EQUIVALENT.get((mutant.file, mutant.function, *change), ANYWHERE.get(change, ""))
