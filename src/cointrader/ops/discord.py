"""Alerts to a Discord channel, without trading ever waiting for it.

`send` only queues. A thread of its own delivers, in real time whatever clock the bots live by.
Delivery is at least once: a message whose answer got lost is sent again.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import SplitResult, urlsplit

import structlog

from cointrader.domain.errors import ConfigError
from cointrader.domain.records import Alert
from cointrader.ops.answers import Delivered, Failed, Limited, Refused
from cointrader.ops.outbox import CRITICAL, LEVELS, Note, Outbox
from cointrader.ops.undelivered import Undelivered
from cointrader.ops.wording import Message, alike, compose

if TYPE_CHECKING:
    from cointrader.ops.webhook import Webhook

log = structlog.get_logger()

_ABOUT_THE_MESSAGE = (400, 413, 422)  # refusals that say nothing against the webhook
_BATCH = 100  # notes taken at once: later critical ones need not wait for a long queue


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient delivery is. All in seconds of real time."""

    gather_s: float = 0.5  # what comes this close together goes as one message
    timeout_s: float = 10.0  # of one request, from connected to answered
    first_pause_s: float = 1.0  # after a failure; doubled with every further one
    longest_pause_s: float = 300.0
    refused_pause_s: float = 3_600.0  # before a webhook that said no is asked again

    def pauses(self) -> Iterator[float]:
        """Growing pauses, each shortened by up to a half at random, so that bots spread out."""
        pause = self.first_pause_s
        while True:
            yield pause * random.uniform(0.5, 1.0)
            pause = min(2 * pause, self.longest_pause_s)


class DiscordNotifier:
    """The `Notifier` port, spoken to a Discord webhook.

    Parameters
    ----------
    webhook_url : the channel's webhook, http or https; a secret, never shown or logged
    store : file that keeps critical alerts until they are told; None: they live in memory only.
        One notifier per file.
    least_level : the lowest level that is sent: info, warning or critical
    prefix : stands at the head of each message, e.g. ``"paper"``
    capacity : how many alerts may wait; past it the oldest info is dropped first, then warnings

    Raises
    ------
    ConfigError : the address is none, or the level is unknown
    """

    def __init__(
        self,
        webhook_url: str,
        *,
        store: Path | None = None,
        least_level: str = "warning",
        prefix: str = "",
        capacity: int = 500,
        pace: Pace | None = None,
    ) -> None:
        if least_level not in LEVELS:
            raise ConfigError("unknown level", found=least_level, allowed=", ".join(LEVELS))
        self._address = _address(webhook_url)
        self._least = LEVELS.index(least_level)
        self._prefix = prefix
        self._pace = pace or Pace()
        self._undelivered = Undelivered(store)
        self._outbox = Outbox(capacity)
        self._changed = threading.Condition()  # guards everything below and the two above
        self._thread: threading.Thread | None = None
        self._closing_at: float | None = None  # when delivery has to be over, once it has to
        self._underway = 0  # notes taken and not told yet
        self._again_at = 0.0  # when what was refused may be tried again
        self._is_resting = False  # the webhook itself was refused: nothing is posted until then
        self._is_failing = False
        self._is_refused = False

    def __repr__(self) -> str:
        return f"DiscordNotifier(prefix={self._prefix!r})"

    # ------------------------------------------------------------------ from any thread

    def start(self) -> None:
        """Send what an earlier process could not. The first `send` does the same."""
        with self._changed:
            if self._thread is not None or self._closing_at is not None:
                return
            thread = threading.Thread(target=self._run, name="discord", daemon=True)
            thread.start()  # it waits for the lock
            self._thread = thread
            for note in self._undelivered.load():
                self._outbox.add(note)

    def send(self, alert: Alert) -> None:
        """Queue `alert` and return at once. Never raises."""
        try:
            self._queue(alert)
        except Exception as error:  # trading goes on, whatever an alert does
            with suppress(Exception):
                log.error("discord.not_queued", error=type(error).__name__)

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
                    "discord.closed_with_alerts",
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

    def _queue(self, alert: Alert) -> None:
        level = alert.level if alert.level in LEVELS else "warning"
        if LEVELS.index(level) < self._least:
            return
        known = Alert(int(alert.at_ms), level, str(alert.symbol), str(alert.text))
        with self._changed:
            note = self._undelivered.keep(known) if level == CRITICAL else Note(known)
            self._outbox.add(note)
            self._changed.notify_all()
        self.start()

    # ------------------------------------------------------------------ in the thread

    def _run(self) -> None:
        from cointrader.ops.webhook import Webhook  # TLS takes a moment to load: not at import

        webhook = Webhook(self._address)
        is_over = False
        while not is_over:
            try:
                messages = self._next_messages()
                is_over = not messages or not self._deliver(webhook, messages)
            except Exception as error:  # a bug of ours must not silence what comes after it
                log.error("discord.skipped", error=type(error).__name__)

    def _next_messages(self) -> list[Message]:
        """Wait for alerts and put them into words; empty when it is time to end."""
        with self._changed:
            while not self._has_work():
                if self._closing_at is not None:
                    return []
                self._changed.wait(self._refused_s())
        self._pause(self._pace.gather_s)
        with self._changed:
            notes, dropped = self._outbox.take(_BATCH), self._outbox.dropped
            self._underway = len(notes)
        self._undelivered.sync()
        return compose(notes, dropped=dropped, prefix=self._prefix)

    def _has_work(self) -> bool:
        if self._refused_s() == 0.0:
            self._is_resting = False
            self._outbox.unpark()
        return len(self._outbox) > 0 and not self._is_resting

    def _refused_s(self) -> float | None:
        """Seconds until what was refused may be tried again; None: nothing waits for that."""
        if not self._is_resting and not self._outbox.parked:
            return None
        return max(0.0, self._again_at - time.monotonic())

    def _deliver(self, webhook: Webhook, messages: list[Message]) -> bool:
        """Post all of `messages`; False when the time to close came first."""
        while messages:
            message, *messages = messages
            match self._post(webhook, message.text):
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
            later = compose(untold, prefix=self._prefix)
        alone = [each for notes in retried for each in compose(notes, prefix=self._prefix)]
        return [*alone, *later]

    def _post(self, webhook: Webhook, text: str) -> Delivered | Refused | None:
        """Post `text` until there is an answer that counts; None when closing came first."""
        pauses = self._pace.pauses()
        while (timeout_s := self._request_s()) > 0.0:
            answer = webhook.post(text, timeout_s=timeout_s)
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
            log.warning("discord.works_again")
        self._is_failing = self._is_refused = False

    def _tell_failure(self, why: str) -> None:
        if not self._is_failing:
            log.warning("discord.fails", why=why, effect="alerts wait; tried again until it works")
        self._is_failing = True

    def _tell_unfit(self, status: int, notes: Sequence[Note]) -> None:
        """One alert was refused, `notes` being how often it was sent. The webhook works."""
        with self._changed:
            if not self._outbox.parked:  # the first one parked says when all are tried again
                self._again_at = time.monotonic() + self._pace.refused_pause_s
            self._outbox.park(replace(note, is_unfit=True) for note in notes)
            self._underway -= len(notes)
        if not all(note.is_unfit for note in notes):
            is_kept = notes[0].is_critical
            log.error(
                "discord.alert_refused",
                status=status,
                level=notes[0].alert.level,
                symbol=notes[0].alert.symbol,
                effect="it is kept and tried again later" if is_kept else "it is dropped",
            )

    def _tell_refusal(self, status: int, untold: list[Message]) -> None:
        """The webhook was refused, and with it whatever is said through it."""
        with self._changed:
            self._outbox.park(note for message in untold for note in message.finishes)
            self._underway = 0
            self._again_at = time.monotonic() + self._pace.refused_pause_s
            self._is_resting = True
        if not self._is_refused:
            log.error(
                "discord.refused",
                status=status,
                todo="check DISCORD_WEBHOOK_URL: the webhook may have been deleted",
                effect="critical alerts are kept and tried again later, others are dropped",
            )
        self._is_refused = True


def _address(url: str) -> SplitResult:
    """The parts of a webhook's address; a `ConfigError` that does not show it."""
    try:
        address = urlsplit(url)
        is_web = address.scheme in ("http", "https") and bool(address.hostname)
        if is_web and address.port != 0 and url.isascii() and url.isprintable() and " " not in url:
            return address
    except ValueError:
        pass
    raise ConfigError(
        "DISCORD_WEBHOOK_URL is not the address of a webhook",
        allowed="https://discord.com/api/webhooks/...",
        todo="copy it from the channel's settings: Integrations, Webhooks",
    )
