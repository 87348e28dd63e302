"""No page looks through a whole table of a journal: each question has an index to go by.

Plans do not depend on how much a journal holds, so a small one tells what a year's would do.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest

from cointrader.app.dashboard.site import JournalSite
from cointrader.dashboard.query import Query
from cointrader.dashboard.routes import ROUTES
from cointrader.journal.page_reader import PageReader

# Grow with every bar, order or move of a stop; last the names that questions give to some of them.
LARGE = "decisions|intents|orders|fills|positions|trades|equity|alerts|risk_events|d|p|t"
PARAMS = {route.name: route.params for route in ROUTES}
# What is asked once, and then kept: see `app.dashboard.memory`.
ONCE = ("count(*), sum(CAST(net AS REAL)) FROM trades", "CAST(equity AS REAL)")


def questions(journal, page, *place, **given):
    """Every question of a page, with its values."""
    asked: list[str] = []

    def listening(path):
        reader = PageReader(path)
        reader.tell_questions(asked.append)
        return reader

    site = JournalSite(journal, opened=listening)
    getattr(site, page)(*place, Query(PARAMS[page], given))
    site.close()
    return [each for each in asked if each.lstrip().startswith("SELECT")]


def whole_tables(journal, question):
    """Steps of the plan that go through all of a large table."""
    asked, limits = re.subn(r"LIMIT \d+", "LIMIT ?", question)  # as it is asked: plans differ
    with closing(sqlite3.connect(journal)) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {asked}", [1] * limits)
        steps = [row[3] for row in plan]
    return [
        step
        for step in steps
        if re.match(rf"SCAN ({LARGE})\b", step)
        # In the order of an index, or of the rows, it ends as soon as it has enough.
        and not (limits and ("USING" in step or "USE TEMP B-TREE FOR ORDER BY" not in steps))
    ]


@pytest.mark.parametrize(
    ("page", "place", "given"),
    [
        ("overview", (), {}),
        ("symbols", (), {}),
        ("health", (), {}),
        ("symbol", ("XRPUSDT",), {}),
        ("trades", (), {}),
        ("trades", (), {"symbol": "XRPUSDT", "limit": "20"}),
        ("decisions", (), {}),
        ("alerts", (), {}),
    ],
)
def test_a_page_asks_for_nothing_that_goes_through_a_whole_table(paper_journal, page, place, given):
    asked = questions(paper_journal, page, *place, **given)

    assert len(asked) >= 2
    found = {
        question: steps
        for question in asked
        if not any(part in question for part in ONCE)
        if (steps := whole_tables(paper_journal, question))
    }
    assert found == {}
