"""Signs that stored candles are of another market, symbol, unit or time zone than they claim.

Pure, and never more than a suspicion: what is found here is told and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from cointrader.domain.clock import DAY_MS, HOUR_MS
from cointrader.market.frame import Columns, Floats, Times, join_on_time
from cointrader.market.quality import Finding, Kind, Severity, utc

SETTLEMENT_MS = 8 * HOUR_MS  # 00:00, 08:00 and 16:00 UTC
USUAL_RATE = 0.003  # typical funding is thirty times smaller; written in percent it is larger
_FEWEST_BARS = 300  # fewer do not show what moves with what
_FEWEST_CHANGES = 6  # of the funding rate: two days of them
_COARSER = 5  # ticks of a symbol change by such factors between its markets
_MOVES_TOGETHER = 0.25  # correlation of signs; two coins at the same moment have 0.3 to 0.6


def price_grid(times: Times, candles: Columns, tick: float) -> Iterator[Finding]:
    """Whether the prices stand on the contract's grid of `tick`, in quote currency.

    Spot candles, averaged prices or those of another symbol often stand on another one.
    """
    if len(times) == 0:
        return
    prices = np.concatenate(candles.arrays()[:4])
    ticks = np.rint(prices / tick)
    off = np.abs(prices - ticks * tick) > tick * 1e-3
    share = float(np.mean(off))
    if share > 0.01:
        row = int(np.flatnonzero(off)[0]) % len(times)
        detail = (
            f"{share:.0%} of the prices are no multiples of the contract's tick {tick:g}: are they "
            "averaged, of the spot market, or of a time when it was finer?"
        )
        yield _suspect(Kind.PRICE_GRID, row, times, detail)
        return
    common = int(np.gcd.reduce(ticks.astype(np.int64)))
    if common >= _COARSER and len(np.unique(ticks)) > 1:
        detail = (
            f"all prices are multiples of {common * tick:g}, {common:,} times the contract's tick "
            f"{tick:g}: are they of another symbol, or of the spot market?"
        )
        yield _suspect(Kind.PRICE_GRID, 0, times, detail)


def funding(times: Times, rates: Floats, interval_ms: int) -> Iterator[Finding]:
    """Whether the rates are fractions, and change when the exchange settles.

    Parameters
    ----------
    times : int64 array of shape (n,), strictly ascending
    rates : float64 array of shape (n,), NaN where not known
    """
    known = np.flatnonzero(~np.isnan(rates) & (rates != 0))
    if len(known) == 0:
        return
    sizes = np.sort(np.abs(rates[known]))
    # Their median; numpy's own loads its masked arrays, which takes longer than a year's backtest.
    usual = float((sizes[(len(sizes) - 1) // 2] + sizes[len(sizes) // 2]) / 2)
    if usual > USUAL_RATE:
        detail = f"the usual rate is {usual:g}, a fraction: {usual:.2%}; 0.01% is written 0.0001"
        yield _suspect(Kind.FUNDING_SIZE, int(known[0]), times, detail)
    changes = np.flatnonzero((rates[1:] != rates[:-1]) & ~np.isnan(rates[1:] + rates[:-1])) + 1
    late = times[changes] % SETTLEMENT_MS
    if len(changes) < _FEWEST_CHANGES or np.mean(late <= interval_ms) > 0.1:
        return
    moments, counts = np.unique(late, return_counts=True)
    usually = int(moments[np.argmax(counts)])
    if np.mean(np.abs(late - usually) <= interval_ms) > 0.9:
        detail = (
            f"rates change {usually / HOUR_MS:g} h after 00, 08 and 16 UTC, when they are settled: "
            "are the times in another zone?"
        )
        yield _suspect(Kind.FUNDING_TIMES, int(changes[0]), times, detail)


def lagging(
    times: Times, candles: Columns, correlated: Mapping[str, Columns], interval_ms: int
) -> Iterator[Finding]:
    """Correlation symbols whose prices move with the symbol's own, but at other bars.

    Looks a day back and ahead, at the signs of the returns: outliers do not matter.
    """
    own = _signs(candles.close)
    for symbol, columns in correlated.items():
        others = _signs(columns.close)
        norm = float(np.sqrt(np.sum(own**2) * np.sum(others**2)))
        if len(own) < _FEWEST_BARS or norm == 0:
            continue
        most = min(DAY_MS // interval_ms, len(own) - 1)
        length = 1 << (len(own) + most).bit_length()  # where no end meets the other one's beginning
        spectrum = np.conj(np.fft.rfft(own, length)) * np.fft.rfft(others, length)
        together = np.roll(np.fft.irfft(spectrum, length), most)[: 2 * most + 1] / norm
        lag = int(np.argmax(together)) - most
        best, now = float(together[lag + most]), float(together[most])
        if lag and best > max(_MOVES_TOGETHER, 2 * now):
            detail = (
                f"{symbol} stands {abs(lag)} bar(s) too {'late' if lag > 0 else 'early'}: its "
                f"moves agree with the symbol's own at {best:.2f} there, at {now:.2f} in its row"
            )
            yield _suspect(Kind.LAG, 0, times, detail)


def copied(
    name: str, first: tuple[Times, Columns], second: tuple[Times, Columns]
) -> Iterator[Finding]:
    """Whether the second symbol's candles are those of the first, which is called `name`."""
    times, candles = second
    there = join_on_time(times, *first)
    shared = np.flatnonzero(~np.isnan(there.close))
    if len(shared) < _FEWEST_BARS:
        return
    pairs = zip(there.arrays(), candles.arrays(), strict=True)
    if all(np.array_equal(one[shared], other[shared]) for one, other in pairs):
        detail = f"all {len(shared):,} candles from {utc(int(times[shared[0]]))} on are {name}'s"
        yield _suspect(Kind.COPY, int(shared[0]), times, detail)


def _signs(close: Floats) -> Floats:
    """Signs of the returns, less their mean; 0 where a price is not known."""
    signs = np.nan_to_num(np.sign(np.diff(close)))
    return signs - (np.mean(signs) if len(signs) else 0.0)


def _suspect(kind: Kind, row: int, times: Times, detail: str) -> Finding:
    return Finding(kind, row, int(times[row]), detail, Severity.SUSPECT)
