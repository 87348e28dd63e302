"""`scripts/train_and_deploy.sh` as cron runs it: real processes, a served exchange."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cointrader.cli.main import main
from cointrader.market.combined import write_combined
from cointrader.market.synthetic import SyntheticSource
from cointrader.training.card import read_cards
from tests.unit.deploy.far_side import active, active_manifest

pytest.importorskip("lightgbm", reason="LightGBM is not installed here")
pytest.importorskip("onnx", reason="onnx is not installed here")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BAR_MS, DAY_MS = 900_000, 86_400_000
START_MS = 1_767_225_600_000  # 2026-01-01
DAYS = 50
SYMBOLS = ("XRPUSDT", "DOGEUSDT")


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    """The address of an exchange that knows two symbols for 50 days, and no other to trade."""
    folder = tmp_path_factory.mktemp("served")
    source = SyntheticSource(SYMBOLS, 3, START_MS, 96 * DAYS, BAR_MS)
    for symbol in SYMBOLS:
        write_combined(folder, source.frame(symbol), stored_ms=START_MS + DAYS * DAY_MS)
    process = subprocess.Popen(
        [sys.executable, "-m", "cointrader", "exchange", "--data", folder,
         "--symbols", ",".join(SYMBOLS), "--from", "2026-02-18"],
        cwd=folder, env=_environment(folder), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield str(json.loads(process.stdout.readline())["rest"])
    finally:
        process.kill()
        process.communicate()


def _environment(folder, **more):
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_CACHE_HOME")
            if name in os.environ}  # fmt: skip
    return {
        **kept, "PYTHON": sys.executable, "XDG_STATE_HOME": str(folder),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *filter(None, sys.path)]), **more,
    }  # fmt: skip


def run(folder, exchange, *arguments, **more):
    """Exit code, what it tells machines, and its words."""
    (folder / "few.json").write_text('{"params": {"num_boost_round": 6, "learning_rate": 0.1}}')
    done = subprocess.run(
        ["bash", ROOT / "scripts" / "train_and_deploy.sh", *arguments, "--json",
         "--data", folder / "data", "--models", folder / "models", "--base-url", exchange],
        cwd=folder, capture_output=True, text=True, check=False,
        env=_environment(folder, SIGNAL_THRESHOLD="2", TRAIN_ARGS=f"--params {folder}/few.json",
                         **more),
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


def test_what_the_gate_refuses_is_not_deployed_and_a_symbol_that_fails_stops_no_other(
    tmp_path, exchange
):
    code, told, words = run(
        tmp_path, exchange, "2", "--symbol", "NOSUCHUSDT", "--symbol", "XRPUSDT",
        "--to", str(tmp_path / "far"),
    )  # fmt: skip

    failed, refused = told["symbols"]
    assert code == 2, words
    assert (failed["symbol"], failed["fetched"], failed["trained"]) == ("NOSUCHUSDT", "failed", "-")
    assert failed["why"]
    assert (refused["fetched"], refused["gate"], refused["deployed"]) == ("365 days", "no", "no")
    assert refused["trained"].startswith("AUC 0.")
    assert refused["exit_code"] == 4
    assert "failed" in refused["why"]
    assert not (tmp_path / "far").exists()
    assert active(tmp_path) is None

    # The next run fetches what is new only; and a person may force the model, for paper.
    code, told, words = run(
        tmp_path, exchange, "lgbm", "--symbol", "XRPUSDT", "2", "--to", str(tmp_path / "far"),
        PROMOTE_ARGS="--force-paper", DEPLOY_ARGS="--paper",
    )  # fmt: skip

    (forced,) = told["symbols"]
    assert code == 0, words
    assert (forced["fetched"], forced["gate"], forced["deployed"]) == ("35 days", "forced", "yes")
    assert active_manifest(tmp_path / "far") == active_manifest(tmp_path)


def test_a_pool_is_trained_at_once_and_each_symbol_is_judged_for_itself(tmp_path, exchange):
    code, told, words = run(
        tmp_path, exchange, "2", "--symbol", "XRPUSDT", "--symbol", "NOSUCHUSDT", "--symbol",
        "DOGEUSDT", "--pooled", "--hold-negatives", "0.5", "--to", str(tmp_path / "far"),
    )  # fmt: skip

    first, failed, last = told["symbols"]
    assert code == 2, words
    assert (failed["symbol"], failed["fetched"], failed["trained"]) == ("NOSUCHUSDT", "failed", "-")
    assert "XRPUSDT and DOGEUSDT together" in words
    for row, symbol in zip((first, last), SYMBOLS, strict=True):
        assert row["trained"].startswith("AUC 0.")
        assert (row["symbol"], row["gate"], row["exit_code"]) == (symbol, "no", 4)
        card = read_cards(tmp_path / "models" / symbol.lower() / "candidate")["lgbm"]
        assert card.data.learned_from is not None
        assert card.data.learned_from.pooled == SYMBOLS
        assert card.data.learned_from.hold_negatives == 0.5
    # what is read afterwards leaves nothing beside the history
    assert [path.name for path in (tmp_path / "data").glob("history.db*")] == ["history.db"]


def test_what_the_command_refuses_the_script_refuses(tmp_path):
    code, _, err = run(tmp_path, "http://127.0.0.1:9", "cuda")

    assert code == 2
    assert "folds" in err


@pytest.mark.parametrize("words", [["lgbm", "mlx"], ["1"], ["51"], ["5", "6"]])
def test_what_is_not_understood_is_refused(words, capsys):
    assert main(["train-and-deploy", *words]) == 2

    assert "folds" in capsys.readouterr().err


def test_half_a_target_is_refused_before_anything_is_fetched(tmp_path):
    code, _, err = run(tmp_path, "http://127.0.0.1:9", DEPLOY_HOST="me@server")

    assert code == 2
    assert "DEPLOY_PATH" in err
    assert not (tmp_path / "data").exists()
