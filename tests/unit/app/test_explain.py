"""The stories of bars and trades, told from a journal that a test wrote."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from cointrader.app.bar_story import explain_bar
from cointrader.app.trade_story import explain_trade, trade_id_of
from cointrader.domain.errors import UsageError
from cointrader.domain.order import Fill, Leg, OrderKind, OrderSide, Side, client_order_id
from cointrader.domain.position import CloseReason, Trade
from cointrader.domain.records import (
    Decision,
    FillSeen,
    FundingPaid,
    Intent,
    PositionOpened,
    RunStarted,
    TradeClosed,
)
from cointrader.journal.reader import JournalReader
from cointrader.journal.sqlite import SqliteJournal

BAR_MS = 900_000
T0 = 1_767_413_700_000  # 2026-01-03 04:15 UTC, the bar that decides
T1 = T0 + BAR_MS  # the bar of the entry
T5 = T0 + 5 * BAR_MS  # the bar of the exit
SETTINGS = {
    "SIGNAL": "score",
    "SIGNAL_THRESHOLD": "3",
    "VOL_MULTIPLIER": "1.5",
    "ADX_THRESHOLD": "20",
    "EMA_FAST": "9",
    "EMA_MID": "21",
    "EMA_SLOW": "50",
    "EXIT_MODE": "atr",
    "ATR_SL_MULT": "1.5",
    "ATR_SL_MULT_TRXUSDT": "2.5",
    "ATR_TP_MULT": "3",
    "LEVERAGE": "10",
    "MAX_POSITIONS": "3",
    "SLIPPAGE_BPS": "100",
}
RUN = RunStarted(
    T0 - 100 * BAR_MS,
    "paper",
    "a table",
    "default",
    ("XRPUSDT", "TRXUSDT", "DOGEUSDT"),
    "15m",
    Decimal(1000),
    "0.1.0",
    SETTINGS,
)


def order_id(leg, bar=T0, symbol="XRPUSDT"):
    return client_order_id(symbol, bar, leg)


def a_decision(action="HOLD", side=None, *reasons, symbol="XRPUSDT", bar=T0, **more):
    return Decision(symbol, bar, action, side, more.pop("strength", 3), reasons, **more)


def an_intent(leg, side, at_ms=T1, bar=T0, trigger=None, exits="", symbol="XRPUSDT"):
    kind = OrderKind.MARKET if trigger is None else OrderKind.STOP_MARKET
    return Intent(
        order_id(leg, bar, symbol),
        symbol,
        bar,
        leg,
        side,
        kind,
        Decimal(100),
        trigger,
        at_ms,
        exits,
    )


def a_fill(leg, side, price, at_ms, number, bar=T0, quantity=100, symbol="XRPUSDT"):
    fill = Fill(
        symbol,
        number,
        order_id(leg, bar, symbol),
        side,
        Decimal(price),
        Decimal(quantity),
        Decimal("0.10"),
        at_ms,
    )
    return FillSeen(fill)


def a_position(stop, trade_id=None, symbol="XRPUSDT", bar=T1, side=Side.LONG):
    return PositionOpened(
        symbol,
        trade_id or order_id(Leg.ENTRY, bar - BAR_MS, symbol),
        side,
        Decimal(100),
        Decimal("2.02"),
        bar,
        Decimal("0.10"),
        Decimal(stop),
        Decimal("2.10"),
        2.02,
    )


def a_trade(reason=CloseReason.STOP, symbol="XRPUSDT", entry_ms=T1, exit_ms=T5, **changes):
    trade = Trade(
        symbol,
        Side.LONG,
        entry_ms,
        exit_ms,
        Decimal("2.02"),
        Decimal("2.0394"),
        Decimal(100),
        reason,
        Decimal("1.94"),
        Decimal("0.20"),
        Decimal("-0.05"),
        Decimal("1.69"),
        order_id(Leg.ENTRY, entry_ms - BAR_MS, symbol),
    )
    return TradeClosed(replace(trade, **changes))


TRAILED = (
    a_decision("ENTER", Side.LONG, "macd+2", "ema+1"),
    an_intent(Leg.ENTRY, OrderSide.BUY, exits="0.04 0.08"),
    an_intent(Leg.STOP, OrderSide.SELL, trigger=Decimal("1.98")),
    an_intent(Leg.TARGET, OrderSide.SELL, trigger=Decimal("2.10")),
    a_fill(Leg.ENTRY, OrderSide.BUY, "2.02", T1, 1),
    a_position("1.98"),
    an_intent(Leg.TRAIL, OrderSide.SELL, T1 + BAR_MS, T1, Decimal("2.06")),
    a_position("2.06"),
    FundingPaid("XRPUSDT", T1 + 2 * BAR_MS, Decimal("0.00025"), Decimal("-0.05")),
    a_fill(Leg.TRAIL, OrderSide.SELL, "2.0394", T5 + 60_000, 2, T1),
    a_trade(),
)


def story_of(tell, folder, *records, run=RUN):
    async def write():
        with SqliteJournal(folder / "j.db", threaded=False) as journal:
            await journal.commit(run, *records)

    asyncio.run(write())
    with JournalReader(folder / "j.db") as reader:
        return tell(reader)


def bars(folder, *records, at=T0, symbol=None, run=RUN):
    return story_of(lambda reader: explain_bar(reader, at, symbol), folder, *records, run=run)


def trade(folder, *records, run=RUN, leg=Leg.ENTRY):
    return story_of(lambda reader: explain_trade(reader, order_id(leg)), folder, *records, run=run)


# ------------------------------------------------------------------ bars


def test_points_are_told_in_words_with_their_side(tmp_path):
    reasons = ("rsi-1", "macd+2", "bands-1", "ema+1", "stoch-1", "volume")

    (bar,) = bars(tmp_path, a_decision("HOLD", None, *reasons, detail="no-signal"))

    assert [(part.text, part.side, part.points) for part in bar.parts] == [
        ("RSI above 65", Side.SHORT, 1),
        ("MACD crossed above its signal", Side.LONG, 2),
        ("close above the upper Bollinger band", Side.SHORT, 1),
        ("EMA 9 above 21 above 50", Side.LONG, 1),
        ("StochRSI: K above 80 and below D", Side.SHORT, 1),
    ]
    assert (bar.score, bar.threshold, bar.gate) == (3, 3, "volume")
    assert bar.gate_text == (
        "enough points, but the volume was not above 1.5 times its mean, "
        "which only a score of 4 may ignore"
    )


@pytest.mark.parametrize(
    ("decision", "gate", "words"),
    [
        (a_decision("HOLD", None, "below-threshold"), "below-threshold", "a score of 3"),
        (a_decision("HOLD", None, "ema+1", "both-sides"), "both-sides", "neither counts"),
        (a_decision("HOLD", None, "adx"), "adx", "below 20"),
        (a_decision("HOLD", None, detail="12 of 300 bars"), "warm-up", "fewer than 300"),
        (a_decision("HOLD", Side.LONG, "macd+2", detail="same-side"), "same-side", "already"),
    ],
)
def test_what_kept_a_bar_from_entering_has_its_key_and_a_sentence(tmp_path, decision, gate, words):
    (bar,) = bars(tmp_path, decision)

    assert bar.gate == gate
    assert words in bar.gate_text


def test_a_refusal_has_its_meaning_and_its_detail(tmp_path):
    refused = a_decision(
        "ENTER", Side.LONG, "macd+2", "ema+1", refusal="margin", detail="needs 90, 10 is free"
    )

    (bar,) = bars(tmp_path, refused)

    assert (bar.gate, bar.refusal, bar.detail, bar.trade_id) == (
        "",
        "margin",
        "needs 90, 10 is free",
        None,
    )
    assert bar.refusal_text == "the wallet has less free margin than this entry needs"


def test_a_bar_names_the_trade_it_became_and_the_next_one_where_that_came_from(tmp_path):
    after = a_decision("HOLD", None, "below-threshold", bar=T1)

    (decided,) = bars(tmp_path, *TRAILED)
    (entered,) = bars(tmp_path, after, at=T1)

    assert (decided.trade_id, decided.entered_id) == (order_id(Leg.ENTRY), None)
    assert (entered.trade_id, entered.entered_id) == (None, order_id(Leg.ENTRY))


def test_all_symbols_answer_in_their_configured_order_or_one_that_is_asked(tmp_path):
    decisions = [a_decision(symbol=symbol) for symbol in ("DOGEUSDT", "XRPUSDT", "TRXUSDT")]

    everybody = bars(tmp_path, *decisions)
    one = bars(tmp_path, symbol="TRXUSDT")

    assert [bar.symbol for bar in everybody] == ["XRPUSDT", "TRXUSDT", "DOGEUSDT"]
    assert [bar.symbol for bar in one] == ["TRXUSDT"]


def test_a_rule_of_ones_own_keeps_its_own_words(tmp_path):
    own = replace(RUN, settings=SETTINGS | {"SIGNAL": "mine.py:Breakout"})

    (bar,) = bars(tmp_path, a_decision("HOLD", None, "macd+2", "range-3", "too-quiet"), run=own)

    assert [(part.text, part.points) for part in bar.parts] == [("macd", 2), ("range", 3)]
    assert (bar.threshold, bar.gate, bar.gate_text) == (
        None,
        "too-quiet",
        "the signal rule says so",
    )


UNDECIDED = [
    (T0 - BAR_MS, None, "nobody decided this bar: it is before the first one of the run"),
    (T0 + 9 * BAR_MS, "XRPUSDT", "XRPUSDT did not decide this bar: it is after the last one"),
    (T0 + BAR_MS, None, "no candle of it came, or nothing ran then"),
    (T0 + 120_000, None, "no bar opened at this time, they are 15 minutes long"),
    (T0, "TRXUSDT", "TRXUSDT did not decide this bar: there is no decision yet"),
    (T0, "BTCUSDT", "BTCUSDT is not traded here"),
]


@pytest.mark.parametrize(("at_ms", "symbol", "words"), UNDECIDED)
def test_a_bar_nobody_decided_is_told_with_what_there_is(tmp_path, at_ms, symbol, words):
    decisions = (a_decision(bar=T0), a_decision(bar=T0 + 2 * BAR_MS))

    with pytest.raises(UsageError, match=words) as caught:
        bars(tmp_path, *decisions, at=at_ms, symbol=symbol)

    assert str(tmp_path) in str(caught.value)


# ------------------------------------------------------------------ trades


def test_a_trade_is_told_from_its_signal_to_its_result(tmp_path):
    story = trade(tmp_path, *TRAILED)

    assert (story.number, story.side, story.entry_price) == (1, Side.LONG, Decimal("2.02"))
    assert story.decision is not None
    assert [part.points for part in story.decision.parts] == [2, 1]
    assert (story.size.quantity, story.size.notional, story.size.margin) == (
        100,
        202,
        Decimal("20.2"),
    )
    assert (story.slippage_bps, story.market_price) == (100, 2)
    assert story.plan is not None
    assert (story.plan.stop, story.plan.stop_text) == (Decimal("1.98"), "1.5 x ATR, 0.04")
    assert (story.plan.target, story.plan.target_text) == (Decimal("2.10"), "3 x ATR, 0.08")
    assert [(move.at_ms, move.stop) for move in story.moves] == [(T1 + BAR_MS, Decimal("2.06"))]
    assert [paid.amount for paid in story.funding] == [Decimal("-0.05")]


def test_the_end_of_a_trade_names_the_order_that_made_it(tmp_path):
    end = trade(tmp_path, *TRAILED).exit

    assert (end.at_ms, end.price, end.reason) == (
        T5 + 60_000,
        Decimal("2.0394"),
        CloseReason.STOP,
    )
    assert (end.order.leg, end.order.trigger_price) == (Leg.TRAIL, Decimal("2.06"))
    assert end.client_order_id == order_id(Leg.TRAIL, T1)


def test_a_result_is_split_into_what_it_is_made_of(tmp_path):
    result = trade(tmp_path, *TRAILED).result

    assert (result.gross, result.entry_fee, result.exit_fee) == (
        Decimal("1.94"),
        Decimal("0.10"),
        Decimal("0.10"),
    )
    assert (result.funding, result.net) == (Decimal("-0.05"), Decimal("1.69"))
    # bought at 2.02 instead of 2.00, sold at 2.0394 instead of 2.06
    assert round(result.slippage, 9) == Decimal("4.06")
    assert result.r == pytest.approx(1.69 / 4.00)


def test_slippage_of_a_live_fill_is_not_known(tmp_path):
    story = trade(tmp_path, *TRAILED, run=replace(RUN, mode="live"))

    assert (story.slippage_bps, story.market_price, story.result.slippage) == (None, None, None)


def test_an_open_trade_has_neither_exit_nor_result(tmp_path):
    story = trade(tmp_path, *TRAILED[:6])

    assert (story.number, story.exit, story.result, story.moves) == (None, None, None, ())


def test_exits_in_percent_and_settings_of_one_symbol_are_told_as_such(tmp_path):
    records = (
        an_intent(Leg.ENTRY, OrderSide.BUY, exits="0.015% 0.05", symbol="TRXUSDT"),
        a_fill(Leg.ENTRY, OrderSide.BUY, "2.02", T1, 1, symbol="TRXUSDT"),
        a_position("1.98", symbol="TRXUSDT"),
    )
    entry = order_id(Leg.ENTRY, symbol="TRXUSDT")

    story = story_of(lambda reader: explain_trade(reader, entry), tmp_path, *records)

    assert (story.plan.stop_text, story.plan.target_text) == ("1.5 %", "3 x ATR, 0.05")


def test_positions_open_before_are_told_and_those_closed_at_this_open_are_not(tmp_path):
    doge = order_id(Leg.ENTRY, T0 - BAR_MS, "DOGEUSDT")
    reversed_at_open = a_trade(CloseReason.REVERSE, "TRXUSDT", T0 - 8 * BAR_MS, T1, side=Side.SHORT)
    still_open = a_position("1.98", doge, "DOGEUSDT", T0, Side.SHORT)

    story = trade(tmp_path, *TRAILED, reversed_at_open, still_open)

    assert story.size.beside == (("DOGEUSDT", Side.SHORT),)


def test_a_reversal_keeps_the_orders_and_fills_of_both_trades_apart(tmp_path):
    bar, at_ms = T5 - BAR_MS, T5
    turned = (
        an_intent(Leg.CLOSE, OrderSide.SELL, at_ms, bar),
        a_fill(Leg.CLOSE, OrderSide.SELL, "2.0394", at_ms, 2, bar),
        a_trade(CloseReason.REVERSE),
        an_intent(Leg.ENTRY, OrderSide.SELL, at_ms, bar, exits="0.04 0.08"),
        a_fill(Leg.ENTRY, OrderSide.SELL, "2.0394", at_ms, 3, bar),
        a_position("2.08", order_id(Leg.ENTRY, bar), bar=T5, side=Side.SHORT),
    )
    ids = (order_id(Leg.ENTRY), order_id(Leg.ENTRY, bar))

    first, second = story_of(
        lambda reader: [explain_trade(reader, each) for each in ids],
        tmp_path,
        *TRAILED[:6],
        *turned,
    )

    assert (first.exit.order.leg, first.exit.reason) == (Leg.CLOSE, CloseReason.REVERSE)
    assert [fill.trade_id for fill in second.fills] == [3]
    assert (second.side, second.exit) == (Side.SHORT, None)


def test_an_entry_filled_in_parts_shows_them(tmp_path):
    parts = (
        a_fill(Leg.ENTRY, OrderSide.BUY, "2.00", T1, 1, quantity=25),
        a_fill(Leg.ENTRY, OrderSide.BUY, "2.04", T1, 2, quantity=75),
    )

    story = trade(tmp_path, TRAILED[1], *parts, TRAILED[5])

    assert [fill.quantity for fill in story.fills] == [25, 75]
    assert (story.size.quantity, story.entry_price) == (100, Decimal("2.03"))


def test_a_position_taken_over_is_told_without_fills_of_ours(tmp_path):
    adopted = order_id(Leg.ADOPTED)
    records = (
        an_intent(Leg.ADOPTED, OrderSide.BUY, exits="0.04 0.08"),
        a_position("1.98", adopted),
        a_fill(Leg.STOP, OrderSide.SELL, "1.98", T5, 9),
        a_trade(trade_id=adopted),
    )

    story = trade(tmp_path, *records, leg=Leg.ADOPTED)

    assert (story.entry_price, story.slippage_bps) == (Decimal("2.02"), None)
    assert story.exit.client_order_id == order_id(Leg.STOP)


def test_an_entry_that_was_never_filled_leads_to_its_bar(tmp_path):
    with pytest.raises(UsageError, match="never filled") as caught:
        trade(tmp_path, *TRAILED[:4])

    assert "cointrader explain 2026-01-03T04:15 --symbol XRPUSDT" in str(caught.value)


def test_an_unknown_trade_is_told_with_the_nearest_ones(tmp_path):
    with pytest.raises(UsageError, match="no trade was opened by this order") as caught:
        story_of(lambda reader: explain_trade(reader, "ct-XRPUSDT-x-e0"), tmp_path, *TRAILED)

    assert f"for example {order_id(Leg.ENTRY)}" in str(caught.value)


def test_an_order_that_is_no_entry_names_no_trade(tmp_path):
    with pytest.raises(UsageError, match="no trade was opened by this order"):
        trade(tmp_path, *TRAILED, leg=Leg.STOP)


def test_trades_are_numbered_as_they_ended(tmp_path):
    earlier = a_trade(entry_ms=T0, exit_ms=T0 + BAR_MS)

    ids = story_of(
        lambda reader: [trade_id_of(reader, number) for number in (1, 2, None)],
        tmp_path,
        a_trade(),
        earlier,
    )

    assert ids == [earlier.trade.trade_id, a_trade().trade.trade_id, a_trade().trade.trade_id]


@pytest.mark.parametrize("number", [0, 2])
def test_a_number_that_no_trade_has_is_told_with_the_range(tmp_path, number):
    with pytest.raises(UsageError, match="no trade of this number") as caught:
        story_of(lambda reader: trade_id_of(reader, number), tmp_path, a_trade())

    assert "1 to 1" in str(caught.value)


def test_the_last_of_no_trades_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no closed trade yet"):
        story_of(lambda reader: trade_id_of(reader, None), tmp_path)
