"""Funding, the end of a symbol's candles, ``--from`` and ``--to``: worked out by hand.

Founding profile; 1000 per symbol in the wallet buys 50 at 100, and the fee is 0.0004 per side.
"""

import pytest

from tests.parity.tables import assert_trades, play_table

# ---------------------------------------------------------------------- funding

OVERNIGHT = """
    07:30  100  {side}
    07:45  100
    08:00  100
    08:15  100
"""


@pytest.mark.parametrize(
    ("side", "rate", "funding", "net"),
    [
        ("long", 0.001, -5, -9),  # 50 x 100 x 0.001
        ("short", 0.001, 5, 1),
        ("long", -0.001, 5, 1),
        ("short", -0.001, -5, -9),
        ("long", 0.0, 0, -4),
        ("short", 0.0, 0, -4),
    ],
)
def test_longs_pay_a_positive_rate_and_shorts_receive_it(side, rate, funding, net):
    played = play_table(XRP=OVERNIGHT.format(side=side), funding={"XRP": [("08:00", rate)]})

    assert_trades(
        played,
        f"""
        symbol side         in    price out   price reason qty gross fee funding   net
        XRP    {side.upper()} 07:45 100 08:15 100   END    50  0     4   {funding} {net}
        """,
    )


@pytest.mark.parametrize(
    ("settlement", "funding", "net"),
    [
        (("08:00", 0.001), -5.1, 90.86),  # no mark price stored: 50 x the bar's open of 102
        (("08:00", 0.001, 110.0), -5.5, 90.46),
    ],
)
def test_funding_is_counted_at_the_mark_price_or_else_at_the_open(settlement, funding, net):
    played = play_table(
        XRP="""
            07:30  100                  long
            07:45  100
            08:00  102  103  101  103
            08:15  102
        """,
        funding={"XRP": [settlement]},
    )

    assert_trades(
        played,
        f"""
        symbol side in    price out   price reason qty gross fee  funding   net
        XRP    LONG 07:45 100   08:15 102   END    50  100   4.04 {funding} {net}
        """,
    )


def test_two_settlements_are_two_payments():
    played = play_table(
        XRP="""
            07:30  100  long
            07:45  100
            ...
            16:00  100
            16:15  100
        """,
        funding={"XRP": [("08:00", 0.001), ("16:00", -0.003)]},
    )

    # -5 + 15
    assert_trades(
        played,
        """
        symbol side in    price out   price reason qty gross fee funding net
        XRP    LONG 07:45 100   16:15 100   END    50  0     4   10      6
        """,
    )


def test_a_position_opened_at_the_open_of_a_settlement_pays_nothing():
    played = play_table(
        XRP="07:45 100 long\n 08:00 100\n 08:15 100", funding={"XRP": [("08:00", 0.001)]}
    )

    assert_trades(
        played,
        """
        symbol side in    price out   price reason qty gross fee funding net
        XRP    LONG 08:00 100   08:15 100   END    50  0     4   0       -4
        """,
    )


def test_a_reversal_at_a_settlement_pays_for_neither_position():
    played = play_table(
        XRP="""
            07:30  100  long
            07:45  100  short
            08:00  100
            08:15  100
        """,
        funding={"XRP": [("08:00", 0.01)]},
    )

    # 996 after the close: 49.8
    assert_trades(
        played,
        """
        symbol side  in    price out   price reason  qty  gross fee   funding net
        XRP    LONG  07:45 100   08:00 100   REVERSE 50   0     4     0       -4
        XRP    SHORT 08:00 100   08:15 100   END     49.8 0     3.984 0       -3.984
        """,
    )


def test_a_stop_inside_the_bar_of_a_settlement_comes_after_the_funding():
    played = play_table(
        XRP="""
            07:30  100               long
            07:45  100
            08:00  100  100  97  98
            08:15  98
        """,
        funding={"XRP": [("08:00", 0.001)]},
    )

    assert_trades(
        played,
        """
        symbol side in    price out   price reason qty gross fee  funding net
        XRP    LONG 07:45 100   08:00 98    SL     50  -100  3.96 -5      -108.96
        """,
    )


def test_a_settlement_pays_before_the_next_bar_is_judged():
    """2 of fee and 98 of funding are the day's limit of 100: TRX comes one bar too late."""
    played = play_table(
        XRP="""
            07:30  100               long
            07:45  100
            08:00  100
            08:15  100
        """,
        TRX="""
            07:30  100
            07:45  100
            08:00  100               long
            08:15  100
            08:30  100
        """,
        balance=2000,
        funding={"XRP": [("08:00", 0.0196)]},
    )

    assert_trades(
        played,
        """
        symbol side in    price out   price reason qty gross fee funding net
        XRP    LONG 07:45 100   08:15 100   END    50  0     4   -98     -102
        """,
    )
    assert played.refusals == {"daily-loss": 1}


# ---------------------------------------------------------------------- the last candle


def test_a_signal_on_the_last_candle_is_not_filled():
    played = play_table(XRP="03:00 100\n 03:15 100 long")

    assert played.trades == []
    assert "03:15" not in played.answers["XRPUSDT"]


def test_an_entry_at_the_open_of_the_last_candle_is_taken_and_ended():
    played = play_table(XRP="03:00 100 long\n 03:15 100 101 99 100.5")

    assert_trades(
        played,
        """
        symbol side in    price out   price reason qty gross fee  funding net
        XRP    LONG 03:15 100   03:15 100.5 END    50  25    4.01 0       20.99
        """,
    )


def test_a_symbol_that_ends_frees_its_slot_for_the_next_timestamp():
    """At 03:30, XRP's last bar, the only slot is still taken; at 03:45 it is free."""
    played = play_table(
        XRP="""
            03:00  100  long
            03:15  100
            03:30  100  101  99  101
        """,
        TRX="""
            03:00  100
            03:15  100  long
            03:30  100  long
            03:45  100
            04:00  101
        """,
        balance=2000,
        settings={"max_positions": 1, "max_same_direction": 1, "margin_decay_rate": 0},
    )

    # 2000 + 45.98 = 2045.98: 51.1495 at 100
    assert_trades(
        played,
        """
        symbol side in    price out   price reason qty     gross   fee       funding net
        XRP    LONG 03:15 100   03:30 101   END    50      50      4.02      0       45.98
        TRX    LONG 03:45 100   04:00 101   END    51.1495 51.1495 4.1124198 0       47.0370802
        """,
    )
    assert played.answers["TRXUSDT"]["03:15"] == ("ENTER", "max-positions")
    assert played.answers["TRXUSDT"]["03:30"] == ("ENTER", "")


def test_a_symbol_that_begins_later_is_decided_after_300_bars_of_its_own():
    played = play_table(
        XRP="""
            02:45  100  long
            03:00  100
            03:15  100
            03:30  100
        """,
        TRX="""
            03:00  100  long
            03:15  100
            03:30  100
        """,
        balance=2000,
    )

    # TRX: 1998 / 2 x 5 = 4995
    assert_trades(
        played,
        """
        symbol side in    price out   price reason qty   gross fee   funding net
        XRP    LONG 03:00 100   03:30 100   END    50    0     4     0       -4
        TRX    LONG 03:15 100   03:30 100   END    49.95 0     3.996 0       -3.996
        """,
    )


# ---------------------------------------------------------------------- --from and --to

FROM_TO = """
    03:00  100  long
    03:15  100
    03:30  101  long
    03:45  101
    04:00  101  102  100  102
    04:15  102  150  102  150
"""


def test_from_decides_first_at_the_bar_that_opens_there():
    played = play_table(XRP=FROM_TO, since="03:30", target=200, settings={"taker_fee": 0})

    assert_trades(
        played,
        """
        symbol side in    price out   price reason qty               gross            fee funding net
        XRP    LONG 03:45 101   04:15 150   END    49.50495049504951 2425.74257425743 0   0       2425.74257425743
        """,  # noqa: E501
    )


def test_to_ends_like_the_end_of_the_candles():
    played = play_table(XRP=FROM_TO, until="04:15", target=200)

    assert_trades(
        played,
        """
        symbol side in    price out   price reason qty gross fee  funding net
        XRP    LONG 03:15 100   04:00 102   END    50  100   4.04 0       95.96
        """,
    )


def test_to_leaves_the_signal_of_its_last_bar_unfilled():
    played = play_table(XRP=FROM_TO, until="03:15", target=200)

    assert played.trades == []
