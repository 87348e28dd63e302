"""How a request's signature is checked: by a shared secret, or by a public key.

As on Binance, who makes a key there hands in the public half of an Ed25519 pair instead of being
told a secret. The check then needs the `cryptography` package, which is imported when such a key
is used and not before.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from importlib import import_module
from typing import Any

from cointrader.domain.errors import ConfigError

Check = Callable[[str, str], bool]
"""(payload, signature) -> whether it is that payload's."""

_BEGIN, _END = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"
_DER_OF_ED25519 = "MCowBQYDK2Vw"  # what the text of every such key begins with


def is_public_key(secret: str) -> bool:
    """Whether a secret is none, but an Ed25519 public key: its PEM, or the one line in it."""
    return _line_of(secret).startswith(_DER_OF_ED25519)


def check_of(secret: str) -> Check:
    """How signatures are checked with `secret`, a shared one or a public key."""
    return _ed25519(secret) if is_public_key(secret) else _hmac_sha256(secret)


def _hmac_sha256(secret: str) -> Check:
    def is_signed(payload: str, signature: str) -> bool:
        expected = hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(signature.lower().encode(), expected.encode())

    return is_signed


def _ed25519(secret: str) -> Check:
    public = _load(_line_of(secret))

    def is_signed(payload: str, signature: str) -> bool:
        try:
            # Clients that do not percent-encode a + send what reads as a space.
            public.verify(base64.b64decode(signature.replace(" ", "+")), payload.encode())
        except Exception:  # InvalidSignature, or what base64 says of a text that is none
            return False
        return True

    return is_signed


def _line_of(secret: str) -> str:
    """The text between the two lines of a PEM; line breaks may be written as \\n."""
    text = secret.replace("\\n", "\n").replace(_BEGIN, "").replace(_END, "")
    return "".join(text.split())


def _load(line: str) -> Any:
    try:
        serialization = import_module("cryptography.hazmat.primitives.serialization")
    except ImportError:
        raise ConfigError(
            "the secret is a public key, and checking signatures with it needs a package that is "
            "not installed",
            todo="pip install cryptography, or use an HMAC secret",
        ) from None
    try:
        return serialization.load_der_public_key(base64.b64decode(line))
    except (ValueError, binascii.Error):
        raise ConfigError(
            "the public key in the secret cannot be read",
            allowed="an Ed25519 key from BEGIN PUBLIC KEY to END PUBLIC KEY, or the line in it",
        ) from None
