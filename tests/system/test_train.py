"""`cointrader train` as a person runs it: candidates, interruptions, and mistakes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cointrader.backtest.trial_ledger import TrialLedger
from cointrader.cli.main import main
from cointrader.market.combined import write_combined
from cointrader.market.synthetic import SyntheticSource
from cointrader.model.artifact import Wanted, read_files
from cointrader.training.alpha import data_set_of
from cointrader.training.card import read_cards
from tests.full import IS_FULL
from tests.markets import BAR_MS, START_MS

pytest.importorskip("lightgbm", reason="LightGBM is not installed here")
pytest.importorskip("onnx", reason="onnx is not installed here")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DAYS = 50
# Looser signals, so that weeks have enough of them; and models of few trees.
SMALL = ("--symbol", "XRPUSDT", "--signal-threshold", "2", "--folds", "2", "--params", "few.json")
CANDIDATE = Path("models") / "xrpusdt" / "candidate"


@pytest.fixture(scope="module")
def candles(tmp_path_factory):
    """Two symbols with the markets that features compare with, and a short third one."""
    folder = tmp_path_factory.mktemp("candles")
    others = ("BTCUSDT", "ETHUSDT")
    for symbols, days in ((("XRPUSDT", "DOGEUSDT"), DAYS), (("TRXUSDT",), 5)):
        source = SyntheticSource(
            symbols, 3, START_MS, 96 * days, BAR_MS, correlation_symbols=others
        )
        for symbol in symbols:
            frame = source.frame(symbol)
            write_combined(folder, frame, stored_ms=START_MS + days * 96 * BAR_MS)
    return folder


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, candles):
    for name in set(os.environ) - {"PATH", "HOME", "TMPDIR", "PYTEST_CURRENT_TEST"}:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(candles)
    (tmp_path / "few.json").write_text('{"params": {"num_boost_round": 6, "learning_rate": 0.1}}')
    return tmp_path


def train(*arguments):
    return main(["train", "--quiet", *(arguments or SMALL)])


def started(folder, *arguments):
    names = ("PATH", "HOME", "XDG_STATE_HOME")
    keep = {name: os.environ[name] for name in names if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-m", "cointrader", "train", "--quiet", *(arguments or SMALL)],
        cwd=folder,
        env={**keep, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_pieces(folder, count):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if len(list((folder / CANDIDATE).glob(".unfinished-*/*.npz"))) >= count:
            return
        time.sleep(0.02)
    pytest.fail(f"{count} fits were never finished")


def everything_in(path):
    """Every file by its name; of a card only what the clock does not change."""
    files = {each.name: each.read_bytes() for each in path.iterdir() if each.is_file()}
    card = json.loads(files.pop("training_log.json"))["cards"]["lgbm"]
    manifest = json.loads(files.pop("lgbm_filter.json"))
    for told in (card, manifest):
        told.pop("made_ms")
    card.pop("seconds")
    return files, card, manifest


def test_a_candidate_with_its_card_is_made_and_nothing_is_published(folder, capsys):
    assert train() == 0

    out = capsys.readouterr().out
    for words in ("XRPUSDT 15m, lgbm", "won", "AUC out of fold", "shuffled labels", "Brier",
                  "threshold", "not published", "learned from"):  # fmt: skip
        assert words in out
    assert sorted(path.name for path in (folder / CANDIDATE).iterdir()) == [
        "lgbm_filter.json",
        "lgbm_filter.onnx",
        "lgbm_out_of_fold.npz",
        "training_log.json",
    ]
    assert not (folder / "models" / "xrpusdt" / "active.json").exists()
    card = read_cards(folder / CANDIDATE)["lgbm"]
    model = read_files(folder / CANDIDATE, "lgbm",
                       Wanted("XRPUSDT", "15m", ("BTCUSDT", "ETHUSDT"), ("score",)))  # fmt: skip
    assert model.manifest.sha256 == card.final.sha256
    assert model.manifest.strategy["SIGNAL_THRESHOLD"] == "2"
    assert card.settings["num_boost_round"] == 6
    assert card.label.startswith("engine")
    assert len(card.controls.aucs) == 20


def test_the_same_command_again_does_nothing_and_the_same_seed_gives_the_same_bytes(folder, capsys):
    assert train() == 0
    first = everything_in(folder / CANDIDATE)
    made = (folder / CANDIDATE / "training_log.json").stat().st_mtime_ns

    assert train() == 0
    assert "it was there already" in capsys.readouterr().out
    assert (folder / CANDIDATE / "training_log.json").stat().st_mtime_ns == made

    assert train(*SMALL, "--again") == 0
    assert (folder / CANDIDATE / "training_log.json").stat().st_mtime_ns > made
    assert everything_in(folder / CANDIDATE) == first

    assert train(*SMALL, "--seed", "2") == 0
    assert everything_in(folder / CANDIDATE)[0] != first[0]


def test_every_model_that_somebody_looked_at_is_an_attempt(folder):
    def attempts():
        card = read_cards(folder / CANDIDATE)["lgbm"]
        with TrialLedger(folder / "tried.db") as ledger:
            return [trial.configuration for trial in ledger.trials(data_set_of(card))]

    assert train(*SMALL, "--ledger", "tried.db") == 0
    assert train(*SMALL, "--ledger", "tried.db", "--again") == 0
    one = [f"model:{read_cards(folder / CANDIDATE)['lgbm'].final.sha256}"]
    assert attempts() == one

    assert train(*SMALL, "--ledger", "tried.db", "--seed", "2") == 0
    assert attempts() == [*one, f"model:{read_cards(folder / CANDIDATE)['lgbm'].final.sha256}"]


def test_killed_in_the_middle_it_goes_on_and_ends_the_same(folder, tmp_path_factory, capsys):
    assert train() == 0
    whole = everything_in(folder / CANDIDATE)
    (folder / CANDIDATE).rename(folder / "whole")
    for count in (3, 12) if IS_FULL else (12,):
        process = started(folder)
        wait_for_pieces(folder, count)
        process.kill()
        process.communicate()
        assert not (folder / CANDIDATE / "training_log.json").exists()
    capsys.readouterr()

    assert train(*SMALL, "--json") == 0

    (told,) = json.loads(capsys.readouterr().out)["models"]
    assert told["remembered"] >= 12
    assert told["fitted"] + told["remembered"] == 2 * 23 + 1
    assert everything_in(folder / CANDIDATE) == whole
    assert not list((folder / CANDIDATE).glob(".*"))


def test_ctrl_c_ends_it_with_one_word_and_keeps_what_is_done(folder):
    process = started(folder)
    wait_for_pieces(folder, 3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert (process.returncode, out, err.strip()) == (130, "", "stopped")
    assert len(list((folder / CANDIDATE).glob(".unfinished-*/*.npz"))) >= 3


def test_one_symbol_with_too_few_signals_does_not_keep_the_others_from_it(folder, capsys):
    rest = SMALL[2:]

    assert train("--symbols", "TRXUSDT,XRPUSDT", *rest, "--json") == 3

    out, err = capsys.readouterr()
    told = json.loads(out)
    assert [each["card"]["symbol"] for each in told["models"]] == ["XRPUSDT"]
    assert "too few signals to learn from" in told["failed"]["TRXUSDT"]
    assert "TRXUSDT: too few signals" in err
    assert "won" in err
    assert not (folder / "models" / "trxusdt").exists()


def test_tuned_parameters_in_the_symbols_folder_are_used_unless_others_are_named(folder, capsys):
    own = folder / "models" / "xrpusdt" / "active_lgbm_params.json"
    own.parent.mkdir(parents=True)
    own.write_text('{"params": {"num_boost_round": 4, "num_leaves": 5}}')

    assert train(*SMALL[:-2]) == 0
    assert read_cards(folder / CANDIDATE)["lgbm"].settings["num_boost_round"] == 4

    assert train(*SMALL) == 0
    assert read_cards(folder / CANDIDATE)["lgbm"].settings["num_boost_round"] == 6


def test_the_other_label_is_told_on_the_card(folder):
    assert train(*SMALL, "--label", "barrier", "--barrier-bars", "12") == 0

    assert read_cards(folder / CANDIDATE)["lgbm"].label.startswith("barrier, at most 12 bars")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--data", "nowhere"), 2, "no such folder of candles"),
        (("--backend", "catboost"), 2, "catboost"),
        (("--folds", "1"), 2, "--folds"),
        (("--params", "none.json"), 2, "holds no parameters"),
        (("--label", "magic"), 2, "magic"),
        (("--symbol", "NOTUSDT"), 3, "NOTUSDT"),
        (("--symbol", "XRPUSDT", "--from", "2025-02-18"), 3, "too few signals"),
        (("--symbol", "XRPUSDT", "--correlation-symbols", "SOLUSDT"), 3, "SOLUSDT"),
        (("--jobs", "2", "--cluster", "tcp://127.0.0.1:1"), 2, "exclude each other"),
    ],
)
def test_mistakes_are_answered_and_nothing_is_written(folder, capsys, arguments, code, told):
    assert train(*arguments) == code

    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert "Traceback" not in err
    assert not (folder / "models").exists()


def test_without_its_library_it_says_what_to_install(folder):
    hidden = folder / "hidden"
    hidden.mkdir()
    (hidden / "lightgbm.py").write_text("raise ModuleNotFoundError('no', name='lightgbm')")
    run = subprocess.run(
        [sys.executable, "-m", "cointrader", "train", "--quiet", *SMALL],
        cwd=folder,
        env={"PATH": os.environ["PATH"],
             "PYTHONPATH": os.pathsep.join([str(hidden), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip

    assert run.returncode == 2
    assert "pip install 'cointrader[train]'" in run.stderr
    assert "Traceback" not in run.stderr


def test_the_script_is_a_door_to_the_command(folder):
    run = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "train_model.py"), "--help"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "cointrader train --symbol XRPUSDT" in run.stdout
    assert "--max-label-bars" in run.stdout
