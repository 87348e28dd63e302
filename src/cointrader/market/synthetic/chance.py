"""Chance of the synthetic market: a stream of random numbers per purpose, and slow waves of them.

Each purpose has its own stream, so what one symbol draws never moves another, and a longer
market begins with the shorter one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from cointrader.domain.clock import HOUR_MS
from cointrader.market.frame import Floats

_MOST_GROWTH = 200.0  # of a log within a block, far from what a float64 can hold


@dataclass(frozen=True, slots=True)
class Wave:
    """Something that comes back to its mean, forgetting within `hours` all but 1/e of where it was.

    `spread` is its standard deviation at one moment.
    """

    hours: float
    spread: float


@dataclass(frozen=True, slots=True)
class Chance:
    """Random numbers of one market."""

    seed: int

    def stream(self, *purpose: str) -> np.random.Generator:
        return np.random.default_rng([self.seed, crc32(" ".join(purpose).encode())])

    def waves(
        self, waves: tuple[Wave, ...], length: int, interval_ms: int, *purpose: str
    ) -> Floats:
        """The sum of `waves`, averaged within each of `length` intervals."""
        total = np.zeros(length)
        for number, wave in enumerate(waves):
            passed = interval_ms / (wave.hours * HOUR_MS)
            kept = math.exp(-passed)
            spread = wave.spread * math.sqrt(2.0 * (passed - 1.0 + kept)) / passed
            shocks = self.stream(*purpose, str(number)).standard_normal(length)
            shocks[1:] *= math.sqrt(1.0 - kept * kept)  # from the start in its long-run spread
            total += spread * reverting(shocks, kept)
        return total


def reverting(shocks: Floats, kept: float) -> Floats:
    """x[t] = kept * x[t-1] + shocks[t], begun at 0; block by block, as a loop would take long.

    Parameters
    ----------
    shocks : shape (n,)
    kept : above 0, at most 1
    """
    block = int(min(256.0, max(1.0, _MOST_GROWTH / max(-math.log(kept), 1e-9))))
    blocks = -(-len(shocks) // block)
    padded = np.zeros((blocks, block))
    padded.ravel()[: len(shocks)] = shocks
    weights = kept ** np.arange(block)
    inside = np.cumsum(padded / weights, axis=1) * weights
    before = 0.0
    for number in range(blocks):
        inside[number] += before * kept * weights
        before = inside[number, -1]
    values: Floats = inside.ravel()[: len(shocks)]
    return values
