"""What a person may ask of a running process: pause, resume, flatten, reset a halt, how it does.

Every command that changes something is written down with who gave it, and is on disk before it is
answered. Questions are answered and forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import structlog

from cointrader.app.closing import Closed, ClosingExchange, close_at_market, not_ours
from cointrader.app.control_questions import AskedBot, AskedExchange, Questions
from cointrader.domain.errors import CointraderError, ConfigError, OutcomeUnknown, UsageError
from cointrader.domain.ports import Clock, Journal
from cointrader.domain.records import Alert
from cointrader.ops.control import Answer, Command, listening
from cointrader.risk.manager import RiskManager
from cointrader.risk.state import restored

_CLOSING_S = 60.0  # then the answer says what is not closed yet; closing goes on
_ZERO = Decimal(0)
_LONGEST_WARNING = 500  # characters
_QUESTIONS = ("state", "positions", "pnl", "candles")
_COMMANDS = (*_QUESTIONS, "pause", "resume", "flatten", "reset-kill", "warn")
_ALL_COMMANDS = (*_COMMANDS, "metrics", "health")
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

log = structlog.get_logger()


class Bot(AskedBot, Protocol):
    """What a command needs of a bot."""

    async def flatten(self) -> None:
        """Close its position now; `ConfigError` when it is not running."""
        ...


class WatchedExchange(ClosingExchange, AskedExchange, Protocol):
    """An exchange that can also be asked how things stand."""


class Vitals(Protocol):
    """What a process knows of itself."""

    async def metrics(self) -> str:
        """Everything measured, in Prometheus' text format."""
        ...

    def health(self) -> Mapping[str, Any]:
        """How it does, as plain values; see `docs/metrics.md`."""
        ...


class Controls:
    """Carries out the commands of one process.

    Parameters
    ----------
    risk, journal, exchange, clock : those of the bots
    bots : all of them, running or not
    vitals : answers `metrics` and `health`; without it the process does not know them
    """

    def __init__(
        self,
        *,
        risk: RiskManager,
        bots: Sequence[Bot],
        exchange: WatchedExchange,
        journal: Journal,
        clock: Clock,
        vitals: Vitals | None = None,
    ) -> None:
        self._vitals = vitals
        self._questions = Questions(risk, bots, exchange, clock)
        self._risk = risk
        self._bots: Mapping[str, Bot] = {bot.symbol: bot for bot in bots}
        self._exchange = exchange
        self._journal = journal
        self._clock = clock
        self._closing: set[asyncio.Task[Closed]] = set()

    async def handle(self, command: Command) -> Answer:
        """Carry it out. `UsageError` for what this process cannot do."""
        match command.name:
            case "state":
                return self._questions.state()
            case "positions":
                return await self._questions.positions()
            case "pnl":
                return await self._questions.pnl()
            case "candles":
                symbols = self._known(_symbols(command))
                return self._questions.candles(symbols, command.arguments)
            case "metrics" if self._vitals is not None:
                text = await self._vitals.metrics()
                return Answer(True, (), {"content_type": METRICS_TYPE, "text": text})
            case "health" if self._vitals is not None:
                health = {**self._vitals.health(), "is_paused": self._risk.is_paused}
                return Answer(True, (_health_line(health),), health)
            case "warn":
                return self._warn(command)
            case "pause" | "resume" | "flatten" | "reset-kill":
                return await self._change(command)
            case _:
                raise UsageError(
                    "this process does not know that command",
                    found=command.name,
                    allowed=", ".join(_COMMANDS if self._vitals is None else _ALL_COMMANDS),
                )

    async def _change(self, command: Command) -> Answer:
        """Carry out what changes something, and write it down, refused or not."""
        try:
            answer = await self._changed(command)
        except UsageError as error:  # no emergency: who asked is told at once
            said = " ".join(f"refused: {error.what}: {error.found}".split())[:_LONGEST_WARNING]
            await self._write_down(command, said, "warning")
            raise
        done = "warning" if command.name == "flatten" else "info"
        level = done if answer.is_done else "critical"
        await self._write_down(command, "; ".join(answer.lines), level)
        return answer

    async def _changed(self, command: Command) -> Answer:
        match command.name:
            case "pause":
                return self._pause()
            case "resume":
                return self._resume()
            case "flatten":
                return await self._flatten(_symbols(command))
            case _:
                is_drawdown = bool(command.arguments.get("drawdown"))
                return self._reset(_symbols(command), is_drawdown=is_drawdown)

    # -- entries ----------------------------------------------------------------------------------

    def _warn(self, command: Command) -> Answer:
        """Something beside this process wants its owner to know."""
        text = " ".join(str(command.arguments.get("text", "")).split())[:_LONGEST_WARNING]
        self._journal.note(Alert(self._clock.now_ms(), "warning", "", text or "(no text)"))
        return Answer(True, ("noted",))

    def _pause(self) -> Answer:
        if self._risk.is_paused:
            return Answer(True, ("entries were paused already",))
        self._risk.pause()
        return Answer(True, ("entries are paused; open positions are managed as ever",))

    def _resume(self) -> Answer:
        if not self._risk.is_paused:
            return Answer(True, ("entries were not paused",))
        self._risk.resume()
        return Answer(True, ("entries are allowed again",))

    # -- halts ------------------------------------------------------------------------------------

    def _reset(self, symbols: Sequence[str], *, is_drawdown: bool) -> Answer:
        lines: list[str] = []
        recorded = self._journal.risk_state()
        standing = None if recorded is None else restored(recorded.state)[0]
        if is_drawdown:
            is_halted = standing is not None and standing.is_drawdown_halted
            if is_halted:
                self._risk.lift_drawdown()
            lines.append(
                "the drawdown halt is lifted; the next one is measured from here"
                if is_halted
                else "there was no drawdown halt"
            )
        if symbols or not is_drawdown:
            switches = {} if standing is None else standing.switches
            for symbol in self._known(symbols) or self._bots:
                switch = switches.get(symbol)
                is_tripped = switch is not None and (
                    switch.is_fast_tripped or switch.is_slow_tripped
                )
                if is_tripped:
                    self._risk.reset_switch(symbol)
                    lines.append(f"{symbol}: the kill switch is reset, its count starts anew")
                else:
                    lines.append(f"{symbol}: no kill switch had tripped")
        return Answer(True, tuple(lines))

    # -- positions --------------------------------------------------------------------------------

    async def _flatten(self, symbols: Sequence[str]) -> Answer:
        """Pause first: what is closed here must not be opened again by the next bar."""
        named = self._known(symbols)
        chosen = named or list(self._bots)
        if not self._risk.is_paused:
            self._risk.pause()
        tasks = {
            symbol: asyncio.create_task(
                self._close(symbol, is_named=bool(named)), name=f"flatten:{symbol}"
            )
            for symbol in chosen
        }
        self._closing |= set(tasks.values())
        for task in tasks.values():
            task.add_done_callback(self._closing.discard)
        await asyncio.wait(tasks.values(), timeout=_CLOSING_S)
        results = [
            task.result() if task.done() else Closed(symbol, problem="still closing")
            for symbol, task in tasks.items()
        ]
        lines = [str(result) for result in results]
        lines.append("entries are paused until `cointrader resume`")
        values = {result.symbol: result.problem or "flat" for result in results}
        return Answer(not any(result.problem for result in results), tuple(lines), values)

    async def _close(self, symbol: str, *, is_named: bool) -> Closed:
        """By its bot, which keeps the books; without it where it does not run or fails.

        A position that is not ours is closed only where its symbol was named.
        """
        is_ours = (
            symbol in self._risk.open_positions or self._journal.open_position(symbol) is not None
        )
        try:
            held = await self._exchange.position(symbol)
            quantity = _ZERO if held is None else held.quantity
            await self._bots[symbol].flatten()
            if await self._exchange.position(symbol) is None:
                return Closed(symbol, quantity)
            if not (is_ours or is_named):
                return not_ours(symbol)
        except ConfigError:
            pass  # its bot is not running
        except Exception as error:  # whatever it was: somebody wants to be flat
            log.error("flatten.failed", symbol=symbol, error=type(error).__name__)
            is_ours = is_ours or isinstance(error, OutcomeUnknown)  # an entry is under way
        if is_ours or is_named:
            return await close_at_market(self._exchange, self._clock, symbol)
        return await self._closed_unless_foreign(symbol)

    async def _closed_unless_foreign(self, symbol: str) -> Closed:
        """A position that nobody named and that is not ours is told, and not touched."""
        try:
            held = await self._exchange.position(symbol)
        except CointraderError as error:
            return Closed(symbol, problem=f"nobody knows whether it is flat: {error.what}")
        if held is not None:
            return not_ours(symbol)
        return await close_at_market(self._exchange, self._clock, symbol)  # what orders are left

    # -- how --------------------------------------------------------------------------------------

    def _known(self, symbols: Collection[str]) -> list[str]:
        unknown = [symbol for symbol in symbols if symbol not in self._bots]
        if unknown:
            raise UsageError(
                "this process does not trade that symbol",
                found=", ".join(unknown),
                allowed=", ".join(self._bots),
            )
        return [symbol for symbol in self._bots if symbol in symbols]

    async def _write_down(self, command: Command, said: str, level: str) -> None:
        text = f"{command.name}, asked for by {command.who or 'somebody'}: {said}"
        await self._journal.commit(Alert(self._clock.now_ms(), level, "", text))


@asynccontextmanager
async def commanded(
    journal_path: Path, controls: Controls, journal: Journal, clock: Clock
) -> AsyncIterator[None]:
    """Take commands as long as the block lasts. Where no socket can be, an alert says so."""
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(listening(journal_path, controls.handle))
        except OSError as error:
            text = f"commands (pause, flatten, ...) are not possible: {error.strerror or error}"
            journal.note(Alert(clock.now_ms(), "warning", "", text))
        yield


def _health_line(health: Mapping[str, Any]) -> str:
    troubles = health.get("troubles") or ()
    return "; ".join(troubles) if troubles else "all is well"


def _symbols(command: Command) -> list[str]:
    return [str(symbol).upper() for symbol in command.arguments.get("symbols") or ()]
