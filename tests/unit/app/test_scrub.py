"""Secrets are taken out of text, in every form somebody may have written them in."""

import json
from urllib.parse import quote, quote_plus

import pytest

from cointrader.app.logs.scrub import HIDDEN, Scrubber

ODD = 'pa"ss/wörd +&=\\end'
KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hZ1\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    "form",
    [ODD, quote(ODD, safe=""), quote(ODD), quote_plus(ODD), json.dumps(ODD), repr(ODD),
     json.dumps(ODD, ensure_ascii=False)],
)  # fmt: skip
def test_a_known_secret_is_hidden_in_every_form(form):
    text = Scrubber([ODD]).text(f"before {form} after")

    assert HIDDEN in text
    assert "wörd" not in text
    assert "%C3%B6rd" not in text
    assert text.startswith("before ")
    assert text.endswith(" after")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("GET /fapi/v1/order?symbol=XRPUSDT&signature=0a1b2c3d HTTP", "0a1b2c3d"),
        ("url: https%3A%2F%2Fx%3Fsignature%3D0a1b2c3d", "0a1b2c3d"),
        ('{"signature": "MCwC/+8=", "symbol": "XRPUSDT"}', "MCwC"),
        ('{\\"listenKey\\":\\"pqia91ma19a5s61c\\"}', "pqia91ma"),
        ("{'listenKey': 'pqia91ma19a5s61c'}", "pqia91ma"),
        ("wss://x/ws?listenKey=pqia91ma19a5s61c&events=1", "pqia91ma"),
        ("X-MBX-APIKEY: hushhush", "hushhush"),
        ("Authorization: Bearer hush.hush-1", "hush.hush"),
        ("Authorization: Basic aHVzaDpodXNo", "aHVzaDpodXNo"),
        ("sent bearer abcdef123 to", "abcdef123"),
        ("BINANCE_API_SECRET=abc-def", "abc-def"),
        ("TELEGRAM_TOKEN = 'with blank'", "with blank"),
        ("my_password: hush", "hush"),
        ("Cookie: session=hush; other=1", "hush"),
        ("POST https://discord.com/api/webhooks/12345/AbC-d_9 429", "AbC-d_9"),
        ("https://api.telegram.org/bot123456:AAH-x_y/getUpdates", "AAH-x_y"),
        ("# old telegram 123456789:AAH-x_y0123456789abcdefghijklmnopq", "AAH-x_y"),
        ("chat 123456789%3AAAH-x_y0123456789abcdefghijklmnopq", "AAH-x_y"),
        ("mailto://alice:hush@example.com", "hush"),
        ("http://127.0.0.1:8787/#token=hush-hush", "hush"),
        (f"refused: {KEY}", KEY),
        (f"/ws/{KEY}", KEY),
        (f"key {PEM} end", "MC4CAQ"),
        ("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYD", "MC4CAQ"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_unknown_as_it_is(text, left):
    scrubbed = Scrubber().text(text)

    assert HIDDEN in scrubbed
    assert left not in scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "order.filled symbol=XRPUSDT client_order_id=ct-XRPUSDT-1-e0 price=0.6123",
        f"configuration {'0a' * 32}",  # a hash
        "the secret of good trading is patience",
        "https://fapi.binance.com/fapi/v1/time",
        "at 1767225600:XRPUSDT",
        '{"symbol": "TRXUSDT", "quantity": "120"}',
    ],
)
def test_ordinary_text_stays_as_it_is(text):
    assert Scrubber(["k", "", KEY]).text(text) == text


def test_what_stands_around_a_secret_stays_readable():
    scrubber = Scrubber()

    assert scrubber.text('{"signature": "ab/c", "symbol": "X"}') == (
        '{"signature": "***", "symbol": "X"}'
    )
    assert scrubber.text("?a=1&signature=abc&b=2") == "?a=1&signature=***&b=2"


def test_a_private_key_is_hidden_line_by_line_and_joined_by_backslash_n():
    joined = PEM.replace("\n", "\\n")
    scrubber = Scrubber([joined])

    for text in (PEM, joined, "MC4CAQAwBQYDK2VwBCIEIJ1hZ1", json.dumps(PEM)):
        assert "MC4CAQ" not in scrubber.text(f"x {text} y")


def test_a_scrubber_does_not_show_what_it_looks_for():
    assert KEY not in repr(Scrubber([KEY]))
