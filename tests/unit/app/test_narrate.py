"""What a run tells people: one record in, one line out, or none."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from cointrader.app.narrate import Narrator
from cointrader.app.words import REFUSALS, money, number, r_multiple
from cointrader.domain.order import Fill, Leg, OrderKind, OrderSide, Side
from cointrader.domain.position import CloseReason, Trade
from cointrader.domain.records import (
    Alert,
    BotState,
    Decision,
    EquityMarked,
    FillSeen,
    FundingPaid,
    Intent,
    PositionOpened,
    RiskEvent,
    RiskState,
    RunStarted,
    TradeClosed,
)
from cointrader.risk.limits import REASONS
from cointrader.risk.sizing import SIZE_REASONS

BAR_MS = 900_000
BAR = 1_767_413_700_000  # 2026-01-03 04:15 UTC
ENTRY = "ct-XRPUSDT-t8abcd-e0"

RUN = RunStarted(
    BAR, "paper", "a table", "default", ("XRPUSDT",), "15m", Decimal(1000), "0.1.0", {}
)
LONG = PositionOpened(
    "XRPUSDT",
    ENTRY,
    Side.LONG,
    Decimal("120.5"),
    Decimal("2.0000"),
    BAR,
    Decimal("0.12"),
    Decimal("1.9600"),
    Decimal("2.0800"),
    2.0,
)
CLOSED = TradeClosed(
    Trade(
        "XRPUSDT",
        Side.LONG,
        BAR,
        BAR + 4 * BAR_MS,
        Decimal("2.0000"),
        Decimal("2.0800"),
        Decimal("120.5"),
        CloseReason.TARGET,
        Decimal("9.64"),
        Decimal("0.25"),
        Decimal("0"),
        Decimal("9.39"),
        ENTRY,
    )
)
REFUSED = Decision(
    "XRPUSDT",
    BAR - BAR_MS,
    "ENTER",
    Side.SHORT,
    4,
    ("macd-2",),
    "same-direction",
    "2 of 2 short slots in use",
)


def told(*records, positions=()):
    narrator = Narrator(positions)
    lines = [narrator.line(record) for record in (RUN, *records)]
    return [line for line in lines if line is not None]


def closed(**changes):
    return TradeClosed(replace(CLOSED.trade, **changes))


# ------------------------------------------------------------------ trades


def test_an_entry_names_side_size_price_and_what_its_stop_loses():
    assert told(LONG) == [
        "2026-01-03 04:15  XRPUSDT    "
        "opened LONG 120.5 at 2.0000, stop 1.9600 (loses 4.82), target 2.0800"
    ]


def test_an_entry_fits_a_terminal():
    short = replace(LONG, symbol="DOGEUSDT", side=Side.SHORT, stop=Decimal("0.301890366"))
    short = replace(short, entry_price=Decimal("0.301369714"), quantity=Decimal("123456"))

    assert len(told(short)[0]) <= 110


def test_a_position_written_down_again_unchanged_is_not_told_again():
    assert len(told(LONG, LONG, replace(LONG, quantity=Decimal(200)))) == 1


def test_a_moved_stop_is_told_with_what_it_would_bring_now():
    marked = EquityMarked(BAR + 2 * BAR_MS, Decimal(1000), Decimal(1010))

    lines = told(LONG, marked, replace(LONG, stop=Decimal("2.0200")))

    assert lines[1] == (
        "2026-01-03 04:45  XRPUSDT    stop moved from 1.9600 to 2.0200 (wins 2.41 there)"
    )


def test_a_trade_is_told_in_money_and_in_units_of_its_first_risk():
    lines = told(LONG, replace(LONG, stop=Decimal("1.9900")), CLOSED)

    assert lines[2] == (
        "2026-01-03 05:15  XRPUSDT    "
        "closed LONG at 2.0800, target reached: net +9.39 (+1.9 R), fees 0.25"
    )


def test_funding_of_a_trade_is_told_when_there_was_any():
    lines = told(LONG, closed(funding=Decimal("-0.31")))

    assert lines[1].endswith("fees 0.25, funding -0.31")


def test_a_trade_is_told_at_the_time_of_its_last_fill():
    at_ms = BAR + 4 * BAR_MS + 420_000
    fill = Fill("XRPUSDT", 7, "ct-x", OrderSide.SELL, Decimal(2), Decimal(1), Decimal(0), at_ms)

    assert told(LONG, FillSeen(fill), CLOSED)[1].startswith("2026-01-03 05:22")


def test_a_trade_whose_stop_nobody_knows_has_no_r():
    assert told(CLOSED) == [
        "2026-01-03 05:15  XRPUSDT    closed LONG at 2.0800, target reached: net +9.39, fees 0.25"
    ]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (CloseReason.STOP, "stop hit"),
        (CloseReason.STOP_GAP, "gapped past its stop"),
        (CloseReason.TARGET, "target reached"),
        (CloseReason.REVERSE, "opposite signal"),
        (CloseReason.END, "history ended"),
        (CloseReason.MANUAL, "closed by somebody else"),
        (CloseReason.UNPROTECTED, "its stop could not be confirmed"),
        (CloseReason.LIQUIDATED, "liquidated"),
    ],
)
def test_every_end_has_words(reason, words):
    assert f", {words}: " in told(closed(reason=reason))[0]


def test_a_reversal_closes_one_and_opens_the_other():
    other = replace(LONG, trade_id="ct-XRPUSDT-t8zzzz-e0", side=Side.SHORT, stop=Decimal("2.02"))

    lines = told(LONG, closed(reason=CloseReason.REVERSE), other)

    assert ["opened LONG" in lines[0], "opposite signal" in lines[1]] == [True, True]
    assert "opened SHORT 120.5 at 2.0000, stop 2.02 (loses 2.41)" in lines[2]


def test_positions_from_before_are_known_and_not_told_again():
    moved = replace(LONG, stop=Decimal("1.9900"))

    lines = told(moved, CLOSED, positions=(LONG, moved))

    assert len(lines) == 1
    assert "(+1.9 R)" in lines[0]


def test_a_position_taken_over_is_not_told_as_opened():
    adopted = replace(LONG, trade_id="ct-XRPUSDT-t8abcd-a0")

    assert "took over LONG 120.5 at 2.0000" in told(adopted)[0]


def test_funding_is_told_with_its_sign():
    paid = FundingPaid("XRPUSDT", BAR, Decimal("0.0001"), Decimal("-0.166"))

    assert told(paid, replace(paid, amount=Decimal("0.166"))) == [
        "2026-01-03 04:15  XRPUSDT    funding paid: -0.17 (rate +0.0100 %)",
        "2026-01-03 04:15  XRPUSDT    funding received: +0.17 (rate +0.0100 %)",
    ]


# ------------------------------------------------------------------ refusals


def test_a_refused_entry_is_told_at_the_close_of_its_bar():
    assert told(REFUSED) == [
        "2026-01-03 04:15  XRPUSDT    no SHORT entry: 2 of 2 short slots in use"
    ]


def test_a_refusal_without_detail_is_told_by_its_meaning():
    line = told(replace(REFUSED, refusal="foreign", detail=""))[0]

    assert line.endswith(f"no SHORT entry: {REFUSALS['foreign']}")


def test_filter_and_exchange_are_named_as_who_said_no():
    filtered = replace(REFUSED, refusal="filter", detail="0.41 < 0.55")
    rejected = replace(REFUSED, refusal="rejected", detail="no such symbol\n  where: code -1121")

    assert told(filtered)[0].endswith("no SHORT entry: the filter says no, 0.41 < 0.55")
    assert told(rejected)[0].endswith("the exchange said no, no such symbol where: code -1121")


def test_every_reason_key_of_the_risk_manager_has_a_meaning():
    assert set(filter(None, (*REASONS, *SIZE_REASONS))) <= REFUSALS.keys()


# ------------------------------------------------------------------ risk, bots, alerts

EVENTS = [
    (
        RiskEvent(BAR, "halted", "", "daily-loss", "day began with wallet 9; now 8"),
        "daily loss limit reached, no more entries: day began with wallet 9; now 8",
    ),
    (
        RiskEvent(BAR, "drawdown-halted", "", "drawdown", "equity 7, high-water mark 10"),
        "drawdown limit reached, no entries until lifted: equity 7, high-water mark 10",
    ),
    (RiskEvent(BAR, "paused"), "entries paused; open positions are managed as ever"),
    (RiskEvent(BAR, "resumed"), "entries resumed"),
    (
        RiskEvent(BAR, "lifted", "", "drawdown"),
        "entries allowed again: the drawdown halt is lifted",
    ),
    (RiskEvent(BAR, "deposit", detail="250"), "deposited: +250.00"),
    (RiskEvent(BAR, "deposit", detail="-99.5"), "withdrawn: -99.50"),
    (Alert(BAR, "critical", "", "the clock is\n wrong"), "ALERT: the clock is wrong"),
    (Alert(BAR, "warning", "", "slow"), "warning: slow"),
]


@pytest.mark.parametrize(("event", "text"), EVENTS, ids=[text for _, text in EVENTS])
def test_what_concerns_the_account_has_no_symbol(event, text):
    assert told(event) == [f"2026-01-03 04:15             {text}"]


def test_a_kill_switch_is_told_for_its_symbol():
    tripped = RiskEvent(BAR, "kill-switch", "XRPUSDT", "kill-fast")

    assert told(tripped) == [
        "2026-01-03 04:15  XRPUSDT    kill switch tripped: "
        "this symbol lost too often running: no entries until a person resets it"
    ]


def test_a_bot_that_keeps_crashing_is_told_once_and_its_alert_is_not():
    lines = told(
        BotState(BAR, "XRPUSDT", "crashed", "KeyError: 1"),
        Alert(BAR, "warning", "XRPUSDT", "the bot of XRPUSDT crashed (KeyError: 1)"),
        BotState(BAR + 60_000, "XRPUSDT", "quarantined", "KeyError: 1"),
        Alert(BAR + 120_000, "warning", "XRPUSDT", "something else"),
    )

    assert lines == [
        "2026-01-03 04:15  XRPUSDT    bot crashed and will start again: KeyError: 1",
        "2026-01-03 04:16  XRPUSDT    bot QUARANTINED, it trades no more; an open position keeps "
        "its stop: KeyError: 1",
        "2026-01-03 04:17  XRPUSDT    warning: something else",
    ]


def test_a_symbol_with_something_foreign_is_told_when_it_comes_and_goes():
    lines = told(
        BotState(BAR, "XRPUSDT", "not-traded", "not ours: a long position of 5 at 2"),
        BotState(BAR, "XRPUSDT", "running", "what was not ours is gone"),
    )

    assert [line[29:] for line in lines] == [
        "not traded: not ours: a long position of 5 at 2",
        "bot trades again: what was not ours is gone",
    ]


SILENT = [
    replace(REFUSED, action="HOLD", refusal="", detail="no-signal"),
    replace(REFUSED, refusal="", detail=""),
    EquityMarked(BAR, Decimal(1000), Decimal(1000)),
    RiskEvent(BAR, "day-started"),
    RiskEvent(BAR, "refused", "XRPUSDT", "margin", "told by the decision"),
    RiskState(BAR, {}),
    BotState(BAR, "XRPUSDT", "running"),
    BotState(BAR, "XRPUSDT", "ended"),
    Intent(
        ENTRY, "XRPUSDT", BAR, Leg.ENTRY, OrderSide.BUY, OrderKind.MARKET, Decimal(1), None, BAR
    ),
]


@pytest.mark.parametrize("record", SILENT, ids=lambda record: type(record).__name__)
def test_what_happens_all_the_time_is_not_told(record):
    assert told(record) == []


# ------------------------------------------------------------------ numbers


def test_money_has_a_sign_unless_it_is_nothing():
    amounts = ("1234.567", "-0.004", "0", "-5")

    assert [money(Decimal(text)) for text in amounts] == ["+1,234.57", "0.00", "0.00", "-5.00"]


def test_prices_are_shown_as_they_are_and_never_in_powers_of_ten():
    prices = ("0.00000010", "60123.40", "0.3333333333333333333333333333")

    assert [number(Decimal(text)) for text in prices] == [
        "0.00000010",
        "60123.40",
        "0.333333333333",
    ]


def test_a_trade_that_risked_nothing_has_no_r():
    assert r_multiple(CLOSED.trade, Decimal("2.0000")) is None
