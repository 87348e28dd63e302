"""A word to the service manager that started this process, where one did: systemd's protocol.

``Type=notify`` waits for READY=1; ``WatchdogSec`` wants to hear WATCHDOG=1 often enough. That comes
from the event loop: a loop that hangs says nothing, and is ended and started again.
Source: the manual page sd_notify(3).
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

_TOO_SELDOM = 3  # signs of life per WatchdogSec: one that is late harms nobody


def tell_manager(*words: str, environ: Mapping[str, str] | None = None) -> bool:
    """Send ``READY=1`` and the like. False where nobody listens; never raises."""
    address = (os.environ if environ is None else environ).get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.setblocking(False)  # trading waits for nobody
        line.sendto("\n".join(words).encode(), "\0" + address[1:] if address[0] == "@" else address)
        return True
    return False


def watchdog_s(environ: Mapping[str, str] | None = None) -> float | None:
    """How long this process may be silent, in seconds of real time; None: as long as it likes."""
    known = os.environ if environ is None else environ
    told, pid = known.get("WATCHDOG_USEC", ""), known.get("WATCHDOG_PID", "")
    if pid and pid != str(os.getpid()):
        return None
    return int(told) / 1_000_000 if told.isascii() and told.isdigit() and int(told) > 0 else None


@contextmanager
def alive_to_manager() -> Iterator[None]:
    """Signs of life while the block lasts, from this event loop, and a word when it ends.

    Does nothing where no service manager asked for it.
    """
    limit_s, loop = watchdog_s(), asyncio.get_running_loop()
    timer: asyncio.TimerHandle | None = None

    def beat() -> None:
        nonlocal timer
        tell_manager("WATCHDOG=1")
        assert limit_s is not None
        timer = loop.call_later(limit_s / _TOO_SELDOM, beat)

    if limit_s is not None:
        beat()
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()
        tell_manager("STOPPING=1")
