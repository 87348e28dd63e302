"""What is open, at the best price there is; and what is open without levels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from cointrader.app.dashboard.process import Held, Told
from cointrader.app.dashboard.run import RunNow
from cointrader.app.words import result_at_stop
from cointrader.dashboard import answers, views
from cointrader.domain.order import Side
from cointrader.domain.records import PositionOpened
from cointrader.exchange.simulated.brackets import plausible_brackets
from cointrader.journal.page_reader import PageReader
from cointrader.risk.book import Slot
from cointrader.risk.state import restored

_NO_STOP = (
    "no stop and no target of it are known: nothing limits its loss; see the alerts, or close it"
)
_NOT_OURS = "this program did not open it and does not manage it: no stop of ours protects it"


@dataclass(frozen=True, slots=True)
class Prices:
    """Where prices come from.

    Parameters
    ----------
    close : the last price of a symbol up to a moment, from the run's own candles
    told : what the running process has last seen at its exchange; None without one
    seen : what the journal knows of positions, to be held against `told.seen`
    """

    close: Callable[[str, int], views.Mark | None]
    told: Told | None = None
    seen: object = None

    def held(self, symbol: str) -> Held | None:
        """The position as the exchange has it, where nothing has changed since it was asked."""
        told = self.told
        return None if told is None or told.seen != self.seen else told.held.get(symbol)

    def mark(self, symbol: str, at_ms: int) -> views.Mark | None:
        """The newest price there is; a price of a moment ago is good also when much has changed."""
        closed = self.close(symbol, at_ms)
        held = None if self.told is None else self.told.held.get(symbol)
        if held is None or self.told is None:
            return closed
        if closed is not None and (closed.at_ms or 0) > self.told.at_ms:
            return closed
        return views.Mark(float(held.mark), self.told.at_ms)


def seen_of(reader: PageReader) -> object:
    """What the journal knows of positions now: another value with every change of one."""
    newest = reader.newest()
    return newest["positions"], newest["trades"]


def open_positions(reader: PageReader, now: RunNow) -> dict[str, PositionOpened]:
    """By symbol, in configured order."""
    return reader.open_positions(now.run.symbols)


def position_rows(
    reader: PageReader,
    now: RunNow,
    held: Mapping[str, PositionOpened],
    unrealised: Decimal,
    prices: Prices,
) -> list[answers.Position]:
    """What is open, at the best price there is: what the running process or the run's own candles
    say, else what the account says of an only position, else what the risk manager last judged
    it at."""
    if not held:
        return []
    marked = next(iter(reader.equity(last=1)), None)
    only = views.inferred_mark(
        list(held.values()), unrealised, None if marked is None else marked.at_ms
    )
    judged = _slots(reader)
    rows = []
    for symbol, position in held.items():
        slot = judged.get(symbol)
        last = None if slot is None or not slot.mark else views.Mark(slot.mark, None)
        told = prices.held(symbol)
        rows.append(
            views.position_row(
                position,
                prices.mark(symbol, now.to_ms) or only or last,
                leverage=now.leverage,
                brackets=plausible_brackets(symbol),
                at_stop=result_at_stop(position),
                liquidation=None if told is None else told.position.liquidation_price,
                is_protected=None if told is None else told.is_protected,
            )
        )
    return rows


def positions_without_levels(
    reader: PageReader, held: Mapping[str, PositionOpened], prices: Prices
) -> list[answers.BarePosition]:
    """Positions of which the journal has no stop: an entry that could not be protected yet, or
    what somebody else opened."""
    told = {} if prices.told is None else prices.told.held
    found: dict[str, answers.BarePosition] = {}
    for symbol, slot in _slots(reader).items():
        if slot.is_open and symbol not in held:
            found[symbol] = _of_slot(symbol, slot)
    for symbol in told:
        row = prices.held(symbol)
        if row is not None and symbol not in held:
            found[symbol] = views.bare_row(
                row.position,
                mark=row.mark,
                mark_ms=None if prices.told is None else prices.told.at_ms,
                is_ours=row.is_ours,
                text=_NO_STOP if row.is_ours else _NOT_OURS,
            )
    return list(found.values())


def _of_slot(symbol: str, slot: Slot) -> answers.BarePosition:
    """As far as the risk manager's book knows it."""
    return answers.BarePosition(
        symbol=symbol,
        side="long" if slot.side is Side.LONG else "short",
        quantity=slot.quantity or None,
        entry_price=None,
        mark=slot.mark,
        mark_ms=None,
        unrealised=None,
        liquidation_price=None,
        liquidation_distance=None,
        is_ours=True,
        text=_NO_STOP,
    )


def _slots(reader: PageReader) -> dict[str, Slot]:
    recorded = reader.risk_state()
    return {} if recorded is None else restored(recorded.state)[1]
