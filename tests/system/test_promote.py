"""`cointrader promote`, from a candidate on disk to what a bot reads, or to a clear no."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from cointrader.app.backtest import market_of, settings_of
from cointrader.app.config import Config
from cointrader.app.paper.market import folder_market, instruments_of
from cointrader.backtest.signals import signals_of
from cointrader.cli.main import main
from cointrader.model.artifact import read
from cointrader.model.errors import ModelMissing
from cointrader.model.folder import MODELS
from cointrader.signals.configured import configured_rule, rule_identity
from cointrader.strategy.entry_filter import why_not_served
from cointrader.training import candidate, labels
from cointrader.training.calibration import sigmoid
from cointrader.training.card import write_card
from cointrader.training.gate_card import verdict_on
from tests.full import some
from tests.unit.backtest.folders import stored
from tests.unit.model.making import a_manifest, linear
from tests.unit.training.gate_cases import a_card

XRP = "XRPUSDT"
FOLDER = Path("models/xrpusdt/candidate")
REAL = Path(__file__).parents[2].parent / "shared" / "data" / "combined"


@pytest.fixture(scope="module")
def candles(tmp_path_factory):
    """A year of made-up candles, and what every signal's own trade came to."""
    data = stored(
        tmp_path_factory.mktemp("gate") / "data", (XRP, "BTCUSDT", "ETHUSDT"), bars=35_000
    )
    config = Config(None, flags={"symbols": XRP}, environ={})
    made = folder_market(config, data, None, None)
    market, own = market_of(config, made.source), config.for_symbol(XRP)
    signals = signals_of(configured_rule(own), market.frames[XRP], own.periods)
    settings = settings_of(config, instruments_of(config, made.source, [XRP]))
    found = labels.engine(market, XRP, signals, settings)
    known = found.label >= 0
    times = market.frames[XRP].open_time_ms
    rows = {
        "open_ms": times[signals.rows[known]],
        "label_end_ms": times[found.end[known]] + market.interval_ms,
        "side": signals.side[known],
        "label": found.label[known],
        "net_r": found.net_r[known],
    }
    return data, rows, rule_identity(own)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("SYMBOLS", "PROFILE", "SIGNAL", "SIZING", "INTERVAL", "ML_THRESHOLD"):
        monkeypatch.delenv(name, raising=False)


def place(candles, knows: float, seed: int = 1, backend: str = "lgbm", **changes):
    """A candidate whose scores say `knows` of what became of a trade; 0: nothing."""
    _, rows, rule = candles
    rng = np.random.default_rng(seed)
    count = len(rows["label"])
    margin = knows * np.sign(rows["net_r"]) + rng.normal(size=count)
    onnx = linear({"rsi": 0.01}, seed / 1_000)
    sha = hashlib.sha256(onnx).hexdigest()
    card = a_card(
        sha256=sha,
        backend=backend,
        rule=rule,
        from_ms=int(rows["open_ms"][0]),
        to_ms=int(rows["label_end_ms"][-1]),
        **changes,
    )
    card = msgspec.structs.replace(card, ranking=msgspec.structs.replace(card.ranking, rows=count))
    fold = np.arange(count, dtype=np.int64) * 5 // count
    tested = candidate.Tested(fold=fold, margin=margin, probability=sigmoid(margin), **rows)
    manifest = replace(a_manifest(onnx, rule=rule, backend=backend), gate={"verdict": "not judged"})
    candidate.write(FOLDER, onnx, manifest, card, tested)
    return card


def promote(candles, *arguments) -> int:
    return main(["promote", "--data", str(candles[0]), "--symbol", XRP, *arguments])


def told(candles, capsys, *arguments):
    code = promote(candles, "--json", *arguments)
    out, err = capsys.readouterr()
    assert out, err
    return code, json.loads(out)


def is_there():
    try:
        return read(MODELS, XRP).manifest
    except ModelMissing:
        return None


def test_a_model_that_knows_something_is_published_with_its_verdict(candles, capsys):
    card = place(candles, knows=2.0)
    code, said = told(candles, capsys)

    assert code == 0, said
    manifest = is_there()
    assert manifest is not None
    assert manifest.is_passed
    assert manifest.sha256 == card.final.sha256
    assert manifest.gate["attempt"] == 1
    assert manifest.gate["measures"]["mean_r"] > manifest.gate["measures"]["all_mean_r"]
    assert why_not_served(manifest, is_paper=False) == ""
    for folder in (FOLDER, FOLDER.parent):
        written = verdict_on(folder, "lgbm")
        assert written is not None
        assert written["verdict"] == "passed"
        assert written["findings"] == said["promotions"][0]["gate"]["findings"]


def test_a_model_that_knows_nothing_is_not_and_hears_why(candles, capsys):
    place(candles, knows=0.0)
    assert promote(candles) == 4

    out = capsys.readouterr().out
    assert "not promoted" in out
    assert "failed: lower bound of the mean result of such a trade" in out
    assert "What it lets pass must earn money after costs" in out
    assert "models/xrpusdt stays as it is: no model" in out
    assert is_there() is None
    written = verdict_on(FOLDER, "lgbm")
    assert written is not None
    assert written["verdict"] == "failed"


def test_the_model_that_trades_stays_when_the_next_one_fails(candles):
    good = place(candles, knows=2.0)
    assert promote(candles) == 0
    place(candles, knows=0.0, seed=2)
    assert promote(candles) == 4

    manifest = is_there()
    assert manifest is not None
    assert manifest.sha256 == good.final.sha256


def test_a_forced_model_serves_paper_and_never_live(candles, capsys):
    place(candles, knows=0.0)
    assert promote(candles, "--force-paper") == 0

    assert "FORCED, for paper only" in capsys.readouterr().out
    manifest = is_there()
    assert manifest is not None
    assert manifest.is_forced_for_paper
    assert not manifest.is_passed
    assert why_not_served(manifest, is_paper=True) == ""
    assert why_not_served(manifest, is_paper=False)


def test_a_forced_model_never_takes_the_place_of_one_that_passed(candles, capsys):
    good = place(candles, knows=2.0)
    assert promote(candles) == 0
    place(candles, knows=0.0, seed=2)

    assert promote(candles, "--force-paper") == 2
    assert "would end its entries" in capsys.readouterr().err
    manifest = is_there()
    assert manifest is not None
    assert manifest.sha256 == good.final.sha256


def test_forcing_a_model_that_passes_is_not_noted_against_it(candles):
    place(candles, knows=2.0)
    assert promote(candles, "--force-paper") == 0

    manifest = is_there()
    assert manifest is not None
    assert manifest.is_passed
    assert not manifest.is_forced_for_paper


def test_each_new_model_is_an_attempt_and_the_same_one_is_not(candles, capsys):
    numbers = []
    for seed in (1, 2, 2, 3):
        place(candles, knows=0.0, seed=seed)
        _, said = told(candles, capsys)
        numbers.append(said["promotions"][0]["gate"]["attempt"])

    assert numbers == [1, 2, 2, 3]


def test_the_same_candidate_hears_the_same_again(candles, capsys):
    place(candles, knows=2.0)
    answers = [told(candles, capsys)[1]["promotions"][0]["gate"] for _ in range(2)]
    for answer in answers:
        del answer["judged_ms"]

    assert answers[0] == answers[1]


def test_a_candidate_for_another_strategy_is_not_judged_or_counted(candles, capsys):
    place(candles, knows=2.0, strategy={"ATR_SL_MULT": "1.5", "SLIPPAGE_BPS": "2"})

    assert promote(candles, "--atr-sl-mult", "2") == 2
    assert "ATR_SL_MULT 1.5, now 2" in capsys.readouterr().err
    code, said = told(candles, capsys)
    assert (code, said["promotions"][0]["gate"]["attempt"]) == (0, 1)


def test_without_a_candidate_it_says_how_to_make_one(candles, capsys):
    assert promote(candles) == 2
    assert "cointrader train --symbol XRPUSDT" in capsys.readouterr().err


def test_two_candidates_ask_for_a_choice(candles, capsys):
    place(candles, knows=2.0)
    place(candles, knows=2.0, backend="mlx")

    assert promote(candles) == 2
    assert "--backend" in capsys.readouterr().err
    assert promote(candles, "--backend", "mlx") == 0
    manifest = is_there()
    assert manifest is not None
    assert manifest.backend == "mlx"


def test_the_verdict_on_one_backend_leaves_that_on_the_other(candles):
    place(candles, knows=0.0)
    place(candles, knows=2.0, backend="mlx")
    assert promote(candles, "--backend", "lgbm") == 4
    assert promote(candles, "--backend", "mlx") == 0

    verdicts = {name: verdict_on(FOLDER, name) for name in ("lgbm", "mlx")}
    assert [each and each["verdict"] for each in verdicts.values()] == ["failed", "passed"]


def test_a_candidate_whose_files_do_not_belong_together_is_refused(candles, capsys):
    card = place(candles, knows=2.0)
    write_card(FOLDER, msgspec.structs.replace(
        card, final=msgspec.structs.replace(card.final, sha256="b" * 64)
    ))  # fmt: skip
    assert promote(candles) == 1
    assert "do not belong together" in capsys.readouterr().err

    place(candles, knows=2.0)
    (FOLDER / "lgbm_filter.onnx").write_bytes(b"half")
    assert promote(candles) == 1
    (FOLDER / "lgbm_out_of_fold.npz").write_bytes(b"half")
    assert promote(candles) == 1
    assert is_there() is None


def test_a_symbol_that_cannot_be_judged_does_not_keep_the_others_from_it(candles, capsys):
    place(candles, knows=2.0)
    code = main(["promote", "--json", "--data", str(candles[0]), "--symbols", f"BTCUSDT,{XRP}"])
    said = json.loads(capsys.readouterr().out)

    assert code == 2
    assert list(said["failed"]) == ["BTCUSDT"]
    assert said["promotions"][0]["published"]


def test_criteria_of_ones_own_count(candles, capsys):
    place(candles, knows=2.0)
    shipped = Path(labels.__file__).with_name("gate_criteria.toml").read_text()
    Path("mine.toml").write_text(shipped.replace("at_least = 100", "at_least = 100000"))

    assert promote(candles, "--criteria", "mine.toml") == 4
    assert "too little" in capsys.readouterr().out
    assert promote(candles, "--criteria", "nothing.toml") == 2


def test_tuned_settings_become_those_of_the_next_training_or_are_refused(capsys):
    told_of = {
        "symbol": XRP,
        "backend": "lgbm",
        "params": {"num_leaves": 15},
        "score": "auc",
        "baseline": {"folds": [0.50, 0.51, 0.52]},
        "tuned": {"folds": [0.53, 0.52, 0.55]},
    }
    Path("tuned.json").write_text(json.dumps(told_of))
    assert main(["promote", "--params", "tuned.json"]) == 0
    kept = json.loads(Path("models/xrpusdt/active_lgbm_params.json").read_text())
    assert kept["params"] == {"num_leaves": 15}

    Path("worse.json").write_text(json.dumps({**told_of, "tuned": told_of["baseline"]}))
    assert main(["promote", "--params", "worse.json"]) == 4
    assert "refused" in capsys.readouterr().out
    assert json.loads(Path("models/xrpusdt/active_lgbm_params.json").read_text()) == kept
    assert main(["promote", "--params", "worse.json", "--force-paper"]) == 2


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="the shared real candles are not here")
@pytest.mark.parametrize("symbol", some(["XRPUSDT", "DOGEUSDT", "TRXUSDT"], 3))
def test_real_candles_hold_nothing_to_learn_and_the_gate_says_so(symbol, capsys):
    pytest.importorskip("lightgbm", reason="training needs the extra 'train'")
    where = ["--symbol", symbol, "--data", str(REAL)]
    assert main(["train", *where]) == 0
    capsys.readouterr()

    assert main(["promote", "--json", *where]) == 4
    said = json.loads(capsys.readouterr().out)["promotions"][0]
    missed = {each["measure"] for each in said["gate"]["findings"] if not each["passed"]}
    assert not said["published"]
    assert {"mean_r_low", "ablation_auc_low"} <= missed
