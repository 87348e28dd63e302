"""What happens to the account beside orders and fills, as alerts for its owner."""

from __future__ import annotations

from collections.abc import Callable

from cointrader.domain.clock import Clock
from cointrader.domain.records import Alert
from cointrader.exchange.binance.account_notices import (
    AccountNotice,
    AssetModeChanged,
    LeverageChanged,
    MarginCalled,
    PaidInOtherAsset,
    Transferred,
    TriggerRejected,
)


class NoticeBoard:
    """Turns notices into alerts and passes those on that are worth one.

    Parameters
    ----------
    leverage : the configured one, which is no news
    quote_asset : deposits of it are told by the risk manager, as they count there
    tell : takes the alerts; must not block
    """

    def __init__(
        self, clock: Clock, *, leverage: int, quote_asset: str, tell: Callable[[Alert], None]
    ) -> None:
        self._clock = clock
        self._leverage = leverage
        self._quote_asset = quote_asset
        self._tell = tell
        self._fee_assets: set[str] = set()

    def hear(self, notice: AccountNotice) -> None:
        """Tell `notice` where it is news."""
        told = self._words(notice)
        if told is not None:
            level, symbol, text = told
            self._tell(Alert(self._clock.now_ms(), level, symbol, text))

    def _words(self, notice: AccountNotice) -> tuple[str, str, str] | None:
        match notice:
            case MarginCalled(symbols):
                named = ", ".join(symbols) or "the account"
                return "critical", "", f"margin call: {named} is close to liquidation"
            case TriggerRejected(symbol, order_id, reason):
                text = f"the exchange refused {order_id} at its trigger: {reason or 'no reason'}"
                return "critical", symbol, text
            case AssetModeChanged(is_multi_asset=True):
                text = "somebody switched to multi-assets margin: switch it back"
                return "critical", "", text
            case AssetModeChanged():
                return "info", "", "single-asset margin is in force"
            case LeverageChanged(symbol, leverage) if leverage != self._leverage:
                text = (
                    f"somebody set its leverage to {leverage}; entries are sized for "
                    f"{self._leverage}: set it back, or restart with that LEVERAGE"
                )
                return "warning", symbol, text
            case Transferred(asset, amount, reason) if asset != self._quote_asset:
                return "info", "", f"{amount:+f} {asset} ({reason}): does not count as margin"
            case PaidInOtherAsset(symbol, _, asset) if asset not in self._fee_assets:
                self._fee_assets.add(asset)
                return "info", symbol, f"fees are paid in {asset}; they count at its price"
            case _:
                return None
