"""A position that nobody protects cannot be overlooked, on a desktop or a phone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cointrader.domain.order import Side
from cointrader.domain.position import Position
from cointrader.domain.records import PositionOpened, RiskState, RunStarted
from cointrader.journal.sqlite import SqliteJournal
from cointrader.risk.book import Slot
from cointrader.risk.standing import Standing
from cointrader.risk.state import StateWriter
from tests.browser.dashboard.living import PHONE, dashboard, opened
from tests.browser.dashboard.test_faultless import faults

pytestmark = pytest.mark.slow
T0 = 1_767_225_600_000


@pytest.fixture(scope="module")
def bare(browser, tmp_path_factory):
    """The dashboard of a run that filled an entry and ended before it was protected."""
    del browser
    path = tmp_path_factory.mktemp("bare") / "live.db"
    slot = Slot(Side.LONG, is_open=True, quantity=120.0, mark=2.04)
    run = RunStarted(T0, "live", "Binance", "default", ("XRPUSDT", "TRXUSDT"), "15m", Decimal(1000),
                     "0.1.0", {"LEVERAGE": "10"})  # fmt: skip
    held = Position("TRXUSDT", Side.SHORT, Decimal(100), Decimal(2), T0)
    told = PositionOpened("TRXUSDT", "ct-1", held.side, held.quantity, held.entry_price, T0,
                          Decimal(0), Decimal("2.1"), Decimal("1.8"), 2.0)  # fmt: skip
    with SqliteJournal(path, threaded=False) as journal:
        state = StateWriter().state(Standing(), {"XRPUSDT": slot})
        journal.checkpoint(run, told, RiskState(T0, state))
    with dashboard(path) as served:
        yield served


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 900}, PHONE])
@pytest.mark.parametrize(
    ("language", "title", "words"),
    [
        ("en-GB", "Open without a known stop", "nothing limits its loss"),
        ("ko-KR", "손절 주문이 확인되지 않은 포지션", "손실을 막아 줄 것이 없습니다"),
    ],
)
def test_it_is_shown_with_a_warning(browser, bare, viewport, language, title, words):
    with opened(browser, bare.url, viewport=viewport, locale=language) as seen:
        card = seen.page.locator("[data-key=bare]").first
        assert title in card.inner_text()
        assert words in card.inner_text()
        assert "XRPUSDT" in card.inner_text()
        # It stands above everything else, where nobody has to look for it.
        box = card.bounding_box()
        assert box["y"] < seen.page.locator("main .tiles").bounding_box()["y"]
        assert box["y"] < viewport["height"]
        width = seen.page.evaluate("document.documentElement.scrollWidth")
        assert width <= viewport["width"]
        assert faults(seen) == {"light": [], "dark": []}
        seen.go("symbol/XRPUSDT")
        assert title in seen.page.inner_text("main")
        assert words in seen.page.inner_text("main")
        assert [said for said in seen.said if "rror" in said] == []
