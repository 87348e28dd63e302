"""What a model file would do is known before any of it is run."""

from __future__ import annotations

import numpy as np
import pytest

from cointrader.model.onnx_file import NotAFilter, graph_of
from tests.unit.model.making import (
    NAMES,
    constant,
    linear,
    model,
    network,
    node,
    put,
    tensor,
    trees,
)

A_TENSOR = tensor("one", np.array([1.0]))
PASSING = node("Gather", ["rows", "one"], "probability")


def test_filters_are_told_apart_by_whether_they_multiply_matrices():
    assert graph_of(linear({"rsi": 0.1})).multiplies_matrices
    assert graph_of(network()).multiplies_matrices
    assert not graph_of(trees(NAMES)).multiplies_matrices
    assert "ai.onnx.ml.TreeEnsembleRegressor" in graph_of(trees(NAMES)).operators


@pytest.mark.parametrize("kind", ["Loop", "If", "Scan", "RandomNormal", "ConstantOfShape", "Tile"])
def test_an_operator_that_no_filter_needs_is_refused_by_name(kind):
    with pytest.raises(NotAFilter, match=kind):
        graph_of(model([PASSING, node(kind, ["rows"], "more")]))


def test_an_operator_of_somebody_elses_library_is_refused():
    with pytest.raises(NotAFilter, match=r"com\.evil\.Add"):
        graph_of(model([node("Add", ["rows", "rows"], "probability", "com.evil")]))


@pytest.mark.parametrize(
    "outside",
    [
        put(14, 1),
        put(13, put(1, "location") + put(2, "/etc/passwd")),
        put(13, put(1, "location") + put(2, "../../secrets.bin")) + put(14, 1),
    ],
)
def test_values_in_another_file_are_refused(outside):
    stolen = tensor("stolen", np.array([1.0]), outside)

    with pytest.raises(NotAFilter, match="another file"):
        graph_of(model([PASSING], [A_TENSOR, stolen]))


def test_values_in_another_file_are_found_inside_of_an_attribute():
    stolen = put(1, "value") + put(5, tensor("stolen", np.array([1.0]), put(14, 1))) + put(20, 4)
    hidden = put(2, "x") + put(4, "Constant") + put(5, stolen)

    with pytest.raises(NotAFilter, match="another file"):
        graph_of(model([PASSING, hidden]))


def test_a_loop_is_found_inside_of_a_graph_inside_of_a_node():
    inner = put(1, node("Loop", ["rows"], "x")) + put(2, "inner")
    body = put(1, "body") + put(6, inner) + put(20, 5)

    with pytest.raises(NotAFilter, match="Loop"):
        graph_of(model([PASSING, put(2, "x") + put(4, "Identity") + put(5, body)]))


@pytest.mark.parametrize(
    ("more", "what"), [(put(20, b""), "training"), (put(25, put(1, "f")), "functions")]
)
def test_what_only_training_needs_is_refused(more, what):
    with pytest.raises(NotAFilter, match=what):
        graph_of(model([PASSING], more=more))


def test_a_file_that_is_cut_off_anywhere_is_refused_or_is_another_graph():
    """A cut at the end of a field leaves a shorter file that is well-formed; nothing else does."""
    whole = constant(0.5)
    refused = 0
    for length in range(len(whole)):
        try:
            graph_of(whole[:length])
        except NotAFilter:
            refused += 1

    assert refused >= len(whole) - 4


@pytest.mark.parametrize(
    "data", [b"", b"\x80" * 50, b"\xff" * 50, b"not a model at all", bytes(range(256))]
)
def test_what_is_no_onnx_file_is_refused(data):
    with pytest.raises(NotAFilter):
        graph_of(data)


def test_graphs_within_graphs_without_end_are_refused():
    graph = put(1, node("Add", ["rows"], "x"))
    for _ in range(200):
        graph = put(1, put(4, "Identity") + put(5, put(1, "g") + put(6, graph)))

    with pytest.raises(NotAFilter, match="nested too deep"):
        graph_of(put(1, 8) + put(7, graph))
