"""Hours in which only what is critical may disturb."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cointrader.domain.errors import ConfigError
from cointrader.ops.quiet import QuietHours


def hours(text):
    quiet = QuietHours.of(text)
    assert quiet is not None
    return quiet


def at(hour, minute=0):
    return datetime(2025, 1, 15, hour, minute, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("now", "left_h"),
    [(at(21, 59), 0), (at(22), 9), (at(23, 30), 7.5), (at(3), 4), (at(6, 30), 0.5), (at(7), 0)],
)
def test_hours_over_midnight_end_in_the_morning(now, left_h):
    assert hours("22:00-07:00").left_s(now) == left_h * 3600


def test_hours_are_those_of_the_zone():
    quiet = hours("22:00-07:00 Asia/Seoul")  # nine hours before UTC

    assert quiet.left_s(at(13)) == 9 * 3600
    assert quiet.left_s(at(22)) == 0


@pytest.mark.parametrize("text", ["", "off", " OFF "])
def test_off_is_none(text):
    assert QuietHours.of(text) is None


@pytest.mark.parametrize(
    "text", ["22-7", "22:00", "25:00-07:00", "22:00-07:60", "07:00-07:00", "22:00-07:00 Mars/Base",
             "22:00-07:00 ../etc/passwd"],
)  # fmt: skip
def test_what_says_no_hours_is_refused(text):
    with pytest.raises(ConfigError, match="QUIET_HOURS"):
        QuietHours.of(text)
