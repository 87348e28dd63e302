import asyncio
from dataclasses import dataclass

import pytest

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


async def test_one_symbol_is_asked_for_by_name():
    exchange = Exchange()
    assert await Together(exchange.rows).of("XRPUSDT") == [Row("XRPUSDT")]
    assert exchange.asked == ["XRPUSDT"]


async def test_symbols_asked_for_in_one_moment_share_a_request_and_each_hears_its_own():
    exchange = Exchange()
    together = Together(exchange.rows)

    answers = await asyncio.gather(together.of("XRPUSDT"), together.of("DOGEUSDT"))

    assert list(answers) == [[Row("XRPUSDT")], [Row("DOGEUSDT")]]
    assert exchange.asked == [None]


async def test_whoever_asks_after_a_request_has_left_gets_a_newer_answer():
    exchange = Exchange()
    together = Together(exchange.rows)
    first = asyncio.create_task(together.of("XRPUSDT"))
    while not exchange.asked:
        await asyncio.sleep(0)

    await together.of("XRPUSDT")
    await first

    assert exchange.asked == ["XRPUSDT", "XRPUSDT"]


async def test_one_that_gives_up_does_not_take_the_answer_from_the_others():
    together = Together(Exchange().rows)
    gone, waiting = (asyncio.create_task(together.of(s)) for s in ("XRPUSDT", "TRXUSDT"))
    await asyncio.sleep(0)
    gone.cancel()

    assert await waiting == [Row("TRXUSDT")]


async def test_everybody_hears_that_the_exchange_did_not_answer():
    together = Together(Exchange(is_down=True).rows)

    answers = await asyncio.gather(
        together.of("XRPUSDT"), together.of("TRXUSDT"), return_exceptions=True
    )

    assert [type(answer) for answer in answers] == [Unreachable, Unreachable]
    with pytest.raises(Unreachable):
        await together.of("XRPUSDT")
