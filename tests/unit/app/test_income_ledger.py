"""The ledger of a small exchange that a test serves, and of journals; and as a person types it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sqlite3
import time
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from aiohttp import web

from cointrader.app.income.account import State
from cointrader.app.income.file import read_kept
from cointrader.app.income.ledger import ledger_of_exchange, ledger_of_journal
from cointrader.app.live.wiring import Access
from cointrader.cli.main import main
from cointrader.domain.clock import DAY_MS, HOUR_MS, SystemClock
from cointrader.domain.errors import CointraderError, DataError, JournalError
from cointrader.domain.order import Fill, OrderSide, Side
from cointrader.domain.records import (
    ExchangeState,
    FillSeen,
    FundingPaid,
    PositionOpened,
    RiskEvent,
    RunStarted,
)
from cointrader.exchange.binance.credentials import Credentials
from cointrader.exchange.binance.endpoints import endpoints_at
from cointrader.journal.reader import JournalReader
from cointrader.journal.sqlite import SqliteJournal

D = Decimal
NOW_MS = int(time.time() * 1000)


class Account:
    """Binance's clock, income list and balances, with what a test puts into them."""

    def __init__(self, **wallets):
        self.rows = []
        self.wallets = {asset: D(text) for asset, text in wallets.items()}
        self.asked = []
        self.fails_after = None
        self.hidden = 0  # rows that the list does not have yet, until it was asked once
        self.fill_on_look = None
        self._looks = 0

    def book(self, ago_ms, amount, kind="REALIZED_PNL", asset="USDT", **more):
        at_ms = NOW_MS - int(ago_ms)
        row = {"incomeType": kind, "income": amount, "asset": asset, "time": at_ms}
        row |= {"tranId": 1000 + len(self.rows), "symbol": "", "info": kind, "tradeId": ""}
        self.rows.append(row | more)
        self.rows.sort(key=lambda each: each["time"])

    async def time(self, _request):
        return web.json_response({"serverTime": int(time.time() * 1000)})

    async def income(self, request):
        start, end, limit = (int(request.query[n]) for n in ("startTime", "endTime", "limit"))
        self.asked.append((start, end))
        if self.fails_after is not None and len(self.asked) > self.fails_after:
            return web.json_response({"code": -2015, "msg": "Invalid API-key"}, status=401)
        told = self.rows[: len(self.rows) - self.hidden]
        self.hidden = 0
        return web.json_response([r for r in told if start <= r["time"] <= end][:limit])

    async def balances(self, _request):
        self._looks += 1
        if self._looks == self.fill_on_look:
            self.wallets["USDT"] += 5
            self.book(-(time.time() * 1000 - NOW_MS), "5")
        told = [
            {"asset": asset, "balance": str(wallet), "availableBalance": "0"}
            for asset, wallet in self.wallets.items()
        ]
        return web.json_response(told)

    @asynccontextmanager
    async def served(self):
        app = web.Application()
        app.router.add_get("/fapi/v1/time", self.time)
        app.router.add_get("/fapi/v1/income", self.income)
        app.router.add_get("/fapi/v3/balance", self.balances)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        try:
            yield Access("a test", endpoints_at(f"http://127.0.0.1:{port}"), Credentials("k", "s"))
        finally:
            await runner.cleanup()


class ImpatientClock(SystemClock):
    """The time of this machine; nobody waits."""

    async def sleep_ms(self, duration_ms):
        await asyncio.sleep(0)


async def ledger_of(account, folder, **more):
    async with account.served() as access:
        return await ledger_of_exchange(access, ImpatientClock(), keep=folder / "kept.csv", **more)


def written(folder, *records, name="j.db"):
    async def write():
        with SqliteJournal(folder / name, threaded=False) as journal:
            await journal.commit(*records)

    asyncio.run(write())
    return folder / name


def a_run(at_ms=NOW_MS - DAY_MS, mode="testnet", base="1000"):
    return RunStarted(at_ms, mode, "m", "default", ("XRPUSDT",), "15m", D(base), "0.1.0")


def a_fill(number, side, price, at_ms, order="ct-XRPUSDT-1-e0", quantity="10", fee="0.01"):
    return FillSeen(Fill("XRPUSDT", number, order, side, D(price), D(quantity), D(fee), at_ms))


# ------------------------------------------------------------------ asking


async def test_the_first_time_there_is_nothing_to_hold_it_against(tmp_path):
    account = Account(USDT="1000")
    account.book(HOUR_MS, "12.5")

    found = await ledger_of(account, tmp_path)

    assert (found.state, found.balances) == (State.NOT_CHECKED, [D("1000")])
    assert read_kept(tmp_path / "kept.csv").readings[0].wallet == 1000


async def test_from_then_on_every_run_is_held_against_the_last(tmp_path):
    account = Account(USDT="1000")
    await ledger_of(account, tmp_path)
    account.book(NOW_MS - time.time() * 1000, "-3", "COMMISSION")
    account.wallets["USDT"] -= 3

    assert (await ledger_of(account, tmp_path)).state is State.RECONCILED
    account.wallets["USDT"] -= 1

    found = await ledger_of(account, tmp_path)

    assert found.state is State.DIFFERS
    assert [each.difference for each in found.accounts] == [-1]
    assert len(read_kept(tmp_path / "kept.csv").readings) == 2  # a wrong one is not built upon


async def test_pages_follow_each_other_and_no_booking_is_told_twice_or_lost(tmp_path):
    account = Account(USDT="1000")
    for number in range(11):
        account.book(DAY_MS - 1_000 * (number // 3), "1")  # three of each moment

    found = await ledger_of(account, tmp_path, page=4)

    assert len(found.rows) == len({row.key for row in found.rows}) == 11
    assert len(account.asked) > 3


async def test_more_bookings_in_a_moment_than_fit_on_a_page_are_not_passed_over(tmp_path):
    account = Account(USDT="1000")
    for _ in range(9):
        account.book(DAY_MS, "1")

    with pytest.raises(DataError, match="more bookings in one moment"):
        await ledger_of(account, tmp_path, page=4)


async def test_what_was_asked_before_an_error_is_kept_and_gone_on_from(tmp_path):
    account = Account(USDT="1000")
    for number in range(20):
        account.book((40 - 2 * number) * DAY_MS, "1")
    account.fails_after = 2

    with pytest.raises(CointraderError):
        await ledger_of(account, tmp_path, page=5)
    before = read_kept(tmp_path / "kept.csv")
    account.fails_after = None
    account.asked.clear()
    found = await ledger_of(account, tmp_path, page=5)

    assert (len(before.rows), len(found.rows)) == (9, 20)
    assert account.asked[0][0] == max(row.at_ms for row in before.rows) - DAY_MS


async def test_what_the_exchange_has_forgotten_is_still_in_the_file(tmp_path):
    account = Account(USDT="1000")
    account.book(80 * DAY_MS, "7")
    await ledger_of(account, tmp_path)
    account.rows.clear()

    assert [row.amount for row in (await ledger_of(account, tmp_path)).rows] == [7]


async def test_it_looks_again_while_a_booking_is_on_its_way(tmp_path):
    account = Account(USDT="1000")
    await ledger_of(account, tmp_path)
    account.book(NOW_MS - time.time() * 1000, "4")
    account.wallets["USDT"] += 4
    account.hidden = 1

    assert (await ledger_of(account, tmp_path)).state is State.RECONCILED


async def test_it_looks_again_while_the_wallet_moves(tmp_path):
    account = Account(USDT="1000")
    await ledger_of(account, tmp_path)
    account.fill_on_look = 4  # between the two looks of the second run

    found = await ledger_of(account, tmp_path)

    assert (found.state, found.accounts[0].closing.wallet) == (State.RECONCILED, 1005)


async def test_an_earlier_beginning_is_asked_for_again(tmp_path):
    account = Account(USDT="1000")
    account.book(30 * DAY_MS, "1")
    first = await ledger_of(account, tmp_path, from_ms=NOW_MS - 10 * DAY_MS)

    found = await ledger_of(account, tmp_path, from_ms=NOW_MS - 40 * DAY_MS)

    assert (len(first.rows), len(found.rows)) == (0, 1)
    assert found.since_ms == NOW_MS - 40 * DAY_MS


async def test_a_journal_names_our_orders_and_knows_the_first_wallet(tmp_path):
    account = Account(USDT="999.99")
    account.book(HOUR_MS, "-0.01", "COMMISSION", symbol="XRPUSDT", tradeId="7")
    account.book(2 * DAY_MS, "-44", "COMMISSION", symbol="XRPUSDT", tradeId="3")
    opened = [a_run(), a_fill(7, OrderSide.BUY, "2", NOW_MS - HOUR_MS)]
    journal = await asyncio.to_thread(written, tmp_path, *opened)

    found = await ledger_of(account, tmp_path, journal=journal)

    assert (found.state, found.differences) == (State.RECONCILED, [])
    assert [row.client_order_id for row in found.rows] == ["", "ct-XRPUSDT-1-e0"]
    assert found.balances == [D(1000), D("999.99")]


async def test_a_journal_that_began_before_what_is_known_is_no_earlier_wallet(tmp_path):
    account = Account(USDT="999.99")
    journal = await asyncio.to_thread(written, tmp_path, a_run(NOW_MS - 200 * DAY_MS))

    assert (await ledger_of(account, tmp_path, journal=journal)).state is State.NOT_CHECKED


# ------------------------------------------------------------------ of a journal


SUMS = {"initial": "1000", "deposits": "1025", "withdrawals": "5", "funding": "-0.3"}


def a_paper_journal(folder, wallet="1024.68", **sums):
    at = NOW_MS - DAY_MS
    told = SUMS | {"wallet": wallet, "gross": "5", "fees": "0.02"} | sums
    return written(
        folder,
        a_run(at, "paper"),
        a_fill(1, OrderSide.BUY, "2.0", at + 1),
        FundingPaid("XRPUSDT", at + 2, D("0.0001"), D("-0.3")),
        RiskEvent(at + 2, "deposit", detail="20"),
        a_fill(2, OrderSide.SELL, "2.5", at + 3, order="ct-XRPUSDT-1-t0"),
        ExchangeState(at + 4, {"sums": told}),
    )


def test_a_paper_journal_is_held_against_its_own_exchange(tmp_path):
    with JournalReader(a_paper_journal(tmp_path)) as reader:
        found = ledger_of_journal(reader)

    assert (found.state, found.differences) == (State.RECONCILED, [])
    assert [(row.kind, row.amount) for row in found.rows] == [
        ("COMMISSION", D("-0.01")),
        ("FUNDING_FEE", D("-0.3")),
        ("TRANSFER", D(20)),
        ("REALIZED_PNL", D("5.00")),
        ("COMMISSION", D("-0.01")),
    ]
    assert found.balances[-1] == D("1024.68")


def test_a_wallet_that_the_journal_does_not_explain_is_named_by_kind(tmp_path):
    path = a_paper_journal(tmp_path, wallet="1023.68", fees="1.02")

    with JournalReader(path) as reader:
        found = ledger_of_journal(reader)

    assert found.state is State.DIFFERS
    assert [(each.kind, each.amount) for each in found.differences] == [("COMMISSION", D(1))]


def test_a_position_that_was_taken_over_is_closed_against_its_own_entry(tmp_path):
    at = NOW_MS - DAY_MS
    prices = (D("2.0"), at, D(0), D("1.9"), D("2.2"))
    held = PositionOpened("XRPUSDT", "ct-XRPUSDT-1-a0", Side.LONG, D(10), *prices, 2.0)
    path = written(tmp_path, a_run(at, "testnet"), held, a_fill(9, OrderSide.SELL, "2.1", at + 5))

    with JournalReader(path) as reader:
        found = ledger_of_journal(reader)

    assert [row.amount for row in found.rows] == [D("1.00"), D("-0.01")]
    assert found.state is State.NOT_CHECKED  # only the exchange knows its wallet


def test_a_journal_without_a_run_has_no_ledger(tmp_path):
    with (
        JournalReader(written(tmp_path)) as reader,
        pytest.raises(JournalError, match="tells of no run yet"),
    ):
        ledger_of_journal(reader)


# ------------------------------------------------------------------ as a person types it


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BINANCE_API_KEY", "k")
    monkeypatch.setenv("BINANCE_API_SECRET", "s")
    return tmp_path


def asked(capsys, *arguments):
    capsys.readouterr()
    code = main(["ledger", *arguments])
    return (code, *capsys.readouterr())


def test_a_journals_bookings_as_csv_have_local_dates_and_running_balances(home, capsys):
    path = a_paper_journal(home)

    code, out, err = asked(capsys, "--journal", str(path), "--csv", "--timezone", "Asia/Seoul")

    lines = list(csv.DictReader(io.StringIO(out)))
    assert (code, "USDT: reconciled, to the last digit" in err) == (0, True)
    assert [line["balance"] for line in lines][-1] == "1024.68000000"
    assert lines[0]["client_order_id"] == "ct-XRPUSDT-1-e0"
    assert all(line["local_time"].endswith("+09:00") for line in lines)
    assert all(line["utc"].endswith("Z") for line in lines)


def test_a_range_of_dates_tells_less_and_checks_the_same(home, capsys):
    path = a_paper_journal(home)
    at = NOW_MS - DAY_MS
    first = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // 1000 - 5))
    last = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // 1000 - 4))

    code, out, _ = asked(capsys, "--journal", str(path), "--json", "--from", first, "--to", last)

    told = json.loads(out)
    assert (code, told["bookings"], told["rows"], told["is_reconciled"]) == (0, [], 5, True)


def test_a_wallet_that_is_not_explained_is_exit_code_1(home, capsys):
    path = a_paper_journal(home, wallet="1030.68")

    code, out, _ = asked(capsys, "--journal", str(path))

    assert code == 1
    assert "USDT: DOES NOT ADD UP by +6.00" in out


def test_a_journal_of_the_testnet_alone_cannot_be_checked(home, capsys):
    code, out, _ = asked(capsys, "--journal", str(written(home, a_run())))

    assert (code, "USDT: NOT CHECKED: nobody tells its wallet" in out) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--timezone", "Asia/Soul"], 2, "no such time zone"),
        (["--timezone", "../etc"], 2, "no such time zone"),
        (["--from", "2026-02-01", "--to", "2026-01-01"], 2, "--from is not before --to"),
        (["--from", "soon"], 2, "not a date"),
        (["--csv", "no/folder/x.csv"], 2, "there is no such folder"),
        (["--csv", "."], 2, "this is a folder"),
        (["--json", "--csv"], 2, "would share stdout"),
        (["--live", "--testnet"], 2, "exactly one of"),
        (["--keep", "kept.csv"], 2, "--keep belongs to an account"),
        (["--journal", "none.db"], 1, "there is no such journal"),
        (["--exchange", "http://127.0.0.1:9", "--journal", "none.db"], 1, "no such journal"),
        (["--exchange", "http://127.0.0.1:9"], 1, "cannot be reached"),
        ([], 1, "there is no journal yet"),
    ],
)
def test_bad_input_is_one_clear_message(home, capsys, arguments, code, told):
    found, out, err = asked(capsys, *arguments)

    assert (found, out) == (code, "")
    assert told in err
    assert "Traceback" not in err


def test_nothing_but_a_ledger_is_written_over(home, capsys):
    path = written(home, a_run())
    before = path.read_bytes()

    code, _, err = asked(capsys, "--journal", str(path), "--csv", str(path))

    assert (code, path.read_bytes()) == (2, before)
    assert "holds something else than a ledger" in err
    asked(capsys, "--journal", str(path), "--csv", "ledger.csv")
    first = (home / "ledger.csv").read_text()
    asked(capsys, "--journal", str(path), "--csv", "ledger.csv")
    assert (home / "ledger.csv").read_text() == first


def test_a_journal_of_another_version_is_refused(home, capsys):
    path = written(home, a_run())
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()

    code, _, err = asked(capsys, "--journal", str(path))

    assert (code, "written by a newer cointrader" in err) == (1, True)
