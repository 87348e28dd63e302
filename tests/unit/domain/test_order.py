"""What an order's kind and status say."""

from cointrader.domain.order import OrderKind, OrderStatus


def test_conditional_orders_are_those_that_wait_for_a_trigger():
    assert [kind.value for kind in OrderKind if not kind.is_conditional] == ["MARKET", "LIMIT"]


def test_order_lives_until_it_is_filled_or_ended():
    living = [status.value for status in OrderStatus if not status.is_final]

    assert living == ["NEW", "TRIGGERED", "PARTIALLY_FILLED"]
