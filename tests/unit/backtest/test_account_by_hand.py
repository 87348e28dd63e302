"""What one account allows its symbols, worked out by hand: slots, sides, margin, halts, switches.

1,000 per slot in the wallet, a margin ratio of 0.5 and a leverage of 10 buy 50 pieces at 100.
"""

from decimal import Decimal

import numpy as np
import pytest

from cointrader.backtest.codes import FILTER
from cointrader.backtest.columns import ACCOUNT as ACCOUNT_ROW
from cointrader.backtest.columns import BY_SIGNAL, HELD, RULES, TRADE, State
from cointrader.backtest.kernel import close
from cointrader.domain.instrument import LeverageBracket
from cointrader.risk.switches import Switch
from tests.markets import BAR_MS, DAY_MS, START_MS
from tests.unit.backtest.by_hand import ACCOUNT, answers, exits, flat, play

A, B, C = "AAAUSDT", "BBBUSDT", "CCCUSDT"
LATE_START = START_MS + DAY_MS - 4 * BAR_MS  # 23:00: bar 4 is the next day's first


def refusals(result):
    """(symbol, bar, refusal) of each signal."""
    return [(symbol, bar, refusal) for symbol, bar, _, refusal in answers(result)]


def all_flat(*symbols, bars=4):
    return {symbol: flat(100, bars) for symbol in symbols}


# ---------------------------------------------------------------------- size


def test_entries_of_one_bar_are_sized_by_one_wallet_after_its_closes():
    """A's 50 pieces win 1 each, less 2 x 5: 2,040 and 30 pieces left of B at 99 stay out of it."""
    rows = {A: [*flat(100, 3), *flat(101, 3)], B: flat(101, 6)}

    result = play(
        rows,
        {A: {0: 1, 2: -1}, B: {2: 1}},
        **ACCOUNT,
        balance=2000.0,
        taker_fee=0.001,
    )

    after = 2000 - 5 + 50 - 5.05
    assert result.trades["quantity"][0] == 50.0
    assert result.trades["quantity"][1:].tolist() == pytest.approx(
        [after / 2 * 0.5 * 10 / 101] * 2, rel=1e-12
    )


def test_a_wallet_that_is_gone_is_no_money():
    rows = [*flat(100), (100, 100, 50, 50), *flat(50, 3)]

    result = play({A: rows}, {A: {0: 1, 2: 1}}, **ACCOUNT, stop=20.0)

    assert refusals(result) == [(A, 1, ""), (A, 3, "no-money")]
    assert result.final_wallet == 0.0


@pytest.mark.parametrize(("decay", "rate"), [("absolute", 0.001), ("relative", 1.0)])
def test_a_share_shrinks_by_what_was_won_or_by_its_part_of_what_was_there(decay, rate):
    """A tenth of 1,000 was won: 0.1 less of a ratio of 0.5."""
    rows = [*flat(100, 2), (100, 102, 100, 102), *flat(102, 3)]
    limits = {**ACCOUNT, "margin_decay": decay, "margin_decay_rate": rate}

    result = play({A: rows}, {A: {0: 1, 2: 1}}, **limits, target=2.0)

    assert result.trades["quantity"].tolist() == pytest.approx([50.0, 1_100 * 0.4 * 10 / 102])


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"step_size": Decimal(100), "maintenance_margin_ratio": Decimal("0.01")}, "min-quantity"),
        ({"min_quantity": Decimal("50.1")}, "min-quantity"),
        ({"min_quantity": Decimal(50)}, ""),
        ({"min_notional": Decimal(5001)}, "min-notional"),
        ({"min_notional": Decimal(5000)}, ""),
    ],
)
def test_what_is_too_small_is_not_bumped_up(limits, reason):
    result = play(
        {A: flat(100, 4)}, {A: {0: 1}}, **ACCOUNT, liquidation_distance=True, instrument=limits
    )

    assert refusals(result) == [(A, 1, reason)]
    assert len(result.trades) == (not reason)


@pytest.mark.parametrize("balance", [1.0, 1000.0])
@pytest.mark.parametrize(("side", "stop", "reason"), [
    (1, 4.5, ""), (1, 4.6, "liquidation-near"), (-1, 4.4, ""), (-1, 4.5, "liquidation-near"),
])  # fmt: skip
def test_no_entry_whose_liquidation_is_nearer_than_twice_its_stop(side, stop, reason, balance):
    """Liquidated at 90.909 long and at 108.911 short: 9.09 and 8.91 away."""
    result = play(
        {A: flat(100, 4)},
        {A: {0: side}},
        **ACCOUNT,
        stop=stop,
        balance=balance,
        liquidation_distance=True,
        instrument={"maintenance_margin_ratio": Decimal("0.01")},
    )

    assert refusals(result) == [(A, 1, reason)]


# ---------------------------------------------------------------------- what the exchange refuses


@pytest.mark.parametrize(
    ("side", "slippage", "limits", "reason"),
    [
        (1, 0.02, {"price_multiplier_up": Decimal("1.01")}, "rejected"),
        (1, 0.01, {"price_multiplier_up": Decimal("1.01")}, ""),
        (-1, 0.02, {"price_multiplier_up": Decimal("1.01")}, ""),
        (-1, 0.02, {"price_multiplier_down": Decimal("0.99")}, "rejected"),
        (-1, 0.01, {"price_multiplier_down": Decimal("0.99")}, ""),
        (1, 0.02, {"price_multiplier_down": Decimal("0.99")}, ""),
        (1, 0.02, {"min_notional": Decimal(4950)}, "rejected"),  # 5,000 paid, worth 4,902
        (1, 0.02, {"min_notional": Decimal(4900)}, ""),
        (1, 0.0, {"brackets": (LeverageBracket(Decimal(4999), 20, Decimal("0.01")),)}, "rejected"),
        (1, 0.0, {"brackets": (LeverageBracket(Decimal(5000), 20, Decimal("0.01")),)}, ""),
        (1, 0.02, {"brackets": (LeverageBracket(Decimal(4950), 20, Decimal("0.01")),)}, "rejected"),
    ],
)
def test_an_entry_the_account_allows_and_the_exchange_does_not(side, slippage, limits, reason):
    result = play(
        {A: flat(100, 4)}, {A: {0: side}}, **ACCOUNT, slippage=slippage, instrument=limits
    )

    assert refusals(result) == [(A, 1, reason)]
    assert len(result.trades) == (not reason)


def test_a_rejected_entry_kept_its_slot_on_its_bar_and_frees_it_for_the_next():
    """30 pieces at 166 are worth more than 4,000, and at 100 they are not."""
    rows = {A: [*flat(166, 2), *flat(100, 3)], B: flat(100, 5)}
    limits = {
        "step_size": Decimal(30),
        "brackets": (LeverageBracket(Decimal(4000), 20, Decimal("0.01")),),
    }

    result = play(
        rows,
        {A: {0: 1, 2: 1}, B: {0: -1}},
        **ACCOUNT,
        balance=2000.0,
        max_positions=1,
        instrument=limits,
    )

    assert refusals(result) == [(A, 1, "rejected"), (A, 3, ""), (B, 1, "max-positions")]
    assert exits(result) == [(A, 1, 3, 100.0, 4, 100.0, "END")]


def test_an_entry_that_is_too_small_asks_for_no_margin_and_no_risk():
    """Half of the money is A's; a whole piece of B would cost more than is left."""
    rows = {A: flat(100, 4), B: flat(10_000, 4)}
    limits = {**ACCOUNT, **TIGHT, "instrument": {"min_quantity": Decimal(1)}}

    result = play(rows, {A: {0: 1}, B: {0: 1}}, **limits)

    assert refusals(result) == [(A, 1, ""), (B, 1, "min-quantity")]


# ---------------------------------------------------------------------- slots and sides


def test_slots_reserved_on_the_same_bar_count():
    signals = {A: {0: 1}, B: {0: -1}, C: {0: -1}}

    result = play(all_flat(A, B, C), signals, **ACCOUNT, max_positions=2)

    assert refusals(result) == [(A, 1, ""), (B, 1, ""), (C, 1, "max-positions")]


def test_whoever_is_refused_keeps_nobody_else_from_entering():
    """By the account, which has one slot left on each side; by the exchange, which takes no buy."""
    signals = {A: {0: 1}, B: {0: 1}, C: {0: -1}}
    no_buy = {"price_multiplier_up": Decimal("1.01")}

    by_account = play(all_flat(A, B, C), signals, **ACCOUNT, max_same_direction=1)
    by_exchange = play(all_flat(A, B, C), signals, **ACCOUNT, slippage=0.02, instrument=no_buy)

    assert refusals(by_account) == [(A, 1, ""), (B, 1, "same-direction"), (C, 1, "")]
    assert [symbol for symbol, *_ in exits(by_account)] == [A, C]
    assert refusals(by_exchange) == [(A, 1, "rejected"), (B, 1, "rejected"), (C, 1, "")]
    assert [symbol for symbol, *_ in exits(by_exchange)] == [C]


def test_slots_of_earlier_bars_count_until_they_are_free():
    rows = all_flat(A, B, bars=7)
    signals = {A: {0: 1, 3: -1}, B: {1: 1, 3: 1, 4: 1}}

    result = play(rows, signals, **ACCOUNT, max_positions=1, refused={A: {3: FILTER}})

    told = [each for each in answers(result) if each[0] == B]
    assert told == [
        (B, 2, "ENTER", "max-positions"),
        (B, 4, "ENTER", ""),  # A ends at the same open, and its slot is free at once
        (B, 5, "HOLD", ""),
    ]


@pytest.mark.parametrize(
    ("sides", "last"),
    [
        ((1, 1, 1), "same-direction"),
        ((-1, -1, -1), "same-direction"),
        ((1, 1, -1), ""),
        ((-1, -1, 1), ""),
        ((1, -1, 1), ""),
    ],
)
@pytest.mark.parametrize("apart", [0, 1], ids=["on one bar", "bar after bar"])
def test_two_of_one_side_are_the_most(sides, last, apart):
    signals = {
        s: {turn * apart: side} for turn, (s, side) in enumerate(zip((A, B, C), sides, strict=True))
    }

    result = play(all_flat(A, B, C, bars=6), signals, **ACCOUNT, max_same_direction=2)

    assert [refusal for *_, refusal in refusals(result)] == ["", "", last]


@pytest.mark.parametrize(
    ("chances", "given"),
    [
        ((0.4, 0.6, 0.5), B),
        ((0.5, 0.5, 0.4), A),
        ((None, 0.1, 0.2), C),
        ((None, 0.0, 0.0), A),
        ((0.2, None, 0.3), C),
    ],
)
def test_the_highest_probability_is_served_first_when_that_is_asked_for(chances, given):
    told = {s: {} if p is None else {0: p} for s, p in zip((A, B, C), chances, strict=True)}
    signals = {symbol: {0: 1} for symbol in (A, B, C)}

    result = play(
        all_flat(A, B, C),
        signals,
        **ACCOUNT,
        max_positions=1,
        tie_break="probability",
        probability=told,
    )

    assert [row[0] for row in exits(result)] == [given]
    by_order = play(all_flat(A, B, C), signals, **ACCOUNT, max_positions=1, probability=told)
    assert [row[0] for row in exits(by_order)] == [A]


def test_what_stays_open_keeps_its_order_when_another_position_ends():
    """The oldest first: in another order the same money adds up to another last digit."""
    book, account = np.zeros(4, HELD), np.zeros(1, ACCOUNT_ROW)
    state = State(book, account, np.array([2, 0, 3, 1]), np.zeros(4, int), np.zeros((4, 15)))
    account["n_open"] = 4

    for ended, left in [(0, [2, 3, 1]), (1, [2, 3]), (2, [3]), (3, [])]:
        close(ended, 5, 100.0, BY_SIGNAL, np.zeros(1, RULES)[0], state, np.zeros(4, TRADE))

        assert state.opened[: account["n_open"][0]].tolist() == left


# ---------------------------------------------------------------------- margin

TIGHT = {"margin_max_ratio": 0.99, "check_margin": True, "max_positions": 2, "slots_by": "min"}


@pytest.mark.parametrize(("fee", "last"), [(0.0, ""), (0.001, ""), (0.0011, "margin")])
def test_margin_reserved_on_the_same_bar_is_no_longer_free(fee, last):
    """Each takes 495 and a fee of 4,950 times it: twice 499.95 at a thousandth, then too much."""
    signals = {A: {0: 1}, B: {0: 1}}

    result = play(all_flat(A, B), signals, **{**ACCOUNT, **TIGHT}, taker_fee=fee)

    assert refusals(result) == [(A, 1, ""), (B, 1, last)]


@pytest.mark.parametrize(("ratio", "last"), [(0.98, ""), (0.99, ""), (1.0, "margin")])
def test_margin_of_open_positions_is_not_free(ratio, last):
    """A's fee is paid: 997.5 at most, of which half and a fee are asked for once more."""
    limits = {**ACCOUNT, **TIGHT, "margin_max_ratio": ratio}

    result = play(all_flat(A, B, bars=5), {A: {0: 1}, B: {1: 1}}, **limits, taker_fee=0.0005)

    assert refusals(result) == [(A, 1, ""), (B, 2, last)]


def test_without_the_check_margin_is_not_looked_at():
    limits = {**ACCOUNT, **TIGHT, "check_margin": False}

    result = play(all_flat(A, B), {A: {0: 1}, B: {0: 1}}, **limits, taker_fee=0.01)

    assert refusals(result) == [(A, 1, ""), (B, 1, "")]


# ---------------------------------------------------------------------- the day's loss

MARKED = {
    **ACCOUNT, "daily_loss_basis": "marked", "max_daily_loss": 0.05, "margin_max_ratio": 0.5,
}  # fmt: skip
REALISED = {**MARKED, "daily_loss_basis": "realised"}


@pytest.mark.parametrize(("stop", "last"), [(0.5, ""), (0.51, "open-risk")])
def test_the_days_loss_and_all_open_risk_stay_within_the_limit(stop, last):
    """50 pieces each of 2,000: 25 at risk of the 100 that a day may lose, and 50 more for C."""
    signals = {A: {0: 1}, B: {0: -1}, C: {0: 1}}
    limits = {**MARKED, "open_risk_bound": True, "max_daily_loss": 0.025}

    result = play(all_flat(A, B, C), signals, **limits, balance=3000.0, stop=stop)

    assert refusals(result)[2] == (C, 1, last)


@pytest.mark.parametrize("opened", [100.0, 100.5, 99.9])
@pytest.mark.parametrize(("stop", "last"), [(0.5, ""), (0.51, "open-risk")])
def test_what_an_open_position_gained_it_may_lose_again(opened, stop, last):
    """A's 50 pieces: what is lost so far and what is left to the stop are 25 together."""
    rows = {A: [*flat(100, 2), *flat(opened, 3)], B: flat(100, 5)}
    limits = {**MARKED, "open_risk_bound": True, "max_daily_loss": 0.025}

    result = play(rows, {A: {0: 1}, B: {1: -1}}, **limits, balance=2000.0, stop=stop)

    assert refusals(result) == [(A, 1, ""), (B, 2, last)]


def test_a_day_that_lost_its_limit_is_over_and_the_next_one_is_not():
    """50 pieces, 2 lost on each: 10 % at 23:15."""
    rows = [*flat(100), (100, 100, 98, 98), *flat(98, 6)]

    result = play({A: rows}, {A: {0: 1, 1: 1, 3: 1}}, **REALISED, start_ms=LATE_START)

    assert refusals(result) == [(A, 1, ""), (A, 2, "daily-loss"), (A, 4, "")]
    assert result.halted_days == 1


@pytest.mark.parametrize(("lost", "days"), [(1.0, 1), (0.99, 0)])
def test_a_loss_of_exactly_the_limit_halts(lost, days):
    rows = [*flat(100), (100, 100, 90, 98), *flat(98, 6)]

    result = play({A: rows}, {A: {0: 1, 1: 1}}, **REALISED, stop=lost)

    assert result.halted_days == days
    assert refusals(result)[1] == (A, 2, "daily-loss" if days else "")


@pytest.mark.parametrize(("limits", "last"), [(MARKED, "daily-loss"), (REALISED, "")])
def test_a_day_once_halted_stays_so_unless_only_the_wallet_counts(limits, last):
    """A loses 100 of 2,000, B wins 100 back; then A asks again."""
    rows = {
        A: [*flat(100), (100, 100, 98, 98), *flat(98, 6)],
        B: [*flat(100, 3), (100, 102, 100, 102), *flat(102, 4)],
    }

    result = play(rows, {A: {0: 1, 4: 1}, B: {0: 1}}, **limits, balance=2000.0, target=2.0)

    assert refusals(result) == [(A, 1, ""), (A, 5, last), (B, 1, "")]
    assert result.halted_days == 1


@pytest.mark.parametrize(("limits", "last"), [(MARKED, "daily-loss"), (REALISED, "")])
def test_an_open_loss_counts_where_equity_is_marked(limits, last):
    """A's 50 pieces stand 2 lower: 100 of 2,000."""
    rows = {A: [*flat(100, 2), *flat(98, 4)], B: flat(100, 6)}

    result = play(rows, {A: {0: 1}, B: {1: 1}}, **limits, balance=2000.0, stop=10.0)

    assert refusals(result) == [(A, 1, ""), (B, 2, last)]


def test_the_day_starts_with_the_equity_of_its_first_open():
    """100 of 1,000 were lost before midnight, at the open of which the position is still held."""
    rows = {A: [*flat(100, 2), *flat(98, 6)], B: flat(100, 8)}

    result = play(
        rows,
        {A: {0: 1}, B: {1: 1, 3: 1}},
        **MARKED,
        balance=2000.0,
        stop=10.0,
        start_ms=LATE_START,
    )

    assert refusals(result) == [(A, 1, ""), (B, 2, "daily-loss"), (B, 4, "")]
    assert result.halted_days == 1


def test_each_halted_day_counts_once():
    """A loss at 23:15 and another at 00:15 of the next day; two more refusals on each."""
    rows = [
        *flat(100), (100, 100, 98, 98), *flat(98, 3), (98, 98, 96, 96), *flat(96, 4),
    ]  # fmt: skip

    result = play(
        {A: rows}, {A: {0: 1, 1: 1, 2: 1, 4: 1, 5: 1, 6: 1}}, **REALISED, start_ms=LATE_START
    )

    assert [refusal for *_, refusal in refusals(result)] == [
        "", "daily-loss", "daily-loss", "", "daily-loss", "daily-loss",
    ]  # fmt: skip
    assert result.halted_days == 2


def test_a_loss_in_the_very_last_bar_halts_its_day():
    rows = [*flat(100), (100, 100, 98, 98)]

    assert play({A: rows}, {A: {0: 1}}, **REALISED).halted_days == 1


def test_a_halted_day_is_one_even_if_nobody_asks_again():
    rows = [*flat(100), (100, 100, 98, 98), *flat(98, 200)]

    assert play({A: rows}, {A: {0: 1}}, **REALISED).halted_days == 1


# ---------------------------------------------------------------------- drawdown


def test_a_drawdown_ends_all_entries_from_the_bar_it_happened_in():
    """10 % of 1,000 in bar 1; the days that follow do not lift it."""
    rows = [*flat(100), (100, 100, 98, 98), *flat(98, 200)]

    result = play({A: rows}, {A: {0: 1, 4: 1, 150: 1}}, **ACCOUNT, max_drawdown=0.1)

    assert refusals(result) == [(A, 1, ""), (A, 5, "drawdown"), (A, 151, "drawdown")]
    assert result.drawdown_halt_ms == START_MS + BAR_MS


def test_a_drawdown_is_measured_from_the_highest_marked_equity():
    """1,200 at the open of bar 2; 1,080 is 10 % below it, though above what it began with."""
    rows = [*flat(100, 2), *flat(104), (101.7, 101.7, 101.6, 101.6), *flat(101.6, 3)]

    result = play({A: rows}, {A: {0: 1, 3: -1}}, **ACCOUNT, max_drawdown=0.1, target=50.0)

    assert refusals(result) == [(A, 1, ""), (A, 4, "drawdown")]
    assert exits(result)[0][4:] == (4, 101.6, "REVERSE")
    assert result.drawdown_halt_ms == START_MS + 3 * BAR_MS


def test_what_closing_costs_counts_against_the_entries_of_the_same_bar():
    """5 and 5 of 1,000 were paid by the open of bar 2: a hundredth, after its close."""
    signals, limits = {A: {0: 1, 1: -1}}, {**ACCOUNT, "taker_fee": 0.001}

    drawn = play({A: flat(100, 5)}, signals, **limits, max_drawdown=0.01)
    less = play({A: flat(100, 5)}, signals, **limits, max_drawdown=0.0101)

    assert refusals(drawn) == [(A, 1, ""), (A, 2, "drawdown")]
    assert drawn.drawdown_halt_ms == START_MS + 2 * BAR_MS
    assert refusals(less) == [(A, 1, ""), (A, 2, "")]


def test_a_smaller_fall_is_no_drawdown():
    rows = [*flat(100), (100, 100, 98, 98), *flat(98, 6)]

    result = play({A: rows}, {A: {0: 1, 4: 1}}, **ACCOUNT, max_drawdown=0.101)

    assert result.drawdown_halt_ms is None
    assert refusals(result)[1] == (A, 5, "")


def test_a_drawdown_in_the_very_last_bar_is_told():
    rows = [*flat(100), (100, 100, 98, 98)]

    assert play({A: rows}, {A: {0: 1}}, **ACCOUNT, max_drawdown=0.1).drawdown_halt_ms == (
        START_MS + BAR_MS
    )


# ---------------------------------------------------------------------- kill switches


def results_in(turns):
    """A trade every third bar that wins 4 (W), loses 2 (L) or comes to nothing (0)."""
    bars = {"W": (100, 104, 100, 100), "L": (100, 100, 98, 100), "0": (100, 100, 100, 100)}
    rows, signals = flat(100), {}
    for turn in turns:
        signals[len(rows) - 1] = 1
        rows = [*rows, bars[turn], *flat(100, 2)]
        if turn == "0":
            signals[len(rows) - 3] = -1
    return rows, signals


@pytest.mark.parametrize(
    "turns",
    [
        "LLLLLLLLW",
        "LLLLLLLWLLLLLLLLW",
        "WWWWWWWLLLLLLLLLLLLLLLLW",
        "LLLLLLLWLLLLLLLWLL",
        "LWLLLWLLLWLLLWLWW",  # 4 of 15 are too few wins by the first of them, a loss
    ],
)
@pytest.mark.parametrize("name", ["kill_fast", "kill_slow"])
def test_switches_trip_as_the_live_ones_do_however_many_trades_came_before(name, turns):
    rows, signals = results_in(turns)

    result = play({A: rows}, {A: signals}, **{**ACCOUNT, name: True}, leverage=0.01)

    switch, expected = Switch(), []
    for turn in turns:
        tripped = switch.is_fast_tripped or switch.is_slow_tripped
        expected.append(name.replace("_", "-") if tripped else "")
        if not tripped:
            net = {"W": 4.0, "L": -2.0}[turn]
            switch = switch.after(net, fast=name == "kill_fast", slow=name == "kill_slow")
    assert [refusal for *_, refusal in refusals(result)] == expected


def test_a_switch_ends_its_own_symbol_only():
    rows, signals = results_in("LLLLLLLLWW")
    won, other = results_in("WWWWWWWWWW")

    result = play({A: rows, B: won}, {A: signals, B: other}, **{**ACCOUNT, "kill_fast": True})

    assert [r for s, _, r in refusals(result) if s == A] == [""] * 8 + ["kill-fast"] * 2
    assert [r for s, _, r in refusals(result) if s == B] == [""] * 10


def test_a_fixed_size_knows_no_account():
    """A loss of the whole wallet, and entries go on."""
    rows = [*flat(100), (100, 100, 50, 50), *flat(50, 4)]

    result = play({A: rows}, {A: {0: 1, 2: 1}}, sizing="fixed:10000", stop=40.0)

    assert refusals(result) == [(A, 1, ""), (A, 3, "")]
    assert result.final_wallet == -3000.0
    assert result.halted_days == 0
