"""A real paper run, made once: its journal is what the pages show."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cointrader.app.config import Config
from cointrader.app.paper.market import synthetic_market
from cointrader.app.paper.run import PaperPlan, run_paper

START_MS = 1_767_225_600_000  # 2026-01-01
DAY_MS = 86_400_000


@pytest.fixture(scope="session")
def paper_journal(tmp_path_factory):
    """Four days of three symbols on the synthetic market, finished."""
    config = Config(environ={}, folder=tmp_path_factory.mktemp("nowhere"))
    market = synthetic_market(config, 1, START_MS, START_MS + 4 * DAY_MS)
    plan = PaperPlan(
        config=config,
        source=market.source,
        journal_path=tmp_path_factory.mktemp("run") / "paper.db",
        balance=Decimal(1000),
        start_ms=market.start_ms,
        end_ms=market.end_ms,
        origin=market.origin,
    )
    run_paper(plan, lambda progress: None)
    return plan.journal_path
