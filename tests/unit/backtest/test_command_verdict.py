"""The verdict of `cointrader backtest`: told first, kept for `run --live`, counted before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cointrader.app.config import Config
from cointrader.app.verdict.kept import default_path, kept_verdict
from cointrader.app.verdict.live import Asked, verdict_now
from cointrader.app.verdict.subject import Identity
from cointrader.backtest.criteria import load_criteria
from cointrader.backtest.trial_ledger import TrialLedger
from cointrader.backtest.trial_ledger import default_path as ledger_path
from cointrader.backtest.verdict import Answer
from cointrader.cli.main import main
from cointrader.domain.clock import DAY_MS
from tests.unit.backtest.folders import stored

SYMBOLS = ["--symbols", "XRPUSDT,TRXUSDT"]
MADE_UP = [*SYMBOLS, "--to", "2026-01-08"]


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("SYMBOLS", "PROFILE", "SIGNAL", "SIZING", "INTERVAL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def data(tmp_path):
    """Stored candles of two symbols, ten days."""
    return stored(tmp_path / "data", ("XRPUSDT", "TRXUSDT"), bars=960)


def told(capsys, *arguments):
    """The result as JSON."""
    code = main(["backtest", "--json", *arguments])
    out, err = capsys.readouterr()
    assert code == 0, err
    return json.loads(out)


def test_people_are_told_the_verdict_before_the_result(capsys):
    assert main(["backtest", *MADE_UP]) == 0

    out, _ = capsys.readouterr()
    first = next(line for line in out.splitlines() if line)
    assert first.startswith("TOO LITTLE DATA: ")
    assert out.index("failed: number of trades") < out.index("  net  ")
    assert out.index("failed: ") < out.index("  wallet  ")
    assert "the account: 1,000.00 became" in out
    assert "the market is made up" in out


def test_a_verdict_on_stored_candles_is_kept_where_a_live_run_looks(capsys, data):
    result = told(capsys, "--data", str(data), *SYMBOLS)

    config = Config(overrides={"symbols": "XRPUSDT,TRXUSDT"}, environ={}, folder="/nonexistent")
    path = default_path(Identity.of(config).hash)
    kept = kept_verdict(path)
    assert result["verdict"]["file"] == str(path)
    assert result["verdict"]["answer"] == kept.verdict.answer == Answer.TOO_LITTLE_DATA
    assert kept.verdict.account is not None
    assert kept.verdict.account.trades == result["trades"]
    assert kept.occasion.symbols == ("XRPUSDT", "TRXUSDT")
    state = verdict_now(
        config, journal=Path("none.db"), now_ms=kept.occasion.end_ms + DAY_MS, asked=Asked()
    )
    assert state.refusal.startswith("the verdict is too little data")


def test_a_verdict_on_a_made_up_market_is_kept_only_where_told(capsys):
    assert told(capsys, *MADE_UP)["verdict"]["file"] is None
    assert not Path("verdicts").exists()

    told(capsys, *MADE_UP, "--verdict", "mine.json")
    assert kept_verdict(Path("mine.json")).occasion.is_made_up


def test_the_own_trades_are_judged_whatever_the_account_does(capsys):
    by_account = told(capsys, *MADE_UP)["verdict"]
    by_risk = told(capsys, *MADE_UP, "--sizing", "risk", "--max-positions", "1")["verdict"]

    assert by_account["measures"] == by_risk["measures"]
    assert by_account["account"] != by_risk["account"]
    assert by_account["configuration"] != by_risk["configuration"]


def test_each_strategy_counts_once_however_often_and_on_whatever_account_it_runs(capsys, data):
    here = ["--data", str(data), *SYMBOLS]

    counts = [
        told(capsys, *here, *changes)["verdict"]["trials"]
        for changes in ([], [], ["--max-positions", "2"], ["--sizing", "risk"])
    ]
    other = told(capsys, *here, "--atr-sl-mult", "2")["verdict"]["trials"]
    fewer = told(capsys, "--data", str(data), "--symbol", "XRPUSDT")["verdict"]["trials"]

    assert counts == [1, 1, 1, 1]
    assert other == 2
    assert fewer == 2


def test_a_result_that_is_not_judged_is_a_trial_all_the_same(capsys, data):
    here = ["--data", str(data), *SYMBOLS]
    result = told(capsys, *here, "--no-verdict", "--atr-tp-mult", "4")

    assert result["verdict"] is None
    assert told(capsys, *here)["verdict"]["trials"] == 2
    assert ledger_path().exists()


def test_made_up_candles_share_their_trials_with_no_other(capsys, data):
    for seed in ("1", "2"):
        told(capsys, *SYMBOLS, "--seed", seed, "--atr-sl-mult", "2")
    real = told(capsys, "--data", str(data), *SYMBOLS)

    assert real["verdict"]["trials"] == 1


def test_the_trial_is_written_down_before_anything_is_played(capsys, tmp_path):
    broken = tmp_path / "ledger.db"
    broken.write_text("this is no database, and long enough to be seen as none" * 20)

    assert main(["backtest", *MADE_UP, "--ledger", str(broken)]) == 1

    out, err = capsys.readouterr()
    assert out == ""
    assert "the ledger of trials cannot be used" in err


def test_another_ledger_counts_for_itself(capsys, tmp_path):
    told(capsys, *MADE_UP, "--ledger", "mine.db")

    assert not ledger_path().exists()
    with TrialLedger(tmp_path / "mine.db") as ledger:
        assert ledger.path.stat().st_size > 0


def test_criteria_of_ones_own_are_named_with_their_hash(capsys, tmp_path):
    mild = tmp_path / "mild.toml"
    method = (
        "[method]\nconfidence = 0.9\ndraws = 200\nseed = 2\nrandom_plays = 20\n"
        "luck_limit = 0.05\npower = 0.8\n"
    )
    mild.write_text(
        f'{method}[[criterion]]\nmeasure = "trades"\nat_least = 1\nabout = "edge"\nwhy = "any"\n'
    )

    verdict = told(capsys, *MADE_UP, "--criteria", "mild.toml")["verdict"]

    assert verdict["answer"] == "edge"
    assert verdict["criteria"]["source"] == "mild.toml"
    assert verdict["criteria"]["hash"] == load_criteria(mild).hash


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--no-verdict", "--verdict", "v.json"], "nothing is judged with --no-verdict"),
        (["--no-verdict", "--criteria", "c.toml"], "nothing is judged with --no-verdict"),
        (["--criteria", "missing.toml"], "the criteria cannot be read"),
        (["--verdict", "."], "'.'"),
        (["--verdict", "taken.txt"], "holds something else than a verdict"),
    ],
)
def test_what_cannot_be_judged_is_told_before_the_run(arguments, words, capsys):
    Path("taken.txt").write_text("a letter")

    assert main(["backtest", *MADE_UP, *arguments]) == 2

    assert words in capsys.readouterr().err
    assert not ledger_path().exists()
    assert Path("taken.txt").read_text() == "a letter"


def test_a_plain_backtest_without_an_edge_is_no_failure(capsys):
    assert main(["backtest", *MADE_UP, "--quiet"]) == 0
    assert "TOO LITTLE DATA" in capsys.readouterr().out


REAL = Path(__file__).parents[3].parent / "shared" / "data" / "combined"


@pytest.mark.skipif(not REAL.is_dir(), reason="the shared real candles are not here")
@pytest.mark.parametrize("symbols", ["DOGEUSDT", "TRXUSDT", "XRPUSDT", "XRPUSDT,TRXUSDT,DOGEUSDT"])
def test_the_built_in_rule_has_no_edge_on_real_candles(capsys, symbols):
    verdict = told(capsys, "--data", str(REAL), "--symbols", symbols)["verdict"]

    assert verdict["answer"] == "no edge"
    failed = {f["measure"] for f in verdict["criteria"]["findings"] if not f["passed"]}
    assert {"luck", "mean_r_low", "profit_factor", "random_p", "bearable_costs"} <= failed
    assert verdict["measures"]["trades"] > 450
