"""Hours of the day in which only what is critical may disturb. Pure, but for the list of zones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from cointrader.domain.errors import ConfigError

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)(?:\s+(\S+))?")
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `begin_s` to `end_s`, seconds of the day in `zone`; the end may be on the next day."""

    begin_s: int
    end_s: int
    zone: tzinfo = UTC

    @staticmethod
    def of(text: str) -> QuietHours | None:
        """Read ``22:00-07:00`` (UTC), ``22:00-07:00 Europe/Berlin``, or ``off``, which is None.

        Raises `ConfigError` for what says no hours, and for a zone nobody knows.
        """
        if text.strip().lower() in ("", "off"):
            return None
        found = _HOURS.fullmatch(text.strip())
        if found is None:
            raise _unreadable(text)
        begin_h, begin_m, end_h, end_m, zone = found.groups()
        begin_s, end_s = _seconds(begin_h, begin_m), _seconds(end_h, end_m)
        if begin_s == end_s:
            raise _unreadable(text)
        return QuietHours(begin_s, end_s, _zone(zone))

    def left_s(self, now_s: float) -> float:
        """Seconds until they end; 0 outside of them. `now_s` is in seconds since the epoch."""
        now = datetime.fromtimestamp(now_s, self.zone)
        of_day = now.hour * 3600 + now.minute * 60 + now.second + now.microsecond / 1e6
        since_begin = (of_day - self.begin_s) % _DAY_S
        length = (self.end_s - self.begin_s) % _DAY_S
        return length - since_begin if since_begin < length else 0.0


def _seconds(hours: str, minutes: str) -> int:
    return int(hours) * 3600 + int(minutes) * 60


def _zone(name: str | None) -> tzinfo:
    if name is None or name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not found, no name at all, a folder
        raise ConfigError(
            "this machine knows no such time zone",
            where="QUIET_HOURS",
            found=name,
            allowed="a name such as Europe/Berlin or Asia/Seoul; nothing is UTC",
            todo="check the name; a small system may lack the list of zones (tzdata)",
        ) from None


def _unreadable(text: str) -> ConfigError:
    return ConfigError(
        "these are no hours of the day",
        where="QUIET_HOURS",
        found=text.strip(),
        allowed="22:00-07:00, or with a time zone: 22:00-07:00 Europe/Berlin",
    )
