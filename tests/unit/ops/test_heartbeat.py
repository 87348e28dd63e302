"""A word outward that nobody waits for, and a watchdog that ends what hangs."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from cointrader.domain.errors import ConfigError
from cointrader.ops.heartbeat import Heartbeat
from cointrader.ops.watchdog import Watchdog


@pytest.fixture
def monitor():
    """A server that counts what is asked of it."""
    asked: list[str] = []
    heard = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            heard.set()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/secret", asked, heard
    server.shutdown()
    server.server_close()


def test_a_beat_asks_for_the_address(monitor):
    url, asked, heard = monitor

    Heartbeat(url).beat()

    assert heard.wait(5)
    assert asked == ["/secret"]


def test_a_monitor_that_is_away_is_no_reason_to_wait():
    heartbeat = Heartbeat("http://127.0.0.1:9/secret", timeout_s=0.2)
    began = time.monotonic()

    for _ in range(100):
        heartbeat.beat()

    assert time.monotonic() - began < 0.2


def test_an_address_that_is_none_is_refused():
    with pytest.raises(ConfigError):
        Heartbeat("nowhere")


def test_the_watchdog_barks_once_after_silence_and_not_before():
    barked = threading.Event()
    dog = Watchdog(0.3, barked.set)
    for _ in range(5):
        time.sleep(0.1)
        dog.alive()
    assert not barked.is_set()

    assert barked.wait(2)


def test_a_watchdog_that_was_stopped_is_silent():
    barked = threading.Event()
    dog = Watchdog(0.1, barked.set)
    dog.stop()

    assert not barked.wait(0.4)
