"""What a search and a walk-forward write alike."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from cointrader.backtest.sweep.ranking import CHOICES, Choice
from cointrader.domain.errors import UsageError


def choice(text: str) -> Choice:
    """What cells are compared by, as it was typed."""
    return CHOICES[[str(each) for each in CHOICES].index(text)]


def require_room(path: Path) -> None:
    """Say before a long run that a file cannot be written after it."""
    target = path if path.exists() else path.parent
    if not path.parent.is_dir() or not os.access(target, os.W_OK):
        raise UsageError(
            "the cells cannot be written there",
            where="--out",
            found=str(path),
            todo="name a file in a folder that exists and is yours",
        )


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Lines of a table, its columns ranged right."""
    wide = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for row in (titles, *rows):
        yield "  " + "  ".join(text.rjust(width) for text, width in zip(row, wide, strict=True))
