"""Each check of a preflight, over facts that a test makes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from cointrader.app.config import Config
from cointrader.app.model_state import ModelState
from cointrader.app.preflight.judge import (
    Check,
    Facts,
    Machine,
    Streams,
    SymbolFacts,
    Unread,
    Verdict,
    is_refused,
    judged,
)
from cointrader.domain.instrument import Instrument, LeverageBracket
from cointrader.domain.ports import Account
from cointrader.exchange.binance.translate import KeyRights, SymbolSettings

NOW_MS = 1_800_000_000_000
BRACKETS = (LeverageBracket(Decimal(10_000), 50, Decimal("0.01"), Decimal(0)),)
XRP = SymbolFacts(
    symbol="XRPUSDT",
    is_trading=True,
    instrument=Instrument(
        "XRPUSDT", step_size=Decimal("0.1"), min_notional=Decimal(5), brackets=BRACKETS
    ),
    settings=SymbolSettings(leverage=10, is_isolated=True),
    price=Decimal(2),
    has_position=False,
    orders=(),
)
FACTS = Facts(
    place="live",
    is_rehearsal=False,
    now_ms=NOW_MS,
    offset_ms=12,
    rights=KeyRights(trades_futures=True, withdraws=False, is_bound_to_addresses=True),
    is_hedge_mode=False,
    is_multi_assets=False,
    account=Account(Decimal(1000), Decimal(1000), Decimal(900)),
    symbols=(XRP,),
    correlations={"BTCUSDT": True},
    machine=Machine("journals/live.db", free_bytes=5 << 30),
    streams=Streams(),
    unfiltered={"XRPUSDT": True},
)


def a_config(**settings):
    overrides = {"symbols": "XRPUSDT", **settings}
    return Config(overrides=overrides, environ={}, folder="/nonexistent")


def checks(config=None, *, symbol=None, machine=None, **changes):
    """The checks of FACTS with some of them changed."""
    if symbol is not None:
        changes["symbols"] = (replace(XRP, **symbol),)
    if machine is not None:
        changes["machine"] = replace(FACTS.machine, **machine)
    return judged(replace(FACTS, **changes), config or a_config())


def of(found, name):
    """What is not ok under this name."""
    return [each for each in found if each.name == name and each.verdict is not Verdict.OK]


def only(found, name):
    (check,) = of(found, name)
    return check


def test_an_account_with_nothing_against_it_passes():
    found = checks()

    assert not is_refused(found)
    assert [check.name for check in found if check.verdict is Verdict.WARNING] == ["model"]
    assert all(check.todo == "" for check in found if check.verdict is Verdict.OK)


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"offset_ms": 31_000}, "clock", "31000 ms ahead"),
        ({"rights": Unread("the key is refused")}, "key", "the key is refused"),
        ({"rights": KeyRights(False, False, True)}, "key", "may not trade futures"),
        ({"rights": KeyRights(True, True, True)}, "key", "may WITHDRAW money"),
        ({"is_multi_assets": True}, "margin mode", "multi-assets"),
        ({"account": Account(Decimal(0), Decimal(0), Decimal(0))}, "balance", "0.00 USDT"),
        ({"account": Unread("no answer")}, "balance", "no answer"),
        ({"is_hedge_mode": Unread("no answer")}, "position mode", "no answer"),
        ({"streams": Streams(problem="no stream within 30 s")}, "streams", "no stream"),
        ({"correlations": {"BTCUSDT": Unread("no symbol")}}, "BTCUSDT", "no symbol"),
        ({"machine": {"journal_problem": "it cannot be written"}}, "journal", "cannot be written"),
        ({"machine": {"journal_holder": "process 7"}}, "journal", "written by process 7"),
        ({"machine": {"account_holder": "process 7"}}, "account", "process 7 trades"),
        ({"machine": {"free_bytes": 1 << 20}}, "disk", "0.0 GiB free"),
        ({"machine": {"last_known_ms": NOW_MS + 120_000}}, "journal", "knows 2027-01-15 08:02"),
        ({"symbol": {"is_trading": Unread("no symbol XRPUSDX")}}, "XRPUSDT", "XRPUSDX"),
        ({"symbol": {"orders": Unread("no answer")}}, "XRPUSDT", "no answer"),
        ({"symbol": {"settings": Unread("no answer")}}, "XRPUSDT", "no answer"),
        (
            {"symbol": {"unknown_orders": ("ct-XRPUSDT-1-s0",)}},
            "one instance",
            "does not know: ct-XRPUSDT-1-s0",
        ),
    ],
)
def test_what_speaks_against_trading_fails_and_says_what_to_do(changes, name, words):
    found = checks(**changes)

    check = only(found, name)
    assert check.verdict is Verdict.FAILED
    assert words in check.found
    assert check.todo
    assert is_refused(found)


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"offset_ms": -1_500}, "clock", "1500 ms behind"),
        ({"rights": KeyRights(True, False, False)}, "key", "works from any address"),
        ({"streams": Streams(silent=True)}, "streams", "no candle came"),
        ({"correlations": {"BTCUSDT": False}}, "BTCUSDT", "not open for trading"),
        ({"machine": {"free_bytes": 500 << 20}}, "disk", "0.5 GiB free"),
        ({"symbol": {"is_trading": False}}, "XRPUSDT", "no entries"),
    ],
)
def test_what_a_person_should_know_is_a_warning_and_no_refusal(changes, name, words):
    found = checks(**changes)

    check = only(found, name)
    assert check.verdict is Verdict.WARNING
    assert words in check.found
    assert not is_refused(found)


def test_what_a_key_may_do_cannot_be_asked_on_the_testnet_and_that_is_said():
    found = checks(rights=None, place="testnet")

    assert Check("key", Verdict.OK, "valid; what it may do cannot be asked on testnet") in found


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (SymbolSettings(leverage=20, is_isolated=True), "leverage 20; will be set to 10"),
        (SymbolSettings(leverage=10, is_isolated=False), "cross margin; will be set to isolated"),
    ],
)
def test_what_will_be_set_is_ok_and_says_so(settings, words):
    found = checks(symbol={"settings": settings})

    assert not is_refused(found)
    assert words in [check.found for check in found]


@pytest.mark.parametrize(
    ("symbol", "words"),
    [
        (
            {"settings": SymbolSettings(20, True), "has_position": True},
            "leverage 20 with an open position",
        ),
        ({"settings": SymbolSettings(10, False), "has_position": True}, "cross margin"),
        ({"settings": SymbolSettings(10, False), "orders": ("mine",)}, "cross margin"),
    ],
)
def test_what_cannot_be_set_because_it_is_in_use_fails(symbol, words):
    check = only(checks(symbol=symbol), "XRPUSDT")

    assert check.verdict is Verdict.FAILED
    assert words in check.found


def test_hedge_mode_is_switched_unless_something_is_open():
    assert not is_refused(checks(is_hedge_mode=True))

    check = only(checks(is_hedge_mode=True, symbol={"has_position": True}), "position mode")
    assert "XRPUSDT cannot be switched while in use" in check.found


def test_a_leverage_that_the_symbol_does_not_allow_fails():
    check = only(checks(a_config(leverage=100)), "XRPUSDT")

    assert check.found == "LEVERAGE = 100, and the exchange allows 50"


def test_a_balance_too_small_for_the_smallest_order_fails():
    poor = Account(Decimal("0.5"), Decimal("0.5"), Decimal("0.5"))

    check = only(checks(account=poor), "XRPUSDT")

    assert "cannot buy its smallest order: notional 2.40 is below the minimum of 5" in check.found


def test_without_a_model_entries_stay_off_unless_that_is_meant():
    check = only(checks(unfiltered={"XRPUSDT": False}), "model")

    assert check.found == "there is none for XRPUSDT: no entries"
    assert "NO_ML_FILTER=true" in check.todo


def test_what_judges_signals_is_told_and_never_a_reason_not_to_start():
    good = ModelState("XRPUSDT", "lgbm:0f1e", "lgbm:0f1e, passes from 0.6")
    bad = ModelState("TRXUSDT", "broken", "no entries: this file is no entry filter", "make one")
    symbols = {"XRPUSDT": False, "TRXUSDT": False, "DOGEUSDT": False, "SOLUSDT": True}

    found = [c for c in checks(unfiltered=symbols, models=[good, bad]) if c.name == "model"]

    assert [(c.verdict, c.found, c.todo) for c in found] == [
        (Verdict.OK, "XRPUSDT: lgbm:0f1e, passes from 0.6", ""),
        (Verdict.WARNING, "TRXUSDT: no entries: this file is no entry filter", "make one"),
        (
            Verdict.WARNING,
            "there is none for DOGEUSDT: no entries",
            "NO_ML_FILTER=true trades every signal, if that is meant",
        ),
        (
            Verdict.WARNING,
            "none for SOLUSDT, and none is asked for: every signal trades (NO_ML_FILTER)",
            "",
        ),
    ]


def test_a_model_trained_with_other_settings_is_a_warning():
    changed = ModelState("XRPUSDT", "lgbm:0f1e", "lgbm:0f1e", "", ("ATR_SL_MULT 2, now 1.5",))

    check = only(checks(unfiltered={"XRPUSDT": False}, models=[changed]), "model")

    assert check.found == "XRPUSDT: trained with other settings: ATR_SL_MULT 2, now 1.5"


def test_fixed_sizing_is_for_rehearsals_only():
    fixed = a_config(sizing="fixed:100")

    assert only(checks(fixed), "sizing").verdict is Verdict.FAILED
    assert of(checks(fixed, is_rehearsal=True), "sizing") == []


def test_an_exchange_that_does_not_answer_is_the_only_thing_told_of_it():
    found = checks(offset_ms=Unread("the exchange cannot be reached", "check the network"))

    assert only(found, "exchange").todo == "check the network"
    assert {check.name for check in found} == {"journal", "disk", "exchange", "model"}
