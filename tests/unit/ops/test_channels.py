"""All channels of a process together: who hears what, and when, and what never gets out."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import structlog

from cointrader.domain.clock import SystemClock
from cointrader.domain.errors import ConfigError
from cointrader.domain.records import Alert, RiskEvent
from cointrader.ops import channels
from cointrader.ops.discord import DiscordNotifier
from cointrader.ops.notifier import Pace
from cointrader.ops.quiet import QuietHours
from tests.unit.ops import bot_api
from tests.unit.ops.bot_api import OWNER, STRANGER, TOKEN
from tests.unit.ops.chat_server import Chat, serving, status

NOON = 1_735_732_800_000  # 2025-01-01 12:00 UTC
QUICK = Pace(
    gather_s=0.03, timeout_s=1.0, first_pause_s=0.02, longest_pause_s=0.05, refused_pause_s=30.0
)
HALT = RiskEvent(NOON, "halted", "", "daily-loss", "lost 51.00 of 1000.00")
DEPOSIT = RiskEvent(NOON, "deposit", detail="100")


@dataclass
class Settings:
    """Who is told."""

    discord_webhook_url: str = ""
    discord_level: str = "info"
    telegram_token: str = ""
    telegram_chat_ids: str = "off"
    telegram_level: str = "warning"
    telegram_url: str = "https://telegram.test"
    notify_urls: str = ""
    notify_level: str = "warning"
    quiet_hours: str = "off"


@pytest.fixture(autouse=True)
def logged():
    """Everything logged, by us and by libraries, at every level; no test may find a secret."""
    out = io.StringIO()
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(file=out))
    handler = logging.StreamHandler(out)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield out
    root.removeHandler(handler)
    root.setLevel(before)
    structlog.reset_defaults()
    for secret in ("t0ken", "4711", "planted"):
        assert secret not in out.getvalue()


def opened(settings, tmp_path, **more):
    return channels.opened(settings, tmp_path / "live.db", prefix="", pace=QUICK, **more)


def all_quiet():
    """Hours that began an hour ago and end in an hour."""
    hour = SystemClock().now_ms() // 3_600_000 % 24
    return f"{(hour - 1) % 24:02}:00-{(hour + 2) % 24:02}:00"


def test_each_channel_hears_what_its_level_says(tmp_path):
    with serving(Chat()) as chat, bot_api.serving() as api:
        settings = Settings(
            discord_webhook_url=chat.url, telegram_token=TOKEN, telegram_url=api.url,
            telegram_chat_ids=f"{OWNER},43",
        )  # fmt: skip
        with opened(settings, tmp_path) as told:
            told.hear(DEPOSIT)
            told.hear(HALT)
            chat.wait_for(lambda chat: len(chat.bodies) >= 2)
            for number in (OWNER, 43):
                api.wait_for_text("Daily loss limit reached", number)

    line, card = chat.bodies
    assert line["content"].endswith("deposited: 100")
    assert card["embeds"][0]["title"] == "Daily loss limit reached"
    assert "flags" not in card  # it would hide the embed
    assert not any("deposited" in text for text in api.texts())


def test_a_run_at_full_speed_tells_alerts_alone(tmp_path):
    with serving(Chat()) as chat:
        settings = Settings(discord_webhook_url=chat.url)
        with opened(settings, tmp_path, tells_stories=False) as told:
            told.hear(HALT)
            told.hear(Alert(NOON, "warning", "", "late"))
            chat.wait_for_posts(1)
    assert [text.split(": ")[1] for text in chat.texts] == ["late"]


def test_where_somebody_else_tells_discord_of_alerts_it_gets_stories_alone(tmp_path):
    with serving(Chat()) as chat:
        settings = Settings(discord_webhook_url=chat.url)
        with opened(settings, tmp_path, alerts_on_discord=False) as told:
            told.hear(Alert(NOON, "critical", "", "no stop"))
            told.hear(HALT)
            chat.wait_for_posts(1)
    assert [body["embeds"][0]["title"] for body in chat.bodies] == ["Daily loss limit reached"]
    assert not list(tmp_path.iterdir())


def test_in_quiet_hours_only_what_is_critical_goes_out_and_the_rest_waits(tmp_path):
    quiet = QuietHours.of(all_quiet())
    with serving(Chat()) as chat:
        notifier = DiscordNotifier(chat.url, pace=QUICK, quiet=quiet)
        notifier.send(Alert(NOON, "warning", "", "late"))
        notifier.send(Alert(NOON, "critical", "", "no stop"))
        chat.wait_for(lambda _: notifier.health().undelivered_critical == 0)
        assert notifier.health().waiting == 1
        notifier.close(0.2)

    assert [text.split(": ")[1] for text in chat.texts] == ["no stop"]


def test_what_waited_goes_out_when_the_quiet_hours_end():
    class Ending(QuietHours):
        """Quiet hours that a test ends."""

        is_over = False

        def left_s(self, now_s):
            return 0.0 if Ending.is_over else 0.05

    with serving(Chat()) as chat:
        notifier = DiscordNotifier(chat.url, pace=QUICK, quiet=Ending(0, 1))
        for _ in range(3):
            notifier.send(Alert(NOON, "warning", "", "late"))
        assert chat.bodies == []
        Ending.is_over = True
        chat.wait_for_posts(1)
        notifier.close(0.5)

    assert chat.texts == ["**WARNING** 2025-01-01 12:00 UTC: late (×3)"]


def test_a_critical_alert_waits_for_each_channel_on_its_own(tmp_path):
    alert = Alert(NOON, "critical", "XRPUSDT", "no stop")
    gone = bot_api.Trouble(403, {"ok": False})
    with serving(Chat(always=status(404))) as chat, bot_api.serving() as api:
        settings = Settings(
            discord_webhook_url=chat.url, telegram_token=TOKEN, telegram_url=api.url,
            telegram_chat_ids=str(OWNER),
        )  # fmt: skip
        api.trouble("sendMessage", gone)
        with opened(settings, tmp_path) as told:
            told.hear(alert)
            chat.wait_for_posts(1)
            api.wait_for(lambda api: not api.troubles["sendMessage"])
            assert {each.health().undelivered_critical for each in told.notifiers} == {1}
        assert len(list(tmp_path.glob("live.db.outbox*"))) == 2
        with opened(settings, tmp_path):
            api.wait_for_text("told late: no stop")
    assert [path.name for path in tmp_path.glob("live.db.outbox*")] == ["live.db.outbox"]


def test_a_stranger_is_told_to_all_channels_where_no_process_listens(tmp_path):
    with bot_api.serving() as api:
        settings = Settings(
            telegram_token=TOKEN, telegram_url=api.url, telegram_chat_ids=str(OWNER)
        )
        with opened(settings, tmp_path):
            api.write("/flatten", STRANGER)
            api.write("/status")
            api.wait_for_text(f"somebody in Telegram chat {STRANGER}")
            assert "no process takes commands" in api.wait_for_text("Not known to be done")


def test_nothing_configured_starts_nothing(tmp_path):
    before = threading.active_count()

    with opened(Settings(), tmp_path) as told:
        told.hear(HALT)
        assert threading.active_count() == before
        assert told.health() == []


@pytest.mark.parametrize(
    ("settings", "where"),
    [(Settings(telegram_token=TOKEN), "TELEGRAM_CHAT_IDS"),
     (Settings(telegram_token="planted", telegram_chat_ids="42"), "TELEGRAM_TOKEN"),
     (Settings(discord_webhook_url="planted"), "DISCORD_WEBHOOK_URL"),
     (Settings(discord_webhook_url="https://discord.test", quiet_hours="9-5"), "QUIET_HOURS")],
)  # fmt: skip
def test_what_cannot_work_is_said_at_once_and_shows_no_secret(settings, where, tmp_path):
    with pytest.raises(ConfigError, match=where) as refused, opened(settings, tmp_path):
        pass

    assert "planted" not in str(refused.value)
    assert "t0ken" not in str(refused.value)


# ---------------------------------------------------------------------- apprise


@contextmanager
def a_service():
    """Whatever is posted here is remembered; paths with `broken` in them fail."""
    bodies, attempts = [], []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            attempts.append(self.path)
            is_broken = "broken" in self.path and len(attempts) < 4
            if not is_broken:
                bodies.append((self.path, body))
            self.send_response(500 if is_broken else 200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}", bodies
        finally:
            server.shutdown()
            thread.join()


def wait_for(is_so, seconds=20):
    done = threading.Event()
    for _ in range(seconds * 100):
        if is_so():
            return
        done.wait(0.01)
    raise AssertionError("still waiting")


def test_other_channels_are_spoken_to_by_apprise_and_one_that_fails_is_tried_again(tmp_path):
    pytest.importorskip("apprise", reason="the extra notify is not installed")
    with a_service() as (host, bodies):
        urls = f"json://user:planted@{host}/one json://{host}/broken-planted"
        with opened(Settings(notify_urls=urls), tmp_path) as told:
            told.hear(HALT)
            wait_for(lambda: len(bodies) == 2)

    assert {path for path, _ in bodies} == {"/one", "/broken-planted"}
    assert all("Daily loss limit reached" in body for _, body in bodies)


def test_an_address_that_apprise_does_not_know_is_named_by_its_number(tmp_path):
    pytest.importorskip("apprise", reason="the extra notify is not installed")
    settings = Settings(notify_urls="json://127.0.0.1, nonsense://planted")

    with pytest.raises(ConfigError, match="NOTIFY_URLS, address 2") as refused:
        opened(settings, tmp_path).__enter__()

    assert "planted" not in str(refused.value)


WITHOUT_APPRISE = """
import sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "apprise":
            raise ModuleNotFoundError("No module named 'apprise'", name="apprise")

sys.meta_path.insert(0, Missing())
from cointrader.domain.errors import ConfigError
from cointrader.ops.apprise_channel import AppriseNotifier
try:
    AppriseNotifier("json://planted")
except ConfigError as error:
    print(error)
"""


def test_without_the_library_it_says_what_to_install():
    shown = subprocess.run(
        [sys.executable, "-c", WITHOUT_APPRISE], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip

    assert "pip install 'cointrader[notify]'" in shown.stdout
    assert "planted" not in shown.stdout


def test_what_listens_to_commands_is_told_beside_the_channels(tmp_path):
    with bot_api.serving() as api:
        settings = Settings(
            telegram_token=TOKEN, telegram_url=api.url, telegram_chat_ids=str(OWNER)
        )
        with opened(settings, tmp_path) as told:
            heard = {each.name: each for each in told.health()}
        with opened(settings, tmp_path, takes_commands=False) as told:
            deaf = {each.name for each in told.health()}

    assert list(heard) == ["telegram", "telegram-commands"]
    assert heard["telegram-commands"].silent_s is not None
    assert deaf == {"telegram"}
