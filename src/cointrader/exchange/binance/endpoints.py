"""Where Binance is: the hosts of the real exchange, of its testnet, and of anything that speaks
the same protocol."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from cointrader.domain.errors import ConfigError

_SOCKET_SCHEMES = {"http": "ws", "https": "wss"}


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Base addresses, without a slash at their end."""

    rest: str
    ws: str  # streams; /public, /market or /private follows
    ws_api: str
    spot: str | None  # knows what a key may do; the testnet has none


LIVE = Endpoints(
    rest="https://fapi.binance.com",
    ws="wss://fstream.binance.com",
    ws_api="wss://ws-fapi.binance.com/ws-fapi/v1",
    spot="https://api.binance.com",
)
TESTNET = Endpoints(
    rest="https://demo-fapi.binance.com",
    ws="wss://fstream.binancefuture.com",
    ws_api="wss://testnet.binancefuture.com/ws-fapi/v1",
    spot=None,
)


def endpoints_at(
    rest: str, *, ws: str | None = None, ws_api: str | None = None, spot: str | None = None
) -> Endpoints:
    """Another server. What is not given is expected on the host of `rest`.

    `ConfigError` for an address that is none, or that carries a password.
    """
    base = _address("rest", rest, tuple(_SOCKET_SCHEMES))
    sockets = f"{_SOCKET_SCHEMES[base.scheme]}://{base.netloc}{base.path}"
    return Endpoints(
        rest=base.geturl(),
        ws=sockets if ws is None else _address("ws", ws, ("ws", "wss")).geturl(),
        ws_api=(
            f"{sockets}/ws-fapi/v1"
            if ws_api is None
            else _address("ws_api", ws_api, ("ws", "wss")).geturl()
        ),
        spot=base.geturl() if spot is None else _address("spot", spot, ("http", "https")).geturl(),
    )


def _address(name: str, text: str, schemes: tuple[str, ...]) -> SplitResult:
    allowed = f"{schemes[0]}://HOST[:PORT] or {schemes[1]}://HOST[:PORT]"
    try:
        parts = urlsplit(text.strip().rstrip("/"))
        is_whole = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole, parts = False, SplitResult("", "", "", "", "")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            "an address must not carry a user name or password", where=name, allowed=allowed
        )
    if not is_whole or parts.query or parts.fragment:
        raise ConfigError("this is no address of a server", where=name, found=text, allowed=allowed)
    return parts
