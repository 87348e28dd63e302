"""What a person may ask of a running process: pause, resume, flatten, reset a halt.

Every command is written down with who gave it, and is on disk before it is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import structlog

from cointrader.app.closing import Closed, ClosingExchange, close_at_market, not_ours
from cointrader.domain.errors import ConfigError, UsageError
from cointrader.domain.ports import Clock, Journal
from cointrader.domain.records import Alert
from cointrader.ops.control import Answer, Command, listening
from cointrader.risk.manager import RiskManager
from cointrader.risk.state import restored

_CLOSING_S = 60.0  # then the answer says what is not closed yet; closing goes on
_ZERO = Decimal(0)

log = structlog.get_logger()


class Bot(Protocol):
    """What a command needs of a bot."""

    @property
    def symbol(self) -> str: ...

    async def flatten(self) -> None:
        """Close its position now; `ConfigError` when it is not running."""
        ...


class Controls:
    """Carries out the commands of one process.

    Parameters
    ----------
    risk, journal, exchange, clock : those of the bots
    bots : all of them, running or not
    """

    def __init__(
        self,
        *,
        risk: RiskManager,
        bots: Sequence[Bot],
        exchange: ClosingExchange,
        journal: Journal,
        clock: Clock,
    ) -> None:
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
                return self._state()
            case "pause":
                answer = self._pause()
            case "resume":
                answer = self._resume()
            case "flatten":
                answer = await self._flatten(_symbols(command))
            case "reset-kill":
                is_drawdown = bool(command.arguments.get("drawdown"))
                answer = self._reset(_symbols(command), is_drawdown=is_drawdown)
            case _:
                raise UsageError(
                    "this process does not know that command",
                    found=command.name,
                    allowed="state, pause, resume, flatten, reset-kill",
                )
        await self._write_down(command, answer)
        return answer

    # -- entries ----------------------------------------------------------------------------------

    def _state(self) -> Answer:
        open_ = {symbol: str(side) for symbol, side in self._risk.open_positions.items()}
        held = ", ".join(f"{symbol} {side}" for symbol, side in open_.items()) or "no position"
        entries = "entries are PAUSED" if self._risk.is_paused else "entries are allowed"
        values = {"is_paused": self._risk.is_paused, "positions": open_}
        return Answer(True, (f"running, {entries}, {held}",), values)

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
        return await close_at_market(self._exchange, self._clock, symbol)

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

    async def _write_down(self, command: Command, answer: Answer) -> None:
        at_ms = self._clock.now_ms()
        level = (
            "critical" if not answer.is_done else "warning" if command.name == "flatten" else "info"
        )
        said = "; ".join(answer.lines)
        text = f"{command.name}, asked for by {command.who or 'somebody'}: {said}"
        await self._journal.commit(Alert(at_ms, level, "", text))


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


def _symbols(command: Command) -> list[str]:
    return [str(symbol).upper() for symbol in command.arguments.get("symbols") or ()]
