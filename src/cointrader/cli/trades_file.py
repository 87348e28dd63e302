"""`--trades FILE`: closed trades as CSV, looked at before a long run and written after it."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from cointrader.domain.errors import CointraderError, UsageError
from cointrader.domain.position import Trade
from cointrader.journal.export import COLUMNS, write_csv


def require_writable(path: Path, *, not_among: Collection[Path] = ()) -> None:
    """Say so before a long run, not after it; and leave nothing behind.

    `not_among` are the files of the run's journal.
    """
    why_not = ""
    if path.resolve() in not_among:
        why_not = "this is the journal"
    elif not path.parent.is_dir():
        why_not = "there is no such folder"
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        why_not = "it is not yours to write"
    elif _holds_something_else(path):
        why_not = "there is a file that holds something else than trades"
    if why_not:
        raise UsageError(
            f"the trades cannot be written there: {why_not}",
            where="--trades",
            found=str(path),
            todo="name another file, in a folder that exists and is yours",
        )


def write_trades(trades: Iterable[Trade], path: Path, *, otherwise: str = "") -> None:
    """Write the file. `otherwise` tells where they are when that fails."""
    try:
        with path.open("w", newline="", encoding="utf-8") as target:
            write_csv(trades, target)
    except OSError as error:
        raise CointraderError(
            f"the trades could not be written: {error.strerror}",
            where=str(path),
            todo="make room or name another file" + (f"; {otherwise}" if otherwise else ""),
        ) from None


def _holds_something_else(path: Path) -> bool:
    """Whether writing trades there would overwrite what is no list of trades."""
    if not path.is_file():
        return path.is_dir()
    with path.open("rb") as existing:
        begins = existing.readline(1_000).strip()
    return bool(begins) and begins != ",".join(COLUMNS).encode()
