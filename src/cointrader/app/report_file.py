"""The file of a report: looked at before a long run, written whole or not at all.

Apart from `app.backtest_report`, which needs everything that plays candles.
"""

from __future__ import annotations

import os
from pathlib import Path

from cointrader.app.whole_file import written_whole
from cointrader.domain.errors import UsageError

_OURS = b'<meta name="generator" content="cointrader'
_BEGINNING = 2_000  # bytes in which a report says that it is one


def require_report_writable(path: Path, *, option: str = "--report") -> None:
    """Say so before a long run, not after it; and leave nothing behind. `UsageError`.

    `option` is what a person typed before the name.
    """
    why_not = ""
    if path.is_dir():
        why_not = "this is a folder"
    elif not path.parent.is_dir():
        why_not = "there is no such folder"
    elif not os.access(path.parent, os.W_OK | os.X_OK):
        why_not = "its folder is not yours to write"
    elif path.exists() and not path.is_file():
        why_not = "this is no file"
    elif path.exists() and not _is_replaceable(path):
        why_not = "there is a file that holds something else than a report"
    if why_not:
        raise UsageError(
            f"the report cannot be written there: {why_not}",
            where=option,
            found=str(path),
            todo="name another file, in a folder that exists and is yours",
        )


def write_page(path: Path, page: str) -> None:
    """Write a page aside and move it into place.

    `CointraderError` where the disk refuses; what was there before is untouched.
    """
    with written_whole(path, "the report") as file:
        file.write(page)


def _is_replaceable(path: Path) -> bool:
    """Whether a file is empty or a report of ours, and may be written."""
    if not os.access(path, os.W_OK | os.R_OK):
        return False
    with path.open("rb") as existing:
        begins = existing.read(_BEGINNING)
    return not begins or _OURS in begins
