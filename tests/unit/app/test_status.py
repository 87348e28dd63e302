"""How a run stands, read from a journal that a test wrote."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from cointrader.app.status import newest_journal, read_status, writer_of
from cointrader.domain.errors import JournalError
from cointrader.domain.order import Side
from cointrader.domain.ports import Account
from cointrader.domain.position import CloseReason, Trade
from cointrader.domain.records import (
    Alert,
    BotState,
    Decision,
    EquityMarked,
    ExchangeState,
    PositionOpened,
    RiskState,
    RunStarted,
    TradeClosed,
)
from cointrader.journal.reader import JournalReader
from cointrader.journal.sqlite import SqliteJournal
from cointrader.risk.standing import Standing
from cointrader.risk.state import StateWriter
from cointrader.risk.switches import Switch

BAR_MS = 900_000
T0 = 1_767_413_700_000  # 2026-01-03 04:15 UTC
SETTINGS = {"MAX_DAILY_LOSS": "0.05", "MAX_DRAWDOWN": "0.3", "DAILY_LOSS_BASIS": "marked"}


def a_run(mode="paper", **settings):
    symbols = ("XRPUSDT", "TRXUSDT")
    texts = SETTINGS | settings
    return RunStarted(T0, mode, "a table", "default", symbols, "15m", Decimal(1000), "0.1.0", texts)


def a_standing(**changes):
    standing = Standing(
        base=Decimal(1000),
        account=Account(Decimal(990), Decimal(980), Decimal(900)),
        day=T0 // 86_400_000,
        day_start=Account(Decimal(1000), Decimal(1000), Decimal(1000)),
        high_water=Decimal(1225),
    )
    return replace(standing, **changes)


def a_state(standing, at_ms=T0 + BAR_MS):
    return RiskState(at_ms, StateWriter().state(standing, {}))


def a_position(symbol="XRPUSDT", stop="1.9600"):
    prices = (Decimal("2.0000"), T0 + BAR_MS, Decimal("0.1"), Decimal(stop), Decimal("2.08"))
    return PositionOpened(symbol, f"ct-{symbol}-1-e0", Side.LONG, Decimal(100), *prices, 2.0)


def a_trade(number=1, net="-4.10", symbol="XRPUSDT"):
    return TradeClosed(
        Trade(
            symbol,
            Side.LONG,
            T0 + number * BAR_MS,
            T0 + (number + 1) * BAR_MS,
            Decimal("2.0000"),
            Decimal("1.9600"),
            Decimal(100),
            CloseReason.STOP,
            Decimal("-4.00"),
            Decimal("0.10"),
            Decimal(0),
            Decimal(net),
            f"ct-{symbol}-{number}-e0",
        )
    )


def written(folder, *records, name="j.db"):
    async def write():
        with SqliteJournal(folder / name, threaded=False) as journal:
            await journal.commit(*records)

    asyncio.run(write())
    return folder / name


def status_of(folder, *records):
    with JournalReader(written(folder, *records)) as reader:
        return read_status(reader)


# ------------------------------------------------------------------ whose and when


def test_a_run_that_has_only_begun_has_its_first_money_and_nothing_else(tmp_path):
    status = status_of(tmp_path, a_run())

    assert (status.starts, status.from_ms, status.to_ms) == (1, T0, T0)
    assert (status.account.wallet, status.account.day_loss) == (Decimal(1000), None)
    assert (status.trades, status.refusals, list(status.last_alerts)) == (0, {}, [])
    assert [(each.symbol, each.bot) for each in status.symbols] == [
        ("XRPUSDT", "unknown"),
        ("TRXUSDT", "unknown"),
    ]


def test_a_journal_without_a_run_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(JournalError, match="tells of no run yet"):
        status_of(tmp_path)


def test_a_journal_started_twice_tells_both_and_the_last_settings(tmp_path):
    status = status_of(tmp_path, a_run(), a_run(MAX_DAILY_LOSS="0.02"))

    assert (status.starts, status.account.max_daily_loss) == (2, 0.02)


@pytest.mark.parametrize(
    ("mode", "state", "phase"),
    [
        ("paper", {"resume_ms": None}, "finished"),
        ("paper", {"resume_ms": T0}, "resumable"),
        ("paper", None, "stopped"),
        ("live", None, "stopped"),
    ],
)
def test_a_run_nobody_writes_is_finished_resumable_or_stopped(tmp_path, mode, state, phase):
    left = [] if state is None else [ExchangeState(T0, state)]

    assert status_of(tmp_path, a_run(mode), *left).phase == phase


def test_a_journal_that_is_written_now_names_the_process(tmp_path):
    path = written(tmp_path, a_run())

    with SqliteJournal(path, threaded=False):
        writer = writer_of(path)
        with JournalReader(path) as reader:
            phase = read_status(reader).phase

    assert writer is not None
    assert (writer.pid, phase) == (os.getpid(), "running")
    assert writer_of(path) is None


def test_looking_for_the_writer_does_not_keep_one_out(tmp_path):
    path = written(tmp_path, a_run())
    writer_of(path)

    with SqliteJournal(path, threaded=False):
        pass


def test_the_newest_journal_is_the_one_written_last(tmp_path):
    for name, age_s in (("a.db", 10), ("b.db", 5), ("c.db", 20)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1_000_000 - age_s, 1_000_000 - age_s))

    assert newest_journal(tmp_path).name == "b.db"


def test_recent_writing_may_still_be_in_the_file_beside_the_journal(tmp_path):
    for name, age_s in (("a.db", 30), ("a.db-wal", 1), ("b.db", 5)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1_000_000 - age_s, 1_000_000 - age_s))

    assert newest_journal(tmp_path).name == "a.db"


def test_a_folder_without_a_journal_is_told_with_what_to_do(tmp_path):
    with pytest.raises(JournalError, match="no journal yet"):
        newest_journal(tmp_path / "journals")


# ------------------------------------------------------------------ money


def test_loss_and_drawdown_are_measured_as_the_limits_measure_them(tmp_path):
    account = status_of(tmp_path, a_run(), a_state(a_standing())).account

    assert (account.wallet, account.equity, account.unrealised) == (990, 980, -10)
    assert (account.day_start, account.day_loss, account.day_loss_ratio) == (1000, 20, 0.02)
    assert (account.max_daily_loss, account.max_drawdown) == (0.05, 0.3)
    assert (account.drawdown_ratio, account.is_day_halted) == (0.2, False)


def test_a_loss_counted_in_the_wallet_leaves_open_positions_out(tmp_path):
    run = a_run(DAILY_LOSS_BASIS="realised", MAX_DAILY_LOSS="0.01", MAX_DRAWDOWN="off")

    account = status_of(tmp_path, run, a_state(a_standing())).account

    assert (account.day_loss, account.is_day_halted, account.max_drawdown) == (10, True, None)


def test_a_latched_day_stays_halted_whatever_the_equity(tmp_path):
    rich = Account(Decimal(2000), Decimal(2000), Decimal(2000))

    standing = a_standing(account=rich, is_day_latched=True)

    assert status_of(tmp_path, a_run(), a_state(standing)).account.is_day_halted


def test_research_on_single_trades_has_no_limits(tmp_path):
    account = status_of(tmp_path, a_run(SIZING="fixed:1000"), a_state(a_standing())).account

    assert (account.max_daily_loss, account.max_drawdown) == (None, None)


def test_a_bar_after_the_last_state_knows_the_money_better(tmp_path):
    later = EquityMarked(T0 + 5 * BAR_MS, Decimal(950), Decimal(940))

    status = status_of(tmp_path, a_run(), a_state(a_standing()), later)

    assert (status.account.wallet, status.account.equity) == (950, 940)
    assert status.to_ms == T0 + 5 * BAR_MS


def test_open_risk_is_what_is_lost_from_here_to_every_stop(tmp_path):
    records = (a_run(), a_position(), a_state(a_standing()))

    # unrealised -10; at its stop this position has lost 4: nothing more than that is at risk
    assert status_of(tmp_path, *records).account.open_risk == 0
    even = a_standing(account=Account(Decimal(990), Decimal(990), Decimal(900)))
    assert status_of(tmp_path, a_state(even)).account.open_risk == 4


def test_everything_that_stands_against_entries_is_there(tmp_path):
    standing = a_standing(
        is_paused=True,
        is_drawdown_halted=True,
        unknown=("TRXUSDT",),
        switches={"XRPUSDT": Switch(8, (), True, False)},
        refusals=Counter({"paused": 2}),
        halted_days=3,
    )

    status = status_of(tmp_path, a_run(), a_state(standing))

    account = status.account
    assert (account.is_paused, account.is_drawdown_halted, account.halted_days) == (True, True, 3)
    assert account.unknown_results == ("TRXUSDT",)
    assert [each.kill_switches for each in status.symbols] == [("kill-fast",), ()]


# ------------------------------------------------------------------ symbols


def test_a_symbol_has_its_bot_position_last_decision_and_result(tmp_path):
    status = status_of(
        tmp_path,
        a_run(),
        BotState(T0, "XRPUSDT", "quarantined", "KeyError:\n 1"),
        a_position("TRXUSDT"),
        Decision("TRXUSDT", T0, "HOLD", None, 1, ("ema+1", "below-threshold")),
        Decision("TRXUSDT", T0 + BAR_MS, "ENTER", Side.LONG, 3, (), "margin", "none is free"),
        a_trade(net="-4.10"),
        a_trade(3, net="5.10"),
    )

    xrp, trx = status.symbols
    assert (xrp.bot, xrp.detail, xrp.trades, xrp.net) == (
        "quarantined",
        "KeyError: 1",
        2,
        Decimal("1.00"),
    )
    assert trx.position == a_position("TRXUSDT")
    assert trx.last_decision is not None
    assert (trx.last_decision.refusal, status.refusals) == ("margin", {"margin": 1})


@pytest.mark.parametrize("state", ["running", "crashed"])
def test_a_bot_whose_process_is_gone_is_stopped(tmp_path, state):
    status = status_of(tmp_path, a_run(), BotState(T0, "XRPUSDT", state))

    assert status.symbols[0].bot == "stopped"


def test_the_last_five_trades_and_alerts_are_shown_with_their_numbers(tmp_path):
    trades = [a_trade(number) for number in range(1, 8)]
    alerts = [Alert(T0 + number, "warning", "", f"alert {number}") for number in range(1, 8)]
    first = PositionOpened(
        "XRPUSDT",
        "ct-XRPUSDT-7-e0",
        Side.LONG,
        Decimal(100),
        Decimal("2.0000"),
        T0 + 7 * BAR_MS,
        Decimal("0.05"),
        Decimal("1.9590"),
        Decimal("2.08"),
        2.0,
    )

    status = status_of(tmp_path, a_run(), first, *trades, *alerts)

    assert [each.number for each in status.last_trades] == [3, 4, 5, 6, 7]
    assert [each.r for each in status.last_trades] == [None, None, None, None, -1.0]
    assert [alert.text for alert in status.last_alerts] == [f"alert {n}" for n in range(3, 8)]
    assert (status.trades, status.net) == (7, Decimal("-28.70"))
