"""Bookings against a wallet: what adds up, what does not, and since when."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cointrader.app.income.account import State, held_against, running_balances, tolerance_of
from cointrader.app.income.differences import against_journal, against_sums
from cointrader.app.income.rows import IncomeRow, Reading, named, plain, sums_by_kind

D = Decimal
HOUR = 3_600_000


def a_row(hour, amount, kind="REALIZED_PNL", asset="USDT", **more):
    return IncomeRow(int(hour * HOUR), kind, asset, D(amount), **more)


def a_reading(hour, wallet, asset="USDT"):
    return Reading(int(hour * HOUR), asset, D(wallet), "a test")


def ends(hour, **wallets):
    return {asset: a_reading(hour, wallet, asset) for asset, wallet in wallets.items()}


ROWS = [
    a_row(1, "10.5"),
    a_row(1, "-0.25", "COMMISSION"),
    a_row(8, "-0.0021", "FUNDING_FEE"),
    a_row(9, "100", "TRANSFER"),
]


@pytest.mark.parametrize(
    ("opening", "closing", "state", "difference"),
    [
        ("1000", "1110.2479", State.RECONCILED, "0"),
        ("1000", "1110.2520", State.RECONCILED, "0.0041"),  # less than half a cent
        ("1000", "1110.2530", State.DIFFERS, "0.0051"),
        ("1000", "1110.2379", State.DIFFERS, "-0.0100"),
        ("999", "1110.2479", State.DIFFERS, "1"),
    ],
)
def test_the_sum_of_bookings_is_held_against_the_wallet(opening, closing, state, difference):
    (usdt,) = held_against(ROWS, [a_reading(0, opening)], ends(10, USDT=closing))

    assert (usdt.state, usdt.difference, usdt.rows) == (state, D(difference), 4)
    assert usdt.booked == D("110.2479")


def test_a_booking_at_the_moment_of_a_reading_is_in_that_reading():
    (usdt,) = held_against(ROWS, [a_reading(1, "1010.25")], ends(9, USDT="1110.2479"))

    assert (usdt.state, usdt.rows, usdt.difference) == (State.RECONCILED, 2, D(0))


@pytest.mark.parametrize(
    ("readings", "closing"), [([], ends(10, USDT="5")), ([a_reading(0, "5")], {})]
)
def test_without_two_readings_nothing_is_checked(readings, closing):
    (usdt,) = held_against(ROWS, readings, closing)

    assert (usdt.state, usdt.difference) == (State.NOT_CHECKED, None)


def test_a_difference_is_told_for_the_time_in_which_it_came_to_be():
    readings = [a_reading(0, "1000"), a_reading(2, "1010.25"), a_reading(8.5, "1003.2479")]

    (usdt,) = held_against(ROWS, readings, ends(10, USDT="1103.2479"))

    assert [each.difference for each in usdt.stretches] == [0, D("-7"), 0]
    assert (usdt.stretches[1].from_ms, usdt.stretches[1].to_ms) == (2 * HOUR, int(8.5 * HOUR))
    assert (usdt.state, usdt.difference) == (State.DIFFERS, D("-7"))


def test_each_asset_is_an_account_of_its_own():
    rows = [*ROWS, a_row(1, "-0.00041", "COMMISSION", "BNB")]
    readings = [a_reading(0, "1000"), a_reading(0, "1", "BNB")]

    found = held_against(rows, readings, ends(10, USDT="1110.2479", BNB="0.99959", ETH="0"))

    assert [(each.asset, each.state) for each in found] == [
        ("BNB", State.RECONCILED),
        ("USDT", State.RECONCILED),
    ]


def test_a_cent_of_an_asset_that_is_worth_much_is_no_rounding():
    assert tolerance_of("USDT", 1000) == D("0.005")
    assert tolerance_of("BNB", 9) == D("0.0000001")


# ------------------------------------------------------------------ balances


def test_the_balance_after_each_booking_counts_on_from_the_first_reading():
    rows = [a_row(0.5, "3"), *ROWS]
    accounts = held_against(rows, [a_reading(0.75, "1000")], ends(10, USDT="1110.2479"))

    assert running_balances(rows, accounts) == [
        D("1000"),
        D("1010.5"),
        D("1010.25"),
        D("1010.2479"),
        D("1110.2479"),
    ]


def test_without_an_earlier_reading_it_is_counted_back_from_the_last():
    accounts = held_against(ROWS, [], ends(10, USDT="500"))

    assert running_balances(ROWS, accounts)[-2:] == [D("400"), D("500")]


def test_an_asset_that_nobody_tells_a_wallet_of_has_no_balance():
    rows = [a_row(1, "-1", "COMMISSION", "BNB")]

    assert running_balances(rows, held_against(rows, [], {})) == [None]


def test_sums_lose_no_digit():
    rows = [a_row(1, "123456789012345678901.000000000000000001"), a_row(2, "1e-18")]

    assert sums_by_kind(rows) == {
        ("USDT", "REALIZED_PNL"): D("123456789012345678901.000000000000000002")
    }
    assert (plain(D("1E-7")), plain(D("-0"))) == ("0.0000001", "0")


# ------------------------------------------------------------------ against a journal

OURS = [
    a_row(2, "-0.5", "COMMISSION", symbol="XRPUSDT", trade_id="7", client_order_id="ct-a"),
    a_row(2, "4", symbol="XRPUSDT", trade_id="7", client_order_id="ct-a"),
    a_row(8, "-0.1", "FUNDING_FEE", symbol="XRPUSDT"),
]


def difference_texts(theirs, since_hour=0):
    found = against_journal(theirs, OURS, since_ms=since_hour * HOUR)
    return [each.text for each in found]


def test_the_same_bookings_are_no_difference():
    theirs = [a_row(8.01, "-0.1", "FUNDING_FEE", symbol="XRPUSDT"), *OURS[:2]]

    assert difference_texts(theirs) == []


def test_a_fee_in_another_asset_is_no_difference():
    bnb = a_row(2, "-0.0008", "COMMISSION", "BNB", symbol="XRPUSDT", trade_id="7")

    assert difference_texts([bnb, *OURS[1:]]) == []


@pytest.mark.parametrize(
    ("theirs", "told"),
    [
        (OURS[1:], "execution 7 of XRPUSDT (ct-a): the journal has a fee of -0.5, the exchange"),
        (OURS[:2], "funding of XRPUSDT: the journal has -0.1, the exchange none"),
        (
            [*OURS, a_row(3, "-2", symbol="XRPUSDT", trade_id="9")],
            "XRPUSDT: 1 execution that the journal does not have, together -2 USDT",
        ),
        ([*OURS, a_row(16, "1", "FUNDING_FEE", symbol="XRPUSDT")], "1 that the journal does not"),
        ([*OURS, a_row(3, "50", "TRANSFER")], "transfers: the exchange booked 50, the journal"),
        (
            [a_row(2, "-0.6", "COMMISSION", symbol="XRPUSDT", trade_id="7"), *OURS[1:]],
            "a fee of -0.5, the exchange of -0.6",
        ),
    ],
)
def test_what_only_one_side_has_is_named(theirs, told):
    (text,) = difference_texts(theirs)

    assert told in text


def test_what_was_before_the_journal_began_is_no_difference():
    early = a_row(1, "-2", symbol="XRPUSDT", trade_id="3")

    assert difference_texts([early, *OURS], since_hour=1.5) == []


def test_sums_by_kind_are_held_against_an_exchanges_own():
    sums = {"REALIZED_PNL": D("10.5"), "COMMISSION": D("-0.35"), "FUNDING_FEE": D("-0.0021")}

    (found,) = against_sums(ROWS, sums)

    assert (found.kind, found.amount) == ("COMMISSION", D("0.10"))


def test_rows_get_our_order_ids_by_execution_and_keep_the_ones_they_have():
    rows = [
        a_row(1, "1", symbol="XRPUSDT", trade_id="7"),
        a_row(1, "1", symbol="TRXUSDT", trade_id="7", client_order_id="ct-kept"),
        a_row(1, "1", "FUNDING_FEE", symbol="XRPUSDT"),
    ]

    found = named(rows, {("XRPUSDT", "7"): "ct-a", ("XRPUSDT", ""): "never"})

    assert [row.client_order_id for row in found] == ["ct-a", "ct-kept", ""]
