"""With a model judging signals, paper and backtest still decide alike, probability included."""

from __future__ import annotations

import json
import shutil
import sqlite3

import numpy as np
import pytest

from cointrader.app.backtest import prepared
from cointrader.app.config import Config
from cointrader.app.models import Models
from cointrader.app.paper.market import folder_market, synthetic_market
from cointrader.app.paper.run import PaperPlan, run_paper
from cointrader.app.parity.parity import parity
from cointrader.backtest.codes import REFUSALS
from cointrader.backtest.run import run
from cointrader.domain.clock import DAY_MS
from cointrader.domain.instrument import to_decimal
from cointrader.journal.reader import JournalReader
from cointrader.model.errors import ModelBroken
from tests.parity.playing import SHARED
from tests.unit.model.making import NAMES, linear, network, published, trees

XRP, TRX, DOGE = "XRPUSDT", "TRXUSDT", "DOGEUSDT"
REAL = SHARED / "combined"
# Open interest and funding are left to the tests of the features themselves.
COLUMNS = tuple(n for n in NAMES if not n.startswith(("oi_", "funding")))
FROM_MS = 1_767_225_600_000


def a_config(*symbols, **settings):
    given = {"symbols": list(symbols), "interval": "15m", **settings}
    return Config(overrides=given, environ={}, folder="/nonexistent")


def a_market(config, days=40, seed=5):
    return synthetic_market(config, seed, FROM_MS, FROM_MS + days * DAY_MS)


@pytest.fixture
def models(tmp_path):
    """A different kind of model for each symbol; each refuses about half of the signals."""
    folder = tmp_path / "models"
    weights = {"rsi": 0.03, "ret_1": 0.5, "btc_rs": -0.4, "eth_ret_3": 0.3, "adx": 0.2, "side": 1.0}
    published(folder, linear(weights, -2.0), symbol=XRP)
    published(folder, trees(COLUMNS, 80), symbol=TRX)
    net = network(kind=np.float32, columns=COLUMNS)
    published(folder, net, symbol=DOGE, backend="mlx", threshold=0.4)
    return folder


def on_paper(config, market, journal, models):
    plan = PaperPlan(
        config,
        market.source,
        journal,
        to_decimal(1000.0),
        start_ms=market.start_ms,
        end_ms=market.end_ms,
        origin=market.origin,
        models=models,
    )
    run_paper(plan, lambda progress: None)
    with JournalReader(journal) as reader:
        return list(reader.decisions()), [record.trade for record in reader.trades()]


def in_history(config, market, models):
    ready = prepared(config, market, models=Models(config, models, is_paper=True))
    return ready, run(ready.candles, ready.signals, ready.settings())


def assert_alike(decisions, trades, ready, result):
    """Every signal has the same answer and, where the model was asked, the same probability."""
    told = {(d.symbol, d.bar_open_ms): d for d in decisions if d.side is not None}
    probability = {
        (symbol, int(ready.candles.frames[symbol].open_time_ms[row])): float(value)
        for symbol, own in ready.signals.items()
        if own.probability is not None
        for row, value in zip(own.rows, own.probability, strict=True)
    }
    asked = passed = refused = 0
    for i in range(len(result.decisions)):
        key = result.symbols[result.decisions.symbol[i]], int(result.decisions.bar_ms[i])
        decision = told.pop(key)
        action, refusal = result.decisions.words(i)
        assert (decision.action, decision.refusal) == (action, refusal), key
        if decision.probability is not None:
            asked += 1
            passed += refusal == ""
            refused += refusal == "filter"
            assert decision.probability == pytest.approx(probability[key], abs=1e-6)
            assert decision.probability == pytest.approx(probability[key], rel=1e-9, abs=1e-9) or (
                key[0] == DOGE  # float32: the last bit of a feature may be one of the answer
            )
    assert not told
    assert [t.trade_id for t in trades] == [t.trade_id for t in result.trade_list()]
    for mine, other in zip(trades, result.trade_list(), strict=True):
        assert float(mine.net) == pytest.approx(float(other.net), rel=1e-9, abs=1e-9)
    return asked, passed, refused


# ---------------------------------------------------------------------- paper and backtest


@pytest.mark.parametrize("tie_break", ["order", "probability"])
def test_paper_and_backtest_decide_alike_on_a_synthetic_market(tmp_path, models, tie_break):
    config = a_config(XRP, TRX, DOGE, tie_break=tie_break, max_positions=2, max_drawdown=None)
    market = a_market(config)

    decisions, trades = on_paper(config, market, tmp_path / "j.db", models)
    asked, passed, refused = assert_alike(decisions, trades, *in_history(config, market, models))

    assert asked > 60
    assert passed > 15
    assert refused > 15
    assert {d.refusal for d in decisions} <= {"", *REFUSALS}


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="the shared real candles are not here")
def test_paper_and_backtest_decide_alike_on_real_candles(tmp_path, models):
    config = a_config(XRP, TRX, DOGE)
    market = folder_market(config, REAL, 1_746_057_600_000, 1_754_006_400_000)  # 92 days

    decisions, trades = on_paper(config, market, tmp_path / "j.db", models)
    asked, passed, refused = assert_alike(decisions, trades, *in_history(config, market, models))

    assert asked > 200
    assert passed > 50
    assert refused > 50


def test_a_symbol_without_a_model_trades_unfiltered_beside_one_with(tmp_path, models):
    shutil.rmtree(models / "trxusdt")
    config = a_config(XRP, TRX)
    market = a_market(config, days=20)

    decisions, trades = on_paper(config, market, tmp_path / "j.db", models)
    assert_alike(decisions, trades, *in_history(config, market, models))

    assert any(d.probability for d in decisions if d.symbol == XRP)
    assert not any(d.probability for d in decisions if d.symbol == TRX)


def test_a_broken_model_ends_a_backtest_and_only_the_entries_of_paper(tmp_path, models):
    (models / "xrpusdt" / "lgbm_filter.json").write_text("{}")
    config = a_config(XRP)
    market = a_market(config, days=20)

    decisions, trades = on_paper(config, market, tmp_path / "j.db", models)

    assert {d.refusal for d in decisions if d.side is not None} == {"no-model"}
    assert trades == []
    with JournalReader(tmp_path / "j.db") as reader:
        assert [alert.level for alert in reader.alerts()] == ["critical"]
    with pytest.raises(ModelBroken):
        in_history(config, market, models)


def test_a_threshold_that_was_set_counts_instead_of_the_models_own(tmp_path, models):
    config = a_config(XRP, ml_threshold=0.999)
    market = a_market(config, days=20)

    decisions, trades = on_paper(config, market, tmp_path / "j.db", models)
    asked, passed, _ = assert_alike(decisions, trades, *in_history(config, market, models))

    assert asked > 5
    assert passed == 0


def test_the_founding_profile_has_no_filter(tmp_path, models):
    config = a_config(XRP, profile="founding")

    decisions, _ = on_paper(config, a_market(config, days=20), tmp_path / "j.db", models)

    assert not any(d.probability for d in decisions)


# ---------------------------------------------------------------------- the parity command


def a_journal(folder, models, *symbols, days=20, **settings):
    config = a_config(*symbols, **settings)
    on_paper(config, a_market(config, days), folder / "j.db", models)
    return folder / "j.db"


def test_a_journal_with_a_filter_has_no_difference(tmp_path, models):
    report = parity(a_journal(tmp_path, models, XRP, TRX, DOGE))

    assert list(report.differences) == []
    assert report.whole is not None
    assert report.whole.trades == report.whole.equal_trades > 5
    assert report.notes == ()


def test_a_threshold_that_was_set_to_its_default_is_remembered(tmp_path, models):
    """0.55 is what ML_THRESHOLD is when nobody set it; the model's own is another."""
    report = parity(a_journal(tmp_path, models, XRP, ml_threshold=0.55))

    assert list(report.differences) == []


def test_a_model_that_is_not_there_any_more_is_taken_as_told(tmp_path, models):
    journal = a_journal(tmp_path, models, XRP, TRX)
    published(models, linear({"adx": 1.0}), symbol=XRP)

    report = parity(journal)

    assert list(report.differences) == []
    assert report.whole is None
    assert "the model of XRPUSDT changed" in report.why_no_whole
    assert report.notes == (
        "a model of XRPUSDT cannot be found any more: taken as the journal tells it",
    )


def test_probabilities_that_the_model_never_gave_are_found(tmp_path, models):
    """The journal claims a model, and its probabilities are those of another one."""
    journal = a_journal(tmp_path, models, XRP)
    kept = shutil.copytree(models / "xrpusdt", tmp_path / "kept")
    config = a_config(XRP)
    shutil.rmtree(models / "xrpusdt")
    published(models, linear({"adx": 1.0}), symbol=XRP)
    on_paper(config, a_market(config, days=20), tmp_path / "other.db", models)
    _claim(tmp_path / "other.db", _served(journal))
    shutil.rmtree(models / "xrpusdt")
    shutil.copytree(kept, models / "xrpusdt")

    report = parity(tmp_path / "other.db")

    assert {d.aspect for d in report.differences} >= {"probability"}
    assert not all(d.is_explained for d in report.differences)


def _served(journal):
    with JournalReader(journal) as reader:
        return next(reader.runs()).source["model"]


def _claim(journal, served):
    with sqlite3.connect(journal) as database:
        ((number, text),) = database.execute("select rowid, source from runs").fetchall()
        told = {**json.loads(text), "model": served}
        database.execute("update runs set source = ? where rowid = ?", (json.dumps(told), number))


def test_a_paper_run_says_which_models_judged(tmp_path, models):
    shutil.rmtree(models / "trxusdt")
    (models / "dogeusdt" / "mlx_filter.onnx").write_bytes(b"")

    served = _served(a_journal(tmp_path, models, XRP, TRX, DOGE, days=4))

    xrp, trx, doge = served.split()
    assert xrp.startswith("XRPUSDT=lgbm:")
    assert (trx, doge) == ("TRXUSDT=none", "DOGEUSDT=broken")


def test_models_that_came_later_are_no_matter_to_a_run_without_a_filter(tmp_path, models):
    report = parity(a_journal(tmp_path, None, XRP))

    assert list(report.differences) == []
    assert report.whole is not None
