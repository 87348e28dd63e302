"""cointrader: a multi-symbol trading bot for Binance USDⓈ-M perpetual futures.

The public names are loaded on first use, so that ``import cointrader`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cointrader.app.config import Config
    from cointrader.app.futures_client import BinanceFuturesClient
    from cointrader.app.trading_bot import TradingBot
    from cointrader.exchange.binance.market_feed import MultiSymbolStream
    from cointrader.exchange.binance.user_feed import UserDataStream
    from cointrader.ops.discord import DiscordNotifier
    from cointrader.risk.manager import RiskManager
    from cointrader.strategy.entry_filter import MLFilter

__version__ = "0.1.0"
__all__ = [
    "BinanceFuturesClient",
    "Config",
    "DiscordNotifier",
    "MLFilter",
    "MultiSymbolStream",
    "RiskManager",
    "TradingBot",
    "UserDataStream",
]

_HOMES = {
    "BinanceFuturesClient": "cointrader.app.futures_client",
    "Config": "cointrader.app.config.config",
    "DiscordNotifier": "cointrader.ops.discord",
    "MLFilter": "cointrader.strategy.entry_filter",
    "MultiSymbolStream": "cointrader.exchange.binance.market_feed",
    "RiskManager": "cointrader.risk.manager",
    "TradingBot": "cointrader.app.trading_bot",
    "UserDataStream": "cointrader.exchange.binance.user_feed",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'cointrader' has no attribute {name!r}")
