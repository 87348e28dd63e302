"""Plays one run of `mortal_run` with real processes, and judges it by what the exchange saw.

An exchange, a bot that is killed with SIGKILL at its fatal moment, perhaps a guard beside it, and
after some time the same bot again, which lives.
"""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import msgspec

from cointrader.domain.order import DetailedFill, DetailedReport, Leg
from cointrader.domain.position import Position
from cointrader.journal.reader import JournalReader
from tests.campaign.witness import Leftover, Spell, Trip
from tests.system import mortal_run
from tests.system.mortal_run import BAR_MS, HEAD_START_MS, MARKET_MS, Fatal, phase_at
from tests.system.mortal_run_processes import Processes, processes

DEADLINE_MS = 5_000 + 2_000  # to a stop, or to the end of the close that follows without one
MACHINE_MS = 500  # of work, busy as the machine may be; it counts `pace` times as much here
ORPHAN_MS = 60_000
_SETTLES_MS = 45_000  # after the first close that the second life answers
_CENT = Decimal("0.01")
_START_S = 60.0  # of a process, at the longest
_STARTS = 10
_PAUSE_S = 0.5  # between them


@dataclass(frozen=True, slots=True)
class Run:
    """One run: nobody dies where `fatal` is None. `down_ms` is of the exchange's time."""

    fatal: Fatal | None = None
    down_ms: int = 0
    is_guarded: bool = False
    pace: float = 10.0

    @property
    def deadline_ms(self) -> int:
        """How long a position may be without a stop while somebody is there."""
        return DEADLINE_MS + round(MACHINE_MS * self.pace)

    def __str__(self) -> str:
        guard = ", guarded" if self.is_guarded else ""
        return f"{self.fatal}, down for {self.down_ms / 1000:g} s{guard}"


class Seen(msgspec.Struct):
    """What the exchange's process wrote down."""

    now_ms: int
    spells: list[Spell]
    trips: list[Trip]
    entry_fills: list[DetailedFill]
    leftovers: list[Leftover]
    exits_that_opened: list[DetailedFill]
    requests: list[str]
    positions: list[Position]
    resting: list[DetailedReport]


# Made here, once: runs are played in threads, and msgspec crashes where two make it at once.
_SEEN = msgspec.json.Decoder(Seen)


@dataclass(slots=True)
class Outcome:
    """What a run showed. Times are epoch ms of the exchange; steps with the phase they are in."""

    run: Run
    died_ms: int = 0
    restarted_ms: int = 0
    ready_ms: int = 0
    unprotected_ms: int | None = None  # of the position open at the death, until a lasting stop
    mended_ms: int | None = None  # of that, since the second life was ready
    steps: list[tuple[str, str]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    entries: int = 0
    most_per_bar: int = 0  # of the bars that were decided
    trades: int = 0
    violations: list[str] = field(default_factory=list)
    was_killed: bool = False
    elapsed_s: float = 0.0

    @property
    def phase(self) -> str:
        return phase_at(self.died_ms)


class World:
    """The exchange of one run, and what is asked of its owner's side."""

    def __init__(self, folder: Path, run: Run, processes: Processes) -> None:
        self.folder = folder
        self.run = run
        processes.start(mortal_run.serve, run.pace, run.fatal, console="exchange.log")
        at = folder / "exchange.at"
        _until(at.exists, _START_S, "the exchange does not serve")
        self.rest = at.read_text()

    def control(self, name: str, data: bytes | None = None) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.rest}/control/{name}", data=data, timeout=10) as answer:
            found = json.load(answer)
        assert isinstance(found, dict)
        return found

    @property
    def now_ms(self) -> int:
        return int(self.control("state")["now_ms"])

    def sleep_until(self, at_ms: int) -> None:
        while (left_ms := at_ms - self.now_ms) > 0:
            time.sleep(min(1.0, left_ms / 1000 / self.run.pace))

    def outlives(self, bot: BaseProcess, until_ms: int) -> bool:
        """Whether the bot's process ends before that."""
        while bot.is_alive() and self.now_ms < until_ms:
            bot.join(0.05)
        return not bot.is_alive()

    def stop(self) -> Seen:
        self.control("stop", b"{}")
        seen = self.folder / "exchange.json"
        _until(lambda: _is_whole(seen), 20, "the exchange did not write down what it saw")
        return _SEEN.decode(seen.read_bytes())


def play(run: Run, folder: Path) -> Outcome:
    """Play one run to its end and judge it."""
    began_s = time.monotonic()
    folder.mkdir(parents=True)
    outcome = Outcome(run)
    with processes(folder) as started:
        world = World(folder, run, started)
        if run.is_guarded:
            started.start(mortal_run.guard, world.rest, console="guard.log")
        bot = _start(started, world, 1, run.fatal)
        end_ms = MARKET_MS + len(mortal_run.PHASES) * BAR_MS + _SETTLES_MS
        if run.fatal is not None and world.outlives(bot, end_ms):
            outcome.was_killed = bot.exitcode == -signal.SIGKILL
            outcome.died_ms = world.now_ms
            world.sleep_until(outcome.died_ms + run.down_ms)
            outcome.restarted_ms = world.now_ms
            bot = _start(started, world, 2, None)
            end_ms = _close_after(outcome.restarted_ms) + _SETTLES_MS
        world.sleep_until(end_ms)
        if bot.is_alive():
            os.kill(bot.pid or 0, signal.SIGTERM)
            bot.join(20)
            if bot.exitcode != 0:
                outcome.violations.append(f"the bot did not end politely: {bot.exitcode}")
        else:
            outcome.violations.append(f"the bot ended by itself: exit code {bot.exitcode}")
        seen = world.stop()
    _judge(outcome, seen, folder)
    outcome.elapsed_s = round(time.monotonic() - began_s, 1)
    return outcome


def _start(processes: Processes, world: World, number: int, fatal: Fatal | None) -> BaseProcess:
    """A bot that is ready, or dead. One that ends before, by itself, is started again.

    At this pace the exchange's five seconds are half of one, and a busy machine may miss them.
    """
    arguments = (world.rest, world.run.pace, number, fatal)
    log = world.folder / f"life-{number}.jsonl"
    for _ in range(_STARTS):
        bot = processes.start(mortal_run.trade, *arguments, console=f"bot-{number}.log")
        _until(partial(_is_ready_or_dead, bot, log), _START_S, "the bot is not ready")
        if bot.exitcode != 1:
            return bot
        time.sleep(_PAUSE_S)
    raise TimeoutError("the bot does not start")


def _is_ready_or_dead(bot: BaseProcess, log: Path) -> bool:
    return not bot.is_alive() or (log.exists() and b"ready_ms" in log.read_bytes())


def _close_after(at_ms: int) -> int:
    """The first close of a bar that a process started then can be sure to answer."""
    first_ms = at_ms + HEAD_START_MS // 2
    return -(-first_ms // BAR_MS) * BAR_MS


def _until(is_so: Callable[[], bool], within_s: float, otherwise: str) -> None:
    end_s = time.monotonic() + within_s
    while not is_so():
        if time.monotonic() > end_s:
            raise TimeoutError(otherwise)
        time.sleep(0.01)


def _is_whole(path: Path) -> bool:
    return path.exists() and path.read_bytes().endswith(b"}")


# -- judged -------------------------------------------------------------------------------------


def _judge(outcome: Outcome, seen: Seen, folder: Path) -> None:
    run = outcome.run
    lives = [_life(folder / f"life-{number}.jsonl") for number in (1, 2)]
    outcome.steps, outcome.requests = lives[0].steps, seen.requests
    outcome.ready_ms = lives[1 if outcome.died_ms else 0].ready_ms
    dead = (outcome.died_ms, outcome.ready_ms) if outcome.died_ms else (0, 0)
    if outcome.ready_ms == 0:
        outcome.violations.append("the bot was never ready")
    bare = next((spell for spell in seen.spells if _overlap(spell, dead) > 0), None)
    if bare is not None:
        outcome.unprotected_ms = bare.naked_ms
        outcome.mended_ms = max(0, bare.to_ms - outcome.ready_ms)
    with JournalReader(folder / "journal.db") as journal:
        outcome.violations += [
            *_duplicates(seen, journal),
            *_unprotected(seen.spells, dead, run.deadline_ms),
            *_orphans(seen, dead),
            *unlike_the_books(seen.trips, seen.positions, journal),
        ]
        outcome.trades = sum(1 for _ in journal.trades())
    entered = {fill.client_order_id for fill in seen.entry_fills}
    outcome.entries = len(entered)
    outcome.most_per_bar = max(
        Counter(_bar_of(order_id) for order_id in entered).values(), default=0
    )


def _duplicates(seen: Seen, journal: JournalReader) -> Iterator[str]:
    """More than one entry for a bar, more bought than was meant, or an exit that opened."""
    of_bar: defaultdict[str, dict[str, Decimal]] = defaultdict(dict)
    for fill in seen.entry_fills:
        orders = of_bar[_bar_of(fill.client_order_id)]
        orders[fill.client_order_id] = orders.get(fill.client_order_id, Decimal(0)) + fill.quantity
    meant = {i.client_order_id: i.quantity for i in journal.intents() if i.leg is Leg.ENTRY}
    for orders in of_bar.values():
        if len(orders) > 1:
            yield f"several entries for one bar: {', '.join(orders)}"
        for order_id, quantity in orders.items():
            if meant.get(order_id) != quantity:
                yield f"{order_id}: {quantity} executed, {meant.get(order_id)} meant"
    for fill in seen.exits_that_opened:
        yield f"an exit opened a position: {fill.client_order_id}"
    if len(seen.positions) > 1:
        yield f"{len(seen.positions)} positions"


def _bar_of(order_id: str) -> str:
    """The symbol and bar in one of our ids."""
    return order_id.rsplit("-", 1)[0]


def _unprotected(spells: Sequence[Spell], dead: tuple[int, int], deadline_ms: int) -> Iterator[str]:
    """A position without a lasting stop for longer than may be while somebody is there."""
    for spell in spells:
        alive_ms = spell.length_ms - _overlap(spell, dead)
        if alive_ms > deadline_ms:
            yield f"{spell.entry_id}: {alive_ms} ms without a stop, the time dead not counted"


def _orphans(seen: Seen, dead: tuple[int, int]) -> Iterator[str]:
    for left in seen.leftovers:
        to_ms = seen.now_ms if left.to_ms is None else left.to_ms
        alive_ms = to_ms - left.from_ms - max(0, min(to_ms, dead[1]) - max(left.from_ms, dead[0]))
        if alive_ms > ORPHAN_MS:
            yield f"{left.order_id} rested for {alive_ms} ms while flat"
    if not seen.positions:
        flat_since_ms = max((trip.closed_ms or 0 for trip in seen.trips), default=0)
        if seen.now_ms - max(flat_since_ms, dead[1]) > ORPHAN_MS:
            yield from (f"{order.client_order_id} is left" for order in seen.resting)


def unlike_the_books(
    trips: Sequence[Trip], positions: Sequence[Position], journal: JournalReader
) -> Iterator[str]:
    """Trades of the journal against round trips on the exchange, and what is open on both."""
    trades = {trade.trade.trade_id: trade.trade for trade in journal.trades()}
    closed = {trip.entry_id: trip for trip in trips if trip.closed_ms is not None}
    for order_id in trades.keys() ^ closed.keys():
        yield f"{order_id}: a trade on one side only"
    for order_id in trades.keys() & closed.keys():
        if abs(trades[order_id].net - closed[order_id].net) >= _CENT:
            yield f"{order_id}: {trades[order_id].net} booked, {closed[order_id].net} made"
    held = {position.symbol: position for position in positions}
    for symbol in sorted({trip.symbol for trip in trips}):
        kept, other = journal.open_position(symbol), held.get(symbol)
        ours = None if kept is None else (kept.side, kept.quantity, kept.entry_price)
        theirs = None if other is None else (other.side, other.quantity, other.entry_price)
        if ours != theirs:
            yield f"{symbol}: the journal has {ours} open, the exchange {theirs}"


def _overlap(spell: Spell, dead: tuple[int, int]) -> int:
    return max(0, min(spell.to_ms, dead[1]) - max(spell.from_ms, dead[0]))


@dataclass(slots=True)
class _Life:
    ready_ms: int = 0
    steps: list[tuple[str, str]] = field(default_factory=list)


def _life(log: Path) -> _Life:
    """What one process wrote down: each step with the phase in which it came."""
    if not log.exists():
        return _Life()
    lines: list[Mapping[str, Any]] = [
        msgspec.json.decode(line) for line in log.read_bytes().splitlines()
    ]
    ready = next((line for line in lines if "ready_ms" in line), None)
    start_ms = 0 if ready is None else ready["ready_ms"] - ready["at_ms"]
    steps = [(phase_at(start_ms + line["at_ms"]), line["step"]) for line in lines if "step" in line]
    return _Life(0 if ready is None else ready["ready_ms"], steps)
