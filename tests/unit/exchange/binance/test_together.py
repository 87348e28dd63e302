import asyncio
from dataclasses import dataclass

import pytest

from cointrader.app.virtual_time import LoopClock
from cointrader.domain.errors import Unreachable
from cointrader.exchange.binance.together import Together


@dataclass(frozen=True)
class Row:
    symbol: str


class Exchange:
    """Answers with one row per symbol, and remembers what it was asked."""

    def __init__(self, *, is_down: bool = False) -> None:
        self.asked: list[str | None] = []
        self.is_down = is_down

    async def rows(self, symbol: str | None) -> list[Row]:
        self.asked.append(symbol)
        await asyncio.sleep(0.001)
        if self.is_down:
            raise Unreachable("no route")
        return [Row(each) for each in ("XRPUSDT", "TRXUSDT", "DOGEUSDT") if symbol in (None, each)]


def begin(asking, *, name):
    """A task of its own, whose failure need not be heard by anybody."""
    task = asyncio.create_task(asking, name=name)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


def together_of(exchange: Exchange) -> Together[Row]:
    return Together(exchange.rows, LoopClock(), begin=begin)


async def test_one_symbol_is_asked_for_by_name():
    exchange = Exchange()
    assert await together_of(exchange).of("XRPUSDT") == [Row("XRPUSDT")]
    assert exchange.asked == ["XRPUSDT"]


async def test_symbols_asked_for_in_one_moment_share_a_request_and_each_hears_its_own():
    exchange = Exchange()
    together = together_of(exchange)

    answers = await asyncio.gather(together.of("XRPUSDT"), together.of("DOGEUSDT"))

    assert list(answers) == [[Row("XRPUSDT")], [Row("DOGEUSDT")]]
    assert exchange.asked == [None]


async def test_whoever_asks_after_a_request_has_left_gets_a_newer_answer():
    exchange = Exchange()
    together = together_of(exchange)
    first = asyncio.create_task(together.of("XRPUSDT"))
    while not exchange.asked:
        await asyncio.sleep(0)

    await together.of("XRPUSDT")
    await first

    assert exchange.asked == ["XRPUSDT", "XRPUSDT"]


async def test_one_that_gives_up_does_not_take_the_answer_from_the_others():
    together = together_of(Exchange())
    gone, waiting = (asyncio.create_task(together.of(s)) for s in ("XRPUSDT", "TRXUSDT"))
    await asyncio.sleep(0)
    gone.cancel()

    assert await waiting == [Row("TRXUSDT")]


async def test_everybody_hears_that_the_exchange_did_not_answer():
    together = together_of(Exchange(is_down=True))

    answers = await asyncio.gather(
        together.of("XRPUSDT"), together.of("TRXUSDT"), return_exceptions=True
    )

    assert [type(answer) for answer in answers] == [Unreachable, Unreachable]
    with pytest.raises(Unreachable):
        await together.of("XRPUSDT")


async def test_a_look_ahead_answers_whoever_asks_for_that_moment_or_an_earlier_one():
    exchange, clock = Exchange(), LoopClock()
    together = Together(exchange.rows, clock, begin=begin)
    before_ms = clock.now_ms()
    together.look_ahead(1_000)

    answers = [await together.of(s, since_ms=before_ms) for s in ("XRPUSDT", "TRXUSDT")]

    assert answers == [[Row("XRPUSDT")], [Row("TRXUSDT")]]
    assert exchange.asked == [None]


async def test_a_look_ahead_is_too_old_for_what_happened_after_it():
    exchange, clock = Exchange(), LoopClock()
    together = Together(exchange.rows, clock, begin=begin)
    together.look_ahead(1_000)
    await clock.sleep_ms(5)

    await together.of("XRPUSDT", since_ms=clock.now_ms())
    await together.of("XRPUSDT")

    assert exchange.asked == [None, "XRPUSDT", "XRPUSDT"]


async def test_one_look_ahead_is_enough_for_all_who_would_begin_one_in_a_moment():
    exchange = Exchange()
    together = together_of(exchange)
    for _ in range(3):
        together.look_ahead(1_000)
        await asyncio.sleep(0.002)

    assert exchange.asked == [None]


async def test_after_a_look_ahead_that_failed_the_exchange_is_asked_again():
    exchange, clock = Exchange(is_down=True), LoopClock()
    together = Together(exchange.rows, clock, begin=begin)
    before_ms = clock.now_ms()
    together.look_ahead(1_000)
    await asyncio.sleep(0.005)
    exchange.is_down = False

    assert await together.of("XRPUSDT", since_ms=before_ms) == [Row("XRPUSDT")]
    assert exchange.asked == [None, "XRPUSDT"]
