"""Learning from more than the decision population: what is told and judged stays what it was."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cointrader.cli.training_options import wider_of
from cointrader.domain.errors import ConfigError, UsageError
from cointrader.model.manifest import manifest_of
from cointrader.signals.score import ScoreRule, ScoreSettings
from cointrader.training import candidate, splits
from cointrader.training.candidate import read_tested
from cointrader.training.card import read_cards
from cointrader.training.dataset import dataset, pooled
from cointrader.training.learned_from import decision_rows, material_of, population_of
from cointrader.training.pieces import Job, labels_of
from cointrader.training.train import train
from cointrader.training.tune import job_of
from cointrader.training.wider import NOTHING_ELSE, Wider
from tests.unit.training.samples import DAY_MS, QUICK, SUBJECT, plan
from tests.unit.training.test_dataset import SYMBOLS, world

pytest.importorskip("lightgbm", reason="training needs the extra 'train'")
pytest.importorskip("onnx", reason="training needs the extra 'train'")

SYMBOL = "XRPUSDT"
DECIDED = ScoreRule(ScoreSettings(3))
MORE = ScoreRule(ScoreSettings(2))
FOLDS = 2
ANY = st.builds(
    Wider, st.sampled_from([0.0, 0.3, 2.0]), st.sampled_from([None, 1, 2, 3]), st.booleans()
)


@cache
def rows(wider=NOTHING_ELSE, decided=DECIDED):
    """As `cointrader train` makes them."""
    market, played = world()
    population = population_of(wider, decided, SYMBOL, 1)
    found = [
        dataset(market, symbol, decided, played, population=population)
        for symbol in (SYMBOLS if wider.is_pooled else [SYMBOL])
    ]
    return pooled(found) if wider.is_pooled else found[0]


@cache
def material(wider=NOTHING_ELSE, decided=DECIDED):
    return material_of(rows(wider, decided), SYMBOL, wider, rule=decided)


def trained(folder, wider=NOTHING_ELSE, **options):
    made = material(wider)
    parts = splits.expanding(made.sample, FOLDS, DAY_MS, made.is_tested)
    pairs = [(part.train, part.test) for part in parts]
    return train(SUBJECT, made, pairs, plan(**options), folder)


# ------------------------------------------------------------------ what is tested


@settings(deadline=None, max_examples=24)
@given(ANY, st.integers(1, 4))
def test_the_rows_that_are_tested_are_the_same_whatever_else_is_learned_from(wider, folds):
    plain, made = material(), material(wider)

    alone = splits.expanding(plain.sample, folds, DAY_MS)
    found = splits.expanding(made.sample, folds, DAY_MS, made.is_tested)

    assert len(found) == len(alone) == folds
    for own, of in zip(found, alone, strict=True):
        for name in ("rows", "label", "open_ms", "label_end_ms"):
            ours, theirs = getattr(made.sample, name), getattr(plain.sample, name)
            np.testing.assert_array_equal(ours[own.test], theirs[of.test])
        np.testing.assert_array_equal(made.net_r[own.test], plain.net_r[of.test])
        np.testing.assert_array_equal(made.side[own.test], plain.side[of.test])
        known_by_ms = made.sample.open_ms[own.test].min() - DAY_MS
        assert made.sample.label_end_ms[own.train].max() <= known_by_ms


def test_only_the_strategys_own_signals_are_at_the_gate_and_on_the_card(tmp_path):
    alone = trained(tmp_path / "alone").card
    whole = trained(tmp_path / "whole", Wider(1.0, 2, is_pooled=True)).card

    told, plain = (read_tested(tmp_path / name, "lgbm") for name in ("whole", "alone"))
    for name in ("open_ms", "label_end_ms", "fold", "side", "label", "net_r"):
        np.testing.assert_array_equal(getattr(told, name), getattr(plain, name))
    assert not np.array_equal(told.margin, plain.margin)
    assert whole.ranking.rows == alone.ranking.rows
    assert whole.data.mean_r == alone.data.mean_r
    assert whole.data.rows == whole.final.rows > 3 * alone.data.rows
    assert whole.threshold.all_of_these == alone.threshold.all_of_these
    assert whole.data.drift == alone.data.drift


def test_bars_without_a_signal_do_not_make_probabilities_look_good(tmp_path):
    alone = trained(tmp_path / "alone").card
    whole = trained(tmp_path / "whole", Wider(5.0)).card

    assert [fold.train_win_ratio for fold in whole.folds] == [
        fold.train_win_ratio for fold in alone.folds
    ]
    assert whole.calibration.brier_of_share == alone.calibration.brier_of_share
    assert whole.data.ones == alone.data.ones


def test_settings_are_chosen_and_told_on_the_same_rows_whatever_else_is_learned_from():
    jobs = [
        job_of(each.sample, (), "lgbm", folds=FOLDS, inner_folds=2, embargo_ms=DAY_MS,
               tested=each.is_tested)
        for each in (material(NOTHING_ELSE, MORE), material(Wider(1.0, 1, is_pooled=True), MORE))
    ]  # fmt: skip

    tests = [
        [
            job.sample.open_ms[test].tolist()
            for folds in (job.outer, job.searches["all rows"])
            for _, test in folds
        ]
        for job in jobs
    ]
    assert tests[0] == tests[1]
    assert len(jobs[1].outer[0][0]) > 2 * len(jobs[0].outer[0][0])


# ------------------------------------------------------------------ what is told


def test_the_card_names_both_thresholds_what_there_was_and_what_is_dangerous(tmp_path):
    card = trained(tmp_path, Wider(0.5, 2, is_pooled=True)).card

    told = card.data.learned_from
    assert (told.decision_threshold, told.population_threshold) == (3, 2)
    assert told.hold_negatives == 0.5
    assert told.pooled == tuple(SYMBOLS)
    assert told.rows[SYMBOL].signals == int(decision_rows(rows(), SYMBOL).sum())
    assert all(each.looser > 0 and each.holds > 0 for each in told.rows.values())
    assert sum(each.all for each in told.rows.values()) == card.data.rows
    text = "\n".join(card.data.remarks)
    for words in (
        f"answers for {told.rows[SYMBOL].signals:,} signals", "signal_threshold 2, decided with 3",
        "count as lost", "rows of other symbols", f"DOGEUSDT {told.rows['DOGEUSDT'].all:,}",
    ):  # fmt: skip
        assert words in text
    assert card == read_cards(tmp_path)["lgbm"]
    strategy = manifest_of((tmp_path / "lgbm_filter.json").read_bytes(), "").strategy
    assert strategy["LEARNED_FROM"] == told.text


def test_a_card_of_the_usual_rows_tells_nothing_of_others(tmp_path):
    outcome = trained(tmp_path)

    assert outcome.card.data.learned_from is None
    assert "learned_from" not in (tmp_path / "training_log.json").read_text()
    assert "LEARNED_FROM" not in (tmp_path / "lgbm_filter.json").read_text()


def test_the_card_tells_how_far_each_column_moved(tmp_path):
    card = trained(tmp_path).card

    assert set(card.data.drift) == set(card.data.features) - set(card.data.left_out)
    assert all(0.0 <= each.distance <= 1.0 for each in card.data.drift.values())
    assert all(0.0 <= each.chance <= 1.0 for each in card.data.drift.values())


def test_every_other_choice_of_rows_is_another_training(tmp_path):
    found = [
        trained(tmp_path / str(number), wider).card
        for number, wider in enumerate(
            (NOTHING_ELSE, Wider(0.5), Wider(threshold=2), Wider(threshold=1),
             Wider(is_pooled=True))
        )
    ]  # fmt: skip

    assert len({card.identity for card in found}) == len(found)
    assert len({card.final.sha256 for card in found}) == len(found)
    assert len({card.data.hash for card in found}) == len(found)
    assert candidate.found(tmp_path / "1", "lgbm", found[1].identity) == found[1]


def test_symbols_of_a_pool_share_a_model_and_each_has_a_threshold_of_its_own():
    wider = Wider(is_pooled=True)
    made = {symbol: material_of(rows(wider), symbol, wider) for symbol in SYMBOLS}

    one, other = made.values()
    assert one.hash != other.hash
    assert one.sample.rows.tobytes() == other.sample.rows.tobytes()
    assert one.left_out == other.left_out
    assert not (one.tested & other.tested).any()
    assert (one.tested | other.tested).all()
    ours, theirs = (QUICK.fit(each.sample, (), 1).margins(one.sample.rows) for each in (one, other))
    assert np.array_equal(ours, theirs)


# ------------------------------------------------------------------ shuffled labels


@settings(deadline=None, max_examples=20)
@given(ANY.filter(lambda wider: wider != NOTHING_ELSE), st.integers(0, 50))
def test_shuffled_labels_stay_among_rows_of_a_kind(wider, number):
    made, of = material(wider), rows(wider)
    label = labels_of(Job(made.sample, (), QUICK, (), 1, made.kind), number)

    assert not label[of.side == 0].any()
    for place in range(len(of.symbols)):
        own = (of.symbol_id == place) & of.is_own
        assert label[own].sum() == of.label[own].sum()
    assert not np.array_equal(label, of.label)


def test_labels_of_one_kind_are_shuffled_as_ever():
    made = material()

    label = labels_of(Job(made.sample, (), QUICK, (), 1), 3)

    assert made.kind is None
    expected = np.random.default_rng([1, 7, 3]).permutation(made.sample.label)
    assert label.tolist() == expected.tolist()


# ------------------------------------------------------------------ mistakes


def test_a_threshold_stricter_than_the_one_decided_with_is_refused():
    with pytest.raises(ConfigError) as caught:
        population_of(Wider(threshold=4), DECIDED, SYMBOL, 1)

    assert caught.value.found == 4
    assert caught.value.allowed == "1 to 3, which is SIGNAL_THRESHOLD"
    assert caught.value.where == "--population-threshold, XRPUSDT"


def test_the_same_threshold_changes_no_row():
    assert population_of(Wider(threshold=3), DECIDED, SYMBOL, 1).looser is None


def test_a_rule_without_a_score_has_no_looser_threshold():
    class Own:
        name, warm_up = "own", 300

        def evaluate(self, frame, indicators):
            raise AssertionError("it is not asked here")

    with pytest.raises(ConfigError, match="rule of your own"):
        population_of(Wider(threshold=2), Own(), SYMBOL, 1)
    assert population_of(Wider(holds=1.0), Own(), SYMBOL, 1).holds == 1.0


def test_one_symbol_cannot_be_pooled():
    with pytest.raises(UsageError, match="nothing to pool"):
        wider_of(["XRPUSDT"], None, 0.0, pooled=True)
    assert wider_of(SYMBOLS, 2, 0.5, pooled=True) == Wider(0.5, 2, is_pooled=True)


def test_a_column_that_another_symbol_does_not_know_is_left_out_of_the_whole_model():
    wider = Wider(is_pooled=True)
    whole = rows(wider)
    hidden = whole.rows.copy()
    hidden[whole.symbol_id == 1, whole.names.index("rsi")] = np.nan

    made = material_of(replace(whole, rows=hidden), SYMBOL, wider)

    assert "rsi" in made.left_out
    assert "rsi" not in made.drift
    assert made.coverage["rsi"] < 0.9
