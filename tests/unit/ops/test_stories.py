"""Which records become messages, at which level, and what they say."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cointrader.domain.clock import DAY_MS
from cointrader.domain.order import Side
from cointrader.domain.position import CloseReason, Trade
from cointrader.domain.records import (
    Alert,
    BotState,
    EquityMarked,
    PositionOpened,
    RiskEvent,
    TradeClosed,
)
from cointrader.ops.card import Tone
from cointrader.ops.stories import Storyteller

NOON = 1_735_732_800_000  # 2025-01-01 12:00 UTC
MIDNIGHT = NOON + DAY_MS // 2


def told(teller, record):
    """The alert and the card that are made of `record`."""
    story = teller.hear(record)
    assert story is not None
    alert, card = story
    assert card is not None
    return alert, card


def a_position(stop="0.48", trade_id="ct-1-e0"):
    return PositionOpened(
        symbol="XRPUSDT", trade_id=trade_id, side=Side.LONG, quantity=Decimal(100),
        entry_price=Decimal("0.50"), entry_bar_ms=NOON, entry_fee=Decimal("0.025"),
        stop=Decimal(stop), target=Decimal("0.54"), best_close=0.5,
    )  # fmt: skip


def a_trade(net="3.94", reason=CloseReason.TARGET, at_ms=NOON, trade_id="ct-1-e0"):
    return TradeClosed(
        Trade(
            symbol="XRPUSDT", side=Side.LONG, entry_time_ms=NOON, exit_time_ms=at_ms,
            entry_price=Decimal("0.50"), exit_price=Decimal("0.54"), quantity=Decimal(100),
            reason=reason, gross=Decimal(4), fee=Decimal("0.05"), funding=Decimal("-0.01"),
            net=Decimal(net), trade_id=trade_id,
        )
    )  # fmt: skip


def test_an_entry_is_told_once_and_not_when_its_stop_moves():
    teller = Storyteller()

    alert, card = told(teller, a_position())

    assert alert.level == "info"
    assert alert.text == "opened LONG 100 at 0.50, stop 0.48 (-2.00), target 0.54"
    assert card.title == "Entry LONG"
    assert dict(card.fields)["Stop"] == "0.48 (-2.00)"
    assert teller.hear(a_position(stop="0.49")) is None


def test_an_entry_of_before_the_start_is_no_news():
    assert Storyteller([a_position()]).hear(a_position(stop="0.49")) is None


def test_an_exit_tells_net_costs_and_r_by_the_first_stop():
    teller = Storyteller([a_position(), a_position(stop="0.53")])

    alert, card = told(teller, a_trade())

    assert alert.text == (
        "closed LONG at 0.54, target reached: net +3.94 (+1.97 R), fees 0.05, funding -0.01"
    )
    assert alert.level == "info"
    assert card.tone is Tone.GOOD
    assert dict(card.fields)["Net"] == "+3.94 (+1.97 R)"


@pytest.mark.parametrize("reason", [CloseReason.UNPROTECTED, CloseReason.LIQUIDATED])
def test_an_exit_that_should_not_have_been_is_critical(reason):
    alert, card = told(Storyteller(), a_trade(net="-3", reason=reason))

    assert alert.level == "critical"
    assert card.tone is Tone.ALARM


@pytest.mark.parametrize(
    ("kind", "level", "said"),
    [("kill-switch", "warning", "Kill switch tripped (kill-fast)"),
     ("halted", "warning", "Daily loss limit reached (kill-fast)"),
     ("drawdown-halted", "critical", "Drawdown limit reached (kill-fast)")],
)  # fmt: skip
def test_what_stops_entries_is_told_with_its_reason(kind, level, said):
    alert, card = told(Storyteller(), RiskEvent(NOON, kind, "XRPUSDT", "kill-fast"))

    assert (alert.level, alert.symbol) == (level, "XRPUSDT")
    assert alert.text.startswith(said)
    assert dict(card.fields) == {"Why": "kill-fast"}


@pytest.mark.parametrize("kind", ["refused", "paused", "resumed", "lifted"])
def test_what_is_no_news_or_comes_as_an_alert_is_not_told(kind):
    assert Storyteller().hear(RiskEvent(NOON, kind, "XRPUSDT", "margin")) is None


def test_protection_trouble_is_told_and_its_end():
    teller = Storyteller()

    trouble, card = told(teller, BotState(NOON, "XRPUSDT", "unprotected", "its stop vanished"))
    over, _ = told(teller, BotState(NOON, "XRPUSDT", "protected", "a probe order was kept"))

    assert trouble.level == "warning"
    assert card.tone is Tone.ALARM
    assert "its stop vanished" in trouble.text
    assert over.level == "info"
    assert teller.hear(BotState(NOON, "XRPUSDT", "running")) is None


def test_an_alert_is_passed_on_as_it_is_and_only_a_critical_one_has_a_card():
    teller = Storyteller()
    mild, grave = Alert(NOON, "warning", "", "late"), Alert(NOON, "critical", "", "no stop")

    assert teller.hear(mild) == (mild, None)
    passed_on, card = told(teller, grave)
    assert passed_on is grave
    assert (card.tone, card.text) == (Tone.ALARM, "no stop")


def test_a_day_is_summed_up_when_the_next_begins():
    teller = Storyteller(trades=[a_trade(net="-2", trade_id="ct-0-e0").trade])
    teller.hear(EquityMarked(NOON, Decimal(1000), Decimal(1000)))
    teller.hear(a_trade())
    teller.hear(EquityMarked(MIDNIGHT, Decimal(1002), Decimal(1005)))
    teller.hear(a_trade(net="9", at_ms=MIDNIGHT, trade_id="ct-2-e0"))  # of the new day

    alert, card = told(teller, RiskEvent(MIDNIGHT, "day-started"))

    assert alert.text == (
        "day 2025-01-01: 2 trades closed, 1 won, net +1.94, equity 1,005.00 (+0.50%)"
    )
    assert card.title == "Summary of 2025-01-01"
    assert dict(card.fields) == {
        "Closed trades": "2 (1 won)", "Net": "+1.94", "Fees": "0.10", "Funding": "-0.02",
        "Best": "+3.94", "Worst": "-2.00", "Equity": "1,005.00 (+0.50%)",
    }  # fmt: skip


def test_the_first_day_has_nothing_before_it_to_be_summed_up():
    assert Storyteller().hear(RiskEvent(MIDNIGHT, "day-started")) is None
