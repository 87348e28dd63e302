"""A small neural network as an ONNX graph, scaling and missing values included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cointrader.model.session import INPUT, LOG_ODDS
from cointrader.training import extras
from cointrader.training.calibration import Calibration
from cointrader.training.measures import Floats
from cointrader.training.onnx_graph import Graph

Weights = NDArray[np.float32]

_FLAT = 1e-12  # a standard deviation below this share of the mean is rounding


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """``values @ weights.T + bias``."""

    weights: Weights  # (outputs, inputs)
    bias: Weights  # (outputs,)


@dataclass(frozen=True, slots=True, eq=False)
class Scaler:
    """``(value - mean) / deviation`` per column; missing becomes 0, which is the mean.

    Mean and deviation are those of the rows a network was trained on.
    """

    mean: Floats
    deviation: Floats

    @staticmethod
    def of(rows: Floats) -> Scaler:
        """Of training rows; a column without two different values is only moved."""
        known = ~np.isnan(rows)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, rows, 0.0).sum(axis=0) / count
        offsets = np.where(known, rows - mean, 0.0)
        deviation = np.sqrt((offsets * offsets).sum(axis=0) / count)
        return Scaler(
            mean, np.where(deviation > 1e-12 * np.maximum(1.0, abs(mean)), deviation, 1.0)
        )

    def __call__(self, rows: Floats) -> NDArray[np.float32]:
        """Scaled rows: double up to here, single precision from here on."""
        scaled = (rows - self.mean) / self.deviation
        return np.where(np.isnan(scaled), 0.0, scaled).astype(np.float32)


def graph_of(
    scaler: Scaler,
    layers: Sequence[Layer],
    n_features: int,
    used: NDArray[np.int64],
    calibration: Calibration,
) -> bytes:
    """The ONNX file of a network that was fitted on the columns `used` of full rows.

    Between layers values below 0 become 0 (ReLU); the last layer's one value is the margin.
    """
    graph, onnx = Graph(), extras.onnx()
    columns = INPUT
    if len(used) < n_features:
        graph.constant("used", used)
        columns = graph.node("Gather", [INPUT, "used"], "columns", axis=1)
    graph.constant("mean", scaler.mean)
    graph.constant("deviation", scaler.deviation)
    graph.constant("nothing", np.zeros(1))
    graph.node("Sub", [columns, "mean"], "offsets")
    graph.node("Div", ["offsets", "deviation"], "scaled")
    graph.node("IsNaN", ["scaled"], "missing")
    graph.node("Where", ["missing", "nothing", "scaled"], "known")
    values = graph.node("Cast", ["known"], "values_0", to=onnx.TensorProto.FLOAT)
    for place, layer in enumerate(layers, start=1):
        graph.constant(f"weights_{place}", layer.weights)
        graph.constant(f"bias_{place}", layer.bias)
        inputs = [values, f"weights_{place}", f"bias_{place}"]
        values = graph.node("Gemm", inputs, f"sums_{place}", transB=1)
        if place < len(layers):
            values = graph.node("Relu", [values], f"values_{place}")
    graph.constant("slope", np.array(calibration.slope))
    graph.constant("intercept", np.array(calibration.intercept))
    graph.node("Cast", [values], "margin", to=onnx.TensorProto.DOUBLE)
    graph.node("Mul", ["margin", "slope"], "scaled_margin")
    graph.node("Add", ["scaled_margin", "intercept"], LOG_ODDS)
    return graph.finished(n_features)
