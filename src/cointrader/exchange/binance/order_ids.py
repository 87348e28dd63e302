"""Which order an id names. Binance keeps plain and conditional orders in two spaces with ids of
their own, and tells executions by numbers that only the orders themselves connect to client ids.

What we sent says it in its id; of what others sent we remember what we saw.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

from cointrader.domain.order import Leg, leg_of

K = TypeVar("K")
V = TypeVar("V")

_CONDITIONAL_LEGS = frozenset({Leg.STOP, Leg.TARGET, Leg.TRAIL, Leg.PROBE})
_REMEMBERED = 20_000


class OrderIds:
    """Memory of the orders of one account."""

    def __init__(self) -> None:
        self._conditional: _Newest[str, bool] = _Newest()
        self._client_ids: _Newest[tuple[str, int], str] = _Newest()

    def saw(self, client_order_id: str, *, is_conditional: bool) -> None:
        """An order of this id is in one of the two spaces."""
        self._conditional.put(client_order_id, is_conditional)

    def is_conditional(self, client_order_id: str) -> bool | None:
        """The space it is in; None where only looking can tell."""
        known = self._conditional.get(client_order_id)
        if known is not None:
            return known
        leg = leg_of(client_order_id)
        return None if leg is None else leg in _CONDITIONAL_LEGS

    def names(self, symbol: str, order_id: int, client_order_id: str) -> None:
        """Executions of the plain order `order_id` belong to this client id.

        For the order that a conditional one became, that is the id of the conditional one.
        """
        self._client_ids.put((symbol, order_id), client_order_id)

    def client_id(self, symbol: str, order_id: int) -> str | None:
        return self._client_ids.get((symbol, order_id))


class _Newest(Generic[K, V]):
    """A dictionary that forgets what it was told first."""

    def __init__(self) -> None:
        self._rows: OrderedDict[K, V] = OrderedDict()

    def put(self, key: K, value: V) -> None:
        self._rows[key] = value
        self._rows.move_to_end(key)
        if len(self._rows) > _REMEMBERED:
            self._rows.popitem(last=False)

    def get(self, key: K) -> V | None:
        return self._rows.get(key)
