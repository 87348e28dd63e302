"""Who holds a position slot right now.

Pure: no clock, lock, network or log. Live trading keeps one book behind `risk.manager`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from cointrader.domain.order import Side
from cointrader.risk.limits import (
    ALLOWED,
    MARGIN,
    MAX_POSITIONS,
    REASONS,
    SAME_DIRECTION,
    SYMBOL_HELD,
    RiskLimits,
    first_refusal,
    open_risk_exceeded,
    risk_to_stop,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an entry was not given. An everyday answer, so a value and not an exception."""

    reason: str  # stable key for logs, the journal and tests, e.g. "same-direction"
    detail: str = ""  # one sentence for a person

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Slot:
    """One position, open or about to be."""

    side: Side
    is_open: bool = False
    margin: float = 0.0
    risk: float = 0.0  # what it would still lose at its stop
    ticket: int = 0  # the reservation it came from
    reading: int = 0  # the account reading that does not contain it yet
    quantity: float = 0.0
    mark: float | None = None
    stop: float | None = None

    def judged_at(self, mark: float | None, stop: float | None) -> Slot:
        """The same slot with its risk from `mark` to `stop`; as it was where one is unknown."""
        if mark is None or stop is None:
            return replace(self, mark=mark, stop=stop)
        risk = risk_to_stop(self.side.sign, self.quantity, mark, stop)
        return replace(self, mark=mark, stop=stop, risk=risk)


@dataclass(frozen=True, slots=True)
class Situation:
    """What an entry is judged by besides the slots. The defaults: nothing speaks against it."""

    snapshot: float = math.inf  # wallet
    is_paused: bool = False
    unknown_results: tuple[str, ...] = ()
    is_day_halted: bool = False
    day_start: float | None = None
    day_now: float = 0.0
    is_drawdown_halted: bool = False
    is_killed_fast: bool = False
    is_killed_slow: bool = False
    free_margin: float = math.inf  # as of `reading`
    reading: int = 0


NOTHING_KNOWN = Situation()


@dataclass(frozen=True, slots=True)
class RiskBook:
    """The slots of one account under the limits in force."""

    limits: RiskLimits
    slots: Mapping[str, Slot] = field(default_factory=dict)

    def under(self, limits: RiskLimits) -> RiskBook:
        return RiskBook(limits, self.slots)

    def reserve(
        self,
        symbol: str,
        side: Side,
        situation: Situation = NOTHING_KNOWN,
        *,
        margin: float = 0.0,
        risk: float = 0.0,
        ticket: int = 0,
    ) -> RiskBook | Refusal:
        """Take a slot for `symbol`, or say why not.

        Looking and taking are one step: two bots asking at the same moment cannot both hear yes.
        """
        refusal = self.refusal(symbol, side, situation, margin=margin, risk=risk)
        if refusal is not None:
            return refusal
        slot = Slot(side, False, margin, risk, ticket, situation.reading)
        return self.holding(symbol, slot)

    def refusal(
        self,
        symbol: str,
        side: Side,
        situation: Situation = NOTHING_KNOWN,
        *,
        margin: float = 0.0,
        risk: float = 0.0,
    ) -> Refusal | None:
        """What `reserve` would refuse with; None when it would take the slot."""
        code = self.refusal_code(symbol, side, situation, margin=margin, risk=risk)
        if code == ALLOWED:
            return None
        return Refusal(REASONS[code], self._detail(code, symbol, side, situation, margin))

    def refusal_code(
        self,
        symbol: str,
        side: Side,
        situation: Situation = NOTHING_KNOWN,
        *,
        margin: float = 0.0,
        risk: float = 0.0,
    ) -> int:
        """The same as one of the codes of `risk.limits`."""
        limits, slots = self.limits, self.slots
        is_risk_exceeded = (
            limits.has_open_risk_bound
            and situation.day_start is not None
            and open_risk_exceeded(
                situation.day_start,
                situation.day_now,
                sum(slot.risk for slot in slots.values()),
                risk,
                limits.max_daily_loss,
            )
        )
        return first_refusal(
            situation.snapshot,
            situation.is_paused,
            bool(situation.unknown_results),
            situation.is_day_halted,
            is_risk_exceeded,
            situation.is_drawdown_halted,
            situation.is_killed_fast,
            situation.is_killed_slow,
            len(slots),
            limits.max_positions,
            symbol in slots,
            self._count(side),
            limits.max_same_direction,
            margin,
            self._free_margin(situation),
        )

    def release(self, symbol: str, ticket: int | None = None) -> RiskBook:
        """Free the slot of `symbol`; with a ticket only if it is still that reservation's."""
        slot = self.slots.get(symbol)
        if slot is None or (ticket is not None and (slot.ticket != ticket or slot.is_open)):
            return self
        return RiskBook(self.limits, {s: kept for s, kept in self.slots.items() if s != symbol})

    def commit(
        self,
        symbol: str,
        side: Side,
        *,
        quantity: float | None = None,
        entry_price: float | None = None,
        stop: float | None = None,
        reading: int = 0,
    ) -> RiskBook:
        """The position of `symbol` is open: a fact, so it is written down whatever the limits."""
        slot = self.slots.get(symbol)
        if slot is None or slot.side is not side:
            slot = Slot(side)
        mark = slot.mark if entry_price is None or slot.is_open else entry_price
        slot = replace(
            slot,
            is_open=True,
            reading=reading,
            quantity=slot.quantity if quantity is None else quantity,
        ).judged_at(
            entry_price if mark is None else mark,
            slot.stop if stop is None else stop,
        )
        return self.holding(symbol, slot)

    def marked(self, marks: Mapping[str, float]) -> RiskBook:
        """The same book with the risk of its positions counted from these mark prices."""
        slots = {
            symbol: slot.judged_at(marks[symbol], slot.stop) if symbol in marks else slot
            for symbol, slot in self.slots.items()
        }
        return RiskBook(self.limits, slots)

    def holding(self, symbol: str, slot: Slot) -> RiskBook:
        return RiskBook(self.limits, {**self.slots, symbol: slot})

    def open_symbols(self) -> Iterable[str]:
        return (symbol for symbol, slot in self.slots.items() if slot.is_open)

    def _count(self, side: Side) -> int:
        return sum(slot.side is side for slot in self.slots.values())

    def _free_margin(self, situation: Situation) -> float:
        """What no slot has taken: the account knows only of fills made before it was read."""
        if not self.limits.has_margin_check:
            return math.inf
        return situation.free_margin - sum(
            slot.margin
            for slot in self.slots.values()
            if not slot.is_open or slot.reading == situation.reading
        )

    def _detail(
        self, code: int, symbol: str, side: Side, situation: Situation, margin: float
    ) -> str:
        limits = self.limits
        if code == MAX_POSITIONS:
            return f"{len(self.slots)} of {limits.max_positions} slots in use"
        if code == SYMBOL_HELD:
            return f"{symbol} is already {self.slots[symbol].side}"
        if code == SAME_DIRECTION:
            taken, most = self._count(side), limits.max_same_direction
            return f"{taken} of {most} {side.lower()} slots in use"
        if code == MARGIN:
            return f"needs {margin:.2f} margin, {self._free_margin(situation):.2f} is free"
        return _sentence(REASONS[code], situation, limits)


def _sentence(reason: str, situation: Situation, limits: RiskLimits) -> str:
    day = f"limit {limits.max_daily_loss:.2%} of {situation.day_start or 0.0:.2f}"
    return {
        "no-money": f"the wallet is {situation.snapshot:.2f}",
        "paused": "trading is paused",
        "unknown-result": "result not known yet: " + ", ".join(situation.unknown_results),
        "daily-loss": f"today's loss reached its {day}; now {situation.day_now:.2f}",
        "open-risk": f"today's loss and all stops together would pass the {day}",
        "drawdown": f"halted at {limits.max_drawdown or 0.0:.0%} drawdown until lifted",
        "kill-fast": "too many losses running, until reset",
        "kill-slow": "profit factor too low, until reset",
    }[reason]
