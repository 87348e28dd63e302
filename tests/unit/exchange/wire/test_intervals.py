"""Where klines of each length open, which the real exchange counts in its own ways."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cointrader.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS
from cointrader.exchange.simulated.wire.intervals import can_tell, kline_interval


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("name", "opens", "closes"),
    [
        ("15m", "2024-02-29 13:45", "2024-02-29 14:00"),
        ("6h", "2024-02-29 12:00", "2024-02-29 18:00"),
        ("1d", "2024-02-29", "2024-03-01"),
        ("3d", "2024-02-29", "2024-03-03"),  # every third day since 1970-01-01
        ("1w", "2024-02-26", "2024-03-04"),  # Monday to Monday
        ("1M", "2024-02-01", "2024-03-01"),
    ],
)
def test_a_kline_opens_and_closes_on_the_grid_of_its_length(name, opens, closes):
    interval = kline_interval(name, MINUTE_MS)
    number = interval.number(at("2024-02-29 13:59:59"))

    assert interval.opens_ms(number) == at(opens)
    assert interval.opens_ms(number + 1) == at(closes)
    assert interval.number(at(closes) - 1) == number
    assert interval.number(at(closes)) == number + 1


def test_months_are_counted_across_years():
    months = kline_interval("1M", DAY_MS)
    december = months.number(at("2023-12-31"))

    assert months.opens_ms(december) == at("2023-12-01")
    assert months.opens_ms(december + 1) == at("2024-01-01")


@pytest.mark.parametrize(
    ("name", "stored_ms", "expected"),
    [
        ("1w", 4 * HOUR_MS, True),
        ("1w", 2 * DAY_MS, False),  # weeks begin on Monday, which these candles cross
        ("1M", DAY_MS, True),
        ("1M", 7 * DAY_MS, False),
        ("5m", 15 * MINUTE_MS, True),  # a third of one
        ("30m", 45 * MINUTE_MS, False),
        ("1w", 14 * DAY_MS, False),
        ("7m", MINUTE_MS, False),
    ],
)
def test_klines_and_candles_of_which_one_fits_into_the_other_can_be_told(name, stored_ms, expected):
    assert can_tell(name, stored_ms) is expected
