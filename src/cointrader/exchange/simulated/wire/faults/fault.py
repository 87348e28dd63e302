"""What every fault is: something that may bite where a message passes, or at a time of its own."""

from __future__ import annotations

import random
from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar, cast

from cointrader.domain.order import DetailedReport
from cointrader.exchange.simulated.account import AtTrigger
from cointrader.exchange.simulated.wire.faults import calls
from cointrader.exchange.simulated.wire.faults.log import Injection
from cointrader.exchange.simulated.wire.faults.parameters import Parameter, Span, Value
from cointrader.exchange.simulated.wire.faults.rule import Rule
from cointrader.exchange.simulated.wire.faults.scene import Scene
from cointrader.exchange.simulated.wire.passage import Passage, Request


class Fault(Passage):
    """One fault in force. By itself it lets everything through.

    `name` and `summary` are what people read; `parameters` what can be chosen, the first one also
    without its name.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    parameters: ClassVar[Mapping[str, Parameter]] = {}

    def __init__(self, scene: Scene, rule: Rule, seed: str) -> None:
        self.scene = scene
        self.rule = rule
        self.chance = random.Random(seed)
        self.times_left = rule.most_times
        self._values = read_parameters(type(self), rule.parameters)

    # -- when it bites ------------------------------------------------------------------------

    @property
    def starts_ms(self) -> int:
        return 0 if self.rule.at is None else self.rule.at.epoch_ms(self.scene.start_ms)

    @property
    def ends_ms(self) -> int | None:
        return None if self.rule.until is None else self.rule.until.epoch_ms(self.scene.start_ms)

    @property
    def is_over(self) -> bool:
        """Whether it can never bite again."""
        ends_ms = self.ends_ms
        return self.times_left == 0 or (ends_ms is not None and ends_ms <= self.scene.now_ms)

    @property
    def may_bite(self) -> bool:
        """Whether its time has come and is not over."""
        return not self.is_over and self.starts_ms <= self.scene.now_ms

    def bites(self) -> bool:
        """Whether this opportunity is taken. Asked once for each, so that a seed repeats itself."""
        is_chosen = self.is_chosen()
        if is_chosen:
            self.take()
        return is_chosen

    def is_chosen(self) -> bool:
        """Whether chance picks this opportunity, which is not taken yet."""
        if not self.may_bite:
            return False
        probability = self.rule.probability
        return probability is None or self.chance.random() < probability

    def take(self) -> None:
        """One time less is left."""
        if self.times_left is not None:
            self.times_left -= 1

    def note(self, hit: str, did: str) -> None:
        """Write down what was done."""
        self.scene.log.add(Injection(self.scene.now_ms, self.name, hit, did))

    # -- its parameters -----------------------------------------------------------------------

    def number(self, name: str) -> float:
        """A parameter's number, drawn anew each time where it is a range."""
        return cast(Span, self._values[name]).draw(self.chance)

    def whole(self, name: str) -> int:
        return round(self.number(name))

    def ratio(self, name: str) -> Decimal:
        return Decimal(str(round(self.number(name), 9)))

    def words(self, name: str) -> frozenset[str]:
        return cast(frozenset[str], self._values[name])

    def is_about(self, symbol: str | None) -> bool:
        """Whether its `symbol`, if it has one, is this."""
        wanted = self._values.get("symbol")
        return not wanted or symbol == wanted

    def concerns(self, request: Request) -> bool:
        """Whether a request is one of its `call` and about its `symbol`."""
        if not self.is_about(calls.symbol_of(request, self.scene.venue)):
            return False
        return not self.words("call").isdisjoint(calls.kinds_of(request, self.scene.venue))

    # -- where it may bite, beside the places of a `Passage` -----------------------------------

    def at_trigger(self, report: DetailedReport) -> AtTrigger:
        """What becomes of a conditional order whose level was reached."""
        del report
        return "execute"

    def siblings_stay(self, symbol: str) -> bool:
        """Whether orders that close a position outlive that of `symbol`, which has gone."""
        del symbol
        return False

    def most_per_fill(self, symbol: str, price: Decimal) -> Decimal | None:
        """The most that one fill executes of an order, in base currency; None for all of it."""
        del symbol, price
        return None

    def lifted(self) -> None:
        """It is taken away: what it holds on to, it lets go."""


class Act(Fault):
    """A fault that does something at a time instead of waiting for a message.

    Without a time at once; with a probability, that is the chance at each opening of a bar. What
    cannot be done yet is tried again at the next opening. Within two times it acts once, at a time
    drawn from between them.
    """

    def __init__(self, scene: Scene, rule: Rule, seed: str) -> None:
        super().__init__(scene, rule, seed)
        if rule.probability is None and rule.times is None:
            self.times_left = 1
        self.first_ms = max(self.starts_ms, scene.start_ms)
        self._is_busy = False
        # A stepped time may jump over the whole window: what was drawn from it is tried once.
        self._is_untried = self.ends_ms is not None and rule.probability is None
        if self.ends_ms is not None and rule.probability is None:
            self.first_ms = round(
                self.chance.uniform(self.first_ms, max(self.ends_ms, self.first_ms))
            )

    @property
    def is_over(self) -> bool:
        return self.times_left == 0 or (super().is_over and not self._is_untried)

    async def attempt(self) -> None:
        """Act, if it is its time and its chance, and it is not acting already."""
        if self._is_busy:
            return
        self._is_busy = True
        try:
            if self.is_chosen() and await self.act():
                self.take()
        finally:
            self._is_busy = self._is_untried = False

    async def act(self) -> bool:
        """Do it; False where it cannot be done yet. Notes what it did."""
        raise NotImplementedError


def read_parameters(kind: type[Fault], given: Mapping[str, str]) -> dict[str, Value]:
    """All parameters of a fault as values. The caller has checked what was given."""
    return {
        name: parameter.read(given.get(name, parameter.default))
        for name, parameter in kind.parameters.items()
    }
