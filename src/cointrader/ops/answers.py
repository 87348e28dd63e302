"""What a webhook's answer means for the message that was posted. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Delivered:
    """It is there. The next message should wait `pause_s`."""

    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Limited:
    """Too many messages: the same one may be sent again in `wait_s`; None: nobody said when."""

    wait_s: float | None


@dataclass(frozen=True, slots=True)
class Failed:
    """Nobody knows whether it arrived, or the server has trouble: worth another try."""

    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The server does not want it. The same again changes nothing."""

    status: int


Outcome = Delivered | Limited | Failed | Refused


def judged(status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    """What an answer means. `headers` by their names in lower case."""
    if 200 <= status < 300:
        is_last = headers.get("x-ratelimit-remaining") == "0"
        return Delivered((_seconds(headers.get("x-ratelimit-reset-after")) or 0.0) * is_last)
    if status == 429:
        asked = (_retry_after(body), headers.get("x-ratelimit-reset-after"),
                 headers.get("retry-after"))  # fmt: skip
        return Limited(next((s for s in map(_seconds, asked) if s is not None), None))
    if status == 408 or status >= 500:
        return Failed(f"status {status}")
    return Refused(status)


def _retry_after(body: bytes) -> Any:
    """Seconds to wait, as Discord says them, or as Telegram does, among its parameters."""
    try:
        said = json.loads(body)
        return (said if "retry_after" in said else said["parameters"])["retry_after"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _seconds(value: Any) -> float | None:
    """`value` as a sensible number of seconds."""
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if seconds >= 0.0 and math.isfinite(seconds) else None
