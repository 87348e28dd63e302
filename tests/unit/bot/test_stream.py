"""A bar is answered when the candles of all its symbols are there, never on a mix."""

import asyncio

import pytest

from cointrader.app.virtual_time import LoopClock
from cointrader.bot.stream import CANDLE_DEADLINE_MS, WINDOW_BARS, BarStream
from cointrader.domain.errors import MissingCandles
from tests.unit.bot.fakes import (
    BAR_MS,
    BTC,
    ETH,
    T0,
    XRP,
    FakeFeed,
    candle,
    in_virtual_time,
    opens,
)

HISTORY = 3  # bars 0 to 2 are in the windows; bar 3 is the first to be told


def bar_of(time_ms):
    return (int(time_ms) - T0) // BAR_MS


class Watched:
    """A stream with its windows warm, fed while virtual time runs.

    `bars` are (bar, complete, ms after the bar's close at which it was answered).
    """

    def __init__(self, others=(BTC,), *, stored=8, missing=()):
        self.stream = BarStream(XRP, others, BAR_MS)
        self.feed = FakeFeed(
            {
                name: [candle(name, i) for i in range(stored) if (name, i) not in missing]
                for name in (XRP, *others)
            }
        )
        self.bars = []
        self.clock = LoopClock()

    def play(self, *steps):
        """Each step is (bar, ms after its close, what the feed tells then)."""

        async def main(clock):
            self.clock = clock
            await self.stream.warm_up(self.feed, before_ms=opens(HISTORY))
            self.feed.asked.clear()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read())
                for bar, late_ms, told in steps:
                    await clock.sleep_until_ms(opens(bar + 1) + late_ms)
                    told(self.feed)
                await clock.sleep_ms(60_000)
                self.feed.end(XRP)
            return self.bars

        return in_virtual_time(main, opens(HISTORY))

    async def _read(self):
        events = self.feed.candles(self.stream.symbols)
        async for bar in self.stream.bars(events, self.feed, self.clock):
            after_ms = self.clock.now_ms() - bar.candle.close_time_ms
            self.bars.append((bar_of(bar.candle.open_time_ms), bar.complete, after_ms))

    def times(self, symbol):
        return [bar_of(t) for t in self.stream.buffers[symbol.lower()].open_time_ms]


def tells(*names_and_bars):
    return lambda feed: feed.tell(*(candle(name, bar) for name, bar in names_and_bars))


def ends(symbol):
    return lambda feed: feed.end(symbol)


# ---------------------------------------------------------------------- whole bars


def test_a_bar_is_answered_at_once_when_the_other_candles_came_first():
    watched = Watched()

    assert watched.play((3, 0, tells((BTC, 3), (XRP, 3)))) == [(3, True, 0)]
    assert watched.feed.asked == []


def test_a_bar_waits_for_the_candle_of_every_correlation_symbol():
    watched = Watched((BTC, ETH))

    bars = watched.play(
        (3, 0, tells((XRP, 3), (BTC, 3))),
        (3, 1_500, tells((ETH, 3))),
    )

    assert bars == [(3, True, 1_500)]
    assert watched.feed.asked == []


def test_without_correlation_symbols_nothing_is_waited_for():
    assert Watched(()).play((3, 7, tells((XRP, 3)))) == [(3, True, 7)]


def test_the_primary_symbol_among_the_correlation_symbols_is_not_waited_for_twice():
    stream = BarStream(BTC, (BTC, ETH), BAR_MS)

    assert stream.symbols == [BTC, ETH]
    assert list(stream.buffers) == ["btcusdt", "ethusdt"]


def test_all_windows_end_with_the_bar_that_is_answered():
    """A correlation candle of the next bar that came too early would be a look ahead."""
    watched = Watched((BTC,))

    watched.play((3, 0, tells((BTC, 3), (XRP, 3))), (4, 0, tells((BTC, 4), (XRP, 4))))

    frame = watched.stream.frame()
    assert [bar_of(t) for t in frame.open_time_ms] == [0, 1, 2, 3, 4]
    assert len(frame.correlated[BTC]) == 5


# ---------------------------------------------------------------------- candles that do not come


def test_a_candle_that_stays_away_is_fetched_at_the_deadline():
    watched = Watched()

    assert watched.play((3, 0, tells((XRP, 3)))) == [(3, True, CANDLE_DEADLINE_MS)]
    assert watched.feed.asked == [(BTC, 4, 1)]
    assert watched.times(BTC) == [0, 1, 2, 3]


def test_a_candle_that_nobody_has_leaves_the_bar_incomplete():
    watched = Watched(missing=[(BTC, 3)])

    assert watched.play((3, 0, tells((XRP, 3)))) == [(3, False, CANDLE_DEADLINE_MS)]


def test_the_next_bar_is_whole_again_when_the_missing_candle_is_there_by_then():
    watched = Watched((BTC,), stored=3)

    bars = watched.play(
        (3, 0, tells((XRP, 3))),
        (4, 0, tells((BTC, 3), (BTC, 4), (XRP, 4))),
    )

    assert bars == [(3, False, CANDLE_DEADLINE_MS), (4, True, 0)]
    assert watched.times(BTC) == [0, 1, 2, 3, 4]


def test_a_late_candle_after_the_deadline_is_known_already():
    watched = Watched()

    bars = watched.play((3, 0, tells((XRP, 3))), (3, 12_000, tells((BTC, 3))))

    assert bars == [(3, True, CANDLE_DEADLINE_MS)]
    assert watched.times(BTC) == [0, 1, 2, 3]


def test_a_bar_that_waits_is_answered_before_the_next_one_of_its_symbol():
    """The feed was silent past a whole bar, then both came at once."""
    watched = Watched()

    bars = watched.play((4, 0, tells((XRP, 3), (XRP, 4), (BTC, 3), (BTC, 4))))

    assert [(bar, complete) for bar, complete, _ in bars] == [(3, True), (4, True)]


# ---------------------------------------------------------------------- gaps


def test_a_gap_in_the_own_candles_is_fetched_and_answered_in_order():
    watched = Watched()

    bars = watched.play((5, 0, tells((BTC, 5), (XRP, 5))))

    assert [(bar, complete) for bar, complete, _ in bars] == [(3, True), (4, True), (5, True)]
    assert watched.times(XRP) == [0, 1, 2, 3, 4, 5]


def test_a_gap_of_a_correlation_symbol_is_fetched_with_its_next_candle():
    watched = Watched()
    watched.play((5, 0, tells((BTC, 5))))

    assert watched.times(BTC) == [0, 1, 2, 3, 4, 5]
    assert watched.feed.asked == [(BTC, 5, 2)]


def test_a_gap_that_cannot_be_filled_is_an_error_and_not_a_hole():
    watched = Watched((), stored=3)

    with pytest.raises(ExceptionGroup) as broken:
        watched.play((4, 0, tells((XRP, 4))))

    assert broken.group_contains(MissingCandles)
    assert watched.times(XRP) == [0, 1, 2]


def test_a_gap_that_cannot_be_filled_answers_no_bar_a_second_time():
    """History ends with bar 2, which was answered long ago; bar 3 is the one that is missing."""
    watched = Watched((), stored=3)

    with pytest.raises(ExceptionGroup):
        watched.play((4, 0, tells((XRP, 4))))

    assert watched.bars == []


def test_a_candle_that_is_told_twice_is_answered_once():
    watched = Watched()

    bars = watched.play(
        (3, 0, tells((BTC, 3), (XRP, 3), (XRP, 3), (BTC, 3))),
        (3, 500, tells((XRP, 3))),
    )

    assert bars == [(3, True, 0)]


# ---------------------------------------------------------------------- symbols that end


def test_a_correlation_symbol_that_ended_is_not_waited_for():
    watched = Watched((BTC, ETH))

    bars = watched.play(
        (2, 0, ends(BTC)),
        (3, 0, tells((ETH, 3), (XRP, 3))),
    )

    assert bars == [(3, True, 0)]


def test_a_bar_that_waits_is_answered_when_the_symbol_it_waits_for_ends():
    assert Watched().play((3, 0, tells((XRP, 3))), (3, 800, ends(BTC))) == [(3, True, 800)]


def test_a_correlation_symbol_without_any_candle_is_not_waited_for():
    watched = Watched()
    watched.feed.stored = {XRP: watched.feed.stored[XRP]}

    assert watched.play((3, 0, tells((XRP, 3)))) == [(3, True, 0)]


def test_the_end_of_the_own_feed_ends_the_bars():
    watched = Watched()

    bars = watched.play((2, 0, ends(XRP)), (3, 0, tells((BTC, 3), (XRP, 3))))

    assert bars == []


# ---------------------------------------------------------------------- windows and absences


def test_windows_keep_the_last_1000_candles():
    stream = BarStream(XRP, (BTC,), BAR_MS)
    feed = FakeFeed({n: [candle(n, i) for i in range(1_300)] for n in (XRP, BTC)})

    async def main(clock):
        await stream.warm_up(feed, before_ms=opens(1_200))
        return [bar async for bar in stream.missed(feed, until_ms=opens(1_250))]

    missed = in_virtual_time(main, opens(1_250))

    assert [bar_of(bar.candle.open_time_ms) for bar in missed] == list(range(1_200, 1_250))
    for window in stream.buffers.values():
        assert len(window) == WINDOW_BARS == 1_000
        assert [bar_of(t) for t in window.open_time_ms[[0, -1]]] == [250, 1_249]


def test_missed_bars_show_no_candle_of_a_later_one():
    """While a missed bar is answered the other windows end with it too."""
    stream = BarStream(XRP, (BTC,), BAR_MS)
    feed = FakeFeed({n: [candle(n, i) for i in range(8)] for n in (XRP, BTC)})

    async def main(clock):
        await stream.warm_up(feed, before_ms=opens(3))
        return [
            (bar_of(bar.candle.open_time_ms), bar_of(stream.buffers["btcusdt"].last_open_time_ms))
            async for bar in stream.missed(feed, until_ms=opens(7))
        ]

    assert in_virtual_time(main) == [(3, 3), (4, 4), (5, 5), (6, 6)]


def test_warmed_up_again_the_windows_hold_no_bar_that_is_to_be_answered_again():
    watched = Watched()
    watched.play((3, 50, tells((BTC, 3), (XRP, 3))), (4, 50, tells((XRP, 4))))  # 4 waits for BTC
    feed = FakeFeed({name: [candle(name, i) for i in range(8)] for name in (XRP, BTC)})

    async def again(clock):
        await watched.stream.warm_up(feed, before_ms=opens(3))
        return [bar async for bar in watched.stream.missed(feed, until_ms=opens(6))]

    bars = in_virtual_time(again, opens(6))

    assert [(bar_of(bar.candle.open_time_ms), bar.complete) for bar in bars] == [
        (3, True),
        (4, True),
        (5, True),
    ]
    assert watched.times(XRP) == watched.times(BTC) == [0, 1, 2, 3, 4, 5]


def test_an_absence_longer_than_a_window_is_refused():
    stream = BarStream(XRP, (), BAR_MS)
    feed = FakeFeed({XRP: [candle(XRP, i) for i in range(3)]})

    async def main(clock):
        await stream.warm_up(feed, before_ms=opens(3))
        return [bar async for bar in stream.missed(feed, until_ms=opens(1_004))]

    with pytest.raises(MissingCandles, match="away for 1001 bars"):
        in_virtual_time(main)


class Known:
    """Funding and open interest that count the bars."""

    def columns(self, open_time_ms):
        return open_time_ms.astype(float), -open_time_ms.astype(float)


def test_a_frame_has_the_funding_and_open_interest_that_the_context_knows_of_its_bars():
    stream = BarStream(XRP, (), BAR_MS, Known())
    for number in range(3):
        stream.buffers["xrpusdt"].append(candle(XRP, number))

    frame = stream.frame()
    assert len(frame) == 3
    assert frame.funding_rate.tolist() == frame.open_time_ms.tolist()
    assert frame.oi_change.tolist() == (-frame.open_time_ms).tolist()
