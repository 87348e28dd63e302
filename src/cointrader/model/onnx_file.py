"""What an ONNX file would do, read from its bytes before any of it is run.

An entry filter is arithmetic over feature rows. A graph that reads other files, loops, draws random
numbers, or calls something that no backend of ours writes is refused. This is no sandbox: it keeps
out accidents and cheap tricks, and whose file it is says the manifest's SHA-256.

Read by the wire format of protocol buffers and the field numbers of ``onnx.proto`` (IR version 10):
the library `onnx` is needed to train, not to trade.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

ML = "ai.onnx.ml."
_MATRIX = frozenset({"Gemm", "MatMul"})
_ALLOWED = _MATRIX | {
    # every value on its own
    *("Abs", "Add", "Cast", "Ceil", "Clip", "Div", "Erf", "Exp", "Floor", "Identity", "Log"),
    *("Max", "Mean", "Min", "Mul", "Neg", "Pow", "Reciprocal", "Round", "Sign", "Sqrt", "Sub"),
    *("Sum", "Elu", "Gelu", "HardSigmoid", "LeakyRelu", "PRelu", "Relu", "Selu", "Sigmoid"),
    *("Softplus", "Tanh", "IsInf", "IsNaN", "Where", "And", "Not", "Or", "Equal", "Greater"),
    *("GreaterOrEqual", "Less", "LessOrEqual"),
    # within a row, and the shape of it
    *("Concat", "Constant", "Flatten", "Gather", "Reshape", "Slice", "Split", "Squeeze"),
    *("Transpose", "Unsqueeze", "BatchNormalization", "LayerNormalization", "Softmax"),
    *("ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"),
    *(f"{ML}{name}" for name in ("ArrayFeatureExtractor", "Imputer", "LinearRegressor")),
    *(f"{ML}{name}" for name in ("Normalizer", "Scaler", "TreeEnsemble", "TreeEnsembleRegressor")),
}
_DEEPEST = 8  # messages within messages; a graph without branches needs 5

# onnx.proto: message -> field -> the message in it
_INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph"},
    "graph": {1: "node", 5: "tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph"},
    "tensor": {},
}
# ... and what no filter needs: training, functions, sparse values, values in other files
_REFUSED: dict[tuple[str, int], str] = {
    ("model", 20): "a training graph",
    ("model", 25): "functions of its own",
    ("graph", 15): "sparse values",
    ("attribute", 22): "sparse values",
    ("attribute", 23): "sparse values",
    ("tensor", 13): "values in another file",
}
_OP_TYPE, _DOMAIN = 4, 7  # of a node
_DATA_LOCATION = 14  # of a tensor; 0 is in the file itself


# Whole numbers of an attribute, one after the other: thousands of them make a tree, and there is
# nothing in them to look at. Passed over at once; the runtime reads them.
_INTS = 8 << 3
_NUMBERS = re.compile(rb"(?:\x40[\x80-\xff]{0,9}[\x00-\x7f])+")


class NotAFilter(ValueError):
    """These bytes are no graph that may judge signals; the text says why."""


@dataclass(slots=True)
class Graph:
    """What is in an ONNX file."""

    operators: set[str] = field(default_factory=set)  # those of other domains as ``domain.Name``

    @property
    def multiplies_matrices(self) -> bool:
        """Whether a row's result may differ in its last bit by how many rows come with it."""
        return bool(self.operators & _MATRIX)


def graph_of(onnx: bytes) -> Graph:
    """Read what is in an ONNX file. `NotAFilter` for what may not judge signals."""
    graph = Graph()
    _walk(memoryview(onnx), "model", graph, 0)
    if not graph.operators:
        raise NotAFilter("there is no graph in it")
    strange = sorted(graph.operators - _ALLOWED)
    if strange:
        raise NotAFilter(f"it has operators that no filter needs: {', '.join(strange[:5])}")
    return graph


def _walk(data: memoryview, kind: str, graph: Graph, depth: int) -> None:
    if depth > _DEEPEST:
        raise NotAFilter("its graphs are nested too deep")
    name, domain = "", ""
    for number, value in _fields(data):
        if (kind, number) in _REFUSED:
            raise NotAFilter(f"it has {_REFUSED[kind, number]}")
        if kind == "tensor" and number == _DATA_LOCATION and value != 0:
            raise NotAFilter("it has values in another file")
        inside = _INSIDE[kind].get(number)
        if inside is not None:
            _walk(_message(value), inside, graph, depth + 1)
        elif kind == "node" and number == _OP_TYPE:
            name = _text(value)
        elif kind == "node" and number == _DOMAIN:
            domain = _text(value)
    if kind == "node":
        graph.operators.add(name if domain in ("", "ai.onnx") else f"{domain}.{name}")


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Field numbers and values of one message: lengths as views, numbers as they are."""
    at, end = 0, len(data)
    while at < end:
        run = _NUMBERS.match(data, at) if data[at] == _INTS else None
        if run is not None:
            at = run.end()
            continue
        key, at = _varint(data, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire_type == 2:
            length, at = _varint(data, at)
        elif wire_type in (1, 5):
            length = 8 if wire_type == 1 else 4
        else:
            raise NotAFilter("it is no ONNX file")
        if length > end - at:
            raise NotAFilter("it is cut off, or no ONNX file")
        yield number, data[at : at + length]
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise NotAFilter("it is cut off, or no ONNX file")


def _message(value: memoryview | int) -> memoryview:
    if isinstance(value, int):
        raise NotAFilter("it is no ONNX file")
    return value


def _text(value: memoryview | int) -> str:
    return bytes(_message(value)).decode("utf-8", "replace")
