"""One process per account on this machine, whatever journals there are.

Two journals would not know of each other's positions. The lock goes by a hash of the API key and
stands in this user's state folder; the kernel frees it when its process ends.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cointrader.app.live.wiring import Access
from cointrader.app.status import writer_of
from cointrader.domain.errors import CointraderError, JournalError
from cointrader.journal.lock import WriterLock


@contextmanager
def holding_account(access: Access, folder: Path | None = None) -> Iterator[None]:
    """Be the only process that trades this account, as far as this user and machine go.

    `CointraderError` when another one does.
    """
    path = _path(access, folder)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = WriterLock(path)
    except OSError as error:
        raise CointraderError(
            f"the account's lock cannot be made: {error.strerror or error}",
            where=str(path.parent),
            todo="set XDG_STATE_HOME to a folder that this user may write",
        ) from None
    except JournalError:
        raise CointraderError(
            "another process trades this account",
            where=access.name,
            found=account_holder(access, folder) or "it ended just now",
            todo="stop that process first: two would trade the same account",
        ) from None
    try:
        yield
    finally:
        lock.release()


def account_holder(access: Access, folder: Path | None = None) -> str:
    """The process that trades this account here; "" when none does."""
    holder = writer_of(_path(access, folder))
    return "" if holder is None else f"process {holder.pid or 'unknown'}"


def _path(access: Access, folder: Path | None) -> Path:
    key = "".join(access.credentials.headers().values())
    named = f"{access.endpoints.rest} {key}".encode()
    return (folder or _state_folder()) / f"account-{hashlib.sha256(named).hexdigest()[:16]}"


def _state_folder() -> Path:
    told = os.environ.get("XDG_STATE_HOME", "")
    try:
        base = Path(told) if told else Path.home() / ".local" / "state"
    except RuntimeError:  # a user without a home
        base = Path(tempfile.gettempdir()) / f"cointrader-{os.getuid()}"
    return base / "cointrader"
