"""The filter as a bot asks it: by what it is told of a signal, and by nothing else."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from cointrader import MLFilter
from cointrader.domain.order import Side
from cointrader.model.artifact import POINTER
from cointrader.signals.rules import Signal
from cointrader.strategy.decide import Enter, Hold, MarketView, decide
from cointrader.strategy.entry_filter import ModelNews
from cointrader.strategy.plan import ExitSettings
from tests.unit.model.making import NAMES, constant, linear, published

RSI = NAMES.index("rsi")


def a_row(rsi=0.0):
    row = np.zeros(len(NAMES))
    row[RSI] = rsi
    return row


def a_view(row=None, symbol="XRPUSDT", extra=None, bars_before=500):
    row = a_row() if row is None else row
    return MarketView(
        symbol=symbol,
        open_time_ms=0,
        closed_at_ms=900_000,
        bars_before=bars_before,
        signal=Signal(Side.LONG, 3, extra=extra or {}),
        atr=1.0,
        features=row if callable(row) else lambda: row,
    )


def a_filter(models, **options):
    """A filter and what it has to say."""
    news: list[ModelNews] = []
    return MLFilter(models, on_news=news.append, **options), news


def test_a_signal_passes_from_the_threshold_on(tmp_path):
    published(tmp_path, linear({"rsi": 1.0}), threshold=0.5)
    judge, news = a_filter(tmp_path)

    at, above, below = (judge.judge(a_view(a_row(rsi))) for rsi in (0.0, 1.0, -1e-9))

    assert (at.passed, at.probability) == (True, 0.5)
    assert above.passed
    assert above.probability == pytest.approx(0.7310585786300049)
    assert (below.passed, below.refusal) == (False, "filter")
    assert below.probability == pytest.approx(0.5)
    assert "below 0.5" in below.detail
    assert news == []


def test_an_argument_outranks_the_models_own_threshold(tmp_path):
    published(tmp_path, constant(0.6), threshold=0.5)

    assert not a_filter(tmp_path, threshold=0.7)[0].judge(a_view()).passed
    assert a_filter(tmp_path, threshold=0.6 - 1e-9)[0].judge(a_view()).passed
    with pytest.raises(ValueError, match="from 0 to 1"):
        MLFilter(tmp_path, 55)


def test_decisions_carry_the_probability(tmp_path):
    published(tmp_path, constant(0.6))
    exits = ExitSettings()

    entered = decide(a_view(), None, MLFilter(tmp_path, 0.5), exits)
    held = decide(a_view(), None, MLFilter(tmp_path, 0.9), exits)

    assert isinstance(entered, Enter)
    assert entered.probability == pytest.approx(0.6)
    assert isinstance(held, Hold)
    assert held.why == "filter"
    assert held.probability == pytest.approx(0.6)


def test_without_a_model_nothing_passes_unless_that_was_allowed(tmp_path):
    strict, news = a_filter(tmp_path)
    loose, _ = a_filter(tmp_path, passes_without_model=True)

    refused = strict.judge(a_view())

    assert (refused.passed, refused.refusal) == (False, "no-model")
    assert "there is no model" in refused.detail
    assert loose.judge(a_view()).passed
    assert loose.judge(a_view()).probability is None
    assert news == []


@pytest.mark.parametrize("passes_without_model", [True, False])
def test_a_broken_model_lets_nothing_pass_and_is_told_once(tmp_path, passes_without_model):
    published(tmp_path, constant(0.9))
    (tmp_path / "xrpusdt" / "lgbm_filter.onnx").write_bytes(b"")
    judge, news = a_filter(tmp_path, passes_without_model=passes_without_model)

    answers = [judge.judge(a_view()) for _ in range(5)]

    assert {(a.passed, a.refusal, a.probability) for a in answers} == {(False, "no-model", None)}
    assert [(n.level, n.symbol) for n in news] == [("critical", "XRPUSDT")]
    assert "do not belong together" in news[0].text


def test_a_model_that_goes_while_it_serves_lets_nothing_pass(tmp_path):
    published(tmp_path, constant(0.9))
    judge, news = a_filter(tmp_path, passes_without_model=True)
    assert judge.judge(a_view()).passed

    shutil.rmtree(tmp_path / "xrpusdt")

    assert judge.judge(a_view()).refusal == "no-model"
    assert [n.level for n in news] == ["critical"]


def test_a_new_model_judges_the_next_signal_and_is_told(tmp_path):
    published(tmp_path, constant(0.9))
    judge, news = a_filter(tmp_path)
    assert judge.judge(a_view()).passed

    published(tmp_path, constant(0.2))

    assert judge.judge(a_view()).refusal == "filter"
    assert [n.level for n in news] == ["info"]
    assert "lgbm:" in news[0].text


@pytest.mark.parametrize(
    ("gate", "live", "paper"),
    [
        ({"verdict": "passed"}, True, True),
        ({"verdict": "passed", "forced_for_paper": True}, True, True),
        ({"verdict": "failed"}, False, False),
        ({"verdict": "not judged"}, False, False),
        ({"verdict": "failed", "forced_for_paper": True}, False, True),
        ({"verdict": "not judged", "forced_for_paper": True}, False, True),
        ({"verdict": "failed", "forced_for_paper": "yes"}, False, False),
    ],
)
def test_only_what_the_gate_passed_trades_and_on_paper_what_was_forced(tmp_path, gate, live, paper):
    published(tmp_path, constant(0.9), gate=gate)

    for is_paper, passes in ((False, live), (True, paper)):
        judge, news = a_filter(tmp_path, is_paper=is_paper, passes_without_model=is_paper)
        answer = judge.judge(a_view())
        assert answer.passed == passes
        assert (answer.refusal, len(news)) == (("", 0) if passes else ("no-model", 1))


def test_features_that_fail_are_no_entry_and_told_once(tmp_path):
    published(tmp_path, constant(0.9))
    judge, news = a_filter(tmp_path)

    def fails():
        raise ZeroDivisionError("no volume")

    answers = [judge.judge(a_view(fails)) for _ in range(3)]

    assert {(a.passed, a.refusal) for a in answers} == {(False, "no-model")}
    assert [n.level for n in news] == ["critical"]
    assert "no volume" in news[0].text
    assert judge.judge(a_view()).passed


@pytest.mark.parametrize("count", [0, 1, 25, 27])
def test_a_row_of_another_length_is_no_entry(tmp_path, count):
    published(tmp_path, constant(0.9))
    judge, news = a_filter(tmp_path)

    assert judge.judge(a_view(np.zeros(count))).refusal == "no-model"
    assert len(news) == 1


def test_a_rule_with_other_features_of_its_own_is_no_entry(tmp_path):
    published(tmp_path, constant(0.9, (*NAMES, "mine")), features=(*NAMES, "mine"))
    judge, news = a_filter(tmp_path)
    row = np.zeros(27)

    assert judge.judge(a_view(row, extra={"mine": 1.0})).passed
    assert judge.judge(a_view(row, extra={"other": 1.0})).refusal == "no-model"
    assert judge.judge(a_view()).refusal == "no-model"
    assert judge.judge(a_view(row, extra={"mine": 1.0})).passed
    assert len(news) == 2


def test_one_filter_serves_several_symbols_each_with_its_own_model(tmp_path):
    published(tmp_path, constant(0.9))
    published(tmp_path, constant(0.1), symbol="TRXUSDT")
    judge, _ = a_filter(tmp_path)

    assert judge.judge(a_view()).passed
    assert judge.judge(a_view(symbol="TRXUSDT")).refusal == "filter"
    assert judge.judge(a_view(symbol="DOGEUSDT")).refusal == "no-model"


def test_a_correlation_symbol_has_no_features_of_itself(tmp_path):
    """Its bot follows it once: the row of BTCUSDT has no btc_ret_1."""
    names = tuple(name for name in NAMES if not name.startswith("btc"))
    published(tmp_path, constant(0.9, names), symbol="BTCUSDT", features=names)

    assert a_filter(tmp_path)[0].judge(a_view(np.zeros(len(names)), "BTCUSDT")).passed


def test_drift_counts_what_is_missing_and_what_the_training_hardly_knew(tmp_path):
    published(tmp_path, constant(0.9), feature_quantiles={"rsi": (20.0, 80.0), "adx": (-2.0, 2.0)})
    judge, _ = a_filter(tmp_path)
    for rsi in (50.0, 10.0, 20.0, 80.0, 80.1, np.nan):
        judge.judge(a_view(a_row(rsi)))

    drift = judge.drift()["XRPUSDT"]

    assert list(drift) == list(NAMES)
    rsi = drift["rsi"]
    assert (rsi.rows, rsi.missing, rsi.outside, rsi.outside_share) == (6, 1, 2, 0.4)
    assert (drift["adx"].outside, drift["adx"].missing) == (0, 0)
    assert (drift["side"].outside, drift["side"].outside_share) == (None, None)


def test_drift_begins_anew_with_another_model(tmp_path):
    published(tmp_path, constant(0.9))
    judge, _ = a_filter(tmp_path)
    judge.judge(a_view())
    assert judge.drift()["XRPUSDT"]["rsi"].rows == 1

    published(tmp_path, constant(0.8))
    judge.judge(a_view())

    assert judge.drift()["XRPUSDT"]["rsi"].rows == 1
    (tmp_path / "xrpusdt" / POINTER).write_text("")
    judge.judge(a_view())
    assert judge.drift()["XRPUSDT"] == {}
