"""What an unfriendly answer of Binance means: who acts next, and what a person can do about it.

By the tables of `codes`. A request that may have changed something and whose answer leaves that
open is `OutcomeUnknown`; the same answer to a reading is only `Unreachable`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cointrader.domain.errors import (
    CointraderError,
    ConfigError,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unreachable,
)
from cointrader.exchange.binance.codes import (
    CODES,
    ELSEWHERE,
    NOT_DONE,
    SAID_WITH_503,
    STATUSES,
    UNKNOWN,
    UNLISTED,
    Act,
    Meaning,
)

_TOO_MANY_REQUESTS, _TOO_MANY_ORDERS, _OVERLOADED = -1003, -1015, -1008
_LONGEST_MESSAGE = 300
_EPOCH_MS = re.compile(r"\b1\d{12}\b")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is not a success. `code` is None where the body had none."""

    status: int
    code: int | None
    message: str
    retry_after_ms: int | None = None


_NOT_LOOKED_AT = {str(code) for code in (-1014, -1020, -1022, *range(-1136, -1099))}


class ClockOff(Unreachable):
    """A stamp was outside the exchange's window: nothing happened."""


def error_of(answer: Answer, *, call: str, changes: bool) -> CointraderError:
    """The error to raise for `answer`.

    `call` names the request for people, `changes` says that it was to change something.
    """
    meaning = _meaning(answer)
    words = answer.message.strip()[:_LONGEST_MESSAGE]
    what = f"{meaning.what} ({call}: {words})" if words else f"{meaning.what} ({call})"
    code = str(answer.status if answer.code is None else answer.code)
    where = f"exchange code {code}"
    match meaning.act:
        case Act.WAIT:
            wait_ms = answer.retry_after_ms
            return RateLimited(what, retry_after_ms=meaning.wait_ms if wait_ms is None else wait_ms)
        case Act.LOOK if changes:
            return OutcomeUnknown(what, where=where, todo=meaning.todo)
        case Act.LOOK | Act.RETRY:
            return Unreachable(what, where=where, todo=NOT_DONE.todo)
        case Act.CLOCK:
            return ClockOff(what, where=where, todo=meaning.todo)
        case Act.OWNER:
            return ConfigError(what, where=where, todo=meaning.todo)
        case Act.SKIP:
            return Rejected(what, code=code, todo=meaning.todo)


def silences_all(answer: Answer) -> bool:
    """Whether nothing at all may be sent for a while, and not just this."""
    if answer.code == _TOO_MANY_ORDERS:
        return answer.status == 418
    return answer.status in (418, 429) or answer.code == _TOO_MANY_REQUESTS


def was_not_looked_at(code: str) -> bool:
    """Whether a refusal is of how something was asked, so that surely nothing came of it."""
    return code in _NOT_LOOKED_AT


def silence_ms(status: int, retry_after: str, message: str, *, now_ms: int) -> int | None:
    """How long the exchange wants to hear nothing; None where it does not say.

    From the header, in seconds, or from the end of a ban in the text, in epoch ms.
    """
    if retry_after.strip().isdecimal():
        return int(retry_after) * 1_000
    if status in (418, 429) and (ends := _EPOCH_MS.search(message)):
        return max(0, int(ends[0]) - now_ms)
    return None


def _meaning(answer: Answer) -> Meaning:
    status, code = answer.status, answer.code
    if status in (418, 429) and code != _TOO_MANY_ORDERS:
        return STATUSES[status]
    if status == 503 and code != _OVERLOADED:
        said = answer.message.lower()
        return next((meaning for text, meaning in SAID_WITH_503 if text in said), UNKNOWN)
    if code is not None and code in CODES:
        return CODES[code]
    if code is None and status in STATUSES:
        return STATUSES[status]
    if status >= 500:
        return UNKNOWN
    return ELSEWHERE if 300 <= status < 400 else UNLISTED
