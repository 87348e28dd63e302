"""`serve`: what happens around the server."""

import gc
import threading
import urllib.request
from decimal import Decimal

from cointrader.app.config import Config
from cointrader.app.serve import ServePlan, serve
from cointrader.exchange.simulated.wire import Credentials
from cointrader.market.synthetic import SyntheticSource


def test_while_it_serves_no_look_for_garbage_goes_through_the_whole_market():
    source = SyntheticSource(["XRPUSDT"], seed=1, start_ms=0, bars=400, interval_ms=900_000)
    config = Config(overrides={"symbols": "XRPUSDT"}, environ={}, folder="/nonexistent")
    plan = ServePlan(config, source, Decimal(1_000), Credentials.made(), speed=None)
    left_out: list[int] = []

    def ready(addresses):
        left_out.append(gc.get_freeze_count())
        stop = urllib.request.Request(addresses.control + "/stop", data=b"{}")
        threading.Thread(target=lambda: urllib.request.urlopen(stop, timeout=5).close()).start()

    assert serve(plan, ready)

    assert left_out[0] > 1_000
    assert gc.get_freeze_count() == 0
