"""Commands from Telegram: reads what people write to the bot, in a thread of its own.

Whoever is not white-listed gets no answer, changes nothing, and is told to the owner once in a
while. An update is noted as read, on disk, before anything comes of it: at most once is right for
a command, as at least once is for an alert.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import structlog

from cointrader.ops.answers import Failed, Limited, Outcome, Refused
from cointrader.ops.http_call import shut
from cointrader.ops.notifier import ChannelHealth, Pace
from cointrader.ops.telegram_api import Said, TelegramApi
from cointrader.ops.telegram_offset import Offset
from cointrader.ops.telegram_talk import Reply, Talk

log = structlog.get_logger()

NAME = "telegram-commands"  # among channels
OLDEST_S = 60.0  # what was written longer ago is not carried out
STRANGERS_EVERY_S = 3_600.0  # between two words on people who are not white-listed
_LONG_POLL_S = 25.0
_LONGEST_COMMAND_S = 120.0  # while one is carried out, nobody listens
_UPDATES = 10  # in one answer
_REPLY_TRIES = 3
_LONGEST_REPLY_WAIT_S = 30.0
_HEARD = ["message", "callback_query"]  # not edited messages: what was asked was asked


class TelegramCommands:
    """Listens to a bot's chats until closed.

    Parameters
    ----------
    api : the bot
    chats : the white-listed chats, by number
    talk : knows what to do and to say
    offset : where reading goes on
    warn : takes a word on strangers, for the owner; must not raise
    """

    def __init__(
        self,
        api: TelegramApi,
        chats: Collection[int],
        talk: Talk,
        offset: Offset,
        *,
        warn: Callable[[str], None],
        pace: Pace | None = None,
        long_poll_s: float = _LONG_POLL_S,
    ) -> None:
        self._api = api
        self._chats = frozenset(chats)
        self._talk = talk
        self._offset = offset
        self._warn = warn
        self._pace = pace or Pace()
        self._long_poll_s = long_poll_s
        self._silent_at_most_s = _LONGEST_COMMAND_S + 2 * (long_poll_s + self._pace.timeout_s)
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()  # guards the socket
        self._socket: socket.socket | None = None
        self._is_failing = False
        self._answered_s = time.monotonic()
        self._strangers = 0  # since they were told last
        self._strangers_told_s = -STRANGERS_EVERY_S

    def start(self) -> None:
        """Begin to listen."""
        self._answered_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="telegram-commands", daemon=True)
        self._thread.start()

    def close(self, timeout_s: float = 2.0) -> None:
        """Listen no more. A command under way is finished, for at most `timeout_s`."""
        self._is_over.set()
        with self._lock:
            if self._socket is not None:
                shut(self._socket)
        if self._thread is not None:
            self._thread.join(timeout_s)

    def health(self) -> ChannelHealth:
        """Whether anybody would be heard. In any thread."""
        silent_s = time.monotonic() - self._answered_s
        is_alive = self._thread is not None and self._thread.is_alive()
        is_failing = self._is_failing or not is_alive or silent_s > self._silent_at_most_s
        return ChannelHealth(NAME, is_failing, silent_s=silent_s)

    # ------------------------------------------------------------------ in the thread

    def _run(self) -> None:
        self._offset.load()
        pauses = self._pace.pauses()
        while not self._is_over.is_set():
            try:
                answer = self._updates()
                if isinstance(answer, Said):
                    self._tell_success()
                    pauses = self._pace.pauses()
                    self._hear_all(answer)
                elif not self._is_over.is_set():
                    self._is_over.wait(self._wait_s(answer, pauses))
            except Exception as error:  # a bug of ours must not end what a person relies on
                log.error("telegram.skipped", error=type(error).__name__)
                self._is_over.wait(next(pauses))

    def _updates(self) -> Said | Outcome:
        """What was written since; waits for it on the server's side."""
        try:
            return self._api.call(
                "getUpdates",
                {
                    "offset": self._offset.next(time.time()),
                    "timeout": round(self._long_poll_s),
                    "limit": _UPDATES,
                    "allowed_updates": _HEARD,
                },
                timeout_s=self._long_poll_s + self._pace.timeout_s,
                on_connected=self._hold,
            )
        finally:
            with self._lock:
                self._socket = None

    def _hold(self, connected: socket.socket) -> None:
        with self._lock:
            self._socket = connected
            if self._is_over.is_set():
                shut(connected)

    def _wait_s(self, answer: Outcome, pauses: Iterator[float]) -> float:
        """After a failure."""
        if isinstance(answer, Refused):
            self._tell_failure(f"status {answer.status}", _TODO.get(answer.status, _TOKEN))
            return next(pauses)  # a proxy may have said it: an hour without commands is too long
        if isinstance(answer, Limited) and answer.wait_s is not None:
            return min(answer.wait_s, self._pace.refused_pause_s)
        if isinstance(answer, Failed):
            self._tell_failure(answer.why, "it is tried again until it works")
        return next(pauses)

    def _hear_all(self, said: Said) -> None:
        server_s = time.time() if said.server_s is None else said.server_s
        too_old: set[int] = set()
        for update in said.result if isinstance(said.result, list) else []:
            if self._is_over.is_set():
                return  # what was not read yet is read by the next process
            number = update.get("update_id") if isinstance(update, dict) else None
            if isinstance(number, int) and self._offset.is_new(number, time.time()):
                self._offset.read(number, time.time())
                self._hear(update, server_s, too_old)

    def _hear(self, update: Mapping[str, Any], server_s: float, too_old: set[int]) -> None:
        with suppress(KeyError, TypeError, ValueError, AttributeError):  # not what it should be
            if "callback_query" in update:
                self._hear_press(update["callback_query"])
            elif "message" in update:
                self._hear_message(update["message"], server_s, too_old)

    def _hear_message(self, message: Mapping[str, Any], server_s: float, too_old: set[int]) -> None:
        chat, text = int(message["chat"]["id"]), str(message.get("text", ""))
        if chat not in self._chats:
            return self._stranger(chat)
        if not text:
            return None
        if server_s - float(message["date"]) > OLDEST_S:
            if text.startswith("/") and chat not in too_old:
                too_old.add(chat)
                self._say(chat, Reply("That was too long ago to be carried out. Ask again."))
            return None
        return self._say_all(chat, self._talk.hear(chat, _who(chat, message.get("from")), text))

    def _hear_press(self, press: Mapping[str, Any]) -> None:
        chat = int(press["message"]["chat"]["id"])
        if chat not in self._chats:
            return self._stranger(chat)
        # So that the button does not seem to wait; whether that arrives is no matter.
        timeout_s = self._pace.timeout_s
        given = {"callback_query_id": str(press["id"])}
        self._api.call("answerCallbackQuery", given, timeout_s=timeout_s)
        who = _who(chat, press.get("from"))
        return self._say_all(chat, self._talk.press(chat, who, str(press["data"])))

    # ------------------------------------------------------------------ answers

    def _say_all(self, chat: int, replies: Iterable[Reply]) -> None:
        for reply in replies:
            self._say(chat, reply)

    def _say(self, chat: int, reply: Reply) -> None:
        """Best effort: what was asked for is done and written down, arrive this or not."""
        parameters: dict[str, Any] = {
            "chat_id": chat,
            "text": reply.text,
            "link_preview_options": {"is_disabled": True},
        }
        if reply.buttons:
            row = [{"text": label, "callback_data": said} for label, said in reply.buttons]
            parameters["reply_markup"] = {"inline_keyboard": [row]}
        pauses = self._pace.pauses()
        for _ in range(_REPLY_TRIES):
            answer = self._api.call("sendMessage", parameters, timeout_s=self._pace.timeout_s)
            if isinstance(answer, Said):
                return
            if isinstance(answer, Refused):
                break
            asked = answer.wait_s if isinstance(answer, Limited) else None
            wait_s = next(pauses) if asked is None else asked
            if wait_s > _LONGEST_REPLY_WAIT_S or self._is_over.wait(wait_s):
                break
        log.warning("telegram.reply_lost")

    def _stranger(self, chat: int) -> None:
        """Somebody who may not. No answer: that would tell them that somebody is there."""
        self._strangers += 1
        now_s = time.monotonic()
        if now_s - self._strangers_told_s < STRANGERS_EVERY_S:
            return
        count, self._strangers = self._strangers, 0
        self._strangers_told_s = now_s
        many = f", {count} times" if count > 1 else ""
        self._warn(
            f"somebody in Telegram chat {chat} wrote to the bot{many}: not answered, nothing done; "
            "TELEGRAM_CHAT_IDS has the chats that may"
        )

    # ------------------------------------------------------------------ how it does

    def _tell_success(self) -> None:
        if self._is_failing:
            log.warning("telegram.commands_work_again")
        self._is_failing = False
        self._answered_s = time.monotonic()

    def _tell_failure(self, why: str, todo: str) -> None:
        if not self._is_failing:
            log.warning("telegram.commands_fail", why=why, todo=todo)
        self._is_failing = True


_TOKEN = "check TELEGRAM_TOKEN: the bot may have been deleted, or its token replaced"
_TODO = {409: "somebody else reads this bot's messages: give each process a bot of its own"}


def _who(chat: int, sender: object) -> str:
    """Whom the journal names: chat and sender by number, which nobody can choose."""
    number = sender.get("id") if isinstance(sender, Mapping) else None
    by = f", user {number}" if isinstance(number, int) and number != chat else ""
    return f"Telegram chat {chat}{by}"
