"""Leverage brackets for symbols that are traded without asking a real exchange.

Plausible, not authoritative: Binance's brackets of October 2024. Live trading reads
`leverageBracket` instead.
"""

from __future__ import annotations

from decimal import Decimal

from cointrader.domain.instrument import LeverageBracket, brackets_of

_UNITS = {"k": Decimal(1_000), "M": Decimal(1_000_000)}

# per bracket: notional cap in quote currency / highest leverage / maintenance margin ratio
_TABLE = {
    "BTCUSDT": (
        "50k/125/0.004 600k/100/0.005 3M/75/0.0065 12M/50/0.01 70M/25/0.02 100M/20/0.025 "
        "230M/10/0.05 480M/5/0.1 600M/4/0.125 800M/3/0.15 1200M/2/0.25 1800M/1/0.5"
    ),
    "ETHUSDT": (
        "50k/125/0.004 600k/100/0.005 3M/75/0.0065 12M/50/0.01 50M/25/0.02 65M/20/0.025 "
        "150M/10/0.05 320M/5/0.1 400M/4/0.125 530M/3/0.15 800M/2/0.25 1200M/1/0.5"
    ),
    "XRPUSDT": (
        "10k/75/0.005 20k/50/0.0065 160k/40/0.01 800k/25/0.02 1.6M/20/0.025 "
        "8M/10/0.05 16M/5/0.1 20M/4/0.125 40M/2/0.25 80M/1/0.5"
    ),
    "TRXUSDT": (
        "10k/75/0.0065 90k/50/0.01 120k/40/0.015 650k/25/0.02 800k/20/0.025 "
        "3M/10/0.05 6M/5/0.1 12M/4/0.125 20M/2/0.25 30M/1/0.5"
    ),
    "DOGEUSDT": (
        "10k/75/0.005 50k/50/0.007 750k/40/0.01 800k/25/0.02 1.6M/20/0.025 "
        "8M/10/0.05 16M/5/0.1 20M/4/0.125 40M/2/0.25 80M/1/0.5"
    ),
    "SOLUSDT": (
        "20k/100/0.005 100k/75/0.0065 800k/50/0.01 4M/25/0.02 8M/20/0.025 "
        "40M/10/0.05 80M/5/0.1 100M/4/0.125 200M/2/0.25 400M/1/0.5"
    ),
    "ADAUSDT": (
        "10k/75/0.005 50k/50/0.01 100k/40/0.015 500k/25/0.02 1M/20/0.025 "
        "5M/10/0.05 10M/5/0.1 20M/4/0.125 30M/2/0.25 50M/1/0.5"
    ),
    "BNBUSDT": (
        "10k/75/0.005 50k/50/0.006 200k/40/0.01 1.5M/25/0.02 3M/20/0.025 "
        "15M/10/0.05 30M/5/0.1 37.5M/4/0.125 75M/2/0.25 150M/1/0.5"
    ),
    "LINKUSDT": (
        "10k/75/0.005 50k/50/0.01 80k/40/0.015 400k/25/0.02 800k/20/0.025 "
        "4M/10/0.05 8M/5/0.1 20M/4/0.125 30M/2/0.25 50M/1/0.5"
    ),
    "AVAXUSDT": (
        "5k/75/0.005 25k/50/0.0065 80k/40/0.01 400k/25/0.02 800k/20/0.025 "
        "4M/10/0.05 8M/5/0.1 10M/4/0.125 20M/2/0.25 50M/1/0.5"
    ),
    "BCHUSDT": (
        "5k/75/0.005 10k/50/0.0065 100k/40/0.01 500k/25/0.02 1M/20/0.025 "
        "5M/10/0.05 10M/5/0.1 15M/4/0.125 25M/2/0.25 50M/1/0.5"
    ),
    "LTCUSDT": (
        "10k/75/0.005 50k/50/0.01 100k/40/0.015 750k/25/0.02 1M/20/0.025 "
        "5M/10/0.05 10M/5/0.1 20M/4/0.125 30M/2/0.25 50M/1/0.5"
    ),
    "DOTUSDT": (
        "10k/75/0.0065 50k/50/0.01 100k/40/0.015 500k/25/0.02 800k/20/0.025 "
        "4M/10/0.05 8M/5/0.1 10M/4/0.125 30M/2/0.25 50M/1/0.5"
    ),
    "UNIUSDT": (
        "10k/75/0.006 50k/50/0.01 80k/40/0.015 300k/25/0.02 900k/20/0.025 "
        "3M/10/0.05 6M/5/0.1 7.5M/4/0.125 18M/2/0.25 30M/1/0.5"
    ),
    "ATOMUSDT": (
        "10k/75/0.006 50k/50/0.01 80k/40/0.015 200k/25/0.02 600k/20/0.025 "
        "2M/10/0.05 4M/5/0.1 5M/4/0.125 12M/2/0.25 20M/1/0.5"
    ),
    "NEARUSDT": (
        "10k/75/0.01 100k/50/0.015 500k/25/0.02 1M/20/0.025 "
        "5M/10/0.05 10M/5/0.1 12.5M/4/0.125 25M/2/0.25 50M/1/0.5"
    ),
    "SUIUSDT": (
        "20k/75/0.01 200k/50/0.015 1M/25/0.02 2M/20/0.025 "
        "10M/10/0.05 20M/5/0.1 25M/4/0.125 50M/2/0.25 100M/1/0.5"
    ),
    "XLMUSDT": (
        "10k/50/0.015 150k/20/0.025 250k/15/0.03 1M/10/0.05 "
        "2M/5/0.1 5M/4/0.125 10M/2/0.25 20M/1/0.5"
    ),
}

# A small symbol's usual brackets.
_UNKNOWN = (
    "10k/50/0.01 100k/25/0.02 250k/20/0.025 1M/10/0.05 2M/5/0.1 2.5M/4/0.125 5M/2/0.25 10M/1/0.5"
)


def plausible_brackets(symbol: str) -> tuple[LeverageBracket, ...]:
    """The stored brackets of a usual symbol, those of a small one for any other."""
    return brackets_of(_row(text) for text in _TABLE.get(symbol, _UNKNOWN).split())


def _row(text: str) -> tuple[Decimal, int, Decimal]:
    cap, leverage, ratio = text.split("/")
    return Decimal(cap[:-1]) * _UNITS[cap[-1]], int(leverage), Decimal(ratio)
