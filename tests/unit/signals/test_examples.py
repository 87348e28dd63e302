"""The rules that are shipped to begin with."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from cointrader.signals import examples
from cointrader.signals.indicators import Indicators
from cointrader.signals.leak_check import Effort, prove, trial_frame
from cointrader.signals.rules import evaluate, latest
from cointrader.signals.user_rules import load_rule

FOLDER = Path(examples.__file__).parent
PLACES = {"trend": FOLDER / "trend.py", "mean-reversion": FOLDER / "mean_reversion.py"}
NAMES = {"trend": "Trend", "mean-reversion": "MeanReversion"}

each_example = pytest.mark.parametrize("example", PLACES)


def the(example):
    return load_rule(f"{PLACES[example]}:{NAMES[example]}")


@each_example
def test_an_example_is_short(example):
    tree = ast.parse(PLACES[example].read_text(encoding="utf-8"))
    (rule,) = (node for node in tree.body if isinstance(node, ast.ClassDef))

    assert (rule.end_lineno or 0) - rule.lineno + 1 <= 15


@each_example
@pytest.mark.parametrize("interval", ["5m", "15m", "1h", "4h"])
def test_an_example_takes_both_sides_at_every_interval(example, interval):
    frame = trial_frame(interval=interval)

    signals = evaluate(the(example), frame, Indicators(frame))

    assert set(signals.side.tolist()) == {-1, 0, 1}


@each_example
def test_an_example_answers_a_running_bot_as_it_answers_a_backtest(example):
    frame = trial_frame(bars=1_500)
    whole = evaluate(the(example), frame, Indicators(frame))

    for row in range(1_000, 1_500, 7):
        signal, _ = latest(the(example), frame.rows(row - 999, row + 1))
        assert (signal.side, signal.reasons) == (whole.at(row).side, whole.at(row).reasons)


@each_example
def test_an_example_knows_nothing_of_the_future(example):
    report = prove(the(example), trial_frame(bars=2_000), effort=Effort(moments=100))

    assert report.findings == ()
    assert report.signals > 0
