"""The server over real sockets: every address answers what is described, and tells of changes."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
from contextlib import asynccontextmanager
from decimal import Decimal

import aiohttp
import msgspec
import pytest

from cointrader.app.dashboard.serve import DashboardPlan, Place, dashboard
from cointrader.dashboard import answers, openapi
from cointrader.dashboard.routes import ROUTES
from cointrader.domain.errors import UsageError
from cointrader.domain.records import Alert, EquityMarked, RunStarted
from cointrader.journal.sqlite import SqliteJournal

TOKEN = "a-token-of-some-length"
T0 = 1_767_225_600_000
RUN = RunStarted(
    T0, "live", "Binance", "default", ("XRPUSDT",), "15m", Decimal(1000), "0.1.0", {}
)  # fmt: skip
IN_JSON = [r for r in ROUTES if r.method == "GET" and not isinstance(r.answer, str)]


@asynccontextmanager
async def served(journal, token=TOKEN):
    """A dashboard on a port of its own, and a client that knows the token."""
    async with dashboard(DashboardPlan(journal, TOKEN, port=0)) as place:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with aiohttp.ClientSession(place.url, headers=headers) as client:
            yield client


@pytest.mark.parametrize("route", IN_JSON, ids=lambda route: route.name)
async def test_every_address_answers_what_is_described(paper_journal, route):
    async with served(paper_journal) as client:
        path = route.path.replace("{symbol}", "XRPUSDT")
        async with client.get(path) as answer:
            assert answer.status == 200
            assert answer.content_type == "application/json"
            told = msgspec.json.decode(await answer.read(), type=route.answer, strict=True)

    assert isinstance(told, route.answer)


async def test_the_description_is_served_as_it_is_in_the_package(paper_journal):
    async with served(paper_journal) as client, client.get("/api/v1/openapi.json") as answer:
        assert await answer.json() == json.loads(openapi.FILE.read_text(encoding="utf-8"))


async def test_trades_come_as_a_file(paper_journal):
    async with served(paper_journal) as client, client.get("/api/v1/trades.csv") as answer:
        assert answer.content_type == "text/csv"
        assert "trades.csv" in answer.headers["Content-Disposition"]
        rows = list(csv.DictReader(io.StringIO(await answer.text())))

    assert {"symbol", "net", "fee"} <= set(rows[0])


async def test_metrics_come_as_prometheus_reads_them(paper_journal):
    async with served(paper_journal) as client, client.get("/metrics") as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert "cointrader_dashboard_process_up 0" in await answer.text()


async def test_a_browser_logs_in_reads_and_logs_out(paper_journal):
    async with served(paper_journal, token="") as client:
        async with client.get("/api/v1/session") as answer:
            assert await answer.json() == {"is_logged_in": False, "csrf": "", "expires_ms": None}
        client.cookie_jar.clear()
        jar = aiohttp.CookieJar(unsafe=True)  # cookies of a number, not of a name
        async with aiohttp.ClientSession(client._base_url, cookie_jar=jar) as browser:
            async with browser.post("/api/v1/login", json={"token": TOKEN}) as answer:
                session = msgspec.json.decode(await answer.read(), type=answers.Session)
            async with browser.get("/api/v1/session") as answer:
                assert (await answer.json())["csrf"] == session.csrf
            async with browser.get("/api/v1/overview") as answer:
                assert answer.status == 200
            headers = {"X-CSRF-Token": session.csrf}
            async with browser.post("/api/v1/logout", json={}, headers=headers) as answer:
                assert not (await answer.json())["is_logged_in"]
            async with browser.get("/api/v1/overview") as answer:
                assert answer.status == 401


async def test_pages_are_sent_once_and_then_only_when_they_change(paper_journal):
    async with served(paper_journal) as client:
        async with client.get("/") as answer:
            assert answer.content_type == "text/html"
            tag = answer.headers["ETag"]
        async with client.get("/", headers={"If-None-Match": tag}) as answer:
            assert answer.status == 304
            assert await answer.read() == b""


async def test_a_journal_that_begins_later_is_shown_when_it_does(tmp_path):
    path = tmp_path / "journals" / "later.db"
    async with served(path) as client:
        async with client.get("/api/v1/overview") as answer:
            assert answer.status == 503
            assert (await answer.json())["error"]["code"] == "no-run"

        path.parent.mkdir()
        async with SqliteJournal(path, threaded=False) as journal:
            await journal.commit(RUN)
            async with client.get("/api/v1/overview") as answer:
                assert (await answer.json())["run"]["phase"] == "running"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/symbols/BTCUSDT", 404, "not-there"),
        ("/api/v1/decisions?limit=0", 400, "usage"),
        ("/api/v1/decisions?colour=red", 400, "usage"),
        ("/api/v1/nothing", 404, "not-there"),
        ("/api/v1/login", 404, "not-there"),
    ],
)
async def test_what_cannot_be_answered_says_why(paper_journal, path, status, code):
    async with served(paper_journal) as client, client.get(path) as answer:
        assert answer.status == status
        told = msgspec.json.decode(await answer.read(), type=answers.Refused)

    assert told.error.code == code
    assert told.error.text


async def test_without_a_process_a_command_is_a_conflict_and_says_so(paper_journal):
    async with served(paper_journal) as client:
        body = {"confirm": "pause"}
        async with client.post("/api/v1/control/pause", json=body) as answer:
            assert answer.status == 409
            assert "no process takes commands" in (await answer.json())["error"]["text"]


async def next_event(stream):
    """The next event: its name and its data."""
    name = ""
    async with asyncio.timeout(10):
        async for line in stream.content:
            text = line.decode().strip()
            if text.startswith("event: "):
                name = text.removeprefix("event: ")
            elif text.startswith("data: "):
                return name, json.loads(text.removeprefix("data: "))
    raise AssertionError("the stream has ended")


async def test_an_open_page_hears_of_a_commit_within_a_second(tmp_path):
    path = tmp_path / "live.db"
    async with SqliteJournal(path, threaded=False) as journal:
        await journal.commit(RUN)
        async with served(path) as client, client.get("/api/v1/events") as stream:
            assert (await next_event(stream))[0] == "hello"
            assert (await next_event(stream))[1]["ids"]["runs"] == 1
            for number in range(3):
                await journal.commit(EquityMarked(T0 + number, Decimal(1000), Decimal(1000)))
                done = time.monotonic()
                name, told = await next_event(stream)
                took_s = time.monotonic() - done
                assert (name, told["kinds"]) == ("changed", ["equity"])
                assert took_s < 1.0
            await journal.commit(Alert(T0, "info", "", "hear"))
            assert (await next_event(stream))[1]["kinds"] == ["alerts"]


async def test_a_stream_ends_with_the_server_and_does_not_hold_it_up(tmp_path):
    path = tmp_path / "live.db"
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        async with dashboard(DashboardPlan(path, TOKEN, port=0)) as place:
            stream = await client.get(f"{place.url}api/v1/events")
            await next_event(stream)
            began = time.monotonic()
        assert time.monotonic() - began < 5
        assert (await stream.content.read()).strip() == b""


async def test_a_taken_port_gives_way_to_the_next(tmp_path):
    plan = DashboardPlan(tmp_path / "a.db", TOKEN, port=0)
    async with dashboard(plan) as first:
        same = DashboardPlan(tmp_path / "b.db", TOKEN, port=first.port)
        async with dashboard(same) as second:
            assert first.port < second.port <= first.port + 20


async def test_a_host_that_is_not_ours_is_told():
    with pytest.raises(UsageError, match="cannot listen"):
        async with dashboard(DashboardPlan(None, TOKEN, host="192.0.2.1", port=0)):  # type: ignore[arg-type]
            pass


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8787/"),
        ("0.0.0.0", "http://127.0.0.1:8787/"),
        ("::1", "http://[::1]:8787/"),
        ("::", "http://[::1]:8787/"),
        ("bots.example.org", "http://bots.example.org:8787/"),
    ],
)
def test_the_address_is_one_that_a_browser_here_can_open(host, url):
    assert Place(host, 8787).url == url
