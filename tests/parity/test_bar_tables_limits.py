"""What the account allows: sizes, costs, slots, sides and the day's loss, worked out by hand.

Founding profile; 1000 per symbol in the wallet buys 50 at 100, and the fee is 0.0004 per side.
"""

import pytest

from tests.parity.tables import assert_trades, play_table

FLAT = "03:00 100 {}\n 03:15 100\n 03:30 100"
LONG, SHORT = FLAT.format("long"), FLAT.format("short")

# ---------------------------------------------------------------------- costs and size


def test_slippage_is_against_us_on_every_fill():
    """2 bps: bought at 100.02, 5000 of it; the target of 104.02 is sold 0.0002 lower."""
    played = play_table(
        XRP="03:00 100 long\n 03:15 100\n 03:30 100 105 100 105", settings={"slippage_bps": 2}
    )

    assert_trades(
        played,
        """
        symbol side in    price  out   price      reason qty               gross             fee               funding net
        XRP    LONG 03:15 100.02 03:30 103.999196 TP     49.99000199960008 198.9200159968006 4.079568006398721 0       194.84044799040192
        """,  # noqa: E501
    )


def test_slippage_of_a_short_sells_lower_and_buys_higher():
    """Sold at 99.98; the bar opens at 102.5, beyond the stop of 101.98: bought at 102.5205."""
    played = play_table(
        XRP="03:00 100 short\n 03:15 100\n 03:30 102.5 103 102 102", settings={"slippage_bps": 2}
    )

    assert_trades(
        played,
        """
        symbol side  in    price out   price    reason qty               gross               fee               funding net
        XRP    SHORT 03:15 99.98 03:30 102.5205 SL_GAP 50.01000200040008 -127.05041008201640 4.050820164032807 0       -131.10123024604921
        """,  # noqa: E501
    )


@pytest.mark.parametrize(
    ("profit", "quantity"),
    [
        (1, 49.35),  # 1050 x 0.47 x 10
        (2, 48.4),  # 1100 x 0.44 x 10
        (12, 32),  # 1600 x 0.20 x 10: never below
    ],
)
def test_the_margin_ratio_falls_with_profit(profit, quantity):
    """Without fees 50 x `profit` are won, and each unit takes 0.0006 off the ratio of 0.5."""
    played = play_table(
        XRP=f"""
            03:00  100                             long
            03:15  100  {100 + profit}  100  100
            03:30  100                             long
            03:45  100
        """,
        target=profit,
        stop=20,
        settings={"taker_fee": 0},
    )

    assert float(played.trades[1].quantity) == pytest.approx(quantity, rel=1e-9)


# ---------------------------------------------------------------------- slots and sides


def test_a_third_position_of_one_side_is_refused_in_the_configured_order():
    played = play_table(DOGE=LONG, XRP=LONG, TRX=LONG, ADA=SHORT, balance=4000)

    assert_trades(
        played,
        """
        symbol side  in    price out   price reason qty gross fee funding net
        DOGE   LONG  03:15 100   03:30 100   END    50  0     4   0       -4
        XRP    LONG  03:15 100   03:30 100   END    50  0     4   0       -4
        ADA    SHORT 03:15 100   03:30 100   END    50  0     4   0       -4
        """,
    )
    assert played.refusals == {"same-direction": 1}
    assert played.answers["TRXUSDT"]["03:00"] == ("ENTER", "same-direction")


def test_a_fourth_position_is_refused_before_its_side_is_looked_at():
    played = play_table(TRX=SHORT, DOGE=LONG, ADA=SHORT, XRP=SHORT, balance=4000)

    assert [trade.symbol for trade in played.trades] == ["TRXUSDT", "DOGEUSDT", "ADAUSDT"]
    assert played.refusals == {"max-positions": 1}
    assert played.answers["XRPUSDT"]["03:00"] == ("ENTER", "max-positions")


@pytest.mark.parametrize("slowest", ["DOGEUSDT", "XRPUSDT", "TRXUSDT", "ADAUSDT"])
def test_whose_candle_comes_last_does_not_change_who_is_served_first(slowest):
    played = play_table(
        DOGE=LONG,
        XRP=LONG,
        TRX=LONG,
        ADA=SHORT,
        balance=4000,
        lateness=lambda symbol, open_ms: 1_900 if symbol == slowest else 0,
    )

    assert [trade.symbol for trade in played.trades] == ["DOGEUSDT", "XRPUSDT", "ADAUSDT"]
    assert played.answers["TRXUSDT"]["03:00"] == ("ENTER", "same-direction")


def test_a_candle_later_than_the_auction_waits_is_served_after_the_others():
    """2 s; XRP is configured first and comes after 5."""
    played = play_table(
        XRP=LONG,
        TRX=LONG,
        DOGE=LONG,
        balance=3000,
        lateness=lambda symbol, open_ms: 5_000 if symbol == "XRPUSDT" else 0,
    )

    assert [trade.symbol for trade in played.trades] == ["TRXUSDT", "DOGEUSDT"]
    assert played.answers["XRPUSDT"]["03:00"] == ("ENTER", "same-direction")


def test_all_entries_of_a_bar_are_sized_by_one_snapshot():
    """The first entry's fee of 2 is not missing from the second one's 5000."""
    played = play_table(XRP=LONG, TRX=LONG, balance=2000)

    assert [float(trade.quantity) for trade in played.trades] == [50, 50]


REVERSES = "03:00 100 long\n 03:15 100 short\n 03:30 100\n 03:45 100"
JOINS = "03:00 100\n 03:15 100 short\n 03:30 100\n 03:45 100"
STAYS = "03:00 100 short\n 03:15 100\n 03:30 100\n 03:45 100"


def test_the_slot_that_a_reversal_frees_goes_to_whoever_is_configured_first():
    """DOGE only closes: ADA, which stands before it, takes the slot at the same open."""
    limits = {"max_positions": 2, "max_same_direction": 2}
    played = play_table(ADA=JOINS, TRX=STAYS, DOGE=REVERSES, balance=3000, settings=limits)

    # 3000 - 2 - 4 = 2994 after the close, a third of it x 5
    assert_trades(
        played,
        """
        symbol side  in    price out   price reason  qty  gross fee   funding net
        DOGE   LONG  03:15 100   03:30 100   REVERSE 50   0     4     0       -4
        ADA    SHORT 03:30 100   03:45 100   END     49.9 0     3.992 0       -3.992
        TRX    SHORT 03:15 100   03:45 100   END     50   0     4     0       -4
        """,
    )
    assert played.answers["DOGEUSDT"]["03:15"] == ("REVERSE", "max-positions")


def test_a_reversal_keeps_its_own_slot_when_it_is_configured_first():
    limits = {"max_positions": 2, "max_same_direction": 2}
    played = play_table(DOGE=REVERSES, TRX=STAYS, ADA=JOINS, balance=3000, settings=limits)

    assert [trade.symbol for trade in played.trades] == ["DOGEUSDT", "DOGEUSDT", "TRXUSDT"]
    assert played.answers["ADAUSDT"]["03:15"] == ("ENTER", "max-positions")


def test_a_refused_entry_is_not_tried_again_on_a_later_bar():
    played = play_table(
        XRP="03:00 100 long\n 03:15 100 105 100 105\n 03:30 100\n 03:45 100",
        TRX="03:00 100 long\n 03:15 100\n 03:30 100\n 03:45 100",
        balance=2000,
        settings={"max_positions": 1, "max_same_direction": 1},
    )

    assert [trade.symbol for trade in played.trades] == ["XRPUSDT"]
    assert played.refusals == {"max-positions": 1}


# ---------------------------------------------------------------------- the day's loss


def test_a_halted_day_ends_at_midnight():
    played = play_table(
        XRP="""
            22:45    100                 long
            23:00    100  100   97   98  long    # 103.96 lost: halted
            23:15    100                 long
            23:30    100
        """,
        TRX="""
            22:45    100
            23:00    100                 short   # refused: the day is halted
            23:15    100
            23:30    100                 long    # refused
            23:45    100                 long    # acted on at 00:00, another day
            00:00+1  100
            00:15+1  100
        """,
        balance=2000,
    )

    # 1896.04 / 2 x 5 = 4740.1
    assert_trades(
        played,
        """
        symbol side in      price out     price reason qty    gross fee     funding net
        XRP    LONG 23:00   100   23:00   98    SL     50     -100  3.96    0       -103.96
        TRX    LONG 00:00+1 100   00:15+1 100   END    47.401 0     3.79208 0       -3.79208
        """,
    )
    assert played.refusals == {"daily-loss": 4}
    assert played.halted_days == 1


def test_a_stop_inside_the_2345_bar_halts_the_day_that_is_over_and_not_the_new_one():
    played = play_table(
        XRP="""
            23:30    100                 long
            23:45    100  100   97   98  long
            00:00+1  100
            00:15+1  100
        """
    )

    assert_trades(
        played,
        """
        symbol side in      price out     price reason qty    gross fee     funding net
        XRP    LONG 23:45   100   23:45   98    SL     50     -100  3.96    0       -103.96
        XRP    LONG 00:00+1 100   00:15+1 100   END    44.802 0     3.58416 0       -3.58416
        """,
    )
    assert played.refusals == {}
    assert played.halted_days == 1


def test_a_close_at_midnight_counts_to_the_new_day():
    """The day begins with 998, before the close; 53.978 of it are lost at its first open."""
    played = play_table(
        XRP="""
            23:30    100                 long
            23:45    100  100   99   99  short
            00:00+1  98.96
            00:15+1  98.96               short
            00:30+1  98.96
        """
    )

    # 50 x 1.04 = 52; fees 2 and 1.9792; without the entry fee of the old day 53.9792 > 49.9
    assert_trades(
        played,
        """
        symbol side in    price out     price reason  qty gross fee    funding net
        XRP    LONG 23:45 100   00:00+1 98.96 REVERSE 50  -52   3.9792 0       -55.9792
        """,
    )
    assert played.refusals == {"daily-loss": 2}
    assert played.halted_days == 1


@pytest.mark.parametrize(
    ("price", "refusals"),
    [
        (99.02, {}),  # 50 x 0.98 = 49 lost without fees
        (99.00, {"daily-loss": 1}),  # 50 lost: at the limit
    ],
)
def test_a_loss_equal_to_the_limit_halts(price, refusals):
    played = play_table(
        XRP=f"03:00 100 long\n 03:15 100 100 99.5 99.5 short\n 03:30 {price}\n 03:45 {price}",
        settings={"taker_fee": 0},
    )

    assert played.refusals == refusals
    assert len(played.trades) == 2 - len(refusals)


def test_the_founding_halt_is_lifted_by_a_profit_later_that_day():
    """2000 - 103.96 - 2 is below 1900; TRX wins 200 in the 03:30 bar and XRP may enter again."""
    played = play_table(
        XRP="""
            03:00  100                 long
            03:15  100  100   97   98  long    # refused
            03:30  100                 long    # taken: the wallet is at 2091.96
            03:45  100
            04:00  100
        """,
        TRX="""
            03:00  100                 long
            03:15  100
            03:30  100  105  100  105
            03:45  100
            04:00  100
        """,
        balance=2000,
        settings={"margin_decay_rate": 0},
    )

    # 2000 - 103.96 + 195.92 = 2091.96
    assert_trades(
        played,
        """
        symbol side in    price out   price reason qty    gross fee     funding net
        XRP    LONG 03:15 100   03:15 98    SL     50     -100  3.96    0       -103.96
        TRX    LONG 03:15 100   03:30 104   TP     50     200   4.08    0       195.92
        XRP    LONG 03:45 100   04:00 100   END    52.299 0     4.18392 0       -4.18392
        """,
    )
    assert played.answers["XRPUSDT"]["03:15"] == ("ENTER", "daily-loss")
    assert played.halted_days == 1


def test_a_wallet_that_is_gone_opens_nothing():
    played = play_table(
        XRP="""
            03:00  100                long
            03:15  100
            03:30   79                          # opens 19 beyond the stop of 98
            03:45   79                long
            04:00   79
            04:15   79
        """,
        settings={"max_daily_loss": 1},
    )

    assert_trades(
        played,
        """
        symbol side in    price out   price reason qty gross fee  funding net
        XRP    LONG 03:15 100   03:30 79    SL_GAP 50  -1050 3.58 0       -1053.58
        """,
    )
    assert played.refusals == {"no-money": 1}
