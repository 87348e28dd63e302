"""Which cells a search has: all combinations once, none without effect, every mistake told."""

from __future__ import annotations

import itertools

import pytest

from cointrader.app.config import Config
from cointrader.app.search.cell import configured, identity_of, parted
from cointrader.app.search.space import search_space, with_own_size
from cointrader.domain.errors import ConfigError, UsageError


def a_config(**settings):
    given = {"symbols": ["XRPUSDT", "DOGEUSDT"], "sizing": "fixed:1000"} | settings
    return Config(overrides=given, environ={}, folder="/nonexistent")


def test_the_usual_grid_has_324_cells():
    space = search_space(a_config(), [])

    assert len(space.cells) == len(set(space.identities)) == 324
    assert (space.twins, space.impossible) == (0, 0)


def test_every_combination_is_a_cell():
    space = search_space(a_config(), ["atr_sl_mult=1,1.5", "RSI_PERIOD=7,14,21"])

    assert [tuple(cell.values()) for cell in space.cells] == list(
        itertools.product(("1", "1.5"), ("7", "14", "21"))
    )


def test_a_cells_configuration_has_its_values():
    space = search_space(
        a_config(), ["atr_sl_mult=1,2", "vol_multiplier_dogeusdt=3", "trailing_stop_pct=0.01"]
    )
    config = space.config_of(space.cells[1])

    assert config.atr_sl_mult == 2.0
    assert config.for_symbol("DOGEUSDT").vol_multiplier == 3.0
    assert config.for_symbol("XRPUSDT").vol_multiplier == 1.5
    assert config.trailing_stop_pct == 0.01


def test_a_cells_identity_is_that_of_its_configuration():
    base = a_config(atr_sl_mult_xrpusdt=2.5)
    space = search_space(
        base, ["atr_tp_mult=2,3", "signal_threshold_xrpusdt=3,4", "taker_fee=0.001"]
    )

    for cell, identity in zip(space.cells, space.identities, strict=True):
        assert identity == identity_of(configured(base, cell))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"max_positions": 1, "max_same_direction": 1}),  # no limit holds with fixed:N
        ({}, {"stop_loss_pct": 0.02}),  # exits are in ATR
        ({}, {"symbols": ["XRPUSDT"]}),  # which candles is not what settings
        ({"atr_sl_mult": 2.0}, {"atr_sl_mult_xrpusdt": 2.0, "atr_sl_mult_dogeusdt": 2.0}),
        ({}, {"max_entry_delay": 3}),
    ],
)
def test_what_changes_no_trade_changes_no_identity(one, other):
    assert identity_of(a_config(**one)) == identity_of(a_config(**other))


@pytest.mark.parametrize(
    "other",
    [
        {"atr_sl_mult": 1.0}, {"atr_sl_mult_xrpusdt": 1.0}, {"taker_fee": 0.0}, {"band_width": 3.0},
        {"sizing": "fixed:500"}, {"exit_mode": "pct"}, {"sizing": "account"}, {"leverage": 50},
    ],
)  # fmt: skip
def test_what_changes_trades_changes_the_identity(other):
    assert identity_of(a_config()) != identity_of(a_config(**other))


def test_a_rule_of_ones_own_counts_by_what_is_in_its_file(tmp_path):
    def identity(name, text):
        (tmp_path / name).write_text(text)
        return identity_of(a_config(signal=f"{tmp_path / name}:Mine"))

    first = identity("a.py", "class Mine: pass\n")

    assert first == identity("b.py", "class Mine: pass\n")
    assert first != identity("a.py", "class Mine: x = 1\n")


def test_twins_are_one_cell():
    """A fraction of the price means nothing where exits are in ATR."""
    space = search_space(a_config(), ["exit_mode=atr,pct", "stop_loss_pct=0.01,0.02,0.03"])

    assert len(space.cells) == 4
    assert space.twins == 2


def test_combinations_that_cannot_be_are_left_out():
    space = search_space(a_config(), ["ema_fast=9,30", "ema_mid=21,40"])

    assert len(space.cells) == 3
    assert space.impossible == 1


def test_cells_are_the_same_whatever_the_order_of_the_axes():
    axes = ["atr_sl_mult=1,2", "signal_threshold=3,4", "taker_fee=0,0.001"]
    identities = {
        frozenset(search_space(a_config(), order).identities)
        for order in itertools.permutations(axes)
    }

    assert len(identities) == 1


def test_a_draw_is_of_different_cells_and_can_be_repeated():
    axes = ["atr_sl_mult=0.5..4", "rsi_period=7..28", "signal_threshold=3,4"]
    space, again = (search_space(a_config(), axes, draws=50, seed=3) for _ in range(2))
    other = search_space(a_config(), axes, draws=50, seed=4)

    assert len(set(space.identities)) == 50
    assert space.identities == again.identities != other.identities
    assert all(0.5 <= float(cell["ATR_SL_MULT"]) <= 4 for cell in space.cells)
    assert {cell["SIGNAL_THRESHOLD"] for cell in space.cells} == {"3", "4"}


def test_a_draw_of_more_than_there_are_is_all_of_them():
    space = search_space(a_config(), ["atr_sl_mult=1,2", "atr_tp_mult=2,3"], draws=100)

    assert len(space.cells) == 4


@pytest.mark.parametrize(
    ("axis", "words"),
    [
        ("atr_sl_mult", "not NAME=VALUE"),
        ("atr_sl_mult=", "not NAME=VALUE"),
        ("atr_stop=1,2", "not a setting"),
        ("atr_sl_mult_btcusdt=1,2", "not a setting"),
        ("leverage_xrpusdt=1,2", "one for all symbols"),
        ("symbols=A,B", "nothing to search"),
        ("interval=15m,1h", "nothing to search"),
        ("max_entry_delay=10,20", "nothing to search"),
        ("deploy_host=a", "nothing to search"),
        ("atr_sl_mult=1..2", "has no end"),
        ("signal=score..x.py:X", "has no end"),
    ],
)
def test_an_axis_that_is_none_is_told(axis, words):
    with pytest.raises(UsageError, match=words):
        search_space(a_config(), [axis])


def test_a_span_needs_a_number():
    with pytest.raises(UsageError, match="no number"):
        search_space(a_config(), ["exit_mode=atr..pct"], draws=3)
    with pytest.raises(UsageError, match="is empty"):
        search_space(a_config(), ["atr_sl_mult=2..1"], draws=3)


def test_an_impossible_value_is_told_with_its_name():
    with pytest.raises(ConfigError, match="ATR_SL_MULT cannot be '-1'"):
        search_space(a_config(), ["atr_sl_mult=1,-1"])


def test_a_setting_given_twice_is_told():
    with pytest.raises(UsageError, match="given twice"):
        search_space(a_config(), ["atr_sl_mult=1", "ATR_SL_MULT=2"])


@pytest.mark.parametrize("axis", ["stop_loss_pct=0.01,0.02", "max_positions=3,4"])
def test_a_setting_without_effect_is_refused(axis):
    with pytest.raises(ConfigError, match="changes nothing here"):
        search_space(a_config(), [axis, "atr_tp_mult=2,3"])
    with pytest.raises(ConfigError, match="changes nothing here"):
        search_space(a_config(), [axis])


def test_a_symbols_own_value_is_not_searched_over_in_silence():
    base = a_config(atr_sl_mult_xrpusdt=2.0)

    with pytest.raises(UsageError, match="value of its own for XRPUSDT"):
        search_space(base, ["atr_sl_mult=1,2"])
    assert len(search_space(base, ["atr_sl_mult_xrpusdt=1,2"]).cells) == 2


def test_signals_and_the_rest_are_told_apart():
    signals, rest = parted({"RSI_PERIOD_XRPUSDT": "7", "ATR_SL_MULT": "1", "SIGNAL_THRESHOLD": "3"})

    assert [name for name, _ in signals] == ["RSI_PERIOD_XRPUSDT", "SIGNAL_THRESHOLD"]
    assert [name for name, _ in rest] == ["ATR_SL_MULT"]


def test_own_trades_are_of_a_fixed_size_unless_asked_otherwise():

    def own(flags=None, **settings):
        config = Config(flags=flags, overrides=settings, environ={}, folder="/nonexistent")
        return with_own_size(config).sizing

    assert own() == "fixed:1000"
    assert own(sizing="risk") == "fixed:1000"
    assert own(sizing="fixed:50") == "fixed:50"
    assert own(flags={"sizing": "account"}) == "account"
