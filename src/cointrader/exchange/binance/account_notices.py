"""What happens to an account beside orders, fills and funding: for the owner, not for one bot."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Transferred:
    """Money came in (positive) or left. `reason` is the exchange's word for it."""

    asset: str
    amount: Decimal
    reason: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class PaidInOtherAsset:
    """The fee of a fill was taken in an asset that is not the quote currency.

    `amount` is of that asset. The fill says what that was worth, 0 where no price was known.
    """

    symbol: str
    trade_id: int
    asset: str
    amount: Decimal
    at_ms: int


@dataclass(frozen=True, slots=True)
class LeverageChanged:
    """Somebody set the leverage of a symbol."""

    symbol: str
    leverage: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class AssetModeChanged:
    """Somebody switched between single-asset and multi-asset margin."""

    is_multi_asset: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class TriggerRejected:
    """A conditional order was refused at its trigger: the position may be without protection."""

    symbol: str
    client_order_id: str
    reason: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class MarginCalled:
    """The exchange warns of liquidation."""

    symbols: tuple[str, ...]
    at_ms: int


AccountNotice = (
    Transferred
    | PaidInOtherAsset
    | LeverageChanged
    | AssetModeChanged
    | TriggerRejected
    | MarginCalled
)
