"""A paper run that was killed is compared as far as it came, and whole once it was resumed."""

from __future__ import annotations

import time

import pytest

from cointrader.app.parity.parity import parity
from cointrader.journal.reader import JournalReader
from cointrader.journal.schema import has_begun
from tests.system.test_kill_and_resume import RUN, Paper


def decided(journal):
    """Decisions that are on disk, of a run that goes on."""
    if not has_begun(journal):
        return 0
    with JournalReader(journal) as reader:
        return sum(reader.count_actions().values())


@pytest.mark.parametrize("at_least", [300, 1_000])
def test_killed_and_resumed_it_is_equal_both_times(at_least, tmp_path):
    paper = Paper(tmp_path / "run")
    journal = paper.folder / "run.db"
    process = paper.start(*RUN)
    while process.poll() is None and decided(journal) < at_least:
        time.sleep(0.02)
    process.kill()
    process.communicate()

    cut = parity(journal)
    paper.finish(paper.go_on())
    whole = parity(journal)

    assert (cut.verdict, whole.verdict) == ("equal", "equal")
    assert at_least <= cut.compared <= whole.compared
    assert whole.whole is not None
    assert whole.whole.equal_trades == whole.trades
