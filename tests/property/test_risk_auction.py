"""Bars, entries, crashes, late calls and restarts in any interleaving."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from cointrader.domain.clock import utc_day
from cointrader.domain.order import Side
from cointrader.risk.manager import Refusal, Reservation, RiskManager
from tests.unit.risk.fakes import (
    BAR_MS,
    DAY_MS,
    LONG,
    MONDAY_MS,
    SHORT,
    FakeAccount,
    FakeClock,
    FakeJournal,
    Settings,
    an_entry,
    default_profile,
    settled,
)

SYMBOLS = ("AUSDT", "BUSDT", "CUSDT", "DUSDT", "EUSDT")
SIDES = st.sampled_from([LONG, SHORT])
WISHES = st.fixed_dictionaries({symbol: st.none() | SIDES for symbol in SYMBOLS})


@dataclass(frozen=True)
class Bar:
    """What happens in one bar."""

    wishes: dict[str, Side | None]
    arrival: tuple[str, ...]
    hang: str | None  # a bot that never reports
    leave: str | None  # one that crashes, and is back for the next bar
    late: str | None  # one that asks again after everybody else
    closed: str | None  # a position that stops out afterwards
    result: float
    restart: bool


BARS = st.lists(
    st.builds(
        Bar,
        WISHES,
        st.permutations(SYMBOLS).map(tuple),
        st.none() | st.sampled_from(SYMBOLS),
        st.none() | st.sampled_from(SYMBOLS),
        st.none() | st.sampled_from(SYMBOLS),
        st.none() | st.sampled_from(SYMBOLS),
        st.sampled_from([-30.0, -10.0, 0.0, 15.0]),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@dataclass
class World:
    """An account with bots that behave as told."""

    config: Settings
    account: FakeAccount = field(default_factory=FakeAccount)
    clock: FakeClock = field(default_factory=lambda: FakeClock(MONDAY_MS + DAY_MS - 3 * BAR_MS))
    journal: FakeJournal = field(default_factory=FakeJournal)
    day: int = -1
    day_start: float = 0.0
    answers: list[tuple[int, str, bool, str]] = field(default_factory=list)

    async def start(self) -> None:
        self.risk = RiskManager(self.config, clock=self.clock, journal=self.journal)
        await self.risk.start(self.account)
        for symbol in SYMBOLS:
            self.risk.join(symbol)

    async def restart(self) -> None:
        held = self.risk.open_positions
        await self.journal.commit()
        self.journal = FakeJournal(self.journal.on_disk)
        await self.start()
        for symbol in SYMBOLS:
            if symbol in held:
                self.risk.restore_position(symbol, held[symbol], 10.0, 1.0, 0.99)
            else:
                self.risk.restore_flat(symbol)

    async def ask(self, bar_ms: int, symbol: str, wish: Side | None) -> None:
        await self.risk.begin_bar(bar_ms)
        request = None if wish is None else an_entry(wish, stop_distance=0.0001)
        answer = await self.risk.submit(bar_ms, symbol, request)
        if isinstance(answer, Reservation):
            self.check_entry()
            answer.commit(10.0, 1.0, 0.99)
        self.check_slots()
        if request is not None:
            reason = answer.reason if isinstance(answer, Refusal) else ""
            self.answers.append((bar_ms, symbol, bool(answer), reason))

    async def play(self, bar_ms: int, bar: Bar) -> None:
        await self.clock.advance_to(bar_ms)
        if utc_day(bar_ms) != self.day:
            self.day, self.day_start = utc_day(bar_ms), self.account.wallet
        for symbol in SYMBOLS:
            self.risk.join(symbol)
        bots = []
        for symbol in bar.arrival:
            if symbol not in (bar.hang, bar.leave):
                bots.append(asyncio.create_task(self.ask(bar_ms, symbol, bar.wishes[symbol])))
                await asyncio.sleep(0)
        if bar.leave is not None:
            self.risk.leave(bar.leave)
        await settled()
        await self.clock.advance(2_000)
        await asyncio.gather(*bots)
        if bar.late is not None:
            await self.ask(bar_ms, bar.late, bar.wishes[bar.late])
        if bar.closed is not None and bar.closed in self.risk.open_positions:
            self.account.wallet += bar.result
            await self.risk.close_position(bar.closed, bar.result, at_ms=bar_ms)

    def check_entry(self) -> None:
        lost = self.day_start - self.account.wallet
        assert lost < 0.05 * self.day_start

    def check_slots(self) -> None:
        sides = Counter(slot.side for slot in self.risk._book.slots.values())
        assert sides.total() <= 3
        assert max(sides.values(), default=0) <= 2


async def played(config: Settings, bars: list[Bar], *, with_restarts: bool) -> World:
    world = World(config)
    await world.start()
    first_ms = world.clock.now_ms()
    for number, bar in enumerate(bars):
        await world.play(first_ms + number * BAR_MS, bar)
        if bar.restart and with_restarts:
            await world.restart()
    return world


@settings(max_examples=60, deadline=None)
@given(BARS, st.booleans())
def test_slots_directions_and_the_daily_loss_hold_in_every_interleaving(bars, is_founding):
    config = Settings(symbols=SYMBOLS) if is_founding else default_profile(symbols=SYMBOLS)

    asyncio.run(played(config, bars, with_restarts=True))


@settings(max_examples=40, deadline=None)
@given(BARS, st.booleans())
def test_a_restart_between_bars_changes_nothing(bars, is_founding):
    async def compare() -> None:
        config = Settings(symbols=SYMBOLS) if is_founding else default_profile(symbols=SYMBOLS)
        through = await played(config, bars, with_restarts=False)
        broken = await played(config, bars, with_restarts=True)
        assert broken.answers == through.answers
        assert broken.risk.refusals == through.risk.refusals
        assert broken.risk.halted_days == through.risk.halted_days
        assert broken.risk.open_positions == through.risk.open_positions
        assert broken.risk.daily_pnl == through.risk.daily_pnl

    asyncio.run(compare())


@settings(max_examples=40, deadline=None)
@given(WISHES, st.permutations(SYMBOLS), st.floats(-80.0, 80.0))
def test_the_answers_do_not_depend_on_the_order_of_arrival(wishes, arrival, change):
    async def answers(order: tuple[str, ...]) -> dict[str, tuple[bool, str]]:
        world = World(default_profile(symbols=SYMBOLS))
        await world.start()
        first_ms = world.clock.now_ms()
        await world.risk.begin_bar(first_ms)
        world.account.wallet += change
        await world.clock.advance(1_000)  # the reading that began the bar is no longer young
        bar = Bar(wishes, order, None, None, None, None, 0.0, restart=False)
        world.day, world.day_start = utc_day(first_ms), 1000.0
        await world.play(first_ms, bar)
        return {symbol: (is_given, why) for _, symbol, is_given, why in world.answers}

    assert asyncio.run(answers(tuple(arrival))) == asyncio.run(answers(SYMBOLS))


def test_every_order_of_arrival_of_three_longs_serves_the_first_two_configured():
    async def served(order: tuple[str, ...]) -> set[str]:
        world = World(Settings(symbols=SYMBOLS))
        await world.start()
        wishes: dict[str, Side | None] = {
            symbol: LONG if symbol in order else None for symbol in SYMBOLS
        }
        arrival = (*order, *(symbol for symbol in SYMBOLS if symbol not in order))
        bar = Bar(wishes, arrival, None, None, None, None, 0.0, restart=False)
        await world.play(world.clock.now_ms(), bar)
        return set(world.risk.open_positions)

    for order in itertools.permutations(SYMBOLS[1:4]):
        assert asyncio.run(served(order)) == {"BUSDT", "CUSDT"}
