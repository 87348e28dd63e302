"""An edge of a stated size for the configured rule, planted into the synthetic market.

For power tests: would the tools have found an edge, had there been one?
"""

from __future__ import annotations

import math

import numpy as np

from cointrader.app.config import Config
from cointrader.bot.settings import BotSettings
from cointrader.domain.errors import UsageError
from cointrader.market.frame import Floats, Frame
from cointrader.market.synthetic import Answers, PlantedEdge
from cointrader.signals.indicators import Indicators
from cointrader.signals.rules import evaluate

LARGEST_R = 2.0


def planted_edge(config: Config, net_r: float) -> PlantedEdge:
    """What makes the configured rule of each symbol earn `net_r` on average, costs paid.

    Raises `UsageError` where the symbols' settings ask for targets at different multiples of their
    stops, or for a size that is no plausible edge.
    """
    if not -LARGEST_R <= net_r <= LARGEST_R:
        raise UsageError(
            "no edge of this size can be planted",
            where="--planted-edge",
            found=net_r,
            allowed=f"a number from {-LARGEST_R:g} to {LARGEST_R:g}, in units of the risk",
        )
    settings = {symbol: BotSettings.of(config, symbol) for symbol in config.symbols}
    multiples = {_target_ratio(each) for each in settings.values()}
    if len(multiples) > 1:
        raise UsageError(
            "an edge is planted for targets at one multiple of the stop",
            where="--planted-edge",
            found=", ".join(f"{multiple:g}" for multiple in sorted(multiples)),
            todo="give all symbols the same ratio of target to stop",
        )

    def signal(frame: Frame) -> Answers:
        return _answers(settings[frame.symbol], frame)

    slippage = config.slippage_bps / 10_000
    return PlantedEdge(
        signal,
        net_r,
        cost_ratio=2 * (config.taker_fee + slippage),
        slippage_ratio=slippage,
        target_ratio=multiples.pop(),
    )


def _answers(settings: BotSettings, frame: Frame) -> Answers:
    """Side and stop distance for each row."""
    indicators = Indicators(frame, settings.periods)
    signals = evaluate(settings.rule, frame, indicators)
    return signals.side.astype(np.int8), _stop_distances(settings, frame, indicators.atr)


def _stop_distances(settings: BotSettings, frame: Frame, atr: Floats) -> Floats:
    exits = settings.exits.exits(1.0)
    distances: Floats = (frame.candles.close if exits.stop_is_ratio else atr) * exits.stop
    return distances


def _target_ratio(settings: BotSettings) -> float:
    exits = settings.exits.exits(1.0)
    return exits.target / exits.stop if exits.stop > 0 else math.inf
