"""A backup holds everything but secrets, and comes back whole or not at all."""

import gzip
import io
import json
import sqlite3
import stat
import tarfile
import tomllib
from contextlib import closing
from pathlib import Path

import pytest

from cointrader.app.backup.archive import BackupError, is_safe, unpack
from cointrader.app.backup.backup import BackupPlan, make_backup
from cointrader.app.backup.restore import check_backup, restore
from cointrader.app.backup.settings import without_secret
from cointrader.cli.main import main
from cointrader.domain.errors import JournalError
from cointrader.journal.reader import JournalReader
from cointrader.journal.sqlite import SqliteJournal
from tests.unit.journal.examples import EVERY_KIND, a_fill

NOW_MS = 1_700_000_000_000
KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
HOOK = "https://discord.com/api/webhooks/1/hush-hush"


@pytest.fixture
def folder(tmp_path):
    """A place where cointrader runs, with some of everything."""
    made = tmp_path / "bot"
    (made / "models" / "xrpusdt").mkdir(parents=True)
    (made / "models" / "xrpusdt" / "lgbm_filter.onnx").write_bytes(bytes(range(256)) * 40)
    (made / "models" / "xrpusdt" / "lgbm_filter.json").write_text('{"symbol": "XRPUSDT"}')
    (made / "verdicts").mkdir()
    (made / "verdicts" / "abc.json").write_text('{"answer": "edge"}')
    (made / "rules").mkdir()
    (made / "rules" / "mine.py").write_text("class Mine: ...\n")
    (made / "cointrader.toml").write_text('leverage = 5\nsignal = "rules/mine.py:Mine"\n')
    (made / ".env").write_text(
        f"SYMBOLS=XRPUSDT\nBINANCE_API_KEY={KEY}\nDISCORD_WEBHOOK_URL={HOOK}\n"
        f"# the key is {KEY}\nMY_OTHER_TOKEN='hush hush'\n"
    )
    write_journal(made / "journals" / "live.db", *EVERY_KIND)
    return made


def write_journal(path: Path, *records) -> None:
    with SqliteJournal(path, threaded=False, survives_power_loss=False) as journal:
        journal.checkpoint(*records)


def a_plan(folder: Path, name: str = "b.tar.gz", **values) -> BackupPlan:
    return BackupPlan(folder, folder.parent / name, NOW_MS, **values)


def a_backup(folder: Path, name: str = "b.tar.gz", **values) -> Path:
    plan = a_plan(folder, name, **values)
    make_backup(plan)
    return plan.target


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith((".lock", "-shm"))
    }


def put_back(path: Path, into: Path, *, force: bool = False):
    return restore(path, into, force=force, now_ms=NOW_MS)


def records_in(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


# ---------------------------------------------------------------------- there and back


def test_everything_comes_back_as_it_was(folder, tmp_path):
    backup = a_backup(folder)

    done = put_back(backup, tmp_path / "new")

    before, after = files_of(folder), files_of(tmp_path / "new")
    assert set(after) == set(before) == set(done.written)
    for name in set(before) - {".env", "journals/live.db"}:
        assert after[name] == before[name]
    new, old = (place / "journals" / "live.db" for place in (tmp_path / "new", folder))
    assert records_in(new) == records_in(old)
    assert done.aside is None


def test_only_its_owner_can_read_a_backup_and_what_comes_out_of_it(folder, tmp_path):
    backup = a_backup(folder)
    put_back(backup, tmp_path / "new")

    paths = [backup, *(path for path in (tmp_path / "new").rglob("*") if path.is_file())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.suffix != ".lock"} == {
        0o600
    }


def test_a_journal_is_kept_as_of_one_moment_while_it_is_written(folder, tmp_path):
    with SqliteJournal(folder / "journals" / "testnet.db", threaded=False) as journal:
        journal.checkpoint(*EVERY_KIND)
        backup = a_backup(folder)
        journal.checkpoint(a_fill(2))
    put_back(backup, tmp_path / "new")

    with JournalReader(tmp_path / "new" / "journals" / "testnet.db") as reader:
        assert [fill.fill.trade_id for fill in reader.fills()] == [1]
    with JournalReader(folder / "journals" / "testnet.db") as reader:
        assert len(list(reader.fills())) == 2


def test_journals_that_a_start_goes_on_with_are_kept_unless_others_are_named(folder):
    for name in ("paper-20260101-120000-000000.db", "paper-live.db"):
        write_journal(folder / "journals" / name)
    named = (Path("journals/paper-20260101-120000-000000.db"),)

    usual = [
        kept.name for kept in make_backup(a_plan(folder)).manifest.files if kept.kind == "journal"
    ]
    other = [
        kept.name
        for kept in make_backup(a_plan(folder, "c.tar.gz", journals=named)).manifest.files
        if kept.kind == "journal"
    ]

    assert usual == ["journals/live.db", "journals/paper-live.db"]
    assert other == ["journals/paper-20260101-120000-000000.db"]


def test_without_a_lasting_journal_the_newest_is_kept_and_without_any_it_says_so(folder):
    (folder / "journals" / "live.db").unlink()
    with pytest.raises(JournalError, match="no journal yet"):
        make_backup(a_plan(folder))
    write_journal(folder / "journals" / "paper-1.db")

    kinds = {kept.name: kept.kind for kept in make_backup(a_plan(folder)).manifest.files}

    assert kinds["journals/paper-1.db"] == "journal"


def test_alerts_that_nobody_was_told_yet_are_kept_with_their_journal(folder, tmp_path):
    (folder / "journals" / "live.db.outbox").write_text("[]")

    put_back(a_backup(folder), tmp_path / "new")

    assert (tmp_path / "new" / "journals" / "live.db.outbox").read_text() == "[]"


# ---------------------------------------------------------------------- secrets


def test_no_secret_is_in_a_backup(folder, tmp_path):
    backup = a_backup(folder, secrets=(KEY, HOOK, "hush hush"))
    unpack(backup, tmp_path / "out")

    inside = gzip.decompress(backup.read_bytes())
    for secret in (KEY, HOOK, "hush"):
        assert secret.encode() not in inside
    kept = (tmp_path / "out" / ".env").read_text()
    assert "SYMBOLS=XRPUSDT" in kept
    assert "#BINANCE_API_KEY=***" in kept


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("LEVERAGE=5", "LEVERAGE=5"),
        ("export BINANCE_API_SECRET=x", "#BINANCE_API_SECRET=*** (a secret; put it in again)"),
        ("#BINANCE_API_KEY=old", "#BINANCE_API_KEY=*** (a secret; put it in again)"),
        ("#BINANCE_API_KEY=", "#BINANCE_API_KEY="),
        ("discord_webhook_url = 'x'", "#discord_webhook_url=*** (a secret; put it in again)"),
        ("MY_TOKEN='a = b'", "#MY_TOKEN=*** (a secret; put it in again)"),
        ("", ""),
        ("#LEVERAGE=3", "#LEVERAGE=3"),
        ("# ATR_SL_MULT_XRPUSDT = 2.0", "#ATR_SL_MULT_XRPUSDT=2.0"),
        ("#LEVERAGE=3  # was hush", "#LEVERAGE=3"),
        ("LEVERAGE=5 # token of then: hush", "LEVERAGE=5"),
        ("export SYMBOLS = 'XRPUSDT' # hush", "SYMBOLS='XRPUSDT'"),
        ('MY_WORDS="a # b" # hush', 'MY_WORDS="a # b"'),
        ("MY_WORDS=a#b", "MY_WORDS=a#b"),
        ("MY_WORDS= # hush", "MY_WORDS="),
        ("# a note", None),
        ("# hush", None),
        ("#MY_OLD=hush", None),
        ("# then hush and BINANCE_API_KEY=", None),
        ("# old telegram 123456789:AAH-x_y0123456789abcdefghijklmnopq", None),
    ],
)
def test_a_line_of_settings_is_kept_without_its_secret(line, kept):
    assert without_secret(line) == kept


def test_an_env_is_kept_without_its_comments_and_says_so(folder, tmp_path):
    (folder / ".env").write_text("# the old password is hush\nLEVERAGE=5 # not hush\n")
    unpack(a_backup(folder), tmp_path / "out")

    kept = (tmp_path / "out" / ".env").read_text()
    assert kept.splitlines()[0] == (
        "# As `cointrader backup` kept it: settings without secrets, and no other comments."
    )
    assert kept.splitlines()[1:] == ["LEVERAGE=5"]


def test_an_env_without_comments_is_kept_as_it_is(folder, tmp_path):
    (folder / ".env").write_text("LEVERAGE=5\n\n#SIZING=risk\n")
    unpack(a_backup(folder), tmp_path / "out")

    assert (tmp_path / "out" / ".env").read_text() == "LEVERAGE=5\n\n#SIZING=risk\n"


ODD = {
    "multi-line array": 'notify_urls = [\n  "ntfy://hush-one",\n  # "ntfy://hush-two",\n]',
    "quoted key": '"discord_webhook_url" = "hush-one"',
    "literal key": "'telegram_token' = 'hush-one'",
    "escaped key": '"telegram_t\\u006fken" = "hush-one"',
    "dotted key": 'telegram.token = "hush-one"',
    "quoted dotted key": 'DOGEUSDT."api_key" = "hush-one"',
    "inline table": 'channels = { api_secret = "hush-one", level = "info" }',
    "array of tables": '[[channel]]\nname = "x"\ntoken = "hush-one"',
    "table": '[XRPUSDT]\nleverage = 3\nbinance_api_key = "hush-one"',
    "multi-line text": 'binance_api_secret = """\nhush-one\nhush-two"""',
    "commented out": '# telegram_token = "hush-one"',
    "commented over lines": '# notify_urls = [\n#   "hush-one",\n# ]',
    "no blanks": 'telegram_token="hush-one"',
    "known value, escaped": 'note = "\\u0068ush-known"',
}


@pytest.mark.parametrize("form", ODD)
def test_no_form_of_a_secret_in_toml_gets_into_a_backup(folder, tmp_path, form):
    (folder / "cointrader.toml").write_text(f"leverage = 5\nmax_positions = 3\n{ODD[form]}\n")
    backup = a_backup(folder, secrets=("hush-known",))
    unpack(backup, tmp_path / "out")

    assert b"hush" not in gzip.decompress(backup.read_bytes())
    kept = tomllib.loads((tmp_path / "out" / "cointrader.toml").read_text())
    assert kept["leverage"] == 5
    assert kept["max_positions"] == 3


def test_what_is_no_secret_is_kept_whatever_its_form(folder, tmp_path):
    (folder / "cointrader.toml").write_text(
        'telegram_token = "hush"\n"odd key" = [1, 2.5, true, "a\\"b\\u007f"]\n'
        "day = 2026-01-02\nmost = inf\n"
        '[XRPUSDT]\nleverage = 3\n[XRPUSDT."in it"]\nlist = [{ a = "b" }]\n'
    )
    before = tomllib.loads((folder / "cointrader.toml").read_text())
    unpack(a_backup(folder), tmp_path / "out")

    kept = tomllib.loads((tmp_path / "out" / "cointrader.toml").read_text())
    assert kept == {name: value for name, value in before.items() if name != "telegram_token"}
    assert "# telegram_token = *** (a secret" in (tmp_path / "out" / "cointrader.toml").read_text()


def test_a_rule_is_kept_however_its_name_is_written(folder):
    (folder / "cointrader.toml").write_text(
        '"signal" = """rules/mine.py:Mine"""\n[DOGEUSDT]\nsignal = "rules/other.py:Other"\n'
    )
    (folder / "rules" / "other.py").write_text("class Other: ...\n")

    kinds = {kept.name: kept.kind for kept in make_backup(a_plan(folder)).manifest.files}

    assert kinds["rules/mine.py"] == kinds["rules/other.py"] == "rule"


def test_a_file_without_secrets_is_kept_to_the_letter(folder, tmp_path):
    text = "# as agreed with Kim\nleverage   = 5 # not more\n"
    (folder / "cointrader.toml").write_text(text)
    unpack(a_backup(folder), tmp_path / "out")

    assert (tmp_path / "out" / "cointrader.toml").read_text() == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cointrader.toml", 'leverage = 5\ntelegram_token = "hush\n'),
        ("cointrader.toml", "token = hush\n"),
        (".env", "this is hush\n"),
        (".env", "NOTIFY_URLS='hush\nhush'\n"),
    ],
)
def test_a_file_that_cannot_be_read_is_left_out_and_that_is_said(
    folder, monkeypatch, capsys, name, text
):
    (folder / name).write_text(text)
    monkeypatch.chdir(folder)

    assert main(["backup", "--out", "kept.tar.gz"]) == 0

    said = capsys.readouterr().err
    assert f"{name} is NOT in it" in said
    assert "hush" not in said
    assert b"hush" not in gzip.decompress((folder / "kept.tar.gz").read_bytes())
    assert name not in {kept.name for kept in check_backup(folder / "kept.tar.gz").files}


# ---------------------------------------------------------------------- refusals of a backup


def test_a_backup_never_takes_the_place_of_a_file(folder):
    target = folder.parent / "b.tar.gz"
    target.write_text("mine")

    with pytest.raises(BackupError, match="exists already"):
        make_backup(a_plan(folder))

    assert target.read_text() == "mine"


def test_a_backup_that_fails_leaves_nothing_behind(folder):
    content = bytearray((folder / "journals" / "live.db").read_bytes())
    content[8192:12_288] = bytes(4096)
    (folder / "journals" / "live.db").write_bytes(content)

    with pytest.raises(JournalError):
        make_backup(a_plan(folder))

    assert [path.name for path in folder.parent.iterdir()] == ["bot"]


def test_a_refused_backup_leaves_no_folder_behind(tmp_path):
    (tmp_path / "empty").mkdir()
    plan = BackupPlan(tmp_path / "empty", tmp_path / "empty" / "backups" / "b.tar.gz", NOW_MS)

    with pytest.raises(JournalError, match="no journal yet"):
        make_backup(plan)

    assert list((tmp_path / "empty").iterdir()) == []


def test_a_refused_restore_leaves_no_folder_behind_and_says_what_to_do(folder, tmp_path, capsys):
    into = tmp_path / "new" / "place"

    assert main(["restore", str(tmp_path / "nope.tar.gz"), "--into", str(into)]) == 1
    said = capsys.readouterr().err
    assert "there is no such backup" in said
    assert "`cointrader backup`" in said
    assert not (tmp_path / "new").exists()

    other = tmp_path / "other"
    other.mkdir()
    (other / "cointrader.toml").write_text("leverage = 9\n")
    with pytest.raises(BackupError, match="would have to give way"):
        put_back(a_backup(folder), other)
    assert [path.name for path in other.iterdir()] == ["cointrader.toml"]


def test_a_journal_outside_of_the_folder_is_refused(folder, tmp_path):
    write_journal(tmp_path / "elsewhere.db")

    with pytest.raises(JournalError, match="outside of the folder"):
        make_backup(a_plan(folder, journals=(tmp_path / "elsewhere.db",)))


# ---------------------------------------------------------------------- refusals of a restore


def test_nothing_is_restored_while_a_process_writes_a_journal_there(folder):
    backup = a_backup(folder)
    before = files_of(folder)

    with (
        SqliteJournal(folder / "journals" / "testnet.db", threaded=False),
        pytest.raises(JournalError, match="another process writes"),
    ):
        put_back(backup, folder, force=True)

    after = files_of(folder)
    assert {name: after[name] for name in before} == before


def test_newer_data_gives_way_only_by_force_and_is_kept_aside(folder, tmp_path):
    backup = a_backup(folder)
    write_journal(folder / "journals" / "live.db", a_fill(2))
    (folder / "models" / "xrpusdt" / "lgbm_filter.onnx").write_bytes(b"newer")
    newer = files_of(folder)

    with pytest.raises(BackupError, match="would have to give way") as refused:
        put_back(backup, folder)

    assert "journals/live.db" in str(refused.value)
    assert files_of(folder) == newer

    done = put_back(backup, folder, force=True)

    assert done.aside is not None
    assert files_of(done.aside) == {
        name: newer[name] for name in ("journals/live.db", "models/xrpusdt/lgbm_filter.onnx")
    }
    with JournalReader(folder / "journals" / "live.db") as reader:
        assert len(list(reader.fills())) == 1


def test_a_journal_that_knows_more_is_named_as_such(folder):
    backup = a_backup(folder)
    write_journal(folder / "journals" / "live.db", a_fill(20_000_000))

    with pytest.raises(BackupError, match=r"live\.db \(knows more, up to 2023-11-15"):
        put_back(backup, folder)


def test_what_sqlite_left_beside_an_old_journal_does_not_meet_the_restored_one(folder):
    backup = a_backup(folder)
    with closing(sqlite3.connect(folder / "journals" / "live.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("INSERT INTO alerts VALUES (1, 'info', '', 'of the old one')")
        connection.commit()
        wal = (folder / "journals" / "live.db-wal").read_bytes()
    (folder / "journals" / "live.db-wal").write_bytes(wal)  # as a killed process leaves it

    done = put_back(backup, folder, force=True)

    assert done.aside is not None
    assert (done.aside / "journals" / "live.db-wal").exists()
    assert not (folder / "journals" / "live.db-wal").exists()


def test_restoring_twice_changes_nothing(folder, tmp_path):
    backup = a_backup(folder)
    put_back(backup, tmp_path / "new")

    again = put_back(backup, tmp_path / "new")

    assert again.written == (".env.from-backup",)
    assert again.aside is None


def test_an_env_with_keys_never_gives_way_to_one_without(folder):
    backup = a_backup(folder)

    put_back(backup, folder, force=True)

    assert KEY in (folder / ".env").read_text()
    assert KEY not in (folder / ".env.from-backup").read_text()


# ---------------------------------------------------------------------- archives not to be trusted


def rewritten(backup: Path, change) -> Path:
    """A copy of `backup` whose members went through `change`: (info, content) or None."""
    made = backup.with_name("made.tar.gz")
    with tarfile.open(backup) as old, tarfile.open(made, "w:gz") as new:
        for member in old.getmembers():
            file = old.extractfile(member)
            assert file is not None
            changed = change(member, file.read())
            if changed is not None:
                info, content = changed
                info.size = len(content)
                new.addfile(info, io.BytesIO(content))
    return made


def listing(edit):
    """A change of the manifest alone."""

    def change(member, content):
        if member.name != "manifest.json":
            return member, content
        document = json.loads(content)
        edit(document)
        return member, json.dumps(document).encode()

    return change


def renamed(to: str):
    """The toml file under another name, in the list and in the archive."""

    def change(member, content):
        if member.name == "cointrader.toml":
            member.name = to
        if member.name == "manifest.json":
            content = content.replace(b'"cointrader.toml"', json.dumps(to).encode())
        return member, content

    return change


def linked(member, content):
    if member.name == "cointrader.toml":
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        content = b""
    return member, content


def longer(member, content):
    return member, content + b" " * (member.name == "cointrader.toml")


def other_bytes(member, content):
    return member, content.swapcase() if member.name == "cointrader.toml" else content


def without(member, content):
    return None if member.name == "cointrader.toml" else (member, content)


@pytest.mark.parametrize(
    "change",
    [
        renamed("../outside.toml"),
        renamed("/tmp/outside.toml"),
        renamed("journals/../../outside.toml"),
        renamed("a\\..\\outside.toml"),
        renamed("C:outside.toml"),
        linked,
        longer,
        other_bytes,
        without,
        listing(lambda d: d["files"].append({**d["files"][0]})),
        listing(lambda d: d["files"].pop()),
        listing(lambda d: d["files"][0].update(kind="program")),
        listing(lambda d: d["files"][0].update(bytes=-1)),
        listing(lambda d: d.update(more=1)),
        lambda member, content: None if member.name == "manifest.json" else (member, content),
    ],
)
def test_an_archive_that_somebody_changed_is_refused_and_writes_nothing(folder, tmp_path, change):
    made = rewritten(a_backup(folder), change)

    with pytest.raises(BackupError, match="cannot be trusted"):
        put_back(made, tmp_path / "deep" / "new")

    assert [path for path in (tmp_path / "deep").rglob("*") if path.is_file()] == []
    assert not (tmp_path / "deep" / "outside.toml").exists()
    assert not Path("/tmp/outside.toml").exists()


def test_a_backup_of_a_later_format_is_refused_with_what_to_do(folder, tmp_path):
    made = rewritten(a_backup(folder), listing(lambda d: d.update(format=2)))

    with pytest.raises(BackupError, match="newer cointrader"):
        put_back(made, tmp_path / "new")


def test_a_journal_of_a_later_version_is_refused_before_anything_is_written(folder, tmp_path):
    with closing(sqlite3.connect(folder / "journals" / "live.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(JournalError, match="newer cointrader"):
        make_backup(a_plan(folder))


@pytest.mark.parametrize("left", [0, 1, 100, 0.5, 0.99])
def test_half_a_backup_is_refused(folder, tmp_path, left):
    backup = a_backup(folder)
    content = backup.read_bytes()
    kept = left if isinstance(left, int) else int(len(content) * left)
    backup.write_bytes(content[:kept])

    with pytest.raises(BackupError):
        put_back(backup, tmp_path / "new")

    assert files_of(tmp_path / "new") == {}


_END = 128  # bytes: the zeros behind the last file of an archive, packed, and the sum of it all


def test_a_flipped_byte_is_noticed_wherever_it_is(folder, tmp_path):
    backup = a_backup(folder)
    content = backup.read_bytes()
    first, end = 10, len(content) - _END  # before the first stands what no sum is over: the time
    for place in [*range(first, end, max(1, end // 40)), *range(end, len(content))]:
        backup.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            check_backup(backup)
        except BackupError:
            continue
        # The same can be packed in more ways than one: then nothing is wrong with it.
        assert gzip.decompress(backup.read_bytes()) == gzip.decompress(content), place


def test_a_link_in_the_folder_leads_no_file_out_of_it(folder, tmp_path):
    backup = a_backup(folder)
    into, outside = tmp_path / "new", tmp_path / "outside"
    into.mkdir()
    outside.mkdir()
    (into / "models").symlink_to(outside)

    with pytest.raises(BackupError, match="link leads out"):
        put_back(backup, into)

    assert list(outside.iterdir()) == []


def test_a_restore_that_fails_halfway_puts_everything_back(folder, tmp_path):
    backup = a_backup(folder)
    into = tmp_path / "new"
    put_back(backup, into)
    (into / "cointrader.toml").write_text("mine")
    (into / "verdicts" / "abc.json").unlink()
    (into / "verdicts").rmdir()
    (into / "verdicts").write_text("a file where a folder must be")
    before = files_of(into)

    with pytest.raises(OSError):
        put_back(backup, into, force=True)

    assert files_of(into) == before


def test_checking_writes_nothing_and_says_what_is_inside(folder):
    backup = a_backup(folder)
    before = files_of(folder.parent)

    manifest = check_backup(backup)

    assert {kept.kind for kept in manifest.files} == {
        "journal", "model", "verdict", "configuration", "rule",
    }  # fmt: skip
    assert files_of(folder.parent) == before


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("journals/live.db", True), (".env", True), ("a b/c", True),
        ("", False), ("/a", False), ("..", False), ("a/../b", False), ("a//b", False),
        ("./a", False), ("a/", False), ("a\\b", False), ("a\0b", False), ("a\nb", False),
        ("c:/a", False), ("x" * 2000, False),
    ],
)  # fmt: skip
def test_names_that_stay_below_the_folder(name, safe):
    assert is_safe(name) is safe


# ---------------------------------------------------------------------- the commands


def test_the_commands_tell_machines_what_they_did(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert main(["backup", "--out", "../made/b.tar.gz", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert main(["restore", "../made/b.tar.gz", "--check", "--json"]) == 0
    checked = json.loads(capsys.readouterr().out)
    assert main(["restore", "../made/b.tar.gz", "--into", "../new", "--json"]) == 0
    restored = json.loads(capsys.readouterr().out)

    assert made["files"] == checked["files"] == restored["files"]
    assert {file["name"] for file in made["files"]} == set(restored["written"])
    assert restored["aside"] is None


def test_the_commands_tell_people_what_is_not_in_a_backup(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)

    assert main(["backup"]) == 0

    said = capsys.readouterr()
    assert "1 journal, 2 files of models, 1 verdict, 2 files of settings" in said.out
    assert "secrets are not in it" in said.err
    (made,) = (folder / "backups").iterdir()
    assert main(["restore", str(made), "--into", "../new"]) == 0
    assert "put the keys into .env again" in capsys.readouterr().err
