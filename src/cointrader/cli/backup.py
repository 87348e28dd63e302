"""`cointrader backup` and `cointrader restore`: everything that is not on the exchange."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cointrader.cli.main import EXIT_CODES

if TYPE_CHECKING:
    from cointrader.app.backup.archive import Manifest

BACKUPS = Path("backups")


@click.command(short_help="Keep journals, models and settings in one file.", epilog=EXIT_CODES)
@click.option(
    "--out",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The file to make; never an existing one.  [default: backups/cointrader-TIME.tar.gz]",
)
@click.option(
    "--journal",
    "journals",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    metavar="FILE",
    help="Repeatable.  [default: those a next start goes on with: live.db, testnet.db, "
    "paper-live.db, rehearsal.db in journals/; without any, the newest there]",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable, on stdout.")
def backup(target: Path | None, journals: tuple[Path, ...], as_json: bool) -> None:
    """Write journals, models, verdicts and the configuration of this folder into one file.

    Fit to be called while bots trade: each journal is kept as of one moment. Keys and other
    secrets are not in it. Only you can read the file; it knows all your trades.

    \b
      cointrader backup
      cointrader backup --out /mnt/elsewhere/cointrader.tar.gz --journal journals/live.db
    """
    from cointrader.app.backup.backup import BackupPlan, make_backup
    from cointrader.app.secrets_around import secrets_around

    now = datetime.now(UTC)
    target = target or BACKUPS / f"cointrader-{now.strftime('%Y%m%d-%H%M%S-%f')}.tar.gz"
    folder = Path()
    here = tuple(Path(os.path.abspath(path)) for path in journals)  # noqa: PTH100 - links stay
    plan = BackupPlan(
        folder=folder,
        target=target,
        now_ms=int(now.timestamp() * 1000),
        journals=here,
        secrets=secrets_around(folder),
    )
    made = make_backup(plan)
    if as_json:
        document = {"backup": str(target), **_plain(made.manifest), "left_out": dict(made.left_out)}
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo(f"wrote {target}: {_told(made.manifest)}")
    for name, why in made.left_out.items():
        click.echo(f"{name} is NOT in it, because nobody can say what it holds: {why}", err=True)
    click.echo("keys and other secrets are not in it: keep those elsewhere", err=True)


@click.command(short_help="Put a backup back, or check it.", epilog=EXIT_CODES)
@click.argument("source", metavar="BACKUP", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    metavar="FOLDER",
    help="Where cointrader runs.  [default: this folder]",
)
@click.option(
    "--force", is_flag=True, help="Other data there gives way; it is kept in replaced-TIME/."
)
@click.option("--check", is_flag=True, help="Only read it from end to end; nothing is written.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable, on stdout.")
def restore(source: Path, into: Path, force: bool, check: bool, as_json: bool) -> None:
    """Put what `cointrader backup` kept where it belongs.

    Everything is checked first: sizes, hashes, journals. Nothing is changed while a process
    writes a journal there, nor, without --force, where other data would have to give way. An
    .env that is there stays, because the backup has no keys; the kept one stands beside it.

    \b
      cointrader restore backups/cointrader-20260101-120000-000000.tar.gz --check
      cointrader restore cointrader.tar.gz --into /srv/cointrader
    """
    from cointrader.app.backup.restore import check_backup
    from cointrader.app.backup.restore import restore as put_back

    if check:
        manifest = check_backup(source)
        if as_json:
            click.echo(json.dumps({"backup": str(source), **_plain(manifest)}, indent=2))
        else:
            click.echo(f"whole: {_told(manifest)}")
        return
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    done = put_back(source, into, force=force, now_ms=now_ms)
    if as_json:
        click.echo(
            json.dumps(
                {
                    **_plain(done.manifest),
                    "written": list(done.written),
                    "unchanged": list(done.unchanged),
                    "aside": None if done.aside is None else str(done.aside),
                },
                indent=2,
            )
        )
        return
    click.echo(f"restored {len(done.written)} files into {into}: {_told(done.manifest)}")
    if done.unchanged:
        click.echo(f"{len(done.unchanged)} were the same already", err=True)
    if done.aside is not None:
        click.echo(f"what was there before is in {done.aside}", err=True)
    if any(kept.name == ".env" for kept in done.manifest.files):
        click.echo("put the keys into .env again: they are in no backup", err=True)


def _plain(manifest: Manifest) -> dict[str, object]:
    files = [
        {"name": k.name, "kind": k.kind, "bytes": k.bytes, "sha256": k.sha256, "last_ms": k.last_ms}
        for k in manifest.files
    ]
    return {"made_at_ms": manifest.made_at_ms, "version": manifest.version, "files": files}


def _told(manifest: Manifest) -> str:
    """How many of what, and how old."""
    made = datetime.fromtimestamp(manifest.made_at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    journals = [k for k in manifest.files if k.kind == "journal"]
    parts = [
        _counted("journal", len(journals)),
        _counted("file of models", _of("model", manifest)),
        _counted("verdict", _of("verdict", manifest)),
        _counted("file of settings", _of("configuration", manifest)),
    ]
    size = sum(k.bytes for k in manifest.files)
    return f"{', '.join(parts)}; {size / 1e6:,.1f} MB, of {made}"


def _of(kind: str, manifest: Manifest) -> int:
    return sum(1 for kept in manifest.files if kept.kind == kind)


def _counted(what: str, number: int) -> str:
    first, *rest = what.split(" ", 1)
    return f"{number} {first}{'s' * (number != 1)}{' ' + rest[0] if rest else ''}"
