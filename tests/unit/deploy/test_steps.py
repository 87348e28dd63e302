"""Steps of `train-and-deploy`: why one did not go well, and what is told at the end."""

from __future__ import annotations

import os
import time

import pytest

from cointrader.cli.deploy import worst
from cointrader.cli.steps import Step, reason
from cointrader.cli.train_and_deploy import Row, days_to_fetch, part_of, table

DAY_S = 86_400


def test_a_gates_reasons_are_told():
    told = {
        "promotions": [
            {
                "symbol": "XRPUSDT",
                "gate": {
                    "verdict": "failed",
                    "summary": "failed: 1 of 2 criteria are not met",
                    "findings": [
                        {"passed": True, "text": "enough trades"},
                        {"passed": False, "why": "no better than random filters"},
                    ],
                },
            }
        ],
        "failed": {},
    }

    assert reason(Step(4, told, ""), "XRPUSDT") == (
        "failed: 1 of 2 criteria are not met; no better than random filters"
    )


@pytest.mark.parametrize(
    ("told", "err", "why"),
    [
        ({"failed": {"XRPUSDT": "too few rows\n  found: 12\n  to do: wait"}}, "",
         "too few rows; found: 12"),
        (None, "XRPUSDT: reading\nError: no network\n  where: a host\n  to do: wait\n",
         "no network; where: a host"),
        (None, "XRPUSDT: reading\nXRPUSDT: a hole\n  found: 3 bars\n", "a hole; found: 3 bars"),
        (None, "", "exit code 1, without a word"),
    ],
)  # fmt: skip
def test_an_error_is_told_in_one_line(told, err, why):
    assert reason(Step(1, told, err), "XRPUSDT") == why


def test_a_training_of_several_symbols_is_a_step_of_each():
    told = {
        "models": [{"card": {"symbol": "XRPUSDT", "ranking": {"auc": 0.5}}}],
        "failed": {"DOGEUSDT": "too few rows"},
    }
    step = Step(3, told, "")

    own, other = part_of(step, "XRPUSDT"), part_of(step, "DOGEUSDT")

    assert (own.exit_code, own.told) == (0, {"models": told["models"]})
    assert other.exit_code == 3
    assert reason(other, "DOGEUSDT") == "too few rows"
    assert part_of(Step(0, None, "no word"), "XRPUSDT").exit_code == 1


def test_a_step_that_was_killed_is_told():
    assert "signal 9" in reason(Step(1, None, "", signal=9), "XRPUSDT")


@pytest.mark.parametrize(("age_days", "days"), [(None, 365), (0, 35), (30, 35), (80, 82)])
def test_as_much_is_fetched_as_leaves_no_hole(tmp_path, age_days, days):
    file = tmp_path / "combined_15m.parquet"
    if age_days is not None:
        file.touch()
        then_s = time.time() - age_days * DAY_S - 60
        os.utime(file, (then_s, then_s))

    assert days_to_fetch(file) == days


@pytest.mark.parametrize(
    ("codes", "answer"),
    [([], 0), ([0, 0], 0), ([0, 4], 4), ([4, 3], 3), ([3, 2, 4], 2), ([2, 1, 3], 1)],
)
def test_the_worst_of_many_is_the_answer(codes, answer):
    assert worst(codes) == answer


def test_the_table_stands_in_columns():
    rows = [
        Row("XRPUSDT", "35 days", "AUC 0.512", "no", "no", "no better than chance", 4),
        Row("DOGEUSDT", "failed", why="no network", exit_code=1),
    ]

    assert list(table(rows)) == [
        "symbol    fetched  trained    gate  deployed  why",
        "XRPUSDT   35 days  AUC 0.512  no    no        no better than chance",
        "DOGEUSDT  failed   -          -     -         no network",
    ]
