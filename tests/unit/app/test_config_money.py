"""A configuration in money: written-out amounts for the first entry and for what losing costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from cointrader.app.config import Config
from cointrader.app.config.money import Measured, in_money, measured, money_warnings
from cointrader.domain.errors import DataError

DATA = Path(__file__).parents[4] / "shared" / "data" / "combined"


def a_config(**settings):
    return Config(overrides=settings, environ={}, folder="/nonexistent")


def money_of(balance=1_000.0, candles=None, **settings):
    return in_money(a_config(**settings), balance, candles)


def warnings_of(balance=1_000.0, **settings):
    config = a_config(**settings)
    return list(money_warnings(config, in_money(config, balance)))


def the_entry(money, symbol="XRPUSDT", case=0):
    return next(entry for entry in money.cases[case].entries if entry.symbol == symbol)


def cents(*amounts):
    return [round(amount, 2) for amount in amounts]


def test_the_default_profile_takes_half_of_a_slot_ten_times_leveraged():
    money = money_of()
    entry = the_entry(money)

    assert (money.slots, money.most_positions, money.margin_ratio) == (3, 3, 0.5)
    assert cents(entry.margin, entry.notional, entry.entry_fee) == [166.67, 1666.67, 0.83]
    assert [case.atr_ratio for case in money.cases] == [0.003, 0.005, 0.01]


def test_loss_and_gain_count_both_fees_and_the_slippage_of_the_exit():
    # The worse side is the short one. Stop 0.75 %: it buys back at 1.0075 · 1.0002 = 1.0077015,
    # so 12.8358 gross, 0.8333 and 0.8398 fees. Target 1.5 %: at 0.985 · 1.0002 = 0.985197, or for
    # a long at 1.015 · 0.9998 = 1.014797: 24.6617 gross, 0.8333 and 0.8457 fees.
    entry = the_entry(money_of(), case=1)

    assert cents(entry.stop_loss, entry.target_gain, entry.risk) == [14.51, 22.98, 12.50]
    assert (entry.stop_ratio, entry.target_ratio) == pytest.approx((0.0075, 0.015))


def test_percent_exits_need_no_atr():
    money = money_of(exit_mode="pct", taker_fee=0, slippage_bps=0)
    entry = the_entry(money)

    assert len(money.cases) == 1
    assert entry.atr_ratio is None
    assert cents(entry.stop_loss, entry.target_gain) == [25.0, 75.0]


def test_sizing_by_risk_loses_its_fraction_at_the_stop_and_the_costs_on_top():
    free = money_of(sizing="risk", taker_fee=0, slippage_bps=0)
    paid = money_of(sizing="risk")

    # At 1 % ATR the stop is 1.5 % away: 20 / 0.015. At 0.3 % the notional is capped.
    assert cents(the_entry(free, case=2).notional, the_entry(free, case=2).stop_loss) == [
        1333.33,
        20.0,
    ]
    assert cents(the_entry(free).notional, the_entry(free).stop_loss) == [1666.67, 7.5]
    assert the_entry(paid, case=2).stop_loss > 20.0


def test_capital_grows_with_each_open_position():
    held = money_of().largest.held

    assert [h.positions for h in held] == [1, 2, 3]
    assert cents(*(h.margin for h in held)) == [166.67, 333.33, 500.0]
    assert cents(*(h.notional for h in held)) == [1666.67, 3333.33, 5000.0]


def test_one_symbol_has_the_whole_wallet_as_its_slot():
    money = money_of(symbols=["XRPUSDT"])

    assert (money.slots, money.most_positions) == (1, 1)
    assert cents(the_entry(money).margin) == [500.0]


def test_more_symbols_than_positions_share_the_slots_and_in_the_founding_profile_do_not():
    symbols = ["XRPUSDT", "TRXUSDT", "DOGEUSDT", "SOLUSDT", "ADAUSDT"]
    now, founding = money_of(symbols=symbols), money_of(symbols=symbols, profile="founding")

    assert (now.slots, now.most_positions) == (3, 3)
    assert (founding.slots, founding.most_positions) == (5, 3)
    assert now.cases[0].refused_next == "max-positions"


def test_open_risk_lets_in_fewer_positions_in_a_wild_market():
    calm, usual, wild = money_of().cases

    assert [len(case.held) for case in (calm, usual, wild)] == [3, 3, 1]
    assert wild.refused_next == "open-risk"


def test_with_the_open_risk_bound_only_costs_of_the_exits_come_on_top_of_the_daily_limit():
    money = money_of()

    assert money.daily_loss_limit == 50.0
    # Three exits: 5000 · 1.0075 · (0.0002 + 0.0005 · 1.0002)
    assert cents(money.cases[1].worst_day) == [53.53]


def test_without_the_bound_the_stops_of_all_positions_come_on_top():
    money = money_of(profile="founding")

    assert money.daily_loss_limit == 50.0
    # Three stops of 13.84 each, fees at 0.0004, no slippage.
    assert cents(money.cases[1].worst_day) == [91.52]
    assert money.drawdown_limit is None


@pytest.mark.parametrize(
    ("settings", "losses"),
    [
        # 27.02 lost, and the next stop would pass 50.
        ({}, (1, 14)),
        # Without the bound: 27.02 + 26.29 is past 50 after two.
        ({"open_risk_bound": False}, (2, 14)),
        ({"max_drawdown": "off"}, (1, None)),
    ],
)
def test_losing_trades_in_a_row_until_entries_end(settings, losses):
    entry = the_entry(money_of(exit_mode="pct", **settings))

    assert (entry.losses_to_day_end, entry.losses_to_drawdown) == losses


def test_losses_until_the_drawdown_halt_shrink_with_the_wallet():
    # Each stop takes 10 % of what is left: 900, 810, 729, 656.1 is past 700.
    money = money_of(
        symbols=["XRPUSDT"], exit_mode="pct", stop_loss_pct=0.02, taker_fee=0, slippage_bps=0,
        max_daily_loss=1, margin_decay_rate=0,
    )  # fmt: skip

    assert the_entry(money).losses_to_drawdown == 4


def test_a_symbol_with_its_own_stop_has_its_own_numbers():
    money = money_of(atr_sl_mult_xrpusdt=3.0)

    assert the_entry(money, "XRPUSDT").stop_ratio == pytest.approx(0.009)
    assert the_entry(money, "TRXUSDT").stop_ratio == pytest.approx(0.0045)


def test_liquidation_is_that_of_the_nearer_side_and_bracket():
    # A short of XRPUSDT at leverage 10 and 0.5 % maintenance margin: 1.1 / 1.005 - 1.
    assert the_entry(money_of()).liquidation_ratio == pytest.approx(0.0945274, abs=1e-6)
    assert the_entry(money_of(profile="founding")).liquidation_ratio is None


def test_candles_give_each_symbol_its_atr_price_and_grid():
    candles = {"XRPUSDT": Measured(0.004, 2.5), "TRXUSDT": Measured(0.002, 0.25)}
    money = money_of(symbols=["XRPUSDT", "TRXUSDT"], candles=candles)

    assert len(money.cases) == 1
    assert money.is_measured
    # 1000 / 2 · 0.5 · 10 / 2.5 = 1000.0 XRP; 10000 TRX
    assert the_entry(money, "XRPUSDT").notional == 2500.0
    assert the_entry(money, "TRXUSDT").stop_ratio == pytest.approx(0.003)


def test_with_fixed_sizing_no_limit_holds():
    money = money_of(sizing="fixed:100")

    assert money.daily_loss_limit is None
    assert money.cases[0].worst_day is None
    assert the_entry(money).losses_to_day_end is None
    assert cents(the_entry(money).margin) == [10.0]


# ---------------------------------------------------------------------- warnings


def test_the_profiles_give_no_warning():
    assert warnings_of() == []
    assert warnings_of(profile="founding") == []
    assert warnings_of(sizing="fixed:100") == []


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"leverage": 76, "symbols": ["XRPUSDT", "BTCUSDT"]},
         "LEVERAGE = 76 is more than XRPUSDT allows: 75"),
        ({"balance": 50, "symbols": ["BTCUSDT", "XRPUSDT", "TRXUSDT"]},
         "BTCUSDT: no entry ever: notional 83.33 is below the minimum of 100 (min-notional)"),
        ({"balance": 2, "max_daily_loss": 1},
         "all symbols: no entry ever: notional 3.33 is below the minimum of 5 (min-notional)"),
        ({"leverage": 40, "max_daily_loss": 1},
         "all symbols: no entry at an ATR of 1.00%: "
         "liquidation would be nearer than twice the stop (liquidation-near)"),
        ({"exit_mode": "pct", "stop_loss_pct": 0.047, "max_daily_loss": 1},
         "TRXUSDT: no entry ever: "
         "liquidation would be nearer than twice the stop (liquidation-near)"),
        ({"max_daily_loss": 0.01},
         "all symbols: no entry at an ATR of 0.50%, 1.00%: "
         "one stop would lose more than MAX_DAILY_LOSS, 10.00"),
        ({"margin_max_ratio": 1, "leverage": 5},
         "only 2 of 3 positions fit: margin and entry fee of the next one are more than what is "
         "free"),
        ({"symbols": ["SOLUSDT"], "leverage": 100, "margin_max_ratio": 1, "balance": 5_000,
          "liquidation_distance": False, "max_daily_loss": 1, "check_margin": False},
         "SOLUSDT: a position of 500,000.00 is more than the 20,000 that the exchange allows at "
         "LEVERAGE = 100"),
    ],
    ids=["leverage", "one-minimum", "minimum", "liquidation", "liquidation-pct", "daily-loss",
         "margin", "bracket"],
)  # fmt: skip
def test_what_cannot_work_is_warned_of(settings, text):
    assert text in warnings_of(**settings)


def test_symbols_whose_limits_are_not_known_are_named():
    assert money_of(symbols=["FOOUSDT", "XRPUSDT"]).assumed_symbols == ("FOOUSDT",)
    assert money_of(symbols=["FOOUSDT"], use_filters=False).assumed_symbols == ()


# ---------------------------------------------------------------------- stored candles


@pytest.mark.skipif(not DATA.is_dir(), reason=f"needs the real candles of {DATA}")
def test_the_median_atr_is_read_from_stored_candles():
    seen = measured(DATA, a_config(symbols=["XRPUSDT"]))

    assert list(seen) == ["XRPUSDT"]
    assert 0.003 < seen["XRPUSDT"].atr_ratio < 0.007
    assert 0.1 < seen["XRPUSDT"].price < 10


def test_a_folder_without_candles_says_so(tmp_path):
    with pytest.raises(DataError):
        measured(tmp_path, a_config())
