"""Dates on the command line: UTC, always."""

from __future__ import annotations

from datetime import UTC, datetime

from cointrader.domain.errors import UsageError

FIRST_YEAR, LAST_YEAR = 1971, 2199


def as_utc_ms(text: str, *, where: str = "") -> int:
    """Epoch ms of an ISO date or time; one without a zone is UTC. `UsageError` if it is neither."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            "not a date",
            where=where or None,
            found=text,
            allowed="2025-03-05, 2025-03-05T15:00 or 2025-03-05T15:00+00:00, UTC without a zone",
            todo="write a day of the calendar as year-month-day",
        ) from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise UsageError(
            "not a date of this market",
            where=where or None,
            found=text,
            allowed=f"from {FIRST_YEAR} to {LAST_YEAR}",
        )
    return round(moment.timestamp() * 1000)


def range_of(from_: str | None, to: str | None) -> tuple[int | None, int | None]:
    """Epoch ms of `--from`, included, and `--to`, excluded; None where nothing is said."""
    start_ms = None if from_ is None else as_utc_ms(from_, where="--from")
    end_ms = None if to is None else as_utc_ms(to, where="--to")
    if start_ms is not None and end_ms is not None and start_ms >= end_ms:
        raise UsageError(
            "--from is not before --to", found=f"{from_} and {to}", todo="exchange the two"
        )
    return start_ms, end_ms
