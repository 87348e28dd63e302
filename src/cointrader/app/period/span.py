"""The week or month that a report is about. UTC, as everything that trades. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from cointrader.domain.clock import DAY_MS
from cointrader.domain.errors import UsageError

WEEK, MONTH = "week", "month"
_WEEK = re.compile(r"(\d{4})-?W(\d{1,2})", re.IGNORECASE)
_MONTH = re.compile(r"(\d{4})-(\d{1,2})")
_FIRST_YEAR, _LAST_YEAR = 1971, 2199
_ALLOWED = {
    WEEK: "an ISO week, Monday to Sunday, such as 2026-W46",
    MONTH: "a calendar month such as 2026-10",
}


@dataclass(frozen=True, slots=True)
class Span:
    """A calendar week or month: `from_ms` is in it, `to_ms` is not."""

    kind: str  # week or month
    name: str  # 2026-W46 or 2026-10
    from_ms: int
    to_ms: int

    @property
    def days(self) -> int:
        return (self.to_ms - self.from_ms) // DAY_MS

    def is_over(self, now_ms: int) -> bool:
        """Whether all of it has passed."""
        return now_ms >= self.to_ms


def span_named(kind: str, name: str, *, now_ms: int) -> Span:
    """The week or month of this name. `UsageError` where there is none, or none so far."""
    pattern = _WEEK if kind == WEEK else _MONTH
    found = pattern.fullmatch(name.strip())
    span = None if found is None else _span(kind, int(found[1]), int(found[2]))
    if span is None:
        raise UsageError(f"no {kind}", where="--of", found=name, allowed=_ALLOWED[kind])
    if span.from_ms > now_ms:
        raise UsageError(
            f"this {kind} has not begun yet",
            where="--of",
            found=span.name,
            allowed=f"up to {span_at(kind, now_ms).name}",
        )
    return span


def span_at(kind: str, at_ms: int) -> Span:
    """The week or month that a moment lies in."""
    day = _day(at_ms)
    if kind == WEEK:
        iso = day.isocalendar()
        span = _span(kind, iso.year, iso.week)
    else:
        span = _span(kind, day.year, day.month)
    assert span is not None, "a day lies in a week and in a month"
    return span


def last_span(kind: str, *, now_ms: int, since_ms: int) -> Span:
    """The last one that is over; the present one where nothing was traded before it."""
    present = span_at(kind, now_ms)
    before = span_at(kind, present.from_ms - 1)
    return before if before.to_ms > since_ms else present


def _span(kind: str, year: int, number: int) -> Span | None:
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    try:
        if kind == WEEK:
            first = date.fromisocalendar(year, number, 1)
            return Span(kind, f"{year}-W{number:02}", _ms(first), _ms(first + timedelta(days=7)))
        first = date(year, number, 1)
    except ValueError:  # week 54, month 13
        return None
    after = date(year + number // 12, number % 12 + 1, 1)
    return Span(kind, f"{year}-{number:02}", _ms(first), _ms(after))


def _day(at_ms: int) -> date:
    return datetime.fromtimestamp(at_ms // 1_000, UTC).date()


def _ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000
