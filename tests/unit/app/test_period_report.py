"""A report on a journal that a test wrote, and as a person types it."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from dataclasses import replace
from decimal import Decimal

import pytest

from cointrader.app.config import Config
from cointrader.app.period.facts import read_period
from cointrader.app.period.json import document
from cointrader.app.period.models import period_models
from cointrader.app.period.page import render
from cointrader.app.period.report import period_report
from cointrader.app.period.span import WEEK, span_named
from cointrader.app.period.switches import switch_distances
from cointrader.app.period.words import chat_lines, report_lines
from cointrader.app.verdict.kept import default_path, keep_verdict
from cointrader.cli.main import main
from cointrader.domain.errors import DataError, JournalError
from cointrader.domain.order import (
    Fill,
    Leg,
    OrderKind,
    OrderReport,
    OrderSide,
    OrderStatus,
    Side,
)
from cointrader.domain.position import CloseReason, Trade
from cointrader.domain.records import (
    Alert,
    Decision,
    EquityMarked,
    FillSeen,
    Intent,
    OrderSeen,
    PositionOpened,
    RiskEvent,
    RiskState,
    RunStarted,
    TradeClosed,
)
from cointrader.journal.reader import JournalReader
from cointrader.journal.sqlite import SqliteJournal
from cointrader.model.manifest import Manifest
from cointrader.risk.standing import Standing
from cointrader.risk.state import StateWriter
from cointrader.risk.switches import Switch
from tests.unit.ops.chat_server import Chat, serving, status
from tests.unit.verdicts import an_edge

D = Decimal
BAR, DAY = 900_000, 86_400_000
MONDAY = 1_767_571_200_000  # 2026-01-05 00:00 UTC, the first day of 2026-W02
NOW = MONDAY + 9 * DAY
XRP, TRX = "XRPUSDT", "TRXUSDT"
CONFIG = Config(overrides={"symbols": f"{XRP},{TRX}"}, environ={}, folder="/nonexistent")


def a_run(at_ms=MONDAY - DAY, mode="paper", source=None, **settings):
    told = CONFIG.shown() | settings
    market = "candles of a folder"
    run = RunStarted(at_ms, mode, market, "default", (XRP, TRX), "15m", D(1000), "0.1.0", told)
    return replace(run, source=source or {})


def a_trade(number, net, symbol=XRP, probability=None, risk="10", reason=CloseReason.STOP):
    """A trade of `net` that risked `risk`, decided, opened and closed; one every two hours."""
    decided = MONDAY + number * 8 * BAR
    order = f"ct-{symbol}-{number}-e0"
    quantity, net = D(100), D(net)
    gross = net + D("0.2") - D("0.05")
    prices = (D("2.0"), D("2.0") + gross / quantity, quantity)
    stop = D("2.0") - D(risk) / quantity
    closed = Trade(symbol, Side.LONG, decided + BAR, decided + 4 * BAR, *prices, reason, gross,
                   D("0.2"), D("0.05"), net, order)  # fmt: skip
    opened = (Side.LONG, quantity, D("2.0"), decided + BAR, D("0.1"), stop, D("2.4"))
    return [
        Decision(symbol, decided, "ENTER", Side.LONG, 4, (), probability=probability),
        PositionOpened(symbol, order, *opened, 2.0),
        FillSeen(
            Fill(
                symbol,
                2 * number + 1,
                order,
                OrderSide.BUY,
                D("2.0"),
                quantity,
                D("0.1"),
                decided + BAR,
            )
        ),
        TradeClosed(closed),
    ]


def some_trades(nets, **more):
    return [record for i, net in enumerate(nets) for record in a_trade(i, net, **more)]


def marks(*equities, step=DAY):
    return [
        EquityMarked(MONDAY - BAR + i * step, D(value), D(value))
        for i, value in enumerate(equities)
    ]


def written(folder, *records, name="j.db"):
    async def write():
        with SqliteJournal(folder / name, threaded=False) as journal:
            await journal.commit(*records)

    asyncio.run(write())
    return folder / name


THE_WEEK = span_named(WEEK, "2026-W02", now_ms=NOW)


def report_of(folder, *records, **more):
    with JournalReader(written(folder, *records)) as reader:
        return period_report(reader, THE_WEEK, now_ms=NOW, verdicts=folder, **more)


def expect(folder, config=CONFIG, **measures):
    kept = an_edge(config, end_ms=MONDAY - 5 * DAY, **measures)
    keep_verdict(kept, default_path(kept.verdict.subject.configuration, folder))


# ------------------------------------------------------------------ what is counted


def test_only_what_ended_in_the_week_counts_and_costs_add_up(tmp_path):
    late = a_trade(7 * 12 + 1, "77")  # two hours after the week
    found = report_of(tmp_path, a_run(), *some_trades(["20", "-10", "-5"]), *late)

    assert (found.total.trades, found.total.wins, found.total.net) == (3, 1, 5.0)
    assert found.total.mean_r == pytest.approx((2 - 1 - 0.5) / 3)
    assert found.total.profit_factor == pytest.approx(20 / 15)
    costs = found.facts.costs
    assert (costs.gross, costs.fees, costs.funding, costs.net) == (
        D("5.45"), D("0.6"), D("0.15"), D(5),
    )  # fmt: skip
    assert costs.net == costs.gross - costs.fees + costs.funding
    assert [(line.name, line.trades) for line in found.symbols] == [(XRP, 3), (TRX, 0)]


def test_simulated_slippage_is_told_of_every_fill(tmp_path):
    found = report_of(tmp_path, a_run(SLIPPAGE_BPS="2"), *some_trades(["1"]))

    costs = found.facts.costs
    assert (costs.fills, costs.slipped_fills) == (1, 1)
    assert costs.slippage == pytest.approx(D("200") - D("200") / D("1.0002"))


def a_stop_that_filled(price):
    bar = MONDAY + BAR
    order = f"ct-{XRP}-9-s0"
    quantity = D(100)
    return [
        Intent(order, XRP, bar, Leg.STOP, OrderSide.SELL, OrderKind.STOP_MARKET, None, D("1.9"),
               bar),
        FillSeen(Fill(XRP, 9, order, OrderSide.SELL, D(price), quantity, D("0.1"), bar + 5)),
    ]  # fmt: skip


@pytest.mark.parametrize(("price", "cost"), [("1.89", "1.00"), ("1.9", "0.0"), ("1.91", "-1.00")])
def test_on_a_real_exchange_a_stop_is_held_against_its_trigger(tmp_path, price, cost):
    run = a_run(mode="testnet")
    found = report_of(tmp_path, run, *some_trades(["1"]), *a_stop_that_filled(price))

    costs = found.facts.costs
    assert (costs.slippage, costs.slipped_fills, costs.fills) == (D(cost), 1, 2)


def test_equity_by_day_leaves_deposits_out(tmp_path):
    deposit = RiskEvent(MONDAY + DAY + 1, "deposit", detail="500")
    found = report_of(tmp_path, a_run(), *marks("1000", "1010", "1490", "1500"), deposit)

    assert [day.change for day in found.days] == [10, -20, 10]
    assert found.max_drawdown_ratio == pytest.approx(20 / 1010)
    assert (found.start_equity, found.end_equity) == (1000, 1500)


def an_order(leg, status, at_ms):
    return OrderSeen(
        OrderReport(f"ct-{XRP}-0-{leg}0", XRP, OrderSide.SELL, OrderKind.STOP_MARKET, status, at_ms)
    )


@pytest.mark.parametrize(("wait_ms", "late"), [(800, 0), (5_000, 0), (5_001, 1)])
def test_time_without_a_stop_is_from_the_fill_to_the_resting_stop(tmp_path, wait_ms, late):
    stop = an_order("s", OrderStatus.NEW, MONDAY + BAR + wait_ms)
    again = an_order("s", OrderStatus.NEW, MONDAY + BAR + 99_000)
    found = report_of(tmp_path, a_run(), *some_trades(["1", "2"]), stop, again)

    kept = found.facts.protection
    assert (kept.positions, kept.known, kept.seconds, kept.late) == (2, 1, wait_ms / 1000, late)


def test_a_position_closed_for_want_of_a_stop_is_told(tmp_path):
    lost = a_trade(0, "-1", reason=CloseReason.UNPROTECTED)

    assert report_of(tmp_path, a_run(), *lost).facts.protection.lost == 1


def test_refusals_halts_and_alerts_are_those_of_the_week(tmp_path):
    refused = [
        Decision(XRP, at, "HOLD", Side.LONG, 4, (), refusal="open-risk")
        for at in (MONDAY, MONDAY + BAR, MONDAY + 8 * DAY)
    ]
    events = [RiskEvent(at, "halted", "", "daily-loss") for at in (MONDAY - 1, MONDAY + 1)]
    alerts = [Alert(at, "critical", XRP, "a test") for at in (MONDAY, MONDAY + 7 * DAY)]

    facts = report_of(tmp_path, a_run(), *refused, *events, *alerts).facts

    assert (facts.refusals, facts.signals, facts.decisions) == ({"open-risk": 2}, 2, 2)
    assert [len(facts.halts), len(facts.alerts)] == [1, 1]


def test_a_week_that_is_only_partly_known_says_how_much(tmp_path):
    run = a_run(at_ms=MONDAY + 2 * DAY)
    found = report_of(tmp_path, run, EquityMarked(MONDAY + 4 * DAY - BAR, D(1), D(1)))

    assert found.facts.known_days == pytest.approx(2.0)
    assert len(found.days) == 2


# ------------------------------------------------------------------ expectation


def test_without_a_verdict_there_is_nothing_to_compare_with(tmp_path):
    found = report_of(tmp_path, a_run(), *some_trades(["1"]))

    assert (found.expectation, found.compared) == (None, [])
    assert "there is no verdict on this configuration" in found.sentence


def test_few_trades_are_held_against_the_share_of_winners(tmp_path):
    expect(tmp_path, mean_r=0.2, win_ratio=0.5, trades=52.0 * 3, days=364.0)
    lost = some_trades(["-10", "-10", "-10", "-10", "-10", "-10"])

    found = report_of(tmp_path, a_run(), *lost, *marks("1000", *["990"] * 7))

    by_name = {each.name: each for each in found.compared}
    winners, count = by_name["share of winners"], by_name["trades"]
    assert by_name["mean result of a trade"].chance is None
    assert (winners.chance.so_low, winners.chance.is_inside) == (pytest.approx(1 / 64), False)
    assert (count.expected.value, count.chance.is_inside) == (pytest.approx(3.0, rel=0.02), True)
    assert found.sentence == "What happened is outside of what was expected: share of winners."


@pytest.mark.parametrize(("mean_r", "is_inside"), [(0.1, True), (1.5, False)])
def test_many_trades_are_held_against_the_mean(tmp_path, mean_r, is_inside):
    expect(tmp_path, mean_r=mean_r, profit_factor=1.2, win_ratio=0.4)
    nets = ["15", "-10", "-10", "20", "-10"] * 8

    found = report_of(tmp_path, a_run(), *some_trades(nets))

    mean = found.compared[0]
    assert (mean.seen, mean.chance.is_inside) == (pytest.approx(0.1), is_inside)
    assert mean.chance.method == "block bootstrap"


def test_trades_of_a_halted_account_are_no_expectation_of_trades(tmp_path):
    expect(tmp_path, trades=365.0)

    found = report_of(tmp_path, a_run(), *some_trades(["1"]))

    assert found.expectation.trades_per_week == pytest.approx(7.0)
    assert not found.expectation.of_account


@pytest.mark.parametrize(
    ("other", "is_found"),
    [({"taker_fee": 0.0004}, True), ({"atr_sl_mult": 2.0}, False), ({"leverage": 3}, False)],
)
def test_a_verdict_on_another_fee_counts_and_says_so(tmp_path, other, is_found):
    expect(tmp_path, CONFIG.replace(**other), win_ratio=0.5)

    found = report_of(tmp_path, a_run(mode="live"), *some_trades(["1"]))

    assert (found.expectation is not None) is is_found
    if found.expectation is not None:
        assert "with other settings: TAKER_FEE 0.0004, now 0.0005" in found.expectation.source


def test_a_verdict_that_was_named_and_is_none_is_an_error(tmp_path):
    with pytest.raises(DataError, match="verdict cannot be read"):
        report_of(tmp_path, a_run(), verdict=tmp_path / "none.json")


# ------------------------------------------------------------------ kill switches and models


def distances(*nets, running=0, **settings):
    standing = Standing(switches={XRP: Switch(running, tuple(map(float, nets)))})
    return switch_distances(a_run(**settings), standing)[0]


@pytest.mark.parametrize(
    ("nets", "running", "to_fast", "to_slow"),
    [
        ((), 0, 8, None),
        ((-1,) * 3, 3, 5, 12),  # 15 trades are needed before it judges
        ((2, -1) * 7, 1, 7, 6),  # then 4 won 2 each and 11 lost 1: 8 / 11 is below 0.75
        ((1, 1, 1), 0, 8, None),
        ((-1,) * 15, 15, 0, 0),
    ],
)
def test_the_way_to_the_kill_switches_is_told_in_losses(nets, running, to_fast, to_slow):
    found = distances(*nets, running=running)

    assert (found.losses_to_fast, found.losses_to_slow) == (to_fast, to_slow)


def test_switches_are_on_where_the_symbols_own_setting_says_so():
    found = switch_distances(a_run(KILL_FAST="false", KILL_FAST_XRPUSDT="true"), Standing())

    assert [each.is_fast_on for each in found] == [True, False]


def a_manifest(folder, trained_to_ms, **metrics):
    manifest = Manifest(
        backend="lgbm", symbol=XRP, interval="15m", features=("rsi",), features_version=1,
        threshold=0.5, rule="score", trained_from_ms=0, trained_to_ms=trained_to_ms, made_ms=1,
        data_hash="d" * 64, rows=100, sha256="a" * 64, version="0.1.0", metrics=metrics,
    )  # fmt: skip
    (folder / XRP.lower()).mkdir(parents=True)
    (folder / XRP.lower() / "lgbm_filter.json").write_bytes(manifest.as_json())
    return manifest


def models_of(folder, identity, trades=(), signals=()):
    source = {"models": str(folder), "model": f"{XRP}={identity}"}
    return period_models(
        source,
        [XRP, TRX],
        trades,
        lambda symbol, from_ms: sum(at >= from_ms for at in signals if symbol == XRP),
        now_ms=NOW,
    )


def test_an_old_model_is_a_reason_to_retrain(tmp_path):
    manifest = a_manifest(tmp_path, NOW - 31 * DAY, auc=0.6, auc_low=0.55, auc_high=0.65)

    (model,) = models_of(tmp_path, manifest.identity, signals=[NOW - 40 * DAY, NOW - DAY])

    assert (model.age_days, model.signals_since, model.trained_auc) == (31, 1, (0.6, 0.55, 0.65))
    assert model.reasons == ("it learned from candles that ended 31 days ago",)


def test_a_model_that_ranks_live_trades_worse_than_in_training_is_one(tmp_path):
    manifest = a_manifest(tmp_path, NOW - DAY, auc=0.7, auc_low=0.65, auc_high=0.75)
    run = a_run(source={"models": str(tmp_path), "model": f"{XRP}={manifest.identity}"})
    records = [
        record
        for i in range(60)
        for record in a_trade(i, "1" if i % 2 else "-1", probability=0.6 if i % 2 else 0.9)
    ]

    (model,) = report_of(tmp_path, run, *records).models

    assert model.live.trades == 60
    assert model.live.auc == 0.0
    assert len(model.reasons) == 2


@pytest.mark.parametrize(("identity", "is_model"), [("none", False), ("lgbm:other", True)])
def test_a_model_that_is_not_there_any_more_has_no_age(tmp_path, identity, is_model):
    a_manifest(tmp_path, NOW)

    (model,) = models_of(tmp_path, identity)

    assert (model.is_model, model.age_days, model.reasons) == (is_model, None, ())


# ------------------------------------------------------------------ told


@pytest.fixture
def told(tmp_path):
    expect(tmp_path, mean_r=0.1, profit_factor=1.2, win_ratio=0.4)
    hostile = Alert(MONDAY + 5, "warning", XRP, "</script><script>alert(1)</script>")
    halt = RiskEvent(MONDAY + 9, "halted", "", "daily-loss", "5.1 %")
    refused = Decision(TRX, MONDAY, "HOLD", Side.LONG, 4, (), refusal="open-risk")
    nets = ["15", "-10", "-10", "20", "-10"] * 8
    course = marks("1000", "1010", "990", "1030", "1020", "1040", "1035", "1050")
    return report_of(tmp_path, a_run(), *some_trades(nets), *course, hostile, halt, refused)


def test_the_page_has_every_part_and_asks_nobody(told):
    page = render(told)

    assert [title for title in ("expectation", "equity", "results", "costs", "refusals", "safety",
                                "models") if f'id="{title}"' not in page] == []  # fmt: skip
    assert '<meta name="generator" content="cointrader' in page
    assert page.count('class="histogram"') == 2
    assert "<script>alert(1)" not in page
    assert re.findall(r'(?:src|href)="(?!https://www\.tradingview\.com/)', page) == []
    assert "{{" not in page.split("<script>")[0]


def test_words_and_values_tell_the_same(told):
    lines = "\n".join(report_lines(told))
    values = json.loads(json.dumps(document(told), allow_nan=False))

    assert values["total"]["trades"] == 40
    assert "40 trades, 16 won, +0.100 R each" in lines
    assert "What happened is" in lines
    assert values["compared"][0]["method"] == "block bootstrap"
    assert (values["refusals"], len(values["halts"]), len(values["days"])) == (
        {"open-risk": 1},
        1,
        7,
    )


def test_a_chat_is_told_a_few_lines_whatever_the_number_of_symbols(told):
    many = [replace(told.total, name=f"S{i:02}USDT", net=float(i)) for i in range(40)]

    lines = chat_lines(replace(told, symbols=many))

    assert len(lines) == len(chat_lines(told))
    assert sum(map(len, lines)) < 2_000
    assert any("S39USDT +39.00 in 40" in line and "and 30 more symbols" in line for line in lines)


def test_a_week_without_a_trade_is_told_too(tmp_path):
    found = report_of(tmp_path, a_run(), *marks("1000", "1000"))

    assert "No trade ended in this time" in render(found)
    assert "no trade" in "\n".join(report_lines(found))
    assert json.loads(json.dumps(document(found)))["total"]["mean_r"] is None


# ------------------------------------------------------------------ as a person types it


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISCORD_WEBHOOK_URL", raising=False)
    return tmp_path


def asked(capsys, *arguments):
    capsys.readouterr()
    code = main(["report", *arguments])
    return (code, *capsys.readouterr())


def a_journal(folder):
    return str(written(folder, a_run(), *some_trades(["20", "-10"]), *marks(*["1000"] * 12)))


def test_the_last_week_that_is_over_is_told_and_written(home, capsys):
    code, out, err = asked(capsys, "--week", "--journal", a_journal(home), "--out", "w.html")

    assert (code, "the report is in w.html" in err) == (0, True)
    assert out.startswith("week 2026-W02, paper")
    assert (home / "w.html").read_text().startswith("<!doctype html>")


def test_machines_are_told_one_document(home, capsys):
    code, out, _ = asked(
        capsys, "--month", "--of", "2026-01", "--json", "--journal", a_journal(home)
    )

    assert (code, json.loads(out)["period"]["name"]) == (0, "2026-01")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (
            ["--week", "--of", "2025-W40"],
            3,
            "nothing happened in week 2025-W40: its journal begins",
        ),
        (["--week", "--of", "2026-W30"], 2, "has not begun yet"),
        (["--week", "--of", "yesterday"], 2, "no week"),
        (["--month", "--of", "2026-W02"], 2, "no month"),
        ([], 2, "exactly one of --week and --month"),
        (["--week", "--month"], 2, "exactly one of --week and --month"),
        (["--week", "--discord"], 2, "DISCORD_WEBHOOK_URL"),
        (["--week", "--out", "no/folder/x.html"], 2, "no such folder\n  where: --out"),
        (["--week", "--verdict", "none.json"], 1, "verdict cannot be read"),
    ],
)
def test_bad_input_is_one_clear_message(home, capsys, arguments, code, words):
    found, out, err = asked(capsys, *arguments, "--journal", a_journal(home))

    assert (found, out) == (code, "")
    assert words in err
    assert "Traceback" not in err


def test_journals_that_cannot_be_told_of_are_refused(home, capsys):
    empty = str(written(home, name="empty.db"))
    strange = a_journal(home)
    with sqlite3.connect(strange) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()

    for path, words in (
        (empty, "tells of no run yet"),
        (strange, "written by a newer cointrader"),
        ("none.db", "there is no such journal"),
    ):
        code, out, err = asked(capsys, "--week", "--journal", path)
        assert (code, out, words in err) == (1, "", True), err


@pytest.mark.parametrize(("answer", "code"), [(status(204), 0), (status(404), 1)])
def test_its_few_lines_are_posted_to_discord(home, capsys, monkeypatch, answer, code):
    with serving(Chat(always=answer)) as chat:
        monkeypatch.setenv("DISCORD_WEBHOOK_URL", chat.url)
        found, _, err = asked(capsys, "--week", "--discord", "--journal", a_journal(home))

    assert found == code, err
    assert len(chat.bodies) == 1
    assert "week 2026-W02" in json.dumps(chat.bodies[0])
    assert chat.url not in err


def test_a_journal_without_a_run_has_no_period(tmp_path):
    with (
        JournalReader(written(tmp_path)) as reader,
        pytest.raises(JournalError, match="tells of no run"),
    ):
        read_period(reader, THE_WEEK)


def test_the_state_of_the_switches_is_read_from_the_journal(tmp_path):
    standing = Standing(switches={XRP: Switch(3, (-1.0,) * 3)})
    state = RiskState(MONDAY, StateWriter().state(standing, {}))

    found = report_of(tmp_path, a_run(), state, *some_trades(["1"]))

    assert [each.losses_running for each in found.switches] == [3, 0]
