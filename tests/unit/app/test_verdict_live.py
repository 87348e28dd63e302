"""What lets real money trade: a verdict, or a person's word for some days. Nothing else."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from importlib import resources

import pytest

from cointrader.app.config import Config
from cointrader.app.verdict.kept import (
    KeptVerdict,
    Occasion,
    default_path,
    keep_verdict,
    kept_verdict,
)
from cointrader.app.verdict.live import (
    MOST_DAYS,
    OLD_DAYS,
    Asked,
    Override,
    WhileAllowed,
    overrides_in,
    verdict_now,
)
from cointrader.app.verdict.subject import Identity
from cointrader.app.verdict.told import told_of, verdict_line
from cointrader.backtest.criteria import load_criteria
from cointrader.backtest.verdict import Subject, judge
from cointrader.domain.clock import DAY_MS
from cointrader.domain.errors import DataError, UsageError
from cointrader.domain.order import Side
from cointrader.domain.records import VerdictOverridden
from cointrader.journal.sqlite import SqliteJournal
from cointrader.signals.rules import Signal
from cointrader.strategy.decide import Exit, FilterAnswer, Hold, MarketView, decide
from cointrader.strategy.plan import ExitSettings
from tests.unit.verdicts import AN_EDGE, a_config, an_edge

NOW_MS = 1_800_000_000_000
WHY = "a small account to learn with"


class Desk:
    """A folder of verdicts, a journal, and what is said of them."""

    def __init__(self, folder):
        self.folder = folder / "verdicts"
        self.journal = folder / "live.db"
        self.config = a_config()

    def keep(self, kept):
        keep_verdict(kept, default_path(Identity.of(self.config).hash, self.folder))

    def now(self, config=None, *, now_ms=NOW_MS, override=None, **changes):
        return verdict_now(
            config or self.config,
            journal=self.journal,
            now_ms=now_ms,
            asked=Asked(override=override, folder=self.folder),
            **changes,
        )

    def wrote(self, override):
        async def written():
            async with SqliteJournal(self.journal, threaded=False) as journal:
                await journal.commit(override)

        asyncio.run(written())


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def at(bar_closed_ms):
    """A bar with a long signal, closed then."""
    long = Signal(side=Side.LONG, strength=3, reasons=())
    return MarketView("XRPUSDT", bar_closed_ms - 900_000, bar_closed_ms, 1000, long, 0.1, _none)


def _none():
    pytest.fail("no model asks for features here")


def passes(state, closed_ms):
    return WhileAllowed(state, None).judge(at(closed_ms))


# ------------------------------------------------------------------ with a verdict


def test_an_edge_on_exactly_this_configuration_lets_it_trade(desk):
    desk.keep(an_edge(desk.config, end_ms=NOW_MS - DAY_MS))

    state = desk.now()

    assert (state.refusal, state.todo, state.is_doubtful) == ("", "", False)
    assert state.found.startswith("edge, on candles up to 2027-01-14 08:00 UTC, 1 days ago")
    assert passes(state, NOW_MS) == FilterAnswer(passed=True)


def test_without_a_verdict_nothing_trades_and_it_says_what_to_do(desk):
    state = desk.now()

    assert "there is none on this configuration" in state.refusal
    assert "cointrader backtest" in state.todo
    assert "--override-verdict" in state.todo
    answer = passes(state, NOW_MS)
    assert (answer.passed, answer.refusal, answer.detail) == (False, "no-verdict", state.refusal)


def test_another_configuration_is_not_covered_and_the_difference_is_named(desk):
    desk.keep(an_edge(desk.config, end_ms=NOW_MS - DAY_MS))

    state = desk.now(desk.config.replace(atr_sl_mult=2.0))

    assert "the newest there is about another: ATR_SL_MULT 1.5, now 2" in state.refusal


def test_a_verdict_of_another_configuration_under_this_ones_name_is_refused(desk):
    other = desk.config.replace(signal_threshold=4)
    desk.keep(an_edge(other, end_ms=NOW_MS - DAY_MS))

    assert (
        "the verdict is about another configuration (SIGNAL_THRESHOLD 4, now 3)"
        in desk.now().refusal
    )


def test_a_verdict_with_a_model_does_not_cover_trading_without_one(desk):
    kept = an_edge(desk.config, end_ms=NOW_MS - DAY_MS)
    with_model = replace(kept.verdict.subject, model="m" * 64)
    desk.keep(replace(kept, verdict=replace(kept.verdict, subject=with_model)))

    assert desk.now().refusal == "the verdict is about another model"


@pytest.mark.parametrize(
    ("measures", "answer"),
    [({"profit_factor": 0.9}, "no edge"), ({"trades": 12.0}, "too little data")],
)
def test_any_other_answer_is_refused_with_its_reason(desk, measures, answer):
    desk.keep(an_edge(desk.config, end_ms=NOW_MS - DAY_MS, **measures))

    assert desk.now().refusal.startswith(f"the verdict is {answer} ({answer}")


def test_a_made_up_market_proves_nothing(desk):
    desk.keep(an_edge(desk.config, end_ms=NOW_MS - DAY_MS, is_made_up=True))

    assert desk.now().refusal == "the verdict is about a made-up market"


def test_candles_of_the_future_prove_nothing(desk):
    desk.keep(an_edge(desk.config, end_ms=NOW_MS + DAY_MS))

    assert desk.now().refusal == "the verdict is about a made-up market"


def test_rules_given_in_code_are_named_by_no_verdict(desk):
    desk.keep(an_edge(desk.config, end_ms=NOW_MS - DAY_MS))

    assert "XRPUSDT were given in code" in desk.now(in_code=["XRPUSDT"]).refusal


def test_a_verdict_that_was_written_by_hand_is_refused(desk):
    desk.keep(an_edge(desk.config, end_ms=NOW_MS - DAY_MS, profit_factor=0.9))
    path = default_path(Identity.of(desk.config).hash, desk.folder)
    path.write_text(path.read_text().replace('"answer": "no edge"', '"answer": "edge"'))

    assert "findings contradict" in desk.now().refusal


def test_an_old_verdict_warns_and_a_very_old_one_counts_no_more(desk):
    desk.keep(an_edge(desk.config, end_ms=NOW_MS - OLD_DAYS * DAY_MS))
    old = desk.now()
    desk.keep(an_edge(desk.config, end_ms=NOW_MS - MOST_DAYS * DAY_MS))
    too_old = desk.now()

    assert (old.refusal, old.is_doubtful) == ("", True)
    assert "judge again before 2027-03-16 08:00 UTC" in old.todo
    assert too_old.refusal == ("the verdict is about candles that ended 90 days ago, and 90 count")


def test_a_process_that_runs_on_stops_entries_when_its_verdict_gets_too_old(desk):
    end_ms = NOW_MS - DAY_MS
    desk.keep(an_edge(desk.config, end_ms=end_ms))

    state = desk.now()

    last_ms = end_ms + MOST_DAYS * DAY_MS
    assert passes(state, last_ms - 1).passed
    assert passes(state, last_ms).detail.startswith("the verdict counted until 2027-04-14 08:00")


def test_criteria_of_ones_own_count_and_are_told(desk, tmp_path):
    mild = tmp_path / "mild.toml"
    shipped = resources.files("cointrader.backtest").joinpath("criteria.toml")
    mild.write_bytes(shipped.read_bytes() + b"# mine\n")
    kept = an_edge(desk.config, end_ms=NOW_MS - DAY_MS, criteria=load_criteria(mild))
    desk.keep(kept)

    state = desk.now()

    assert (state.refusal, state.is_doubtful) == ("", True)
    assert f"by criteria of your own ({mild})" in state.found


def test_an_opposite_signal_closes_whatever_the_verdict_says(desk):
    refused = WhileAllowed(desk.now(), None)
    exits = ExitSettings("atr", 1.5, 3.0, 0.015, 0.045, 0.0)

    held_short = decide(at(NOW_MS), Side.SHORT, refused, exits)
    flat = decide(at(NOW_MS), None, refused, exits)

    assert isinstance(held_short, Exit)
    assert isinstance(flat, Hold)
    assert flat.why == "no-verdict"


# ------------------------------------------------------------------ what a configuration is


@pytest.mark.parametrize(
    "settings",
    [
        {"max_entry_delay": 10.0},
        {"foreign_positions": "refuse"},
        {"deploy_host": "me@server"},
        {"no_ml_filter": True},
        {"stop_loss_pct": 0.03},  # idle: exits are measured in ATR
        {"correlation_symbols": ["BTCUSDT"]},  # idle: score looks at none
        {"ATR_SL_MULT_XRPUSDT": 1.5},  # the same as the common one
    ],
    ids=str,
)
def test_what_changes_no_trade_changes_no_configuration(settings):
    assert Identity.of(a_config(**settings)).hash == Identity.of(a_config()).hash


@pytest.mark.parametrize(
    "settings",
    [
        {"symbols": "XRPUSDT,TRXUSDT"},
        {"interval": "1h"},
        {"leverage": 5},
        {"max_daily_loss": 0.03},
        {"taker_fee": 0.0004},
        {"exit_mode": "pct"},
        {"rsi_period": 10},
    ],
    ids=str,
)
def test_what_changes_trades_is_another_configuration(settings):
    assert Identity.of(a_config(**settings)).hash != Identity.of(a_config()).hash


def test_a_rule_counts_by_what_is_in_its_file(tmp_path):
    text = (
        "import numpy as np\n"
        "from cointrader.signals.rules import Signals\n"
        "class Mine:\n"
        "    warm_up = 300\n"
        "    def evaluate(self, frame, indicators):\n"
        "        side = np.zeros(len(indicators), np.int8)\n"
        "        return Signals(side, side)\n"
    )
    here, there = tmp_path / "a.py", tmp_path / "b.py"
    here.write_text(text)
    there.write_text(text)

    alike = {Identity.of(a_config(signal=f"{path}:Mine")).hash for path in (here, there)}
    there.write_text(text + "# changed\n")
    changed = Identity.of(a_config(signal=f"{there}:Mine")).hash

    assert len(alike) == 1
    assert changed not in alike


# ------------------------------------------------------------------ with a person's word


def test_an_override_lets_trade_for_its_days_and_not_longer(desk):
    state = desk.now(override=Override(WHY, 3, "alice"))

    assert state.refusal == ""
    assert state.is_doubtful
    assert state.is_new
    assert state.override == VerdictOverridden(
        at_ms=NOW_MS,
        until_ms=NOW_MS + 3 * DAY_MS,
        configuration=Identity.of(desk.config).hash,
        model="",
        found=desk.now().refusal,
        reason=WHY,
        who="alice",
    )
    assert f"OVERRIDDEN until 2027-01-18 08:00 UTC by alice: {WHY}" in state.found
    assert passes(state, NOW_MS + 3 * DAY_MS - 1).passed
    ended = passes(state, NOW_MS + 3 * DAY_MS)
    assert (ended.passed, ended.refusal) == (False, "no-verdict")
    assert ended.detail == "the override of the verdict ended on 2027-01-18 08:00 UTC"


def test_looking_writes_nothing(desk):
    desk.now(override=Override(WHY, 3))

    assert not desk.journal.exists()
    assert overrides_in(desk.journal) == []


def test_what_the_journal_knows_counts_at_the_next_start_without_being_asked_again(desk):
    desk.wrote(desk.now(override=Override(WHY, 3)).override)

    state = desk.now(now_ms=NOW_MS + DAY_MS)

    assert (state.refusal, state.is_new) == ("", False)
    assert state.until_ms == NOW_MS + 3 * DAY_MS


def test_a_service_that_is_started_again_and_again_does_not_prolong_its_override(desk):
    desk.wrote(desk.now(override=Override(WHY, 3)).override)

    before = desk.now(now_ms=NOW_MS + 2 * DAY_MS, override=Override(f" {WHY} ", 30))
    after = desk.now(now_ms=NOW_MS + 3 * DAY_MS, override=Override(WHY, 3))

    assert (before.is_new, before.until_ms) == (False, NOW_MS + 3 * DAY_MS)
    assert "overridden for this reason before, until 2027-01-18 08:00 UTC" in after.refusal
    assert "for a new reason" in after.todo


def test_a_new_reason_counts_anew(desk):
    desk.wrote(desk.now(override=Override(WHY, 3)).override)

    state = desk.now(now_ms=NOW_MS + 4 * DAY_MS, override=Override("another month of learning", 5))

    assert (state.is_new, state.until_ms) == (True, NOW_MS + 9 * DAY_MS)


def test_an_override_covers_no_other_configuration(desk):
    desk.wrote(desk.now(override=Override(WHY, 3)).override)

    assert desk.now(desk.config.replace(leverage=20)).refusal != ""


def test_with_an_edge_nothing_is_overridden(desk):
    desk.keep(an_edge(desk.config, end_ms=NOW_MS - DAY_MS))

    state = desk.now(override=Override(WHY, 3))

    assert (state.override, state.is_new) == (None, False)


@pytest.mark.parametrize(
    ("reason", "days", "words"),
    [
        ("", 3, "no reason"),
        ("because  ", 3, "no reason"),
        (WHY, 0, "1 to 30"),
        (WHY, 31, "1 to 30"),
    ],
)
def test_no_reason_and_no_end_are_refused(reason, days, words):
    with pytest.raises(UsageError, match=words):
        Override(reason, days)


# ------------------------------------------------------------------ what is told, and kept


def test_status_tells_how_the_verdict_stands_then(desk):
    told = told_of(desk.now(override=Override(WHY, 3)))

    assert "OVERRIDDEN" in (verdict_line(told, NOW_MS) or "")
    assert (verdict_line(told, NOW_MS + 3 * DAY_MS) or "").startswith(
        "NO ENTRIES: the override of the verdict ended on 2027-01-18 08:00 UTC"
    )
    assert "NO ENTRIES" in (verdict_line(told_of(desk.now()), NOW_MS) or "")
    assert verdict_line({}, NOW_MS) is None


def test_a_kept_verdict_reads_back_as_it_was(tmp_path):
    kept = an_edge(a_config(), end_ms=NOW_MS)

    keep_verdict(kept, tmp_path / "v" / "mine.json")
    back = kept_verdict(tmp_path / "v" / "mine.json")

    assert back.occasion == kept.occasion
    assert back.verdict.subject == kept.verdict.subject
    assert [path.name for path in (tmp_path / "v").iterdir()] == ["mine.json"]


def test_a_verdict_without_an_occasion_is_refused(tmp_path):
    path = tmp_path / "mine.json"
    keep_verdict(an_edge(a_config(), end_ms=NOW_MS), path)
    path.write_text(path.read_text().replace('"occasion"', '"else"'))

    with pytest.raises(DataError, match="does not say on what occasion"):
        kept_verdict(path)


def test_the_examples_are_an_edge():
    verdict = judge(AN_EDGE, load_criteria(), Subject("c", "d"))

    assert KeptVerdict(verdict, Occasion(0, "", False, (), 0, 0)).as_json()["answer"] == "edge"
    assert isinstance(a_config(), Config)
