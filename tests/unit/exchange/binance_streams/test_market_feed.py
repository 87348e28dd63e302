from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal

import aiohttp
import pytest

from cointrader.domain.candle import Candle
from cointrader.domain.errors import ConfigError
from cointrader.domain.events import CandleClosed
from cointrader.domain.ports import MarketFeed, Quote
from cointrader.exchange.binance.connection import StreamLimits
from cointrader.exchange.binance.market_feed import MultiSymbolStream, RepairRules
from tests.unit.exchange.binance_streams.fakes import (
    M15,
    QUICK,
    T0,
    JumpingClock,
    ScriptedExchange,
    StoredCandles,
    a_candle,
    a_kline,
    an_exchange,
    hears_nothing,
    open_times,
    opens,
    running,
    told,
    until,
)

REPAIR = RepairRules(grace_ms=100, pause_ms=10)


class Setup:
    """A feed of XRPUSDT and BTCUSDT over a scripted exchange, its clock and its history."""

    def __init__(
        self,
        exchange: ScriptedExchange,
        session: aiohttp.ClientSession,
        *,
        symbols: Sequence[str] = ("XRPUSDT", "BTCUSDT"),
        limits: StreamLimits = QUICK,
        repair: RepairRules = REPAIR,
        with_quotes: bool = False,
        on_mark: Callable[[str, float], None] | None = None,
    ) -> None:
        self.exchange = exchange
        self.bars: list[tuple[int, bool]] = []  # number, whether it had closed
        self.clock = JumpingClock(T0 + 1_000)  # a line that is up when a bar opens heard all of it
        self.history = StoredCandles()
        self.feed = MultiSymbolStream(
            symbols,
            "15m",
            url=exchange.url,
            session=session,
            history=self.history,
            clock=self.clock,
            limits=limits,
            repair=repair,
            with_quotes=with_quotes,
            on_bar=self.hear_bar,
            on_mark=on_mark,
        )

    def hear_bar(self, candle: Candle, is_closed: bool) -> None:
        self.bars.append(((candle.open_time_ms - T0) // M15, is_closed))


@asynccontextmanager
async def a_setup(**terms):
    async with an_exchange() as exchange, aiohttp.ClientSession() as session:
        setup = Setup(exchange, session, **terms)
        async with running(setup.feed.run()):
            yield setup


async def test_final_frames_are_told_to_those_who_asked_for_the_symbol():
    async with a_setup() as s:
        xrp, both = s.feed.candles(["XRPUSDT"]), s.feed.candles(["XRPUSDT", "BTCUSDT"])
        visit = await s.exchange.subscribed(1)
        await visit.say(a_kline("XRPUSDT", 0, is_final=False))
        await visit.say(a_kline("XRPUSDT", 0))
        await visit.say(a_kline("BTCUSDT", 0))

        assert await told(both, 2) == [
            CandleClosed(a_candle("XRPUSDT", 0)),
            CandleClosed(a_candle("BTCUSDT", 0)),
        ]
        assert await told(xrp, 1) == [CandleClosed(a_candle("XRPUSDT", 0))]
        assert await hears_nothing(xrp)
        assert visit.path == "/market/stream"
        assert visit.streams == ["xrpusdt@kline_15m", "btcusdt@kline_15m"]
        assert len(s.exchange.visits) == 1


async def test_duplicate_and_out_of_order_frames_give_each_candle_once_and_in_order():
    async with a_setup() as s:
        candles = s.feed.candles(["XRPUSDT"])
        visit = await s.exchange.subscribed(1)
        for bar in (0, 0, 2, 1, 2, 0, 3):
            await visit.say(a_kline("XRPUSDT", bar))

        assert await open_times(candles, 4) == [0, 1, 2, 3]
        assert await hears_nothing(candles)


async def test_bars_missed_while_reconnecting_are_fetched_before_the_next_one_is_told():
    async with a_setup() as s:
        candles = s.feed.candles(["XRPUSDT"])
        visit = await s.exchange.subscribed(1)
        await visit.say(a_kline("XRPUSDT", 0))
        assert await open_times(candles, 1) == [0]
        await visit.say(a_kline("XRPUSDT", 1, is_final=False))
        await visit.cut()
        s.history.candles = [a_candle("XRPUSDT", bar) for bar in range(4)]
        second = await s.exchange.subscribed(2)
        await second.say(a_kline("XRPUSDT", 3))

        assert await open_times(candles, 3) == [1, 2, 3]
        assert s.history.asked[0] == ("XRPUSDT", opens(3), 2)


async def test_bars_that_closed_while_the_line_was_down_are_fetched_at_once_after_it_is_up():
    async with a_setup() as s:
        candles = s.feed.candles(["XRPUSDT"])
        visit = await s.exchange.subscribed(1)
        s.exchange.acknowledges = False
        await visit.cut()
        await s.exchange.visit(2)
        s.history.candles = [a_candle("XRPUSDT", 0), a_candle("XRPUSDT", 1)]
        s.clock.jump_to(opens(2) + 200)

        assert await open_times(candles, 2) == [0, 1]


async def test_final_frame_that_never_comes_is_fetched_after_the_close_and_a_grace():
    async with a_setup() as s:
        candles = s.feed.candles(["XRPUSDT"])
        await s.exchange.subscribed(1)
        s.history.candles = [a_candle("XRPUSDT", 0)]
        s.clock.jump_to(opens(1) + 20)
        assert await hears_nothing(candles, for_s=0.03)  # within the grace

        assert await open_times(candles, 1) == [0]
        assert s.clock.now_ms() >= opens(1) + REPAIR.grace_ms


async def test_late_final_frame_of_a_fetched_candle_is_not_told_again():
    async with a_setup() as s:
        candles = s.feed.candles(["XRPUSDT"])
        visit = await s.exchange.subscribed(1)
        s.history.candles = [a_candle("XRPUSDT", 0)]
        s.clock.jump_to(opens(1) + 200)
        assert await open_times(candles, 1) == [0]
        await visit.say(a_kline("XRPUSDT", 0))
        await visit.say(a_kline("XRPUSDT", 1))

        assert await open_times(candles, 1) == [1]


async def test_history_that_does_not_answer_is_asked_again():
    async with a_setup() as s:
        candles = s.feed.candles(["XRPUSDT"])
        visit = await s.exchange.subscribed(1)
        s.history.candles = [a_candle("XRPUSDT", 0)]
        s.history.failures = 2
        await visit.say(a_kline("XRPUSDT", 1))

        assert await open_times(candles, 2) == [0, 1]
        assert len(s.history.asked) == 3


async def test_history_that_lags_behind_is_asked_again():
    async with a_setup(repair=replace(REPAIR, pause_ms=40)) as s:
        candles = s.feed.candles(["XRPUSDT"])
        visit = await s.exchange.subscribed(1)
        s.history.candles = [a_candle("XRPUSDT", -1)]
        await visit.say(a_kline("XRPUSDT", 1))
        assert await hears_nothing(candles, for_s=0.02)
        s.history.candles.append(a_candle("XRPUSDT", 0))

        assert await open_times(candles, 2) == [0, 1]


async def test_candle_that_the_exchange_does_not_have_is_skipped_after_some_tries():
    async with a_setup() as s:
        candles = s.feed.candles(["XRPUSDT"])
        visit = await s.exchange.subscribed(1)
        await visit.say(a_kline("XRPUSDT", 1))

        assert await open_times(candles, 1) == [1]
        assert len(s.history.asked) == REPAIR.tries


async def test_gap_is_kept_while_history_is_away_and_filled_after_the_next_close():
    async with a_setup() as s:
        candles = s.feed.candles(["XRPUSDT"])
        visit = await s.exchange.subscribed(1)
        s.history.failures = REPAIR.tries
        await visit.say(a_kline("XRPUSDT", 1))
        await until(lambda: not s.history.failures)
        assert await hears_nothing(candles, for_s=0.2)
        s.history.candles = [a_candle("XRPUSDT", 0)]
        s.clock.jump_to(opens(2) + 200)

        assert await open_times(candles, 2) == [0, 1]


async def test_impossible_candle_is_not_believed_and_fetched_instead():
    async with a_setup() as s:
        candles = s.feed.candles(["XRPUSDT"])
        visit = await s.exchange.subscribed(1)
        await visit.say(a_kline("XRPUSDT", 0, h="98.0"))
        await visit.say(a_kline("XRPUSDT", 1, l="nan"))
        s.history.candles = [a_candle("XRPUSDT", 0), a_candle("XRPUSDT", 1)]
        await visit.say(a_kline("XRPUSDT", 2))

        assert await open_times(candles, 3) == [0, 1, 2]


async def test_message_that_cannot_be_read_stops_nothing():
    async with a_setup() as s:
        candles = s.feed.candles(["XRPUSDT"])
        visit = await s.exchange.subscribed(1)
        await visit.say({"stream": "xrpusdt@kline_15m", "data": {"e": "kline", "k": 5}})
        await visit.say({"unexpected": True})
        await visit.say(a_kline("ELSEUSDT", 0))
        await visit.say(a_kline("XRPUSDT", 0))

        assert await open_times(candles, 1) == [0]


async def test_symbol_that_traded_while_its_stream_was_deaf_gets_a_new_connection():
    async with a_setup() as s:
        candles = s.feed.candles(["XRPUSDT"])
        visit = await s.exchange.subscribed(1)
        await until(lambda: s.feed.health()[0].is_up)
        await visit.say(a_kline("BTCUSDT", 0))
        s.history.candles = [a_candle("XRPUSDT", bar) for bar in range(2)]
        s.clock.jump_to(opens(2) + 200)

        assert await open_times(candles, 2) == [0, 1]
        await s.exchange.subscribed(2)


async def test_symbol_that_did_not_trade_is_no_reason_for_a_new_connection():
    async with a_setup() as s:
        candles = s.feed.candles(["XRPUSDT"])
        await until(lambda: s.feed.health()[0].is_up)
        s.history.candles = [a_candle("XRPUSDT", bar, volume=0.0) for bar in range(2)]
        s.clock.jump_to(opens(2) + 200)

        assert await open_times(candles, 2) == [0, 1]
        await asyncio.sleep(0.05)
        assert len(s.exchange.visits) == 1


async def test_silence_of_all_streams_reconnects_and_repairs():
    async with a_setup(limits=replace(QUICK, max_age_ms=80)) as s:
        candles = s.feed.candles(["XRPUSDT"])
        s.history.candles = [a_candle("XRPUSDT", 0)]
        await s.exchange.subscribed(1)
        s.clock.jump_to(opens(1) + 200)

        assert await open_times(candles, 1) == [0]
        await s.exchange.subscribed(2)
        assert sum(line.faults for line in s.feed.health()) >= 1


async def test_while_a_connection_is_renewed_every_candle_is_told_once():
    async with a_setup(limits=replace(QUICK, renew_after_ms=100)) as s:
        candles = s.feed.candles(["XRPUSDT"])
        first = await s.exchange.subscribed(1)
        await first.say(a_kline("XRPUSDT", 0))
        second = await s.exchange.subscribed(2)
        for visit in (first, second):
            await visit.say(a_kline("XRPUSDT", 1))
        await until(lambda: first.socket.closed)
        await second.say(a_kline("XRPUSDT", 2))

        assert await open_times(candles, 3) == [0, 1, 2]
        assert await hears_nothing(candles, for_s=0.02)
        assert s.history.asked == []


async def test_age_counts_from_the_newest_event_even_when_it_arrives_late():
    async with a_setup() as s:
        s.feed.candles(["XRPUSDT"])
        visit = await s.exchange.subscribed(1)
        s.clock.jump_to(opens(1) + 1_000)
        assert s.feed.age_ms("XRPUSDT") >= M15 - 100
        await visit.say(a_kline("XRPUSDT", 1, is_final=False, at_ms=opens(1) - 60_000))
        await until(lambda: s.feed.age_ms("XRPUSDT") < 70_000)
        assert s.feed.age_ms("XRPUSDT") >= 60_000
        await visit.say(a_kline("XRPUSDT", 1, is_final=False, at_ms=opens(9)))
        await until(lambda: s.feed.age_ms("XRPUSDT") < 1_000)
        assert s.feed.age_ms("BTCUSDT") >= M15


async def test_feed_is_a_market_feed_and_reads_history_where_it_is():
    async with a_setup() as s:
        feed: MarketFeed = s.feed
        s.history.candles = [a_candle("XRPUSDT", bar) for bar in range(3)]

        assert await feed.history("XRPUSDT", before_ms=opens(2), limit=1) == [
            a_candle("XRPUSDT", 1)
        ]


async def test_symbol_without_a_stream_is_refused():
    async with a_setup() as s:
        with pytest.raises(ConfigError, match="no stream of this symbol"):
            s.feed.candles(["DOGEUSDT"])


async def test_more_than_1024_symbols_are_spread_over_connections():
    symbols = [f"S{number}USDT" for number in range(1_030)]
    limits = replace(QUICK, messages_per_second=100)
    async with a_setup(symbols=symbols, limits=limits) as s:
        await until(lambda: sum(len(visit.streams) for visit in s.exchange.visits) == 1_030)

        assert sorted(len(visit.streams) for visit in s.exchange.visits) == [6, 1_024]
        assert len(s.feed.health()) == 2
        last = s.feed.candles(["S1029USDT"])
        small = min(s.exchange.visits, key=lambda visit: len(visit.streams))
        await small.say(a_kline("S1029USDT", 0))
        assert await open_times(last, 1) == [0]


async def test_running_bars_are_told_and_closed_ones_before_any_subscriber_hears_of_them():
    async with a_setup() as s:
        candles = s.feed.candles(["XRPUSDT"])
        visit = await s.exchange.subscribed(1)
        await visit.say(a_kline("XRPUSDT", 0, is_final=False))
        await visit.say(a_kline("XRPUSDT", 0))
        await visit.say(a_kline("XRPUSDT", 1, is_final=False))
        await visit.say(a_kline("XRPUSDT", 1))

        assert await open_times(candles, 2) == [0, 1]
        assert s.bars == [(0, False), (0, True), (1, False), (1, True)]


async def test_running_bar_is_not_told_while_one_before_it_is_missing():
    async with a_setup() as s:
        candles = s.feed.candles(["XRPUSDT"])
        visit = await s.exchange.subscribed(1)
        s.history.candles = [a_candle("XRPUSDT", 0)]
        await visit.say(a_kline("XRPUSDT", 1, is_final=False))
        s.clock.jump_to(opens(1) + 200)
        assert await open_times(candles, 1) == [0]
        await visit.say(a_kline("XRPUSDT", 1, is_final=False))

        await until(lambda: s.bars == [(0, True), (1, False)])


async def test_mark_prices_alone_are_heard_over_a_connection_of_their_own():
    marks = []
    async with a_setup(symbols=["XRPUSDT"], on_mark=lambda *mark: marks.append(mark)) as s:
        await until(lambda: sum(bool(visit.requests) for visit in s.exchange.visits) == 2)
        by_stream = {visit.streams[0]: visit for visit in s.exchange.visits}
        update = {"e": "markPriceUpdate", "E": T0, "s": "XRPUSDT", "p": "2.1012"}
        visit = by_stream["xrpusdt@markPrice@1s"]
        await visit.say({"stream": "xrpusdt@markPrice@1s", "data": update})

        await until(lambda: marks == [("XRPUSDT", 2.1012)])


async def test_quotes_come_over_connections_of_their_own_families():
    async with a_setup(symbols=["XRPUSDT"], with_quotes=True) as s:
        await until(lambda: sum(bool(visit.requests) for visit in s.exchange.visits) == 3)
        by_stream = {visit.streams[0]: visit for visit in s.exchange.visits}
        mark, book = by_stream["xrpusdt@markPrice@1s"], by_stream["xrpusdt@bookTicker"]
        assert (mark.path, book.path) == ("/market/stream", "/public/stream")
        assert s.feed.quote("XRPUSDT", max_age_ms=1_000) is None
        tick = {"e": "bookTicker", "E": T0, "s": "XRPUSDT", "b": "2.1010", "a": "2.1011"}
        await book.say({"stream": "xrpusdt@bookTicker", "data": tick})
        update = {"e": "markPriceUpdate", "E": T0, "s": "XRPUSDT", "p": "2.1012"}
        await mark.say({"stream": "xrpusdt@markPrice@1s", "data": update})
        await until(lambda: s.feed.quote("XRPUSDT", max_age_ms=1_000) is not None)

        assert s.feed.quote("XRPUSDT", max_age_ms=1_000) == Quote(
            Decimal("2.1010"), Decimal("2.1011"), Decimal("2.1012")
        )
        s.clock.jump_to(T0 + 5_000)
        assert s.feed.quote("XRPUSDT", max_age_ms=1_000) is None


async def test_cancelled_feed_leaves_no_task_and_no_socket():
    before = asyncio.all_tasks()
    async with an_exchange() as exchange, aiohttp.ClientSession() as session:
        setup = Setup(exchange, session, with_quotes=True)
        async with running(setup.feed.run()):
            await until(lambda: sum(bool(visit.requests) for visit in exchange.visits) == 3)
            setup.history.failures = 1_000
            await exchange.visits[0].say(a_kline("XRPUSDT", 5))
            await until(lambda: bool(setup.history.asked))
        await until(lambda: not exchange.open_visits)
    await until(lambda: asyncio.all_tasks() == before)
