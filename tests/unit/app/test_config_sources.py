"""Files as people write them, and names as people misspell them."""

from __future__ import annotations

import pytest

from cointrader.app.config import Config
from cointrader.app.config.names import slips
from cointrader.domain.errors import ConfigError


def read_env(tmp_path, text: str | bytes) -> Config:
    (tmp_path / ".env").write_bytes(text.encode() if isinstance(text, str) else text)
    return Config(environ={}, folder=tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "LEVERAGE=7",
        "  export LEVERAGE = 7  ",
        "LEVERAGE=7 # seven",
        "LEVERAGE='7' # seven",
        'LEVERAGE="7"',
        "leverage=7",
        "\ufeffLEVERAGE=7",
        "LEVERAGE=7\r",
    ],
)
def test_env_file_line_is_read_however_it_is_written(line, tmp_path):
    assert read_env(tmp_path, f"{line}\n\n# a comment\n").leverage == 7


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("a#b", "a#b"),
        ("'a # b'", "a # b"),
        (r'"a \"b\" c"', 'a "b" c'),
        ("a$HOME", "a$HOME"),
        ("# nothing", ""),
        ("", ""),
    ],
)
def test_env_file_value_keeps_what_is_not_a_comment(written, value, tmp_path):
    assert read_env(tmp_path, f"DEPLOY_PATH={written}\n").deploy_path == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# one\nBINANCE_API_KEY never-shown\n", ".env line 2 is not NAME=value"),
        ("A B=never-shown\n", ".env line 1 is not NAME=value"),
        ("LEVERAGE='never-shown\n", ".env line 1 does not close its quote"),
        ("LEVERAGE='1' never-shown\n", ".env line 1 does not close its quote, or goes on after"),
        (b"LEVERAGE=5\nDEPLOY_PATH=\xff\n", ".env line 2 is not UTF-8"),
        ("LEVERAGE=5\nLEVERAGE=6\n", "LEVERAGE is given twice"),
    ],
)
def test_broken_env_file_is_refused_with_its_line_and_without_its_content(text, message, tmp_path):
    with pytest.raises(ConfigError, match=message) as refused:
        read_env(tmp_path, text)
    assert str(tmp_path / ".env") in str(refused.value) or ".env line 2" in str(refused.value)
    assert "never-shown" not in str(refused.value)


def test_env_file_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / ".env").mkdir()

    with pytest.raises(ConfigError, match=r"\.env cannot be read"):
        Config(environ={}, folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("leverage = \n", r"not valid TOML.*line 1"),
        ("leverage = 'five'\n", "LEVERAGE cannot be 'five'"),
        ("leverage = true\n", "LEVERAGE cannot be True"),
        ("leverage = nan\n", "LEVERAGE cannot be nan"),
        ("levrage = 5\n", "LEVRAGE is not a setting; did you mean LEVERAGE"),
        ("colour = 'red'\n", "COLOUR is not a setting"),
        ("leverage = 5\nLEVERAGE = 5\n", "LEVERAGE is given twice"),
        ("[risk]\nleverage = 5\n", r"the table \[RISK\] is for RISK, which is not among SYMBOLS"),
        ("[XRPUSD]\natr_sl_mult = 2\n", "did you mean XRPUSDT"),
        ("[XRPUSDT]\natr_sl_mul = 2\n", "did you mean ATR_SL_MULT"),
        ("[XRPUSDT]\nleverage = 2\n", "LEVERAGE is one for all symbols"),
        ("symbols = [1, 2]\n", "SYMBOLS cannot be"),
        ("symbols = []\n", "SYMBOLS cannot be"),
    ],
)
def test_wrong_toml_is_refused_with_its_reason(text, message, tmp_path):
    (tmp_path / "cointrader.toml").write_text(text)

    with pytest.raises(ConfigError, match=message) as refused:
        Config(environ={}, folder=tmp_path)
    assert "cointrader.toml" in str(refused.value)


def test_toml_may_have_an_empty_list_of_correlation_symbols(tmp_path):
    (tmp_path / "cointrader.toml").write_text("correlation_symbols = []\n")

    assert Config(environ={}, folder=tmp_path).correlation_symbols == []


TYPOS = {
    "MAX_POSITION": "MAX_POSITIONS",
    "SYMBOLES": "SYMBOLS",
    "SYMOBLS": "SYMBOLS",
    "LEVRAGE": "LEVERAGE",
    "ATR_SL_MULTI": "ATR_SL_MULT",
    "ATR_SL": "ATR_SL_MULT",
    "MARGIN_MAX_RATOI": "MARGIN_MAX_RATIO",
    "MAX_SAME_DIRECTIONS": "MAX_SAME_DIRECTION",
    "MAX_DAILY_LOS": "MAX_DAILY_LOSS",
    "BINANCE_API_KY": "BINANCE_API_KEY",
    "BINANCE_KEY": "BINANCE_API_KEY",
    "DISCORD_WEBHOK_URL": "DISCORD_WEBHOOK_URL",
    "ATR_SL_MULTI_XRPUSDT": "ATR_SL_MULT_XRPUSDT",
    "ATR_SL_MULT_XRPUSD": "ATR_SL_MULT_XRPUSDT",
    "ATR_SL_MULT_XPRUSDT": "ATR_SL_MULT_XRPUSDT",
}


@pytest.mark.parametrize(("typo", "meant"), TYPOS.items())
def test_misspelt_name_in_the_environment_is_refused_with_the_one_meant(typo, meant, tmp_path):
    with pytest.raises(ConfigError, match=rf"{typo} .*did you mean {meant}\?") as refused:
        Config(environ={typo: "never-shown"}, folder=tmp_path)
    assert "never-shown" not in str(refused.value)


@pytest.mark.parametrize(("typo", "meant"), TYPOS.items())
def test_misspelt_name_in_an_env_file_is_refused_with_the_one_meant(typo, meant, tmp_path):
    with pytest.raises(ConfigError, match=rf"{typo} .*did you mean {meant}\?"):
        read_env(tmp_path, f"{typo}=never-shown\n")


def test_value_for_a_symbol_that_is_not_traded_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="is for BTCUSDT, which is not among SYMBOLS") as refused:
        Config(environ={"ATR_SL_MULT_BTCUSDT": "2"}, folder=tmp_path)
    assert "did you mean" not in str(refused.value)


def test_common_setting_given_for_one_symbol_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="LEVERAGE is one for all symbols"):
        Config(environ={"LEVERAGE_XRPUSDT": "2"}, folder=tmp_path)


OTHERS = """
PATH HOME LANG TERM PWD SHLVL _ USER LEVERAGED_BUYOUT AWS_PROFILE AWS_ACCESS_KEY_ID DEPLOY_PORT
DEPLOY_USER MAX_JOBS MAX_RETRIES LABELS SIGNALS_DIR MAKEFLAGS XDG_DATA_HOME PYTHONPATH
PYTEST_CURRENT_TEST COINTRADER_DEBUG COINTRADER_ENV_READY GITHUB_TOKEN DISCORD_TOKEN
SYMBOL_SERVER SIGNAL_HANDLER INTERVAL_SECONDS RISK_MODEL_PATH leverage http_proxy
BASH_FUNC_which%% STOP_TIMEOUT KUBERNETES_SERVICE_HOST ATR MARGIN MAX
"""


def test_names_of_other_programs_never_trouble(tmp_path):
    config = Config(environ=dict.fromkeys(OTHERS.split(), "whatever"), folder=tmp_path)

    assert config.deviations() == {}


def test_unknown_name_in_an_env_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="COLOUR is not a setting"):
        read_env(tmp_path, "COLOUR=red\n")


def test_what_an_env_file_holds_for_containers_is_left_alone_and_named(tmp_path):
    config = read_env(tmp_path, "COMPOSE_PROJECT_NAME=bots\nTZ=UTC\n")

    assert config.ignored == (
        ".env line 1: COMPOSE_PROJECT_NAME is not a setting of cointrader",
        ".env line 2: TZ is not a setting of cointrader",
    )


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [("", "ABC", 3), ("ABC", "ABC", 0), ("ABC", "ACB", 1), ("ABC", "AXC", 1), ("AB", "XYZ", 3)],
)
def test_slips_counts_letters_lost_added_mistaken_or_swapped(one, other, count):
    assert slips(one, other) == count
