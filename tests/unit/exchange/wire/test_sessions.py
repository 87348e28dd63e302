"""Keys of the Ed25519 kind: signatures over REST, and sessions of the WebSocket API."""

from __future__ import annotations

import base64
from urllib.parse import quote, urlencode

import pytest

from cointrader.domain.errors import ConfigError
from cointrader.exchange.simulated.wire import Credentials
from tests.unit.exchange.wire.serving import CALM, KEY, SYMBOL, served, signature_of

ed25519 = pytest.importorskip(
    "cryptography.hazmat.primitives.asymmetric.ed25519", reason="cryptography is not installed"
)
serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")

PRIVATE = ed25519.Ed25519PrivateKey.from_private_bytes(b"7" * 32)
PEM = (
    PRIVATE.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
LINE = PEM.splitlines()[1]
LIMIT = {
    "symbol": SYMBOL,
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "10",
    "price": "1.95",
}


def signed(payload: str) -> str:
    return base64.b64encode(PRIVATE.sign(payload.encode())).decode()


async def ask(socket, client, method, *, sign, **params):
    given = {**params, "timestamp": await client.now_ms()}
    if sign:
        given["apiKey"] = KEY
        given["signature"] = signed("&".join(f"{name}={given[name]}" for name in sorted(given)))
    await socket.send_json({"id": method, "method": method, "params": given})
    return await socket.receive_json(timeout=3)


@pytest.mark.parametrize(
    "secret", [PEM, PEM.replace("\n", "\\n"), LINE], ids=["PEM", "PEM in one line", "its text"]
)
async def test_a_public_key_takes_the_place_of_a_secret(secret):
    async with served(CALM, credentials=Credentials(KEY, secret)) as client:
        query = urlencode({"timestamp": await client.now_ms(), "recvWindow": 5000})
        encoded = f"{query}&signature={quote(signed(query), safe='')}"
        plain = f"{query}&signature={signed(query)}"  # a + in it is read as a space
        right = [
            await client.send("GET", "/fapi/v3/account", encoded),
            await client.send("GET", "/fapi/v3/account", plain),
            await client.send("DELETE", "/fapi/v1/allOpenOrders", "x", in_body=True),
        ]
        wrong = await client.send("GET", "/fapi/v3/account", encoded.replace("5000", "5001"))
        shared = f"{query}&signature={signature_of(query)}"
        of_another_kind = await client.send("GET", "/fapi/v3/account", shared)

    assert [reply.status for reply in right] == [200, 200, 400]
    assert (wrong.code, of_another_kind.code) == (-1022, -1022)


async def test_who_logged_on_signs_no_more_until_he_logs_out():
    async with (
        served(CALM, credentials=Credentials(KEY, PEM)) as client,
        client.session.ws_connect(client.at.ws_api) as socket,
    ):
        before = await ask(socket, client, "order.place", sign=False, **LIMIT)
        on = await ask(socket, client, "session.logon", sign=True)
        placed = await ask(socket, client, "order.place", sign=False, **LIMIT)
        account = await ask(socket, client, "v2/account.status", sign=False)
        status = await ask(socket, client, "session.status", sign=False)
        out = await ask(socket, client, "session.logout", sign=False)
        after = await ask(socket, client, "order.place", sign=False, **LIMIT)
        by_itself = await ask(socket, client, "order.place", sign=True, **LIMIT)

    assert before["error"]["code"] == -2014
    assert on["result"]["apiKey"] == KEY
    assert on["result"]["authorizedSince"] >= on["result"]["connectedSince"]
    assert (placed["status"], placed["result"]["status"]) == (200, "NEW")
    assert account["status"] == 200
    assert status["result"]["apiKey"] == KEY
    assert (out["status"], out["result"]["apiKey"], out["result"]["authorizedSince"]) == (
        200,
        None,
        None,
    )
    assert after["error"]["code"] == -2014
    assert by_itself["status"] == 200


async def test_a_session_is_of_one_connection_and_its_requests_still_need_a_time():
    async with (
        served(CALM, credentials=Credentials(KEY, PEM)) as client,
        client.session.ws_connect(client.at.ws_api) as socket,
        client.session.ws_connect(client.at.ws_api) as another,
    ):
        await ask(socket, client, "session.logon", sign=True)
        elsewhere = await ask(another, client, "account.balance", sign=False)
        await socket.send_json({"id": 1, "method": "account.balance"})
        timeless = await socket.receive_json(timeout=3)
        given = {"apiKey": KEY, "timestamp": await client.now_ms(), "signature": "AAAA"}
        await socket.send_json({"id": 2, "method": "account.balance", "params": given})
        forged = await socket.receive_json(timeout=3)

    assert elsewhere["error"]["code"] == -2014
    assert timeless["error"]["code"] == -1102
    assert forged["error"]["code"] == -1022


async def test_a_key_with_a_shared_secret_has_no_sessions_but_may_ask_for_them():
    async with served(CALM) as client, client.session.ws_connect(client.at.ws_api) as socket:
        on = await ask(socket, client, "session.logon", sign=True)
        status = await ask(socket, client, "session.status", sign=False)
        out = await ask(socket, client, "session.logout", sign=False)

    assert (on["status"], on["error"]["code"]) == (400, -4056)
    assert (status["status"], status["result"]["apiKey"]) == (200, None)
    assert out["status"] == 200


def test_a_public_key_that_cannot_be_read_is_a_mistake():
    with pytest.raises(ConfigError, match="cannot be read"):
        Credentials(KEY, LINE[:-10])
