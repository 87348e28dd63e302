"""What the default profile adds: grids, minimums and protections, worked out by hand.

XRP stands at 2, with a tick of 0.0001 and a step of 0.1; a wallet of 1000 buys 5000 / 2 = 2500. The
fee is 0.0005 per side: 2.5 at the entry. Slippage is 0 where a table does not name it.
"""

import pytest

from tests.parity.tables import assert_trades, play_table

COLUMNS = "symbol side in price out price reason qty gross fee funding net"
ANY_LOSS = {"max_daily_loss": 1, "open_risk_bound": False}
FLAT = "03:00 2 {}\n 03:15 2\n 03:30 2"
LONG = FLAT.format("long")


def play_default(*, settings=None, stop=0.01, target=1, **table):
    given = {"slippage_bps": 0, **(settings or {})}
    return play_table(profile="default", stop=stop, target=target, settings=given, **table)


def test_the_profile_as_it_is_pays_slippage_and_fee_on_the_grid():
    """Bought at 2.0004: 2499.5; the target of 2.0204 is sold 0.0002 lower."""
    played = play_table(
        profile="default",
        stop=0.01,
        target=0.02,
        XRP="03:00 2 long\n 03:15 2 2.03 2 2.02\n 03:30 2",
    )

    assert_trades(
        played,
        """
        symbol side in    price  out   price      reason qty    gross       fee           funding net
        XRP    LONG 03:15 2.0004 03:15 2.01999592 TP     2499.5 48.98000204 5.02448980102 0       43.95551223898
        """,  # noqa: E501
    )


# ---------------------------------------------------------------------- grids and minimums

ROUNDED = {  # stop distance 0.05003, target distance 0.10007
    ("long", "2 2.05 1.9 1.9"): "03:30 1.95 SL 2500 -125 4.9375 0 -129.9375",
    ("long", "2 2.2 1.99 2.2"): "03:30 2.1 TP 2500 250 5.125 0 244.875",
    ("short", "2 2.1 1.95 2.1"): "03:30 2.05 SL 2500 -125 5.0625 0 -130.0625",
    ("short", "2 2.01 1.8 1.8"): "03:30 1.9 TP 2500 250 4.875 0 245.125",
}


@pytest.mark.parametrize(("side", "bar"), ROUNDED)
def test_levels_are_rounded_to_the_tick_towards_the_entry(side, bar):
    played = play_default(
        XRP=f"03:00 2 {side}\n 03:15 2\n 03:30 {bar}",
        stop=0.05003,
        target=0.10007,
        settings=ANY_LOSS,
    )

    assert_trades(played, f"{COLUMNS}\n XRP {side.upper()} 03:15 2 {ROUNDED[side, bar]}")


def test_a_quantity_is_rounded_down_to_the_step():
    """5000 / 3 = 1666.67."""
    played = play_default(XRP="03:00 3 long\n 03:15 3\n 03:30 3")

    assert_trades(
        played,
        """
        symbol side in    price out   price reason qty    gross fee    funding net
        XRP    LONG 03:15 3     03:30 3     END    1666.6 0     4.9998 0       -4.9998
        """,
    )


@pytest.mark.parametrize(
    ("balance", "price", "refusals"),
    [
        (10, 100_000, {"min-quantity": 1}),  # 50 buys 0.0005, and the step is 0.001
        (30, 99_000, {"min-notional": 1}),  # 150 buys 0.001, worth 99
        (30, 100_000, {}),  # worth 100: enough
    ],
)
def test_an_entry_below_the_minimum_is_refused_and_never_bumped_up(balance, price, refusals):
    played = play_default(
        BTC=f"03:00 {price} long\n 03:15 {price}\n 03:30 {price}", balance=balance, stop=10
    )

    assert played.refusals == refusals
    assert [float(t.quantity) for t in played.trades] == ([] if refusals else [0.001])


# ---------------------------------------------------------------------- size


@pytest.mark.parametrize(("slots_by", "quantity"), [("min", 2500), ("symbols", 1250)])
def test_the_wallet_is_split_by_what_may_be_open_at_once(slots_by, quantity):
    played = play_default(
        XRP=LONG,
        TRX=FLAT.format(""),
        DOGE=FLAT.format(""),
        ADA=FLAT.format(""),
        balance=2000,
        settings={"max_positions": 2, "slots_by": slots_by},
    )

    assert [float(t.quantity) for t in played.trades] == [quantity]


@pytest.mark.parametrize(
    ("margin_decay", "quantity"),
    [
        ("relative", 2749.6),  # 1100 x (0.5 - 0.1 x 0.0006) x 10 / 2 = 2749.67
        ("absolute", 2420),  # 1100 x (0.5 - 100 x 0.0006) x 10 / 2
    ],
)
def test_the_margin_ratio_decays_with_the_profit_as_told(margin_decay, quantity):
    played = play_default(
        XRP="03:00 2 long\n 03:15 2 2.04 2 2.04\n 03:30 2 long\n 03:45 2",
        target=0.04,
        settings={"taker_fee": 0, "margin_decay": margin_decay},
    )

    assert [float(t.quantity) for t in played.trades] == [2500, quantity]


def test_sizing_by_risk_loses_its_share_at_the_stop():
    """0.02 of 1000 at a stop of 0.02: 1000."""
    played = play_default(
        XRP="03:00 2 long\n 03:15 2\n 03:30 2 2 1.97 1.97\n 03:45 2",
        stop=0.02,
        settings={"sizing": "risk"},
    )

    assert_trades(
        played,
        """
        symbol side in    price out   price reason qty  gross fee  funding net
        XRP    LONG 03:15 2     03:30 1.98  SL     1000 -20   1.99 0       -21.99
        """,
    )


# ---------------------------------------------------------------------- protections


@pytest.mark.parametrize(
    ("stop", "refusals"),
    [
        (0.02, {}),  # 2500 x 0.02 = 50 = 0.05 x 1000
        (0.0201, {"open-risk": 1}),
    ],
)
def test_what_the_stop_would_lose_must_fit_into_the_day(stop, refusals):
    assert play_default(XRP=LONG, stop=stop).refusals == refusals


def test_the_risk_of_the_entries_before_it_counts_too():
    """30 each; the day may lose 0.025 x 2000 = 50."""
    played = play_default(
        XRP=LONG, TRX=LONG, balance=2000, stop=0.012, settings={"max_daily_loss": 0.025}
    )

    assert [t.symbol for t in played.trades] == ["XRPUSDT"]
    assert played.refusals == {"open-risk": 1}


@pytest.mark.parametrize(
    ("price", "max_daily_loss", "refusals"),
    [
        (1.985, 0.0525, {}),
        (2, 0.0525, {}),
        (2.03, 0.0525, {}),
        (1.985, 0.05, {"open-risk": 1}),
        (2, 0.05, {"open-risk": 1}),
        (2.03, 0.05, {"open-risk": 1}),
    ],
)
def test_an_open_position_risks_what_lies_between_its_mark_and_its_stop(
    price, max_daily_loss, refusals
):
    """From wherever XRP stands now, at its stop 50 will be lost; 2.5 of fee; TRX risks 49.92."""
    played = play_default(
        XRP=f"03:00 2 long\n 03:15 2\n 03:30 {price}\n 03:45 {price}",
        TRX="03:00 2\n 03:15 2 long\n 03:30 2\n 03:45 2",
        balance=2000,
        stop=0.02,
        settings={"max_daily_loss": max_daily_loss},
    )

    assert played.refusals == refusals


def test_a_halted_day_stays_halted_whatever_is_won_later():
    """XRP loses 100 of 2000; TRX wins 200 at 23:30, and still nothing opens before midnight."""
    played = play_default(
        XRP="""
            23:00    2                  long
            23:15    2  2  1.95  1.95   long   # refused
            23:30    2                  long   # refused, though the wallet stands at 2090
            23:45    2                  long
            00:00+1  2
            00:15+1  2
        """,
        TRX="""
            23:00    2                  long
            23:15    2
            23:30    2  2.1  2  2.1
            23:45    2
            00:00+1  2
            00:15+1  2
        """,
        balance=2000,
        stop=0.04,
        target=0.08,
        settings={"open_risk_bound": False, "margin_decay_rate": 0},
    )

    # 2000 - 104.95 + 194.9 = 2089.95: 5224.875, so 2612.4 at 2
    assert_trades(
        played,
        """
        symbol side in      price out     price reason qty    gross fee    funding net
        XRP    LONG 23:15   2     23:15   1.96  SL     2500   -100  4.95   0       -104.95
        TRX    LONG 23:15   2     23:30   2.08  TP     2500   200   5.1    0       194.9
        XRP    LONG 00:00+1 2     00:15+1 2     END    2612.4 0     5.2248 0       -5.2248
        """,
    )
    assert played.refusals == {"daily-loss": 2}
    assert played.halted_days == 1


@pytest.mark.parametrize(("basis", "refusals"), [("marked", {"daily-loss": 1}), ("realised", {})])
def test_the_day_is_marked_at_the_open_and_not_only_realised(basis, refusals):
    """XRP stands 125 below its entry when TRX asks; nothing was closed."""
    played = play_default(
        XRP="03:00 2 long\n 03:15 2\n 03:30 1.95\n 03:45 1.95",
        TRX="03:00 2\n 03:15 2 long\n 03:30 2\n 03:45 2",
        balance=2000,
        stop=0.09,
        settings={"open_risk_bound": False, "daily_loss_basis": basis},
    )

    assert played.refusals == refusals


def test_a_drawdown_halts_until_it_is_lifted_the_next_day_too():
    """2500 x 0.12 and fees leave 695.15, below 0.7 x 1000."""
    played = play_default(
        XRP="""
            23:15    2                 long
            23:30    2  2  1.87  1.87  long
            23:45    2                 long
            00:00+1  2                 long
            00:15+1  2
            00:30+1  2
        """,
        stop=0.12,
        settings={**ANY_LOSS, "liquidation_distance": False},
    )

    assert played.wallet == pytest.approx(695.15)
    assert played.refusals == {"drawdown": 3}
    assert len(played.trades) == 1


@pytest.mark.parametrize(
    ("side", "stop", "refusals"),
    [
        # long: 2 x 0.9 / 0.995 = 1.809045, 0.190955 away; short: 2 x 1.1 / 1.005 = 2.189055
        ("long", 0.0954, {}),
        ("long", 0.0955, {"liquidation-near": 1}),
        ("short", 0.0945, {}),
        ("short", 0.0946, {"liquidation-near": 1}),
    ],
)
def test_liquidation_must_not_be_nearer_than_twice_the_stop(side, stop, refusals):
    assert play_default(XRP=FLAT.format(side), stop=stop, settings=ANY_LOSS).refusals == refusals


def test_an_entry_needs_free_margin():
    """Two margins of 1000 and fees of 10 leave 990; a third of 2990 needs more."""
    played = play_default(
        XRP=LONG + "\n 03:45 2",
        TRX=LONG + "\n 03:45 2",
        DOGE="03:00 2\n 03:15 2 short\n 03:30 2\n 03:45 2",
        balance=3000,
        stop=0.005,
        settings={"margin_max_ratio": 1},
    )

    assert [float(t.quantity) for t in played.trades] == [5000, 5000]
    assert played.refusals == {"margin": 1}


def test_of_entries_at_one_open_the_last_in_order_lacks_the_margin():
    """1000 each of 3000; with two fees of 5 paid the third does not fit."""
    played = play_default(
        XRP=LONG,
        TRX=LONG,
        DOGE=FLAT.format("short"),
        balance=3000,
        stop=0.005,
        settings={"margin_max_ratio": 1},
    )

    assert [t.symbol for t in played.trades] == ["XRPUSDT", "TRXUSDT"]
    assert played.refusals == {"margin": 1}


def test_a_late_candle_closes_and_does_not_open():
    """The signal of 03:15 arrives 31 s after its close."""
    played = play_default(
        XRP="03:00 2 long\n 03:15 2 short\n 03:30 2\n 03:45 2",
        lateness=lambda symbol, open_ms: 31_000 if open_ms % 3_600_000 == 900_000 else 0,
    )

    assert_trades(
        played,
        """
        symbol side in    price out   price reason  qty  gross fee funding net
        XRP    LONG 03:15 2     03:30 2     REVERSE 2500 0     5   0       -5
        """,
    )
    assert played.answers["XRPUSDT"]["03:15"] == ("REVERSE", "late")


# ---------------------------------------------------------------------- trailing stop

TRAILED = {  # 0.01 behind the best close
    "the stop follows the best close": ("2.2 2.2 2.1 2.2", "2.18 2.2 2.17 2.18", "2.178 SL"),
    "it never moves back": ("2.1 2.1 2.08 2.09", "2.09 2.1 2.0 2.05", "2.079 SL"),
    "an open beyond it is a gap": ("2.1 2.1 2.08 2.09", "2.05 2.1 2.0 2.05", "2.05 SL_GAP"),
}


@pytest.mark.parametrize("name", TRAILED)
def test_of_a_trailing_stop(name):
    """Closes at 2.1 first, which moves the stop from 1.95 to 2.079, valid from the next bar on."""
    second, third, ends = TRAILED[name]

    played = play_default(
        XRP=f"03:00 2 long\n 03:15 2 2.1 1.99 2.1\n 03:30 {second}\n 03:45 {third}\n 04:00 2",
        stop=0.05,
        settings={**ANY_LOSS, "trailing_stop_pct": 0.01},
    )

    price, reason = ends.split()
    [trade] = played.trades
    assert (float(trade.exit_price), trade.reason.value) == (float(price), reason)


def test_an_open_past_a_stop_that_is_only_now_moved_closes_at_that_open():
    """Closes at 2.1, which calls for a stop at 2.079; the next bar opens below it already."""
    played = play_default(
        XRP="03:00 2 long\n 03:15 2 2.1 1.99 2.1\n 03:30 2.05 2.2 2.0 2.2\n 03:45 2.2",
        stop=0.05,
        settings={**ANY_LOSS, "trailing_stop_pct": 0.01},
    )

    assert_trades(
        played,
        """
        symbol side in    price out   price reason  qty  gross fee   funding net
        XRP    LONG 03:15 2     03:30 2.05  SL_GAP  2500 125   5.0625 0      119.9375
        """,
    )


def test_the_stop_of_a_short_trails_too():
    """Closes at 1.9 and 1.8: the stop comes down to 1.818."""
    played = play_default(
        XRP="03:00 2 short\n 03:15 2 2 1.9 1.9\n 03:30 1.9 1.9 1.8 1.8\n 03:45 1.8 1.83 1.7 1.8",
        stop=0.05,
        settings={**ANY_LOSS, "trailing_stop_pct": 0.01},
    )

    [trade] = played.trades
    assert (float(trade.exit_price), trade.reason.value) == (1.818, "SL")


def test_the_close_of_the_signal_bar_moves_no_stop():
    """The entry bar falls to 1.96: above the stop of 1.95, below 0.99 x the signal bar's close."""
    played = play_default(
        XRP="03:00 2 long\n 03:15 2 2 1.96 2\n 03:30 2",
        stop=0.05,
        settings={**ANY_LOSS, "trailing_stop_pct": 0.01},
    )

    [trade] = played.trades
    assert trade.reason.value == "END"
