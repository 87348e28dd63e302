"""The account as Binance shows it: balances, positions, margins. Reads the simulated account."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cointrader.domain.errors import Rejected
from cointrader.domain.order import DetailedFill, OrderSide
from cointrader.domain.position import Position, gross_pnl
from cointrader.exchange.simulated.adapter import SimulatedExchange
from cointrader.exchange.simulated.margin import liquidation_level
from cointrader.exchange.simulated.orders import left_of
from cointrader.exchange.simulated.wire import events
from cointrader.exchange.simulated.wire.events import Message
from cointrader.exchange.simulated.wire.texts import bare, money, plain, rounded

Json = dict[str, Any]
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class PositionView:
    """One symbol's position with everything that follows from its mark price."""

    symbol: str
    held: Position | None
    mark: Decimal
    unrealised: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    liquidation_price: Decimal
    break_even: Decimal
    changed_ms: int = 0  # its last fill

    @property
    def amount(self) -> Decimal:
        return _ZERO if self.held is None else self.held.quantity * self.held.side.sign

    @property
    def notional(self) -> Decimal:
        return self.amount * self.mark

    @property
    def margin(self) -> Decimal:
        return _ZERO if self.held is None else self.held.margin


class AccountView:
    """Asks the simulated account and answers in Binance's shapes."""

    def __init__(self, exchange: SimulatedExchange) -> None:
        self._exchange = exchange
        self._book = exchange.book
        self._realised: dict[str, Decimal] = {}  # by symbol, before fees
        self._changed_ms: dict[str, int] = {}  # by symbol, its last fill
        self._wallet_changed_ms = next(iter(exchange.timeline), 0)  # 0 would mean: never used

    def note_fill(self, fill: DetailedFill, at_ms: int) -> None:
        """A position changed."""
        self._realised[fill.symbol] = self._realised.get(fill.symbol, _ZERO) + fill.gross
        self._changed_ms[fill.symbol] = at_ms

    # -- positions ----------------------------------------------------------------------------

    def mark(self, symbol: str) -> Decimal:
        """The mark price; the entry price, or nothing, before the first candle."""
        try:
            return self._exchange.price(symbol).mark
        except Rejected:
            return _ZERO

    def position(self, symbol: str) -> PositionView:
        held = self._book.ledger.positions.get(symbol)
        mark = self.mark(symbol)
        if held is None:
            nothing = (_ZERO,) * 5
            return PositionView(symbol, None, mark, *nothing, self._changed_ms.get(symbol, 0))
        sign, instrument = held.side.sign, self._book.instruments[symbol]
        notional = held.quantity * mark
        fee = held.entry_price * self._book.costs.taker_fee
        return PositionView(
            symbol,
            held,
            mark,
            unrealised=gross_pnl(sign, held.entry_price, mark, held.quantity),
            initial_margin=notional / self._book.ledger.leverage_of(symbol),
            maintenance_margin=instrument.maintenance_margin(notional),
            liquidation_price=liquidation_level(held, instrument) or _ZERO,
            break_even=held.entry_price + fee * sign,
            changed_ms=self._changed_ms.get(symbol, 0),
        )

    def positions(self, symbols: Iterable[str]) -> list[PositionView]:
        return [self.position(symbol) for symbol in symbols]

    def in_use(self) -> list[str]:
        """Symbols with a position or an open order."""
        desks = self._book.desks
        held = self._book.ledger.positions
        return [symbol for symbol in desks if symbol in held or desks[symbol].resting]

    def all_symbols(self) -> list[str]:
        return list(self._book.desks)

    # -- money --------------------------------------------------------------------------------

    @property
    def cross_wallet(self) -> Decimal:
        """Wallet that no position holds."""
        return self._book.ledger.available()

    def update(self, reason: str, at_ms: int, symbols: tuple[str, ...], change: Decimal) -> Message:
        """ACCOUNT_UPDATE of the wallet and these symbols' positions, as they are now."""
        self._wallet_changed_ms = at_ms
        return events.account_update(
            reason,
            at_ms,
            wallet=self._book.ledger.wallet,
            cross_wallet=self.cross_wallet,
            change=change,
            positions=[
                events.position_in_update(
                    view.symbol,
                    view.held,
                    break_even=view.break_even,
                    realised=self._realised.get(view.symbol, _ZERO),
                    unrealised=view.unrealised,
                )
                for view in self.positions(symbols)
            ],
            symbol=symbols[0] if reason == "FUNDING_FEE" else "",
        )

    def account(self, *, version: int) -> Json:
        """GET /fapi/v2/account and v3."""
        ledger = self._book.ledger
        views = self.positions(self.all_symbols() if version == 2 else self.in_use())
        unrealised = sum((view.unrealised for view in views), _ZERO)
        of_positions = sum((view.initial_margin for view in views), _ZERO)
        maintenance = sum((view.maintenance_margin for view in views), _ZERO)
        available = self._book.available()
        of_orders = self.cross_wallet - available
        asset = {
            "asset": "USDT",
            "walletBalance": money(ledger.wallet),
            "unrealizedProfit": money(unrealised),
            "marginBalance": money(ledger.wallet + unrealised),
            "maintMargin": rounded(maintenance),
            "initialMargin": rounded(of_positions + of_orders),
            "positionInitialMargin": rounded(of_positions),
            "openOrderInitialMargin": rounded(of_orders),
            "crossWalletBalance": money(self.cross_wallet),
            "crossUnPnl": money(_ZERO),
            "availableBalance": money(available),
            "maxWithdrawAmount": money(max(available, _ZERO)),
            "updateTime": self._wallet_changed_ms,
        }
        totals = {
            "totalInitialMargin": asset["initialMargin"],
            "totalMaintMargin": asset["maintMargin"],
            "totalWalletBalance": asset["walletBalance"],
            "totalUnrealizedProfit": asset["unrealizedProfit"],
            "totalMarginBalance": asset["marginBalance"],
            "totalPositionInitialMargin": asset["positionInitialMargin"],
            "totalOpenOrderInitialMargin": asset["openOrderInitialMargin"],
            "totalCrossWalletBalance": asset["crossWalletBalance"],
            "totalCrossUnPnl": asset["crossUnPnl"],
            "availableBalance": asset["availableBalance"],
            "maxWithdrawAmount": asset["maxWithdrawAmount"],
        }
        if version == 3:
            shown = [_in_account_v3(view) for view in views]
            return {**totals, "assets": [asset], "positions": shown}
        head = {
            "feeTier": 0,
            "feeBurn": False,
            "canTrade": True,
            "canDeposit": True,
            "canWithdraw": True,
            "updateTime": 0,
            "multiAssetsMargin": False,
            "tradeGroupId": -1,
        }
        return {
            **head,
            **totals,
            "assets": [{**asset, "marginAvailable": True}],
            "positions": [{**_in_account(view), **self._more_in_v2(view)} for view in views],
        }

    def _more_in_v2(self, view: PositionView) -> Json:
        return {
            "leverage": str(self._book.ledger.leverage_of(view.symbol)),
            "isolated": True,
            "entryPrice": _entry(view),
            "maxNotional": self.max_notional(view.symbol),
            "positionInitialMargin": rounded(view.initial_margin),
            **self._of_orders(view.symbol),
        }

    def _of_orders(self, symbol: str) -> Json:
        """What a symbol's limit orders are worth, and the margin that they hold."""
        limits = self._book.desks[symbol].limits()

        def worth(side: OrderSide) -> str:
            of_side = [order for order in limits if order.side is side]
            return rounded(sum((left_of(o) * (o.price or _ZERO) for o in of_side), _ZERO))

        return {
            "openOrderInitialMargin": rounded(self._book.reserved(symbol)),
            "bidNotional": worth(OrderSide.BUY),
            "askNotional": worth(OrderSide.SELL),
        }

    def balances(self) -> list[Json]:
        """GET /fapi/v2/balance and v3."""
        available = self._book.available()
        return [
            {
                "accountAlias": "SgsR",
                "asset": "USDT",
                "balance": money(self._book.ledger.wallet),
                "crossWalletBalance": money(self.cross_wallet),
                "crossUnPnl": money(_ZERO),
                "availableBalance": money(available),
                "maxWithdrawAmount": money(max(available, _ZERO)),
                "marginAvailable": True,
                "updateTime": self._wallet_changed_ms,
            }
        ]

    def position_risk(self, symbols: Iterable[str], *, version: int) -> list[Json]:
        """GET /fapi/v2/positionRisk and v3."""
        return [self._risk(view, version) for view in self.positions(symbols)]

    def _risk(self, view: PositionView, version: int) -> Json:
        shown: Json = {
            "symbol": view.symbol,
            "positionSide": "BOTH",
            "positionAmt": plain(view.amount),
            "entryPrice": _entry(view),
            "breakEvenPrice": plain(view.break_even),
            "markPrice": rounded(view.mark),
            "unRealizedProfit": money(view.unrealised),
            "liquidationPrice": rounded(view.liquidation_price) if view.liquidation_price else "0",
            "isolatedMargin": money(view.margin + view.unrealised),
            "notional": money(view.notional),
            "isolatedWallet": money(view.margin),
            "updateTime": view.changed_ms,
        }
        if version == 2:
            return shown | {
                "leverage": str(self._book.ledger.leverage_of(view.symbol)),
                "marginType": "isolated",
                "isAutoAddMargin": "false",
                "maxNotionalValue": self.max_notional(view.symbol),
            }
        return shown | {
            "marginAsset": "USDT",
            "initialMargin": rounded(view.initial_margin + self._book.reserved(view.symbol)),
            "maintMargin": rounded(view.maintenance_margin),
            "positionInitialMargin": rounded(view.initial_margin),
            "adl": 0 if view.held is None else 2,
            **self._of_orders(view.symbol),
        }

    def max_notional(self, symbol: str) -> str:
        """The largest position at the symbol's leverage."""
        leverage = self._book.ledger.leverage_of(symbol)
        largest = self._book.instruments[symbol].max_notional(leverage)
        return "1000000000" if largest is None else bare(largest)


def _in_account(view: PositionView) -> Json:
    return {
        "symbol": view.symbol,
        "positionSide": "BOTH",
        "positionAmt": plain(view.amount),
        "unrealizedProfit": money(view.unrealised),
        "initialMargin": rounded(view.initial_margin),
        "maintMargin": rounded(view.maintenance_margin),
        "updateTime": view.changed_ms,
    }


def _in_account_v3(view: PositionView) -> Json:
    return _in_account(view) | {
        "isolatedMargin": money(view.margin + view.unrealised),
        "notional": money(view.notional),
        "isolatedWallet": money(view.margin),
    }


def _entry(view: PositionView) -> str:
    return "0.0" if view.held is None else plain(view.held.entry_price)
