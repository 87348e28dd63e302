"""How the process and its journal are."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cointrader import __version__
from cointrader.app.dashboard.memory import Memory
from cointrader.app.dashboard.overview import symbol_rows
from cointrader.app.dashboard.positions import open_positions
from cointrader.app.dashboard.run import RunNow, controls_answer, run_answer
from cointrader.dashboard import answers
from cointrader.journal.page_reader import PageReader


def read_health(
    reader: PageReader,
    now: RunNow,
    process: Mapping[str, Any] | None,
    why_no_process: str,
    memory: Memory,
    *,
    is_listening: bool,
    now_ms: int,
) -> answers.Health:
    """`process` is what the running process tells of itself, None with the reason."""
    return answers.Health(
        now_ms=now_ms,
        run=run_answer(now),
        controls=controls_answer(now, is_listening=is_listening),
        journal=journal_health(reader.path, now.to_ms, reader.version),
        versions=answers.Versions(
            run=now.run.version,
            dashboard=__version__,
            python=platform.python_version(),
            sqlite=sqlite3.sqlite_version,
        ),
        process=None if process is None else dict(process),
        why_no_process=why_no_process,
        bots=symbol_rows(reader, now, open_positions(reader, now), memory),
    )


def journal_health(
    path: Path, newest_ms: int | None = None, version: int = 0
) -> answers.JournalHealth:
    """The file as the file system has it."""
    stats = [_stat(path), _stat(path.with_name(f"{path.name}-wal"))]
    return answers.JournalHealth(
        path=str(path),
        size=stats[0][0],
        wal_size=stats[1][0],
        written_ms=max(written_ms for _, written_ms in stats),
        newest_ms=newest_ms,
        schema=version,
    )


def _stat(path: Path) -> tuple[int, int]:
    """Size and time of the last write; zeros where there is no such file."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns // 1_000_000
