"""A paper run over a folder is gone on with on the same market only."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cointrader.app.config import Config
from cointrader.app.paper.market import folder_market, market_again
from cointrader.domain.errors import DataError
from cointrader.market.combined import write_combined
from cointrader.market.synthetic import SyntheticSource
from tests.markets import BAR_MS, START_MS

XRP = "XRPUSDT"
CONFIG = Config(
    overrides={"symbols": [XRP], "correlation_symbols": []}, environ={}, folder="/nonexistent"
)


@pytest.fixture
def frame():
    return SyntheticSource([XRP], 3, START_MS, 500, BAR_MS, correlation_symbols=[]).frame(XRP)


def stored(folder, frame):
    write_combined(folder, frame, stored_ms=START_MS + 501 * BAR_MS)
    return folder_market(CONFIG, folder, None, None)


def test_the_same_candles_are_the_same_market(tmp_path, frame):
    begun = stored(tmp_path, frame).origin

    assert stored(tmp_path, frame).origin == begun
    assert market_again(CONFIG, begun).origin == begun


def test_other_open_interest_is_another_market(tmp_path, frame):
    begun = stored(tmp_path, frame).origin
    changes = frame.oi_change.copy()
    changes[450] += 0.001

    stored(tmp_path, replace(frame, oi_change=changes))

    with pytest.raises(DataError, match="changed since the run began"):
        market_again(CONFIG, begun)


def test_another_settlement_is_another_market(tmp_path, frame):
    begun = stored(tmp_path, frame).origin
    rates = frame.funding_rate.copy()
    rates[400:] += 0.0001

    stored(tmp_path, replace(frame, funding_rate=rates))

    with pytest.raises(DataError, match="changed since the run began"):
        market_again(CONFIG, begun)
