"""Attacks on the dashboard over real sockets: all refused, nothing changes, no secret is told."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from cointrader.app.config.settings import TABLE
from cointrader.app.dashboard.serve import DashboardPlan, dashboard
from cointrader.dashboard.replies import MOST_BODY
from cointrader.dashboard.routes import ROUTES
from cointrader.domain.records import Alert, RunStarted
from cointrader.journal.sqlite import SqliteJournal
from cointrader.ops.control import Answer, Command, listening

TOKEN = "planted-dashboard-token-0123456789"
T0 = 1_767_225_600_000
PAUSE = b'{"confirm": "pause"}'
JSON = {"Content-Type": "application/json"}


@dataclass
class Reply:
    """An answer as it came over the socket; status 0 where the connection just ended."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["error"]["code"])


@dataclass
class World:
    """A journal with a run, whoever takes its commands, and a dashboard on a real port."""

    journal: Path
    port: int
    heard: list[Command] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def raw(self, data: bytes, *, patience_s: float = 15.0) -> bytes:
        """Send these bytes; all that comes back until the other side ends or says no more."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            await writer.drain()
            async with asyncio.timeout(patience_s):
                return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()

    async def ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        host: str | None = None,
    ) -> Reply:
        lines = {"Host": host or self.host, "Connection": "close"}
        if body or method == "POST":
            lines["Content-Length"] = str(len(body))
        lines |= headers or {}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        answer = await self.raw(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        return _reply(answer)

    async def login(self) -> tuple[dict[str, str], str]:
        """The headers of a browser that is logged in, and its CSRF value."""
        reply = await self.ask("POST", "/api/v1/login", JSON, json.dumps({"token": TOKEN}).encode())
        assert reply.status == 200
        cookie = reply.headers["set-cookie"].partition(";")[0]
        return {"Cookie": cookie, **JSON}, str(json.loads(reply.body)["csrf"])

    def state(self) -> str:
        """A hash of the journal: it stays as it is."""
        return hashlib.sha256(self.journal.read_bytes()).hexdigest()


def _reply(answer: bytes) -> Reply:
    if not answer:
        return Reply(0, {}, b"")
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Reply(int(first.split(" ")[1]), headers, body)


QUESTIONS = ("positions", "health", "metrics", "candles")


@asynccontextmanager
async def a_world(folder: Path, **changes: object):
    journal = folder / "live.db"
    async with SqliteJournal(journal, threaded=False) as writer:
        await writer.commit(
            RunStarted(T0, "live", "Binance", "default", ("XRPUSDT",), "15m", Decimal(1000),
                       "0.1.0", {"MAX_POSITIONS": "3"}),
            Alert(T0, "info", "", "<script>alert(1)</script>"),
        )  # fmt: skip
    plan = DashboardPlan(journal, TOKEN, port=0, data=folder / "none", **changes)  # type: ignore[arg-type]
    heard: list[Command] = []

    async def handle(command: Command) -> Answer:
        if command.name not in QUESTIONS:  # which pages ask by themselves, and change nothing
            heard.append(command)
        return Answer(True, ("done",))

    async with listening(journal, handle), dashboard(plan) as place:
        yield World(journal, place.port, heard)


@pytest.fixture
async def world(tmp_path):
    async with a_world(tmp_path) as made:
        before = made.state()
        yield made
        assert made.state() == before


def was_refused(world: World, reply: Reply, *statuses: int) -> bool:
    return reply.status in statuses and world.heard == []


# -- who it is


@pytest.mark.parametrize("route", [r for r in ROUTES if not r.is_open], ids=lambda r: r.name)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {base64.b64encode(TOKEN.encode()).decode()}"},
        {"Authorization": TOKEN},
        {"Cookie": f"cointrader_session={TOKEN}"},
    ],
    ids=["nothing", "wrong", "basic", "bare", "cookie"],
)
async def test_without_the_token_every_address_is_closed(world, route, headers):
    path = route.path.replace("{symbol}", "XRPUSDT")

    reply = await world.ask(route.method, path, {**JSON, **headers}, PAUSE if route.body else b"")

    assert was_refused(world, reply, 401)
    assert reply.code == "token"


@pytest.mark.parametrize("path", ["/?token={}", "/api/v1/overview?token={}"])
async def test_a_token_in_the_address_is_not_one(world, path):
    reply = await world.ask("GET", path.format(TOKEN))

    assert reply.status in (200, 401)
    assert b"XRPUSDT" not in reply.body
    assert TOKEN.encode() not in reply.body


async def test_a_wrong_login_makes_no_session(world):
    reply = await world.ask("POST", "/api/v1/login", JSON, b'{"token": "wrong-but-long-enough"}')

    assert was_refused(world, reply, 401)
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize("way", ["login", "header"])
async def test_guessing_is_slowed_down_and_then_even_the_right_token_waits(world, way):
    async def tried(token, way):
        if way == "login":
            body = json.dumps({"token": token}).encode()
            return await world.ask("POST", "/api/v1/login", JSON, body)
        return await world.ask("GET", "/api/v1/overview", {"Authorization": f"Bearer {token}"})

    for number in range(10):
        assert (await tried(f"guess-number-{number}", way)).status == 401

    for other in ("login", "header"):
        late = await tried(TOKEN, other)
        assert was_refused(world, late, 429)
        assert 0 < int(late.headers["retry-after"]) <= 60


async def test_the_session_cookie_is_for_this_site_and_no_script(world):
    body = json.dumps({"token": TOKEN}).encode()
    reply = await world.ask("POST", "/api/v1/login", JSON, body)

    cookie = reply.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert f"session_{world.port}=" in cookie  # another dashboard of this machine has its own
    assert TOKEN not in cookie


async def test_after_logout_the_cookie_is_worth_nothing(world):
    browser, csrf = await world.login()
    assert (await world.ask("GET", "/api/v1/overview", browser)).status == 200

    assert (
        await world.ask("POST", "/api/v1/logout", {**browser, "X-CSRF-Token": csrf}, b"{}")
    ).status == 200

    assert (await world.ask("GET", "/api/v1/overview", browser)).status == 401


# -- from where


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "wrong"},
        {"X-CSRF-Token": "{csrf}", "Origin": "http://evil.example.org"},
        {"X-CSRF-Token": "{csrf}", "Origin": "null"},
        {"X-CSRF-Token": "{csrf}", "Origin": "http://127.0.0.1:1"},
        {"X-CSRF-Token": "{csrf}", "Sec-Fetch-Site": "cross-site"},
        {"X-CSRF-Token": "{csrf}", "Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_post_of_another_site_is_refused(world, more):
    browser, csrf = await world.login()
    headers = browser | {name: value.format(csrf=csrf) for name, value in more.items()}

    reply = await world.ask("POST", "/api/v1/control/pause", headers, PAUSE)

    assert was_refused(world, reply, 403)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_form_of_another_site_is_no_command(world, kind):
    browser, csrf = await world.login()
    headers = {**browser, "X-CSRF-Token": csrf, "Content-Type": kind}

    reply = await world.ask("POST", "/api/v1/control/pause", headers, PAUSE)

    assert was_refused(world, reply, 415)


async def test_other_sites_may_not_read_and_no_address_may_be_shared(world):
    browser, _ = await world.login()
    headers = {**browser, "Origin": "http://evil.example.org", "Sec-Fetch-Site": "cross-site"}

    reply = await world.ask("GET", "/api/v1/overview", headers)
    asked_first = await world.ask(
        "OPTIONS", "/api/v1/control/pause",
        {"Origin": "http://evil.example.org", "Access-Control-Request-Method": "POST"},
    )  # fmt: skip

    assert was_refused(world, reply, 403)
    for each in (reply, asked_first):
        assert not [name for name in each.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "host",
    ["evil.example.org", "evil.example.org:80", "localhost.evil.org", "127.0.0.1.nip.io", "a b"],
)
@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/session", "/api/v1/overview"])
async def test_a_name_that_somebody_points_here_is_not_answered(world, host, path):
    reply = await world.ask("GET", path, {"Authorization": f"Bearer {TOKEN}"}, host=host)

    assert was_refused(world, reply, 421, 400)
    assert b"XRPUSDT" not in reply.body


async def test_two_names_or_none_are_not_answered(world):
    for hosts in (b"", f"Host: {world.host}\r\nHost: evil.example.org\r\n".encode()):
        reply = _reply(
            await world.raw(b"GET /healthz HTTP/1.1\r\nConnection: close\r\n" + hosts + b"\r\n")
        )
        assert was_refused(world, reply, 400, 421)


async def test_a_name_that_was_allowed_is_answered(tmp_path):
    async with a_world(tmp_path, names=("bots.example.org",)) as world:
        assert (await world.ask("GET", "/healthz", host="bots.example.org")).status == 200


# -- what


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/static/..%2f..%2f..%2fetc%2fpasswd",
        "/static//etc/passwd",
        "/static/%00index.html",
        "/static/js/../../server.py",
        "/../live.db",
        "/live.db.token",
        "/static/....//....//etc/passwd",
        "/static/%c0%ae%c0%ae/etc/passwd",
        "\\..\\..\\etc\\passwd",
    ],
)
async def test_no_address_leads_out_of_the_pages(world, path):
    reply = await world.ask("GET", path)

    assert reply.status in (400, 404)
    assert b"root:" not in reply.body
    assert TOKEN.encode() not in reply.body


@pytest.mark.parametrize("symbol", ["..%2f..%2fetc%2fpasswd", "%00", "X" * 200, "<script>"])
async def test_a_symbol_is_one_of_the_run_or_nothing(world, symbol):
    reply = await world.ask(
        "GET", f"/api/v1/symbols/{symbol}", {"Authorization": f"Bearer {TOKEN}"}
    )

    assert reply.status in (400, 404)
    assert b"Traceback" not in reply.body
    assert reply.headers["content-type"].startswith("application/json")


async def test_too_large_a_body_is_not_read(world):
    browser, csrf = await world.login()
    headers = {**browser, "X-CSRF-Token": csrf}
    body = b'{"confirm": "' + b"x" * (MOST_BODY + 1) + b'"}'

    told = await world.ask("POST", "/api/v1/control/pause", headers, body)
    announced = await world.ask(
        "POST", "/api/v1/control/pause", {**headers, "Content-Length": str(10**12)}, b"{"
    )

    assert was_refused(world, told, 413)
    assert was_refused(world, announced, 413)


async def test_too_large_a_body_in_pieces_is_not_read(world):
    browser, csrf = await world.login()
    lines = {"Host": world.host, **browser, "X-CSRF-Token": csrf, "Transfer-Encoding": "chunked"}
    head = "POST /api/v1/control/pause HTTP/1.1\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in lines.items()
    )
    piece = b"%x\r\n%s\r\n" % (1_024, b"x" * 1_024)

    reply = _reply(
        await world.raw(head.encode() + b"Connection: close\r\n\r\n" + piece * 64 + b"0\r\n\r\n")
    )

    assert was_refused(world, reply, 413, 400, 0)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"confirm": 1}', b"\xff\xfe", b'{"confirm":"pause","more":1}',
     b"[" * 4_000],
)  # fmt: skip
async def test_a_body_that_is_none_is_no_command(world, body):
    browser, csrf = await world.login()

    reply = await world.ask(
        "POST", "/api/v1/control/pause", {**browser, "X-CSRF-Token": csrf}, body
    )

    assert was_refused(world, reply, 400)


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("pause", {"confirm": "resume"}),
        ("pause", {"confirm": "pause", "symbol": "XRPUSDT"}),
        ("flatten", {"confirm": "flatten", "symbol": "XRPUSDT"}),
        ("flatten", {"confirm": "flatten XRPUSDT"}),
        ("flatten", {"confirm": "flatten TRXUSDT", "symbol": "XRPUSDT"}),
        ("reset-kill", {"confirm": ""}),
        ("format-disk", {"confirm": "format-disk"}),
    ],
)
async def test_what_is_not_confirmed_is_not_done(world, action, body):
    browser, csrf = await world.login()

    reply = await world.ask(
        "POST", f"/api/v1/control/{action}", {**browser, "X-CSRF-Token": csrf},
        json.dumps(body).encode(),
    )  # fmt: skip

    assert was_refused(world, reply, 400, 404, 405)


async def test_commands_are_limited(world):
    statuses = [
        (
            await world.ask(
                "POST", "/api/v1/control/pause", {**JSON, "Authorization": f"Bearer {TOKEN}"}, PAUSE
            )
        ).status
        for _ in range(22)
    ]

    assert statuses == [200] * 20 + [429] * 2
    assert len(world.heard) == 20


async def test_what_is_right_is_done_and_it_is_known_who_asked(world):
    browser, csrf = await world.login()

    reply = await world.ask(
        "POST", "/api/v1/control/flatten",
        {**browser, "X-CSRF-Token": csrf, "Origin": f"http://{world.host}",
         "Sec-Fetch-Site": "same-origin"},
        b'{"confirm": "flatten XRPUSDT", "symbol": "XRPUSDT"}',
    )  # fmt: skip

    assert reply.status == 200
    assert json.loads(reply.body) == {"is_done": True, "lines": ["done"], "values": {}}
    (command,) = world.heard
    assert (command.name, command.arguments) == ("flatten", {"symbols": ["XRPUSDT"]})
    assert command.who.startswith("dashboard of ")


# -- how


@pytest.mark.parametrize(
    "line",
    [
        b"X-CSRF-Token: a\r\nX-Injected: b",
        b"Bad Header: x",
        b"X: a\x00b",
        b"X: a\rY: b",
        b" folded: x",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: -1",
        b"X: " + b"a" * 20_000,
    ],
)
async def test_injected_headers_do_nothing(world, line):
    request = (
        b"POST /api/v1/control/pause HTTP/1.1\r\nHost: " + world.host.encode() + b"\r\n" + line
        + b"\r\nConnection: close\r\n\r\n" + PAUSE
    )  # fmt: skip

    reply = _reply(await world.raw(request))

    assert was_refused(world, reply, 400, 401, 413, 0)
    assert "x-injected" not in reply.headers
    assert b"Traceback" not in reply.body


@pytest.mark.parametrize("value", ["%0d%0aX-Injected:%20yes", "a%0d%0a%0d%0a<script>"])
async def test_what_is_asked_for_does_not_come_back_as_a_header(world, value):
    for path in (f"/api/v1/decisions?symbol={value}", f"/static/{value}", f"/api/v1/x?{value}=1"):
        reply = await world.ask("GET", path, {"Authorization": f"Bearer {TOKEN}"})

        assert reply.status in (400, 404)
        assert "x-injected" not in reply.headers
        assert not reply.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "beginning",
    [b"", b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"POST /api/v1/login HT"],
)
async def test_who_begins_and_does_not_go_on_is_let_go(tmp_path, beginning):
    async with a_world(tmp_path, patience_s=0.5) as world:
        assert await world.raw(beginning, patience_s=8) == b""


async def test_a_body_that_does_not_come_is_not_waited_for_and_harms_nobody(tmp_path):
    async with a_world(tmp_path, patience_s=2.0) as world:
        browser, csrf = await world.login()
        lines = {"Host": world.host, **browser, "X-CSRF-Token": csrf, "Content-Length": "20"}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        slow = asyncio.create_task(
            world.raw(f"POST /api/v1/control/pause HTTP/1.1\r\n{head}\r\n".encode() + b'{"con')
        )
        await asyncio.sleep(0.1)

        assert (await world.ask("GET", "/healthz")).status == 200
        assert was_refused(world, _reply(await slow), 408, 0)


async def test_a_hundred_idle_connections_keep_nobody_out_for_long(tmp_path):
    async with a_world(tmp_path, patience_s=0.5) as world:
        idle = [await asyncio.open_connection("127.0.0.1", world.port) for _ in range(120)]
        await asyncio.sleep(2.5)

        assert (await world.ask("GET", "/healthz")).status == 200
        for _, writer in idle:
            writer.close()


async def test_every_answer_has_the_headers_that_keep_a_browser_safe(world):
    for path in ("/", "/healthz", "/nothing", "/api/v1/session", "/api/v1/overview"):
        headers = (await world.ask("GET", path)).headers

        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "python" not in headers.get("server", "").lower()
        if path.startswith("/api/"):
            assert headers["cache-control"] == "no-store"


# -- what cannot be read

COOKIE = "planted-session-cookie-0123456789"
SECRET_LINES = f"Authorization: Bearer {TOKEN}\r\nCookie: cointrader_session={COOKIE}\r\n"
MALFORMED = {
    "a carriage return in a header": f"GET / HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\r\n\r\n",
    "a carriage return in a cookie": f"GET / HTTP/1.1\r\nCookie: s={COOKIE}\r\r\n\r\n",
    "a NUL in a header": f"GET / HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\0\r\n\r\n",
    "a header without its colon": f"GET / HTTP/1.1\r\nAuthorization Bearer {TOKEN}\r\n\r\n",
    "a huge cookie": f"GET / HTTP/1.1\r\nCookie: s={COOKIE}{'x' * 9_000}\r\n\r\n",
    "too many headers": f"GET / HTTP/1.1\r\n{SECRET_LINES * 100}\r\n",
    "a huge address": f"GET /?{TOKEN}{'x' * 9_000} HTTP/1.1\r\n{SECRET_LINES}\r\n",
    "an address that is none": f"GET http://[{TOKEN} HTTP/1.1\r\n{SECRET_LINES}\r\n",
    "no method": SECRET_LINES + "\r\n",
    "a method that is none": f"G@T{TOKEN} / HTTP/1.1\r\n{SECRET_LINES}\r\n",
    "a version that is none": f"GET / HTTP/{TOKEN}\r\n{SECRET_LINES}\r\n",
    "a length that is none": f"POST / HTTP/1.1\r\nContent-Length: {TOKEN}\r\n{SECRET_LINES}\r\n",
    "pieces that are none": f"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{TOKEN}\r\n",
    "no HTTP at all": f"\x16\x03\x01{TOKEN}{COOKIE}",
}
AS_A_400 = {
    "error": {
        "code": "malformed",
        "text": "this is not an HTTP request that can be read",
        "todo": "",
    }
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
async def test_what_cannot_be_read_is_answered_without_repeating_it(world, sent, caplog, capfd):
    reply = _reply(await world.raw(sent.encode("latin-1")))

    assert reply.status == 400
    assert json.loads(reply.body) == AS_A_400
    assert reply.headers["content-type"] == "application/json"
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["server"] == "cointrader"
    assert caplog.text == ""
    told = f"{reply}{capfd.readouterr()}"
    assert [secret for secret in (TOKEN, COOKIE) if secret in told] == []
    assert "Traceback" not in told


async def test_what_cannot_be_read_after_a_good_request_ends_the_connection_alike(world, caplog):
    good = f"GET /healthz HTTP/1.1\r\nHost: {world.host}\r\n\r\n"
    for nonsense in MALFORMED.values():
        answer = await world.raw(f"{good}{nonsense}".encode("latin-1"))
        assert TOKEN.encode() not in answer
        assert COOKIE.encode() not in answer
        assert json.loads(answer.rpartition(b"\r\n\r\n")[2]) == AS_A_400
    assert caplog.text == ""


async def test_a_body_that_cannot_be_unpacked_is_the_senders_fault_and_not_told(world, caplog):
    packed = {**JSON, "Content-Encoding": "gzip"}

    reply = await world.ask("POST", "/api/v1/login", packed, TOKEN.encode())

    assert (reply.status, reply.code) == (400, "body")
    assert TOKEN not in f"{reply}{caplog.text}"
    assert "Traceback" not in caplog.text


async def test_an_expectation_that_nobody_meets_is_not_repeated(world):
    reply = await world.ask("GET", "/", {"Expect": TOKEN})

    assert (reply.status, reply.code) == (417, "http")
    assert TOKEN not in str(reply)
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["server"] == "cointrader"


async def test_markup_in_the_journal_is_data(world):
    reply = await world.ask("GET", "/api/v1/alerts", {"Authorization": f"Bearer {TOKEN}"})

    assert reply.headers["content-type"] == "application/json"
    assert json.loads(reply.body)["alerts"][0]["text"] == "<script>alert(1)</script>"


# -- secrets

PLANTED = {
    setting.env_name: {
        "discord_webhook_url": "https://discord.example/api/webhooks/1/planted-webhook-secret",
        "telegram_token": "123456:planted-telegram-secret",
        "notify_urls": "json://planted-notify-secret",
        "heartbeat_url": "https://planted-heartbeat-secret.example",
        "dashboard_token": TOKEN,
    }.get(setting.name, f"planted-{setting.name}-secret")
    for setting in TABLE
    if setting.secret
}


def _get(url: str, headers: dict[str, str], body: bytes | None = None) -> str:
    """All of an answer, headers too, whatever its status."""
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return f"{answer.headers}{answer.read().decode()}"
    except urllib.error.HTTPError as error:
        with error:
            return f"{error.headers}{error.read().decode()}"


def a_folder_of_journals(inside: Path) -> Path:
    folder = inside / "journals"
    folder.mkdir()

    async def write() -> None:
        async with SqliteJournal(folder / "live.db", threaded=False) as journal:
            await journal.commit(
                RunStarted(T0, "live", "Binance", "default", ("XRPUSDT",), "15m", Decimal(1000),
                           "0.1.0", {})
            )  # fmt: skip

    asyncio.run(write())
    return folder


@pytest.mark.slow
def test_no_secret_is_in_any_page_log_metric_or_error(tmp_path):
    folder = a_folder_of_journals(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-m", "cointrader", "dashboard", "--json", "--port", "0"],
        cwd=tmp_path,
        env={
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "COINTRADER_DEBUG": "1",
            "LOG_LEVEL": "debug",
            **PLANTED,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"].rstrip("/")
    right, wrong = {"Authorization": f"Bearer {TOKEN}"}, {"Authorization": "Bearer nobody"}
    told = [
        _get(f"{url}{route.path.replace('{symbol}', symbol)}{query}", headers)
        for route in ROUTES
        if route.method == "GET" and route.name != "events"
        for symbol, query in (("XRPUSDT", ""), ("NOTHING", "?wrong=1"))
        for headers in (right, wrong)
    ]
    told += [
        _get(f"{url}/api/v1/control/pause", {**right, **JSON}, PAUSE),
        _get(f"{url}/api/v1/login", JSON, json.dumps({"token": TOKEN + "x"}).encode()),
        _get(f"{url}/api/v1/login", JSON, b"{"),
    ]
    process.send_signal(signal.SIGTERM)
    told += process.communicate(timeout=20)

    everything = "\n".join(told)
    assert "XRPUSDT" in everything
    assert [name for name, secret in PLANTED.items() if secret in everything] == []
    assert "planted" not in everything
    assert sorted(path.name for path in folder.iterdir() if "token" in path.name) == []
    assert process.returncode == 0


def _sent(port: int, data: bytes) -> bytes:
    """All that comes back until the other side ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(data)
        answer = b""
        with suppress(ConnectionError):
            while part := connection.recv(65_536):
                answer += part
    return answer


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "more"),
    [
        ([], {}),
        ([], {"LOG_LEVEL": "debug", "LOG_FORMAT": "json", "LOG_FILE": "bots.log"}),
        (["--child"], {}),
    ],
    ids=["as it is started", "with everything logged", "beside bots"],
)
def test_a_process_tells_nobody_what_it_could_not_read(tmp_path, flags, more):
    folder = a_folder_of_journals(tmp_path)
    command = ["dashboard", "--json", "--journal", str(folder / "live.db"), "--port", "0", *flags]
    process = subprocess.Popen(
        [sys.executable, "-m", "cointrader", *command],
        cwd=tmp_path,
        env={
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            **more,
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    place = json.loads(process.stdout.readline())
    token = Path(place["token_file"]).read_text(encoding="ascii").strip()
    login = _get(f"{place['url']}api/v1/login", JSON, json.dumps({"token": token}).encode())
    cookie = login.partition("Set-Cookie: ")[2].partition(";")[0].partition("=")[2]
    assert len(cookie) >= 20
    answers = [
        _sent(place["port"], sent.replace(TOKEN, token).replace(COOKIE, cookie).encode("latin-1"))
        for sent in MALFORMED.values()
    ]
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)

    assert [json.loads(answer.partition(b"\r\n\r\n")[2]) for answer in answers] == (
        [AS_A_400] * len(MALFORMED)
    )
    told = f"{answers}{out}{err}"
    assert [secret for secret in (token, cookie) if secret in told] == []
    assert "Traceback" not in err
    assert err.count("malformed") == (len(MALFORMED) if "LOG_LEVEL" in more else 0)
    assert len(err.splitlines()) <= 3 or "LOG_LEVEL" in more
    assert not (tmp_path / "bots.log").exists()
    assert process.returncode == 0
