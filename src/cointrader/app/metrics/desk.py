"""The streams and budgets of a desk on Binance, as its health page shows them."""

from __future__ import annotations

from collections.abc import Sequence

from cointrader.app.live.wiring import BinanceDesk
from cointrader.exchange.binance.rate_limit import LIMITS, Pool
from cointrader.ops.metrics import Budget, StreamAge


def streams_of(desk: BinanceDesk, symbols: Sequence[str]) -> list[StreamAge]:
    """Candles by symbol, the account's events, and what is asked for now and then."""
    oldest, lines = desk.oldest, desk.feed.health()
    is_up = all(line.is_up for line in lines)
    account = desk.user.health()
    return [
        *(
            StreamAge(
                name=f"candles {symbol}",
                symbol=symbol,
                age_ms=desk.feed.age_ms(symbol),
                max_age_ms=oldest.market_ms,
                is_up=is_up,
            )
            for symbol in symbols
        ),
        *(
            StreamAge(
                name=line.name,
                age_ms=line.age_ms,
                max_age_ms=None,
                is_up=line.is_up,
                reconnects=line.faults,
            )
            for line in lines
        ),
        StreamAge(
            name="account",
            age_ms=desk.user.age_ms,
            max_age_ms=oldest.account_ms,
            is_up=account.is_up,
            reconnects=account.faults,
        ),
        StreamAge("filters", desk.exchange.rules.age_ms, oldest.rules_ms, is_up=True),
        StreamAge("clock", desk.api.futures.server_clock.age_ms, oldest.clock_ms, is_up=True),
    ]


def budgets_of(desk: BinanceDesk) -> list[Budget]:
    """What the exchange has counted of our requests, and what it usually allows."""
    limiter = desk.api.futures.limiter
    return [Budget(str(pool), limiter.used(pool), LIMITS[pool].amount) for pool in Pool]
