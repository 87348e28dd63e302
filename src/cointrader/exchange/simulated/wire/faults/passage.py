"""The passage through which everything goes when faults are in force: it asks each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from cointrader.domain.order import DetailedReport
from cointrader.exchange.simulated.account import AtTrigger
from cointrader.exchange.simulated.liquidity import Liquidity
from cointrader.exchange.simulated.wire.events import Message
from cointrader.exchange.simulated.wire.faults.fault import Act, Fault
from cointrader.exchange.simulated.wire.faults.log import FaultLog
from cointrader.exchange.simulated.wire.faults.plan import FaultPlan
from cointrader.exchange.simulated.wire.faults.registry import check, kind_of
from cointrader.exchange.simulated.wire.faults.rule import Rule
from cointrader.exchange.simulated.wire.faults.scene import Job, Scene
from cointrader.exchange.simulated.wire.passage import Frame, Passage, Request
from cointrader.exchange.simulated.wire.refusals import Answer
from cointrader.exchange.simulated.wire.sockets import Connection, StreamFront
from cointrader.exchange.simulated.wire.venue import Venue

_WHOLE = Decimal("Infinity")


class Faults(Passage):
    """The faults in force on one server, and the log of what they did.

    They stand between the exchange and `inner`, in the order in which they came.
    """

    def __init__(self, plan: FaultPlan, log: FaultLog, inner: Passage) -> None:
        self.log = log
        self._plan = plan
        self._inner = inner
        self._in_force: dict[int, Fault] = {}
        self._count = 0
        self._scene: Scene | None = None
        self._jobs: set[asyncio.Task[None]] = set()
        self._deep: Liquidity | None = None  # the exchange's own, and so the next
        self._stay: Callable[[str], bool] = lambda _symbol: False

    # -- life ---------------------------------------------------------------------------------

    def begin(
        self,
        venue: Venue,
        streams: StreamFront,
        tell: Callable[[Message], None],
        group: asyncio.TaskGroup,
        start_ms: int,
    ) -> None:
        """The market is about to start at `start_ms`; the plan's faults are in force."""

        def spawn(job: Job) -> None:
            task = group.create_task(job, name="fault")
            self._jobs.add(task)
            task.add_done_callback(self._jobs.discard)

        self._scene = Scene(venue, streams, self.log, tell, spawn, start_ms)
        book = venue.exchange.book
        book.at_trigger = self._at_trigger
        self._deep, book.liquidity = book.liquidity, self._liquidity
        self._stay, book.siblings_stay = book.siblings_stay, self._siblings_stay
        for rule in self._plan.rules:
            self._put_in_force(rule)

    def end(self) -> None:
        """The server stops: nothing that waits is carried out any more."""
        for job in self._jobs:
            job.cancel()

    def bar_opened(self, at_ms: int) -> None:
        """Time for what acts by chance, and for what could not be done before."""
        for fault in list(self._in_force.values()):
            if isinstance(fault, Act) and fault.first_ms < at_ms + (not self._has_timer(fault)):
                self._on.spawn(fault.attempt())

    # -- which ones -----------------------------------------------------------------------------

    def add(self, rule: Rule) -> int:
        """Put one more in force from now on; its number. Raises `UsageError`."""
        check(rule)
        number = self._put_in_force(rule)
        fault = self._in_force[number]
        if isinstance(fault, Act) and rule.probability is None and not self._has_timer(fault):
            self._on.spawn(fault.attempt())
        return number

    def lift(self, *, number: int | None = None, name: str | None = None) -> int:
        """Take away the fault of that number, all of a name, or all; how many there were."""
        wanted = [
            each
            for each, fault in self._in_force.items()
            if number in (None, each) and name in (None, fault.name)
        ]
        for each in wanted:
            self._in_force.pop(each).lifted()
        return len(wanted)

    def in_force(self) -> list[dict[str, Any]]:
        """What is in force, as plain values. `times_left` is None for without end."""
        return [
            {
                "id": number,
                "name": fault.name,
                "probability": fault.rule.probability,
                "at_ms": None if fault.rule.at is None else fault.starts_ms,
                "until_ms": fault.ends_ms,
                "times_left": fault.times_left,
                "parameters": dict(fault.rule.parameters),
            }
            for number, fault in self._in_force.items()
        ]

    @property
    def _on(self) -> Scene:
        assert self._scene is not None, "the server has begun"
        return self._scene

    def _put_in_force(self, rule: Rule) -> int:
        self._count += 1
        seed = f"{self._plan.seed} {self._count} {rule.name}"
        fault = self._in_force[self._count] = kind_of(rule.name)(self._on, rule, seed)
        if isinstance(fault, Act) and self._has_timer(fault):
            self._on.spawn(self._at_its_time(fault))
        return self._count

    def _has_timer(self, fault: Act) -> bool:
        """Whether its first time is one of its own, and not that of a bar's opening."""
        return fault.rule.probability is None and fault.first_ms > self._on.start_ms

    async def _at_its_time(self, fault: Act) -> None:
        await self._on.venue.clock.sleep_until_ms(fault.first_ms)
        if fault in self._in_force.values():
            await fault.attempt()

    # -- where they bite ------------------------------------------------------------------------

    def _asked(self, hook: str) -> list[Fault]:
        """Those in force that do something at a hook."""
        plain = getattr(Fault, hook)
        return [f for f in self._in_force.values() if getattr(type(f), hook) is not plain]

    async def request(self, request: Request) -> Answer | None:
        for fault in self._asked("request"):
            answer = await fault.request(request)
            if answer is not None:
                return answer
        return await self._inner.request(request)

    async def answer(self, request: Request, answer: Answer) -> Answer:
        for fault in self._asked("answer"):
            answer = await fault.answer(request, answer)
        return await self._inner.answer(request, answer)

    def event(self, message: Message) -> Sequence[Message]:
        messages: list[Message] = [message]
        for fault in self._asked("event"):
            messages = [told for each in messages for told in fault.event(each)]
        return [told for each in messages for told in self._inner.event(each)]

    def published(self, stream: str, frame: Frame) -> Sequence[Frame]:
        frames: list[Frame] = [frame]
        for fault in self._asked("published"):
            frames = [sent for each in frames for sent in fault.published(stream, each)]
        return [sent for each in frames for sent in self._inner.published(stream, each)]

    async def frame(self, stream: str, frame: Frame) -> Sequence[Frame]:
        return await self._inner.frame(stream, frame)

    async def handshake(self, path: str) -> Answer | None:
        for fault in self._asked("handshake"):
            answer = await fault.handshake(path)
            if answer is not None:
                return answer
        return await self._inner.handshake(path)

    def connected(self, connection: Connection) -> None:
        for fault in self._asked("connected"):
            fault.connected(connection)
        self._inner.connected(connection)

    def feeds(self, connection: Connection, stream: str) -> bool:
        answers = [fault.feeds(connection, stream) for fault in self._asked("feeds")]
        return all(answers) and self._inner.feeds(connection, stream)

    def answers_ping(self, connection: Connection) -> bool:
        answers = [fault.answers_ping(connection) for fault in self._asked("answers_ping")]
        return all(answers) and self._inner.answers_ping(connection)

    def _at_trigger(self, report: DetailedReport) -> AtTrigger:
        for fault in self._asked("at_trigger"):
            outcome = fault.at_trigger(report)
            if outcome != "execute":
                return outcome
        return "execute"

    def _siblings_stay(self, symbol: str) -> bool:
        faults = self._asked("siblings_stay")
        return self._stay(symbol) or any(fault.siblings_stay(symbol) for fault in faults)

    def _liquidity(self, symbol: str, price: Decimal) -> Decimal:
        own = _WHOLE if self._deep is None else self._deep(symbol, price)
        parts = [fault.most_per_fill(symbol, price) for fault in self._asked("most_per_fill")]
        return min((part for part in parts if part is not None), default=own)
