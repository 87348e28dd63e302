"""One POST to a chat webhook. Blocking; for a thread of its own.

The address is a secret: no answer or error that leaves this module contains any part of it.
"""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import suppress
from threading import Timer
from urllib.parse import SplitResult, parse_qsl, urlencode

from cointrader import __version__
from cointrader.ops.answers import Failed, Outcome, judged

_LONGEST_ANSWER = 65_536  # bytes; all we want of it is one number
_NO_EMBEDS = 1 << 2  # message flag: links get no preview


class Webhook:
    """Where messages go, by HTTP or HTTPS. Each one has a connection of its own."""

    def __init__(self, address: SplitResult) -> None:
        self._address = address
        # Without "wait" a message that could not be saved is answered like one that was.
        query = {"wait": "true", **dict(parse_qsl(address.query))}
        self._target = f"{address.path or '/'}?{urlencode(query)}"

    def post(self, text: str, *, timeout_s: float) -> Outcome:
        """Send `text`. Mentions nobody, shows no previews. Never raises on account of the net."""
        body = {"content": text, "allowed_mentions": {"parse": []}, "flags": _NO_EMBEDS}
        connection = self._connection(timeout_s)
        try:
            connection.connect()
            with _Deadline(connection.sock, timeout_s):  # a server that drips never times out
                connection.request(
                    "POST",
                    self._target,
                    json.dumps(body),
                    {
                        "Content-Type": "application/json",
                        "User-Agent": f"cointrader/{__version__}",
                        "Connection": "close",
                    },
                )
                answer = connection.getresponse()
                headers = {name.lower(): value for name, value in answer.getheaders()}
                return judged(answer.status, headers, answer.read(_LONGEST_ANSWER))
        except TimeoutError:
            return Failed("no answer in time")
        except (OSError, http.client.HTTPException, ValueError, RuntimeError) as error:
            return Failed(type(error).__name__)  # its text may contain the address
        finally:
            connection.close()

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        host, port = self._address.hostname or "", self._address.port
        if self._address.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=timeout_s)
        return http.client.HTTPConnection(host, port, timeout=timeout_s)


class _Deadline:
    """Ends whatever a socket does when the time is up."""

    def __init__(self, sock: socket.socket, timeout_s: float) -> None:
        self._timer = Timer(timeout_s, _shut, (sock,))
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # below TLS: it would wait for the peer
