"""Who asks, and when: API key, HMAC signature, and the time window of a request. Pure."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from cointrader.exchange.simulated.wire.params import Params, missing
from cointrader.exchange.simulated.wire.refusals import refused
from cointrader.exchange.simulated.wire.signatures import Check, check_of, is_public_key

KEY_HEADER = "X-MBX-APIKEY"
DEFAULT_WINDOW_MS = 5_000
_AHEAD_MS = 1_000  # how far a client's clock may be in front


class Security(Enum):
    """What a call must bring along."""

    NONE = "nothing"
    KEY = "the key"  # MARKET_DATA and USER_STREAM
    SIGNED = "key, timestamp and signature"  # TRADE and USER_DATA


@dataclass(frozen=True, slots=True)
class Credentials:
    """The one key that this exchange knows, and its secret, or the public key that came with it.

    Raises `ConfigError` for a public key that cannot be used.
    """

    key: str
    secret: str = field(repr=False)
    _is_signed: Check = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_is_signed", check_of(self.secret))

    @property
    def may_log_on(self) -> bool:
        """Whether the key is of the kind that sessions of the WebSocket API are for."""
        return is_public_key(self.secret)

    @staticmethod
    def made() -> Credentials:
        """New ones, 64 letters and digits each, as Binance's are."""
        return Credentials(secrets.token_hex(32), secrets.token_hex(32))

    def require_key(self, key: str | None) -> None:
        """Raise `Rejected` unless `key` is the known one."""
        if not key:
            raise refused(-2014, "API-key format invalid.")
        if not hmac.compare_digest(key.encode(), self.key.encode()):
            raise refused(-2015, "Invalid API-key, IP, or permissions for action.")

    def require_signature(self, payload: str, signature: str | None) -> None:
        """Raise `Rejected` unless `signature` is that of `payload`.

        Some clients sign before they percent-encode; theirs counts too.
        """
        if not signature:
            raise missing("signature")
        signed = (payload, unquote_plus(payload))
        if not any(self._is_signed(each, signature) for each in signed):
            raise refused(-1022, "Signature for this request is not valid.")


def read(query: str, body: str) -> Params:
    """The parameters of a request; those of the query string win."""
    return Params(
        [
            *parse_qsl(query, keep_blank_values=True),
            *parse_qsl(body, keep_blank_values=True),
        ]
    )


def signed_payload(query: str, body: str) -> str:
    """What a request's signature is made over: query and body as sent, without the signature."""
    return _unsigned(query) + _unsigned(body)


def json_payload(params: Mapping[str, Any]) -> str:
    """The same for the WebSocket API: all parameters sorted by name."""
    read_as = Params.of_json({name: v for name, v in params.items() if name != "signature"})
    return "&".join(f"{name}={read_as.given(name)}" for name in sorted(read_as.names()))


@dataclass(frozen=True, slots=True)
class Present:
    """What an honest client's clock may show by now.

    It was set by the exchange's some time since the start, and runs as fast as a clock does: it is
    between `earliest_ms` and `latest_ms`. Or it was never set, and shows `machine_ms` as the
    exchange's machine does. `slack` widens the window where the exchange's time is faster.
    """

    earliest_ms: int
    latest_ms: int
    machine_ms: int
    slack: float = 1.0


def require_in_time(params: Params, present: Present) -> None:
    """Raise `Rejected` unless a request was sent just now."""
    sent_ms = params.needed_whole("timestamp")
    window_ms = params.whole("recvWindow")
    if window_ms is None:
        window_ms = DEFAULT_WINDOW_MS
    if present.machine_ms - window_ms <= sent_ms < present.machine_ms + _AHEAD_MS:
        return
    is_ahead = sent_ms >= present.latest_ms + _AHEAD_MS * present.slack
    if is_ahead and sent_ms > present.machine_ms:
        raise refused(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if is_ahead or present.earliest_ms - sent_ms > window_ms * present.slack:
        raise refused(-1021, "Timestamp for this request is outside of the recvWindow.")


def _unsigned(text: str) -> str:
    return "&".join(part for part in text.split("&") if not part.startswith("signature="))
