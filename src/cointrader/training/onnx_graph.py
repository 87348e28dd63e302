"""The frame that every filter's ONNX graph has: full rows in, calibrated probabilities out.

    rows (double, n x features) -> the model -> margin (n x 1) -> probability (double, n)

Left-out columns, missing values, scaling and calibration are all inside, so whoever scores a row
needs to know nothing but the list of features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cointrader import __version__
from cointrader.training import extras
from cointrader.training.calibration import Calibration

INPUT, OUTPUT = "rows", "probability"
MARGIN = "margin"  # what a model's own nodes end in: log-odds, double, n x 1
_OPSET, _OPSET_ML, _IR = 21, 5, 10
_LANES = 8  # doubles that a processor works on at once, at most


class Graph:
    """Nodes and constants of one graph, in the order in which they were added."""

    def __init__(self) -> None:
        self._onnx = extras.onnx()
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """Put an array into the file; its name."""
        self._constants.append(self._onnx.numpy_helper.from_array(values, name))
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: object) -> str:
        """Add an operation of the standard set; the name of what it makes."""
        made = self._onnx.helper.make_node(kind, list(inputs), [output], name=output, **attributes)
        self._nodes.append(made)
        return output

    def add(self, node: Any) -> None:
        """Add a ready node."""
        self._nodes.append(node)

    def finished(self, n_features: int, calibration: Calibration) -> bytes:
        """The file, once nodes from `INPUT` to `MARGIN` are there."""
        helper, double = self._onnx.helper, self._onnx.TensorProto.DOUBLE
        # A sigmoid rounds differently among others and alone at the end of an array. So each row
        # brings company that fills a processor's vector: it has one probability, to the last bit,
        # however many rows are scored together.
        self.constant("slope", np.full((1, _LANES), calibration.slope))
        self.constant("intercept", np.full((1, _LANES), calibration.intercept))
        self.constant("first", np.array(0, np.int64))
        self.node("Mul", [MARGIN, "slope"], "scaled_margin")
        self.node("Add", ["scaled_margin", "intercept"], "log_odds")
        self.node("Sigmoid", ["log_odds"], "probabilities")
        self.node("Gather", ["probabilities", "first"], OUTPUT, axis=1)
        graph = helper.make_graph(
            self._nodes,
            "entry filter",
            [helper.make_tensor_value_info(INPUT, double, ["n", n_features])],
            [helper.make_tensor_value_info(OUTPUT, double, ["n"])],
            self._constants,
        )
        model = helper.make_model(
            graph,
            opset_imports=[
                helper.make_opsetid("", _OPSET),
                helper.make_opsetid("ai.onnx.ml", _OPSET_ML),
            ],
            ir_version=_IR,
            producer_name="cointrader",
            producer_version=__version__,
        )
        self._onnx.checker.check_model(model)
        content: bytes = model.SerializeToString(deterministic=True)
        return content
