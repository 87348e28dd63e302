"""The Discord notifier against a real HTTP server that behaves in every way a server can."""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import os
import resource
import signal
import subprocess
import sys
import threading
import time

import pytest
import structlog

from cointrader import DiscordNotifier
from cointrader.app.virtual_time import VirtualLoop
from cointrader.domain.errors import ConfigError
from cointrader.domain.ports import Notifier
from cointrader.domain.records import Alert
from cointrader.ops.discord import Pace
from tests.unit.ops.chat_server import OK, Chat, drip, hang_up, serving, silence, slow, status

NOON = 1_735_732_800_000  # 2025-01-01 12:00 UTC
QUICK = Pace(
    gather_s=0.03,
    timeout_s=0.2,
    first_pause_s=0.02,
    longest_pause_s=0.05,
    refused_pause_s=30.0,
)


def an_alert(text="the stop is missing", level="warning", symbol="XRPUSDT"):
    return Alert(NOON, level, symbol, text)


@contextlib.contextmanager
def notifying(chat, **settings):
    notifier = DiscordNotifier(chat.url, **{"pace": QUICK, **settings})
    try:
        yield notifier
    finally:
        notifier.close(0.5)


@pytest.fixture(autouse=True)
def logged():
    """Everything logged, as text; no test may find the webhook in it."""
    out = io.StringIO()
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(file=out))
    yield out
    structlog.reset_defaults()
    assert "t0ken" not in out.getvalue()
    assert "4711" not in out.getvalue()


def test_an_alert_arrives_with_prefix_level_symbol_and_time_and_mentions_nobody():
    with serving(Chat()) as chat, notifying(chat, prefix="paper") as notifier:
        notifier.send(an_alert("no stop at 0.5 @everyone"))
        chat.wait_for_posts(1)

    assert chat.bodies == [
        {
            "content": (
                r"[paper] **WARNING** XRPUSDT 2025-01-01 12:00 UTC: no stop at 0.5 @everyone"
            ),
            "allowed_mentions": {"parse": []},
            "flags": 4,
        }
    ]


def test_a_notifier_is_a_notifier():
    notifier: Notifier = DiscordNotifier("https://example.org/hook")

    assert "example" not in repr(notifier)


def test_what_waits_together_goes_as_one_message_and_the_same_is_counted():
    with serving(Chat()) as chat, notifying(chat) as notifier:
        for text in ("late", "lost", "late", "late"):
            notifier.send(an_alert(text))
        chat.wait_for_posts(1)

    assert chat.texts == [
        "**WARNING** XRPUSDT 2025-01-01 12:00 UTC: late (×3)\n"
        "**WARNING** XRPUSDT 2025-01-01 12:00 UTC: lost"
    ]


@pytest.mark.parametrize(
    ("least", "told"),
    [("info", ["I", "W", "C"]), ("warning", ["W", "C"]), ("critical", ["C"])],
)
def test_levels_below_the_least_are_not_sent(least, told):
    with serving(Chat()) as chat:
        with notifying(chat, least_level=least) as notifier:
            for level in ("info", "warning", "critical"):
                notifier.send(an_alert(f"text-{level[0].upper()}", level))
        assert [line[-1] for text in chat.texts for line in text.splitlines()] == told


def test_an_unknown_level_counts_as_a_warning():
    with serving(Chat()) as chat, notifying(chat) as notifier:
        notifier.send(an_alert("odd", level="fatal"))
        chat.wait_for_posts(1)

    assert chat.texts[0].startswith("**WARNING**")


# ---------------------------------------------------------------------- answers


@pytest.mark.parametrize(
    "limited",
    [
        status(429, {"retry_after": 0.3, "global": False}),
        status(429, {"retry_after": 0.3, "global": True}, Retry_After="60"),
        status(429, None, X_RateLimit_Reset_After="0.3"),
        status(429, {"message": "slow down"}, Retry_After="0.3"),
    ],
    ids=["body", "global", "reset-after", "retry-after"],
)
def test_429_is_waited_out_as_long_as_it_says(limited):
    with serving(Chat(limited)) as chat, notifying(chat) as notifier:
        notifier.send(an_alert())
        chat.wait_for_posts(2)

    # That it waits no longer is seen by its being there: `chat` has less patience than 60 s.
    assert chat.times[1] - chat.times[0] >= 0.3
    assert chat.texts[0] == chat.texts[1]


def test_429_without_a_time_is_tried_again_later():
    with serving(Chat(status(429, "what"))) as chat, notifying(chat) as notifier:
        notifier.send(an_alert())
        chat.wait_for_posts(2)


def test_an_exhausted_allowance_is_waited_out_before_the_next_message():
    last = status(204, None, X_RateLimit_Remaining="0", X_RateLimit_Reset_After="0.3")
    with serving(Chat(last)) as chat, notifying(chat) as notifier:
        notifier.send(an_alert("one"))
        chat.wait_for_posts(1)
        notifier.send(an_alert("two"))
        chat.wait_for_posts(2)

    assert chat.times[1] - chat.times[0] >= 0.3


@pytest.mark.parametrize(
    "trouble",
    [status(500), status(502, "<html>"), status(408), silence, hang_up, drip, slow(1.0)],
    ids=["500", "502", "408", "silence", "hang-up", "drip", "slow"],
)
def test_trouble_of_the_server_is_outlived_and_logged_once(trouble, logged):
    with serving(Chat(trouble, trouble)) as chat:
        with notifying(chat) as notifier:
            notifier.send(an_alert())
            chat.wait_for_posts(3)
        assert len(set(chat.texts)) == 1
        assert len(chat.texts) == 3

    assert logged.getvalue().count("discord.fails") == 1
    assert logged.getvalue().count("discord.works_again") == 1


def test_a_refused_connection_is_outlived():
    with serving(Chat()) as gone:
        pass
    port = int(gone.url.split(":")[2].split("/")[0])
    with notifying(gone) as notifier:
        notifier.send(an_alert())
        time.sleep(0.1)
        with serving(Chat(), port) as chat:
            chat.wait_for_posts(1)


def test_pauses_grow_to_a_bound_and_are_never_the_same():
    pauses = list(itertools.islice(Pace(first_pause_s=1, longest_pause_s=60).pauses(), 12))

    assert 0.5 <= pauses[0] <= 1
    assert 4 <= pauses[3] <= 8
    assert all(30 <= pause <= 60 for pause in pauses[6:])
    assert len(set(pauses)) == 12


def test_a_deleted_webhook_is_told_once_and_left_alone(logged):
    with serving(Chat(always=status(404))) as chat, notifying(chat) as notifier:
        notifier.send(an_alert("one"))
        chat.wait_for_posts(1)
        for text in ("two", "three"):
            notifier.send(an_alert(text))
        time.sleep(0.2)

        assert len(chat.bodies) == 1
        assert logged.getvalue().count("discord.refused") == 1


def test_a_refused_critical_message_is_tried_again_after_a_long_pause_and_a_warning_is_not():
    pace = Pace(gather_s=0.03, refused_pause_s=0.2)
    with serving(Chat(status(403))) as chat, notifying(chat, pace=pace) as notifier:
        notifier.send(an_alert("the bot has stopped", "critical"))
        notifier.send(an_alert("late"))
        chat.wait_for_posts(2)

    assert chat.times[1] - chat.times[0] >= 0.2
    assert chat.texts[1] == (
        "1 message dropped\n**CRITICAL** XRPUSDT 2025-01-01 12:00 UTC: the bot has stopped"
    )


def test_a_message_that_is_refused_for_itself_holds_up_no_other():
    with serving(Chat(status(400))) as chat, notifying(chat) as notifier:
        notifier.send(an_alert("poison", "critical"))
        chat.wait_for_posts(1)
        notifier.send(an_alert("late"))
        chat.wait_for_posts(2)

    assert chat.texts[1] == "**WARNING** XRPUSDT 2025-01-01 12:00 UTC: late"


def poison_refused(code):
    """A server that refuses whatever message has poison in it."""

    def answer(handler):
        (status(code) if "poison" in handler.chat.texts[-1] else OK)(handler)

    return answer


@pytest.mark.parametrize("code", [400, 413, 422])
def test_behind_a_refused_message_the_rest_of_its_batch_is_delivered_at_once(code, logged):
    with serving(Chat(status(code))) as chat, notifying(chat) as notifier:
        notifier.send(an_alert("first " + "x" * 1_500, "critical"))
        notifier.send(an_alert("second " + "y" * 1_500, "critical"))
        notifier.send(an_alert("third " + "z" * 1_500))
        chat.wait_for_posts(3)

    assert [text.split(": ")[1][:6] for text in chat.texts] == ["first ", "second", "third "]
    assert chat.times[2] - chat.times[0] < 1.0  # the long pause is 30 s
    assert logged.getvalue().count("discord.alert_refused") == 1
    assert "deleted" not in logged.getvalue()
    assert "critical=1" in logged.getvalue()  # what closing leaves behind


def test_alerts_that_shared_a_refused_message_are_told_but_for_the_one_to_blame(logged):
    with serving(Chat(always=poison_refused(400))) as chat, notifying(chat) as notifier:
        for text, level in [("poison", "critical"), ("no stop", "critical"), ("late", "warning")]:
            notifier.send(an_alert(text, level))
        chat.wait_for_posts(4)

    assert chat.texts[0].count("\n") == 2
    assert [text.split(": ")[1] for text in chat.texts[1:]] == ["poison", "no stop", "late"]
    assert logged.getvalue().count("discord.alert_refused") == 1


def test_an_alert_refused_again_after_the_long_pause_blocks_no_other_and_is_logged_once(logged):
    pace = Pace(gather_s=0.03, refused_pause_s=0.2)
    with serving(Chat(always=poison_refused(400))) as chat, notifying(chat, pace=pace) as notifier:
        notifier.send(an_alert("poison", "critical"))
        chat.wait_for(lambda chat: sum("poison" in text for text in chat.texts) >= 2)
        notifier.send(an_alert("no stop", "critical"))
        chat.wait_for(lambda chat: any("poison" not in text for text in chat.texts))
        chat.wait_for(lambda chat: sum("poison" in text for text in chat.texts) >= 4)

    assert sum(text.endswith("UTC: no stop") for text in chat.texts) in (1, 2)  # alone, or shared
    assert logged.getvalue().count("discord.alert_refused") == 1


def test_of_a_long_alert_with_a_refused_part_the_rest_is_not_posted_but_all_of_it_kept():
    with serving(Chat(status(400))) as chat, notifying(chat) as notifier:
        notifier.send(an_alert("word " * 1_000, "critical"))
        notifier.send(an_alert("late"))
        chat.wait_for_posts(2)
        notifier.close(0.5)

    assert len(chat.texts) == 2
    assert chat.texts[1] == "**WARNING** XRPUSDT 2025-01-01 12:00 UTC: late"


def test_a_server_that_refuses_every_message_gets_each_alert_once_alone():
    with serving(Chat(always=status(400))) as chat, notifying(chat) as notifier:
        for number in range(5):
            notifier.send(an_alert(f"number {number}"))
        chat.wait_for_posts(6)
        time.sleep(0.1)

        assert len(chat.texts) == 6


def test_a_redirect_is_not_followed():
    with serving(Chat(always=status(302, None, Location="http://127.0.0.1:1/"))) as chat:
        with notifying(chat) as notifier:
            notifier.send(an_alert())
            chat.wait_for_posts(1)
            time.sleep(0.1)
        assert len(chat.bodies) == 1


# ---------------------------------------------------------------------- never in the way


def test_ten_thousand_alerts_are_queued_at_once_while_the_server_is_silent(tmp_path):
    store, pace = tmp_path / "alerts", Pace(gather_s=0.03, timeout_s=30.0)
    with serving(Chat(always=silence)) as chat, notifying(chat, store=store, pace=pace) as notifier:
        notifier.send(an_alert("first"))
        chat.wait_for_posts(1)
        started = time.monotonic()
        for number in range(9_900):
            notifier.send(an_alert(f"number {number}"))
        for number in range(100):
            notifier.send(an_alert(f"stop {number}", "critical"))
        took = time.monotonic() - started

        assert took < 15.0  # the server is waited for twice as long


def test_alerts_from_many_threads_and_loops_arrive_once_each():
    async def from_a_loop(notifier, name):
        for number in range(20):
            notifier.send(an_alert(f"{name}.{number};"))
            await asyncio.sleep(0)

    with serving(Chat()) as chat:
        with notifying(chat) as notifier:
            threads = [
                threading.Thread(target=asyncio.run, args=(from_a_loop(notifier, name),))
                for name in "abcd"
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        told = "\n".join(chat.texts)

    assert all(told.count(f" {n}.{i};") == 1 for n in "abcd" for i in range(20))


def test_a_loop_in_virtual_time_sends_for_real():
    async def a_day_later(notifier):
        await asyncio.sleep(86_400)
        notifier.send(an_alert("a day later"))

    with serving(Chat()) as chat, notifying(chat) as notifier:
        loop = VirtualLoop()
        try:
            loop.run_until_complete(a_day_later(notifier))
        finally:
            loop.close()
        chat.wait_for_posts(1)


def test_what_cannot_be_an_alert_is_logged_and_raises_nothing(logged):
    with serving(Chat()) as chat, notifying(chat) as notifier:
        notifier.send(None)

    assert "discord.not_queued" in logged.getvalue()


def test_what_was_dropped_is_told():
    with serving(Chat(slow(0.1))) as chat, notifying(chat, capacity=3) as notifier:
        notifier.send(an_alert("first"))
        chat.wait_for_posts(1)
        for number in range(15):
            notifier.send(an_alert(f"number {number}"))
        chat.wait_for_posts(2)

    assert chat.texts[1].splitlines()[0] == "12 messages dropped"
    assert [line[-2:] for line in chat.texts[1].splitlines()[1:]] == ["12", "13", "14"]


def test_making_one_starts_no_thread_and_touches_no_file(tmp_path):
    before = threading.active_count()

    DiscordNotifier("https://example.org/hook", store=tmp_path / "alerts")

    assert threading.active_count() == before
    assert list(tmp_path.iterdir()) == []


def test_importing_it_loads_no_network():
    code = "from cointrader import DiscordNotifier; import sys; print(*sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )

    assert {"http.client", "aiohttp"} & set(shown.stdout.split()) == set()


# ---------------------------------------------------------------------- closing


def test_closing_sends_what_waits_without_waiting_for_more():
    pace = Pace(gather_s=30.0)
    with serving(Chat()) as chat:
        with DiscordNotifier(chat.url, pace=pace) as notifier:
            notifier.send(an_alert("one"))
            notifier.send(an_alert("two"))
        assert len(chat.bodies) == 1
        assert chat.texts[0].count("\n") == 1


def test_closing_cuts_a_pause_short_and_tries_once_more():
    pace = Pace(gather_s=0.01, first_pause_s=60.0)
    with serving(Chat(status(500))) as chat:
        with DiscordNotifier(chat.url, pace=pace) as notifier:
            notifier.send(an_alert())
            chat.wait_for_posts(1)
            time.sleep(0.05)
        assert len(chat.bodies) == 2


def test_closing_ends_in_time_when_the_server_is_silent_and_tells_what_was_lost(logged):
    with serving(Chat(always=silence)) as chat:
        notifier = DiscordNotifier(chat.url, pace=Pace(gather_s=0.01))
        notifier.send(an_alert("one"))
        chat.wait_for_posts(1)
        notifier.send(an_alert("two"))
        started = time.monotonic()
        notifier.close(0.2)
        assert time.monotonic() - started < 1.0

    assert "discord.closed_with_alerts" in logged.getvalue()
    assert "untold=2" in logged.getvalue()


def test_a_critical_alert_after_closing_is_kept_for_the_next_start(tmp_path):
    store = tmp_path / "alerts"
    with serving(Chat()) as chat:
        notifier = DiscordNotifier(chat.url, store=store, pace=QUICK)
        notifier.close()
        notifier.send(an_alert("too late", "critical"))
        assert chat.bodies == []

        with notifying(chat, store=store) as notifier:
            notifier.start()
            chat.wait_for_posts(1)


# ---------------------------------------------------------------------- critical alerts on disk


def test_a_critical_alert_that_was_told_leaves_nothing_behind(tmp_path):
    store = tmp_path / "alerts"
    with serving(Chat()) as chat, notifying(chat, store=store) as notifier:
        notifier.send(an_alert("the bot has stopped", "critical"))
        assert store.exists()
        chat.wait_for(lambda _: not store.exists())


def test_an_untold_critical_alert_is_told_late_by_the_next_process_and_a_warning_is_not(tmp_path):
    store = tmp_path / "alerts"
    with serving(Chat(always=status(500))) as chat, notifying(chat, store=store) as notifier:
        notifier.send(an_alert("the bot has stopped", "critical"))
        notifier.send(an_alert("late"))
        chat.wait_for_posts(1)

    with serving(Chat()) as chat:
        with notifying(chat, store=store) as notifier:
            notifier.start()
            chat.wait_for_posts(1)
        assert chat.texts == [
            "**CRITICAL** XRPUSDT 2025-01-01 12:00 UTC, told late: the bot has stopped"
        ]
    assert not store.exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from cointrader import DiscordNotifier
from cointrader.domain.records import Alert

notifier = DiscordNotifier(sys.argv[1], store=Path(sys.argv[2]))
notifier.send(Alert(1_735_732_800_000, "critical", "XRPUSDT", "no stop ä\\nsecond line"))
notifier.send(Alert(1_735_732_800_000, "critical", "", "books disagree"))
if sys.argv[3] == "wait":
    sys.stdin.read()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("moment", ["at-once", "wait"])
def test_critical_alerts_of_a_killed_process_are_told_at_the_next_start(tmp_path, moment):
    store = tmp_path / "alerts"
    with serving(Chat(always=silence)) as chat:
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, chat.url, str(store), moment],
            stdin=subprocess.PIPE,
            env={"PYTHONPATH": ":".join(sys.path), "PATH": os.environ.get("PATH", "")},
        )
        if moment == "wait":
            chat.wait_for_posts(1)
        process.communicate()
        assert process.returncode == -signal.SIGKILL

    with serving(Chat()) as chat:
        with notifying(chat, store=store) as notifier:
            notifier.start()
            chat.wait_for_posts(1)
        assert chat.texts == [
            "**CRITICAL** XRPUSDT 2025-01-01 12:00 UTC, told late: no stop ä\nsecond line\n"
            "**CRITICAL** 2025-01-01 12:00 UTC, told late: books disagree"
        ]
    assert not store.exists()


def test_a_folder_that_is_not_there_degrades_to_memory_with_one_warning(tmp_path, logged):
    store = tmp_path / "nowhere" / "alerts"
    with serving(Chat()) as chat:
        with notifying(chat, store=store) as notifier:
            for number in range(3):
                notifier.send(an_alert(f"number {number}", "critical"))
        assert "\n".join(chat.texts).count("CRITICAL") == 3

    assert logged.getvalue().count("alerts.not_stored") == 1


@pytest.fixture
def full_disk():
    """No file may grow past 100 bytes: writes are cut short, then fail, as on a full disk."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, usual[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, usual)


def test_a_full_disk_degrades_to_memory_with_one_warning(tmp_path, full_disk, logged):
    with serving(Chat()) as chat:
        with notifying(chat, store=tmp_path / "alerts") as notifier:
            for number in range(3):
                notifier.send(an_alert(f"number {number}", "critical"))
        assert "\n".join(chat.texts).count("CRITICAL") == 3

    assert logged.getvalue().count("alerts.not_stored") == 1


# ---------------------------------------------------------------------- the address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "discord.com/api/webhooks/4711/t0ken",
        "ftp://discord.com/t0ken",
        "https:///t0ken",
        "https://discord.com:port/t0ken",
        "https://discord.com:0/t0ken",
        "https://discord.com/t0 ken",
        "https://discord.com/t0ken\nHost: x",
        "https://[discord/t0ken",
    ],
)
def test_what_is_no_web_address_is_refused_and_not_shown(url):
    with pytest.raises(ConfigError, match="DISCORD_WEBHOOK_URL") as refused:
        DiscordNotifier(url)

    assert "t0" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_an_unknown_least_level_is_refused():
    with pytest.raises(ConfigError, match="unknown level"):
        DiscordNotifier("https://example.org/hook", least_level="loud")
