"""Each fault alone and in pairs: never twice, never naked, nothing left over, nothing miscounted.

Short days here; `make campaign` plays whole ones, as many as ``COINTRADER_CAMPAIGN_RUNS`` says.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import pytest

from cointrader.exchange.simulated.wire.faults import FAULTS, FaultPlan
from cointrader.exchange.simulated.wire.faults.log import Injection
from tests.campaign.audit import closed_windows
from tests.campaign.naive import Naive
from tests.campaign.plans import alone, campaign, in_pairs, spec_of
from tests.campaign.report import as_markdown
from tests.campaign.running import Campaign, replay, run, run_all
from tests.campaign.stage import Scenario
from tests.full import some

RUNS = int(os.environ.get("COINTRADER_CAMPAIGN_RUNS", "0"))
SHORT_BARS = 12
PAIRS = 20
NAIVE_BARS = 48

# What the naive bot fails, measured; whole days show more.
TOO_MUCH_FOR_THE_NAIVE = (
    "unknown-error",
    "unknown-error-executed",
    "timeout-executed",
    "internal-error",
    "answer-lost",
    "stop-never-there",
    "stop-vanishes",
    "trigger-stuck",
    "trigger-rejected",
    "event-duplicated",
    "event-lost",
    "fill-lost",
    "partial-fills",
    "commission-absent",
    "commission-in-bnb",
    "kline-repeated",
    "sockets-aborted",
    "sockets-silent",
    "connection-life",
    "subscription-silent",
    "handshake-refused",
    "handshake-late",
    "listen-key-expired",
    "listen-key-gone",
    "manual-partial-close",
    "stop-cancelled-by-hand",
)
_TRIES = 3  # a short day may pass without an occasion

short_days = pytest.mark.skipif(RUNS > 0, reason="whole days are played instead")


def _named(scenario: Scenario) -> str:
    return scenario.faults.replace("/", "-")


def assert_nothing_wrong(scenario: Scenario) -> None:
    verdict = run(scenario)
    found = "\n".join(str(violation) for violation in verdict.violations)
    assert not verdict.violations, f"{found}\n{replay(verdict)} --bars {scenario.bars}"


@short_days
def test_undisturbed_day_shows_entries_and_nothing_wrong():
    verdict = run(Scenario(seed=2, bars=NAIVE_BARS))

    assert not verdict.violations
    assert verdict.entries >= 10
    assert len(verdict.to_confirmed_ms) == verdict.entries
    assert max(verdict.to_confirmed_ms) < 5_000


@short_days
@pytest.mark.parametrize("scenario", alone(SHORT_BARS), ids=_named)
def test_product_withstands_each_fault(scenario):
    assert_nothing_wrong(scenario)


@short_days
@pytest.mark.parametrize("scenario", some(in_pairs(PAIRS, SHORT_BARS), 2), ids=_named)
def test_product_withstands_pairs_of_faults(scenario):
    assert_nothing_wrong(scenario)


@short_days
@pytest.mark.parametrize("seed", [1, 2])
def test_naive_bot_is_right_as_long_as_nothing_goes_wrong(seed):
    verdict = run(Scenario(seed, bars=NAIVE_BARS), Naive())

    assert not verdict.violations
    assert verdict.entries > 5


@short_days
@pytest.mark.parametrize("name", TOO_MUCH_FOR_THE_NAIVE)
def test_naive_bot_fails(name):
    first_seed = 10 * zlib.crc32(name.encode())
    days = (
        Scenario(seed, spec_of(name, NAIVE_BARS), NAIVE_BARS)
        for seed in range(first_seed, first_seed + _TRIES)
    )

    assert any(run(day, Naive()).violations for day in days)


def test_naive_bot_fails_at_least_twenty_faults():
    assert len(set(TOO_MUCH_FOR_THE_NAIVE)) >= 20


@pytest.mark.parametrize("bars", [SHORT_BARS, 96])
def test_every_fault_has_a_plan_that_can_be_read(bars):
    for scenario in alone(bars):
        assert FaultPlan.parse(scenario.faults, scenario.seed).rules
    assert len(alone(bars)) == len(FAULTS)


def test_only_the_time_in_which_everything_is_refused_counts_as_out_of_reach():
    injections = [
        Injection(1_000, "symbol-pending", "XRPUSDT", "PENDING_TRADING for 10 s"),
        Injection(4_000, "symbol-pending", "POST order XRPUSDT", "refused with -1122"),
        Injection(9_000, "banned", "GET account", "every call is refused for 2 s"),
    ]

    assert closed_windows(injections) == {"XRPUSDT": [(1_000, 11_000)], "": [(9_000, 11_000)]}


@pytest.mark.skipif(RUNS == 0, reason="COINTRADER_CAMPAIGN_RUNS says how many runs; see Makefile")
def test_campaign():
    folder = Path(os.environ.get("COINTRADER_CAMPAIGN_OUT", "campaign"))
    result = Campaign(run_all(campaign(RUNS), os.cpu_count() or 1))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "campaign.md").write_text(as_markdown(result))

    assert not result.failed, as_markdown(result)
    assert not result.toothless
