"""The pure book: who holds a slot, and what is said to those who do not get one."""

from __future__ import annotations

import pytest

from cointrader.domain.order import Side
from cointrader.risk.book import Refusal, RiskBook, Situation, Slot
from cointrader.risk.limits import RiskLimits
from tests.unit.risk.fakes import DOGE, LONG, SHORT, TRX, XRP, Settings, default_profile


def a_book(settings: Settings | None = None, **held: Side) -> RiskBook:
    slots = {symbol: Slot(side, is_open=True) for symbol, side in held.items()}
    return RiskBook(RiskLimits.of(settings or Settings()), slots)


def test_reserve_third_long_is_refused_as_same_direction():
    book = a_book(XRPUSDT=LONG, TRXUSDT=LONG)

    assert book.reserve(DOGE, LONG) == Refusal("same-direction", "2 of 2 long slots in use")
    assert isinstance(book.reserve(DOGE, SHORT), RiskBook)


def test_reserve_leaves_the_book_it_was_asked_of_alone():
    book = a_book()
    taken = book.reserve(XRP, LONG)

    assert isinstance(taken, RiskBook)
    assert not book.slots
    assert taken.reserve(XRP, SHORT) == Refusal("symbol-held", "XRPUSDT is already LONG")


def test_a_refusal_is_falsy_and_a_full_book_says_so():
    full = a_book(A=LONG, B=LONG, C=SHORT)

    assert not full.reserve(XRP, SHORT)
    assert full.reserve(XRP, SHORT) == Refusal("max-positions", "3 of 3 slots in use")


@pytest.mark.parametrize(
    ("situation", "reason"),
    [
        (Situation(snapshot=0.0, is_paused=True), "no-money"),
        (Situation(is_paused=True, unknown_results=(TRX,)), "paused"),
        (Situation(unknown_results=(TRX,), is_day_halted=True), "unknown-result"),
        (Situation(is_day_halted=True, is_drawdown_halted=True), "daily-loss"),
        (Situation(day_start=1000.0, day_now=960.0, is_drawdown_halted=True), "open-risk"),
        (Situation(is_drawdown_halted=True, is_killed_fast=True), "drawdown"),
        (Situation(is_killed_fast=True, is_killed_slow=True), "kill-fast"),
        (Situation(is_killed_slow=True), "kill-slow"),
        (Situation(free_margin=10.0), "max-positions"),
    ],
)
def test_what_speaks_against_the_account_is_said_before_the_slots(situation, reason):
    full = a_book(default_profile(), A=LONG, B=LONG, XRPUSDT=LONG)

    refusal = full.refusal(XRP, LONG, situation, margin=11.0, risk=11.0)

    assert refusal is not None
    assert refusal.reason == reason
    assert refusal.detail


def test_margin_promised_to_others_is_not_free():
    book = a_book(default_profile())
    situation = Situation(free_margin=100.0)
    first = book.reserve(XRP, LONG, situation, margin=60.0)

    assert isinstance(first, RiskBook)
    second = first.reserve(TRX, LONG, situation, margin=50.0)
    assert second == Refusal("margin", "needs 50.00 margin, 40.00 is free")


def test_margin_of_a_position_the_account_already_knows_is_not_counted_twice():
    book = a_book(default_profile())
    first = book.reserve(XRP, LONG, Situation(free_margin=100.0, reading=1), margin=60.0)
    assert isinstance(first, RiskBook)
    filled = first.commit(XRP, LONG, reading=1)

    before, after = Situation(free_margin=100.0, reading=1), Situation(free_margin=40.0, reading=2)
    assert filled.refusal(TRX, LONG, before, margin=50.0) is not None  # read before the fill
    assert filled.refusal(TRX, LONG, after, margin=40.0) is None


def test_margin_of_a_reservation_that_has_not_filled_is_never_free():
    book = a_book(default_profile())
    reserved = book.reserve(XRP, LONG, Situation(free_margin=100.0, reading=1), margin=60.0)
    assert isinstance(reserved, RiskBook)

    later = Situation(free_margin=100.0, reading=2)
    assert reserved.refusal(TRX, LONG, later, margin=50.0) is not None


def test_release_with_a_ticket_frees_only_that_reservation():
    book = a_book().holding(XRP, Slot(LONG, ticket=7))

    assert book.release(XRP, 6) is book
    assert not book.release(XRP, 7).slots
    assert book.commit(XRP, LONG).release(XRP, 7).slots  # filled meanwhile


def test_commit_counts_the_risk_from_the_fill_to_the_stop():
    book = a_book().commit(XRP, SHORT, quantity=100.0, entry_price=2.0, stop=2.05)

    assert book.slots[XRP].risk == pytest.approx(5.0)
    assert book.marked({XRP: 1.95}).slots[XRP].risk == pytest.approx(10.0)


def test_open_risk_of_all_positions_counts_against_the_day():
    book = a_book(default_profile()).commit(XRP, LONG, quantity=100.0, entry_price=2.0, stop=1.7)
    situation = Situation(day_start=1000.0, day_now=990.0)

    assert book.refusal(TRX, LONG, situation, risk=10.0) is None
    refusal = book.refusal(TRX, LONG, situation, risk=11.0)
    assert refusal is not None
    assert refusal.reason == "open-risk"
