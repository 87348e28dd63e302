"""Is the process of this folder alive? For a container's health check; no shell, no network.

    python -m cointrader.app.health_check [JOURNAL]

Alive is whoever holds the journal and answers on its socket: a process whose event loop hangs holds
it too. Exit code 0 or 1, and one line that says why.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from cointrader.app.status import newest_journal, writer_of
from cointrader.domain.errors import CointraderError
from cointrader.ops.control import NotRunning, ask, socket_of

_JOURNALS = Path("journals")
_PATIENCE_S = 5.0


def health_of(journal: Path, *, timeout_s: float = _PATIENCE_S) -> tuple[bool, str]:
    """Whether a process that writes `journal` is well, and what is known of it."""
    writer = writer_of(journal)
    if writer is None:
        return False, f"no process writes {journal}"
    who = f"process {writer.pid or 'unknown'} writes {journal}"
    if not socket_of(journal).exists():  # a paper run at full speed takes no commands
        return True, who
    try:
        answer = ask(journal, "health", timeout_s=timeout_s)
    except NotRunning:
        return False, f"{who} but takes no commands"
    except CointraderError as error:
        return False, f"{who} but does not answer: {error.found or error.what}"
    return True, f"{who}: {' '.join(answer.lines) or 'it answers'}"


def main(arguments: Sequence[str]) -> int:
    try:
        journal = Path(arguments[0]) if arguments else newest_journal(_JOURNALS)
    except CointraderError as error:
        print(error.what)  # noqa: T201 - what a health check says
        return 1
    is_well, why = health_of(journal)
    print(why)  # noqa: T201 - likewise
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
