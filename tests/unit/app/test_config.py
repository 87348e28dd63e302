"""Which value counts, where it came from, and what the attributes are."""

from __future__ import annotations

import copy
import os
import pickle  # noqa: TID251 - sweeps send a Config to other processes; no file is read
from pathlib import Path
from typing import get_type_hints

import pytest

from cointrader import Config
from cointrader.app.config.settings import SETTINGS, TABLE
from cointrader.app.config.values import SettingValues
from cointrader.domain.errors import ConfigError

KEY = "k-never-shown-1234567890"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and nothing of this machine's environment."""
    monkeypatch.chdir(tmp_path)
    for name in set(os.environ) - {"PATH", "HOME", "TMPDIR", "PYTEST_CURRENT_TEST"}:
        monkeypatch.delenv(name)
    return tmp_path


def test_config_without_anything_has_the_values_of_the_default_profile(folder):
    config = Config()

    assert config.symbols == ["XRPUSDT", "TRXUSDT", "DOGEUSDT"]
    assert config.correlation_symbols == ["BTCUSDT", "ETHUSDT"]
    assert (config.leverage, config.max_positions, config.max_same_direction) == (10, 3, 2)
    assert (config.max_daily_loss, config.max_drawdown) == (0.05, 0.3)
    assert (config.margin_max_ratio, config.margin_min_ratio) == (0.5, 0.2)
    assert (config.margin_decay_rate, config.margin_decay) == (0.0006, "absolute")
    assert (config.signal_threshold, config.vol_multiplier, config.adx_threshold) == (3, 1.5, 0)
    assert (config.atr_sl_mult, config.atr_tp_mult) == (1.5, 3.0)
    assert (config.stop_loss_pct, config.take_profit_pct) == (0.015, 0.045)
    assert (config.trailing_stop_pct, config.risk_per_trade) == (0, 0.02)
    assert (config.ml_threshold, config.no_ml_filter) == (0.55, False)
    assert (config.taker_fee, config.slippage) == (0.0005, 0.0002)
    assert (config.interval, config.interval_ms) == ("15m", 900_000)
    assert (config.max_entry_delay_ms, config.auction_deadline_ms) == (30_000, 2_000)
    assert (config.signal, config.sizing, config.tie_break) == ("score", "account", "order")
    assert (config.daily_loss_basis, config.slots_by) == ("marked", "min")
    assert config.open_risk_bound
    assert config.check_margin
    assert config.use_filters
    assert config.liquidation_distance
    assert not config.kill_fast
    assert config.source("leverage") == "default"


def test_founding_profile_has_only_the_rules_of_the_beginning(folder):
    config = Config(environ={"PROFILE": "founding"})

    assert (config.taker_fee, config.slippage) == (0.0004, 0)
    assert (config.daily_loss_basis, config.slots_by) == ("realised", "symbols")
    assert (config.margin_decay, config.sizing, config.tie_break) == (
        "absolute", "account", "order",
    )  # fmt: skip
    assert config.max_drawdown is None
    assert config.max_entry_delay is None
    assert config.max_entry_delay_ms is None
    assert config.trailing_stop_pct == 0
    assert config.no_ml_filter
    rules = ("open_risk_bound", "check_margin", "use_filters", "liquidation_distance",
             "kill_fast", "kill_slow")  # fmt: skip
    assert not any(getattr(config, name) for name in rules)
    assert config.source("taker_fee") == "profile founding"
    assert config.source("leverage") == "default"
    assert config.deviations() == {}


def test_single_settings_override_a_profile_and_are_named_as_deviations(folder):
    config = Config(environ={"PROFILE": "founding", "TAKER_FEE": "0.001"})

    assert config.taker_fee == 0.001
    assert config.slippage == 0
    assert config.deviations() == {"TAKER_FEE": ("0.001", "0.0004")}


LAYERS = (  # weakest first: where the value stands, the value, its source
    ("toml", 2, "cointrader.toml"),
    ("env-file", 3, ".env line 1"),
    ("environment", 4, "environment LEVERAGE"),
    ("flag", 5, "flag --leverage"),
    ("override", 6, "override in code"),
)


@pytest.mark.parametrize("count", range(1, len(LAYERS) + 1))
def test_the_strongest_source_wins_and_is_remembered(folder, count):
    given = {name: value for name, value, _ in LAYERS[:count]}
    (folder / "cointrader.toml").write_text(f"leverage = {given['toml']}\n")
    if "env-file" in given:
        (folder / ".env").write_text(f"LEVERAGE={given['env-file']}\n")
    environ = {"LEVERAGE": str(given["environment"])} if "environment" in given else {}
    flags = {"leverage": str(given["flag"])} if "flag" in given else {}
    overrides = {"leverage": given["override"]} if "override" in given else {}

    config = Config(environ=environ, flags=flags, overrides=overrides)

    _, value, source = LAYERS[count - 1]
    assert config.leverage == value
    assert config.source("leverage") == source
    assert config.source("LEVERAGE") == source


def test_plain_config_reads_the_process_environment(folder, monkeypatch):
    monkeypatch.setenv("MAX_SAME_DIRECTION", "1")
    monkeypatch.setenv("SYMBOLS", "xrpusdt, TRXUSDT ,")

    config = Config()

    assert config.max_same_direction == 1
    assert config.symbols == ["XRPUSDT", "TRXUSDT"]


def test_a_named_file_is_read_instead_of_the_one_in_the_folder(folder):
    (folder / "cointrader.toml").write_text("leverage = 2\n")
    (folder / "other.toml").write_text('SYMBOLS = "BTCUSDT"\n')

    config = Config("other.toml", environ={})

    assert (config.leverage, config.symbols) == (10, ["BTCUSDT"])


def test_a_named_file_must_exist(folder):
    with pytest.raises(ConfigError, match=r"other\.toml cannot be read"):
        Config("other.toml", environ={})


def test_symbol_counts_only_while_symbols_is_empty(folder):
    assert Config(environ={"SYMBOL": "btcusdt"}).symbols == ["BTCUSDT"]
    assert Config(environ={"SYMBOL": "BTCUSDT", "SYMBOLS": " "}).symbols == ["BTCUSDT"]
    assert Config(environ={"SYMBOL": "BTCUSDT", "SYMBOLS": "ETHUSDT"}).symbols == ["ETHUSDT"]


def test_an_empty_symbols_in_the_environment_takes_back_those_of_env_file(folder):
    (folder / ".env").write_text("SYMBOLS=XRPUSDT,TRXUSDT\n")

    assert Config(environ={"SYMBOL": "BTCUSDT", "SYMBOLS": ""}).symbols == ["BTCUSDT"]


def test_symbol_from_a_caller_is_meant_whatever_the_files_say(folder):
    (folder / ".env").write_text("SYMBOLS=XRPUSDT,TRXUSDT\n")

    assert Config(environ={}, overrides={"symbol": "BTCUSDT"}).symbols == ["BTCUSDT"]


def test_an_empty_value_is_not_given(folder):
    (folder / ".env").write_text("LEVERAGE=5\n")

    assert Config(environ={"LEVERAGE": "", "MAX_DAILY_LOSS": " "}).leverage == 5


def test_default_of_max_same_direction_shrinks_with_max_positions(folder):
    config = Config(environ={"MAX_POSITIONS": "1"})

    assert config.max_same_direction == 1
    assert config.source("max_same_direction") == "default, no more than MAX_POSITIONS"


def test_max_same_direction_that_was_set_above_max_positions_is_refused(folder):
    with pytest.raises(ConfigError, match="MAX_SAME_DIRECTION = 2 is above MAX_POSITIONS = 1"):
        Config(environ={"MAX_POSITIONS": "1", "MAX_SAME_DIRECTION": "2"})


def test_a_symbol_has_its_own_values_and_the_common_ones_below(folder):
    (folder / "cointrader.toml").write_text("atr_tp_mult = 4\n[trxusdt]\natr_tp_mult = 5.0\n")
    config = Config(environ={"ATR_SL_MULT_XRPUSDT": "2.0"})

    xrp, trx = config.for_symbol("xrpusdt"), config.for_symbol("TRXUSDT")

    assert (xrp.atr_sl_mult, xrp.atr_tp_mult) == (2.0, 4.0)
    assert (trx.atr_sl_mult, trx.atr_tp_mult) == (1.5, 5.0)
    assert config.atr_sl_mult == 1.5
    assert xrp.source("atr_sl_mult") == "environment ATR_SL_MULT_XRPUSDT"
    assert trx.source("atr_tp_mult") == "cointrader.toml [trxusdt]"
    assert (xrp.symbol, xrp.leverage) == ("XRPUSDT", 10)
    assert config.deviations() == {
        "ATR_SL_MULT_XRPUSDT": ("2", "1.5"),
        "ATR_TP_MULT": ("4", "3"),
        "ATR_TP_MULT_TRXUSDT": ("5", "3"),
    }


def test_a_symbols_view_is_read_only_and_holds_no_keys(folder):
    view = Config(environ={"BINANCE_API_KEY": KEY}).for_symbol("XRPUSDT")

    with pytest.raises(AttributeError, match="read-only"):
        view.leverage = 3
    assert KEY not in repr(vars(view))
    assert not hasattr(view, "binance_api_key")


def test_a_flag_that_narrows_the_symbols_leaves_values_of_the_others_valid(folder):
    (folder / ".env").write_text("SYMBOLS=XRPUSDT,TRXUSDT\nATR_SL_MULT_TRXUSDT=2\n")

    assert Config(environ={}, flags={"symbols": "XRPUSDT"}).symbols == ["XRPUSDT"]


def test_values_of_a_symbol_must_fit_together_too(folder):
    with pytest.raises(ConfigError, match="EMA_FAST = 30 is not below EMA_MID = 21 for XRPUSDT"):
        Config(environ={"EMA_FAST_XRPUSDT": "30"})


def test_there_is_no_config_symbol_and_the_error_says_why(folder):
    config = Config(environ={})

    assert not hasattr(config, "symbol")
    with pytest.raises(AttributeError, match=r"each bot owns its symbol; see config\.symbols"):
        _ = config.symbol  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="did you mean max_positions"):
        config.max_position = 2  # type: ignore[attr-defined]


def test_an_assigned_value_counts_and_remembers_that(folder):
    config = Config(environ={})

    config.max_same_direction = 3
    config.symbols = ["xrpusdt"]

    assert (config.max_same_direction, config.symbols) == (3, ["XRPUSDT"])
    assert config.source("max_same_direction") == "assigned in code"


@pytest.mark.parametrize(
    ("name", "value"),
    [("leverage", 0), ("leverage", True), ("max_same_direction", 4), ("margin_max_ratio", 0.1)],
)
def test_an_impossible_assignment_is_refused_and_changes_nothing(folder, name, value):
    config = Config(environ={})
    before = config.shown()

    with pytest.raises(ConfigError, match=name.upper()):
        setattr(config, name, value)
    assert config.shown() == before


def test_assigning_the_profile_moves_every_value_that_nobody_set(folder):
    config = Config(environ={"SLIPPAGE_BPS": "7"})

    config.profile = "founding"

    assert (config.taker_fee, config.slippage_bps) == (0.0004, 7)


def test_replace_gives_a_copy_and_leaves_the_original(folder):
    config = Config(environ={"BINANCE_API_KEY": KEY, "LEVERAGE": "5"})

    other = config.replace(atr_sl_mult=2.5)

    assert (config.atr_sl_mult, other.atr_sl_mult) == (1.5, 2.5)
    assert other.source("leverage") == "environment LEVERAGE"
    assert other.binance_api_key == KEY
    assert copy.deepcopy(config).binance_api_key == KEY


def test_keys_are_usable_and_never_shown(folder, capsys):
    url = "https://discord.test/hook/never-shown"
    config = Config(environ={"BINANCE_API_KEY": KEY, "DISCORD_WEBHOOK_URL": url})

    assert config.binance_api_key == KEY
    assert config.discord_webhook_url == url
    told = f"{config!r} {config!s} {config.shown()} {vars(config)}"
    assert KEY not in told
    assert url not in told
    assert config.shown()["BINANCE_API_KEY"] == "set"
    assert config.shown()["BINANCE_API_SECRET"] == "not set"


def test_keys_do_not_travel_to_other_processes(folder):
    config = Config(environ={"BINANCE_API_KEY": KEY, "LEVERAGE": "5"})

    packed = pickle.dumps(config)
    there = pickle.loads(packed)  # noqa: S301 - packed one line above

    assert KEY.encode() not in packed
    assert (there.leverage, there.binance_api_key) == (5, "")
    there.leverage = 6
    assert there.source("leverage") == "assigned in code"


def test_fixed_sizing_carries_its_notional(folder):
    config = Config(environ={"SIZING": "fixed:1000.50"})

    assert (config.sizing, config.fixed_notional) == ("fixed:1000.5", 1000.5)
    assert Config(environ={}).fixed_notional is None


def test_typed_attributes_and_the_table_name_the_same_settings():
    hints = {n: h for n, h in get_type_hints(Config).items() if not n.startswith("_")}

    assert set(hints) == set(SETTINGS)
    assert set(SettingValues.__annotations__) == {s.name for s in TABLE if not s.secret}
    for setting in TABLE:
        expected = setting.type.annotation
        found = getattr(hints[setting.name], "__name__", None)
        found = found if expected in ("int", "float", "str", "bool") else str(hints[setting.name])
        assert found == expected, setting.name


def test_lists_of_two_configs_are_not_the_same_list(folder):
    first, second = Config(environ={}), Config(environ={})
    first.symbols.append("SURPRISE")

    assert second.symbols == Config(environ={}).symbols == ["XRPUSDT", "TRXUSDT", "DOGEUSDT"]
