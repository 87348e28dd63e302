"""A made-up market: plausible candles without a network or a file, the same for the same seed."""

from cointrader.market.synthetic.edge import Answers, PlantedEdge
from cointrader.market.synthetic.source import SyntheticSource

__all__ = ["Answers", "PlantedEdge", "SyntheticSource"]
