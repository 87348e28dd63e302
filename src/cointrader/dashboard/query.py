"""What a request asks with: the query's parameters, read and judged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from cointrader.dashboard.routes import Param
from cointrader.domain.errors import UsageError

_MOST_MS = 253_402_300_799_999  # the end of the year 9999
_TEXT = re.compile(r"[\x20-\x7e]{1,80}")
_SYMBOL = re.compile(r"[A-Za-z0-9_]{1,40}")
_CURSOR = re.compile(r"(\d{1,15})-(\d{1,15})")


class Query:
    """The parameters of one request. `UsageError` for one that is unknown or makes no sense."""

    def __init__(self, params: tuple[Param, ...], given: Mapping[str, str]) -> None:
        known = {param.name: param for param in params}
        self._values: dict[str, str | int] = {}
        for name, text in given.items():
            if name not in known:
                raise UsageError(
                    "there is no such parameter",
                    found=name[:40],
                    allowed=", ".join(known) or "none here",
                )
            if text.strip():
                self._values[name] = _judged(known[name], text.strip())

    def text(self, name: str) -> str | None:
        """The text given, None when nothing was."""
        value = self._values.get(name)
        return None if value is None else str(value)

    def time(self, name: str) -> int | None:
        """The time given in epoch ms, None when nothing was."""
        value = self._values.get(name)
        return None if value is None else int(value)

    def whole(self, name: str, usual: int, *, least: int, most: int) -> int:
        """The number given, or the usual one; `UsageError` beyond what is allowed."""
        value = int(self._values.get(name, usual))
        if not least <= value <= most:
            raise UsageError("out of range", where=name, found=value, allowed=f"{least} to {most}")
        return value

    def place(self) -> tuple[int, int] | None:
        """The two numbers of the cursor, None without one."""
        text = self.text("cursor")
        if text is None:
            return None
        found = _CURSOR.fullmatch(text)
        if found is None:
            raise UsageError("this is no cursor", found=text, allowed="`next` of an answer")
        return int(found[1]), int(found[2])


def _judged(param: Param, text: str) -> str | int:
    if param.options and text not in param.options:
        allowed = ", ".join(param.options)
        raise UsageError("not one of these", where=param.name, found=text[:40], allowed=allowed)
    if param.kind == "time":
        return as_ms(text, param.name)
    if param.kind == "whole":
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise UsageError("not a whole number", where=param.name, found=text[:40])
        return int(text)
    if param.name == "symbol":
        if _SYMBOL.fullmatch(text) is None:
            raise UsageError("this is no symbol", where=param.name, found=text[:40])
        return text.upper()
    if _TEXT.fullmatch(text) is None:
        raise UsageError("too long, or not plain text", where=param.name)
    return text


def as_ms(text: str, where: str) -> int:
    """Epoch ms, or a date or time (UTC unless it says otherwise), as epoch ms."""
    if text.isascii() and text.isdigit() and 9 <= len(text) <= 15:
        return min(int(text), _MOST_MS)
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise UsageError(
            "this is no time", where=where, found=text[:40], allowed="epoch ms, or 2026-01-31T12:00"
        ) from None
