"""The frame that every filter's ONNX graph has: full rows in, calibrated log-odds out.

    rows (double, n x features) -> the model, calibrated -> log_odds (double, n x 1)

Left-out columns, missing values, scaling and calibration are all inside, so whoever scores a row
needs to know nothing but the list of features. The probability, ``1 / (1 + exp(-log_odds))``, is
for whoever asks (`model.session`): an operation of a graph costs more than that one number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from cointrader import __version__
from cointrader.model.session import INPUT, LOG_ODDS
from cointrader.training import extras

_OPSET, _OPSET_ML, _IR = 21, 5, 10


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

    def finished(self, n_features: int) -> bytes:
        """The file, once nodes from `INPUT` to `LOG_ODDS` are there."""
        helper, double = self._onnx.helper, self._onnx.TensorProto.DOUBLE
        graph = helper.make_graph(
            self._nodes,
            "entry filter",
            [helper.make_tensor_value_info(INPUT, double, ["n", n_features])],
            [helper.make_tensor_value_info(LOG_ODDS, double, ["n", 1])],
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
