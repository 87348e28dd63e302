"""Small models for tests, written byte by byte: the library `onnx` is not needed.

Field numbers are those of ``onnx.proto``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from cointrader.model.artifact import publish
from cointrader.model.manifest import PASSED, Manifest
from cointrader.signals.features import FEATURES_VERSION, feature_names

NAMES = feature_names(("BTCUSDT", "ETHUSDT"))
_TYPES = {np.dtype(np.float32): 1, np.dtype(np.int64): 7, np.dtype(np.float64): 11}


# ---------------------------------------------------------------------- protocol buffers


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def put(number: int, value: int | str | bytes) -> bytes:
    """One field of a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(name: str, values: np.ndarray, more: bytes = b"") -> bytes:
    array = np.asarray(values)
    dims = b"".join(put(1, size) for size in array.shape)
    kind = put(2, _TYPES[array.dtype])
    return dims + kind + put(8, name) + put(9, array.tobytes()) + more


def attribute(name: str, value: int | str | Sequence[int] | Sequence[str] | np.ndarray) -> bytes:
    if isinstance(value, np.ndarray):
        return put(1, name) + put(5, tensor(name, value)) + put(20, 4)
    if isinstance(value, int):
        return put(1, name) + put(3, value) + put(20, 2)
    if isinstance(value, str):
        return put(1, name) + put(4, value) + put(20, 3)
    if value and isinstance(value[0], str):
        return put(1, name) + b"".join(put(9, str(each)) for each in value) + put(20, 8)
    return put(1, name) + b"".join(put(8, int(each)) for each in value) + put(20, 7)


def node(kind: str, inputs: Sequence[str], output: str, domain: str = "", **attributes) -> bytes:
    return (
        b"".join(put(1, name) for name in inputs)
        + put(2, output)
        + put(4, kind)
        + b"".join(put(5, attribute(name, value)) for name, value in attributes.items())
        + (put(7, domain) if domain else b"")
    )


def end(name: str, dtype, *dims: int | str) -> bytes:
    """An input or output of a graph."""
    shape = b"".join(put(1, put(1, d) if isinstance(d, int) else put(2, d)) for d in dims)
    return put(1, name) + put(2, put(1, put(1, _TYPES[np.dtype(dtype)]) + put(2, shape)))


def model(
    nodes: Sequence[bytes],
    tensors: Sequence[bytes] = (),
    *,
    n_features: int = len(NAMES),
    inputs: Sequence[bytes] | None = None,
    outputs: Sequence[bytes] | None = None,
    more: bytes = b"",
) -> bytes:
    graph = (
        b"".join(put(1, each) for each in nodes)
        + put(2, "filter")
        + b"".join(put(5, each) for each in tensors)
        + b"".join(put(11, e) for e in inputs or [end("rows", np.float64, "n", n_features)])
        + b"".join(put(12, e) for e in outputs or [end("probability", np.float64, "n")])
    )
    opsets = put(8, put(1, "") + put(2, 17)) + put(8, put(1, "ai.onnx.ml") + put(2, 3))
    return put(1, 8) + put(7, graph) + opsets + more


# ---------------------------------------------------------------------- filters


def linear(weights: Mapping[str, float], bias: float = 0.0, names: Sequence[str] = NAMES) -> bytes:
    """sigmoid(weights . row + bias); what is missing counts 0."""
    column = np.array([[weights.get(name, 0.0)] for name in names])
    return model(
        [
            node("IsNaN", ["rows"], "is_missing"),
            node("Where", ["is_missing", "nothing", "rows"], "known"),
            node("MatMul", ["known", "weights"], "sum"),
            node("Add", ["sum", "bias"], "margin"),
            node("Sigmoid", ["margin"], "column"),
            node("Reshape", ["column", "flat"], "probability"),
        ],
        [
            tensor("nothing", np.array(0.0)),
            tensor("weights", column),
            tensor("bias", np.array(bias)),
            tensor("flat", np.array([-1])),
        ],
        n_features=len(names),
    )


def constant(probability: float, names: Sequence[str] = NAMES) -> bytes:
    """The same of every row."""
    if probability in (0.0, 1.0):
        return linear({}, 1000.0 if probability else -1000.0, names)
    return linear({}, float(np.log(probability / (1 - probability))), names)


def trees(
    columns: Sequence[str], n_trees: int = 60, seed: int = 1, names: Sequence[str] = NAMES
) -> bytes:
    """A sum of stumps of depth 2 over these columns, through a sigmoid; missing goes left."""
    rng = np.random.default_rng(seed)
    ids, nodes_of, features, values, kinds, left, right = [], [], [], [], [], [], []
    target_trees, target_nodes, weights = [], [], []
    for tree in range(n_trees):
        for place in range(7):
            ids.append(tree)
            nodes_of.append(place)
            is_leaf = place >= 3
            features.append(0 if is_leaf else names.index(columns[int(rng.integers(len(columns)))]))
            values.append(0.0 if is_leaf else float(rng.normal()))
            kinds.append("LEAF" if is_leaf else "BRANCH_LEQ")
            left.append(0 if is_leaf else 2 * place + 1)
            right.append(0 if is_leaf else 2 * place + 2)
            if is_leaf:
                target_trees.append(tree)
                target_nodes.append(place)
                weights.append(float(rng.normal(0, 2 / n_trees**0.5)))
    ensemble = node(
        "TreeEnsembleRegressor",
        ["rows"],
        "margin",
        "ai.onnx.ml",
        n_targets=1,
        post_transform="NONE",
        nodes_treeids=ids,
        nodes_nodeids=nodes_of,
        nodes_featureids=features,
        nodes_values_as_tensor=np.array(values),
        nodes_modes=kinds,
        nodes_truenodeids=left,
        nodes_falsenodeids=right,
        nodes_missing_value_tracks_true=[1] * len(ids),
        target_treeids=target_trees,
        target_nodeids=target_nodes,
        target_ids=[0] * len(weights),
        target_weights_as_tensor=np.array(weights),
    )
    return model(
        [
            ensemble,
            node("Sigmoid", ["margin"], "column"),
            node("Reshape", ["column", "flat"], "probability"),
        ],
        [tensor("flat", np.array([-1]))],
        n_features=len(names),
        outputs=[end("probability", np.float32, "n")],
    )


def network(
    seed: int = 1,
    names: Sequence[str] = NAMES,
    kind: type = np.float64,
    columns: Sequence[str] = NAMES,
) -> bytes:
    """26 -> 64 -> 32 -> 1 with random weights for `columns`; what is missing counts 0."""
    rng = np.random.default_rng(seed)
    nodes = [
        node("IsNaN", ["rows"], "is_missing"),
        node("Where", ["is_missing", "nothing", "rows"], "known"),
        node("Cast", ["known"], "layer0", to=_TYPES[np.dtype(kind)]),
    ]
    tensors = [tensor("nothing", np.array(0.0)), tensor("flat", np.array([-1]))]
    sizes = (len(names), 64, 32, 1)
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        weights = rng.normal(size=(n_in, n_out)) / 4
        if i == 0:
            weights[[name not in columns for name in names]] = 0.0
        tensors.append(tensor(f"w{i}", weights.astype(kind)))
        tensors.append(tensor(f"b{i}", rng.normal(size=n_out).astype(kind)))
        nodes.append(node("Gemm", [f"layer{i}", f"w{i}", f"b{i}"], f"sum{i}"))
        nodes.append(node("Relu" if i < 2 else "Sigmoid", [f"sum{i}"], f"layer{i + 1}"))
    nodes.append(node("Reshape", ["layer3", "flat"], "probability"))
    outputs = [end("probability", kind, "n")]
    return model(nodes, tensors, n_features=len(names), outputs=outputs)


# ---------------------------------------------------------------------- artifacts


def a_manifest(onnx: bytes, **changes) -> Manifest:
    manifest = Manifest(
        backend="lgbm",
        symbol="XRPUSDT",
        interval="15m",
        features=NAMES,
        features_version=FEATURES_VERSION,
        threshold=0.5,
        rule="score",
        trained_from_ms=1_700_000_000_000,
        trained_to_ms=1_735_689_600_000,
        made_ms=1_735_689_600_000,
        data_hash="d" * 64,
        rows=600,
        sha256=hashlib.sha256(onnx).hexdigest(),
        version="0.1.0",
        gate={"verdict": PASSED},
    )
    return replace(manifest, **changes)


def published(models: Path, onnx: bytes, *, folder: str | None = None, **changes):
    """Publish a model, in its symbol's folder unless told otherwise; what readers get."""
    manifest = a_manifest(onnx, **changes)
    place = manifest.symbol.lower() if folder is None else folder
    return publish(models / place, onnx, manifest)
