"""Which account is meant, and where its key comes from. A key is in no message."""

from __future__ import annotations

from pathlib import Path

import pytest

from cointrader.app.config import Config
from cointrader.cli.access import access_of
from cointrader.cli.main import main
from cointrader.domain.errors import ConfigError, UsageError
from cointrader.exchange.binance.endpoints import LIVE, TESTNET
from cointrader.journal.sqlite import SqliteJournal
from tests.unit.journal.examples import a_position, a_run

KEYS = {"BINANCE_API_KEY": "livekey", "BINANCE_API_SECRET": "livesecret"}
TESTNET_KEYS = {"BINANCE_TESTNET_API_KEY": "testkey", "BINANCE_TESTNET_API_SECRET": "testsecret"}
GUARD_KEYS = {"BINANCE_GUARD_API_KEY": "guardkey", "BINANCE_GUARD_API_SECRET": "guardsecret"}


def of(environ, **asked):
    config = Config(environ=environ, folder="/nonexistent")
    place = {"testnet": False, "live": False, "exchange_url": None, "key_file": None}
    return access_of(config, **{**place, **asked})


def key_of(access):
    return access.credentials.headers()["X-MBX-APIKEY"]


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "key"
    path.write_text("BINANCE_API_KEY=filekey\nBINANCE_API_SECRET='filesecret'\n")
    path.chmod(0o600)
    return path


def test_each_place_has_its_hosts_and_its_key():
    live = of(KEYS | TESTNET_KEYS, live=True)
    testnet = of(KEYS | TESTNET_KEYS, testnet=True)
    other = of(KEYS, exchange_url="http://127.0.0.1:18080/")

    assert (live.name, live.endpoints, key_of(live)) == ("live", LIVE, "livekey")
    assert (testnet.name, testnet.endpoints, key_of(testnet)) == ("testnet", TESTNET, "testkey")
    assert (other.name, key_of(other)) == ("http://127.0.0.1:18080", "livekey")
    assert other.endpoints.ws == "ws://127.0.0.1:18080"


@pytest.mark.parametrize(
    "asked", [{}, {"live": True, "testnet": True}, {"live": True, "exchange_url": "http://x"}]
)
def test_exactly_one_place_must_be_named(asked):
    with pytest.raises(UsageError, match="which account"):
        of(KEYS, **asked)


@pytest.mark.parametrize("host", ["fapi.binance.com", "BINANCE.com", "testnet.binancefuture.com"])
def test_binance_itself_is_no_rehearsal(host):
    with pytest.raises(UsageError, match="say --live or --testnet"):
        of(KEYS, exchange_url=f"https://{host}")


def test_a_host_that_only_sounds_like_binance_is_another_exchange():
    assert of(KEYS, exchange_url="http://notbinance.com").name == "http://notbinance.com"


def test_a_missing_key_is_told_by_the_names_of_its_variables():
    with pytest.raises(ConfigError) as refused:
        of({}, live=True)
    assert "BINANCE_API_KEY and BINANCE_API_SECRET" in str(refused.value)

    with pytest.raises(ConfigError) as refused:
        of({"BINANCE_TESTNET_API_KEY": "testkey"}, testnet=True)
    assert "where: BINANCE_TESTNET_API_SECRET" in str(refused.value)
    assert "testkey" not in str(refused.value)


def test_the_guards_own_key_comes_first_and_the_common_one_will_do():
    assert key_of(of(KEYS | GUARD_KEYS, live=True, is_guard=True)) == "guardkey"
    assert key_of(of(KEYS, live=True, is_guard=True)) == "livekey"
    assert key_of(of(KEYS | GUARD_KEYS, live=True)) == "livekey"


def test_half_of_a_guards_key_is_a_slip_and_not_a_reason_to_take_another():
    with pytest.raises(ConfigError) as refused:
        of(KEYS | {"BINANCE_GUARD_API_KEY": "guardkey"}, live=True, is_guard=True)

    assert "where: BINANCE_GUARD_API_SECRET" in str(refused.value)


def test_a_key_file_is_read_instead_of_the_environment(key_file):
    assert key_of(of(KEYS, live=True, key_file=key_file)) == "filekey"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_file_that_others_may_read_is_refused(key_file, mode):
    key_file.chmod(mode)

    with pytest.raises(ConfigError, match="open to others") as refused:
        of(KEYS, live=True, key_file=key_file)

    assert f"mode {mode:o}" in str(refused.value)
    assert "filekey" not in str(refused.value)


def test_a_key_file_without_the_key_is_told(key_file, tmp_path):
    key_file.write_text("BINANCE_API_KEY=filekey\n")

    with pytest.raises(ConfigError) as refused:
        of(KEYS, live=True, key_file=key_file)
    assert f"not set in {key_file}" in str(refused.value)
    assert "filekey" not in str(refused.value)

    with pytest.raises(ConfigError, match="cannot be read"):
        of(KEYS, live=True, key_file=tmp_path / "nowhere")


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """An empty folder, and an environment without keys."""
    monkeypatch.chdir(tmp_path)
    for name in KEYS | TESTNET_KEYS | GUARD_KEYS:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("command", ["run", "preflight", "guard"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "exactly one of --testnet, --live or --exchange URL"),
        (["--live"], "BINANCE_API_KEY and BINANCE_API_SECRET"),
        (["--exchange", "nowhere"], "no address"),
    ],
)
def test_commands_refuse_what_they_cannot_start_with(nowhere, capsys, command, arguments, words):
    assert main([command, *arguments]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--every", "never"], ["--grace", "-1"], ["--stop-pct", "1"], ["--stop-pct", "x"]]
)
def test_a_guards_numbers_are_judged(monkeypatch, nowhere, capsys, arguments):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)

    assert main(["guard", "--live", *arguments]) == 2
    assert arguments[0] in capsys.readouterr().err


@pytest.mark.parametrize("command", ["pause", "resume", "reset-kill"])
def test_a_command_to_no_process_says_so(nowhere, capsys, command):
    assert main([command, "--journal", "live.db"]) == 1
    assert "no process takes commands for this journal" in capsys.readouterr().err


def test_flatten_without_a_process_says_how_to_close_by_hand(nowhere, capsys):
    assert main(["flatten", "--journal", "live.db"]) == 1

    said = capsys.readouterr().err
    assert "open positions keep their stop on the exchange" in said
    assert "--live, --testnet or --exchange URL" in said


@pytest.mark.parametrize(
    ("records", "said"),
    [((), "nothing is open: this is a paper run"), ((a_position(),), "XRPUSDT: open on paper")],
    ids=["flat", "open"],
)
def test_flatten_of_a_paper_run_that_is_over_speaks_of_no_exchange(nowhere, capsys, records, said):
    with SqliteJournal(Path("paper.db"), threaded=False) as journal:
        journal.checkpoint(a_run("paper"), *records)

    assert main(["flatten", "--journal", "paper.db"]) == 1

    told = capsys.readouterr().err
    assert said in told
    assert "--live" not in told
    assert "stop on the exchange" not in told


@pytest.mark.parametrize(
    "command", ["run", "preflight", "guard", "pause", "resume", "flatten", "reset-kill"]
)
def test_the_help_has_two_examples(capsys, command):
    assert main([command, "--help"]) == 0
    assert capsys.readouterr().out.count(f"cointrader {command} ") >= 1
