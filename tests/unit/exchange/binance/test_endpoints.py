from __future__ import annotations

import pytest

from cointrader.domain.errors import ConfigError
from cointrader.exchange.binance.endpoints import LIVE, TESTNET, Endpoints, endpoints_at


def test_the_real_exchange_and_its_testnet_share_no_host():
    hosts = [{e.rest, e.ws, e.ws_api, e.spot} for e in (LIVE, TESTNET)]

    assert not hosts[0] & hosts[1]


def test_another_server_is_expected_to_have_everything_in_one_place():
    assert endpoints_at("http://127.0.0.1:18080/") == Endpoints(
        rest="http://127.0.0.1:18080",
        ws="ws://127.0.0.1:18080",
        ws_api="ws://127.0.0.1:18080/ws-fapi/v1",
        spot="http://127.0.0.1:18080",
    )


def test_parts_of_another_server_can_be_elsewhere():
    endpoints = endpoints_at(
        "https://a.example", ws="wss://b.example/", ws_api="wss://c.example/x", spot="https://d.it"
    )

    assert endpoints == Endpoints(
        "https://a.example", "wss://b.example", "wss://c.example/x", "https://d.it"
    )


@pytest.mark.parametrize(
    "text", ["", "fapi.binance.com", "ftp://a.example", "https://", "http://[::1", "http://a?b=c"]
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ConfigError, match="no address"):
        endpoints_at(text)


def test_a_password_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(ConfigError) as refused:
        endpoints_at("https://me:hunter2@a.example")

    assert "hunter2" not in str(refused.value)
