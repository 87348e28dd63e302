"""How long one thread of this process may keep the others waiting.

The journal's thread has orders waiting for it. By default Python lets the event loop go on for
5 ms before it passes the interpreter to a thread that asks for it.
"""

from __future__ import annotations

import sys

_TURN_S = 0.0001


def take_short_turns() -> None:
    """From now on a tenth of a millisecond, for all threads of the process."""
    sys.setswitchinterval(_TURN_S)
