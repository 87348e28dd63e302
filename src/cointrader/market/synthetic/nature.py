"""What each symbol of the synthetic market is like: its price, its price grid, whom it follows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from cointrader.domain.clock import HOUR_MS

QUARTER_MS = HOUR_MS // 4  # what natures are told per: a quarter of an hour


@dataclass(frozen=True, slots=True)
class Nature:
    """How a symbol moves.

    `btc`, `eth` and `alts` are loadings on what drives the market, of a movement with variance 1;
    what they leave is the symbol's own.
    """

    price: float  # around which years of candles stay
    decimals: int  # of its prices: the tick is one unit of the last
    volatility: float  # standard deviation of a log return over QUARTER_MS
    turnover: float  # quote currency per QUARTER_MS, mean
    btc: float
    eth: float = 0.0
    alts: float = 0.0

    @property
    def own(self) -> float:
        """Loading of what this symbol does alone."""
        return math.sqrt(max(0.0, 1.0 - self.btc**2 - self.eth**2 - self.alts**2))


_NATURES = {
    "BTCUSDT": Nature(87_600.0, 1, 0.0025, 170e6, 1.0),
    "ETHUSDT": Nature(2_970.0, 2, 0.0039, 156e6, 0.83, 0.5578),
    "XRPUSDT": Nature(1.84, 4, 0.0046, 21e6, 0.745, 0.25, 0.42),
    "DOGEUSDT": Nature(0.1174, 5, 0.0050, 14e6, 0.755, 0.32, 0.41),
    "TRXUSDT": Nature(0.2844, 5, 0.0018, 1.2e6, 0.41, 0.21, 0.20),
    "SOLUSDT": Nature(125.0, 2, 0.0046, 50e6, 0.79, 0.28, 0.28),
    "BNBUSDT": Nature(860.0, 2, 0.0029, 10e6, 0.72, 0.22, 0.20),
    "ADAUSDT": Nature(0.34, 4, 0.0050, 6e6, 0.76, 0.30, 0.40),
    "LINKUSDT": Nature(12.3, 3, 0.0049, 5e6, 0.74, 0.36, 0.36),
    "AVAXUSDT": Nature(12.4, 3, 0.0050, 5e6, 0.73, 0.32, 0.38),
    "LTCUSDT": Nature(77.0, 2, 0.0042, 4e6, 0.70, 0.28, 0.34),
    "BCHUSDT": Nature(600.0, 2, 0.0042, 4e6, 0.64, 0.22, 0.24),
    "DOTUSDT": Nature(1.8, 3, 0.0051, 3e6, 0.72, 0.30, 0.42),
    "UNIUSDT": Nature(5.8, 3, 0.0056, 3e6, 0.66, 0.36, 0.34),
    "XLMUSDT": Nature(0.2, 5, 0.0048, 2e6, 0.72, 0.22, 0.44),
    "SUIUSDT": Nature(1.4, 4, 0.0060, 10e6, 0.72, 0.28, 0.38),
    "NEARUSDT": Nature(1.5, 3, 0.0056, 3e6, 0.70, 0.30, 0.40),
    "ATOMUSDT": Nature(2.0, 3, 0.0048, 1.5e6, 0.68, 0.28, 0.40),
}


def nature_of(symbol: str) -> Nature:
    """The nature of an upper-case symbol; for an unknown one always the same by its name."""
    return _NATURES.get(symbol) or _nature_by_name(symbol)


def _nature_by_name(symbol: str) -> Nature:
    rng = np.random.default_rng(crc32(symbol.encode()))
    price = float(10.0 ** rng.uniform(-1.5, 2.0))
    return Nature(
        price,
        decimals=max(0, 4 - math.floor(math.log10(price))),
        volatility=float(rng.uniform(0.004, 0.007)),
        turnover=float(10.0 ** rng.uniform(5.8, 6.8)),
        btc=float(rng.uniform(0.50, 0.75)),
        eth=float(rng.uniform(0.15, 0.35)),
        alts=float(rng.uniform(0.20, 0.45)),
    )
