from __future__ import annotations

import pytest

from cointrader.domain.order import Leg, client_order_id
from cointrader.exchange.binance.order_ids import OrderIds


@pytest.mark.parametrize(
    ("leg", "is_conditional"),
    [
        (Leg.ENTRY, False),
        (Leg.CLOSE, False),
        (Leg.EMERGENCY, False),
        (Leg.STOP, True),
        (Leg.TARGET, True),
        (Leg.TRAIL, True),
    ],
)
def test_an_id_of_ours_says_where_its_order_lives(leg, is_conditional):
    assert OrderIds().is_conditional(client_order_id("XRPUSDT", 0, leg)) is is_conditional


def test_an_id_of_others_is_known_once_it_was_seen():
    ids = OrderIds()
    assert ids.is_conditional("web_1") is None

    ids.saw("web_1", is_conditional=True)

    assert ids.is_conditional("web_1") is True


def test_order_numbers_belong_to_one_symbol():
    ids = OrderIds()
    ids.names("XRPUSDT", 1, "a")

    assert ids.client_id("XRPUSDT", 1) == "a"
    assert ids.client_id("TRXUSDT", 1) is None


def test_the_memory_is_bounded_and_forgets_the_oldest():
    ids = OrderIds()
    for number in range(20_001):
        ids.names("XRPUSDT", number, str(number))

    assert ids.client_id("XRPUSDT", 0) is None
    assert ids.client_id("XRPUSDT", 1) == "1"
