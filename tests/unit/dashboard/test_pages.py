"""Pages of a real paper run: each answer is of its declared type, and tells what `status` tells."""

from __future__ import annotations

import asyncio
import csv
import io
from decimal import Decimal

import msgspec
import pytest

from cointrader.app.dashboard.site import JournalSite
from cointrader.app.status import read_status
from cointrader.app.summary import summarise
from cointrader.dashboard import answers
from cointrader.dashboard.query import Query
from cointrader.dashboard.routes import ROUTES
from cointrader.dashboard.site import NobodyRuns, NoRun, NotThere
from cointrader.domain.errors import UsageError
from cointrader.domain.order import Side
from cointrader.domain.position import CloseReason
from cointrader.domain.records import (
    Alert,
    BotState,
    Decision,
    EquityMarked,
    PositionOpened,
    RunStarted,
)
from cointrader.journal.reader import JournalReader
from cointrader.journal.sqlite import SqliteJournal
from cointrader.ops.control import Answer, listening

BY_NAME = {route.name: route for route in ROUTES}
PAGES = ("overview", "symbols", "decisions", "reasons", "trades", "costs", "models", "health",
         "alerts")  # fmt: skip
T0 = 1_767_225_600_000
BAR_MS = 900_000


def a_query(name, **given):
    return Query(BY_NAME[name].params, given)


@pytest.fixture(scope="module")
def site(paper_journal):
    made = JournalSite(paper_journal)
    made.prepare()
    yield made
    made.close()


def page(site, name, *path, **given):
    """One answer, as a browser gets it, judged by its type."""
    answer = getattr(site, name)(*path, a_query(name, **given))
    msgspec.json.decode(msgspec.json.encode(answer), type=BY_NAME[name].answer, strict=True)
    return answer


def every(site, name, **given):
    """The rows of all pages of a list."""
    told = page(site, name, **given)
    found = [*getattr(told, name)]
    while told.next:
        told = page(site, name, cursor=told.next, **given)
        found += getattr(told, name)
    return found


@pytest.fixture(scope="module")
def status(paper_journal):
    with JournalReader(paper_journal) as reader:
        return read_status(reader)


@pytest.mark.parametrize("name", PAGES)
def test_every_answer_is_of_the_type_that_is_described(site, name):
    assert isinstance(page(site, name), BY_NAME[name].answer)


# -- overview


def test_the_overview_tells_what_status_tells(site, status):
    told = page(site, "overview")

    assert told.run.phase == "finished"
    assert told.account.wallet == float(status.account.wallet)
    assert told.account.day_loss_ratio == status.account.day_loss_ratio
    assert told.account.max_daily_loss == 0.05
    assert told.trades == status.trades > 0
    assert told.net == pytest.approx(float(status.net))
    assert [row.symbol for row in told.symbols] == ["XRPUSDT", "TRXUSDT", "DOGEUSDT"]
    nets = [float(each.net) for each in status.symbols]
    assert [row.net for row in told.symbols] == pytest.approx(nets)
    assert {row.state for row in told.symbols} == {"ended"}
    assert (told.slots.used, told.slots.most, told.slots.most_same_direction) == (0, 3, 2)
    assert (told.equity_marks, len(told.equity)) == (384, 385)  # and what came after the last mark
    assert told.equity[-1].wallet == float(status.account.wallet)
    newest = [each.trade.trade_id for each in status.last_trades][::-1]
    assert sorted(row.trade_id for row in told.last_trades) == sorted(newest)


def test_nobody_to_give_commands_to_is_told(site):
    told = page(site, "overview")

    assert not told.controls.are_possible
    assert "no process" in told.controls.why_not


def a_run(mode="live", **settings):
    texts = {"MAX_POSITIONS": "3", "MAX_SAME_DIRECTION": "2", "LEVERAGE": "10",
             "MAX_DAILY_LOSS": "0.05", "SLIPPAGE_BPS": "2"}  # fmt: skip
    return RunStarted(T0, mode, "Binance", "default", ("XRPUSDT", "TRXUSDT"), "15m", Decimal(1000),
                      "0.1.0", texts | settings)  # fmt: skip


def a_position(symbol="XRPUSDT", side=Side.LONG):
    return PositionOpened(symbol, f"ct-{symbol}-1", side, Decimal(100), Decimal(2), T0, Decimal(0),
                          Decimal("1.9"), Decimal("2.2"), 2.0)  # fmt: skip


async def a_live_journal(path, *records):
    async with SqliteJournal(path, threaded=False) as journal:
        await journal.commit(a_run(), *records)
    return JournalSite(path, data=path.parent / "no-data")


async def test_an_entry_that_was_refused_is_counted_as_refused(tmp_path):
    def answered(place, action, refusal=""):
        at_ms = T0 + place * BAR_MS
        return Decision("XRPUSDT", at_ms, action, Side.LONG, 4, ("rsi",), refusal)

    site = await a_live_journal(
        tmp_path / "live.db",
        answered(0, "ENTER"),
        answered(1, "REVERSE", "max-positions"),  # which did close what was open
        answered(2, "ENTER", "max-positions"),
        answered(3, "ENTER", "paused"),
    )

    refused = page(site, "decisions", action="REFUSED").decisions
    assert [row.refusal for row in refused] == ["paused", "max-positions"]
    assert [row.refusal for row in page(site, "decisions", action="ENTER").decisions] == [""]
    told = page(site, "reasons")
    assert {row.key: row.count for row in told.actions} == {"REFUSED": 2, "ENTER": 1, "REVERSE": 1}
    assert {row.key: row.count for row in told.refusals} == {"max-positions": 2, "paused": 1}
    assert told.bars == 4


async def test_an_only_position_is_marked_by_what_the_account_says(tmp_path):
    marked = EquityMarked(T0 + BAR_MS, Decimal(1000), Decimal(1005))
    site = await a_live_journal(tmp_path / "live.db", a_position(), marked)

    (row,) = page(site, "overview").positions

    assert row.mark == pytest.approx(2.05)
    assert row.mark_ms == T0 + BAR_MS
    assert row.unrealised == pytest.approx(5)
    assert row.at_stop == pytest.approx(-10)
    assert row.liquidation_price == pytest.approx(1.8, rel=0.02)


async def test_two_positions_of_which_nobody_knows_the_price_have_none(tmp_path):
    marked = EquityMarked(T0 + BAR_MS, Decimal(1000), Decimal(1005))
    site = await a_live_journal(
        tmp_path / "live.db", a_position(), a_position("TRXUSDT", Side.SHORT), marked
    )

    told = page(site, "overview")

    assert [row.mark for row in told.positions] == [None, None]
    assert told.account.unrealised == 5
    assert (told.slots.used, told.slots.long, told.slots.short) == (2, 1, 1)


async def test_a_bot_of_a_process_that_is_gone_is_stopped(tmp_path):
    site = await a_live_journal(tmp_path / "live.db", BotState(T0, "XRPUSDT", "running"))

    assert [row.state for row in page(site, "symbols").symbols] == ["stopped", "unknown"]


# -- symbol


def test_a_chart_has_candles_trades_and_lines_of_its_bars(site, status):
    told = page(site, "symbol", "XRPUSDT", bars="384")

    assert len(told.candles) == 384
    assert told.candles[0].open_ms == told.from_ms == T0
    assert told.candles_from == "synthetic market, seed 1"
    own = next(each for each in status.symbols if each.symbol == "XRPUSDT")
    assert len(told.trades) == own.trades > 0
    for trade in told.trades:
        lines = {line.kind: line for line in told.lines if line.trade_id == trade.trade_id}
        assert set(lines) == {"stop", "target"}
        assert {line.from_ms for line in lines.values()} == {trade.entry_ms}
        assert {line.to_ms for line in lines.values()} == {trade.exit_ms}
        sign = 1 if trade.side == "long" else -1
        assert (lines["target"].price - trade.entry_price) * sign > 0
        assert (trade.entry_price - lines["stop"].price) * sign > 0
    assert [row.bar_open_ms for row in told.decisions] == sorted(
        (row.bar_open_ms for row in told.decisions), reverse=True
    )


def test_entries_lie_on_their_candles(site):
    told = page(site, "symbol", "XRPUSDT", bars="384")
    candles = {candle.open_ms: candle for candle in told.candles}

    for trade in told.trades:
        entered = candles[trade.entry_ms]
        assert trade.entry_price == pytest.approx(entered.open, rel=0.001)


def test_a_part_of_a_chart_ends_where_it_is_told_to(site):
    to_ms = T0 + 200 * BAR_MS

    told = page(site, "symbol", "TRXUSDT", bars="50", to=str(to_ms))

    assert (told.from_ms, told.to_ms) == (to_ms - 50 * BAR_MS, to_ms)
    assert len(told.candles) == len(told.decisions) == 50
    assert told.first_ms == T0


def test_a_symbol_of_nobody_is_not_there(site):
    with pytest.raises(NotThere, match="not traded"):
        page(site, "symbol", "BTCUSDT")


async def test_a_chart_without_candles_says_where_they_would_come_from(tmp_path):
    site = await a_live_journal(tmp_path / "live.db", a_position())

    told = page(site, "symbol", "XRPUSDT")

    assert told.candles == []
    assert "cointrader fetch --symbol XRPUSDT" in told.why_no_candles
    assert [trade.exit_ms for trade in told.trades] == [None]
    assert {line.kind for line in told.lines} == {"stop", "target"}


# -- decisions


def test_decisions_are_told_in_words(site):
    told = page(site, "decisions", reason="below-threshold", symbol="XRPUSDT", limit="5")

    assert len(told.decisions) == 5
    assert {row.gate for row in told.decisions} == {"below-threshold"}
    assert {row.gate_text for row in told.decisions} == {"no side reached a score of 3"}
    assert {row.threshold for row in told.decisions} == {3}


def test_all_pages_of_decisions_are_all_decisions(site, paper_journal):
    found = every(site, "decisions", limit="500")

    with JournalReader(paper_journal) as reader:
        assert len(found) == sum(reader.count_actions().values())
    assert len({(row.symbol, row.bar_open_ms) for row in found}) == len(found)


def test_reasons_add_up(site, paper_journal):
    told = page(site, "reasons", **{"from": "2026-01-01", "to": "2026-02-01"})

    with JournalReader(paper_journal) as reader:
        actions, refusals = reader.count_actions(), reader.count_refusals()
    assert {row.key: row.count for row in told.actions} == actions
    assert {row.key: row.count for row in told.refusals} == refusals
    assert told.bars == sum(actions.values())
    assert sum(row.count for row in told.gates) == actions["HOLD"]


# -- trades


def test_all_pages_of_trades_are_all_trades_and_costs_are_those_of_the_summary(site, paper_journal):
    found = every(site, "trades", limit="3")
    told = page(site, "trades")
    with JournalReader(paper_journal) as reader:
        summary = summarise(reader, ("XRPUSDT", "TRXUSDT", "DOGEUSDT"), Decimal("0.0002"))

    costs = page(site, "costs").total
    assert len(found) == told.count == len(summary.trades)
    assert told.net == pytest.approx(float(summary.net))
    assert costs.slippage == pytest.approx(float(summary.slippage))
    assert costs.fee == pytest.approx(float(summary.fees))
    assert costs.funding == pytest.approx(float(summary.funding))
    assert costs.before_costs - costs.slippage - costs.fee + costs.funding == pytest.approx(
        costs.net
    )
    assert sum(row.slippage or 0 for row in found) == pytest.approx(costs.slippage)


def test_trades_have_their_result_in_units_of_their_risk(site):
    rows = page(site, "trades").trades

    assert all(row.r is not None and (row.r > 0) == (row.net > 0) for row in rows)
    assert {row.reason_text for row in rows if row.reason == CloseReason.STOP} == {"stop hit"}


def test_the_table_has_a_line_for_each_trade(site):
    listed = page(site, "trades", symbol="XRPUSDT")
    rows = list(
        csv.DictReader(io.StringIO(site.trades_csv(a_query("trades_csv", symbol="XRPUSDT"))))
    )

    assert len(rows) == listed.count
    assert {row["symbol"] for row in rows} == {"XRPUSDT"}
    assert sum(Decimal(row["net"]) for row in rows) == pytest.approx(Decimal(repr(listed.net)))


async def test_fills_of_an_exchange_have_no_slippage_that_is_known(tmp_path):
    site = await a_live_journal(tmp_path / "live.db")

    assert "not in the journal" in page(site, "costs").why_no_slippage


# -- the rest


def test_models_that_are_not_there_are_told(site):
    told = page(site, "models")

    assert [model.symbol for model in told.models] == ["XRPUSDT", "TRXUSDT", "DOGEUSDT"]
    assert {(model.identity, model.card, model.drift) for model in told.models} == {(None,) * 3}
    assert {model.probabilities.count for model in told.models} == {0}


async def test_alerts_come_newest_first_in_one_line_each(tmp_path):
    site = await a_live_journal(
        tmp_path / "live.db",
        Alert(T0, "info", "", "first"),
        Alert(T0 + 1, "critical", "XRPUSDT", "second\n  of two lines"),
    )

    told = page(site, "alerts")
    assert [row.text for row in told.alerts] == ["second of two lines", "first"]
    assert [row.text for row in page(site, "alerts", level="info").alerts] == ["first"]


def test_health_without_a_process_tells_of_the_journal(site, paper_journal):
    told = page(site, "health")

    assert told.process is None
    assert told.why_no_process
    assert told.journal.size >= paper_journal.stat().st_size
    assert told.journal.newest_ms == told.run.to_ms


def test_metrics_without_a_process_are_the_dashboards_own(site):
    assert "cointrader_dashboard_process_up 0\n" in site.metrics()


def test_a_page_of_a_journal_that_is_not_there_yet_says_so(tmp_path):
    site = JournalSite(tmp_path / "later.db")

    with pytest.raises(NoRun, match="no run yet"):
        page(site, "overview")
    site.prepare()


async def test_a_journal_without_a_run_says_so(tmp_path):
    async with SqliteJournal(tmp_path / "live.db", threaded=False):
        pass

    with pytest.raises(NoRun):
        page(JournalSite(tmp_path / "live.db"), "health")


async def test_a_query_that_makes_no_sense_is_refused(site):
    with pytest.raises(UsageError):
        page(site, "symbol", "XRPUSDT", bars="5000")


# -- the process


class Process:
    """Answers commands as a running process would."""

    def __init__(self, answer=None) -> None:
        self.heard: list[tuple[str, dict[str, object]]] = []
        self.answer = answer

    async def handle(self, command):
        self.heard.append((command.name, dict(command.arguments)))
        if command.name == "health":
            drift = {"rows": 200, "features": {"rsi": {"missing": 0, "outside": 8}}}
            return Answer(True, (), {"is_fine": True, "drift": {"XRPUSDT": drift}})
        if command.name == "metrics":
            return Answer(True, (), {"text": "cointrader_equity 1000\n"})
        return self.answer or Answer(True, ("done",), {"is_paused": True})


@pytest.mark.parametrize(
    ("action", "symbol", "asked"),
    [
        ("pause", None, ("pause", {"symbols": []})),
        ("resume", None, ("resume", {"symbols": []})),
        ("flatten", None, ("flatten", {"symbols": []})),
        ("flatten", "XRPUSDT", ("flatten", {"symbols": ["XRPUSDT"]})),
        ("reset-kill", "XRPUSDT", ("reset-kill", {"symbols": ["XRPUSDT"]})),
        ("reset-drawdown", None, ("reset-kill", {"symbols": [], "drawdown": True})),
    ],
)
async def test_a_command_is_asked_of_the_process(tmp_path, action, symbol, asked):
    journal, process = tmp_path / "live.db", Process()
    async with listening(journal, process.handle):
        done = await asyncio.to_thread(JournalSite(journal).control, action, symbol)

    assert process.heard == [asked]
    assert done == answers.Done(is_done=True, lines=["done"], values={"is_paused": True})


async def test_what_the_process_could_not_do_is_told(tmp_path):
    journal = tmp_path / "live.db"
    process = Process(Answer(False, ("XRPUSDT: still closing",), {"XRPUSDT": "still closing"}))
    async with listening(journal, process.handle):
        done = await asyncio.to_thread(JournalSite(journal).control, "flatten", None)

    assert not done.is_done
    assert done.lines == ["XRPUSDT: still closing"]


def test_without_a_process_nothing_is_done(tmp_path):
    with pytest.raises(NobodyRuns):
        JournalSite(tmp_path / "live.db").control("pause", None)


async def test_what_the_process_tells_is_shown(tmp_path):
    path = tmp_path / "live.db"
    site = await a_live_journal(path, a_position())
    async with listening(path, Process().handle):
        health = await asyncio.to_thread(page, site, "health")
        models = await asyncio.to_thread(page, site, "models")
        metrics = await asyncio.to_thread(site.metrics)

    assert health.process is not None
    assert health.process["is_fine"] is True
    drift = models.models[0].drift
    assert drift is not None
    assert drift.features[0].outside_share == 0.04
    assert models.models[1].drift is None
    assert metrics.startswith("cointrader_equity 1000\n")
    assert "cointrader_dashboard_process_up 1\n" in metrics


async def test_a_watch_hears_of_commits_and_of_a_journal_that_begins(tmp_path):
    path = tmp_path / "later.db"
    watch = JournalSite(path).watch()
    assert watch.changed() is None

    async with SqliteJournal(path, threaded=False) as journal:
        await journal.commit(a_run())
        first = watch.changed()
        assert first is not None
        assert first["runs"] == 1
        assert watch.changed() is None

        await journal.commit(Alert(T0, "info", "", "hear"))
        second = watch.changed()
        assert second is not None
        assert second["alerts"] == 1
    watch.close()
