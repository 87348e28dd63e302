"""A bundle for whoever helps: everything they need, and no secret wherever one was planted."""

import json
import zipfile
from decimal import Decimal
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from cointrader.cli.main import root
from cointrader.domain.records import Alert, EquityMarked, RiskState
from cointrader.journal.sqlite import SqliteJournal
from tests.unit.journal.examples import EVERY_KIND

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
LISTEN = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"
HOOK = "https://discord.com/api/webhooks/123/hush-hush_hush"
ODD = 'pa"ss wörd+/'
PLANTED = {
    "key": KEY,
    "secret": SECRET,
    "listen key": LISTEN,
    "signature": "0a1b2c3d4e5f",
    "webhook": "hush-hush_hush",
    "token of a file": "dashboard-token-value",
    "password": ODD,
    "quoted": quote(ODD, safe=""),
    "in json": json.dumps(ODD)[1:-1],
    "unicode": "wörd",
    "shell variable": "from-the-shell",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where cointrader runs, with secrets in every place one could be in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BINANCE_API_KEY", KEY)
    monkeypatch.setenv("MY_SERVICE_TOKEN", "from-the-shell")
    (tmp_path / ".env").write_text(
        f"BINANCE_API_SECRET={SECRET}\nDISCORD_WEBHOOK_URL={HOOK}\nLOG_FILE=bot.log\n"
    )
    (tmp_path / "guard-key").write_text(f"OTHER_PASSWORD='{ODD}'\n")
    said = (
        f"GET /fapi/v3/order?x=1&signature={PLANTED['signature']} key {KEY} {quote(ODD, safe='')} "
        f'{{"listenKey": "{LISTEN}"}} {json.dumps(ODD)} {ODD} {HOOK} from-the-shell '
        f"{SECRET} dashboard-token-value"
    )
    (tmp_path / "bot.log").write_text(f"old line\nrequest {said}\nlast line\n")
    with SqliteJournal(tmp_path / "journals" / "live.db", threaded=False) as journal:
        marks = [EquityMarked(n, Decimal(1), Decimal(1)) for n in range(500)]
        known = [each for each in EVERY_KIND if not isinstance(each, RiskState)]
        journal.checkpoint(*marks, *known, Alert(1, "warning", "", said))
    (tmp_path / "journals" / "live.db.dashboard-token").write_text("dashboard-token-value\n")
    return tmp_path


def made(*arguments):
    """The texts of a bundle, by name."""
    done = CliRunner().invoke(root, ["support-bundle", "--out", "b.zip", *arguments])
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile("b.zip") as archive:
        return {
            name.removeprefix("cointrader-support/"): archive.read(name).decode()
            for name in archive.namelist()
        }


def test_no_planted_secret_is_anywhere_in_the_bundle(folder):
    texts = made()

    for what, value in PLANTED.items():
        assert [name for name, text in texts.items() if value in text] == [], what
    assert texts["log.txt"].count("***") >= 8
    assert texts["journal/alerts.jsonl"].count("***") >= 8


def test_what_a_helper_needs_is_inside(folder):
    texts = made("--rows", "10", "--lines", "2")

    assert json.loads(texts["versions.json"])["packages"]["structlog"]
    assert json.loads(texts["machine.json"])["processors"] > 0
    assert "LEVERAGE=10" in texts["configuration.txt"]
    assert "BINANCE_API_KEY is set" in texts["configuration.txt"]
    assert texts["log.txt"].splitlines()[-1] == "last line"
    assert "old line" not in texts["log.txt"]
    assert json.loads(texts["journal/counts.json"])["equity"] == 501
    assert len(texts["journal/equity.jsonl"].splitlines()) == 10
    assert json.loads(texts["journal/equity.jsonl"].splitlines()[-2])["at_ms"] == 499
    assert "CREATE TABLE decisions" in texts["journal/schema.sql"]
    assert texts["journal/check.txt"] == "ok\n"
    assert "XRPUSDT" in texts["status.txt"]
    assert texts["errors.txt"].strip() == ""


def test_a_bundle_says_itself_that_it_is_private_and_only_its_owner_reads_it(folder):
    texts = made()

    assert "Look it through" in texts["README.txt"]
    assert (folder / "b.zip").stat().st_mode & 0o777 == 0o600


def test_where_most_is_broken_a_bundle_says_what(folder):
    (folder / ".env").write_text(f"LEVERAGE=many\nBINANCE_API_SECRET={SECRET}\n")
    (folder / "journals" / "live.db").write_bytes(b"no database" * 1000)

    texts = made()

    assert "LEVERAGE" in texts["errors.txt"]
    assert "journal" in texts["errors.txt"]
    assert "status.txt" not in texts
    assert all(SECRET not in text for text in texts.values())


def test_a_folder_without_anything_gives_a_bundle_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert {"versions.json", "machine.json", "configuration.txt", "README.txt"} <= set(made())


def test_a_bundle_never_takes_the_place_of_a_file(folder):
    (folder / "b.zip").write_text("mine")

    done = CliRunner().invoke(root, ["support-bundle", "--out", "b.zip"])

    assert done.exit_code != 0
    assert (folder / "b.zip").read_text() == "mine"


def test_the_home_of_whoever_runs_it_is_not_told(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    (folder / "bot.log").write_text(f"wrote {folder}/journals/live.db\n")

    assert made()["log.txt"] == "wrote ~/journals/live.db\n"
