"""Trees of LightGBM as an ONNX graph, in double precision from the row to the margin.

A converter that goes through float32 moves thresholds, and a row that lies on one, or near it,
then takes the other branch: a wrong probability, not an inexact one. Here a threshold is the very
number the booster has, and a missing value goes where the booster sends it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cointrader.domain.errors import ModelError
from cointrader.model.session import INPUT, LOG_ODDS
from cointrader.training import extras
from cointrader.training.calibration import Calibration
from cointrader.training.measures import Floats
from cointrader.training.onnx_graph import Graph

_OBJECTIVE = "binary sigmoid:1"
_CATEGORICAL, _DEFAULT_LEFT = 1, 2  # bits of a decision type; the two above tell what is missing
_NONE, _ZERO, _NAN = 0, 1, 2
_OBJECTIVE_LINE = re.compile(r"^objective=(.*)$", re.MULTILINE)
_OF_A_TREE = (
    "num_leaves", "split_feature", "threshold", "decision_type", "left_child", "right_child",
    "leaf_value",
)  # fmt: skip
# The first lines of a tree; the others, which are most, are statistics.
_TREE = re.compile(
    r"\nTree=\d+\nnum_leaves=(\d+)\nnum_cat=0\nsplit_feature=(.*)\nsplit_gain=.*\nthreshold=(.*)"
    r"\ndecision_type=(.*)\nleft_child=(.*)\nright_child=(.*)\nleaf_value=(.*)\n"
)

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
    leaves_of_first: int  # how many leaves the first tree has


def trees_of(text: str) -> Trees:
    """Read the trees from a booster's own text (``Booster.model_to_string()``).

    Raises
    ------
    ModelError : a booster of another kind than is fitted here
    """
    text = text.partition("\nend of trees")[0]
    found = _TREE.findall(text)
    _require_known(found, text)
    told = dict(zip(_OF_A_TREE, zip(*found, strict=True), strict=True))
    leaves = np.array([int(each) for each in told["num_leaves"]])
    is_single = leaves == 1
    nodes, ends = np.maximum(leaves - 1, 1), np.maximum(leaves, 2)

    def numbers(name: str, of_single: Callable[[str], str]) -> str:
        values: Sequence[str] = told[name]
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
        leaves_of_first=int(ends[0]),
    )


def graph_of(
    trees: Trees, n_features: int, used: NDArray[np.int64], calibration: Calibration
) -> bytes:
    """The ONNX file of trees that were fitted on the columns `used` of rows with `n_features`."""
    graph = Graph()
    graph.add(_ensemble(trees, used, _calibrated(trees, calibration)))
    return graph.finished(n_features)


def _calibrated(trees: Trees, calibration: Calibration) -> Floats:
    """What each leaf adds to the log-odds: the slope is in all of them, the intercept in those of
    the first tree, of which every row reaches one."""
    leaf = calibration.slope * trees.leaf
    leaf[: trees.leaves_of_first] += calibration.intercept
    return leaf


def _ensemble(trees: Trees, used: NDArray[np.int64], leaf: Floats) -> Any:
    """``TreeEnsemble`` of ai.onnx.ml 5: the one whose sums are doubles too.

    A node asks for its column of the full row, so columns that were left out are never looked at.
    """
    onnx = extras.onnx()
    node = onnx.helper.make_node(
        "TreeEnsemble",
        [INPUT],
        [LOG_ODDS],
        name=LOG_ODDS,
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function=1,  # sum
        post_transform=0,  # none
        nodes_modes=onnx.numpy_helper.from_array(np.zeros(len(trees.feature), np.uint8)),  # <=
        nodes_splits=onnx.numpy_helper.from_array(trees.threshold),
        leaf_weights=onnx.numpy_helper.from_array(leaf),
    )
    numbers: dict[str, Sequence[int]] = {
        "nodes_featureids": used[trees.feature].tolist(),
        "nodes_truenodeids": trees.left.tolist(),
        "nodes_trueleafs": trees.left_is_leaf.astype(np.int64).tolist(),
        "nodes_falsenodeids": trees.right.tolist(),
        "nodes_falseleafs": trees.right_is_leaf.astype(np.int64).tolist(),
        "nodes_missing_value_tracks_true": trees.nan_left.astype(np.int64).tolist(),
        "tree_roots": trees.root.tolist(),
        "leaf_targetids": [0] * len(leaf),
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


def _require_known(found: Sequence[tuple[str, ...]], text: str) -> None:
    """Every tree was read, and they are trees of the kind that is written here."""
    head, count = text.partition("\nTree=")[0], text.count("\nTree=")
    objective = _OBJECTIVE_LINE.findall(head)
    if objective != [_OBJECTIVE] or "\naverage_output" in head:
        raise _unknown(", ".join(objective) or "no objective")
    if not count or len(found) != count or "\nis_linear=1" in text:
        raise _unknown("categorical splits, linear leaves, or no tree")


def _unknown(found: str) -> ModelError:
    return ModelError(
        "these trees cannot be written as ONNX",
        found=found,
        allowed=f"objective {_OBJECTIVE}, numeric splits",
        todo="fit them with cointrader train",
    )
