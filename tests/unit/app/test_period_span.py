"""Weeks and months by name, and the last one that is over."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cointrader.app.period.span import MONTH, WEEK, last_span, span_at, span_named
from cointrader.domain.errors import UsageError


def ms(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOW = ms("2026-11-21T15:00")  # a Saturday


@pytest.mark.parametrize(
    ("kind", "name", "told", "start", "end"),
    [
        (WEEK, "2026-W46", "2026-W46", "2026-11-09", "2026-11-16"),
        (WEEK, "2026w46", "2026-W46", "2026-11-09", "2026-11-16"),
        (WEEK, "2026-W1", "2026-W01", "2025-12-29", "2026-01-05"),
        (WEEK, "2020-W53", "2020-W53", "2020-12-28", "2021-01-04"),
        (WEEK, "2026-W47", "2026-W47", "2026-11-16", "2026-11-23"),  # has begun
        (MONTH, "2026-10", "2026-10", "2026-10-01", "2026-11-01"),
        (MONTH, "2025-12", "2025-12", "2025-12-01", "2026-01-01"),
        (MONTH, "2024-2", "2024-02", "2024-02-01", "2024-03-01"),
    ],
)
def test_a_name_is_a_time(kind, name, told, start, end):
    span = span_named(kind, name, now_ms=NOW)

    assert (span.name, span.from_ms, span.to_ms) == (told, ms(start), ms(end))


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        (WEEK, "2026-W54", "no week"),
        (WEEK, "2025-W53", "no week"),  # that year has 52
        (WEEK, "2026-W00", "no week"),
        (WEEK, "2026-10", "no week"),
        (WEEK, "last", "no week"),
        (MONTH, "2026-13", "no month"),
        (MONTH, "2026-W10", "no month"),
        (MONTH, "0001-01", "no month"),
        (WEEK, "2026-W48", "this week has not begun yet"),
        (MONTH, "2026-12", "this month has not begun yet"),
    ],
)
def test_what_is_no_week_or_month_so_far_is_refused(kind, name, told):
    with pytest.raises(UsageError, match=told):
        span_named(kind, name, now_ms=NOW)


@pytest.mark.parametrize(
    ("kind", "since", "name"),
    [
        (WEEK, "2026-01-01", "2026-W46"),
        (WEEK, "2026-11-15T23:45", "2026-W46"),
        (WEEK, "2026-11-16", "2026-W47"),  # nothing was traded before this week
        (MONTH, "2026-01-01", "2026-10"),
        (MONTH, "2026-11-02", "2026-11"),
    ],
)
def test_without_a_name_it_is_the_last_one_that_is_over(kind, since, name):
    assert last_span(kind, now_ms=NOW, since_ms=ms(since)).name == name


def test_a_week_is_over_with_its_last_moment():
    week = span_at(WEEK, NOW)

    assert (week.days, week.is_over(week.to_ms - 1), week.is_over(week.to_ms)) == (7, False, True)
