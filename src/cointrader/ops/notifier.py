"""Alerts to one channel, without trading ever waiting for it. What channels have in common.

`send` only queues. A thread of its own delivers, in real time whatever clock the bots live by.
Delivery is at least once: a message whose answer got lost is sent again.
"""

from __future__ import annotations

import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Protocol, Self, TypedDict, Unpack

import structlog

from cointrader.domain.errors import ConfigError
from cointrader.domain.records import Alert
from cointrader.ops.answers import Delivered, Failed, Limited, Outcome, Refused
from cointrader.ops.card import Card
from cointrader.ops.outbox import CRITICAL, LEVELS, Note, Outbox
from cointrader.ops.quiet import QuietHours
from cointrader.ops.undelivered import Undelivered
from cointrader.ops.wording import Message, alike, compose

log = structlog.get_logger()

_ABOUT_THE_MESSAGE = (400, 413, 422)  # refusals that say nothing against the channel
_ROOM = 500  # for alerts that wait
_BATCH = 100  # notes taken at once: later critical ones need not wait for a long queue
_LOOK_S = 60.0  # at the clock on the wall, in quiet hours: somebody may set it


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient delivery is. All in seconds of real time."""

    gather_s: float = 0.5  # what comes this close together goes as one message
    timeout_s: float = 10.0  # of one request, from connected to answered
    first_pause_s: float = 1.0  # after a failure; doubled with every further one
    longest_pause_s: float = 300.0
    refused_pause_s: float = 3_600.0  # before a channel that said no is asked again

    def pauses(self) -> Iterator[float]:
        """Growing pauses, each shortened by up to a half at random, so that bots spread out."""
        pause = self.first_pause_s
        while True:
            yield pause * random.uniform(0.5, 1.0)
            pause = min(2 * pause, self.longest_pause_s)


@dataclass(frozen=True, slots=True)
class ChannelHealth:
    """How a channel does. `waiting` counts what is queued, critical or not.

    `silent_s` is of one that is listened to: seconds since its server answered last.
    """

    name: str
    is_failing: bool
    waiting: int = 0
    undelivered_critical: int = 0
    dropped: int = 0
    silent_s: float | None = None


class Poster(Protocol):
    """Sends one message. Blocking; belongs to one thread; never raises on account of the net."""

    def post(self, message: Message, *, timeout_s: float) -> Outcome: ...


class Delivery(TypedDict, total=False):
    """How any channel delivers.

    `store` is the file that keeps critical alerts until they are told; without one they live in
    memory only. One notifier per file. `least_level` is the lowest that is sent: info, warning
    (unless told otherwise) or critical. `prefix` stands at the head of each message, e.g.
    ``"paper"``. `capacity` alerts may wait; past it the oldest info is dropped first, then
    warnings. In `quiet` hours only critical alerts are sent; the others wait for their end.
    """

    store: Path | None
    least_level: str
    prefix: str
    capacity: int
    pace: Pace | None
    quiet: QuietHours | None


class ChannelNotifier(ABC):
    """The `Notifier` port, spoken to one channel. `ConfigError` for an unknown level."""

    name: ClassVar[str]  # in log events
    todo: ClassVar[str]  # where the channel was refused

    def __init__(self, **delivery: Unpack[Delivery]) -> None:
        least_level = delivery.get("least_level", "warning")
        if least_level not in LEVELS:
            raise ConfigError("unknown level", found=least_level, allowed=", ".join(LEVELS))
        self._least = LEVELS.index(least_level)
        self._prefix = delivery.get("prefix", "")
        self._pace = delivery.get("pace") or Pace()
        self._quiet = delivery.get("quiet")
        self._undelivered = Undelivered(delivery.get("store"))
        self._outbox = Outbox(delivery.get("capacity", _ROOM))
        self._changed = threading.Condition()  # guards everything below and the two above
        self._thread: threading.Thread | None = None
        self._closing_at: float | None = None  # when delivery has to be over, once it has to
        self._underway = 0  # notes taken and not told yet
        self._again_at = 0.0  # when what was refused may be tried again
        self._is_resting = False  # the channel itself was refused: nothing is posted until then
        self._is_failing = False
        self._is_refused = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}(prefix={self._prefix!r})"

    # ------------------------------------------------------------------ from any thread

    def start(self) -> None:
        """Send what an earlier process could not. The first `send` does the same."""
        with self._changed:
            if self._thread is not None or self._closing_at is not None:
                return
            thread = threading.Thread(target=self._run, name=self.name, daemon=True)
            thread.start()  # it waits for the lock
            self._thread = thread
            for note in self._undelivered.load():
                self._outbox.add(note)

    def send(self, alert: Alert, card: Card | None = None) -> None:
        """Queue `alert` and return at once. Never raises.

        `card` says the same, for a channel that can show it.
        """
        try:
            self._queue(alert, card)
        except Exception as error:  # trading goes on, whatever an alert does
            with suppress(Exception):
                log.error(f"{self.name}.not_queued", error=type(error).__name__)

    def health(self) -> ChannelHealth:
        """How it does, from any thread."""
        with self._changed:
            return ChannelHealth(
                name=self.name,
                is_failing=self._is_failing or self._is_refused,
                waiting=len(self._outbox) + self._outbox.parked + self._underway,
                undelivered_critical=len(self._undelivered),
                dropped=self._outbox.dropped,
            )

    def close(self, timeout_s: float = 5.0) -> None:
        """Send what waits, for at most `timeout_s`. What is critical and stored stays stored."""
        with self._changed:
            if self._closing_at is not None:
                return
            self._closing_at = time.monotonic() + timeout_s
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_s)
        with self._changed:
            untold = len(self._outbox) + self._outbox.parked + self._underway
            if untold or self._outbox.dropped:
                log.warning(
                    f"{self.name}.closed_with_alerts",
                    untold=untold,
                    critical=len(self._undelivered),
                    are_criticals_stored=self._undelivered.is_stored,
                    dropped=self._outbox.dropped,
                )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _queue(self, alert: Alert, card: Card | None) -> None:
        level = alert.level if alert.level in LEVELS else "warning"
        if LEVELS.index(level) < self._least:
            return
        known = Alert(int(alert.at_ms), level, str(alert.symbol), str(alert.text))
        with self._changed:
            note = self._undelivered.keep(known) if level == CRITICAL else Note(known)
            self._outbox.add(replace(note, card=card))
            self._changed.notify_all()
        self.start()

    # ------------------------------------------------------------------ what channels differ in

    @abstractmethod
    def _poster(self) -> Poster:
        """What sends; made in the thread that will use it."""

    def _compose(self, notes: Sequence[Note], *, dropped: int = 0) -> list[Message]:
        """`notes` as messages that the channel can show."""
        return compose(notes, dropped=dropped, prefix=self._prefix)

    # ------------------------------------------------------------------ in the thread

    def _run(self) -> None:
        poster = self._poster()
        is_over = False
        while not is_over:
            try:
                messages = self._next_messages()
                is_over = not messages or not self._deliver(poster, messages)
            except Exception as error:  # a bug of ours must not silence what comes after it
                log.error(f"{self.name}.skipped", error=type(error).__name__)

    def _next_messages(self) -> list[Message]:
        """Wait for alerts and put them into words; empty when it is time to end."""
        with self._changed:
            while not self._has_work():
                if self._closing_at is not None:
                    return []
                self._changed.wait(self._wait_s())
        self._pause(self._pace.gather_s)
        with self._changed:
            notes = self._outbox.take(_BATCH, self._least_now())
            dropped = self._outbox.dropped
            self._underway = len(notes)
        self._undelivered.sync()
        return self._compose(notes, dropped=dropped)

    def _has_work(self) -> bool:
        if self._refused_s() == 0.0:
            self._is_resting = False
            self._outbox.unpark()
        return self._outbox.count(self._least_now()) > 0 and not self._is_resting

    def _least_now(self) -> str:
        """The lowest level that may be sent at this hour."""
        return CRITICAL if self._quiet_s() > 0.0 else LEVELS[0]

    def _quiet_s(self) -> float:
        return 0.0 if self._quiet is None else self._quiet.left_s(time.time())

    def _wait_s(self) -> float | None:
        """Seconds until there may be something to do without anybody saying so; None: never."""
        quiet_s = self._quiet_s() if len(self._outbox) else 0.0
        waits = [self._refused_s(), min(quiet_s, _LOOK_S) if quiet_s else None]
        return min((wait for wait in waits if wait is not None), default=None)

    def _refused_s(self) -> float | None:
        """Seconds until what was refused may be tried again; None: nothing waits for that."""
        if not self._is_resting and not self._outbox.parked:
            return None
        return max(0.0, self._again_at - time.monotonic())

    def _deliver(self, poster: Poster, messages: list[Message]) -> bool:
        """Post all of `messages`; False when the time to close came first."""
        while messages:
            message, *messages = messages
            match self._post(poster, message):
                case Delivered(pause_s):
                    self._tell_success(message)
                    is_in_time = self._pause(pause_s, is_owed=True)
                case Refused(status) if status in _ABOUT_THE_MESSAGE:
                    messages = self._without_refused(status, message, messages)
                    is_in_time = True
                case Refused(status):
                    self._tell_refusal(status, [message, *messages])
                    return True
                case _:
                    is_in_time = False
            if not is_in_time:
                return False
        return True

    def _without_refused(
        self, status: int, message: Message, later: list[Message]
    ) -> list[Message]:
        """What to post now that `message` was refused for what it says.

        Alerts that shared it go each on its own, to show which it is; one that was alone in it is
        parked. What `message` said of dropped alerts is left to the next batch.
        """
        retried = alike(message.notes)
        if len(retried) == 1:
            self._tell_unfit(status, retried.pop())
        if message.begins:  # the rest of it is not to be posted
            others = [note for each in later for note in each.finishes]
            untold = [note for note in others if note not in message.begins]
            later = self._compose(untold)
        alone = [each for notes in retried for each in self._compose(notes)]
        return [*alone, *later]

    def _post(self, poster: Poster, message: Message) -> Delivered | Refused | None:
        """Post `message` until there is an answer that counts; None when closing came first."""
        pauses = self._pace.pauses()
        while (timeout_s := self._request_s()) > 0.0:
            answer = poster.post(message, timeout_s=timeout_s)
            if isinstance(answer, Delivered | Refused):
                return answer
            if isinstance(answer, Failed):
                self._tell_failure(answer.why)
            asked = answer.wait_s if isinstance(answer, Limited) else None
            wait_s = next(pauses) if asked is None else asked
            if not self._pause(wait_s, is_owed=asked is not None):
                return None
        return None

    def _request_s(self) -> float:
        with self._changed:
            if self._closing_at is None:
                return self._pace.timeout_s
            return min(self._pace.timeout_s, self._closing_at - time.monotonic())

    def _pause(self, seconds: float, *, is_owed: bool = False) -> bool:
        """Wait; False when closing leaves no time for it.

        `close` cuts a pause short, but not one that the server asked for.
        """
        until = time.monotonic() + min(seconds, self._pace.refused_pause_s)
        with self._changed:
            was_open = self._closing_at is None
            while (left := until - time.monotonic()) > 0.0:
                if self._closing_at is not None:
                    if was_open and not is_owed:
                        return True
                    if until > self._closing_at:
                        return False
                self._changed.wait(left)
        return True

    def _tell_success(self, message: Message) -> None:
        with self._changed:
            self._outbox.dropped -= message.dropped
            self._undelivered.told(message.finishes)
            self._underway -= len(message.finishes)
        if self._is_failing:
            log.warning(f"{self.name}.works_again")
        self._is_failing = self._is_refused = False

    def _tell_failure(self, why: str) -> None:
        if not self._is_failing:
            effect = "alerts wait; tried again until it works"
            log.warning(f"{self.name}.fails", why=why, effect=effect)
        self._is_failing = True

    def _tell_unfit(self, status: int, notes: Sequence[Note]) -> None:
        """One alert was refused, `notes` being how often it was sent. The channel works."""
        with self._changed:
            if not self._outbox.parked:  # the first one parked says when all are tried again
                self._again_at = time.monotonic() + self._pace.refused_pause_s
            self._outbox.park(replace(note, is_unfit=True) for note in notes)
            self._underway -= len(notes)
        if not all(note.is_unfit for note in notes):
            is_kept = notes[0].is_critical
            log.error(
                f"{self.name}.alert_refused",
                status=status,
                level=notes[0].alert.level,
                symbol=notes[0].alert.symbol,
                effect="it is kept and tried again later" if is_kept else "it is dropped",
            )

    def _tell_refusal(self, status: int, untold: list[Message]) -> None:
        """The channel was refused, and with it whatever is said through it."""
        with self._changed:
            self._outbox.park(note for message in untold for note in message.finishes)
            self._underway = 0
            self._again_at = time.monotonic() + self._pace.refused_pause_s
            self._is_resting = True
        if not self._is_refused:
            log.error(
                f"{self.name}.refused",
                status=status,
                todo=self.todo,
                effect="critical alerts are kept and tried again later, others are dropped",
            )
        self._is_refused = True
