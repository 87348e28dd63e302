"""Who may ask: tokens, sessions, hosts, and how often. No I/O.

Three things stand between a web page of somebody else and the bots: the session cookie is sent by
pages of this site alone (SameSite=Strict), a POST must repeat the session's CSRF value, which
other sites cannot read, and browsers say where a request comes from. A name that somebody points
at this machine (DNS rebinding) is refused by the Host header.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

SESSION_S = 24 * 3600.0
MOST_SESSIONS = 50
LEAST_TOKEN = 16  # characters

Seconds = Callable[[], float]


def new_token() -> str:
    """A token that nobody guesses: 256 bits."""
    return secrets.token_urlsafe(32)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


# -- which names lead here ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hosts:
    """The names under which this server answers.

    A browser that was led here by a foreign name sends that name, so numbers are safe and names
    are not: beside numbers and ``localhost`` only `names` are answered.
    """

    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, names: Iterable[str]) -> Hosts:
        return cls(frozenset(name.strip().lower().rstrip(".") for name in names if name.strip()))

    def allows(self, header: str | None) -> bool:
        """Whether a Host header names this server."""
        name = _name_of(header or "")
        if not name:
            return False
        if name in ("localhost", *self.names):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _name_of(header: str) -> str:
    """The name in ``name:port``; "" where it is none."""
    if header.startswith("["):
        name, bracket, rest = header[1:].partition("]")
        is_right = bracket and (not rest or (rest[0] == ":" and rest[1:].isdigit()))
        return name if is_right else ""
    name, colon, port = header.partition(":")
    return name.lower().rstrip(".") if not colon or port.isdigit() else ""


def comes_from_here(host: str, origin: str | None, fetch_site: str | None) -> bool:
    """Whether a request was made by a page of this site, or by no page at all.

    `host` is the Host header, the others those that browsers send and pages cannot forge.
    """
    if fetch_site is not None and fetch_site not in ("same-origin", "none"):
        return False
    if origin is None:
        return True
    scheme, found, rest = origin.partition("://")
    return bool(found) and scheme in ("http", "https") and rest.lower() == host.lower()


# -- who it is ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that gave the token."""

    csrf: str
    expires_s: float  # of `Seconds`
    expires_ms: int


class Access:
    """Tokens in, sessions out. What is kept of both are hashes."""

    def __init__(self, token: str, *, seconds: Seconds = time.monotonic) -> None:
        self._token = _hash(token)
        self._seconds = seconds
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()

    def is_token(self, text: str) -> bool:
        return hmac.compare_digest(_hash(text), self._token)

    def begin(self) -> tuple[str, Session]:
        """A new session and the value of its cookie."""
        cookie = new_token()
        now_ms = time.time_ns() // 1_000_000
        session = Session(
            new_token(), self._seconds() + SESSION_S, now_ms + round(SESSION_S * 1000)
        )
        self._sessions[_hash(cookie)] = session
        while len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return cookie, session

    def session(self, cookie: str | None) -> Session | None:
        """The session of a cookie, None when it is unknown or over."""
        if not cookie:
            return None
        found = self._sessions.get(_hash(cookie))
        if found is not None and found.expires_s <= self._seconds():
            del self._sessions[_hash(cookie)]
            return None
        return found

    def end(self, cookie: str | None) -> None:
        self._sessions.pop(_hash(cookie or ""), None)


def is_same(one: str, other: str) -> bool:
    """Compares secrets in a time that tells nothing of them."""
    return hmac.compare_digest(one.encode(), other.encode())


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


# -- how often ------------------------------------------------------------------------------------


class Limiter:
    """So many in so many seconds, for each name."""

    MOST_NAMES = 1_000

    def __init__(self, most: int, within_s: float, *, seconds: Seconds = time.monotonic) -> None:
        self._most, self._within_s, self._seconds = most, within_s, seconds
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, name: str) -> float:
        """How long until one more is allowed; 0: now."""
        times = self._recent(name)
        if times is None or len(times) < self._most:
            return 0.0
        return max(times[0] + self._within_s - self._seconds(), 0.0)

    def count(self, name: str) -> None:
        """There was one."""
        times = self._seen.setdefault(name, deque(maxlen=self._most))
        self._seen.move_to_end(name)
        times.append(self._seconds())
        while len(self._seen) > self.MOST_NAMES:
            self._seen.popitem(last=False)

    def _recent(self, name: str) -> deque[float] | None:
        times = self._seen.get(name)
        while times and times[0] + self._within_s <= self._seconds():
            times.popleft()
        return times
