from __future__ import annotations

import asyncio

import pytest

from cointrader.domain.errors import RateLimited
from cointrader.exchange.binance.rate_limit import ONE_ORDER, Limit, Pool, RateLimiter, weight
from tests.unit.exchange.binance.scripted import FakeClock

MINUTE = 60_000
T0 = 1_795_000_020_000  # the start of a minute


@pytest.fixture
def clock():
    return FakeClock(T0)


@pytest.fixture
def limiter(clock):
    return RateLimiter(clock)


async def test_calls_within_the_limit_do_not_wait(clock, limiter):
    for _ in range(38):
        await limiter.admit(weight(50), is_vital=False, patience_ms=0)

    assert limiter.used(Pool.WEIGHT) == 1_900
    assert clock.slept_ms == []


async def test_an_ordinary_call_waits_for_the_next_minute_when_four_fifths_are_used(clock, limiter):
    clock.at_ms += 20_000
    await limiter.admit(weight(1_920), is_vital=False, patience_ms=0)

    await limiter.admit(weight(1), is_vital=False, patience_ms=MINUTE)

    assert clock.slept_ms == [40_100]
    assert limiter.used(Pool.WEIGHT) == 1


async def test_a_vital_call_may_use_the_rest(clock, limiter):
    await limiter.admit(weight(1_920), is_vital=False, patience_ms=0)

    await limiter.admit(weight(480), is_vital=True, patience_ms=0)

    with pytest.raises(RateLimited) as refused:
        await limiter.admit(weight(1), is_vital=True, patience_ms=1_000)
    assert refused.value.retry_after_ms == 60_100


async def test_a_refused_call_is_not_counted(limiter):
    await limiter.admit(weight(1_920), is_vital=False, patience_ms=0)
    with pytest.raises(RateLimited):
        await limiter.admit(weight(100), is_vital=False, patience_ms=0)

    assert limiter.used(Pool.WEIGHT) == 1_920


async def test_orders_are_counted_in_both_their_windows(clock, limiter):
    for _ in range(300):
        await limiter.admit(ONE_ORDER, is_vital=True, patience_ms=0)

    with pytest.raises(RateLimited) as refused:
        await limiter.admit(ONE_ORDER, is_vital=True, patience_ms=0)
    assert refused.value.retry_after_ms == 10_100

    clock.at_ms += 10_000
    assert (limiter.used(Pool.ORDERS_10S), limiter.used(Pool.ORDERS_1M)) == (0, 300)


async def test_an_answer_that_counts_more_than_we_did_is_believed(clock, limiter):
    await limiter.admit(weight(5), is_vital=False, patience_ms=0)

    limiter.hear(
        {"X-MBX-USED-WEIGHT-1M": "2400", "X-MBX-ORDER-COUNT-10S": "7"}, sent_ms=clock.at_ms
    )

    assert limiter.used(Pool.WEIGHT) == 2_400
    assert limiter.used(Pool.ORDERS_10S) == 7
    with pytest.raises(RateLimited):
        await limiter.admit(weight(1), is_vital=True, patience_ms=0)


async def test_an_answer_that_counts_less_forgets_requests_on_their_way_and_is_not(clock, limiter):
    await limiter.admit(weight(50), is_vital=False, patience_ms=0)

    limiter.hear({"X-MBX-USED-WEIGHT-1M": "10"}, sent_ms=clock.at_ms)
    limiter.hear({"X-MBX-USED-WEIGHT-1M": "many"}, sent_ms=clock.at_ms)

    assert limiter.used(Pool.WEIGHT) == 50


async def test_an_answer_about_the_minute_before_says_nothing_about_this_one(clock, limiter):
    limiter.hear({"X-MBX-USED-WEIGHT-1M": "2400"}, sent_ms=clock.at_ms - 1)

    assert limiter.used(Pool.WEIGHT) == 0


async def test_silence_is_kept_by_everybody_until_it_ends(clock, limiter):
    limiter.be_silent(30_000)
    limiter.be_silent(10_000)

    with pytest.raises(RateLimited) as refused:
        await limiter.admit(weight(1), is_vital=True, patience_ms=1_000)
    assert refused.value.retry_after_ms == 30_000

    await limiter.admit(weight(1), is_vital=False, patience_ms=30_000)
    assert clock.slept_ms == [30_000]


async def test_the_exchange_may_declare_other_limits(limiter):
    limiter.set_limits({Pool.WEIGHT: Limit(MINUTE, 100)})

    await limiter.admit(weight(80), is_vital=False, patience_ms=0)
    with pytest.raises(RateLimited):
        await limiter.admit(weight(1), is_vital=False, patience_ms=0)


async def test_a_call_larger_than_its_share_still_goes_alone(limiter):
    await limiter.admit(weight(2_000), is_vital=False, patience_ms=0)

    assert limiter.used(Pool.WEIGHT) == 2_000


async def test_pools_do_not_share_a_budget(limiter):
    await limiter.admit({Pool.FUNDING: 400}, is_vital=False, patience_ms=0)

    await limiter.admit({Pool.STATISTICS: 800}, is_vital=False, patience_ms=0)
    assert limiter.used(Pool.WEIGHT) == 0
    with pytest.raises(RateLimited):
        await limiter.admit({Pool.FUNDING: 1}, is_vital=False, patience_ms=0)


async def test_many_who_wait_for_the_same_minute_do_not_pass_its_limit_together(clock, limiter):
    await limiter.admit(weight(1_900), is_vital=False, patience_ms=0)

    calls = [limiter.admit(weight(600), is_vital=False, patience_ms=4 * MINUTE) for _ in range(6)]
    await asyncio.gather(*calls)

    assert clock.at_ms - T0 >= 2 * MINUTE  # three of them a minute
