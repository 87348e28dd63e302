"""What is measured: each record's number, and that there is an end to labels."""

from __future__ import annotations

import json
import math
import time
from decimal import Decimal

import pytest

from cointrader.domain.order import Leg, OrderSide, OrderStatus
from cointrader.domain.records import BotState, EquityMarked
from cointrader.ops.metrics import Metrics
from tests.unit.ops.metered import (
    BAR_MS,
    NOON,
    XRP,
    HandClock,
    a_decision,
    a_fill,
    a_position,
    a_trade,
    an_intent,
    an_order,
    everything,
    metrics_of,
    samples_of,
    value,
)


def test_a_decision_is_counted_and_its_delay_and_probability_observed():
    clock = HandClock(NOON + BAR_MS + 40)

    metrics = metrics_of(a_decision(probability=0.62), clock=clock)

    assert value(metrics, "decisions_total", symbol=XRP, action="ENTER") == 1
    assert value(metrics, "decision_latency_seconds_sum") == pytest.approx(0.04)
    assert value(metrics, "decision_latency_seconds_bucket", le="0.02") == 0
    assert value(metrics, "decision_latency_seconds_bucket", le="0.05") == 1
    assert value(metrics, "model_probability_bucket", symbol=XRP, le="0.6") == 0
    assert value(metrics, "model_probability_bucket", symbol=XRP, le="0.7") == 1


def test_a_bar_that_was_missed_is_counted_and_is_no_delay():
    metrics = metrics_of(a_decision(), clock=HandClock(NOON + 3 * BAR_MS))

    assert value(metrics, "decisions_total", symbol=XRP, action="ENTER") == 1
    assert value(metrics, "decision_latency_seconds_count") == 0


def test_a_refusal_is_counted_by_its_reason():
    metrics = metrics_of(a_decision(refusal="daily-loss"), a_decision(refusal="daily-loss"))

    assert value(metrics, "refusals_total", reason="daily-loss") == 2


def test_an_order_is_counted_once_it_has_ended_and_timed_until_its_first_word():
    metrics = metrics_of(
        an_intent(Leg.STOP),
        an_order(Leg.STOP, OrderStatus.NEW),
        an_order(Leg.STOP, OrderStatus.CANCELED),
        an_order(Leg.STOP, OrderStatus.CANCELED),
    )

    assert value(metrics, "orders_total", leg="stop", outcome="canceled") == 1
    assert value(metrics, "order_latency_seconds_count", leg="stop") == 1
    assert 0 <= value(metrics, "order_latency_seconds_sum", leg="stop") < 1


def test_refused_orders_are_counted_apart():
    metrics = metrics_of(an_intent(), an_order(status=OrderStatus.REJECTED))

    assert value(metrics, "orders_total", leg="entry", outcome="rejected") == 1
    assert value(metrics, "orders_rejected_total") == 1


def test_the_state_of_a_bot_is_one_of_several_and_blocked_entries_are_another_matter():
    metrics = metrics_of(
        BotState(NOON, XRP, "running"),
        BotState(NOON, XRP, "crashed"),
        BotState(NOON, XRP, "unprotected"),
    )

    assert value(metrics, "bot_state", symbol=XRP, state="running") == 0
    assert value(metrics, "bot_state", symbol=XRP, state="crashed") == 1
    assert value(metrics, "bot_crashes_total", symbol=XRP) == 1
    assert value(metrics, "entries_blocked", symbol=XRP) == 1
    metrics.hear(BotState(NOON, XRP, "protected"))
    assert value(metrics, "entries_blocked", symbol=XRP) == 0


def test_equity_is_unknown_and_not_nothing_before_it_is_known():
    metrics = metrics_of()
    assert math.isnan(value(metrics, "equity"))

    metrics.hear(EquityMarked(NOON, Decimal(1000), Decimal(1003)))
    assert value(metrics, "equity") == 1003
    assert value(metrics, "wallet") == 1000


def test_a_position_has_a_side_until_its_trade_is_closed():
    metrics = metrics_of(a_position())
    assert value(metrics, "position_side", symbol=XRP) == 1

    metrics.hear(a_trade())
    assert value(metrics, "position_side", symbol=XRP) == 0
    assert value(metrics, "trades_total", symbol=XRP, reason="TP") == 1
    assert value(metrics, "trades_net", symbol=XRP) == 3.95


def test_time_without_a_stop_is_counted_from_the_first_fill_to_the_stops_first_word():
    metrics = metrics_of(a_fill())
    metrics.digest()
    time.sleep(0.05)
    assert value(metrics, "unprotected", symbol=XRP) == 1
    metrics.hear(an_order(Leg.STOP, OrderStatus.NEW))

    bare = value(metrics, "unprotected_seconds_total", symbol=XRP)
    assert bare >= 0.05
    assert value(metrics, "unprotected", symbol=XRP) == 0
    time.sleep(0.02)
    assert value(metrics, "unprotected_seconds_total", symbol=XRP) == bare


def test_a_stop_that_vanishes_leaves_the_position_bare_and_one_that_is_hit_does_not():
    bought = [a_fill(), an_order(Leg.STOP, OrderStatus.NEW)]
    vanished = metrics_of(*bought, an_order(Leg.STOP, OrderStatus.CANCELED))
    hit = metrics_of(*bought, an_order(Leg.STOP, OrderStatus.TRIGGERED))
    moved = metrics_of(
        *bought, an_order(Leg.TRAIL, OrderStatus.NEW), an_order(Leg.STOP, OrderStatus.CANCELED)
    )
    sold = metrics_of(
        *bought, a_fill(Leg.CLOSE, OrderSide.SELL), an_order(Leg.STOP, OrderStatus.CANCELED)
    )

    assert value(vanished, "unprotected", symbol=XRP) == 1
    for fine in (hit, moved, sold):
        assert value(fine, "unprotected", symbol=XRP) == 0


def test_a_position_of_before_the_start_is_not_called_bare():
    assert value(metrics_of(a_position()), "unprotected", symbol=XRP) == 0


def test_labels_have_an_end():
    metrics = metrics_of(
        *(a_decision(symbol=f"X{number}USDT") for number in range(500)),
        *(a_decision(refusal=f"reason-{number}") for number in range(500)),
    )

    samples = samples_of(metrics)

    assert value(metrics, "decisions_total", symbol="other", action="ENTER") == 500
    reasons = [labels for name, labels in samples if name == "cointrader_refusals_total"]
    assert len(reasons) == 41
    assert sum(samples["cointrader_refusals_total", labels] for labels in reasons) == 500
    assert len(samples) < 400


def test_what_is_never_asked_for_does_not_grow():
    metrics = metrics_of()
    for _ in range(60_000):
        metrics.hear(a_decision())

    assert value(metrics, "decisions_total", symbol=XRP, action="ENTER") == 50_000


def test_a_hundred_symbols_fit_into_an_answer_of_the_control_socket():
    symbols = [f"SYMBOL{number:03}USDT" for number in range(100)]
    metrics = Metrics(HandClock(), interval_ms=BAR_MS, symbols=symbols)
    for symbol in symbols:
        for action in ("HOLD", "ENTER", "EXIT", "REVERSE"):
            metrics.hear(a_decision(symbol, action, probability=0.5))
        metrics.hear(BotState(NOON, symbol, "running"))

    assert len(json.dumps({"text": metrics.text()})) < 1 << 19  # half of what may be


def test_every_family_has_words_for_people():
    text = everything().text()

    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert all(name.startswith("cointrader_") for name in names)
    assert text.count("# HELP") == len(names) == len(set(names))
