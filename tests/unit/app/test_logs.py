"""Log events reach whoever listens on stderr or in a file, and harm nobody when nobody does."""

import io
import json
import logging
import stat
import sys
from pathlib import Path

import pytest
import structlog

from cointrader.app.config import Config
from cointrader.app.config.types import Secret
from cointrader.app.logs import logs
from cointrader.app.logs import settings as log_settings
from cointrader.app.logs.file import LogFile
from cointrader.app.logs.settings import LogSettings
from cointrader.domain.errors import ConfigError

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"


@pytest.fixture(autouse=True)
def as_before():
    """No test leaves its way of logging to the next."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    log_settings.choose(Config(environ={}, folder="/nonexistent"))
    logs.configure()
    structlog.reset_defaults()
    root.setLevel(level)
    root.handlers[:] = handlers


def lines_of(path):
    return path.read_text(encoding="utf-8").splitlines()


def test_an_event_goes_to_the_stderr_of_the_moment(monkeypatch):
    logs.configure()
    heard = io.StringIO()
    monkeypatch.setattr(sys, "stderr", heard)

    structlog.get_logger().warning("fill.foreign", symbol="XRPUSDT")

    assert "fill.foreign" in heard.getvalue()
    assert "XRPUSDT" in heard.getvalue()


def test_a_stderr_that_is_closed_or_gone_stops_nobody(monkeypatch):
    logs.configure()
    closed = io.StringIO()
    closed.close()

    for stderr in (closed, None):
        monkeypatch.setattr(sys, "stderr", stderr)
        structlog.get_logger().error("bot.alert", text="protection lost")
        logs.tell("entered")


def test_the_values_of_local_variables_stay_out_of_a_traceback(capsys):
    for form in ("console", "json"):
        logs.configure(LogSettings(form=form))
        try:
            secret_of_this_test = "hush"  # noqa: F841
            raise RuntimeError("no luck")
        except RuntimeError as error:
            structlog.get_logger().error("bot.crashed", exc_info=error)

        told = capsys.readouterr().err
        assert "no luck" in told
        assert "Traceback" in told
        assert "hush" not in told


def test_json_is_one_object_a_line_even_with_a_traceback(capsys):
    logs.configure(LogSettings(form="json"))
    try:
        raise RuntimeError("no\nluck")
    except RuntimeError:
        structlog.get_logger().exception("bot.crashed", symbol="XRPUSDT")

    (line,) = capsys.readouterr().err.splitlines()
    event = json.loads(line)
    assert (event["event"], event["level"], event["symbol"]) == ("bot.crashed", "error", "XRPUSDT")
    assert event["timestamp"].endswith("Z")
    assert "no\nluck" in event["exception"]


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_stderr_has_what_is_at_its_level_and_the_file_info_too(level, heard, capsys, tmp_path):
    file = tmp_path / "logs" / "bot.log"
    logs.configure(LogSettings(form="json", level=level, file=file))

    for name in ("debug", "info", "warning", "error"):
        getattr(structlog.get_logger(), name)("event", said=name)

    assert [json.loads(line)["said"] for line in capsys.readouterr().err.splitlines()] == heard
    in_file = [json.loads(line)["said"] for line in lines_of(file)]
    assert in_file == (heard if level == "debug" else ["info", "warning", "error"])


def test_events_of_libraries_come_on_the_same_way(capsys):
    logs.configure(LogSettings(form="json"))

    logging.getLogger("aiohttp.client").warning("Unclosed %s, api_key=hushhush", "session")

    event = json.loads(capsys.readouterr().err)
    assert (event["event"], event["library"]) == ("Unclosed session, api_key=***", "aiohttp.client")


def test_a_story_line_is_plain_for_people_and_an_event_for_machines(capsys, tmp_path):
    for form, file in (("console", tmp_path / "words.log"), ("json", tmp_path / "events.log")):
        logs.configure(LogSettings(form=form, file=file))
        logs.tell("XRPUSDT: entered long")

    plain, event = capsys.readouterr().err.splitlines()
    assert plain == "XRPUSDT: entered long"
    assert json.loads(event)["text"] == "XRPUSDT: entered long"
    assert "entered long" in lines_of(tmp_path / "words.log")[0]
    assert json.loads(lines_of(tmp_path / "events.log")[0])["event"] == "story"


# ---------------------------------------------------------------------- the file


def test_a_full_file_is_begun_anew_and_so_many_are_kept(tmp_path):
    file = tmp_path / "bot.log"
    logs.configure(LogSettings(form="json", file=file, file_bytes=2_000, files_kept=2))

    for number in range(100):
        structlog.get_logger().warning("bar", number=number)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["bot.log", "bot.log.1", "bot.log.2"]
    assert all(path.stat().st_size <= 2_000 for path in tmp_path.iterdir())
    kept = [file.with_name("bot.log.2"), file.with_name("bot.log.1"), file]
    numbers = [json.loads(line)["number"] for path in kept for line in lines_of(path)]
    assert numbers == list(range(100))[-len(numbers) :]


def test_only_its_owner_can_read_a_log_file(tmp_path):
    file = tmp_path / "bot.log"
    logs.configure(LogSettings(file=file, file_bytes=200))
    for _ in range(10):
        structlog.get_logger().warning("bar", text="x" * 50)

    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_a_file_that_was_moved_away_is_opened_anew(tmp_path):
    file = tmp_path / "bot.log"
    logs.configure(LogSettings(file=file))
    structlog.get_logger().warning("first")
    file.rename(tmp_path / "moved.log")

    structlog.get_logger().warning("second")

    assert "first" in (tmp_path / "moved.log").read_text()
    assert "second" not in (tmp_path / "moved.log").read_text()
    assert "second" in file.read_text()


def test_two_processes_worth_of_files_share_one_name_and_lose_nothing(tmp_path):
    file = tmp_path / "bot.log"
    one, other = (LogFile(file, max_bytes=1_000, kept=50) for _ in range(2))
    for number in range(40):
        one.write(f"one {number} {'x' * 40}")
        other.write(f"other {number} {'x' * 40}")
    one.close()
    other.close()

    said = "".join(path.read_text() for path in tmp_path.iterdir())
    assert all(f"one {n} " in said and f"other {n} " in said for n in range(40))


def test_a_file_that_cannot_be_written_is_a_wrong_setting(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match="log file cannot be written") as refused:
        logs.configure(LogSettings(file=tmp_path / "file" / "bot.log"))

    assert "LOG_FILE" in str(refused.value)


def test_a_disk_that_takes_no_more_is_told_once_and_stops_nobody(capsys):
    logs.configure(LogSettings(file=Path("/dev/full")))

    for _ in range(3):
        structlog.get_logger().warning("fill.foreign")

    told = capsys.readouterr().err
    assert told.count("takes no more") == 1
    assert told.count("fill.foreign") == 3


# ---------------------------------------------------------------------- secrets


@pytest.mark.parametrize("form", ["console", "json"])
def test_no_secret_reaches_stderr_or_the_file(form, capsys, tmp_path):
    file = tmp_path / "bot.log"
    logs.configure(LogSettings(form, "debug", file, secrets=("hush-hush-hush",)))
    log = structlog.get_logger()

    log.debug("request", url="https://x/?signature=0a1b2c", headers={"X-MBX-APIKEY": "hushhush"})
    log.info("opened", value="hush-hush-hush", known=Secret("silent"), listenKey="pqia91ma19a5")
    log.error("refused hush-hush-hush", key=KEY)
    logs.tell("it said hush-hush-hush")

    for told in (capsys.readouterr().err, file.read_text()):
        assert told.count("***") >= 6
        for secret in ("0a1b2c", "hush", "silent", "pqia91ma19a5", KEY):
            assert secret not in told


# ---------------------------------------------------------------------- settings


def test_settings_of_logs_come_from_the_configuration():
    config = Config(
        environ={"LOG_FORMAT": "json", "LOG_LEVEL": "debug", "LOG_FILE": "l/bot.log",
                 "LOG_FILE_MB": "0.5", "LOG_FILES_KEPT": "9", "BINANCE_API_KEY": "hushhush"},
        folder="/nonexistent",
    )  # fmt: skip

    settings = LogSettings.of(config)

    assert (settings.form, settings.level, str(settings.file)) == ("json", "debug", "l/bot.log")
    assert (settings.file_bytes, settings.files_kept) == (500_000, 9)
    assert settings.secrets == ("hushhush",)
    assert "hushhush" not in repr(settings)


def test_how_it_logs_is_no_deviation_of_a_strategy():
    config = Config(environ={"LOG_FORMAT": "json"}, folder="/nonexistent")

    assert config.deviations() == {}


def test_what_was_chosen_is_what_configure_does(capsys):
    log_settings.choose(Config(environ={"LOG_FORMAT": "json"}, folder="/nonexistent"))

    logs.configure()
    structlog.get_logger().warning("fill.foreign")

    assert json.loads(capsys.readouterr().err)["event"] == "fill.foreign"
