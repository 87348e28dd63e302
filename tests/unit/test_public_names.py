"""The names people import from `cointrader`, and what each does before anything is plugged in."""

import subprocess
import sys

import pytest

import cointrader
from cointrader import Config, RiskManager, TradingBot
from cointrader.domain.clock import SystemClock
from cointrader.domain.errors import ConfigError
from cointrader.risk.manager import Refusal


def a_config(**settings):
    return Config(overrides=settings, environ={}, folder="/nonexistent")


def modules_after(code):
    """The modules that are loaded in a fresh interpreter once it has run `code`."""
    shown = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    return set(shown.stdout.split())


def test_importing_cointrader_alone_loads_no_numbers_and_no_network():
    heavy = {"numpy", "polars", "talib", "numba", "aiohttp", "onnxruntime", "asyncio"}

    assert modules_after("import cointrader") & heavy == set()


def test_the_public_names_are_imported_together():
    loaded = modules_after("from cointrader import Config, RiskManager, TradingBot")

    assert {"cointrader.app.config", "cointrader.risk.manager", "cointrader.bot.bot"} <= loaded
    assert {"numba", "lightgbm", "onnxruntime"} & loaded == set()


def test_a_filter_is_made_from_a_folder_and_a_threshold_and_loads_nothing_yet():
    loaded = modules_after(
        "from cointrader import MLFilter; MLFilter(model_dir='models', threshold=0.6)"
    )

    assert "cointrader.strategy.entry_filter" in loaded
    assert {"onnxruntime", "onnx", "lightgbm", "numba", "aiohttp"} & loaded == set()


@pytest.mark.parametrize("name", ["TradingRobot", "config", "mlfilter"])
def test_an_unknown_name_is_no_attribute(name):
    with pytest.raises(AttributeError, match=name):
        getattr(cointrader, name)


def test_every_name_in_all_is_there():
    assert all(getattr(cointrader, name) for name in cointrader.__all__)


# ---------------------------------------------------------------------- a bot without ports


def test_a_bot_is_made_without_ports_and_has_its_own_windows():
    config = a_config()
    risk = RiskManager(config)

    bot = TradingBot(config, symbol="XRPUSDT", risk=risk)

    assert bot.symbol == "XRPUSDT"
    assert bot.risk is risk
    assert list(bot.stream.buffers) == ["xrpusdt", "btcusdt", "ethusdt"]
    assert [len(window) for window in bot.stream.buffers.values()] == [0, 0, 0]
    assert bot.ml_filter is None


def test_a_bot_writes_its_symbol_in_capitals():
    config = a_config()

    assert TradingBot(config, symbol="xrpusdt", risk=RiskManager(config)).symbol == "XRPUSDT"


def test_a_bot_of_a_correlation_symbol_has_one_window_for_it():
    config = a_config(symbols=["BTCUSDT"])

    bot = TradingBot(config, symbol="BTCUSDT", risk=RiskManager(config))

    assert list(bot.stream.buffers) == ["btcusdt", "ethusdt"]


def test_bots_share_one_risk_manager_and_no_window():
    config = a_config()
    risk = RiskManager(config)
    xrp = TradingBot(config, symbol="XRPUSDT", risk=risk)
    trx = TradingBot(config, symbol="TRXUSDT", risk=risk)

    assert xrp.risk is trx.risk
    assert xrp.stream.buffers["btcusdt"] is not trx.stream.buffers["btcusdt"]


async def test_running_a_bot_without_ports_asks_for_the_testnet_key():
    config = a_config()
    bot = TradingBot(config, symbol="XRPUSDT", risk=RiskManager(config))

    with pytest.raises(ConfigError, match="no API key for testnet trading") as refused:
        await bot.run()

    assert "BINANCE_TESTNET_API_KEY and BINANCE_TESTNET_API_SECRET" in str(refused.value)


async def test_a_bot_with_some_ports_says_which_it_needs():
    config = a_config()
    bot = TradingBot(config, symbol="XRPUSDT", risk=RiskManager(config), clock=SystemClock())

    with pytest.raises(ConfigError, match="XRPUSDT has no exchange") as refused:
        await bot.run()

    assert "exchange=, feed=, journal= and clock=" in str(refused.value)


# ---------------------------------------------------------------------- a risk manager on its own


async def test_a_risk_manager_without_a_balance_judges_slots_symbol_and_direction():
    risk = RiskManager(a_config())

    assert risk.is_trading_allowed()
    assert await risk.reserve("XRPUSDT", "LONG")
    assert await risk.reserve("TRXUSDT", "LONG")

    assert not await risk.can_open_new_position("DOGEUSDT", "LONG")
    assert await risk.can_open_new_position("DOGEUSDT", "SHORT")
    assert await risk.reserve("XRPUSDT", "SHORT") == Refusal(
        "symbol-held", "XRPUSDT is already LONG"
    )
