"""cointrader: a multi-symbol trading bot for Binance USDⓈ-M perpetual futures.

The public names are loaded on first use, so that ``import cointrader`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cointrader.app.config import Config
    from cointrader.bot.bot import TradingBot
    from cointrader.ops.discord import DiscordNotifier
    from cointrader.risk.manager import RiskManager

__version__ = "0.1.0"
__all__ = ["Config", "DiscordNotifier", "RiskManager", "TradingBot"]

_HOMES = {
    "Config": "cointrader.app.config",
    "DiscordNotifier": "cointrader.ops.discord",
    "RiskManager": "cointrader.risk.manager",
    "TradingBot": "cointrader.bot.bot",
}
_PLANNED = {
    "BinanceFuturesClient",
    "MultiSymbolStream",
    "UserDataStream",
    "MLFilter",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _PLANNED:
        raise ImportError(f"cointrader {__version__} does not have {name} yet")
    raise AttributeError(f"module 'cointrader' has no attribute {name!r}")
