"""Evidence: what is believed of a journal, and what is not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cointrader.backtest.parity import explain
from cointrader.backtest.parity.causes import CAUSES, OF_REFUSALS, sentence
from cointrader.backtest.parity.explain import Range, grid_of
from cointrader.backtest.parity.facts import Entered, facts_of
from cointrader.domain.order import Side
from cointrader.domain.records import Alert, Decision, RiskEvent, RunStarted

BAR_MS = 900_000
AT_MS = 1_767_225_600_000
XRP = "XRPUSDT"


def a_journal(*, is_remote=True, starts=(AT_MS,), events=(), alerts=()):
    runs = [
        RunStarted(at, "testnet", "", "default", (XRP,), "15m", Decimal(1), "0") for at in starts
    ]
    return facts_of(
        runs=runs,
        bar_ms=BAR_MS,
        decisions=(),
        trades=(),
        positions=(),
        fills=(),
        intents=(),
        funding=(),
        equity=(),
        events=events,
        alerts=alerts,
        reports=(),
        is_remote=is_remote,
    )


def cause_of(found):
    return None if found is None else found.cause


def a_refusal(reason, detail=""):
    return Decision(XRP, AT_MS, "ENTER", Side.LONG, 3, (), reason, detail)


def an_entry(price, *, after_ms):
    return Entered(
        XRP, "ct-XRPUSDT-a-e0", Side.LONG, AT_MS, AT_MS + after_ms, price, 1.0, 0.0, 1.0, 1.0, 2.0
    )


@pytest.mark.parametrize(
    ("values", "step"),
    [
        (["40"], 20.0),
        (["50.0", "40"], 10.0),
        (["0.3", "0.25"], 0.05),
        (["355.8", "356.1"], 0.1),
        ([], 0.0),
        (["0"], 0.0),
    ],
)
def test_the_grid_of_some_numbers_is_the_largest_round_step_they_lie_on(values, step):
    assert grid_of(map(Decimal, values)) == step


def test_a_pause_is_believed_where_the_command_is_in_the_journal():
    paused = [RiskEvent(AT_MS, "paused")]

    assert explain.refusal(a_journal(events=paused), a_refusal("paused"), AT_MS + BAR_MS) == (
        "command",
        "entries were paused by a command",
    )
    assert explain.refusal(a_journal(), a_refusal("paused"), AT_MS + BAR_MS) is None


def test_a_pause_that_was_resumed_explains_nothing_any_more():
    events = [RiskEvent(AT_MS, "paused"), RiskEvent(AT_MS + 1, "resumed")]

    found = explain.refusal(a_journal(events=events), a_refusal("paused"), AT_MS + BAR_MS)

    assert found is None


def test_lateness_is_believed_of_a_remote_exchange_and_not_of_one_in_process():
    late = a_refusal("late", "a later bar has closed since")

    assert cause_of(explain.refusal(a_journal(), late, AT_MS + BAR_MS)) == "late-bar"
    assert explain.refusal(a_journal(is_remote=False), late, AT_MS + BAR_MS) is None


def test_a_gate_of_the_account_is_never_explained_by_what_the_journal_says_of_itself():
    claimed = a_refusal("daily-loss", "day began with wallet 1000")

    assert explain.refusal(a_journal(), claimed, AT_MS + BAR_MS) is None


def test_a_start_in_between_is_a_restart_and_the_first_start_is_none():
    again = a_journal(starts=(AT_MS, AT_MS + BAR_MS))

    assert cause_of(explain.down(again, XRP, AT_MS, AT_MS + BAR_MS)) == "restart"
    assert explain.down(again, XRP, AT_MS + BAR_MS, AT_MS + 2 * BAR_MS) is None
    assert explain.down(a_journal(), XRP, 0, AT_MS + BAR_MS) is None


def test_a_quarantined_bot_is_down_for_good_and_another_symbols_is_not():
    told = [Alert(AT_MS, "critical", XRP, f"the bot of {XRP} is in quarantine")]
    journal = a_journal(alerts=told)

    assert cause_of(explain.down(journal, XRP, AT_MS + 90 * BAR_MS, AT_MS + 91 * BAR_MS)) == "crash"
    assert explain.down(journal, "TRXUSDT", AT_MS, AT_MS + BAR_MS) is None


@pytest.mark.parametrize(
    ("price", "after_ms", "cause"),
    [
        (100.5, 5_000, "latency"),
        (100.5, 80, "slippage"),
        (102.0, 5_000, None),  # the bar never was there
        (100.5, -1, None),  # before its bar
    ],
)
def test_a_price_is_explained_within_what_its_bar_allows(price, after_ms, cause):
    allowed = Range.of(99.0, 101.0, 0.0)

    found = explain.entry_price(a_journal(), an_entry(price, after_ms=after_ms), AT_MS, allowed)

    assert cause_of(found) == cause


def test_a_fee_is_believed_when_the_fills_say_so_and_a_taker_could_pay_it():
    journal = a_journal()

    assert cause_of(explain.fee(journal, 0.4, 1000.0, 0.4)) == "fee"
    assert explain.fee(journal, 0.4, 1000.0, 0.5) is None
    assert explain.fee(journal, 40.0, 1000.0, 40.0) is None
    assert explain.fee(a_journal(is_remote=False), 0.4, 1000.0, 0.4) is None


def test_every_cause_has_a_sentence_and_every_refusal_a_cause_that_is_known():
    assert set(OF_REFUSALS.values()) <= set(CAUSES)
    assert all(sentence(cause) == text and text for cause, text in CAUSES.items())
    assert "nothing" in sentence("unexplained")
