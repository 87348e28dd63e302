"""Trees of LightGBM as an ONNX graph, in double precision from the row to the margin.

A converter that goes through float32 moves thresholds, and a row that lies on one, or near it,
then takes the other branch: a wrong probability, not an inexact one. Here a threshold is the very
number the booster has, and a missing value goes where the booster sends it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cointrader.domain.errors import ModelError
from cointrader.training import extras
from cointrader.training.calibration import Calibration
from cointrader.training.measures import Floats
from cointrader.training.onnx_graph import INPUT, MARGIN, Graph

_OBJECTIVE = "binary sigmoid:1"
_CATEGORICAL, _DEFAULT_LEFT = 1, 2  # bits of a decision type; the two above tell what is missing
_NONE, _ZERO, _NAN = 0, 1, 2
_OF_A_TREE = (
    "num_leaves", "num_cat", "split_feature", "threshold", "decision_type", "left_child",
    "right_child", "leaf_value",
)  # fmt: skip
_LINES = 9  # of a tree's text, from its number on, that hold them

Longs = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """All trees of a booster, their nodes and leaves numbered through.

    A row goes left where ``row[feature] <= threshold``; where its value is NaN, if `nan_left`.
    A tree that is a single leaf has one node, whose two sides are equal.
    """

    feature: Longs  # per node
    threshold: Floats
    nan_left: NDArray[np.bool_]
    left: Longs  # node, or leaf where `left_is_leaf`
    right: Longs
    left_is_leaf: NDArray[np.bool_]
    right_is_leaf: NDArray[np.bool_]
    root: Longs  # per tree
    leaf: Floats  # per leaf: what it adds to the margin


def trees_of(text: str) -> Trees:
    """Read the trees from a booster's own text (``Booster.model_to_string()``).

    Raises
    ------
    ModelError : a booster of another kind than is fitted here
    """
    text = text.partition("\nend of trees")[0]
    told = _told(text)
    _require_known(told, text)
    leaves = np.array([int(each) for each in told["num_leaves"]])
    is_single = leaves == 1
    nodes, ends = np.maximum(leaves - 1, 1), np.maximum(leaves, 2)

    def numbers(name: str, of_single: Callable[[str], str]) -> str:
        values = told[name]
        if is_single.any():
            pairs = zip(values, is_single, strict=True)
            values = [of_single(each) if one else each for each, one in pairs]
        return " ".join(values)

    def whole(name: str, single: int) -> Longs:
        return np.fromstring(numbers(name, lambda _: str(single)), np.int64, sep=" ")

    def exact(name: str, of_single: Callable[[str], str]) -> Floats:
        return np.fromstring(numbers(name, of_single), np.float64, sep=" ")

    first_node, first_leaf = np.cumsum(nodes) - nodes, np.cumsum(ends) - ends
    node_shift, leaf_shift = np.repeat(first_node, nodes), np.repeat(first_leaf, nodes)
    left, right = whole("left_child", -1), whole("right_child", -2)
    threshold = exact("threshold", lambda _: "0")
    return Trees(
        feature=whole("split_feature", 0),
        threshold=threshold,
        nan_left=_nan_left(whole("decision_type", 0), threshold),
        left=np.where(left < 0, ~left + leaf_shift, left + node_shift),
        right=np.where(right < 0, ~right + leaf_shift, right + node_shift),
        left_is_leaf=left < 0,
        right_is_leaf=right < 0,
        root=first_node,
        leaf=exact("leaf_value", lambda value: f"{value} {value}"),
    )


def graph_of(
    trees: Trees, n_features: int, used: NDArray[np.int64], calibration: Calibration
) -> bytes:
    """The ONNX file of trees that were fitted on the columns `used` of rows with `n_features`."""
    graph = Graph()
    graph.add(_ensemble(trees, used))
    return graph.finished(n_features, calibration)


def _ensemble(trees: Trees, used: NDArray[np.int64]) -> Any:
    """``TreeEnsemble`` of ai.onnx.ml 5: the one whose sums are doubles too.

    A node asks for its column of the full row, so columns that were left out are never looked at.
    """
    onnx = extras.onnx()
    node = onnx.helper.make_node(
        "TreeEnsemble",
        [INPUT],
        [MARGIN],
        name=MARGIN,
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function=1,  # sum
        post_transform=0,  # none
        nodes_modes=onnx.numpy_helper.from_array(np.zeros(len(trees.feature), np.uint8)),  # <=
        nodes_splits=onnx.numpy_helper.from_array(trees.threshold),
        leaf_weights=onnx.numpy_helper.from_array(trees.leaf),
    )
    numbers: dict[str, Sequence[int]] = {
        "nodes_featureids": used[trees.feature].tolist(),
        "nodes_truenodeids": trees.left.tolist(),
        "nodes_trueleafs": trees.left_is_leaf.astype(np.int64).tolist(),
        "nodes_falsenodeids": trees.right.tolist(),
        "nodes_falseleafs": trees.right_is_leaf.astype(np.int64).tolist(),
        "nodes_missing_value_tracks_true": trees.nan_left.astype(np.int64).tolist(),
        "tree_roots": trees.root.tolist(),
        "leaf_targetids": [0] * len(trees.leaf),
    }
    for name, values in numbers.items():  # not by the helper, which looks at every number
        attribute = node.attribute.add()
        attribute.name, attribute.type = name, onnx.AttributeProto.INTS
        attribute.ints.extend(values)
    return node


def _nan_left(decision: Longs, threshold: Floats) -> NDArray[np.bool_]:
    """Whether a missing value goes left. Where training saw none, the booster reads it as 0."""
    missing = (decision >> 2) & 3
    if np.any(decision & _CATEGORICAL) or np.any(missing == _ZERO):
        raise _unknown("categorical splits, or zeros read as missing")
    default_left = (decision & _DEFAULT_LEFT) != 0
    result: NDArray[np.bool_] = np.where(missing == _NAN, default_left, threshold >= 0.0)
    return result


def _told(text: str) -> Mapping[str, list[str]]:
    """What stands on the lines ``name=...`` of the head and of the trees, by name.

    Of a tree only the first lines are looked at: the others, which are most, are statistics.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    head, *trees = text.split("\nTree=")
    lines = head.split("\n")
    for tree in trees:
        lines += tree.split("\n", _LINES + 1)[1:-1]
    for line in lines:
        name, _, value = line.partition("=")
        found[name].append(value)
    return found


def _require_known(told: Mapping[str, list[str]], text: str) -> None:
    objective = ", ".join(told["objective"]) or "no objective"
    if objective != _OBJECTIVE or "average_output" in told:
        raise _unknown(objective)
    counts = {len(told[name]) for name in _OF_A_TREE}
    if {*told["num_cat"]} != {"0"} or len(counts) != 1 or "\nis_linear=1" in text:
        raise _unknown("categorical splits, linear leaves, or no tree")


def _unknown(found: str) -> ModelError:
    return ModelError(
        "these trees cannot be written as ONNX",
        found=found,
        allowed=f"objective {_OBJECTIVE}, numeric splits",
        todo="fit them with cointrader train",
    )
