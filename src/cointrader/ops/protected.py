"""How long positions were without a live stop, by what was written down. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from cointrader.domain.order import Leg, OrderReport, OrderSide, OrderStatus, leg_of
from cointrader.domain.records import FillSeen, OrderSeen, PositionOpened, Record, TradeClosed

_STOPS = (Leg.STOP, Leg.TRAIL)
_BEFORE = "before our time"
_CAME_TO_NOTHING = (OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED)


@dataclass(slots=True)
class _Symbol:
    quantity: Decimal = Decimal(0)  # open, by the fills
    entry: OrderSide | None = None
    stops: set[str] = field(default_factory=set)  # that the exchange has
    bare_since_s: float | None = None
    bare_s: float = 0.0  # spells that are over


class Protected:
    """Follows every position from its first fill to its last.

    What was open before the first record counts as protected until something says otherwise.
    """

    def __init__(self) -> None:
        self._symbols: dict[str, _Symbol] = {}
        self.began_ms = 0  # fills from before this are told again of positions found at a start

    def hear(self, record: Record, now_s: float) -> None:
        """`record` was written down at `now_s`, by a clock that only goes forward."""
        if isinstance(record, FillSeen):
            fill = record.fill
            known = self._of(fill.symbol)
            if not known.quantity:
                known.entry = fill.side
                known.stops.clear()
            is_more = fill.side is known.entry
            known.quantity += fill.quantity if is_more else -fill.quantity
            if fill.at_ms < self.began_ms:
                known.stops.add(_BEFORE)
            if known.quantity <= 0:
                known.quantity = Decimal(0)
                known.stops.clear()
            self._judge(known, now_s)
        elif isinstance(record, OrderSeen):
            self._stop(record.report, now_s)
        elif isinstance(record, PositionOpened):
            known = self._of(record.symbol)
            if not known.quantity:  # of before our time
                known.quantity, known.entry = record.quantity, record.side.entry
                known.stops.add(_BEFORE)
        elif isinstance(record, TradeClosed):
            known = self._of(record.trade.symbol)
            known.quantity = Decimal(0)
            known.stops.clear()
            self._judge(known, now_s)

    def is_protected(self, symbol: str) -> bool:
        """False while a position of `symbol` has no live stop."""
        known = self._symbols.get(symbol)
        return known is None or known.bare_since_s is None

    def bare_s(self, symbol: str, now_s: float) -> float:
        """Seconds that positions of `symbol` have been without a stop, all together."""
        known = self._symbols.get(symbol)
        if known is None:
            return 0.0
        since = known.bare_since_s
        return known.bare_s + (0.0 if since is None else max(0.0, now_s - since))

    def _of(self, symbol: str) -> _Symbol:
        return self._symbols.setdefault(symbol, _Symbol())

    def _stop(self, report: OrderReport, now_s: float) -> None:
        if leg_of(report.client_order_id) not in _STOPS:
            return
        known = self._of(report.symbol)
        if report.status is OrderStatus.NEW and known.quantity:
            known.stops.add(report.client_order_id)
        elif report.status in _CAME_TO_NOTHING:  # one that was hit is closing the position
            known.stops.discard(report.client_order_id)
        self._judge(known, now_s)

    @staticmethod
    def _judge(known: _Symbol, now_s: float) -> None:
        is_bare = known.quantity > 0 and not known.stops
        if is_bare and known.bare_since_s is None:
            known.bare_since_s = now_s
        elif not is_bare and known.bare_since_s is not None:
            known.bare_s += now_s - known.bare_since_s
            known.bare_since_s = None
