"""Which modules get mistakes put in, how many, and the tests that must notice.

The tests are the fast ones nearest to a module; the whole suite would notice more, and take hours.
"""

from __future__ import annotations

from dataclasses import dataclass

_BACKTEST = "tests/unit/backtest"
_STATISTICS = "tests/unit/statistics"
_BY_HAND = (f"{_BACKTEST}/test_fills_by_hand.py", f"{_BACKTEST}/test_account_by_hand.py")
_KERNEL = (
    f"{_BACKTEST}/test_kernel.py",
    "tests/parity/test_backtest_on_random_markets.py",
    "tests/metamorphic/test_backtest.py",
)
_PROPERTIES = ("tests/property/test_statistics.py",)


@dataclass(frozen=True, slots=True)
class Target:
    """One module.

    Parameters
    ----------
    file : below ``src/cointrader``
    share : of the mutants, as a weight
    near : tests, run in this order until the first one fails
    further : tests for what the near ones let pass; seconds and more
    is_compiled : its code is part of the kernel; then the kernel is played uncompiled, as compiling
        it anew for each mutant would take longer than all the tests
    words : functions that make sentences for people and decide nothing
    """

    file: str
    share: int
    near: tuple[str, ...]
    further: tuple[str, ...] = ()
    is_compiled: bool = False
    words: tuple[str, ...] = ()


def _in_kernel(file: str, share: int, *near: str, words: tuple[str, ...] = ()) -> Target:
    return Target(file, share, (*near, *_BY_HAND), _KERNEL, is_compiled=True, words=words)


def _of_statistics(name: str, share: int, *, is_random: bool = True) -> Target:
    own = f"{_STATISTICS}/test_{name}"
    near = (f"{own}.py", f"{own}_in_numbers.py")
    file = f"backtest/statistics/{name}.py"
    return Target(file, share, near, _PROPERTIES if is_random else ())


TARGETS = (
    _in_kernel("backtest/kernel.py", 16),
    _in_kernel("backtest/bar.py", 16, f"{_BACKTEST}/test_rules_in_numbers.py"),
    Target("backtest/run.py", 3, _BY_HAND, _KERNEL),
    Target("backtest/result.py", 2, _BY_HAND, _KERNEL),
    Target(
        "backtest/own_trades.py",
        5,
        (f"{_STATISTICS}/test_own_trades_in_numbers.py", f"{_STATISTICS}/test_own_trades.py"),
    ),
    Target("backtest/verdict.py", 3, (f"{_STATISTICS}/test_verdict.py",), words=("_told", "line")),
    _in_kernel("domain/candle.py", 4, f"{_BACKTEST}/test_rules_in_numbers.py"),
    _in_kernel(
        "risk/sizing.py",
        5,
        "tests/unit/risk/test_sizing.py",
        "tests/unit/risk/test_sizing_in_numbers.py",
        "tests/unit/risk/test_sizing_brackets.py",
        words=("_detail",),
    ),
    _in_kernel(
        "risk/limits.py", 5, "tests/unit/risk/test_limits.py", "tests/unit/risk/test_book.py"
    ),
    _in_kernel("risk/switches.py", 4, "tests/unit/risk/test_switches.py"),
    _in_kernel(
        "strategy/plan.py",
        4,
        "tests/unit/strategy/test_plan.py",
        f"{_BACKTEST}/test_rules_in_numbers.py",
    ),
    _of_statistics("bootstrap", 5),
    _of_statistics("columns", 2, is_random=False),
    _of_statistics("comparisons", 4),
    _of_statistics("costs", 2),
    _of_statistics("daily", 3),
    _of_statistics("evidence", 2, is_random=False),
    _of_statistics("groups", 2),
    _of_statistics("metrics", 4),
    _of_statistics("overfitting", 4),
    _of_statistics("sharpe", 5),
)
