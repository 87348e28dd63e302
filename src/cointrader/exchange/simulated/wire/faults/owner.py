"""What the account's owner does by hand, in another program, while a bot trades."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal
from typing import Any

from cointrader.domain.errors import Rejected
from cointrader.domain.order import OrderKind, OrderRequest, OrderSide
from cointrader.exchange.simulated.wire.events import Message
from cointrader.exchange.simulated.wire.faults import calls
from cointrader.exchange.simulated.wire.faults.fault import Act, Fault
from cointrader.exchange.simulated.wire.faults.market import a_position, a_symbol
from cointrader.exchange.simulated.wire.faults.parameters import any_of, chosen, number, symbol
from cointrader.exchange.simulated.wire.orders import AlgoOrder, Terms
from cointrader.exchange.simulated.wire.passage import Request
from cointrader.exchange.simulated.wire.refusals import Answer, answer_to, refused

_PREFIX = "web_"  # as of orders that are sent from the exchange's own pages
_SIDE = any_of("buy", ("buy", "sell"), "buy or sell")
_NOTIONAL = number("20", "what it is worth, in USDT", least=1, most=1e9)


class _ByHand(Act):
    """An order of the owner's."""

    async def act(self) -> bool:
        request = self.order()
        if request is None:
            return False
        venue = self.scene.venue
        try:
            with venue.recorder.placing(Terms()):
                await venue.exchange.place(request)
        except Rejected as error:
            self.note(request.symbol, f"refused with {error.code}: {error.what}")
            return False
        self.note(request.symbol, _in_words(request))
        return True

    def order(self) -> OrderRequest | None:
        """What to send; None where it makes no sense now."""
        raise NotImplementedError

    def made(self, about: str, side: OrderSide, quantity: Decimal, **more: Any) -> OrderRequest:
        number_drawn = self.chance.getrandbits(48)
        kind = more.pop("kind", OrderKind.MARKET)
        client_id = f"{_PREFIX}{number_drawn:012x}"
        return OrderRequest(
            client_order_id=client_id,
            symbol=about,
            side=side,
            kind=kind,
            quantity=quantity,
            **more,
        )

    def worth(self, about: str) -> Decimal:
        """A quantity of `notional`, on the step, at least the least one."""
        venue = self.scene.venue
        instrument, price = venue.market.instrument(about), venue.market.last(about)
        quantity = _down(self.ratio("notional") / price, instrument.step_size)
        return max(quantity, instrument.min_quantity or quantity)

    def price(self, about: str, ratio: Decimal) -> Decimal:
        """The last price times `ratio`, on the tick."""
        tick = self.scene.venue.market.instrument(about).tick_size
        return _down(self.scene.venue.market.last(about) * ratio, tick)


class ManualClose(_ByHand):
    name = "manual-close"
    summary = "the owner closes a position at market"
    parameters = chosen(symbol=symbol())

    def order(self) -> OrderRequest | None:
        held = a_position(self)
        if held is None:
            return None
        return self.made(held.symbol, held.side.exit, held.quantity, reduce_only=True)


class ManualPartialClose(_ByHand):
    name = "manual-partial-close"
    summary = "the owner closes a part of a position at market"
    parameters = chosen(
        ratio=number("0.5", "of the position", least=0.01, most=0.99),
        symbol=symbol(),
    )

    def order(self) -> OrderRequest | None:
        held = a_position(self)
        if held is None:
            return None
        step = self.scene.venue.market.instrument(held.symbol).step_size
        quantity = _down(held.quantity * self.ratio("ratio"), step)
        if not quantity:
            return None
        return self.made(held.symbol, held.side.exit, quantity, reduce_only=True)


class ManualEntry(_ByHand):
    name = "manual-entry"
    summary = "the owner opens a position, or adds to one, at market"
    parameters = chosen(side=_SIDE, notional=_NOTIONAL, symbol=symbol())

    def order(self) -> OrderRequest | None:
        about = a_symbol(self)
        return None if about is None else self.made(about, _side(self), self.worth(about))


class ManualLimit(_ByHand):
    name = "manual-limit"
    summary = "the owner rests a limit order away from the price"
    parameters = chosen(
        side=_SIDE,
        notional=_NOTIONAL,
        ratio=number("0.03", "how far from the price", least=0.0001, most=0.04),
        symbol=symbol(),
    )

    def order(self) -> OrderRequest | None:
        about = a_symbol(self)
        if about is None:
            return None
        side, away = _side(self), self.ratio("ratio")
        price = self.price(about, 1 - away if side is OrderSide.BUY else 1 + away)
        return self.made(about, side, self.worth(about), kind=OrderKind.LIMIT, price=price)


class ManualStop(_ByHand):
    name = "manual-stop"
    summary = "the owner rests a reduce-only stop of a position"
    parameters = chosen(
        ratio=number("0.03", "how far from the price", least=0.0001, most=0.5),
        symbol=symbol(),
    )

    def order(self) -> OrderRequest | None:
        held = a_position(self)
        if held is None:
            return None
        trigger = self.price(held.symbol, 1 - held.side.sign * self.ratio("ratio"))
        return self.made(
            held.symbol,
            held.side.exit,
            held.quantity,
            kind=OrderKind.STOP_MARKET,
            trigger_price=trigger,
            reduce_only=True,
        )


class StopCancelledByHand(Act):
    name = "stop-cancelled-by-hand"
    summary = "the owner cancels a stop of ours"
    parameters = chosen(
        kind=any_of("stop", ("stop", "target"), "which of the two"),
        symbol=symbol(),
    )

    async def act(self) -> bool:
        venue = self.scene.venue
        found = [algo for algo in venue.recorder.open_algo() if self._is_wanted(algo)]
        if not found:
            return False
        algo = self.chance.choice(found)
        await venue.exchange.cancel(algo.symbol, algo.client_id)
        self.note(f"{algo.symbol} {algo.client_id}", "cancelled by hand")
        return True

    def _is_wanted(self, algo: AlgoOrder) -> bool:
        is_target = algo.report.kind is OrderKind.TAKE_PROFIT_MARKET
        kind = "target" if is_target else "stop"
        is_ours = not algo.client_id.startswith(_PREFIX)
        is_open = algo.status == "NEW"
        return is_ours and is_open and kind in self.words("kind") and self.is_about(algo.symbol)


class LeverageChanged(Act):
    name = "leverage-changed"
    summary = "the owner sets another leverage"
    parameters = chosen(
        leverage=number("20", "the new one", least=1, most=125),
        symbol=symbol(),
    )

    async def act(self) -> bool:
        about = a_symbol(self)
        if about is None:
            return False
        leverage = self.whole("leverage")
        if leverage == self.scene.venue.exchange.book.ledger.leverage_of(about):
            return False
        try:
            self.scene.venue.set_leverage(about, leverage)
        except Rejected as error:
            self.note(about, f"leverage {leverage} refused with {error.code}")
            return False
        self.note(about, f"leverage {leverage}")
        return True


class MarginTypeChanged(Act):
    name = "margin-type-changed"
    summary = "the owner sets a symbol to cross margin, while it is flat and without orders"
    parameters = chosen(symbol=symbol())

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._crossed: set[str] = set()

    async def act(self) -> bool:
        about = a_symbol(self, but=[*self.scene.venue.account.in_use(), *self._crossed])
        if about is None:
            return False
        self._crossed.add(about)
        self.note(about, "cross margin; told so until it is set to ISOLATED")
        return True

    async def request(self, request: Request) -> Answer | None:
        about = calls.symbol_of(request, self.scene.venue)
        if about not in self._crossed or not request.path.endswith("/marginType"):
            return None
        if calls.said(request, "marginType") == "CROSSED":
            return answer_to(refused(-4046, "No need to change margin type."))
        self._crossed.discard(about)
        self.note(about, "isolated again")
        return Answer(200, {"code": 200, "msg": "success"})

    async def answer(self, request: Request, answer: Answer) -> Answer:
        told = {"/symbolConfig": "CROSSED", "/positionRisk": "cross"}
        path = calls.route_of(request)[1]
        name = next((name for end, name in told.items() if path.endswith(end)), None)
        if name is None or answer.status != 200 or not self._crossed:
            return answer
        body: Any = deepcopy(answer.body)
        for row in body:
            if row["symbol"] in self._crossed and "marginType" in row:
                row["marginType"] = name
        return replace(answer, body=body)

    def event(self, message: Message) -> Sequence[Message]:
        if message["e"] != "ACCOUNT_UPDATE" or not self._crossed:
            return (message,)
        told = deepcopy(message)
        for position in told["a"]["P"]:
            if position["s"] in self._crossed:
                position["mt"] = "cross"
        return (told,)

    def lifted(self) -> None:
        self._crossed.clear()


class PositionModeChanged(Act):
    name = "position-mode-changed"
    summary = "the owner switches to hedge mode while flat: orders get -4061 until it is put back"

    _is_hedged = False

    async def act(self) -> bool:
        if self._is_hedged or self.scene.venue.account.in_use():
            return False  # the real exchange refuses it too
        self._is_hedged = True
        self.note("the account", "hedge mode")
        return True

    async def request(self, request: Request) -> Answer | None:
        if not self._is_hedged:
            return None
        method, path = calls.route_of(request)
        if path.endswith("/positionSide/dual") and method == "POST":
            if calls.said(request, "dualSidePosition").lower() == "true":
                return answer_to(refused(-4059, "No need to change position side."))
            self._is_hedged = False
            self.note("the account", "one-way mode again")
            return Answer(200, {"code": 200, "msg": "success"})
        if "place" in calls.kinds_of(request, self.scene.venue):
            self.note(calls.in_words(request), "refused with -4061")
            text = "Order's position side does not match user's setting."
            return answer_to(refused(-4061, text))
        return None

    async def answer(self, request: Request, answer: Answer) -> Answer:
        method, path = calls.route_of(request)
        is_told = path.endswith(("/positionSide/dual", "/accountConfig"))
        if not self._is_hedged or method != "GET" or answer.status != 200 or not is_told:
            return answer
        body: Any = answer.body
        return replace(answer, body={**body, "dualSidePosition": True})

    def lifted(self) -> None:
        self._is_hedged = False


class _Transfer(Act):
    parameters = chosen(amount=number("100", "in USDT", least=0.01, most=1e9))


class Deposit(_Transfer):
    name = "deposit"
    summary = "money comes"

    async def act(self) -> bool:
        amount = self.ratio("amount")
        self.scene.venue.deposit(amount)
        self.note("the wallet", f"{amount} USDT came")
        return True


class Withdrawal(_Transfer):
    name = "withdrawal"
    summary = "money leaves, as soon as that much is available"

    async def act(self) -> bool:
        amount = self.ratio("amount")
        try:
            self.scene.venue.withdraw(amount)
        except Rejected:
            return False
        self.note("the wallet", f"{amount} USDT left")
        return True


def _side(fault: Fault) -> OrderSide:
    return OrderSide(fault.chance.choice(sorted(fault.words("side"))).upper())


def _down(value: Decimal, step: Decimal | None) -> Decimal:
    if step is None:
        return value
    return (value / step).quantize(Decimal(1), rounding=ROUND_DOWN) * step


def _in_words(request: OrderRequest) -> str:
    kind = request.kind.value.replace("_", " ").lower()
    at = request.price or request.trigger_price
    return f"{request.side.value.lower()} {request.quantity} by hand, {kind}" + (
        f" at {at}" if at else ""
    )


KINDS: tuple[type[Fault], ...] = (
    ManualClose,
    ManualPartialClose,
    ManualEntry,
    ManualLimit,
    ManualStop,
    StopCancelledByHand,
    LeverageChanged,
    MarginTypeChanged,
    PositionModeChanged,
    Deposit,
    Withdrawal,
)
