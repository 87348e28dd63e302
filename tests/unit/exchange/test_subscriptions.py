from __future__ import annotations

import asyncio

import pytest

from cointrader.domain.errors import StaleData
from cointrader.exchange.subscriptions import Hub, Subscription


async def test_subscriber_that_fell_behind_is_dropped_and_the_other_hears_all():
    slow: Subscription[int] = Subscription("slow", limit=2)
    quick: Subscription[int] = Subscription("quick", limit=2)
    hub: Hub[Subscription[int]] = Hub()
    hub.add(slow)
    hub.add(quick)
    heard = []
    for number in range(5):
        hub.offer(number)
        heard.append(await anext(quick))

    assert heard == [0, 1, 2, 3, 4]
    with pytest.raises(StaleData, match="fell behind") as caught:
        await anext(slow)
    assert caught.value.where == "slow"
    assert hub.live() == [quick]


async def test_reader_that_waits_hears_why_it_is_dropped():
    subscription: Subscription[int] = Subscription("test")
    reader = asyncio.ensure_future(anext(subscription))
    await asyncio.sleep(0)
    subscription.fail(StaleData("too old"))

    with pytest.raises(StaleData, match="too old"):
        await reader
