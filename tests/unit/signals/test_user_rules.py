"""Rules from files: found, run, hashed; and every way in which that can go wrong."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from cointrader.bot.stream import WINDOW_BARS
from cointrader.domain.errors import ConfigError
from cointrader.domain.order import Side
from cointrader.signals.checked import LONGEST_WARM_UP, CheckedRule, RuleFailed
from cointrader.signals.configured import configured_rule, rule_identity
from cointrader.signals.indicators import Indicators
from cointrader.signals.rules import Signals, evaluate, latest
from cointrader.signals.score import ScoreRule
from cointrader.signals.user_rules import load_rule, rule_sha256
from tests.unit.signals.frames import random_frame

BREAKOUT = """\
from __future__ import annotations

import numpy as np

from cointrader.signals.indicators import signed
from cointrader.signals.rules import Signals


class Breakout:
    name = "breakout"
    warm_up = 300

    def evaluate(self, frame, indicators):
        side = signed(
            indicators.close > indicators.band_upper, indicators.close < indicators.band_lower
        )
        return Signals(side=side, strength=np.abs(side), parts={"band": side})
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(folder, text=BREAKOUT, name="mine.py"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def settings(signal):
    return SimpleNamespace(signal=signal, signal_threshold=3, vol_multiplier=1.5, adx_threshold=0.0)


def test_a_rule_from_a_file_answers(folder):
    put(folder)
    frame = random_frame(500)

    rule = load_rule("mine.py:Breakout")
    signal, atr = latest(rule, frame)

    assert (rule.name, rule.warm_up, rule.place) == ("breakout", 300, "mine.py:Breakout")
    whole = evaluate(rule, frame, Indicators(frame))
    assert {-1, 0, 1} == set(whole.side.tolist())
    assert signal == whole.at(-1)
    assert np.isnan(atr) == (signal.side is None)


def test_each_time_it_is_asked_for_it_is_made_anew(folder):
    put(folder)

    assert load_rule("mine.py:Breakout").rule is not load_rule("mine.py:Breakout").rule


def test_an_edited_file_is_read_again_even_when_it_has_the_same_size(folder):
    put(folder)
    load_rule("mine.py:Breakout")
    put(folder, BREAKOUT.replace("warm_up = 300", "warm_up = 333"))

    assert load_rule("mine.py:Breakout").warm_up == 333


def test_the_hash_is_that_of_the_file(folder):
    path = put(folder)
    expected = hashlib.sha256(path.read_bytes()).hexdigest()

    assert load_rule("mine.py:Breakout").sha256 == expected
    assert rule_sha256(f"{path}:Breakout") == expected


def test_a_module_beside_it_counts_for_the_hash(folder):
    helper = put(folder, "LIMIT = 0.5\n", name="my_limits_for_breakout.py")
    put(folder, "from my_limits_for_breakout import LIMIT\n" + BREAKOUT.split("\n\n", 1)[1])
    before = load_rule("mine.py:Breakout").sha256

    helper.write_text("LIMIT = 0.6\n")

    assert rule_sha256("mine.py:Breakout") != before


def test_an_object_that_is_already_made_is_a_rule_too(folder):
    put(folder, BREAKOUT + "\n\nSLOW = Breakout()\nSLOW.warm_up = 500\n")

    assert load_rule("mine.py:SLOW").warm_up == 500


def test_the_settings_choose_the_rule(folder):
    path = put(folder)

    assert isinstance(configured_rule(settings("score")), ScoreRule)
    assert configured_rule(settings("mine.py:Breakout")).name == "breakout"
    assert rule_identity(settings("score")) == "score"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert rule_identity(settings("mine.py:Breakout")) == f"sha256:{digest}:Breakout"


def test_a_warm_up_longer_than_a_running_bots_window_could_never_end():
    assert LONGEST_WARM_UP == WINDOW_BARS - 1


MISTAKES = {
    "no such file": ("other.py:Breakout", BREAKOUT, ("does not exist", "other.py")),
    "nearly the file": ("mime.py:Breakout", BREAKOUT, ("did you mean mine.py?",)),
    "no name": ("mine.py", BREAKOUT, ("path/to/file.py:Name",)),
    "nearly the name": ("mine.py:Breakuot", BREAKOUT, ("'Breakuot'", "did you mean Breakout?")),
    "syntax": (
        "mine.py:Breakout", BREAKOUT.replace("def evaluate(self,", "def evaluate(self"),
        ("not valid Python", "mine.py, line", "def evaluate"),
    ),
    "import": (
        "mine.py:Breakout", "import a_module_nobody_has\n" + BREAKOUT.split("\n\n", 1)[1],
        ("fails while it is imported", "line 1", "a_module_nobody_has"),
    ),
    "no evaluate": (
        "mine.py:Breakout", BREAKOUT.replace("def evaluate", "def answer_all"),
        ("has no method `evaluate`", "mine.py:Breakout"),
    ),
    "a function": ("mine.py:signed", BREAKOUT, ("has no method `evaluate`", "function")),
    "no warm-up": (
        "mine.py:Breakout", BREAKOUT.replace("    warm_up = 300\n", ""),
        ("`warm_up`", "none", "from 0 to 999"),
    ),
    "too long a warm-up": (
        "mine.py:Breakout", BREAKOUT.replace("300", "1000"), ("`warm_up`", "1000", "999"),
    ),
    "arguments": (
        "mine.py:Breakout",
        BREAKOUT.replace("    warm_up", "    def __init__(self, bars): ...\n\n    warm_up"),
        ("cannot be made", "bars", "needs no arguments"),
    ),
    "look-back": (
        "mine.py:Breakout", BREAKOUT.replace("300", "300\n    look_back = -1"),
        ("`look_back`", "-1"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("place", "text", "told"), MISTAKES.values(), ids=MISTAKES)
def test_what_cannot_be_loaded_is_told_with_its_place(folder, place, text, told):
    put(folder, text)

    with pytest.raises(ConfigError) as error:
        load_rule(place)

    assert [part for part in told if part not in str(error.value)] == [], str(error.value)


def answering(make, **declared):
    """A checked rule whose answer is `make(n_bars, indicators)`."""

    class Rule:
        warm_up = 300

        def evaluate(self, frame, indicators):
            return make(len(indicators), indicators)

    rule = Rule()
    vars(rule).update(declared)
    return CheckedRule(rule, place="mine.py:Rule")


def ones(n):
    return np.ones(n, np.int8)


UNUSABLE = {
    "None": (lambda n, i: None, ("no `Signals`", "NoneType")),
    "an array": (lambda n, i: ones(n), ("no `Signals`", "ndarray")),
    "too few": (lambda n, i: Signals(ones(n - 1), ones(n)), ("`side`", "(399,)", "(400,)")),
    "a table": (lambda n, i: Signals(np.ones((n, 1), np.int8), ones(n)), ("`side`", "(400, 1)")),
    "words": (lambda n, i: Signals(np.array(["long"] * n), ones(n)), ("`side`", "dtype <U4")),
    "two": (lambda n, i: Signals(ones(n) * 2, ones(n)), ("`side` is 2", "+1 long")),
    "NaN side": (
        lambda n, i: Signals(cast(Any, ones(n) * np.nan), ones(n)),
        ("`side` is nan", "400 such"),
    ),
    "half": (lambda n, i: Signals(ones(n), ones(n) * 0.5), ("`strength` is 0.5", "round")),
    "negative": (lambda n, i: Signals(ones(n), -ones(n)), ("`strength` is -1",)),
    "strengths": (lambda n, i: Signals(ones(n), ones(n - 2)), ("`strength`", "(398,)")),
    "NaN stop": (
        lambda n, i: Signals(ones(n), ones(n), stop_distance=i.close * np.nan),
        ("`stop_distance` is nan", "above 0", "hold such bars"),
    ),
    "stop of 0": (
        lambda n, i: Signals(ones(n), ones(n), stop_distance=np.zeros(n)),
        ("`stop_distance` is 0.0",),
    ),
    "endless target": (
        lambda n, i: Signals(ones(n), ones(n), target_distance=np.full(n, np.inf)),
        ("`target_distance` is inf",),
    ),
    "parts": (lambda n, i: Signals(ones(n), ones(n), {"a": ones(3)}), ("parts['a']", "(3,)")),
    "gate": (lambda n, i: Signals(ones(n), ones(n), gate=ones(n)), ("`gate` is 1", "from 0 to 0")),
    "extra": (
        lambda n, i: Signals(ones(n), ones(n), extra={"x": np.full(n, np.inf)}),
        ("extra['x']", "inf"),
    ),
    "extra names": (
        lambda n, i: Signals(ones(n), ones(n), extra=cast(Any, [ones(n)])),
        ("`extra`", "dict"),
    ),
}


@pytest.mark.parametrize(("make", "told"), UNUSABLE.values(), ids=UNUSABLE)
def test_an_answer_that_cannot_be_used_is_told(make, told):
    frame = random_frame(400)

    with pytest.raises(RuleFailed) as error:
        evaluate(answering(make), frame, Indicators(frame))

    text = str(error.value)
    assert [part for part in (*told, "mine.py:Rule", "XRPUSDT") if part not in text] == [], text


def test_numbers_that_mean_the_same_are_taken():
    frame = random_frame(400)
    rule = answering(
        lambda n, i: Signals(
            cast(Any, [1.0, -1.0] * (n // 2)), np.full(n, 2.0), {"up": ones(n) > 0}
        )
    )

    signals = evaluate(rule, frame, Indicators(frame))

    assert signals.at(-1).side is Side.SHORT
    assert (signals.side.dtype.name, signals.strength.dtype.name) == ("int8", "int64")
    assert signals.at(-2).reasons == ("up+1",)


def test_exits_before_the_first_decision_and_on_held_bars_may_be_missing():
    frame = random_frame(400)

    def make(n, indicators):
        side = ones(n)
        side[350:] = 0
        distance = np.full(n, np.nan)
        distance[300:350] = 1.0
        return Signals(side, side, stop_distance=distance)

    assert evaluate(answering(make), frame, Indicators(frame)).side[320] == 1


def test_an_error_inside_a_rule_is_told_with_its_line(folder):
    put(folder, BREAKOUT.replace("        side = signed(", "        1 / 0\n        side = signed("))
    frame = random_frame(400)

    with pytest.raises(RuleFailed) as error:
        latest(load_rule("mine.py:Breakout"), frame)

    assert "'breakout' failed" in str(error.value)
    assert "mine.py:Breakout, line 14, asked for XRPUSDT" in str(error.value)
    assert "ZeroDivisionError: division by zero" in str(error.value)


@pytest.mark.parametrize("where", ["frame.candles.close", "indicators.high", "frame.oi_change"])
def test_a_rule_cannot_write_into_the_candles(folder, where):
    put(folder, BREAKOUT.replace("        side = signed(", f"        {where}[0] = 1.0\n        side = signed("))  # fmt: skip  # noqa: E501
    frame = random_frame(400)
    before = frame.candles.close.copy()

    with pytest.raises(RuleFailed, match="writes into the candles") as error:
        evaluate(load_rule("mine.py:Breakout"), frame, Indicators(frame))

    assert error.value.writes_input
    np.testing.assert_array_equal(frame.candles.close, before)


def test_a_rule_asked_quickly_gets_only_the_bars_it_declared():
    seen = []

    def make(n, indicators):
        seen.append(n)
        return Signals(ones(n), ones(n))

    signal, atr = latest(answering(make, look_back=4), random_frame(400))

    assert seen == [5]
    assert signal.side is Side.LONG
    assert atr > 0
