"""A training from rows to a candidate: the same every time, stopped or not, wherever it runs."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import numpy as np
import pytest

from cointrader.app.cluster import spread
from cointrader.domain.errors import ConfigError, DataError
from cointrader.model.artifact import Wanted, read, read_files
from cointrader.model.errors import ModelBroken
from cointrader.model.manifest import NOT_JUDGED
from cointrader.training import extras
from cointrader.training.boosting import Boosting, BoostingSettings
from cointrader.training.calibration import Calibration
from cointrader.training.candidate import folder_of, read_tested
from cointrader.training.network import Network, NetworkSettings
from cointrader.training.pieces import Job, Piece, fit_piece
from cointrader.training.threshold import choose
from cointrader.training.train import one_by_one, train
from tests.unit.training.samples import (
    NAMES,
    QUICK,
    SUBJECT,
    expanding,
    material,
    plan,
    sample,
)

pytest.importorskip("lightgbm", reason="LightGBM is not installed here")
pytest.importorskip("onnx", reason="onnx is not installed here")


def trained(folder, made=None, how=None, **options):
    made = made or material(edge=1.5)
    return train(SUBJECT, made, expanding(made.sample), how or plan(), folder, **options)


def without_time(card):
    plain = {f: getattr(card, f) for f in card.__struct_fields__}
    return {name: value for name, value in plain.items() if name not in ("made_ms", "seconds")}


def onnx_in(folder, backend="lgbm"):
    return (folder / f"{backend}_filter.onnx").read_bytes()


# ------------------------------------------------------------------ what it finds


def test_a_planted_edge_is_found_out_of_fold(tmp_path):
    made = material(count=1_000, edge=1.5)
    card = trained(tmp_path, made).card

    assert card.ranking.low > 0.6
    assert card.importance[0].feature == "rsi"
    assert card.importance[0].auc_drop > 0.1
    assert card.controls.at_or_above == 0
    assert card.threshold.chosen.mean_r > made.net_r.mean() + 0.2
    assert card.threshold.chosen_before.mean_r > card.threshold.all_of_these.mean_r
    assert card.calibration.brier < card.calibration.brier_of_share


def test_where_nothing_is_to_be_found_nothing_is_claimed(tmp_path):
    card = trained(tmp_path, material(count=1_000, edge=0.0)).card

    assert card.ranking.low < 0.5 < card.ranking.high
    assert max(abs(each.auc_drop) for each in card.importance) < 0.05


def test_ablations_leave_out_what_they_say(tmp_path):
    made = material(count=800)
    strength = NAMES.index("signal_strength")
    rows = made.sample.rows.copy()
    rows[:, strength] = np.where(made.sample.label == 1, 5.0, 4.0)  # it tells everything
    card = trained(tmp_path, replace(made, sample=replace(made.sample, rows=rows))).card

    assert card.ranking.auc > 0.95
    assert [each.without for each in card.ablations] == [
        ("signal_strength",),
        ("signal_strength", "side"),
    ]
    for each in card.ablations:
        assert each.auc < 0.6
        assert each.difference == pytest.approx(card.ranking.auc - each.auc)


# ------------------------------------------------------------------ what a fold sees


def test_what_a_fold_says_does_not_depend_on_what_comes_after_its_training():
    made = material(edge=1.0)
    train_rows, test = expanding(made.sample)[1]
    job = Job(made.sample, [(train_rows, test)], QUICK, (), 1)
    label = made.sample.label.copy()
    label[np.setdiff1d(np.arange(len(label)), train_rows)] ^= 1
    other = replace(job, sample=made.sample.labelled(label))

    assert (fit_piece(job, Piece(0)).margins == fit_piece(other, Piece(0)).margins).all()


def test_scores_of_a_fold_are_those_of_the_library():
    made = sample(edge=1.0)
    train_rows, test = expanding(made)[2]
    job = Job(made, [(train_rows, test)], QUICK, (4,), 7)

    theirs = QUICK.fit(made.take(train_rows), [4], 7).margins(made.rows[test])

    assert fit_piece(job, Piece(0)).margins == pytest.approx(theirs, abs=1e-9)


def test_weights_count_by_their_ratios_alone():
    made = sample(edge=1.0)
    scaled = replace(made, weight=1000.0 * made.weight)
    even = replace(made, weight=np.ones(len(made)))

    one, same, other = (QUICK.fit(each, [], 1).margins(made.rows) for each in (made, scaled, even))

    assert one == pytest.approx(same, abs=1e-9)
    assert np.abs(one - other).max() > 1e-3


def test_a_fold_of_which_all_trades_lost_is_refused_with_numbers(tmp_path):
    made = material()
    label = made.sample.label.copy()
    label[:200] = 0
    made = replace(made, sample=made.sample.labelled(label))

    with pytest.raises(DataError, match="nothing to learn") as error:
        trained(tmp_path, made)
    assert "0 won of" in str(error.value)


# ------------------------------------------------------------------ the candidate


def test_a_candidate_is_checked_as_a_bot_would_but_no_bot_takes_it(tmp_path):
    folder = folder_of(tmp_path, "XRPUSDT")
    made = material(edge=1.5, left_out=("oi_change", "oi_change_ma5"))
    card = trained(folder, made).card

    model = read_files(folder, "lgbm", Wanted("XRPUSDT", "15m", ("BTCUSDT", "ETHUSDT"), ("score",)))

    manifest = model.manifest
    assert manifest.gate == {"verdict": NOT_JUDGED}
    assert manifest.threshold == card.threshold.chosen.threshold
    assert manifest.left_out == ("oi_change", "oi_change_ma5")
    assert manifest.metrics["auc"] == card.ranking.auc
    assert set(manifest.feature_quantiles) == set(NAMES)
    with pytest.raises(ModelBroken, match="not published"):
        read(folder, "XRPUSDT")
    assert not (tmp_path / "xrpusdt" / "active.json").exists()
    rows, changed = sample(20, seed=5).rows, sample(20, seed=5).rows
    changed[:, NAMES.index("oi_change")] = 99.0
    assert (model.scores(rows) == model.scores(changed)).all()


def test_the_model_is_the_backends_on_all_rows_with_the_curve_of_the_card(tmp_path):
    made = material(edge=1.5)
    card = trained(tmp_path, made).card
    curve = Calibration(card.calibration.slope, card.calibration.intercept)
    rows = sample(100, seed=6).rows
    model = read_files(tmp_path, "lgbm", Wanted("XRPUSDT"))

    theirs = curve(QUICK.fit(made.sample, [], 1).margins(rows))

    assert model.scores(rows) == pytest.approx(theirs, abs=1e-9)


def test_out_of_fold_rows_are_kept_for_whoever_judges(tmp_path):
    made = material(edge=1.5)
    card = trained(tmp_path, made).card
    tested = read_tested(tmp_path, "lgbm")
    places = np.concatenate([test for _, test in expanding(made.sample)])

    assert (tested.open_ms == made.sample.open_ms[places]).all()
    assert (tested.net_r == made.net_r[places]).all()
    assert (tested.label == made.sample.label[places]).all()
    assert np.bincount(tested.fold).tolist() == [fold.test_rows for fold in card.folds]
    assert choose(tested.probability, tested.net_r).threshold == card.threshold.chosen.threshold
    curve = Calibration(card.calibration.slope, card.calibration.intercept)
    assert (tested.probability == curve(tested.margin)).all()


# ------------------------------------------------------------------ again, and again


def test_the_same_training_gives_the_same_model_to_the_last_bit(tmp_path):
    one, two = trained(tmp_path / "one"), trained(tmp_path / "two")

    assert onnx_in(tmp_path / "one") == onnx_in(tmp_path / "two")
    assert without_time(one.card) == without_time(two.card)


def test_another_seed_gives_another_model(tmp_path):
    one, two = trained(tmp_path / "one"), trained(tmp_path / "two", how=plan(seed=2))

    assert onnx_in(tmp_path / "one") != onnx_in(tmp_path / "two")
    assert one.card.identity != two.card.identity


def test_what_is_there_is_not_trained_again_unless_told(tmp_path):
    first = trained(tmp_path)
    second = trained(tmp_path)
    again = trained(tmp_path, again=True)

    assert (second.fitted, second.remembered) == (0, 0)
    assert second.card == first.card
    assert again.fitted == first.fitted > 0
    assert without_time(again.card) == without_time(first.card)


@pytest.mark.parametrize(
    "name", ["lgbm_filter.onnx", "lgbm_filter.json", "lgbm_out_of_fold.npz", "training_log.json"]
)
@pytest.mark.parametrize("harm", ["gone", "cut"])
def test_a_candidate_that_is_not_whole_is_made_anew(tmp_path, name, harm):
    first, whole = trained(tmp_path), (tmp_path / name).read_bytes()
    if harm == "gone":
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])

    second = trained(tmp_path)

    assert second.fitted == first.fitted
    assert without_time(second.card) == without_time(first.card)
    assert (
        read_files(tmp_path, "lgbm", Wanted("XRPUSDT")).manifest.sha256 == first.card.final.sha256
    )
    assert len(read_tested(tmp_path, "lgbm").label) == first.card.ranking.rows


def stopping_after(count):
    def stopped(work, job, pieces):
        for done, fit in enumerate(one_by_one(work, job, pieces)):
            if done == count:
                raise KeyboardInterrupt
            yield fit

    return stopped


def test_what_was_stopped_goes_on_where_it_was(tmp_path):
    whole = trained(tmp_path / "whole")
    told = []
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "stopped", spread=stopping_after(4))
    assert not (tmp_path / "stopped" / "training_log.json").exists()

    rest = trained(tmp_path / "stopped", on_progress=lambda done, whole: told.append((done, whole)))

    assert rest.remembered == 8
    assert rest.fitted == whole.fitted - 8
    assert told[0] == (8, whole.fitted)
    assert sum(done for done, _ in told) == whole.fitted
    assert without_time(rest.card) == without_time(whole.card)
    assert onnx_in(tmp_path / "stopped") == onnx_in(tmp_path / "whole")
    assert {path.name for path in (tmp_path / "stopped").iterdir()} == {
        path.name for path in (tmp_path / "whole").iterdir()
    }, "nothing half finished is left behind"


def test_pieces_of_another_training_are_not_taken(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, spread=stopping_after(5))

    for other in (
        trained(tmp_path / "a", how=plan(seed=3)),
        trained(tmp_path, material(edge=1.5, seed=9)),
    ):
        assert other.remembered == 0


def test_a_damaged_piece_is_fitted_again(tmp_path):
    whole = trained(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "stopped", spread=stopping_after(5))
    pieces = sorted((tmp_path / "stopped").glob(".unfinished-*/*.npz"))
    pieces[0].write_bytes(pieces[0].read_bytes()[:50])
    pieces[1].write_bytes(b"")

    rest = trained(tmp_path / "stopped")

    assert rest.remembered == 3
    assert without_time(rest.card) == without_time(whole.card)


@pytest.mark.slow
def test_two_processes_fit_the_same(tmp_path):
    def in_two(work, job, pieces):
        return spread(work, job, pieces, jobs=2)

    one, two = trained(tmp_path / "one"), trained(tmp_path / "two", spread=in_two)

    assert without_time(one.card) == without_time(two.card)
    assert onnx_in(tmp_path / "one") == onnx_in(tmp_path / "two")


# ------------------------------------------------------------------ the other backend


def test_a_network_is_trained_the_same_way_beside_the_trees(tmp_path):
    pytest.importorskip("mlx.core", reason="MLX is not installed here")
    network = Network(
        NetworkSettings(max_epochs=8, hidden_1=8, hidden_2=4, learning_rate=0.02, dropout=0.0)
    )
    made = material(edge=3.0)
    trees = trained(tmp_path, made)
    first = trained(tmp_path, made, plan(network, controls=1))
    same = trained(tmp_path / "same", made, plan(network, controls=1))

    assert first.card.ranking.low > 0.5
    assert onnx_in(tmp_path, "mlx") == onnx_in(tmp_path / "same", "mlx")
    assert first.card.final.rounds == np.median([fold.rounds for fold in first.card.folds])
    assert without_time(first.card) == without_time(same.card)
    for backend in ("lgbm", "mlx"):
        assert read_files(tmp_path, backend, Wanted("XRPUSDT")).manifest.backend == backend
    assert trained(tmp_path, made).card == trees.card, "the trees' card is still there"


def test_a_network_stops_when_the_newest_rows_say_so():
    pytest.importorskip("mlx.core", reason="MLX is not installed here")
    made = sample(400, edge=0.0)
    long = Network(NetworkSettings(max_epochs=200, patience=3, learning_rate=0.01, dropout=0.0))

    fitted = long.fit(made, [], 1)

    assert fitted.rounds < 30
    assert long.fit(made, [], 1, rounds=7).rounds == 7


def test_a_missing_library_is_named_with_what_installs_it():
    with pytest.raises(ConfigError) as error:
        extras._imported("no_such_library_here.core", "mlx", "mlx")

    assert "no_such_library_here" in str(error.value)
    assert "pip install 'cointrader[mlx]'" in str(error.value)
    assert "--backend mlx" in str(error.value)


def test_settings_of_a_backend_are_numbers():
    for settings in (BoostingSettings(), NetworkSettings()):
        assert all(
            isinstance(value, int | float) for value in dataclasses.asdict(settings).values()
        )
    assert Boosting().settings["num_leaves"] == BoostingSettings().num_leaves
