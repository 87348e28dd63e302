from __future__ import annotations

import hashlib
import importlib.util
import sys
from types import ModuleType

import pytest

from cointrader.domain.errors import ConfigError
from cointrader.exchange.binance.credentials import Credentials

QUERY = "symbol=XRPUSDT&side=BUY&type=MARKET&quantity=10&timestamp=1795000000000"
PEM = "-----BEGIN PRIVATE KEY-----\\nMC4CAQAwBQYDK2VwBCIEIA==\\n-----END PRIVATE KEY-----"


def hmac_by_hand(secret: bytes, text: bytes) -> str:
    """HMAC-SHA256 as RFC 2104 defines it, from the hash alone."""
    padded = secret.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in padded) + text).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in padded) + inner).hexdigest()


def test_a_signature_is_the_hmac_of_the_query_and_comes_last():
    signed = Credentials("key", "secret").signed(QUERY)

    assert signed == f"{QUERY}&signature={hmac_by_hand(b'secret', QUERY.encode())}"
    assert signed.endswith("ddcecf1ce296937b960bf33526bd7c6068c445df4f3776b7927c1c7617e89acd")


def test_parameters_are_signed_sorted_by_name_with_the_key_among_them():
    signed = Credentials("key", "secret").signed_parameters(
        {"timestamp": 1_795_000_000_000, "symbol": "币安USDT", "id": "a b"}
    )

    payload = "apiKey=key&id=a b&symbol=币安USDT&timestamp=1795000000000"
    assert signed == {
        "timestamp": 1_795_000_000_000,
        "symbol": "币安USDT",
        "id": "a b",
        "apiKey": "key",
        "signature": hmac_by_hand(b"secret", payload.encode()),
    }


def test_the_key_travels_in_a_header():
    assert Credentials(" key \n", "secret").headers() == {"X-MBX-APIKEY": "key"}


def test_nothing_shows_key_or_secret():
    credentials = Credentials("the-key", "the-secret")

    shown = f"{credentials!r} {credentials} {[credentials]}"
    assert "the-key" not in shown
    assert "the-secret" not in shown


def test_redacting_removes_a_signature_from_json():
    text = 'refused: {"a":1,"signature":"ab12CD","b":2}'

    assert (
        Credentials("the-key", "the-secret").redact(text)
        == 'refused: {"a":1,"signature":"***","b":2}'
    )


def test_redacting_removes_key_secret_and_signature():
    text = "GET /x?a=1&signature=ab12CD&b=2 by the-key with the-secret"

    redacted = Credentials("the-key", "the-secret").redact(text)
    assert redacted == "GET /x?a=1&signature=***&b=2 by *** with ***"


@pytest.mark.parametrize(("key", "secret"), [("", "s"), ("k", " "), ("kéy", "s"), ("k\ny", "s")])
def test_an_unusable_key_or_secret_is_refused_without_showing_it(key, secret):
    with pytest.raises(ConfigError) as refused:
        Credentials(key, secret)

    assert refused.value.found is None


@pytest.mark.skipif(
    importlib.util.find_spec("cryptography") is not None, reason="cryptography is installed"
)
def test_a_private_key_without_the_package_names_what_to_install():
    with pytest.raises(ConfigError, match="pip install cryptography") as refused:
        Credentials("key", PEM)

    assert "MC4CAQAwBQYDK2VwBCIEIA" not in str(refused.value)


def test_an_ed25519_key_signs_in_base64_percent_encoded_where_it_is_a_query(monkeypatch):
    class Ed25519PrivateKey:
        def sign(self, payload: bytes) -> bytes:
            assert payload in (QUERY.encode(), b"apiKey=key&b=1")
            return b"\xfb\xef\xff"  # ++// in base64

    read: list[bytes] = []

    def load_pem_private_key(pem: bytes, password: None) -> Ed25519PrivateKey:
        read.append(pem)
        return Ed25519PrivateKey()

    primitives = "cryptography.hazmat.primitives"
    modules: dict[str, dict[str, object]] = {
        "serialization": {"load_pem_private_key": load_pem_private_key},
        "asymmetric.ed25519": {"Ed25519PrivateKey": Ed25519PrivateKey},
    }
    for parent in ("cryptography", "cryptography.hazmat", primitives, f"{primitives}.asymmetric"):
        monkeypatch.setitem(sys.modules, parent, ModuleType(parent))
    for name, members in modules.items():
        module = ModuleType(f"{primitives}.{name}")
        module.__dict__.update(members)
        monkeypatch.setitem(sys.modules, f"{primitives}.{name}", module)

    credentials = Credentials("key", PEM)

    assert credentials.signed(QUERY) == f"{QUERY}&signature=%2B%2B%2F%2F"
    assert credentials.signed_parameters({"b": 1})["signature"] == "++//"
    assert read[0].count(b"\n") == 2
