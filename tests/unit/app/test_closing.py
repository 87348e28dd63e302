"""A position closed without its bot: reduce-only, seen flat, our orders swept, others' left."""

from decimal import Decimal

from cointrader.app.closing import Closed, close_at_market
from cointrader.domain.errors import OutcomeUnknown, Rejected, Unreachable
from cointrader.domain.order import OrderKind, OrderSide, Side
from tests.unit.app.exchange_fakes import XRP, FakeExchange, JumpingClock, a_position, an_order


async def test_an_open_position_is_closed_at_market_and_only_our_orders_go():
    exchange = FakeExchange(
        positions={XRP: a_position(side=Side.SHORT, quantity="50")},
        orders={XRP: [an_order("ct-XRPUSDT-1-s0"), an_order("ctg-XRPUSDT-1"), an_order("mine")]},
    )

    closed = await close_at_market(exchange, JumpingClock(), XRP)

    assert closed == Closed(XRP, Decimal(50))
    (sent,) = exchange.placed
    assert (sent.side, sent.kind, sent.quantity) == (OrderSide.BUY, OrderKind.MARKET, Decimal(50))
    assert sent.reduce_only
    assert len(sent.client_order_id) <= 36
    assert exchange.ids(XRP) == ["mine"]


async def test_a_flat_symbol_is_only_swept():
    exchange = FakeExchange(orders={XRP: [an_order("ct-XRPUSDT-1-s0")]})

    closed = await close_at_market(exchange, JumpingClock(), XRP)

    assert str(closed) == "XRPUSDT: nothing was open"
    assert exchange.placed == []
    assert exchange.ids(XRP) == []


async def test_an_unknown_outcome_is_answered_by_the_position():
    exchange = FakeExchange(
        positions={XRP: a_position()},
        refusals=[OutcomeUnknown("no answer"), Unreachable("away")],
    )

    assert not (await close_at_market(exchange, JumpingClock(), XRP)).problem
    assert len({sent.client_order_id for sent in exchange.placed}) == 3


async def test_what_cannot_be_closed_is_said_with_the_reason():
    refused = [Rejected("not now", code="-4140") for _ in range(5)]
    exchange = FakeExchange(positions={XRP: a_position()}, refusals=list(refused))

    closed = await close_at_market(exchange, JumpingClock(), XRP)

    assert closed.problem == "NOT seen flat: the exchange refused: not now"
