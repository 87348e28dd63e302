"""Keeps the bots running. A crash is one bot's own; a broken invariant stops them all.

A crashed bot is started again after a pause that grows; a restart begins with recovery, so it is
an ordinary start. A bot that keeps crashing is quarantined: it trades no more, its position keeps
its protection on the exchange, and a person is told. One that cannot reach the exchange goes on
trying.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from cointrader.domain.clock import HOUR_MS
from cointrader.domain.errors import CointraderError, InvariantBroken, RateLimited, Unreachable
from cointrader.domain.ports import Clock, JournalWriter
from cointrader.domain.records import Alert, BotState

PAUSES_MS = (1_000, 5_000, 30_000, 60_000)  # before each restart; one more crash is quarantine
FORGIVEN_AFTER_MS = HOUR_MS  # a bot that ran this long starts from the first pause again

log = structlog.get_logger()


class Bot(Protocol):
    """What the supervisor needs of a bot."""

    @property
    def symbol(self) -> str: ...

    async def run(self) -> None: ...


@dataclass(slots=True)
class Supervisor:
    """Runs bots until each has ended or is quarantined."""

    clock: Clock
    journal: JournalWriter
    pauses_ms: Sequence[int] = PAUSES_MS
    quarantined: list[str] = field(default_factory=list)
    restarts: dict[str, int] = field(default_factory=dict)

    async def run(self, bots: Iterable[Bot]) -> None:
        """Return when every bot has ended. `InvariantBroken` in one stops them all."""
        try:
            async with asyncio.TaskGroup() as group:
                for bot in bots:
                    group.create_task(self._keep_running(bot), name=f"bot:{bot.symbol}")
        except* InvariantBroken as broken:
            raise _first(broken) from None

    async def _keep_running(self, bot: Bot) -> None:
        crashes = 0
        while True:
            started_ms = self.clock.now_ms()
            self._tell(bot.symbol, "running")
            try:
                await bot.run()
                return self._tell(bot.symbol, "ended")
            except Exception as error:
                reason = _first(error)
                if isinstance(reason, InvariantBroken):
                    raise reason from None
            if self.clock.now_ms() - started_ms >= FORGIVEN_AFTER_MS:
                crashes = 0
            if crashes == len(self.pauses_ms):
                if not isinstance(reason, Unreachable | RateLimited) or not self.pauses_ms:
                    return await self._quarantine(bot.symbol, reason)
                crashes -= 1  # the bot is sound, the exchange is away: it is tried for ever
            await self._restart_later(bot.symbol, reason, self.pauses_ms[crashes])
            crashes += 1

    async def _restart_later(self, symbol: str, reason: BaseException, pause_ms: int) -> None:
        log.error("bot.crashed", symbol=symbol, retry_in_ms=pause_ms, **_why(reason))
        self.restarts[symbol] = self.restarts.get(symbol, 0) + 1
        text = f"the bot of {symbol} crashed ({_words(reason)}); restart in {pause_ms / 1000:g} s"
        self._tell(symbol, "crashed", _words(reason))
        self.journal.note(Alert(self.clock.now_ms(), "warning", symbol, text))
        await self.clock.sleep_ms(pause_ms)

    async def _quarantine(self, symbol: str, reason: BaseException) -> None:
        log.critical("bot.quarantined", symbol=symbol, **_why(reason))
        self.quarantined.append(symbol)
        text = (
            f"the bot of {symbol} keeps crashing ({_words(reason)}) and trades no more; "
            "an open position keeps its stop on the exchange"
        )
        self._tell(symbol, "quarantined", _words(reason))
        await self.journal.commit(Alert(self.clock.now_ms(), "critical", symbol, text))

    def _tell(self, symbol: str, state: str, detail: str = "") -> None:
        self.journal.note(BotState(self.clock.now_ms(), symbol, state, detail))


def _first(error: BaseException) -> BaseException:
    """The first plain exception in a group, a broken invariant before any other."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    plain = [_first(inner) for inner in error.exceptions]
    return next((e for e in plain if isinstance(e, InvariantBroken)), plain[0])


def _why(error: BaseException) -> dict[str, object]:
    """For the log: what an error of ours says, and the traceback of any other."""
    if isinstance(error, CointraderError):
        return {"reason": _words(error)}
    return {"exc_info": error}


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
