"""An API key and what signs with it. Neither is ever shown.

HMAC-SHA256 needs only the secret text. An Ed25519 secret is a PEM private key and needs the
`cryptography` package, which is imported when such a key is used and not before.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable, Mapping
from importlib import import_module
from urllib.parse import quote

from cointrader.domain.errors import ConfigError

HIDDEN = "***"
_PEM_MARK = "-----BEGIN "
_SIGNATURE = re.compile(r"(signature[\"']?\s*[=:]\s*[\"']?)[^&\s\"'<>,}]+")


class Credentials:
    """Signs queries with one key.

    Parameters
    ----------
    key : the API key; travels in a header
    secret : of an HMAC key its secret, of an Ed25519 key the PEM text of the private key, whose
        lines may be joined by a literal backslash and n, as environment files have it

    Raises `ConfigError` for an empty key or secret and for a private key that cannot be used.
    """

    __slots__ = ("_key", "_secret", "_sign")

    def __init__(self, key: str, secret: str) -> None:
        self._key, self._secret = key.strip(), secret.strip()
        for name, value in (("API key", self._key), ("API secret", self._secret)):
            if not value:
                raise ConfigError(f"the {name} is empty", todo="set BINANCE_API_KEY and _SECRET")
            if not value.isascii() or (name == "API key" and not value.isprintable()):
                raise ConfigError(
                    f"the {name} has characters that no {name} has", todo="copy it again, whole"
                )
        is_pem = self._secret.startswith(_PEM_MARK)
        self._sign = _ed25519(self._secret) if is_pem else _hmac_sha256(self._secret)

    def __repr__(self) -> str:
        return f"Credentials({HIDDEN})"

    def headers(self) -> dict[str, str]:
        """What a request carries to say whose it is."""
        return {"X-MBX-APIKEY": self._key}

    def signed(self, query: str) -> str:
        """`query`, percent-encoded already, with its signature as the last parameter."""
        return f"{query}&signature={quote(self._sign(query.encode()), safe='')}"

    def signed_parameters(self, parameters: Mapping[str, str | int]) -> dict[str, str | int]:
        """`parameters` with key and signature, as calls over a WebSocket carry them."""
        named: dict[str, str | int] = {**parameters, "apiKey": self._key}
        payload = "&".join(f"{name}={named[name]}" for name in sorted(named))
        named["signature"] = self._sign(payload.encode())
        return named

    def redact(self, text: str) -> str:
        """`text` without key, secret and signature, should anybody have put them there."""
        without = text.replace(self._secret, HIDDEN).replace(self._key, HIDDEN)
        return _SIGNATURE.sub(rf"\1{HIDDEN}", without)


def _hmac_sha256(secret: str) -> Callable[[bytes], str]:
    key = secret.encode()
    return lambda payload: hmac.digest(key, payload, "sha256").hex()


def _ed25519(pem: str) -> Callable[[bytes], str]:
    try:
        serialization = import_module("cryptography.hazmat.primitives.serialization")
        ed25519 = import_module("cryptography.hazmat.primitives.asymmetric.ed25519")
    except ImportError:
        raise ConfigError(
            "this API secret is a private key (PEM), and signing with it needs a package that is "
            "not installed",
            todo="pip install cryptography, or make an HMAC key on Binance and use that",
        ) from None
    try:
        private = serialization.load_pem_private_key(pem.replace("\\n", "\n").encode(), None)
    except Exception:  # of many kinds, whose texts we do not know
        raise ConfigError(
            "the private key in the API secret cannot be read",
            allowed="an unencrypted PEM text from BEGIN PRIVATE KEY to END PRIVATE KEY",
        ) from None
    if not isinstance(private, ed25519.Ed25519PrivateKey):
        raise ConfigError(
            "the private key in the API secret is of a kind that is not supported",
            allowed="Ed25519, or an HMAC secret",
        )
    return lambda payload: base64.b64encode(private.sign(payload)).decode()
