from __future__ import annotations

from decimal import Decimal

from cointrader.domain.ports import Quote
from cointrader.exchange.binance.latest_quotes import LatestQuotes
from cointrader.exchange.binance.stream_messages import BookTicker, MarkPrice
from tests.unit.exchange.binance_streams.fakes import T0, HandClock


def test_quote_is_complete_when_both_halves_are_known_and_old_when_either_is():
    clock = HandClock()
    quotes = LatestQuotes(clock)
    quotes.hear_book(BookTicker(T0, "XRPUSDT", Decimal(1), Decimal(2)))
    assert quotes.quote("XRPUSDT", max_age_ms=1_000) is None
    clock.at_ms += 800
    quotes.hear_mark(MarkPrice(T0 + 800, "XRPUSDT", Decimal("1.5")))

    assert quotes.quote("XRPUSDT", max_age_ms=1_000) == Quote(
        Decimal(1), Decimal(2), Decimal("1.5")
    )
    clock.at_ms += 300
    assert quotes.quote("XRPUSDT", max_age_ms=1_000) is None


def test_older_message_of_an_overlapping_connection_is_ignored():
    quotes = LatestQuotes(HandClock())
    quotes.hear_mark(MarkPrice(T0, "XRPUSDT", Decimal(1)))
    quotes.hear_book(BookTicker(T0 + 5, "XRPUSDT", Decimal(3), Decimal(4)))
    quotes.hear_book(BookTicker(T0, "XRPUSDT", Decimal(1), Decimal(2)))
    quotes.hear_mark(MarkPrice(T0 - 5, "XRPUSDT", Decimal(9)))

    assert quotes.quote("XRPUSDT", max_age_ms=1) == Quote(Decimal(3), Decimal(4), Decimal(1))
