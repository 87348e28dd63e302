"""The account book of a simulated exchange: wallet, positions, isolated margin, fees, funding.

Pure values in Decimal, no clock and no event. Every amount is booked on a grid of 1e-18, so
sums are exact and ``wallet = deposits - withdrawals + gross - fees + funding`` holds to the last
digit. One-way mode: one position per symbol, each with its isolated wallet. The wallet may fall
below zero; whoever wants a margin check asks `added_margin` and `available` before the trade.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Context, Decimal

from cointrader.domain.order import OrderSide, Side
from cointrader.domain.position import Position, funding_payment, gross_pnl

ZERO = Decimal(0)
_GRID = Decimal("1e-18")
_WIDE = Context(prec=60)  # the default of 28 digits would round the sums of a large account


@dataclass(frozen=True, slots=True)
class Costs:
    """What trading costs, as fractions. The defaults are the default profile's.

    `maker_fee` is of limit orders that rested; the taker's where it is not given.
    """

    taker_fee: Decimal = Decimal("0.0005")
    slippage: Decimal = Decimal("0.0002")
    maker_fee: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Booked:
    """What one execution did to the wallet: `gross` is realised, `fee` was paid."""

    gross: Decimal
    fee: Decimal


class Ledger:
    """One account. Mutable, with one owner; no method awaits.

    `leverage` is that of symbols which `leverages` does not name.
    """

    def __init__(self, balance: Decimal, *, leverage: int) -> None:
        self.leverage = leverage
        self.leverages: dict[str, int] = {}
        self.wallet = self.initial = self.deposits = money(balance)
        self.withdrawals = ZERO
        self.gross = ZERO
        self.fees = ZERO
        self.funding = ZERO
        self.positions: dict[str, Position] = {}

    @property
    def transfers(self) -> Decimal:
        """Deposits less withdrawals since the start, the initial balance not among them."""
        return _WIDE.subtract(_WIDE.subtract(self.deposits, self.initial), self.withdrawals)

    def deposit(self, amount: Decimal) -> None:
        """Money from outside."""
        amount = money(amount)
        self.deposits = _WIDE.add(self.deposits, amount)
        self.wallet = _WIDE.add(self.wallet, amount)

    def withdraw(self, amount: Decimal) -> None:
        """Money that leaves; whether it is there, the caller has asked."""
        amount = money(amount)
        self.withdrawals = _WIDE.add(self.withdrawals, amount)
        self.wallet = _WIDE.subtract(self.wallet, amount)

    def refund_fee(self, amount: Decimal) -> None:
        """A fee that was booked is paid otherwise."""
        amount = money(amount)
        self.fees = _WIDE.subtract(self.fees, amount)
        self.wallet = _WIDE.add(self.wallet, amount)

    def leverage_of(self, symbol: str) -> int:
        return self.leverages.get(symbol, self.leverage)

    def trade(
        self,
        symbol: str,
        side: OrderSide,
        quantity: Decimal,
        price: Decimal,
        at_ms: int,
        *,
        fee_ratio: Decimal,
    ) -> Booked:
        """Book one execution: it opens, adds to, reduces, closes or flips the position."""
        held = self.positions.get(symbol)
        fee = money(quantity * price * fee_ratio)
        gross = ZERO
        if held is None:
            self._open(symbol, side, quantity, price, at_ms)
        elif held.side.entry is side:
            self._add(held, quantity, price)
        else:
            closing = min(quantity, held.quantity)
            gross = money(gross_pnl(held.side.sign, held.entry_price, price, closing))
            self._reduce(held, closing)
            if quantity > closing:
                self._open(symbol, side, quantity - closing, price, at_ms)
        return self._book(gross, fee)

    def liquidate(self, symbol: str, price: Decimal, *, fee_ratio: Decimal) -> Booked:
        """Close a position for exactly its isolated wallet, `price` being its bankruptcy price."""
        held = self.positions.pop(symbol)
        fee = money(held.quantity * price * fee_ratio)
        return self._book(_WIDE.subtract(fee, held.margin), fee)

    def settle(self, symbol: str, *, rate: Decimal, mark: Decimal) -> Decimal:
        """Book one funding settlement of an open position; negative was paid."""
        held = self.positions[symbol]
        amount = money(funding_payment(held.side.sign, held.quantity, mark, rate))
        self.positions[symbol] = replace(held, margin=_WIDE.add(held.margin, amount))
        self.funding = _WIDE.add(self.funding, amount)
        self.wallet = _WIDE.add(self.wallet, amount)
        return amount

    def equity(self, marks: Mapping[str, Decimal]) -> Decimal:
        """Wallet and unrealised profit; every open position needs a mark."""
        equity = self.wallet
        for symbol, held in self.positions.items():
            equity += gross_pnl(held.side.sign, held.entry_price, marks[symbol], held.quantity)
        return equity

    def available(self) -> Decimal:
        """Wallet that no position holds."""
        available = self.wallet
        for held in self.positions.values():
            available = _WIDE.subtract(available, held.margin)
        return available

    def added_margin(
        self, symbol: str, side: OrderSide, quantity: Decimal, price: Decimal
    ) -> Decimal:
        """Margin a trade would take on balance; zero or less when it only reduces."""
        held = self.positions.get(symbol)
        if held is None or held.side.entry is side:
            return self._initial_margin(symbol, quantity, price)
        if quantity <= held.quantity:
            return ZERO
        return self._initial_margin(symbol, quantity - held.quantity, price) - held.margin

    def _initial_margin(self, symbol: str, quantity: Decimal, price: Decimal) -> Decimal:
        return money(quantity * price / self.leverage_of(symbol))

    def _book(self, gross: Decimal, fee: Decimal) -> Booked:
        self.gross = _WIDE.add(self.gross, gross)
        self.fees = _WIDE.add(self.fees, fee)
        self.wallet = _WIDE.add(self.wallet, _WIDE.subtract(gross, fee))
        return Booked(gross, fee)

    def _open(
        self, symbol: str, side: OrderSide, quantity: Decimal, price: Decimal, at_ms: int
    ) -> None:
        held = Side.LONG if side is OrderSide.BUY else Side.SHORT
        margin = self._initial_margin(symbol, quantity, price)
        self.positions[symbol] = Position(symbol, held, quantity, price, at_ms, margin=margin)

    def _add(self, held: Position, quantity: Decimal, price: Decimal) -> None:
        total = held.quantity + quantity
        average = (held.quantity * held.entry_price + quantity * price) / total
        margin = _WIDE.add(held.margin, self._initial_margin(held.symbol, quantity, price))
        self.positions[held.symbol] = replace(
            held, quantity=total, entry_price=average, margin=margin
        )

    def _reduce(self, held: Position, quantity: Decimal) -> None:
        left = held.quantity - quantity
        if left:
            margin = money(held.margin * left / held.quantity)
            self.positions[held.symbol] = replace(held, quantity=left, margin=margin)
        else:
            del self.positions[held.symbol]


def money(amount: Decimal) -> Decimal:
    """`amount` on the booking grid; never a negative zero."""
    return _WIDE.add(amount.quantize(_GRID, context=_WIDE), ZERO)
