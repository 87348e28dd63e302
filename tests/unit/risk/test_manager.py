"""One bar after another: the account's readings, days, halts, and the entry auction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from decimal import Decimal
from typing import TypeVar

import pytest

from cointrader.domain.errors import ConfigError, JournalError
from cointrader.domain.records import EquityMarked, Record, RiskState
from cointrader.risk.manager import EntryRequest, Refusal, Reservation, RiskManager
from tests.unit.risk.fakes import (
    BAR_MS,
    DAY_MS,
    DOGE,
    FREE_GRID,
    LONG,
    MONDAY_MS,
    SHORT,
    TRX,
    XRP,
    FakeAccount,
    FakeClock,
    FakeJournal,
    Settings,
    an_entry,
    default_profile,
    settled,
)

Answer = Reservation | Refusal | None
T = TypeVar("T")


class Desk:
    """A started risk manager with everything it is plugged into."""

    def __init__(self, settings: Settings | None = None, wallet: float = 1000.0) -> None:
        self.settings = settings or Settings()
        self.account = FakeAccount(wallet)
        self.clock = FakeClock()
        self.journal = FakeJournal()
        self.risk = RiskManager(self.settings, clock=self.clock, journal=self.journal)

    async def begin(self, *bots: str) -> Desk:
        await self.risk.start(self.account)
        for bot in bots:
            self.risk.join(bot)
        return self

    async def bar(self, bar_ms: int, **requests: EntryRequest | None) -> list[Answer]:
        """Every named bot begins the bar and submits."""
        await self.clock.advance_to(bar_ms)
        await self.risk.begin_bar(bar_ms)
        asked = (self.risk.submit(bar_ms, bot, request) for bot, request in requests.items())
        return list(await asyncio.gather(*asked))

    async def killed_and_started(self, *bots: str) -> Desk:
        """The same desk after kill -9: only what was committed is left."""
        desk = Desk(self.settings)
        desk.account, desk.clock = self.account, self.clock
        desk.journal = FakeJournal(self.journal.on_disk)
        desk.risk = RiskManager(desk.settings, clock=desk.clock, journal=desk.journal)
        return await desk.begin(*bots)


def reason(answer: Answer) -> str:
    assert isinstance(answer, Refusal)
    return answer.reason


def given(answer: Answer) -> Reservation:
    assert isinstance(answer, Reservation)
    return answer


# ------------------------------------------------------------------ the auction


async def test_an_entry_is_sized_by_the_snapshot_after_the_closes():
    desk = await Desk().begin(XRP)
    await desk.risk.begin_bar(MONDAY_MS)
    desk.account.wallet = 900.0
    await desk.risk.close_position(TRX, -100)  # by opposite signal
    desk.settings.max_daily_loss = 0.5

    entry = given(await desk.risk.submit(MONDAY_MS, XRP, an_entry(price=2.0)))

    assert entry.quantity == Decimal("750.0")  # 900 / 3 x 0.5 x 10 / 2
    assert (entry.symbol, entry.side, entry.margin) == (XRP, LONG, Decimal("150.0"))
    assert desk.account.readings == 3  # start, begin_bar, snapshot


async def test_without_a_close_the_reading_that_the_bar_began_with_is_the_snapshot():
    desk = await Desk().begin(XRP)
    await desk.risk.begin_bar(MONDAY_MS)

    given(await desk.risk.submit(MONDAY_MS, XRP, an_entry()))

    assert desk.account.readings == 2  # start, begin_bar


async def test_a_reading_that_has_grown_old_is_no_snapshot():
    desk = await Desk().begin(XRP)
    await desk.risk.begin_bar(MONDAY_MS)
    await desk.clock.advance_to(MONDAY_MS + 251)

    given(await desk.risk.submit(MONDAY_MS, XRP, an_entry()))

    assert desk.account.readings == 3  # start, begin_bar, snapshot


@pytest.mark.parametrize("arrival", [(XRP, TRX, DOGE), (DOGE, TRX, XRP), (TRX, DOGE, XRP)])
async def test_the_configured_order_decides_and_not_the_order_of_arrival(arrival):
    desk = await Desk().begin(XRP, TRX, DOGE)

    answers = await desk.bar(MONDAY_MS, **dict.fromkeys(arrival, an_entry(LONG)))

    by_symbol = dict(zip(arrival, answers, strict=True))
    assert by_symbol[XRP]
    assert by_symbol[TRX]
    assert by_symbol[DOGE] == Refusal("same-direction", "2 of 2 long slots in use")


async def test_the_highest_probability_is_served_first_where_that_is_the_tie_break():
    desk = await Desk(Settings(tie_break="probability", max_positions=1)).begin(XRP, TRX, DOGE)

    answers = await desk.bar(
        MONDAY_MS,
        XRPUSDT=an_entry(probability=0.6),
        TRXUSDT=an_entry(),
        DOGEUSDT=an_entry(probability=0.7),
    )

    assert [bool(answer) for answer in answers] == [False, False, True]


async def test_an_answer_waits_for_every_live_bot():
    desk = await Desk().begin(XRP, TRX, DOGE)
    await desk.risk.begin_bar(MONDAY_MS)
    waiting = asyncio.create_task(desk.risk.submit(MONDAY_MS, DOGE, an_entry()))
    await desk.risk.submit(MONDAY_MS, XRP, None)
    await settled()
    assert not waiting.done()

    assert await desk.risk.submit(MONDAY_MS, TRX, None) is None
    assert await waiting


async def test_a_bot_that_joins_after_the_bar_began_is_waited_for():
    desk = await Desk().begin(XRP)
    await desk.risk.begin_bar(MONDAY_MS)
    desk.risk.join(TRX)
    waiting = asyncio.create_task(desk.risk.submit(MONDAY_MS, XRP, an_entry()))
    await settled()
    assert not waiting.done()

    await desk.risk.submit(MONDAY_MS, TRX, None)
    assert await waiting


async def test_a_bot_that_leaves_is_not_waited_for():
    desk = await Desk().begin(XRP, TRX)
    await desk.risk.begin_bar(MONDAY_MS)
    waiting = asyncio.create_task(desk.risk.submit(MONDAY_MS, XRP, an_entry()))
    await settled()

    desk.risk.leave(TRX)
    assert await waiting


async def test_the_deadline_opens_the_auction_without_the_missing():
    desk = await Desk().begin(XRP, TRX)
    await desk.risk.begin_bar(MONDAY_MS)
    waiting = asyncio.create_task(desk.risk.submit(MONDAY_MS, TRX, an_entry(SHORT)))
    await settled()
    await desk.clock.advance(1_999)
    assert not waiting.done()
    await desk.clock.advance(1)
    assert await waiting

    desk.account.wallet = 500.0
    late = given(await desk.risk.submit(MONDAY_MS, XRP, an_entry(LONG)))
    assert float(late.quantity) == pytest.approx(1666.6667)  # by the same snapshot of 1000


async def test_an_entry_later_than_its_longest_delay_is_dropped():
    desk = await Desk(default_profile()).begin(XRP, TRX)
    await desk.risk.begin_bar(MONDAY_MS)
    await desk.clock.advance(30_001)

    assert reason(await desk.risk.submit(MONDAY_MS, XRP, an_entry())) == "late"
    assert desk.journal.events("refused")[0].at_ms == MONDAY_MS


async def test_an_entry_for_a_bar_that_is_over_is_late_and_its_begin_harmless():
    desk = await Desk().begin(XRP)
    await desk.bar(MONDAY_MS + BAR_MS, XRPUSDT=None)
    readings = desk.account.readings

    await desk.risk.begin_bar(MONDAY_MS)
    assert reason(await desk.risk.submit(MONDAY_MS, XRP, an_entry())) == "late"
    assert await desk.risk.submit(MONDAY_MS, XRP, None) is None
    assert desk.account.readings == readings


async def test_requests_still_waiting_when_the_next_bar_begins_are_late():
    desk = await Desk().begin(XRP, TRX)
    await desk.risk.begin_bar(MONDAY_MS)
    waiting = asyncio.create_task(desk.risk.submit(MONDAY_MS, XRP, an_entry()))
    await settled()
    await desk.risk.begin_bar(MONDAY_MS + BAR_MS)
    await desk.clock.advance(2_000)

    assert reason(await waiting) == "late"


async def test_a_bot_that_crashes_while_waiting_takes_nothing_and_stops_nobody():
    desk = await Desk(Settings(max_positions=1)).begin(XRP, TRX, DOGE)
    await desk.risk.begin_bar(MONDAY_MS)
    crashed = asyncio.create_task(desk.risk.submit(MONDAY_MS, XRP, an_entry()))
    waiting = asyncio.create_task(desk.risk.submit(MONDAY_MS, TRX, an_entry()))
    await settled()
    crashed.cancel()
    await desk.risk.submit(MONDAY_MS, DOGE, None)

    assert await waiting
    assert crashed.cancelled()


async def test_whoever_serves_and_crashes_leaves_the_serving_to_the_next():
    desk = await Desk(Settings(max_positions=1)).begin(XRP, TRX)
    await desk.risk.begin_bar(MONDAY_MS)
    await desk.risk.close_position("DOGEUSDT", 0)  # so the account has to be read again
    desk.account.answers.clear()
    first = asyncio.create_task(desk.risk.submit(MONDAY_MS, XRP, an_entry()))
    second = asyncio.create_task(desk.risk.submit(MONDAY_MS, TRX, an_entry()))
    await settled()  # both have asked; the snapshot is being read
    first.cancel()
    await settled()
    desk.account.answers.set()

    assert given(await second).symbol == TRX
    assert not await desk.risk.can_open_new_position(XRP, LONG)  # one slot, and TRX has it


class _Rude(FakeJournal):
    """Cancels whoever waits while the answers of an auction are being written."""

    def __init__(self) -> None:
        super().__init__()
        self.asking: dict[str, asyncio.Task[Answer]] = {}

    def note(self, record: Record) -> None:
        super().note(record)
        if isinstance(record, RiskState):
            for task in self.asking.values():
                if task is not asyncio.current_task():
                    task.cancel()


async def test_a_bot_cancelled_before_it_hears_its_answer_gives_its_slot_back():
    desk, journal = Desk(Settings(max_positions=2)), _Rude()
    desk.risk = RiskManager(desk.settings, clock=desk.clock, journal=journal)
    await desk.begin(XRP, TRX)
    await desk.risk.begin_bar(MONDAY_MS)
    asking = {
        symbol: asyncio.create_task(desk.risk.submit(MONDAY_MS, symbol, an_entry()))
        for symbol in (XRP, TRX)
    }
    journal.asking = asking
    await settled()
    journal.asking = {}

    (gone,) = (symbol for symbol, task in asking.items() if task.cancelled())
    (served,) = asking.keys() - {gone}
    assert given(asking[served].result()).symbol == served
    assert await desk.risk.can_open_new_position(gone, LONG)


async def test_a_hold_is_reported_at_once_and_the_auction_does_not_wait_for_its_bot():
    desk = await Desk().begin(XRP, TRX, DOGE)
    assert not desk.risk.hold(MONDAY_MS, TRX)  # nobody has begun the bar
    await desk.risk.begin_bar(MONDAY_MS)

    asked = asyncio.create_task(desk.risk.submit(MONDAY_MS, XRP, an_entry()))
    assert desk.risk.hold(MONDAY_MS, TRX)
    await settled()
    assert not asked.done()

    assert not desk.risk.hold(MONDAY_MS, DOGE)  # it is the last: somebody must end the auction
    assert await desk.risk.submit(MONDAY_MS, DOGE, None) is None
    assert given(await asked).symbol == XRP


async def test_holds_of_another_bar_or_of_a_bot_that_has_not_recovered_take_the_long_way():
    desk = await Desk(Settings(max_positions=1)).begin(XRP, TRX)
    await desk.bar(MONDAY_MS, XRPUSDT=an_entry(), TRXUSDT=None)
    await desk.journal.commit()  # as the entry of XRP does before its order

    again = await desk.killed_and_started(XRP, TRX)
    await again.risk.begin_bar(MONDAY_MS)
    assert not again.risk.hold(MONDAY_MS, XRP)  # its slot is still to be given back
    assert not again.risk.hold(MONDAY_MS + BAR_MS, TRX)
    assert again.risk.hold(MONDAY_MS, TRX)


async def test_a_quiet_bar_reads_the_account_once_and_one_with_a_close_twice():
    desk = await Desk().begin(XRP, TRX)
    await desk.bar(MONDAY_MS, XRPUSDT=None, TRXUSDT=None)
    assert desk.account.readings == 2  # one of them at the start

    await desk.risk.register_position(XRP, LONG)
    await asyncio.gather(*(desk.risk.begin_bar(MONDAY_MS + BAR_MS) for _ in range(5)))
    await desk.risk.close_position(XRP, -1.0)
    await desk.bar(MONDAY_MS + BAR_MS, XRPUSDT=None, TRXUSDT=None)
    assert desk.account.readings == 4


async def test_an_account_that_cannot_be_read_refuses_entries_and_fails_nobody():
    desk = await Desk().begin(XRP)
    desk.account.is_down = True

    (answer,) = await desk.bar(MONDAY_MS, XRPUSDT=an_entry())
    assert answer == Refusal("unknown-result", "the account could not be read")

    desk.account.is_down = False
    assert await desk.risk.submit(MONDAY_MS, XRP, an_entry())  # the day began late, but it began
    assert [event.kind for event in desk.journal.events("day-started")] == ["day-started"]


# ------------------------------------------------------------------ days and halts


async def test_the_founding_loss_counts_the_wallet_and_is_tested_anew_at_every_snapshot():
    desk = await Desk().begin(XRP)
    await desk.bar(MONDAY_MS, XRPUSDT=None)
    desk.account.wallet = 950.0
    (refused,) = await desk.bar(MONDAY_MS + BAR_MS, XRPUSDT=an_entry())
    desk.account.wallet = 951.0
    (allowed,) = await desk.bar(MONDAY_MS + 2 * BAR_MS, XRPUSDT=an_entry())

    assert reason(refused) == "daily-loss"
    assert given(allowed)
    assert desk.risk.halted_days == 1


async def test_the_default_loss_counts_open_positions_and_stays_for_the_day():
    desk = await Desk(default_profile()).begin(XRP)
    await desk.bar(MONDAY_MS, XRPUSDT=None)
    desk.account.unrealised = -50.0
    await desk.bar(MONDAY_MS + BAR_MS, XRPUSDT=None)
    desk.account.unrealised = 20.0

    (answer,) = await desk.bar(MONDAY_MS + 2 * BAR_MS, XRPUSDT=an_entry())
    assert reason(answer) == "daily-loss"
    assert not desk.risk.is_trading_allowed()

    (answer,) = await desk.bar(MONDAY_MS + DAY_MS, XRPUSDT=an_entry(stop_distance=0.001))
    assert given(answer)
    halts = desk.journal.events("halted")
    assert [(event.at_ms, event.reason) for event in halts] == [(MONDAY_MS, "daily-loss")]


async def test_a_loss_in_the_last_bar_of_a_day_halts_the_old_day():
    desk = await Desk().begin(XRP)
    last_bar_ms = MONDAY_MS + DAY_MS - BAR_MS
    await desk.bar(last_bar_ms, XRPUSDT=None)
    desk.account.wallet = 900.0
    (answer,) = await desk.bar(MONDAY_MS + DAY_MS, XRPUSDT=an_entry())

    assert given(answer)  # the new day began with 900
    assert [event.at_ms for event in desk.journal.events("halted")] == [last_bar_ms]
    starts = [event.at_ms for event in desk.journal.events("day-started")]
    assert starts == [last_bar_ms, MONDAY_MS + DAY_MS]


async def test_a_close_at_the_open_counts_to_the_days_snapshot_without_any_entry():
    desk = await Desk().begin(XRP)
    await desk.risk.begin_bar(MONDAY_MS)
    desk.account.wallet = 940.0
    await desk.risk.close_position(XRP, -60.0, at_ms=MONDAY_MS)
    await desk.risk.submit(MONDAY_MS, XRP, None)
    desk.account.wallet = 1000.0  # won back within the bar
    await desk.bar(MONDAY_MS + BAR_MS, XRPUSDT=None)

    assert desk.risk.halted_days == 1


async def test_the_end_of_history_is_judged_too():
    desk = await Desk().begin(XRP)
    await desk.bar(MONDAY_MS, XRPUSDT=None)
    desk.account.wallet = 940.0
    await desk.risk.end_bar(MONDAY_MS)
    await desk.risk.end_bar(MONDAY_MS)

    assert desk.risk.halted_days == 1


async def test_each_bar_marks_the_equity_once():
    desk = await Desk().begin(XRP)
    for number in range(3):
        await desk.bar(MONDAY_MS + number * BAR_MS, XRPUSDT=None)

    marks = [record for record in desk.journal.queued if isinstance(record, EquityMarked)]
    assert [mark.at_ms for mark in marks] == [MONDAY_MS + number * BAR_MS for number in range(3)]
    assert marks[0].wallet == Decimal("1000.0")


async def test_the_margin_ratio_shrinks_with_the_wallet_that_was_won():
    desk = await Desk().begin(XRP)
    desk.account.wallet = 1100.0

    (answer,) = await desk.bar(MONDAY_MS, XRPUSDT=an_entry())
    assert float(given(answer).quantity) == pytest.approx(1613.3333)  # 1100 / 3 x 0.44 x 10


async def test_open_risk_counts_from_the_mark_to_the_stops():
    desk = await Desk(default_profile()).begin(XRP)
    desk.risk.restore_position(XRP, LONG, Decimal(1000), Decimal("1.0"), Decimal("0.98"))
    desk.account.marks[XRP] = 1.02  # 40 at risk of the 50 that a day may lose

    desk.risk.join(TRX)
    _, refused = await desk.bar(MONDAY_MS, XRPUSDT=None, TRXUSDT=an_entry(stop_distance=0.01))
    assert reason(refused) == "open-risk"

    desk.risk.stop_moved(XRP, Decimal("1.02"))
    allowed = await desk.risk.submit(MONDAY_MS, TRX, an_entry(stop_distance=0.01))
    assert given(allowed)


async def test_no_entry_without_the_mark_price_that_open_risk_needs():
    desk = await Desk(default_profile()).begin(TRX)
    desk.risk.restore_position(XRP, LONG, 10, 1.0, 0.9)
    await desk.risk.begin_bar(MONDAY_MS)

    async def no_quote(symbol: str) -> object:
        desk.account.is_down = True
        return await desk.account.account()

    desk.account.quote = no_quote  # type: ignore[method-assign, assignment]
    assert reason(await desk.risk.submit(MONDAY_MS, TRX, an_entry())) == "unknown-result"


async def test_a_drawdown_halts_until_it_is_lifted_and_is_then_measured_anew():
    desk = await Desk(default_profile(max_daily_loss=0.9)).begin(XRP)
    desk.account.wallet = 2000.0
    await desk.bar(MONDAY_MS, XRPUSDT=None)
    desk.account.wallet = 1400.0  # 30 % below
    (refused,) = await desk.bar(MONDAY_MS + BAR_MS, XRPUSDT=an_entry())
    desk.account.wallet = 1900.0
    (still,) = await desk.bar(MONDAY_MS + 2 * BAR_MS, XRPUSDT=an_entry())
    assert (reason(refused), reason(still)) == ("drawdown", "drawdown")
    assert len(desk.journal.events("drawdown-halted")) == 1

    desk.account.wallet = 1400.0
    await desk.bar(MONDAY_MS + 3 * BAR_MS, XRPUSDT=None)
    desk.risk.lift_drawdown()
    (allowed,) = await desk.bar(MONDAY_MS + 4 * BAR_MS, XRPUSDT=an_entry(stop_distance=0.0))
    assert given(allowed)
    assert [event.reason for event in desk.journal.events("lifted")] == ["drawdown"]


@pytest.mark.parametrize("settings", [Settings(), default_profile()])
async def test_a_deposit_is_no_profit_and_lifts_no_halt(settings):
    desk = await Desk(settings).begin(XRP)
    await desk.bar(MONDAY_MS, XRPUSDT=None)
    desk.account.wallet = 940.0
    await desk.bar(MONDAY_MS + BAR_MS, XRPUSDT=None)
    desk.account.wallet += 5000.0
    desk.risk.deposit(5000)

    (answer,) = await desk.bar(MONDAY_MS + 2 * BAR_MS, XRPUSDT=an_entry(stop_distance=0.0))
    assert reason(answer) == "daily-loss"
    assert desk.risk.initial_balance == 6000.0

    (answer,) = await desk.bar(MONDAY_MS + DAY_MS, XRPUSDT=an_entry(stop_distance=0.0))
    assert float(given(answer).quantity) == pytest.approx(9900.0)  # ratio still at its maximum


async def test_a_deposit_told_after_the_account_knew_of_it_is_not_counted_twice():
    desk = await Desk().begin(XRP)
    await desk.bar(MONDAY_MS, XRPUSDT=None)
    desk.account.wallet = 940.0 + 100.0
    await desk.risk.begin_bar(MONDAY_MS + BAR_MS)
    desk.risk.deposit(100)
    await desk.risk.submit(MONDAY_MS + BAR_MS, XRP, None)

    assert desk.risk.halted_days == 1  # 60 lost of the 1100 that the day counts from now


@pytest.mark.parametrize("settings", [Settings(), default_profile()])
async def test_a_withdrawal_is_no_loss(settings):
    desk = await Desk(settings).begin(XRP)
    await desk.bar(MONDAY_MS, XRPUSDT=None)
    await desk.risk.begin_bar(MONDAY_MS + BAR_MS)
    desk.account.wallet -= 400.0
    desk.risk.deposit(-400.0)

    answer = await desk.risk.submit(MONDAY_MS + BAR_MS, XRP, an_entry(stop_distance=0.0))
    assert float(given(answer).quantity) == pytest.approx(1000.0)
    assert desk.risk.halted_days == 0


# Profiles, and where in the course of a bar the money moves.
MOVES = pytest.mark.parametrize("settings", [Settings(), default_profile()])


async def told(settings: Settings, wallet: float = 1000.0) -> Desk:
    """A desk whose exchange tells of transfers, with a position that is down by 30."""
    desk = Desk(settings, wallet)
    desk.account.transfers = 0.0
    await desk.begin(XRP, TRX)
    await desk.bar(MONDAY_MS, XRPUSDT=None, TRXUSDT=None)
    desk.risk.position_opened(TRX, LONG, 100, 1.0, 0.97)
    desk.account.unrealised = -30.0
    return desk


@MOVES
async def test_a_deposit_seen_in_a_reading_moves_base_and_day_and_is_no_profit(settings):
    desk = await told(settings)
    desk.account.move(1000.0)

    (entry, _) = await desk.bar(
        MONDAY_MS + BAR_MS, XRPUSDT=an_entry(stop_distance=0.0), TRXUSDT=None
    )

    assert float(given(entry).quantity) == pytest.approx(2000 / 3 * 0.5 * 10)  # no decay: no profit
    assert desk.risk.initial_balance == 2000.0
    assert [event.detail for event in desk.journal.events("deposit")] == ["1000"]
    assert desk.risk.halted_days == 0


@MOVES
async def test_a_deposit_seen_together_with_the_loss_that_halts_does_not_hide_it(settings):
    desk = await told(settings)
    desk.account.wallet -= 60.0
    desk.account.move(5000.0)  # 60 of 1000 are the limit, 60 of 6000 would not be

    (answer, _) = await desk.bar(
        MONDAY_MS + BAR_MS, XRPUSDT=an_entry(stop_distance=0.0), TRXUSDT=None
    )

    assert reason(answer) == "daily-loss"


async def test_a_withdrawal_with_a_position_open_is_no_loss_and_no_drawdown():
    desk = await told(default_profile())
    desk.account.unrealised = 0.0
    desk.account.move(-500.0)

    (entry, _) = await desk.bar(
        MONDAY_MS + BAR_MS, XRPUSDT=an_entry(stop_distance=0.0), TRXUSDT=None
    )

    assert float(given(entry).quantity) == pytest.approx(500 / 3 * 0.5 * 10)
    assert desk.risk.halted_days == 0
    assert desk.journal.events("drawdown-halted") == []


@MOVES
async def test_the_loss_of_a_day_is_counted_from_its_start_and_what_was_moved(settings):
    desk = await told(settings)
    desk.account.unrealised = 0.0
    desk.account.move(1000.0)
    await desk.bar(MONDAY_MS + BAR_MS, XRPUSDT=None, TRXUSDT=None)
    desk.account.wallet -= 90.0  # and 3 more at the stop
    (allowed, _) = await desk.bar(
        MONDAY_MS + 2 * BAR_MS, XRPUSDT=an_entry(stop_distance=0.0), TRXUSDT=None
    )
    given(allowed).release()
    desk.account.wallet -= 10.0  # 100 of 2000
    (refused, _) = await desk.bar(
        MONDAY_MS + 3 * BAR_MS, XRPUSDT=an_entry(stop_distance=0.0), TRXUSDT=None
    )

    assert reason(refused) == "daily-loss"


async def test_a_drawdown_that_halts_is_not_hidden_by_money_that_came_with_it():
    desk = await told(default_profile(max_daily_loss=0.9))
    desk.account.unrealised = 0.0
    desk.account.wallet -= 350.0
    desk.account.move(1000.0)

    await desk.bar(MONDAY_MS + BAR_MS, XRPUSDT=None, TRXUSDT=None)

    assert len(desk.journal.events("drawdown-halted")) == 1


@MOVES
async def test_a_withdrawal_after_a_loss_halts_nothing_by_itself(settings):
    desk = await told(settings)  # 3 % of 1000 are lost, marked
    desk.account.wallet -= 30.0
    desk.account.unrealised = 0.0
    await desk.bar(MONDAY_MS + BAR_MS, XRPUSDT=None, TRXUSDT=None)
    desk.account.move(-500.0)

    (allowed, _) = await desk.bar(
        MONDAY_MS + 2 * BAR_MS, XRPUSDT=an_entry(stop_distance=0.0), TRXUSDT=None
    )

    assert given(allowed)
    assert desk.risk.halted_days == 0


async def test_after_more_was_withdrawn_than_the_day_began_with_a_loss_still_counts():
    desk = await told(Settings())
    desk.account.unrealised = 0.0
    desk.account.wallet += 600.0  # a good day
    await desk.bar(MONDAY_MS + BAR_MS, XRPUSDT=None, TRXUSDT=None)
    desk.account.move(-1200.0)  # 400 are left, as 250 were at its start
    await desk.bar(MONDAY_MS + 2 * BAR_MS, XRPUSDT=None, TRXUSDT=None)
    desk.account.wallet -= 163.0

    (refused, _) = await desk.bar(MONDAY_MS + 3 * BAR_MS, XRPUSDT=an_entry(), TRXUSDT=None)

    assert reason(refused) == "daily-loss"


async def test_a_transfer_while_nobody_ran_is_no_profit_after_the_restart():
    desk = await told(Settings())
    await desk.journal.commit()
    desk.account.move(250.0)

    again = await desk.killed_and_started(XRP)
    await again.bar(MONDAY_MS + BAR_MS, XRPUSDT=None)

    assert again.risk.initial_balance == 1250.0
    assert again.risk.halted_days == 0


async def test_a_deposit_is_not_told_by_hand_where_the_exchange_tells_it():
    desk = await told(Settings())

    with pytest.raises(ValueError, match="tell deposits"):
        desk.risk.deposit(100)


async def test_fixed_sizing_asks_only_whether_the_symbol_is_held():
    desk = await Desk(Settings(sizing="fixed:100", max_positions=1), wallet=-50.0).begin(XRP, TRX)

    answers = await desk.bar(MONDAY_MS, XRPUSDT=an_entry(), TRXUSDT=an_entry())
    assert [given(answer).quantity for answer in answers] == [Decimal("100.0")] * 2
    assert reason(await desk.risk.submit(MONDAY_MS, XRP, an_entry())) == "symbol-held"
    assert desk.risk.halted_days == 0


@pytest.mark.parametrize(("price", "stop"), [(0.0, 0.1), (float("nan"), 0.1), (1.0, float("nan"))])
def test_an_impossible_request_is_refused_at_once(price, stop):
    with pytest.raises(ValueError, match="an entry needs"):
        an_entry(price=price, stop_distance=stop)


def test_an_impossible_setting_is_refused_at_construction():
    with pytest.raises(ConfigError):
        RiskManager(Settings(tie_break="coin"))


# ------------------------------------------------------------------ restarts


async def test_the_snapshot_and_its_reservations_go_to_disk_with_the_intent_to_enter():
    desk = await Desk().begin(XRP)
    await desk.bar(MONDAY_MS, XRPUSDT=None)
    await desk.bar(MONDAY_MS + BAR_MS, XRPUSDT=an_entry())
    await desk.journal.commit()  # as every entry does before its order

    last = desk.journal.on_disk[-1]
    assert isinstance(last, RiskState)
    assert last.state["snapshot_ms"] == MONDAY_MS + BAR_MS
    assert XRP in str(last.state["slots"])


async def test_a_restart_within_a_bar_sizes_by_the_same_snapshot():
    desk = await Desk().begin(XRP, TRX)
    await desk.bar(MONDAY_MS, XRPUSDT=an_entry(), TRXUSDT=None)
    await desk.journal.commit()  # as the entry of XRP does before its order
    desk.account.wallet = 990.0  # the entry fee of XRP

    again = await desk.killed_and_started(XRP, TRX)
    again.risk.restore_position(XRP, LONG, 1666, 1.0, 0.9)
    readings = again.account.readings
    _, answer = await again.bar(MONDAY_MS, XRPUSDT=None, TRXUSDT=an_entry(SHORT))

    assert float(given(answer).quantity) == pytest.approx(1666.6667)
    assert again.account.readings == readings


async def test_a_reservation_from_before_a_restart_counts_until_its_bot_has_recovered():
    desk = await Desk(Settings(max_positions=1)).begin(XRP, TRX)
    await desk.bar(MONDAY_MS, XRPUSDT=an_entry(), TRXUSDT=None)
    await desk.journal.commit()  # as the entry of XRP does before its order

    again = await desk.killed_and_started(TRX)
    assert not await again.risk.can_open_new_position(TRX, LONG)
    await again.risk.submit(MONDAY_MS, XRP, None)  # recovered, and knows of no position
    assert await again.risk.can_open_new_position(TRX, LONG)


async def test_halts_counts_and_the_base_survive_a_restart():
    desk = await Desk(default_profile(kill_fast=True)).begin(XRP)
    await desk.bar(MONDAY_MS, XRPUSDT=None)
    for _ in range(8):
        await desk.risk.close_position(XRP, -6.0)
    desk.account.wallet = 940.0
    await desk.risk.register_position(TRX, SHORT)
    await desk.bar(MONDAY_MS + BAR_MS, XRPUSDT=an_entry())
    desk.risk.result_unknown(DOGE)
    desk.risk.pause()
    await desk.journal.commit()

    risk = (await desk.killed_and_started(XRP)).risk
    assert risk.is_paused
    assert risk.open_positions == {TRX: SHORT}
    assert risk.refusals == {"daily-loss": 1}
    assert (risk.halted_days, risk.daily_pnl, risk.initial_balance) == (1, -48.0, 1000.0)
    heard = [reason(await risk.reserve(XRP, LONG))]
    risk.resume()
    heard.append(reason(await risk.reserve(XRP, LONG)))
    await risk.close_position(DOGE, 0.0)
    heard.append(reason(await risk.reserve(XRP, LONG)))
    assert heard == ["paused", "unknown-result", "daily-loss"]


async def test_a_drawdown_is_measured_from_the_high_of_before_the_restart():
    desk = await Desk(default_profile(max_daily_loss=0.9)).begin(XRP)
    desk.account.wallet = 2000.0
    await desk.bar(MONDAY_MS, XRPUSDT=None)
    await desk.journal.commit()
    desk.account.wallet = 1400.0

    again = await desk.killed_and_started(XRP)
    (answer,) = await again.bar(MONDAY_MS + BAR_MS, XRPUSDT=an_entry())
    assert reason(answer) == "drawdown"


async def test_a_state_of_another_version_is_refused():
    journal = FakeJournal([RiskState(0, {"version": 99})])

    with pytest.raises(JournalError):
        await RiskManager(Settings(), journal=journal).start(FakeAccount())


async def test_a_bot_that_leaves_between_answer_and_fill_finds_its_slot_free_when_it_is_back():
    desk = await Desk().begin(XRP)
    await desk.bar(MONDAY_MS, XRPUSDT=an_entry())
    desk.risk.leave(XRP)
    desk.risk.join(XRP)

    (answer,) = await desk.bar(MONDAY_MS + BAR_MS, XRPUSDT=an_entry())
    assert given(answer)


async def in_time(work: Awaitable[T]) -> T:
    return await asyncio.wait_for(work, 5)


async def test_without_a_clock_the_system_tells_the_time():
    risk = RiskManager(Settings(auction_deadline_ms=1))
    risk.set_base_balance(1000.0)
    risk.join(XRP)
    risk.join(TRX)

    answer = await in_time(risk.submit(MONDAY_MS, XRP, an_entry()))
    assert float(given(answer).quantity) == pytest.approx(1666.6667)


def test_a_request_may_be_told_in_plain_words_and_decimals():
    request = EntryRequest("SHORT", Decimal("1.5"), 0, FREE_GRID)  # type: ignore[arg-type]

    assert (request.side, request.price, request.stop_distance) == (SHORT, 1.5, 0.0)
