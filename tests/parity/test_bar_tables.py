"""How a trade begins and ends, bar by bar: every number here was worked out by hand.

Founding profile, one symbol, 1000 in the wallet: 1000 / 1 symbol x 0.5 x leverage 10 = 5000, so 50
units at 100. The fee is 0.0004 per side: 2 at the entry. A long from 100 has its stop at 98 and its
target at 104, a short at 102 and 96.
"""

import pytest

from tests.parity.tables import assert_trades, play_table

COLUMNS = "symbol side in price out price reason qty gross fee funding net"

LONG_EXITS = {
    "a low below the stop fills at the stop": (
        "03:30 100 101 97 98",
        "03:30 98 SL 50 -100 3.96 0 -103.96",
    ),
    "a low equal to the stop touches it": (
        "03:30 100 101 98 100",
        "03:30 98 SL 50 -100 3.96 0 -103.96",
    ),
    "a low one tick above the stop does not": (
        "03:30 100 101 98.01 100",
        "03:30 100 END 50 0 4 0 -4",
    ),
    "an open beyond the stop fills at the open": (
        "03:30 97.5 99 97 98",
        "03:30 97.5 SL_GAP 50 -125 3.95 0 -128.95",
    ),
    "an open equal to the stop is no gap": (
        "03:30 98 99 97 98",
        "03:30 98 SL 50 -100 3.96 0 -103.96",
    ),
    "an open beyond the stop goes before a target in the same bar": (
        "03:30 97 105 97 105",
        "03:30 97 SL_GAP 50 -150 3.94 0 -153.94",
    ),
    "a high above the target fills at the target": (
        "03:30 100 105 99 104.5",
        "03:30 104 TP 50 200 4.08 0 195.92",
    ),
    "a high equal to the target touches it": (
        "03:30 100 104 99 100",
        "03:30 104 TP 50 200 4.08 0 195.92",
    ),
    "a high one tick below the target does not": (
        "03:30 100 103.99 99 100",
        "03:30 100 END 50 0 4 0 -4",
    ),
    "an open beyond the target still fills at the target": (
        "03:30 106 107 105 106",
        "03:30 104 TP 50 200 4.08 0 195.92",
    ),
    "stop and target in one bar are a stop": (
        "03:30 100 105 97 104",
        "03:30 98 SL 50 -100 3.96 0 -103.96",
    ),
    "the last candle ends it at its close": (
        "03:30 100 102 99 101",
        "03:30 101 END 50 50 4.02 0 45.98",
    ),
    "the stop of the last candle comes before its close": (
        "03:30 100 103 98 103",
        "03:30 98 SL 50 -100 3.96 0 -103.96",
    ),
    "the target of the last candle comes before its close": (
        "03:30 100 104 99 99",
        "03:30 104 TP 50 200 4.08 0 195.92",
    ),
}

SHORT_EXITS = {
    "a high above the stop fills at the stop": (
        "03:30 100 103 99 102",
        "03:30 102 SL 50 -100 4.04 0 -104.04",
    ),
    "a high equal to the stop touches it": (
        "03:30 100 102 99 100",
        "03:30 102 SL 50 -100 4.04 0 -104.04",
    ),
    "a high one tick below the stop does not": (
        "03:30 100 101.99 99 100",
        "03:30 100 END 50 0 4 0 -4",
    ),
    "an open beyond the stop fills at the open": (
        "03:30 102.5 103 101 102",
        "03:30 102.5 SL_GAP 50 -125 4.05 0 -129.05",
    ),
    "an open equal to the stop is no gap": (
        "03:30 102 103 101 102",
        "03:30 102 SL 50 -100 4.04 0 -104.04",
    ),
    "an open beyond the stop goes before a target in the same bar": (
        "03:30 103 103 95 95",
        "03:30 103 SL_GAP 50 -150 4.06 0 -154.06",
    ),
    "a low below the target fills at the target": (
        "03:30 100 101 95 95.5",
        "03:30 96 TP 50 200 3.92 0 196.08",
    ),
    "a low equal to the target touches it": (
        "03:30 100 101 96 100",
        "03:30 96 TP 50 200 3.92 0 196.08",
    ),
    "a low one tick above the target does not": (
        "03:30 100 101 96.01 100",
        "03:30 100 END 50 0 4 0 -4",
    ),
    "an open beyond the target still fills at the target": (
        "03:30 94 95 93 94",
        "03:30 96 TP 50 200 3.92 0 196.08",
    ),
    "stop and target in one bar are a stop": (
        "03:30 100 103 95 96",
        "03:30 102 SL 50 -100 4.04 0 -104.04",
    ),
    "the last candle ends it at its close": (
        "03:30 100 101 99 101",
        "03:30 101 END 50 -50 4.02 0 -54.02",
    ),
}

ENTRY_BAR = {
    ("long", "100 101 97 99"): "98 SL 50 -100 3.96 0 -103.96",
    ("long", "100 105 99 104"): "104 TP 50 200 4.08 0 195.92",
    ("long", "100 105 97 104"): "98 SL 50 -100 3.96 0 -103.96",
    ("short", "100 103 99 101"): "102 SL 50 -100 4.04 0 -104.04",
    ("short", "100 101 95 96"): "96 TP 50 200 3.92 0 196.08",
    ("short", "100 103 95 96"): "102 SL 50 -100 4.04 0 -104.04",
}


def entered(side: str, bar: str) -> str:
    return f"03:00 100 {side}\n 03:15 100 101 99 100\n {bar}"


@pytest.mark.parametrize("name", LONG_EXITS)
def test_of_a_long(name):
    bar, ends = LONG_EXITS[name]

    played = play_table(XRP=entered("long", bar))

    assert_trades(played, f"{COLUMNS}\n XRP LONG 03:15 100 {ends}")


@pytest.mark.parametrize("name", SHORT_EXITS)
def test_of_a_short(name):
    bar, ends = SHORT_EXITS[name]

    played = play_table(XRP=entered("short", bar))

    assert_trades(played, f"{COLUMNS}\n XRP SHORT 03:15 100 {ends}")


@pytest.mark.parametrize(("side", "bar"), ENTRY_BAR)
def test_the_entry_bar_counts(side, bar):
    played = play_table(XRP=f"03:00 100 {side}\n 03:15 {bar}\n 03:30 100")

    ends = ENTRY_BAR[side, bar]
    assert_trades(played, f"{COLUMNS}\n XRP {side.upper()} 03:15 100 03:15 {ends}")


def test_an_entry_bar_that_opens_beyond_the_slipped_stop_is_no_gap():
    """Bought at 100.02 by slippage, the stop 0.01 below is above the bar's own open."""
    played = play_table(
        XRP="""
            03:00  100                   long
            03:15  100   101    100  100
            03:30  100
        """,
        stop=0.01,
        settings={"slippage_bps": 2},
    )

    # 5000 / 100.02 bought, sold at 100.01 x 0.9998
    assert_trades(
        played,
        """
        symbol side  in    price   out   price      reason qty                gross  fee  funding net
        XRP    LONG  03:15 100.02  03:15 99.989998  SL     49.990001999600080 -1.4998000399920016 3.99940008 0 -5.499200119992002
        """,  # noqa: E501
    )


def test_bar_300_is_the_first_that_is_decided():
    """With 299 bars before it the first signal is one bar too early; the run plays them all."""
    played = play_table(
        XRP="""
            02:45  100  long
            03:00  100  long
            03:15  101
            03:30  102
        """,
        warm_up=299,
        since="00:00-3",
    )

    # 5000 / 101 = 49.50495...
    assert_trades(
        played,
        """
        symbol side in    price out   price reason qty               gross             fee              funding net
        XRP    LONG 03:15 101   03:30 102   END    49.50495049504951 49.50495049504951 4.01980198019802 0       45.48514851485149
        """,  # noqa: E501
    )
    assert played.answers["XRPUSDT"]["02:45"] == ("HOLD", "")
    assert len(played.answers["XRPUSDT"]) == 302  # of 303 bars: nothing follows the last


# ---------------------------------------------------------------------- reversal


def test_an_opposite_signal_closes_and_reopens_at_the_same_open():
    """Wallet 996 after the close: 4980 = 49.8 at 100. Stop and target follow the new fill."""
    played = play_table(
        XRP="""
            03:00  100                 long
            03:15  100  101   99  100  short
            03:30  100  101   99  100
            03:45  100  100   95   96
            04:00   96
        """
    )

    assert_trades(
        played,
        """
        symbol side   in    price out   price reason  qty  gross fee     funding net
        XRP    LONG   03:15 100   03:30 100   REVERSE 50   0     4       0       -4
        XRP    SHORT  03:30 100   03:45 96    TP      49.8 199.2 3.90432 0       195.29568
        """,
    )
    assert played.wallet == pytest.approx(1191.29568)


def test_a_reversal_in_profit_is_sized_by_the_wallet_after_its_own_close():
    """1245.5 of profit: the ratio 0.5 - 0.7473 is held at 0.2; 2245.5 x 0.2 x 10 / 125."""
    played = play_table(
        XRP="""
            03:00  100                  short
            03:15  100  100  100  100   long
            03:30   75   75   75   75   # 50 x 25 won
            03:45   75   75   75   75
        """,
        stop=60,
        target=60,
    )

    assert_trades(
        played,
        """
        symbol side   in    price out   price reason  qty     gross fee    funding net
        XRP    SHORT  03:15 100   03:30 75    REVERSE 50      1250  3.5    0       1246.5
        XRP    LONG   03:30 75    03:45 75    END     59.9066666666667 0 3.5944 0  -3.5944
        """,
    )


def test_a_reversal_that_risk_refuses_only_closes():
    """Lost 58.978 of 1000 with the close: the day's limit of 50 is passed."""
    played = play_table(
        XRP="""
            03:00  100                     long
            03:15  100   100   100   100   short
            03:30   98.9  98.9  98.9  98.9
            03:45   98.9
        """
    )

    assert_trades(
        played,
        """
        symbol side in    price out   price reason  qty gross fee   funding net
        XRP    LONG 03:15 100   03:30 98.9  REVERSE 50  -55   3.978 0       -58.978
        """,
    )
    assert played.refusals == {"daily-loss": 1}
    assert played.answers["XRPUSDT"]["03:15"] == ("REVERSE", "daily-loss")


def test_a_signal_of_the_side_held_is_ignored():
    """The stop stays 2 below the first fill, and the wallet pays one entry."""
    played = play_table(
        XRP="""
            03:00  100                 long
            03:15  100  100   99   99  long
            03:30   99   99   99   99  long
            03:45   99   99   98   98
            04:00   98
        """
    )

    assert_trades(
        played,
        """
        symbol side in    price out   price reason qty gross fee  funding net
        XRP    LONG 03:15 100   03:45 98    SL     50  -100  3.96 0       -103.96
        """,
    )
    assert played.refusals == {}
    assert played.answers["XRPUSDT"]["03:15"] == ("HOLD", "")


def test_the_same_side_may_enter_again_in_the_bar_after_its_stop():
    """896.04 left, but 103.96 lost today: the limit of 0.2 allows it; 4480.2 / 90 at the open."""
    played = play_table(
        XRP="""
            03:00  100                 long
            03:15  100  100   97   98  long
            03:30   90   90   90   90
        """,
        settings={"max_daily_loss": 0.2},
    )

    assert_trades(
        played,
        """
        symbol side in    price out   price reason qty    gross fee     funding net
        XRP    LONG 03:15 100   03:15 98    SL     50     -100  3.96    0       -103.96
        XRP    LONG 03:30 90    03:30 90    END    49.78  0     3.58416 0       -3.58416
        """,
    )
