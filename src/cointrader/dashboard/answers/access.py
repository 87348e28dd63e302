"""Who asks, and what was commanded."""

from __future__ import annotations

from typing import Any, Literal

from cointrader.dashboard.answers.parts import Answer


class Session(Answer, frozen=True, kw_only=True):
    """Whether a browser is logged in. `csrf` goes into the header X-CSRF-Token of every POST."""

    is_logged_in: bool
    csrf: str
    expires_ms: int | None


class Problem(Answer, frozen=True, kw_only=True):
    """Why nothing was done. `code` is stable, `text` and `todo` are for a person."""

    code: str
    text: str
    todo: str = ""


class Refused(Answer, frozen=True, kw_only=True):
    """The answer to every request that failed."""

    error: Problem


class Asked(Answer, frozen=True, kw_only=True):
    """The body of a control request. `confirm` repeats the action, and the symbol if there is one:
    ``{"symbol": "XRPUSDT", "confirm": "flatten XRPUSDT"}`` or ``{"confirm": "pause"}``.
    """

    confirm: str
    symbol: str | None = None


class Done(Answer, frozen=True, kw_only=True):
    """What the running process answered; `is_done` False: it did not, or not wholly."""

    is_done: bool
    lines: list[str]
    values: dict[str, Any]


class Login(Answer, frozen=True, kw_only=True):
    """The body of a login."""

    token: str


class Alive(Answer, frozen=True, kw_only=True):
    """The answer of /healthz, which needs no token and tells nothing else."""

    status: Literal["ok"]
