"""What the process that writes the journal tells of itself, asked for over its socket.

A page never waits for an answer it can do without: what is open at the exchange is asked for
beside it, and a page shows the last answer there was.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from cointrader.app.dashboard.run import NOBODY
from cointrader.app.status import writer_of
from cointrader.domain.errors import CointraderError
from cointrader.domain.order import Side
from cointrader.domain.position import Position
from cointrader.ops.control import Answer, NotRunning, ask, myself

QUICK_S = 2.0  # for questions whose answer a page can do without
SLOW_S = 120.0  # closing positions takes a while
_HEALTH_KEPT_S = 1.0
_POSITIONS_KEPT_S = 5.0
_KEPT_FOR_EACH_S = 1.0  # longer for every position: its price costs the exchange's patience
_FIRST_S = 0.1  # that a page waits for the very first answer
_CALM_MS = 3_000  # after a bar's close: the process has orders to send then


@dataclass(frozen=True, slots=True)
class Held:
    """A position as the exchange has it: also one that is not ours, or has no levels."""

    position: Position
    mark: Decimal
    unrealised: Decimal
    is_ours: bool
    is_protected: bool | None  # None: nobody knows


@dataclass(frozen=True, slots=True)
class Told:
    """What was open at one moment. `seen` is what the journal knew when it was asked."""

    at_ms: int
    held: Mapping[str, Held]
    seen: object


@dataclass(slots=True)
class _Asking:
    """The question about positions that is under way, or the last one."""

    told: Told | None = None
    next_s: float = 0.0  # by a clock that only goes forward
    is_under_way: bool = False
    first: threading.Event = field(default_factory=threading.Event)


class RunningProcess:
    """The process behind one journal; there may be none. For several threads at once.

    `now_ms` tells the time by which bars of a real market close.
    """

    def __init__(self, journal: Path, now_ms: Callable[[], int]) -> None:
        self._path = journal
        self._now_ms = now_ms
        self._health: tuple[float, Mapping[str, Any] | None, str] | None = None
        self._health_lock = threading.Lock()
        self._asking = _Asking()
        self._lock = threading.Lock()

    # -- questions

    def ask(self, name: str, arguments: Mapping[str, Any], *, timeout_s: float) -> Answer:
        """Its answer. `NotRunning` where nobody listens, `CointraderError` where none came."""
        who = f"dashboard of {myself()}"
        return ask(self._path, name, arguments, timeout_s=timeout_s, who=who)

    def values(
        self, name: str, arguments: Mapping[str, Any], timeout_s: float = QUICK_S
    ) -> Mapping[str, Any] | None:
        """The values of its answer; None where it does not answer, or not with them."""
        try:
            answer = self.ask(name, arguments, timeout_s=timeout_s)
        except CointraderError:
            return None
        return answer.values if answer.is_done else None

    def health(self) -> tuple[Mapping[str, Any] | None, str]:
        """What it tells of itself, or why it does not."""
        with self._health_lock:
            kept = self._health
            if kept is None or time.monotonic() - kept[0] > _HEALTH_KEPT_S:
                kept = self._health = (time.monotonic(), *self._health_now())
            return kept[1], kept[2]

    def _health_now(self) -> tuple[Mapping[str, Any] | None, str]:
        try:
            answer = self.ask("health", {}, timeout_s=QUICK_S)
        except NotRunning:
            is_silent = writer_of(self._path) is not None
            return None, "the process takes no questions at full speed" if is_silent else NOBODY
        except CointraderError as error:
            return None, error.what
        if not answer.is_done:
            return None, "; ".join(answer.lines)
        told = answer.values.get("health", answer.values)
        return (told if isinstance(told, Mapping) else None), ""

    # -- what is open at the exchange

    def positions(self, seen: object, *, bar_ms: int) -> Told | None:
        """The newest answer there is; None without one. A fresh one is asked for beside it.

        Parameters
        ----------
        seen : what the journal knows of positions now; another than before asks at once
        bar_ms : length of a bar; while one is being answered the process is left alone
        """
        asking = self._asking
        with self._lock:
            now_s = time.monotonic()
            is_new = asking.told is not None and asking.told.seen != seen
            is_due = now_s >= asking.next_s or is_new
            is_calm = self._now_ms() % bar_ms >= _CALM_MS
            if is_due and is_calm and not asking.is_under_way:
                asking.is_under_way = True
                threading.Thread(
                    target=self._renew, args=(seen,), name="positions", daemon=True
                ).start()
        if asking.is_under_way and not asking.first.is_set():
            asking.first.wait(_FIRST_S)
        return asking.told

    def forget(self) -> None:
        """Nobody trades now: the last answer is not true any more."""
        self._asking.told = None

    def _renew(self, seen: object) -> None:
        told = self._told(seen)
        asking = self._asking
        with self._lock:
            count = 0 if told is None else len(told.held)
            asking.told, asking.is_under_way = told, False
            asking.next_s = time.monotonic() + _POSITIONS_KEPT_S + _KEPT_FOR_EACH_S * count
        asking.first.set()

    def _told(self, seen: object) -> Told | None:
        values = self.values("positions", {})
        rows = None if values is None else values.get("positions")
        at_ms = None if values is None else values.get("at_ms")
        if not isinstance(rows, Mapping) or not isinstance(at_ms, int):
            return None
        protected = _protected(self.health()[0]) if rows else {}
        try:
            held = {
                symbol: _held(symbol, row, protected.get(symbol)) for symbol, row in rows.items()
            }
        except (KeyError, TypeError, ValueError, InvalidOperation):  # of another version
            return None
        return Told(at_ms, held, seen)


def _protected(health: Mapping[str, Any] | None) -> dict[str, bool]:
    bots = () if health is None else health.get("bots") or ()
    return {bot["symbol"]: bool(bot["is_protected"]) for bot in bots if "is_protected" in bot}


def _held(symbol: str, row: Mapping[str, Any], is_protected: bool | None) -> Held:
    liquidation = row["liquidation_price"]
    position = Position(
        symbol,
        Side(row["side"]),
        Decimal(row["quantity"]),
        Decimal(row["entry_price"]),
        0,
        None if liquidation is None else Decimal(liquidation),
    )
    return Held(
        position,
        mark=Decimal(row["mark_price"]),
        unrealised=Decimal(row["unrealised"]),
        is_ours=bool(row["is_ours"]),
        is_protected=is_protected,
    )
