"""One HTTP request of a chat's API. Blocking; for a thread of its own.

The address is a secret: no answer or error that leaves this module contains any part of it.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Timer
from typing import Any
from urllib.parse import SplitResult

from cointrader import __version__

_LONGEST_ANSWER = 65_536  # bytes; of most answers all we want is one number


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said. `headers` by their names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class NoReply:
    """There was none, and nobody knows whether the request arrived."""

    why: str


def post_json(
    address: SplitResult,
    target: str,
    body: Mapping[str, Any],
    *,
    timeout_s: float,
    longest: int = _LONGEST_ANSWER,
    on_connected: Callable[[socket.socket], None] = lambda _socket: None,
) -> Reply | NoReply:
    """POST `body` to `target` at the host of `address`. Never raises on account of the net.

    `on_connected` gets the socket: who shuts it down ends the request.
    """
    connection = _connection(address, timeout_s)
    try:
        connection.connect()
        on_connected(connection.sock)
        with _Deadline(connection.sock, timeout_s):  # a server that drips never times out
            connection.request(
                "POST",
                target,
                json.dumps(body),
                {
                    "Content-Type": "application/json",
                    "User-Agent": f"cointrader/{__version__}",
                    "Connection": "close",
                },
            )
            with connection.getresponse() as answer:  # it holds the socket, also half read
                headers = {name.lower(): value for name, value in answer.getheaders()}
                return Reply(answer.status, headers, answer.read(longest))
    except TimeoutError:
        return NoReply("no answer in time")
    except (OSError, http.client.HTTPException, ValueError, RuntimeError) as error:
        return NoReply(type(error).__name__)  # its text may contain the address
    finally:
        connection.close()


def shut(sock: socket.socket) -> None:
    """End whatever goes on over `sock`."""
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # below TLS: it would wait for the peer


def _connection(address: SplitResult, timeout_s: float) -> http.client.HTTPConnection:
    host, port = address.hostname or "", address.port
    if address.scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=timeout_s)
    return http.client.HTTPConnection(host, port, timeout=timeout_s)


class _Deadline:
    """Ends whatever a socket does when the time is up."""

    def __init__(self, sock: socket.socket, timeout_s: float) -> None:
        self._timer = Timer(timeout_s, shut, (sock,))
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
