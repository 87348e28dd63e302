"""The account book of a simulated exchange: wallet, positions, fees, funding, margin.

Pure values in Decimal, no clock and no event. Every amount is booked on a grid of 1e-18, so
sums are exact and ``wallet = deposits + gross - fees + funding`` holds to the last digit.
One-way mode: one position per symbol. The wallet may fall below zero; whoever wants a margin
check asks `added_margin` and `available` before the trade.
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
    """What trading costs, as fractions. The defaults are the default profile's."""

    taker_fee: Decimal = Decimal("0.0005")
    slippage: Decimal = Decimal("0.0002")


@dataclass(frozen=True, slots=True)
class Booked:
    """What one execution did to the wallet: `gross` is realised, `fee` was paid."""

    gross: Decimal
    fee: Decimal


class Ledger:
    """One account. Mutable, with one owner; no method awaits."""

    def __init__(self, balance: Decimal, *, taker_fee: Decimal, leverage: int) -> None:
        self.taker_fee = taker_fee
        self.leverage = Decimal(leverage)
        self.wallet = ZERO
        self.deposits = ZERO
        self.gross = ZERO
        self.fees = ZERO
        self.funding = ZERO
        self.positions: dict[str, Position] = {}
        self.deposit(balance)

    def deposit(self, amount: Decimal) -> None:
        """Money from outside; negative is a withdrawal."""
        amount = money(amount)
        self.deposits = _WIDE.add(self.deposits, amount)
        self.wallet = _WIDE.add(self.wallet, amount)

    def trade(
        self, symbol: str, side: OrderSide, quantity: Decimal, price: Decimal, at_ms: int
    ) -> Booked:
        """Book one execution: it opens, adds to, reduces, closes or flips the position."""
        held = self.positions.get(symbol)
        fee = money(quantity * price * self.taker_fee)
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
        self.gross = _WIDE.add(self.gross, gross)
        self.fees = _WIDE.add(self.fees, fee)
        self.wallet = _WIDE.add(self.wallet, _WIDE.subtract(gross, fee))
        return Booked(gross, fee)

    def settle(self, symbol: str, *, rate: Decimal, mark: Decimal) -> Decimal:
        """Book one funding settlement of an open position; negative was paid."""
        held = self.positions[symbol]
        amount = money(funding_payment(held.side.sign, held.quantity, mark, rate))
        self.funding = _WIDE.add(self.funding, amount)
        self.wallet = _WIDE.add(self.wallet, amount)
        return amount

    def equity(self, marks: Mapping[str, Decimal]) -> Decimal:
        """Wallet and unrealised profit; every open position needs a mark."""
        equity = self.wallet
        for symbol, held in self.positions.items():
            equity += gross_pnl(held.side.sign, held.entry_price, marks[symbol], held.quantity)
        return equity

    def margin_used(self) -> Decimal:
        """Isolated initial margin: set aside at the entry price, whatever the mark does."""
        return sum((self._margin(held) for held in self.positions.values()), ZERO)

    def available(self) -> Decimal:
        """Wallet that no position holds."""
        return self.wallet - self.margin_used()

    def added_margin(
        self, symbol: str, side: OrderSide, quantity: Decimal, price: Decimal
    ) -> Decimal:
        """Margin a trade would take on balance; zero or less when it only reduces."""
        held = self.positions.get(symbol)
        if held is None or held.side.entry is side:
            return money(quantity * price / self.leverage)
        if quantity <= held.quantity:
            return ZERO
        opening = money((quantity - held.quantity) * price / self.leverage)
        return opening - self._margin(held)

    def _margin(self, held: Position) -> Decimal:
        return money(held.quantity * held.entry_price / self.leverage)

    def _open(
        self, symbol: str, side: OrderSide, quantity: Decimal, price: Decimal, at_ms: int
    ) -> None:
        held = Side.LONG if side is OrderSide.BUY else Side.SHORT
        self.positions[symbol] = Position(symbol, held, quantity, price, at_ms)

    def _add(self, held: Position, quantity: Decimal, price: Decimal) -> None:
        total = held.quantity + quantity
        average = (held.quantity * held.entry_price + quantity * price) / total
        self.positions[held.symbol] = replace(held, quantity=total, entry_price=average)

    def _reduce(self, held: Position, quantity: Decimal) -> None:
        left = held.quantity - quantity
        if left:
            self.positions[held.symbol] = replace(held, quantity=left)
        else:
            del self.positions[held.symbol]


def money(amount: Decimal) -> Decimal:
    """`amount` on the booking grid; never a negative zero."""
    return _WIDE.add(amount.quantize(_GRID, context=_WIDE), ZERO)
