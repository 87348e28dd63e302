"""Telegram against a real HTTP server: alerts out, commands in, and whatever may go wrong."""

from __future__ import annotations

import contextlib
import io
import json
import time

import pytest
import structlog

from cointrader.domain.errors import ConfigError, UsageError
from cointrader.domain.records import Alert
from cointrader.ops.control import Answer
from cointrader.ops.notifier import Pace
from cointrader.ops.telegram import TelegramNotifier
from cointrader.ops.telegram_api import TelegramApi
from cointrader.ops.telegram_commands import TelegramCommands
from cointrader.ops.telegram_offset import GOOD_FOR_S, Offset
from cointrader.ops.telegram_talk import CODE_GOOD_FOR_S, Talk
from tests.unit.ops.bot_api import OWNER, STRANGER, TOKEN, BotApi, Trouble, limited, serving

NOON = 1_735_732_800_000  # 2025-01-01 12:00 UTC
QUICK = Pace(
    gather_s=0.03, timeout_s=1.0, first_pause_s=0.02, longest_pause_s=0.05, refused_pause_s=30.0
)


@pytest.fixture(autouse=True)
def logged():
    """Everything logged, at every level, as text; no test may find the token in it."""
    out = io.StringIO()
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(file=out))
    yield out
    structlog.reset_defaults()
    assert "t0ken" not in out.getvalue()
    assert "never_shown_name" not in out.getvalue()


class Process:
    """Takes commands, and remembers them."""

    def __init__(self) -> None:
        self.asked: list[tuple] = []
        self.error: Exception | None = None
        self.is_done = True

    def __call__(self, name, arguments, who):
        self.asked.append((name, dict(arguments), who))
        if self.error is not None:
            raise self.error
        return Answer(self.is_done, (f"{name} was heard",))

    @property
    def names(self):
        return [name for name, _, _ in self.asked]


@contextlib.contextmanager
def listening(api, process, *, path=None, warnings=None, chats=(OWNER,), **settings):
    bot = TelegramApi(TOKEN, api.url)
    talk = Talk(process, new_code=lambda: "123456", **settings)
    offset = Offset(path, bot.bot_key)
    warn = (lambda text: None) if warnings is None else warnings.append
    commands = TelegramCommands(bot, chats, talk, offset, warn=warn, pace=QUICK, long_poll_s=1.0)
    commands.start()
    try:
        yield commands
    finally:
        commands.close()


def settled(api):
    """Two polls later nothing that was written is left unread."""
    polls = api.polls()
    api.wait_for(lambda api: not api.updates or api.polls() >= polls + 2)


# ---------------------------------------------------------------------- alerts


def notifying(api, **settings):
    bot = TelegramApi(TOKEN, api.url)
    return TelegramNotifier(bot, OWNER, **{"pace": QUICK, "least_level": "info", **settings})


def test_an_alert_arrives_as_plain_text_and_information_makes_no_sound():
    with serving() as api, notifying(api, prefix="paper") as notifier:
        notifier.send(Alert(NOON, "info", "XRPUSDT", "a *plain* _word_"))
        api.wait_for_text("plain")
        notifier.send(Alert(NOON, "critical", "XRPUSDT", "no stop"))
        api.wait_for_text("no stop")

    first, second = api.sent
    assert first["text"] == "[paper] INFO XRPUSDT 2025-01-01 12:00 UTC: a *plain* _word_"
    assert first["disable_notification"] is True
    assert second["disable_notification"] is False
    assert "parse_mode" not in first


@pytest.mark.parametrize(
    "trouble",
    [limited(0.05), Trouble(502, "<html>"), Trouble(200, "no json"), Trouble(500, "", 2.0)],
    ids=["429", "502", "no-json", "slow"],
)
def test_trouble_of_the_server_is_outlived_by_an_alert(trouble):
    with serving() as api, notifying(api) as notifier:
        api.trouble("sendMessage", trouble)
        notifier.send(Alert(NOON, "warning", "", "late"))

        assert api.wait_for_text("late") == "WARNING 2025-01-01 12:00 UTC: late"


def test_429_is_waited_out_as_long_as_telegram_says():
    with serving() as api, notifying(api) as notifier:
        api.trouble("sendMessage", limited(0.5))
        began = time.monotonic()
        notifier.send(Alert(NOON, "warning", "", "late"))
        api.wait_for_text("late")

    assert time.monotonic() - began >= 0.5


def test_a_chat_that_is_none_keeps_critical_alerts_for_the_next_start(tmp_path, logged):
    gone = Trouble(400, {"ok": False, "description": "Bad Request: chat not found"})
    store = tmp_path / "outbox"
    with serving() as api:
        with notifying(api, store=store) as notifier:
            api.trouble("sendMessage", gone)
            notifier.send(Alert(NOON, "critical", "", "no stop"))
            api.wait_for(lambda _: "telegram.refused" in logged.getvalue())
        with notifying(api, store=store):
            assert "told late: no stop" in api.wait_for_text("no stop")
    assert not store.exists()


# ---------------------------------------------------------------------- commands


@pytest.mark.parametrize(
    ("written", "asked"),
    [("/status", "state"), ("/POSITIONS@my_bot", "positions"), ("/pnl", "pnl"),
     ("/pause", "pause"), ("/resume now", "resume")],
)  # fmt: skip
def test_a_command_is_carried_out_with_who_asked_and_answered(written, asked):
    process = Process()
    with serving() as api, listening(api, process):
        api.write(written)
        api.wait_for_text(f"{asked} was heard")

    assert process.asked == [(asked, {}, f"Telegram chat {OWNER}")]


def test_in_a_group_the_person_is_named_too():
    process = Process()
    with serving() as api, listening(api, process, chats=(-1001,)):
        api.write("/pause", -1001, user=77)
        api.wait_for_text("pause was heard", -1001)

    assert process.asked[0][2] == "Telegram chat -1001, user 77"


def test_help_and_a_command_that_is_none_tell_what_there_is_and_talk_is_ignored():
    process = Process()
    with serving() as api, listening(api, process):
        for text in ("/help", "/sell", "good morning"):
            api.write(text)
        api.wait_for(lambda api: len(api.texts()) == 2)
        settled(api)

    assert process.asked == []
    assert "/flatten" in api.texts()[0]
    assert api.texts()[1].startswith("There is no such command.\n/status")


@pytest.mark.parametrize(
    ("written", "symbols", "named"),
    [("/flatten", [], "EVERYTHING"), ("/flatten xrpusdt, TRXUSDT", ["XRPUSDT", "TRXUSDT"],
     "XRPUSDT, TRXUSDT")],
)  # fmt: skip
def test_flatten_waits_for_its_code(written, symbols, named):
    process = Process()
    with serving() as api, listening(api, process):
        api.write(written)
        api.wait_for_text(f"Close {named} at market")
        assert process.asked == []
        api.write("/yes 123456")
        api.wait_for_text("flatten was heard")

    assert process.asked == [("flatten", {"symbols": symbols}, f"Telegram chat {OWNER}")]
    assert api.sent[0]["reply_markup"]["inline_keyboard"][0][0]["callback_data"] == "yes:123456"


def test_flatten_can_be_confirmed_by_a_button_and_only_once():
    process = Process()
    with serving() as api, listening(api, process):
        api.write("/flatten")
        api.wait_for_text("Close EVERYTHING")
        for _ in range(3):
            api.press("yes:123456")
        api.wait_for(lambda api: sum("Nothing waits" in text for text in api.texts()) == 2)

    assert process.names == ["flatten"]
    assert any(method == "answerCallbackQuery" for method, _ in api.calls)


def test_flatten_can_be_taken_back():
    process = Process()
    with serving() as api, listening(api, process):
        api.write("/flatten")
        api.wait_for_text("Close EVERYTHING")
        api.press("no")
        api.wait_for_text("Nothing is closed.")
        api.write("/yes 123456")
        api.wait_for_text("Nothing waits")

    assert process.asked == []


def test_a_wrong_code_closes_nothing_and_the_third_ends_it():
    process = Process()
    with serving() as api, listening(api, process):
        api.write("/flatten")
        for _ in range(3):
            api.write("/yes 000000")
        api.write("/yes 123456")
        api.wait_for_text("Nothing waits")

    assert process.asked == []


def test_a_code_is_good_for_a_minute():
    now = [0.0]
    process = Process()
    with serving() as api, listening(api, process, now_s=lambda: now[0]):
        api.write("/flatten")
        api.wait_for_text("Close EVERYTHING")
        now[0] = CODE_GOOD_FOR_S + 1
        api.write("/yes 123456")
        api.wait_for_text("Nothing waits")

    assert process.asked == []


def test_the_code_of_one_chat_confirms_nothing_in_another():
    process = Process()
    with serving() as api, listening(api, process, chats=(OWNER, 43)):
        api.write("/flatten")
        api.wait_for_text("Close EVERYTHING")
        api.write("/yes 123456", 43)
        api.wait_for_text("Nothing waits", 43)

    assert process.asked == []


@pytest.mark.parametrize("written", ["/flatten ../x", "/flatten XRP/USDT", "/flatten " + "x" * 99])
def test_what_is_no_symbol_asks_nothing(written):
    process = Process()
    with serving() as api, listening(api, process):
        api.write(written)
        api.wait_for_text("no symbol")
        api.write("/yes 123456")
        api.wait_for_text("Nothing waits")

    assert process.asked == []


def test_a_command_that_fails_says_that_it_is_not_done():
    process = Process()
    process.error = UsageError("this process does not trade that symbol", found="ABC")
    with serving() as api, listening(api, process):
        api.write("/pause")
        assert "does not trade" in api.wait_for_text("Not known to be done")
        process.error, process.is_done = None, False
        api.write("/pause")
        api.wait_for_text("NOT done: pause was heard")


# ---------------------------------------------------------------------- who, when, how often


def test_a_stranger_gets_no_answer_changes_nothing_and_is_told_once():
    process = Process()
    warnings: list[str] = []
    with serving() as api, listening(api, process, warnings=warnings):
        for text in ("/status", "/flatten", "/yes 123456"):
            api.write(text, STRANGER)
        api.press("yes:123456", STRANGER)
        api.write("/status")
        api.wait_for_text("state was heard")

    assert process.names == ["state"]
    assert api.texts(STRANGER) == []
    assert len(warnings) == 1
    assert f"chat {STRANGER}" in warnings[0]
    assert "never_shown_name" not in warnings[0]


def test_an_edited_message_is_no_command():
    process = Process()
    with serving() as api, listening(api, process):
        api.edit("/pause")
        api.write("/status")
        api.wait_for_text("state was heard")

    assert process.names == ["state"]


def test_what_was_written_more_than_a_minute_ago_is_not_carried_out_and_that_is_said_once():
    process = Process()
    with serving() as api:
        for _ in range(3):
            api.write("/resume", age_s=90)
        api.write("/status", age_s=30)
        with listening(api, process):
            api.wait_for_text("state was heard")

    assert process.names == ["state"]
    assert sum("too long ago" in text for text in api.texts()) == 1


def test_an_update_that_is_delivered_again_is_carried_out_once(tmp_path):
    process = Process()
    with serving(BotApi(forgets_offsets=True)) as api:
        with listening(api, process, path=tmp_path / "read"):
            api.write("/pause")
            api.wait_for_text("pause was heard")
            api.wait_for(lambda api: api.polls() >= 5)
        with listening(api, process, path=tmp_path / "read"):  # a restart
            api.wait_for(lambda api: api.polls() >= 10)

    assert process.names == ["pause"]


def test_a_command_is_noted_as_read_before_it_is_carried_out(tmp_path):
    path = tmp_path / "read"
    seen = []

    def process(name, arguments, who):
        seen.append(json.loads(path.read_text())["next"])
        return Answer(True, ("done",))

    with serving() as api, listening(api, process, path=path):
        update = api.write("/pause")
        api.wait_for_text("done")

    assert seen == [update["update_id"] + 1]
    assert path.stat().st_mode & 0o777 == 0o600


def test_another_bots_count_and_one_of_last_week_are_not_gone_on_with(tmp_path):
    path = tmp_path / "read"
    Offset(path, "one").read(500, NOON / 1000)
    same, other = Offset(path, "one"), Offset(path, "another")
    for each in (same, other):
        each.load()

    assert same.next(NOON / 1000 + 60) == 501
    assert other.next(NOON / 1000 + 60) == 0
    assert same.next(NOON / 1000 + GOOD_FOR_S) == 0


def test_a_file_that_cannot_be_written_is_told_once(tmp_path, logged):
    offset = Offset(tmp_path / "nowhere" / "read", "one")
    for number in range(3):
        offset.read(number, NOON / 1000)

    assert offset.next(NOON / 1000) == 3
    assert logged.getvalue().count("telegram.offset_not_stored") == 1


# ---------------------------------------------------------------------- a server in trouble


@pytest.mark.parametrize(
    "trouble",
    [limited(0.05), Trouble(502, "<html>"), Trouble(200, "no json"), Trouble(409, "{}"),
     Trouble(200, {"ok": True, "result": [{"update_id": 1, "message": "odd"}, "odd", {}]})],
    ids=["429", "502", "no-json", "409", "odd"],
)  # fmt: skip
def test_trouble_of_the_server_is_outlived_by_commands(trouble):
    process = Process()
    with serving() as api:
        api.trouble("getUpdates", trouble, trouble)
        with listening(api, process):
            api.write("/status")
            api.wait_for_text("state was heard")

    assert process.names == ["state"]


def test_a_reply_is_tried_again_and_the_command_is_not():
    process = Process()
    with serving() as api, listening(api, process):
        api.trouble("sendMessage", limited(0.05), Trouble(502))
        api.write("/pause")
        api.wait_for_text("pause was heard")

    assert process.names == ["pause"]


def test_a_token_that_is_refused_is_told_once(logged):
    with serving() as api:
        api.trouble("getUpdates", Trouble(401, "{}"))
        with listening(api, Process()):
            api.wait_for(lambda _: "telegram.commands_fail" in logged.getvalue())

    assert "TELEGRAM_TOKEN" in logged.getvalue()


def test_closing_does_not_wait_for_the_long_poll():
    with serving() as api:
        bot = TelegramApi(TOKEN, api.url)
        commands = TelegramCommands(
            bot, (OWNER,), Talk(Process()), Offset(None, bot.bot_key), warn=print,
            long_poll_s=60.0,
        )  # fmt: skip
        commands.start()
        api.wait_for(lambda api: api.polls() == 1)
        began = time.monotonic()
        commands.close(30.0)

        assert time.monotonic() - began < 20.0


@pytest.mark.parametrize("token", ["", "t0ken", "4711:", "4711:t0 ken", "4711:t0ken/../x"])
def test_what_is_no_token_is_refused_and_not_shown(token):
    with pytest.raises(ConfigError, match="TELEGRAM_TOKEN") as refused:
        TelegramApi(token)

    assert "t0" not in str(refused.value)


def test_nothing_shows_the_token():
    api = TelegramApi(TOKEN, "https://telegram.test/x")

    assert "t0ken" not in f"{api!r} {api} {TelegramNotifier(api, 1)!r} {api.bot_key}"


def test_what_is_no_server_is_refused():
    with pytest.raises(ConfigError, match="TELEGRAM_URL"):
        TelegramApi(TOKEN, "ftp://telegram.test")


# ---------------------------------------------------------------------- how it does


def test_a_bot_that_hears_its_chats_is_fine_and_tells_since_when():
    with serving() as api, listening(api, Process()) as commands:
        settled(api)
        health = commands.health()

    assert (health.name, health.is_failing) == ("telegram-commands", False)
    assert health.silent_s is not None
    assert 0 <= health.silent_s < 15


def test_a_bot_whose_messages_somebody_else_reads_is_failing_until_it_hears_again():
    with serving() as api:
        api.trouble("getUpdates", *[Trouble(409, {"ok": False})] * 5)
        with listening(api, Process()) as commands:
            api.wait_for(lambda api: api.polls() >= 2)
            assert commands.health().is_failing
            api.wait_for(lambda _: not commands.health().is_failing)


def test_a_bot_that_listens_no_more_is_failing():
    with serving() as api:
        with listening(api, Process()) as commands:
            pass
        assert commands.health().is_failing
