"""`kill -9` of a real bot process at any step, a restart, and what the exchange saw of it all.

COINTRADER_KILL_STEPS=all kills at every record and every order of an entry, a protection, a stop
move, a reversal and a close; its table goes to COINTRADER_KILL_STEPS_OUT.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec
import pytest

from tests.system.mortal_run import Fatal, Moment
from tests.system.mortal_run_campaign import DOWN_MS, as_markdown, every_step, play_all
from tests.system.mortal_run_processes import Pulse
from tests.system.mortal_run_world import Outcome, Run, play

PACE = 10.0
AT_ONCE = int(os.environ.get("COINTRADER_KILLS_AT_ONCE", "10"))
IS_FULL = os.environ.get("COINTRADER_KILL_STEPS") == "all"
OUT = Path(os.environ.get("COINTRADER_KILL_STEPS_OUT", "build/kill-steps"))

SOME = (
    Run(Fatal("intent entry 1", Moment.HEARD), DOWN_MS, pace=PACE),
    Run(Fatal("send entry 1", Moment.EXECUTED), pace=PACE),
    Run(Fatal("send entry 1", Moment.EXECUTED), DOWN_MS, is_guarded=True, pace=PACE),
    Run(Fatal("intent stop 1", Moment.WRITTEN), DOWN_MS, pace=PACE),
)


def told(outcomes: list[Outcome]) -> list[str]:
    return [f"{each.run}: {violation}" for each in outcomes for violation in each.violations]


def test_killed_at_some_steps_a_bot_opens_at_most_one_position_protects_it_and_books_it(tmp_path):
    with Pulse() as pulse:
        outcomes = play_all(SOME, tmp_path / "runs", len(SOME), lambda _: None)

    is_clean = not told(outcomes) and all(outcome.was_killed for outcome in outcomes)
    if not is_clean and pulse.is_too_slow_for(PACE):
        pytest.skip(f"the machine is too busy: {pulse.latest_s:.2f} s late, {told(outcomes)}")
    assert told(outcomes) == []
    never_sent, executed, guarded, meant = outcomes
    assert all(outcome.was_killed for outcome in outcomes)
    assert never_sent.entries == 0  # a minute later it is too late
    assert executed.entries == guarded.entries == meant.entries == 1
    assert guarded.unprotected_ms is not None
    assert guarded.unprotected_ms < DOWN_MS / 2


@pytest.mark.skipif(not IS_FULL, reason="takes half an hour: COINTRADER_KILL_STEPS=all")
def test_killed_at_every_step_a_bot_opens_at_most_one_position_protects_it_and_books_it(tmp_path):
    OUT.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(OUT / "runs", ignore_errors=True)
    whole = play(Run(pace=PACE), tmp_path / "whole")
    assert told([whole]) == []
    assert whole.entries == whole.trades == 2

    with (OUT / "progress.txt").open("w", buffering=1) as progress:
        outcomes = play_all(
            every_step(whole, PACE),
            OUT / "runs",
            AT_ONCE,
            lambda each: print(each.phase, each.run, each.violations, file=progress),
        )
    (OUT / "kill-steps.json").write_bytes(msgspec.json.encode(outcomes))
    (OUT / "kill-steps.md").write_text(as_markdown(outcomes) + "\n")

    assert told(outcomes) == []
    assert sum(outcome.was_killed for outcome in outcomes) >= 0.9 * len(outcomes)
