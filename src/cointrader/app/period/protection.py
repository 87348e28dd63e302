"""How long positions of a period stood without a stop, as far as a journal tells.

From the first fill of an entry to the exchange's word that the stop rests. Times are the
exchange's own, so a simulated one that books a whole bar at its close tells nothing of seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from cointrader.domain.clock import DAY_MS
from cointrader.domain.order import Leg, OrderStatus, leg_of
from cointrader.domain.position import CloseReason
from cointrader.journal.reader import JournalReader

DEADLINE_S = 5.0


@dataclass(frozen=True, slots=True)
class Protection:
    """Seconds without a stop, of the positions whose both moments are written down.

    `lost` are positions that were closed because no stop was confirmed in time.
    """

    positions: int
    known: int
    seconds: float
    longest_s: float
    late: int  # positions past `DEADLINE_S`
    lost: int


def protection_of(reader: JournalReader, from_ms: int, to_ms: int) -> Protection:
    """Positions entered in [from_ms, to_ms)."""
    entered: dict[str, int] = {}
    for seen in reader.fills(from_ms=from_ms, to_ms=to_ms):
        fill = seen.fill
        if leg_of(fill.client_order_id) is Leg.ENTRY:
            entered.setdefault(_stem(fill.client_order_id), fill.at_ms)
    rested: dict[str, int] = {}
    for order in reader.orders(from_ms=from_ms, to_ms=to_ms + DAY_MS):
        report = order.report
        if leg_of(report.client_order_id) is Leg.STOP and report.status is OrderStatus.NEW:
            rested.setdefault(_stem(report.client_order_id), report.updated_ms)
    waits = [
        max(0, rested[stem] - at_ms) / 1_000 for stem, at_ms in entered.items() if stem in rested
    ]
    lost = sum(
        kept.trade.reason is CloseReason.UNPROTECTED
        for kept in reader.trades(from_ms=from_ms, to_ms=to_ms)
    )
    return Protection(
        positions=len(entered),
        known=len(waits),
        seconds=sum(waits),
        longest_s=max(waits, default=0.0),
        late=sum(wait > DEADLINE_S for wait in waits),
        lost=lost,
    )


def _stem(client_order_id: str) -> str:
    """The part of an id that all orders of one entry share."""
    return client_order_id.rsplit("-", 1)[0]
