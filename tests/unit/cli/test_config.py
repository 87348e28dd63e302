"""`cointrader config`, and the flags that every command with settings has."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cointrader.app.config import Config
from cointrader.app.config.settings import TABLE, Setting
from cointrader.app.config.types import Flag
from cointrader.cli.main import main
from cointrader.cli.options import SettingsCommand, with_config
from cointrader.domain.errors import UsageError

KEY = "k-never-shown-1234567890"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and nothing of this machine's environment."""
    monkeypatch.chdir(tmp_path)
    for name in set(os.environ) - {"PATH", "HOME", "TMPDIR", "PYTEST_CURRENT_TEST"}:
        monkeypatch.delenv(name)
    return tmp_path


def config_of(*arguments: str) -> Config:
    """The Config that a command gets when it is called with `arguments`."""
    got: list[Config] = []

    @click.command(cls=SettingsCommand)
    @click.option("--speed")
    @with_config
    def command(config: Config, speed: str | None) -> None:
        got.append(config)

    command.main(list(arguments), standalone_mode=False)
    return got[0]


@pytest.mark.parametrize("setting", [s for s in TABLE if not s.secret], ids=lambda s: s.name)
def test_every_setting_is_a_flag(setting: Setting):
    if isinstance(setting.type, Flag):
        positive = setting.flag
        negative = "--" + setting.name.removeprefix("no_").replace("_", "-")
        negative = negative if setting.name.startswith("no_") else "--no" + positive[1:]
        assert getattr(config_of(positive), setting.name) is True
        assert getattr(config_of(negative), setting.name) is False
        return
    # Its own default, in the shortest text: the parser of each type is tested with the table.
    config = config_of(setting.flag, setting.type.text(setting.default) or "x")
    assert config.given(setting.name)
    assert config.source(setting.name) == f"flag {setting.flag}"


def test_no_secret_is_a_flag():
    result = CliRunner().invoke(_empty_command(), ["--help"])

    assert "--leverage" in result.output
    assert "api-key" not in result.output
    assert "webhook" not in result.output


def _empty_command() -> click.Command:
    @click.command(cls=SettingsCommand)
    @click.option("--speed", help="Own option.")
    @with_config
    def command(config: Config, speed: str | None) -> None:
        """Do it."""

    return command


def test_help_shows_own_options_before_the_groups_of_settings():
    output = CliRunner().invoke(_empty_command(), ["--help"]).output

    places = [output.index(text) for text in ("--speed", "--config", "What is traded", "Exits")]
    assert places == sorted(places)
    assert "[default: XRPUSDT,TRXUSDT,DOGEUSDT]" in " ".join(output.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("--symbols", "xrpusdt,BTCUSDT"),
        ("--symbol", "XRPUSDT", "--symbol", "BTCUSDT"),
        ("--set", "SYMBOLS=XRPUSDT,BTCUSDT"),
    ],
)
def test_symbols_are_named_in_any_of_the_ways(arguments):
    assert config_of(*arguments).symbols == ["XRPUSDT", "BTCUSDT"]


def test_all_means_the_configured_symbols(folder):
    (folder / ".env").write_text("SYMBOLS=BTCUSDT,ETHUSDT\n")

    assert config_of("--all").symbols == ["BTCUSDT", "ETHUSDT"]


def test_different_ways_to_name_symbols_exclude_each_other():
    with pytest.raises(UsageError, match="exclude each other"):
        config_of("--symbol", "XRPUSDT", "--all")


def test_set_reaches_one_symbol():
    config = config_of("--set", "ATR_SL_MULT_XRPUSDT=2.5", "--atr-sl-mult", "2")

    assert config.for_symbol("XRPUSDT").atr_sl_mult == 2.5
    assert config.for_symbol("TRXUSDT").atr_sl_mult == 2


def test_config_flag_names_a_file(folder):
    (folder / "mine.toml").write_text("leverage = 4\n")

    assert config_of("--config", "mine.toml").leverage == 4


def test_show_prints_value_and_source_and_hides_keys(monkeypatch, capsys):
    monkeypatch.setenv("BINANCE_API_KEY", KEY)

    assert main(["config", "show", "--leverage", "5", "--set", "ATR_SL_MULT_XRPUSDT=2"]) == 0

    out = capsys.readouterr().out
    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line[:2] == "  "}
    assert lines["LEVERAGE"] == ["5", "flag", "--leverage"]
    assert lines["ATR_SL_MULT_XRPUSDT"][0] == "2"
    assert lines["BINANCE_API_KEY"] == ["set", "environment", "BINANCE_API_KEY"]
    assert lines["BINANCE_API_SECRET"] == ["not", "set", "default"]
    assert KEY not in out


def test_show_json_is_for_machines_and_hides_keys(monkeypatch, capsys):
    monkeypatch.setenv("BINANCE_API_KEY", KEY)

    assert main(["config", "show", "--json", "--profile", "founding"]) == 0

    out = capsys.readouterr().out
    document = json.loads(out)
    assert document["profile"] == "founding"
    assert document["settings"]["TAKER_FEE"] == {"value": 0.0004, "source": "profile founding"}
    assert document["settings"]["MAX_DRAWDOWN"]["value"] is None
    assert document["settings"]["BINANCE_API_KEY"]["value"] == "set"
    assert KEY not in out


def test_show_of_one_symbol_is_what_its_bot_sees(capsys):
    arguments = ["config", "show", "--symbol", "xrpusdt", "--json"]

    assert main([*arguments, "--set", "ATR_SL_MULT_XRPUSDT=2"]) == 0

    settings = json.loads(capsys.readouterr().out)["settings"]
    assert settings["ATR_SL_MULT"]["value"] == 2
    assert settings["SYMBOLS"]["value"] == ["XRPUSDT", "TRXUSDT", "DOGEUSDT"]


def test_show_of_a_symbol_that_is_not_traded_is_wrong_usage(capsys):
    assert main(["config", "show", "--symbol", "BTCUSDT", "--json"]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert "BTCUSDT is not among SYMBOLS" in err


def test_wrong_configuration_is_exit_code_2_with_everything_to_mend_it(monkeypatch, capsys):
    monkeypatch.setenv("LEVERAGE", "0")

    assert main(["config", "check"]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "Error: LEVERAGE cannot be '0'\n"
        "  where: environment LEVERAGE\n"
        "  allowed: a whole number from 1 to 125\n"
    )


def checked(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, list[str]]:
    assert main(["config", "check", "--json", *arguments]) == 0
    found: dict[str, list[str]] = {}
    for finding in json.loads(capsys.readouterr().out)["findings"]:
        found.setdefault(finding["topic"], []).append(finding["text"])
    return found


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--risk-per-trade", "0.01"],
         "RISK_PER_TRADE (flag --risk-per-trade) has no effect while SIZING is account; "
         "it needs risk"),
        (["--stop-loss-pct", "0.02"],
         "STOP_LOSS_PCT (flag --stop-loss-pct) has no effect while EXIT_MODE is atr; it needs pct"),
        (["--exit-mode", "pct", "--atr-sl-mult", "2"],
         "ATR_SL_MULT (flag --atr-sl-mult) has no effect while EXIT_MODE is pct; it needs atr"),
        (["--no-ml-filter", "--ml-threshold", "0.6"],
         "ML_THRESHOLD (flag --ml-threshold) has no effect while NO_ML_FILTER is true; "
         "it needs false"),
        (["--sizing", "fixed:100", "--max-positions", "1"],
         "MAX_POSITIONS (flag --max-positions) has no effect while SIZING is fixed:100"),
        (["--set", "STOP_LOSS_PCT_XRPUSDT=0.02"],
         "STOP_LOSS_PCT_XRPUSDT (flag --set STOP_LOSS_PCT_XRPUSDT) has no effect while EXIT_MODE "
         "is atr; it needs pct"),
    ],
)  # fmt: skip
def test_check_names_settings_without_effect(capsys, arguments, text):
    assert checked(capsys, *arguments)["idle"] == [text]


def test_check_names_no_idle_setting_that_has_an_effect(capsys):
    found = checked(capsys, "--sizing", "risk", "--risk-per-trade", "0.01")

    assert "idle" not in found
    assert found["deviation"] == [
        "SIZING = risk; profile default: account",
        "RISK_PER_TRADE = 0.01; profile default: 0.02",
    ]


def test_check_names_a_symbol_that_symbols_overrule(capsys, monkeypatch):
    monkeypatch.setenv("SYMBOL", "BTCUSDT")
    monkeypatch.setenv("SYMBOLS", "ETHUSDT")

    assert checked(capsys)["idle"] == [
        "environment SYMBOL: SYMBOL has no effect beside SYMBOLS"
    ]  # fmt: skip


def test_check_puts_absolute_margin_decay_into_numbers(capsys):
    found = checked(capsys, "--margin-decay", "absolute", "--balance", "1000")

    assert found["number"][0] == (
        "MARGIN_DECAY = absolute: started with 1,000.00, the margin ratio falls from 0.5 to 0.2 "
        "when the wallet reaches 1,500.00 (+50.0%); with ten times the balance at 10,500.00 (+5.0%)"
    )


def test_check_puts_relative_margin_decay_into_numbers(capsys):
    found = checked(
        capsys, "--margin-decay", "relative", "--margin-decay-rate", "0.6", "--balance", "1000"
    )

    assert found["number"][0] == (
        "MARGIN_DECAY = relative: started with 1,000.00, the margin ratio falls from 0.5 to 0.2 "
        "when the wallet reaches 1,500.00 (+50.0%)"
    )


def test_check_says_how_often_each_kill_switch_stops_a_healthy_strategy(capsys):
    fast, slow = checked(capsys)["number"][1:]

    # Three wins in seven at 2 : 1; a run of 8 losses somewhere in 200 trades: 62.8 %.
    assert fast == (
        "KILL_FAST is off; in 200 trades it would stop a healthy strategy "
        "(profit factor 1.5, 43% wins) with a chance of 63%"
    )
    assert slow.startswith("KILL_SLOW is off; in 200 trades it would stop a healthy strategy")


def test_check_warns_of_half_a_key_and_of_an_env_file_that_others_can_read(capsys, folder):
    env = folder / ".env"
    env.write_text(f"BINANCE_API_KEY={KEY}\n")
    env.chmod(0o644)

    warnings = checked(capsys)["warning"]

    assert warnings == [
        ".env can be read by other users of this machine: chmod 600 .env",
        "BINANCE_API_SECRET is not set, but its other half is",
    ]


def test_check_shows_the_first_entry_in_money(capsys):
    assert main(["config", "check", "--balance", "1000", "--exit-mode", "pct"]) == 0

    out = capsys.readouterr().out
    money = out[out.index("In money:") :].splitlines()
    assert money[1] == (
        "  the first entry of a wallet of 1,000.00: 3 slots, margin ratio 0.5, leverage 10"
    )
    words = [line.split() for line in money]
    assert ["1", "open", "166.67", "16.7%", "1,666.67", "166.7%"] in words
    assert ["-", "1", "of", "3", "-27.02", "-2.7%", "-51.18", "-5.1%", "1", "14"] in words
    assert any(line.startswith("  XRPUSDT, DOGEUSDT    -  1.50%   -27.02  -2.7%") for line in money)
    assert "  MAX_DRAWDOWN is 300.00 30.0%" in money
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize(
    "arguments",
    [
        ["--profile", "founding"],
        ["--sizing", "fixed:100"],
        ["--sizing", "risk", "--set", "EXIT_MODE_XRPUSDT=pct"],
        ["--balance", "0.01"],
        ["--balance", "1e12"],
        ["--leverage", "125", "--symbols", "FOOUSDT"],
        ["--margin-max-ratio", "0.001", "--margin-min-ratio", "0"],
        ["--exit-mode", "pct", "--stop-loss-pct", "0.99", "--take-profit-pct", "0.99"],
        ["--atr-sl-mult", "100", "--taker-fee", "0"],
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_check_has_numbers_for_every_valid_configuration(capsys, arguments):
    assert main(["config", "check", *arguments]) == 0
    out = capsys.readouterr().out
    assert "nan" not in out[out.index("In money:") :]

    assert main(["config", "check", "--json", *arguments]) == 0
    json.loads(capsys.readouterr().out)["money"]["cases"][0]["entries"][0]["stop_loss"]


def test_check_json_has_money_as_numbers(capsys):
    assert main(["config", "check", "--json", "--exit-mode", "pct", "--balance", "2000"]) == 0

    money = json.loads(capsys.readouterr().out)["money"]
    assert money["daily_loss_limit"] == 100
    assert money["cases"][0]["held"][0]["notional"] == pytest.approx(3333.33, abs=0.01)
    assert money["cases"][0]["entries"][0]["losses_to_day_end"] == 1


def test_check_of_a_folder_without_candles_fails_and_says_what_belongs_there(capsys, folder):
    assert main(["config", "check", "--data", str(folder)]) != 0

    assert "combined_15m.parquet" in capsys.readouterr().err


def test_check_tells_false_alarms_for_each_symbol_where_they_differ(capsys):
    numbers = checked(capsys, "--set", "ATR_SL_MULT_XRPUSDT=3")["number"][1:]

    # One win in 1 : 1 pays as much as one loss: 60 % wins for the same profit factor.
    assert [text.split(" is ")[0] for text in numbers] == [
        "KILL_FAST of XRPUSDT",
        "KILL_SLOW of XRPUSDT",
        "KILL_FAST of TRXUSDT, DOGEUSDT",
        "KILL_SLOW of TRXUSDT, DOGEUSDT",
    ]
    assert "60% wins" in numbers[0]


def test_check_calls_neither_a_webhook_nor_deployment_an_idle_setting(capsys, monkeypatch):
    monkeypatch.setenv("DISCORD_WEBHOOK_URL", "https://example.org/hook")
    monkeypatch.setenv("DEPLOY_HOST", "me@example.org")

    assert "idle" not in checked(capsys)


@pytest.mark.parametrize(("form", "name"), [("toml", "cointrader.toml"), ("env", ".env")])
def test_init_writes_a_commented_file_and_never_overwrites_it_unasked(folder, capsys, form, name):
    assert main(["config", "init", "--format", form]) == 0
    text = (folder / name).read_text()
    assert all(line.startswith("#") for line in text.splitlines() if line)

    (folder / name).write_text("mine")
    assert main(["config", "init", "--format", form]) == 2
    assert (folder / name).read_text() == "mine"
    assert "--force" in capsys.readouterr().err

    assert main(["config", "init", "--format", form, "--force"]) == 0
    assert (folder / name).read_text() == text


def test_init_writes_an_env_file_that_only_its_owner_can_read(folder, capsys):
    assert main(["config", "init", "--format", "env"]) == 0

    assert (folder / ".env").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("command", ["show", "check", "init"])
def test_each_help_has_two_examples(capsys, command):
    assert main(["config", command, "--help"]) == 0
    assert capsys.readouterr().out.count(f"    cointrader config {command}") == 2


def test_check_refuses_a_time_zone_that_no_clock_here_knows(folder, monkeypatch, capsys):
    monkeypatch.setenv("QUIET_HOURS", "22:00-07:00 Europa/Berlin")

    assert main(["config", "check", "--balance", "1000"]) == 2

    said = capsys.readouterr().err
    assert "this machine knows no such time zone" in said
    assert "QUIET_HOURS" in said
    assert "Europa/Berlin" in said
    assert "a name such as Europe/Berlin" in said
    assert "check the name" in said


def test_check_takes_a_time_zone_that_is_known(folder, monkeypatch, capsys):
    monkeypatch.setenv("QUIET_HOURS", "22:00-07:00 Asia/Seoul")

    assert main(["config", "check", "--balance", "1000"]) == 0
