"""A file that is there as a whole or not at all, whatever happens while it is written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from cointrader.domain.errors import CointraderError

_TODO = "check the free space and the permissions of the folder"


@contextmanager
def written_whole(path: Path, what: str, *, todo: str = _TODO) -> Iterator[TextIO]:
    """Text in UTF-8, written aside; moved into place when the block ends well. Its folder is made.

    `CointraderError` ("`what` cannot be written") where the disk refuses. However the block ends
    otherwise, what was there before is untouched and nothing is left behind.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("w", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException as error:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise CointraderError(
            f"{what} cannot be written",
            where=str(path),
            found=error.strerror or str(error),
            todo=todo,
        ) from None
