"""Small parts of trading live: notices, transfers of old journals, the account's lock, its pace."""

from __future__ import annotations

import subprocess
import sys
import threading
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from cointrader.app.live.account_lock import account_holder, holding_account
from cointrader.app.live.rehearsal import speed_of
from cointrader.app.live.transfers_since import Anchor, transfers_anchor
from cointrader.app.live.wiring import Access
from cointrader.app.notices import NoticeBoard
from cointrader.domain.clock import DAY_MS, HOUR_MS
from cointrader.domain.errors import CointraderError, Unreachable, UsageError
from cointrader.domain.ports import Account
from cointrader.domain.records import Alert, EquityMarked, RiskEvent, RiskState, RunStarted
from cointrader.exchange.binance.account_notices import (
    AssetModeChanged,
    LeverageChanged,
    MarginCalled,
    PaidInOtherAsset,
    Transferred,
    TriggerRejected,
)
from cointrader.exchange.binance.credentials import Credentials
from cointrader.exchange.binance.endpoints import LIVE, endpoints_at
from cointrader.journal.sqlite import SqliteJournal
from cointrader.risk.standing import Standing
from cointrader.risk.state import StateWriter
from tests.unit.app.exchange_fakes import JumpingClock

T0 = 1_700_000_000_000

# -- notices --------------------------------------------------------------------------------------


def told(*notices):
    alerts: list[Alert] = []
    board = NoticeBoard(JumpingClock(), leverage=10, quote_asset="USDT", tell=alerts.append)
    for notice in notices:
        board.hear(notice)
    return [(alert.level, alert.symbol, alert.text) for alert in alerts]


@pytest.mark.parametrize(
    ("notice", "level", "words"),
    [
        (MarginCalled(("XRPUSDT",), 1), "critical", "close to liquidation"),
        (TriggerRejected("XRPUSDT", "ct-1", "no margin", 1), "critical", "refused ct-1"),
        (AssetModeChanged(True, 1), "critical", "multi-assets"),
        (AssetModeChanged(False, 1), "info", "single-asset"),
        (LeverageChanged("XRPUSDT", 20, 1), "warning", "leverage to 20"),
        (Transferred("BNB", Decimal("0.5"), "DEPOSIT", 1), "info", "+0.5 BNB"),
        (PaidInOtherAsset("XRPUSDT", 3, "BNB", Decimal("0.01"), 1), "info", "fees are paid in BNB"),
    ],
)
def test_what_happens_to_the_account_is_an_alert(notice, level, words):
    ((found, _, text),) = told(notice)

    assert found == level
    assert words in text


def test_what_is_no_news_is_not_told():
    fee = PaidInOtherAsset("XRPUSDT", 3, "BNB", Decimal("0.01"), 1)

    assert told(LeverageChanged("XRPUSDT", 10, 1)) == []
    assert told(Transferred("USDT", Decimal(5), "DEPOSIT", 1)) == []
    assert len(told(fee, fee, fee)) == 1


# -- transfers ------------------------------------------------------------------------------------


def a_journal(path, *records):
    journal = SqliteJournal(path, threaded=False)
    for record in records:
        journal.note(record)
    return journal


def a_start(at_ms=T0):
    symbols = ("XRPUSDT",)
    return RunStarted(at_ms, "live", "Binance", "default", symbols, "15m", Decimal(1000), "0.1.0")


def a_state(at_ms, transfers):
    account = Account(Decimal(1000), Decimal(1000), Decimal(900), Decimal(transfers))
    standing = Standing(base=Decimal(1000), account=account, bar_ms=at_ms)
    return RiskState(at_ms, StateWriter().state(standing, {}))


def anchor_of(path, *records, now_ms):
    with a_journal(path, *records) as journal:
        return transfers_anchor(journal, path, now_ms=now_ms)


def test_a_new_journal_counts_from_now(tmp_path):
    with SqliteJournal(tmp_path / "live.db", threaded=False) as journal:
        anchor = transfers_anchor(journal, tmp_path / "live.db", now_ms=T0)

    assert anchor == Anchor(T0)
    assert anchor.is_first


def test_a_young_journal_counts_from_its_first_start(tmp_path):
    anchor = anchor_of(
        tmp_path / "live.db", a_start(), a_start(T0 + DAY_MS), now_ms=T0 + 79 * DAY_MS
    )

    assert anchor == Anchor(T0, Decimal(0), starts=2)


def test_an_old_journal_goes_on_from_what_it_knew_without_what_it_will_count_again(tmp_path):
    last_ms = T0 + 100 * DAY_MS
    records = [
        a_start(),
        RiskEvent(T0 + 50 * DAY_MS, "deposit", detail="300"),
        EquityMarked(last_ms - 2 * DAY_MS - 1, Decimal(1), Decimal(1)),
        RiskEvent(last_ms - 2 * DAY_MS, "deposit", detail="-40"),
        a_state(last_ms, 260),
    ]

    anchor = anchor_of(tmp_path / "live.db", *records, now_ms=last_ms + HOUR_MS)

    assert anchor == Anchor(last_ms - 7 * DAY_MS, Decimal(300), starts=1)


def test_it_counts_from_no_moment_at_which_money_may_have_moved(tmp_path):
    last_ms = T0 + 100 * DAY_MS
    down_since_ms = last_ms - 9 * DAY_MS  # a deposit while nobody ran is read at the next start
    records = [
        a_start(),
        EquityMarked(down_since_ms, Decimal(1), Decimal(1)),
        RiskEvent(last_ms - 6 * DAY_MS, "deposit", detail="100"),
        a_state(last_ms, 100),
    ]

    anchor = anchor_of(tmp_path / "live.db", *records, now_ms=last_ms + HOUR_MS)

    assert anchor.since_ms < down_since_ms
    assert anchor.before == 0


# -- the account's lock ---------------------------------------------------------------------------


def access(key="k", endpoints=LIVE):
    return Access("live", endpoints, Credentials(key, "s"))


def test_an_account_has_one_process_whatever_its_journal(tmp_path):
    with holding_account(access(), tmp_path):
        assert account_holder(access(), tmp_path).startswith("process ")
        with (
            pytest.raises(CointraderError, match="another process trades this account"),
            holding_account(access(), tmp_path),
        ):
            pass
        with holding_account(access("another"), tmp_path):
            pass

    assert account_holder(access(), tmp_path) == ""


def test_the_key_is_not_in_the_locks_name(tmp_path):
    with holding_account(access("verysecretkey"), tmp_path):
        names = [path.name for path in tmp_path.iterdir()]

    assert len(names) == 1
    assert "verysecretkey" not in names[0]


def test_a_dead_process_holds_nothing(tmp_path):
    code = (
        "import os, sys; from pathlib import Path\n"
        "from cointrader.app.live.account_lock import holding_account\n"
        "from cointrader.app.live.wiring import Access\n"
        "from cointrader.exchange.binance.credentials import Credentials\n"
        "from cointrader.exchange.binance.endpoints import LIVE\n"
        "with holding_account(Access('live', LIVE, Credentials('k', 's')), Path(sys.argv[1])):\n"
        "    os._exit(9)\n"
    )
    environ = {"PYTHONPATH": ":".join(sys.path)}
    died = subprocess.run([sys.executable, "-c", code, tmp_path], env=environ, check=False)
    assert died.returncode == 9

    with holding_account(access(), tmp_path):
        pass


# -- the pace of another exchange -----------------------------------------------------------------


@pytest.fixture
def saying():
    """Serve one answer to everything; the access to it."""
    servers = []

    def serve(status, body):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoints = endpoints_at(f"http://127.0.0.1:{server.server_port}")
        return Access(endpoints.rest, endpoints, Credentials("k", "s"))

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "speed"),
    [
        (200, b'{"speed": 60}', 60.0),
        (200, b'{"now_ms": 1}', 1.0),
        (404, b"", 1.0),
        (200, b"<html>", 1.0),
    ],
)
def test_the_pace_is_what_the_exchange_says_it_is(saying, status, body, speed):
    assert speed_of(saying(status, body)) == speed


def test_an_exchange_that_moves_on_demand_is_refused(saying):
    with pytest.raises(UsageError, match="a bar at a time"):
        speed_of(saying(200, b'{"speed": "stepped"}'))


def test_an_exchange_that_is_not_there_is_told_and_binance_is_not_asked():
    nowhere = endpoints_at("http://127.0.0.1:9")
    with pytest.raises(Unreachable):
        speed_of(Access(nowhere.rest, nowhere, Credentials("k", "s")))

    assert speed_of(access()) == 1.0
