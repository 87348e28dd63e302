"""The risk manager in memory: what users of the contract rely on."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from types import SimpleNamespace

import pytest

from cointrader.risk.manager import Refusal, Reservation, RiskManager
from tests.unit.risk.fakes import (
    DOGE,
    LONG,
    MONDAY_MS,
    SHORT,
    TRX,
    XRP,
    FakeClock,
    FakeJournal,
    default_profile,
)

SIMPLE = {
    "symbols": [XRP, TRX, DOGE],
    "leverage": 10,
    "max_positions": 3,
    "max_same_direction": 2,
    "max_daily_loss": 0.05,
    "margin_max_ratio": 0.50,
    "margin_min_ratio": 0.20,
    "margin_decay_rate": 0.0006,
}


@pytest.fixture
def risk() -> RiskManager:
    return RiskManager(SimpleNamespace(**SIMPLE))


async def test_a_position_takes_its_slot_and_gives_it_back(risk):
    await risk.register_position(XRP, "LONG")
    assert risk.open_positions == {XRP: "LONG"}
    assert not await risk.can_open_new_position(XRP, "SHORT")

    await risk.close_position(XRP, pnl=1.5)
    assert XRP not in risk.open_positions
    assert risk.daily_pnl == 1.5
    assert await risk.can_open_new_position(XRP, "SHORT")


async def test_a_third_position_on_one_side_and_a_fourth_at_all_are_not_allowed(risk):
    await risk.register_position(XRP, "LONG")
    await risk.register_position(TRX, "LONG")
    assert not await risk.can_open_new_position(DOGE, "LONG")
    assert await risk.can_open_new_position(DOGE, "SHORT")

    await risk.register_position(DOGE, "SHORT")
    assert not await risk.can_open_new_position("SOLUSDT", "SHORT")
    assert risk.is_trading_allowed()  # full is not halted


async def test_limits_changed_after_construction_hold(risk):
    risk.config.max_positions = 1
    await risk.register_position(XRP, "LONG")

    refusal = await risk.reserve(TRX, "SHORT")
    assert refusal == Refusal("max-positions", "1 of 1 slots in use")

    risk.config.max_positions = 2
    assert await risk.reserve(TRX, "SHORT")


def test_trading_is_allowed_until_a_balance_is_known(risk):
    risk.daily_pnl = -1_000_000.0

    assert risk.is_trading_allowed()
    assert risk.initial_balance == 0.0
    assert risk.get_dynamic_margin_ratio(500.0) == 0.5


@pytest.mark.parametrize("number", [float, int, Decimal])
def test_the_daily_loss_limit_stops_trading_and_a_new_day_starts_from_what_is_left(risk, number):
    risk.set_base_balance(number(1000))
    risk.record_pnl(number(-49))
    assert risk.is_trading_allowed()
    risk.record_pnl(number(-1))
    assert not risk.is_trading_allowed()

    risk.reset_daily()
    assert risk.is_trading_allowed()
    assert risk.daily_pnl == 0.0
    risk.daily_pnl = -47.6  # 5 % of 950 is 47.5
    assert not risk.is_trading_allowed()


async def test_a_halted_day_refuses_with_its_reason_and_keeps_closing(risk):
    risk.initial_balance = 1000.0
    await risk.register_position(XRP, "LONG")
    risk.daily_pnl = -60.0

    refusal = await risk.reserve(TRX, "LONG")
    assert not refusal
    assert refusal.reason == "daily-loss"
    assert risk.refusals == {"daily-loss": 1}

    await risk.close_position(XRP, 20.0)
    assert risk.daily_pnl == -40.0
    assert risk.is_trading_allowed()


def test_the_margin_ratio_moves_when_the_balance_moves(risk):
    risk.set_base_balance(22.0)

    assert risk.initial_balance == 22.0
    assert risk.get_dynamic_margin_ratio(22.0) == pytest.approx(0.50)
    assert risk.get_dynamic_margin_ratio(122.0) == pytest.approx(0.44)
    assert risk.get_dynamic_margin_ratio(10_000.0) == pytest.approx(0.20)


def test_a_second_base_balance_leaves_the_days_start_alone(risk):
    risk.set_base_balance(1000.0)
    risk.set_base_balance(500.0)
    risk.daily_pnl = -30.0

    assert risk.initial_balance == 500.0
    assert risk.is_trading_allowed()  # 3 % of the 1000 the day began with


async def test_a_reservation_is_committed_or_released_once(risk):
    kept = await risk.reserve(XRP, "LONG")
    assert kept
    assert not risk.open_positions
    kept.commit()
    kept.commit()
    kept.release()
    assert risk.open_positions == {XRP: LONG}

    given_back = await risk.reserve(TRX, "LONG")
    await given_back.release()  # awaiting is allowed, too
    await given_back.release()
    await given_back.commit()
    assert risk.open_positions == {XRP: LONG}

    await risk.close_position(XRP, 0.0)
    kept.commit()
    assert not risk.open_positions


async def test_an_old_reservation_cannot_free_a_new_one(risk):
    old = await risk.reserve(XRP, "LONG")
    risk.restore_flat(XRP)
    new = await risk.reserve(XRP, "SHORT")

    old.release()
    assert not await risk.can_open_new_position(XRP, "LONG")
    new.release()
    assert await risk.can_open_new_position(XRP, "LONG")


@pytest.mark.parametrize("wrong", ["long", "BUY", "", None])
async def test_an_unknown_side_is_refused_clearly(risk, wrong):
    with pytest.raises(ValueError, match="'LONG' or 'SHORT'"):
        await risk.reserve(XRP, wrong)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_an_amount_that_is_no_number_is_refused(risk, wrong):
    with pytest.raises(ValueError, match="must be a number"):
        risk.set_base_balance(wrong)


async def test_a_thousand_bots_asking_at_once_never_get_more_than_there_is():
    symbols = [f"S{i}USDT" for i in range(1000)]
    settings = default_profile(
        symbols=tuple(symbols), max_positions=700, max_same_direction=400, leverage=10
    )
    risk = RiskManager(settings)
    risk.set_base_balance(1000.0)

    async def ask(number: int) -> Reservation | Refusal:
        await asyncio.sleep(0)
        return await risk.reserve(symbols[number], "LONG" if number % 3 else "SHORT", margin=2.0)

    answers = await asyncio.gather(*(ask(number) for number in range(1000)))

    given = [answer for answer in answers if isinstance(answer, Reservation)]
    assert len(given) == 500  # 500 x 2 is all the margin there is
    assert sum(each.side is LONG for each in given) <= 400
    assert {each.reason for each in answers if isinstance(each, Refusal)} == {"margin"}


async def test_two_bots_asking_for_the_last_slot_do_not_both_get_it(risk):
    risk.config.max_positions = 1

    answers = await asyncio.gather(*(risk.reserve(symbol, SHORT) for symbol in (XRP, TRX, DOGE)))

    assert [bool(answer) for answer in answers] == [True, False, False]


async def test_commands_are_journaled_and_hold():
    journal = FakeJournal()
    risk = RiskManager(default_profile(), clock=FakeClock(), journal=journal)

    risk.pause()
    assert not risk.is_trading_allowed()
    assert await risk.reserve(XRP, LONG) == Refusal("paused", "trading is paused")
    risk.resume()
    assert await risk.reserve(XRP, LONG)

    kinds = [event.kind for event in journal.events("paused", "refused", "resumed")]
    assert kinds == ["paused", "refused", "resumed"]
    assert journal.events("paused")[0].at_ms == MONDAY_MS


async def test_an_unknown_result_blocks_every_entry_until_it_is_known(risk):
    await risk.register_position(XRP, LONG)
    risk.result_unknown(XRP)

    assert (await risk.reserve(TRX, LONG)).reason == "unknown-result"
    assert not risk.is_trading_allowed()

    await risk.close_position(XRP, -3.0)
    assert await risk.reserve(TRX, LONG)
    assert risk.daily_pnl == -3.0


async def test_a_switch_trips_for_its_symbol_only_and_a_reset_starts_anew():
    journal = FakeJournal()
    risk = RiskManager(default_profile(kill_fast=True), clock=FakeClock(), journal=journal)
    for _ in range(8):
        await risk.register_position(XRP, LONG)
        await risk.close_position(XRP, -0.0)

    refusal = await risk.reserve(XRP, LONG)
    assert refusal == Refusal("kill-fast", "too many losses running, until reset")
    assert await risk.can_open_new_position(TRX, LONG)
    assert risk.is_trading_allowed()
    assert [event.reason for event in journal.events("kill-switch")] == ["kill-fast"]

    risk.reset_switch(XRP)
    await risk.close_position(XRP, -1.0)
    assert await risk.reserve(XRP, LONG)


async def test_a_result_of_an_earlier_day_does_not_count_to_today(risk):
    risk._standing.day = MONDAY_MS // 86_400_000

    await risk.close_position(XRP, -5.0, at_ms=MONDAY_MS - 1)
    assert risk.daily_pnl == 0.0
    await risk.close_position(TRX, -5.0, at_ms=MONDAY_MS)
    assert risk.daily_pnl == -5.0
