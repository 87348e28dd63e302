"""Numbers on the command line that are no settings."""

from __future__ import annotations

from cointrader.domain.errors import UsageError


def positive(text: str, where: str, *, most: float, or_word: str = "") -> str:
    """`text`, a plain number above zero. `UsageError` naming the flag `where` if it is none."""
    try:
        is_right = text.isascii() and "_" not in text and 1e-9 <= float(text) <= most
    except ValueError:
        is_right = False
    if not is_right:
        raise UsageError(
            "not a number that fits",
            where=where,
            found=text,
            allowed=f"a number from 1e-9 to {most:g}" + (f", or {or_word}" if or_word else ""),
            todo="write plain digits, with a point before decimals, as in 1000 or 0.5",
        )
    return text.strip()
