"""One row has one probability, whoever asks for it and with how many others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from cointrader.model.errors import ModelBroken
from cointrader.model.session import Session, _asking, _loaded
from tests.unit.model.making import (
    NAMES,
    constant,
    end,
    linear,
    model,
    network,
    node,
    tensor,
    trees,
)

FLAT = tensor("flat", np.array([-1]))
FIRST = tensor("first", np.array(0))


def some_rows(count=400, missing=0.03, seed=4):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, len(NAMES)))
    rows[rng.random(rows.shape) < missing] = np.nan
    return rows


def log_odds(weights, bias=0.0):
    """weights . row + bias, from which the probability is still to be made."""
    column = np.array([[weights.get(name, 0.0)] for name in NAMES])
    return model(
        [
            node("IsNaN", ["rows"], "is_missing"),
            node("Where", ["is_missing", "nothing", "rows"], "known"),
            node("Mul", ["known", "weights"], "parts"),
            node("ReduceSum", ["parts", "across"], "sum"),
            node("Add", ["sum", "bias"], "log_odds"),
        ],
        [
            tensor("nothing", np.array(0.0)),
            tensor("weights", column.T),
            tensor("across", np.array([1])),
            tensor("bias", np.array(bias)),
        ],
        outputs=[end("log_odds", np.float64, "n", 1)],
    )


@pytest.mark.parametrize(
    "onnx",
    [
        trees(NAMES, 150),
        linear({"rsi": 0.05, "adx": -0.4}),
        network(kind=np.float64),
        network(kind=np.float32),
        log_odds({"rsi": 0.05, "adx": -0.4, "side": 40.0}),
    ],
    ids=["trees", "linear", "network64", "network32", "log-odds"],
)
def test_a_row_alone_and_among_others_has_the_same_probability_to_the_last_bit(onnx):
    session, rows = Session(onnx, len(NAMES)), some_rows()

    alone = [session.score(row) for row in rows]

    assert session.scores(rows).tolist() == alone
    assert session.scores(rows[::-1]).tolist() == alone[::-1]
    assert len(set(alone)) > 100


def test_asked_for_all_at_once_a_network_differs_by_rounding_only():
    session, rows = Session(network(), len(NAMES)), some_rows()

    assert session.scores(rows, exactly=False) == pytest.approx(session.scores(rows), abs=1e-12)


def test_a_probability_is_what_the_graph_says():
    session = Session(linear({"rsi": 2.0, "side": -1.0}, 0.25), len(NAMES))
    row = np.zeros(len(NAMES))
    row[NAMES.index("rsi")], row[NAMES.index("side")] = 0.5, 1.0

    assert session.score(row) == pytest.approx(1 / (1 + math.exp(-0.25)), rel=1e-12)


@pytest.mark.parametrize(
    ("told", "probability"),
    [
        (0.25, 1 / (1 + math.exp(-0.25))),
        (-0.25, 1 / (1 + math.exp(0.25))),
        (0.0, 0.5),
        (800.0, 1.0),
        (-800.0, 0.0),
        (math.inf, 1.0),
        (-math.inf, 0.0),
    ],
)
def test_log_odds_become_the_probability_they_stand_for(told, probability):
    session, rows = Session(log_odds({}, told), len(NAMES)), some_rows(5)

    assert session.score(rows[0]) == pytest.approx(probability, rel=1e-14)
    for exactly in (True, False):
        assert session.scores(rows, exactly=exactly) == pytest.approx([probability] * 5, rel=1e-14)


def test_log_odds_that_are_none_are_no_probability():
    assert "gives no probability" in broken(log_odds({}, math.nan))


@pytest.mark.parametrize(
    ("last", "kind", "dims"),
    [
        (node("Gather", ["rows", "first"], "log_odds", axis=1), np.float64, ("n",)),
        (node("Identity", ["rows"], "log_odds"), np.float64, ("n", len(NAMES))),
        (node("Cast", ["rows"], "log_odds", to=1), np.float32, ("n", len(NAMES))),
    ],
)
def test_log_odds_of_another_shape_or_type_are_refused(last, kind, dims):
    onnx = model([last], [FIRST], outputs=[end("log_odds", kind, *dims)])

    assert "something else than agreed" in broken(onnx)


def test_a_library_without_its_inner_call_is_asked_by_its_own_method():
    """What lies below the public call is nobody's promise."""

    class Public:
        def __init__(self, session):
            self.io_binding, self.run_with_iobinding = (
                session.io_binding,
                session.run_with_iobinding,
            )

    session = _loaded(log_odds({"rsi": 1.0}))
    row, answer = np.zeros((1, len(NAMES))), np.empty((1, 1))
    ask = _asking(Public(session), "log_odds", row, answer)
    row[0, NAMES.index("rsi")] = 0.75
    ask()

    assert answer.tolist() == [[0.75]]


def test_an_answer_is_a_new_one_each_time():
    """The buffers of one row are used again for the next."""
    session = Session(linear({"rsi": 1.0}), len(NAMES))
    row = np.zeros(len(NAMES))
    before = session.score(row)
    row[0] = 3.0

    assert before == 0.5
    assert session.score(row) > 0.9
    assert session.score(np.zeros(len(NAMES))) == 0.5


def test_however_a_row_lies_in_memory_it_has_one_probability():
    session = Session(linear({"rsi": 1.0}), len(NAMES))
    row = np.linspace(-0.5, 0.5, len(NAMES))  # exact in single precision at both ends
    row[NAMES.index("rsi")] = 0.25
    still, apart = row.copy(), np.stack([row, np.zeros(len(NAMES))], axis=1)[:, 0]
    still.flags.writeable = False

    assert not apart.flags.c_contiguous
    others: list[Any] = [still, apart, row.astype(np.float32), row.astype(">f8")]
    for each in others:
        assert session.score(each) == session.score(row)


def test_no_rows_have_no_probabilities():
    assert Session(constant(0.5), len(NAMES)).scores(np.empty((0, len(NAMES)))).shape == (0,)


@pytest.mark.parametrize("shape", [(1,), (len(NAMES) - 1,), (len(NAMES) + 1,), (1, len(NAMES))])
def test_a_row_of_another_shape_is_an_error(shape):
    with pytest.raises(ValueError, match="no row of 26 features"):
        Session(constant(0.5), len(NAMES)).score(np.zeros(shape))


def broken(onnx, n_features=26):
    with pytest.raises(ModelBroken) as refused:
        Session(onnx, n_features)
    return str(refused.value)


def test_other_columns_than_the_manifest_says_are_refused():
    assert "[n, 25]" in broken(constant(0.5), 25)


@pytest.mark.parametrize(
    ("inputs", "output"),
    [
        ([end("input", np.float64, "n", 26)], end("probability", np.float64, "n")),
        ([end("rows", np.float64, 1, 26)], end("probability", np.float64, 1)),
        ([end("rows", np.float64, "n", 25)], end("probability", np.float64, "n")),
        ([end("rows", np.float64, "n", 26)], end("p", np.float64, "n")),
        (
            [end("rows", np.float64, "n", 26), end("more", np.float64, "n")],
            end("probability", np.float64, "n"),
        ),
    ],
)
def test_other_ends_than_agreed_are_refused(inputs, output):
    source = "input" if b"input" in inputs[0] else "rows"
    target = "probability" if b"probability" in output else "p"
    onnx = model(
        [node("Gather", [source, "first"], target, axis=1)],
        [FIRST],
        inputs=inputs,
        outputs=[output],
    )

    assert "something else than agreed" in broken(onnx)


def test_other_types_than_the_graph_has_do_not_load():
    onnx = model(
        [node("Gather", ["rows", "first"], "probability", axis=1)],
        [FIRST],
        outputs=[end("probability", np.int64, "n")],
    )

    assert "does not load" in broken(onnx)


def test_what_is_no_probability_is_refused():
    raw = model([node("Gather", ["rows", "first"], "probability", axis=1)], [FIRST])

    assert "gives no probability" in broken(raw)  # NaN stays NaN
    assert "gives no probability" in broken(
        model(
            [
                node("Gather", ["rows", "first"], "column", axis=1),
                node("IsNaN", ["column"], "is_missing"),
                node("Where", ["is_missing", "two", "two"], "probability"),
            ],
            [FIRST, tensor("two", np.array(2.0))],
        )
    )


def test_a_graph_that_cannot_be_run_is_refused():
    wrong = model(
        [node("MatMul", ["rows", "w"], "column"), node("Reshape", ["column", "f"], "probability")],
        [tensor("w", np.ones((5, 1))), tensor("f", np.array([-1]))],
    )

    assert "does not load" in broken(wrong) or "cannot be asked" in broken(wrong)


def test_a_model_that_answers_by_the_company_of_a_row_is_refused():
    mean = model(
        [
            node("IsNaN", ["rows"], "is_missing"),
            node("Where", ["is_missing", "half", "rows"], "known"),
            node("ReduceMean", ["known"], "mean", axes=[0], keepdims=0),
            node("Gather", ["mean", "first"], "one"),
            node("Gather", ["known", "first"], "column", axis=1),
            node("Mul", ["column", "nothing"], "zeros"),
            node("Add", ["zeros", "one"], "probability"),
        ],
        [FIRST, tensor("half", np.array(0.5)), tensor("nothing", np.array(0.0))],
    )

    assert "comes with others" in broken(mean)
