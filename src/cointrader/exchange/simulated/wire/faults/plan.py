"""Which faults a market has, and the seed of their chances."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cointrader.domain.errors import UsageError
from cointrader.exchange.simulated.wire.faults import grammar
from cointrader.exchange.simulated.wire.faults.registry import check
from cointrader.exchange.simulated.wire.faults.rule import Instant, Rule


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """Rules and a seed. The same plan bites at the same places as long as requests, events and
    bars come in the same order: every rule has chances of its own.

    Raises `UsageError` for a rule that makes no sense.
    """

    rules: tuple[Rule, ...] = ()
    seed: int = 1

    def __post_init__(self) -> None:
        for rule in self.rules:
            check(rule)

    @staticmethod
    def parse(spec: str, seed: int = 1) -> FaultPlan:
        """From a specification such as ``stop-vanishes:0.2,answer-lost@3600``."""
        return FaultPlan(tuple(grammar.read_spec(spec)), seed)

    @staticmethod
    def load(path: Path, seed: int | None = None) -> FaultPlan:
        """From a file of TOML or JSON. `seed` comes before the file's own."""
        where = str(path)
        values = grammar.read_file(path)
        given = values.get("seed", 1) if seed is None else seed
        if not isinstance(given, int) or isinstance(given, bool):
            raise UsageError("not a seed", where=where, found=given, allowed="a whole number")
        rules: list[Rule] = []
        if spec := values.get("faults"):
            rules += grammar.read_spec(str(spec))
        tables = values.get("fault", [])
        if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
            raise UsageError("fault is no list of tables", where=where, allowed="[[fault]]")
        rules += [grammar.read_rule(each, where) for each in tables]
        if schedule := values.get("schedule"):
            names, first, last, count = grammar.schedule_of(schedule, where)
            rules += _drawn(names, given, first, last, count)
        return FaultPlan(tuple(rules), given)

    @staticmethod
    def read(text: str, seed: int | None = None) -> FaultPlan:
        """From the name of a file, else from a specification."""
        if Path(text).suffix.lower() in grammar.SUFFIXES:
            return FaultPlan.load(Path(text), seed)
        return FaultPlan.parse(text, 1 if seed is None else seed)

    @staticmethod
    def seeded(
        names: Sequence[str], seed: int, from_ms: int, to_ms: int, *, count: int | None = None
    ) -> FaultPlan:
        """Each fault once, or `count` drawn from them, at times drawn from [from_ms, to_ms).

        Times are epoch ms. The same arguments give the same plan.
        """
        first, last = Instant.at(from_ms), Instant.at(to_ms)
        return FaultPlan(tuple(_drawn(names, seed, first, last, count)), seed)


def _drawn(
    names: Sequence[str], seed: int, first: Instant, last: Instant, count: int | None
) -> list[Rule]:
    if first.is_absolute is not last.is_absolute or first.ms >= last.ms:
        raise UsageError(
            "a schedule ends before it begins",
            where="schedule",
            allowed="two times of one kind, the earlier one first",
        )
    chance = random.Random(f"schedule {seed}")
    chosen = list(names) if count is None else [chance.choice(names) for _ in range(count)]
    return [
        Rule(name, at=Instant(chance.randrange(first.ms, last.ms), first.is_absolute))
        for name in chosen
    ]
