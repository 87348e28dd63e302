"""Every row of the table of settings is settable everywhere, and bad values are refused well."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from cointrader.app.config import Config
from cointrader.app.config.settings import PROFILES, SETTINGS, TABLE, Setting
from cointrader.app.config.template import env_template, toml_template
from cointrader.app.config.types import (
    Choice,
    Flag,
    Number,
    SignalRule,
    SizingRule,
    Symbols,
    Whole,
)
from cointrader.domain.errors import ConfigError
from cointrader.signals.indicators import Periods

EXAMPLES = {  # where one up or another word is not a different, valid value
    "margin_min_ratio": "0.3", "macd_fast": "11", "ema_fast": "8", "ema_mid": "20",
    "deploy_host": "me@server", "deploy_path": "/srv/cointrader",
    "discord_webhook_url": "https://discord.test/hook",
    "telegram_token": "4711:t0ken-never-shown", "telegram_chat_ids": "-1001",
    "telegram_url": "https://telegram.test", "notify_urls": "ntfy://notify.test/topic",
    "quiet_hours": "22:00-07:00", "heartbeat_url": "https://heart.test/beat",
    "dashboard_token": "sixteen-characters-or-more",
}  # fmt: skip


def another_value(setting: Setting) -> str:
    """Some valid text for `setting` that is not its default."""
    if setting.name in EXAMPLES:
        return EXAMPLES[setting.name]
    kind, default = setting.type, setting.default
    if isinstance(kind, Whole):
        return str(int(str(default)) + (-1 if setting.name == "max_same_direction" else 1))
    if isinstance(kind, Number):
        return kind.text(float(str(default)) * 0.9 or 0.01)
    if isinstance(kind, Flag):
        return "false" if default else "true"
    if isinstance(kind, Choice):
        return next(option for option in kind.options if option != default)
    if isinstance(kind, Symbols):
        return "LTCUSDT,BNBUSDT"
    if isinstance(kind, SignalRule):
        return "my/rules.py:Mine"
    return "fixed:250" if isinstance(kind, SizingRule) else "some-text"


EVERY = pytest.mark.parametrize("setting", TABLE, ids=lambda s: s.name)
PUBLIC = pytest.mark.parametrize(
    "setting", [s for s in TABLE if not s.secret], ids=lambda s: s.name
)
OWN = pytest.mark.parametrize("setting", [s for s in TABLE if s.per_symbol], ids=lambda s: s.name)


@EVERY
def test_setting_can_be_set_in_the_environment(setting, tmp_path):
    text = another_value(setting)

    config = Config(environ={setting.env_name: text}, folder=tmp_path)

    assert getattr(config, setting.name) == setting.type.parse(text) != setting.default
    assert config.source(setting.name) == f"environment {setting.env_name}"


@EVERY
def test_setting_can_be_set_in_an_env_file(setting, tmp_path):
    text = another_value(setting)
    (tmp_path / ".env").write_text(f"# mine\n{setting.env_name}={text}\n")

    config = Config(environ={}, folder=tmp_path)

    assert getattr(config, setting.name) == setting.type.parse(text)
    assert config.source(setting.name) == ".env line 2"


@PUBLIC
def test_setting_can_be_set_in_toml(setting, tmp_path):
    text = another_value(setting)
    bare = isinstance(setting.type, Whole | Number | Flag)
    written = text if bare else '["LTCUSDT", "BNBUSDT"]' if "," in text else f'"{text}"'
    (tmp_path / "cointrader.toml").write_text(f"{setting.name} = {written}\n")

    config = Config(environ={}, folder=tmp_path)

    assert getattr(config, setting.name) == setting.type.parse(text)
    assert config.source(setting.name) == "cointrader.toml"


@EVERY
def test_setting_can_be_assigned(setting, tmp_path):
    config = Config(environ={}, folder=tmp_path)

    setattr(config, setting.name, another_value(setting))

    assert getattr(config, setting.name) == setting.type.parse(another_value(setting))


@OWN
def test_strategy_setting_can_be_set_for_one_symbol(setting, tmp_path):
    text = another_value(setting)

    config = Config(environ={f"{setting.env_name}_XRPUSDT": text}, folder=tmp_path)

    assert getattr(config.for_symbol("XRPUSDT"), setting.name) == setting.type.parse(text)
    assert getattr(config.for_symbol("TRXUSDT"), setting.name) == setting.default
    assert getattr(config, setting.name) == setting.default


def test_every_indicator_period_reaches_the_signals_of_its_symbol(tmp_path):
    environ = {f"{s.env_name}_XRPUSDT": another_value(s) for s in TABLE if s.group == "indicators"}
    config = Config(environ=environ, folder=tmp_path)

    own = config.for_symbol("XRPUSDT").periods

    assert config.periods == Periods()
    changed = [
        f.name for f in fields(Periods) if getattr(own, f.name) != getattr(Periods(), f.name)
    ]
    assert len(changed) == len(environ) == len(fields(Periods))


@pytest.mark.parametrize("setting", [s for s in TABLE if s.secret], ids=lambda s: s.name)
def test_secret_is_refused_outside_the_environment_without_being_told(setting, tmp_path):
    (tmp_path / "cointrader.toml").write_text(f'{setting.name} = "https://never.shown"\n')

    with pytest.raises(ConfigError, match=f"{setting.env_name} is a secret") as refused:
        Config(environ={}, folder=tmp_path)
    assert "never.shown" not in str(refused.value)
    secret = {setting.name: "never.shown"}
    with pytest.raises(ConfigError, match=f"{setting.env_name} is a secret"):
        Config(environ={}, folder=tmp_path / "empty", flags=secret)
    with pytest.raises(ConfigError, match=f"{setting.env_name} is a secret"):
        Config(environ={}, folder=tmp_path / "empty", overrides=secret)


@EVERY
@pytest.mark.parametrize("profile", PROFILES)
def test_value_of_each_profile_is_one_that_the_setting_allows(setting, profile):
    value = setting.value_in(profile)

    assert setting.type.parse(value) == value
    assert setting.secret or setting.type.parse(setting.type.text(value)) == value


BAD = {
    "LEVERAGE": ["0", "126", "-1", "2.5", "nan", "ten", "1_0", "１０", "1e1"],
    "MAX_POSITIONS": ["0", "-3", "inf"],
    "MAX_DAILY_LOSS": ["0", "-0.05", "1.01", "nan", "inf", "0,05", "5%"],
    "MARGIN_MAX_RATIO": ["0", "1.5", "-1", "NaN", "-inf"],
    "MARGIN_DECAY_RATE": ["-0.1", "infinity"],
    "MARGIN_DECAY": ["linear"],
    "MAX_DRAWDOWN": ["0", "1", "-0.3", "never"],
    "MAX_ENTRY_DELAY": ["0", "-1", "30s"],
    "RISK_PER_TRADE": ["0", "2", "-0.02"],
    "SIGNAL_THRESHOLD": ["0", "3.0", "high"],
    "VOL_MULTIPLIER": ["-1", "nan", "x"],
    "ADX_THRESHOLD": ["-1", "101"],
    "ATR_SL_MULT": ["0", "-1", "nan"],
    "STOP_LOSS_PCT": ["0", "1", "1.5"],
    "TRAILING_STOP_PCT": ["-0.1", "1"],
    "RSI_PERIOD": ["1", "201"],
    "INTERVAL": ["7m", "1x"],
    "PROFILE": ["prod"],
    "SIZING": ["all", "fixed", "fixed:", "fixed:0", "fixed:-5", "fixed:nan", "fixed:inf"],
    "SIGNAL": ["macd", "rules.py", "rules.py:2x"],
    "TIE_BREAK": ["random"],
    "KILL_FAST": ["maybe", "2"],
    "SYMBOLS": ["XRP/USDT", "XRPUSDT,xrpusdt", "../../etc", "XRP USDT"],
    "CORRELATION_SYMBOLS": ["BTCUSDT,BTCUSDT"],
    "DEPLOY_HOST": ["-oProxyCommand=x", "a b"],
    "QUIET_HOURS": ["25:00-07:00", "22:00-07:60", "late"],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in BAD.items() for v in values])
def test_bad_value_is_refused_with_name_value_source_and_what_is_allowed(name, value, tmp_path):
    with pytest.raises(ConfigError) as refused:
        Config(environ={name: value}, folder=tmp_path)

    message = str(refused.value)
    assert isinstance(refused.value, ValueError)
    assert f"{name} cannot be {value!r}" in message
    assert f"where: environment {name}" in message
    assert f"allowed: {SETTINGS[name.lower()].type.allowed}" in message


def test_bad_value_for_one_symbol_is_named_in_full(tmp_path):
    with pytest.raises(ConfigError, match="ATR_SL_MULT_XRPUSDT cannot be '0'"):
        Config(environ={"ATR_SL_MULT_XRPUSDT": "0"}, folder=tmp_path)


def test_bad_secret_is_refused_without_being_told(tmp_path):
    with pytest.raises(ConfigError, match="BINANCE_API_KEY cannot be this value") as refused:
        Config(environ={"BINANCE_API_KEY": "two words"}, folder=tmp_path)
    assert "two words" not in str(refused.value)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"MARGIN_MIN_RATIO": "0.6"}, "MARGIN_MIN_RATIO = 0.6 is above MARGIN_MAX_RATIO = 0.5"),
        ({"MARGIN_MAX_RATIO": "0.1"}, "MARGIN_MIN_RATIO = 0.2 is above MARGIN_MAX_RATIO = 0.1"),
        ({"MACD_FAST": "26"}, "MACD_FAST = 26 is not below MACD_SLOW = 26"),
        ({"EMA_MID": "50"}, "EMA_MID = 50 is not below EMA_SLOW = 50"),
    ],
)
def test_values_that_do_not_fit_together_are_refused(environ, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        Config(environ=environ, folder=tmp_path)


@pytest.mark.parametrize(
    ("written", "value"),
    [("off", None), ("OFF", None), ("0.25", 0.25), (".25", 0.25), ("2.5e-1", 0.25)],
)
def test_drawdown_limit_is_a_fraction_or_off(written, value, tmp_path):
    assert Config(environ={"MAX_DRAWDOWN": written}, folder=tmp_path).max_drawdown == value


@pytest.mark.parametrize("yes", ["true", "True", "1", "yes", "on"])
def test_yes_may_be_written_in_many_ways(yes, tmp_path):
    assert Config(environ={"NO_ML_FILTER": yes}, folder=tmp_path).no_ml_filter is True


@pytest.mark.parametrize(
    ("name", "text"), [(".env", env_template()), ("cointrader.toml", toml_template())]
)
def test_template_with_every_line_taken_into_use_is_the_default_configuration(name, text, tmp_path):
    active = re.sub(r"^#(?=[A-Za-z_]+ ?=|\[)", "", text, flags=re.MULTILINE)
    active = active.replace("[XRPUSDT]\natr_sl_mult = 2.0", "")
    (tmp_path / name).write_text(active, encoding="utf-8")

    config = Config(environ={}, folder=tmp_path)

    assert config.deviations() == {}
    assert config.shown() == Config(environ={}, folder=tmp_path / "empty").shown()
    assert config.given("leverage")


def test_the_example_file_in_the_repository_is_what_config_init_writes():
    example = Path(__file__).parents[3] / ".env.example"

    assert example.read_text(encoding="utf-8") == env_template()
