"""What is said to people who write to the bot, and what is done for them.

It knows no network: words in, words out, and commands to the process that trades.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cointrader.domain.errors import CointraderError
from cointrader.ops.control import Answer

CODE_GOOD_FOR_S = 60.0
_WRONG_CODES = 3  # then what was to be confirmed is forgotten
_LONGEST_REPLY = 3_500  # characters
_SYMBOL = re.compile(r"[^\W_]{2,30}(_[0-9]{6})?")
_YES, _NO = "yes", "no"

HELP = """\
/status  is it running, may it enter, what is open
/positions  open positions, with their result so far
/pnl  today's result and the account
/pause  no more entries; open positions are managed as ever
/resume  allow entries again
/flatten  close everything at market, after a confirmation
/flatten XRPUSDT  only that"""
_PLAIN = {
    "/status": "state",
    "/positions": "positions",
    "/pnl": "pnl",
    "/pause": "pause",
    "/resume": "resume",
}


class Asker(Protocol):
    """Gives a command to the process that trades, and waits for its answer."""

    def __call__(self, name: str, arguments: Mapping[str, Any], who: str) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said. `buttons` are pairs of a label and what pressing it says."""

    text: str
    buttons: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class _Pending:
    """A close that waits for its confirmation."""

    symbols: tuple[str, ...]
    code: str
    until_s: float
    wrong: int = 0


class Talk:
    """The conversation with every white-listed chat.

    Parameters
    ----------
    ask : carries commands out
    now_s : a clock that only goes forward, in seconds
    new_code : makes the code that confirms a close
    """

    def __init__(
        self,
        ask: Asker,
        *,
        now_s: Callable[[], float] = time.monotonic,
        new_code: Callable[[], str] = lambda: f"{secrets.randbelow(1_000_000):06}",
    ) -> None:
        self._ask = ask
        self._now_s = now_s
        self._new_code = new_code
        self._pending: dict[int, _Pending] = {}

    def hear(self, chat: int, who: str, text: str) -> Iterator[Reply]:
        """Answer one message. What it asks for happens while the answers are taken."""
        word, *rest = text.split() or [""]
        command = word.lower().partition("@")[0]  # in groups it is /status@name_of_the_bot
        if command in ("/start", "/help"):
            yield Reply(HELP)
        elif command in _PLAIN:
            yield self._asked(_PLAIN[command], {}, who)
        elif command == "/flatten":
            yield self._confirmation(chat, rest)
        elif command in (f"/{_YES}", f"/{_NO}", _YES, _NO):
            yield from self.press(chat, who, ":".join([command.lstrip("/"), *rest[:1]]))
        elif command.startswith("/"):
            yield Reply(f"There is no such command.\n{HELP}")

    def press(self, chat: int, who: str, pressed: str) -> Iterator[Reply]:
        """Answer a button, or the words that stand for it: ``yes:CODE`` or ``no``."""
        word, _, code = pressed.partition(":")
        pending = self._pending.get(chat)
        if pending is None or self._now_s() > pending.until_s:
            self._pending.pop(chat, None)
            yield Reply("Nothing waits for a confirmation; nothing was closed. Ask again.")
        elif word == _NO:
            del self._pending[chat]
            yield Reply("Nothing is closed.")
        elif not secrets.compare_digest(code.encode(), pending.code.encode()):
            yield self._wrong(chat, pending)
        else:
            del self._pending[chat]  # before it is done: it confirms once
            yield Reply(f"Closing {_named(pending.symbols)} …")
            yield self._asked("flatten", {"symbols": list(pending.symbols)}, who)

    def _confirmation(self, chat: int, words: list[str]) -> Reply:
        symbols = tuple(dict.fromkeys(word.strip(",").upper() for word in words))
        odd = [symbol for symbol in symbols if not _SYMBOL.fullmatch(symbol)]
        if odd:
            return Reply("That is no symbol. It is /flatten, or /flatten XRPUSDT.")
        code = self._new_code()
        self._pending[chat] = _Pending(symbols, code, self._now_s() + CODE_GOOD_FOR_S)
        return Reply(
            f"Close {_named(symbols)} at market and pause entries? "
            f"Within {CODE_GOOD_FOR_S:.0f} s: /{_YES} {code}",
            (("Yes, close", f"{_YES}:{code}"), ("No", _NO)),
        )

    def _wrong(self, chat: int, pending: _Pending) -> Reply:
        pending.wrong += 1
        if pending.wrong >= _WRONG_CODES:
            del self._pending[chat]
            return Reply("That is not the code. Nothing is closed; ask again.")
        return Reply("That is not the code. Nothing is closed yet.")

    def _asked(self, name: str, arguments: Mapping[str, Any], who: str) -> Reply:
        try:
            answer = self._ask(name, arguments, who)
        except CointraderError as error:
            return Reply(_short(f"Not known to be done: {error}"))
        text = "\n".join(answer.lines) or "done"
        return Reply(_short(text if answer.is_done else f"NOT done: {text}"))


def _named(symbols: tuple[str, ...]) -> str:
    return ", ".join(symbols) or "EVERYTHING"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_REPLY else text[:_LONGEST_REPLY] + " …"
