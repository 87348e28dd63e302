"""Feature rows in, probabilities out: the one way in which a model is asked.

Backtests, training reports and live trading all score through this session, so that one row has one
probability. The graph has one input ``rows``, float64 of shape (n, n_features), NaN where a value
is missing, and one output ``probability``, float32 or float64 of shape (n,).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cointrader.model.errors import ModelBroken
from cointrader.model.onnx_file import NotAFilter, graph_of

Floats = NDArray[np.float64]

INPUT, OUTPUT = "rows", "probability"
_OUTPUTS = [OUTPUT]
_DOUBLE = "tensor(double)"
_KINDS = {"tensor(float)": np.float32, _DOUBLE: np.float64}


class Session:
    """A model that is loaded. Raises `ModelBroken` for bytes that are none.

    Parameters
    ----------
    onnx : the file's bytes
    n_features : columns of a row

    Not for two threads at once: the buffers of a single row are used again for the next.
    """

    __slots__ = ("_ask", "_binding", "_is_together", "_one", "_row", "_run", "n_features")

    def __init__(self, onnx: bytes, n_features: int) -> None:
        self.n_features = n_features
        try:
            self._is_together = not graph_of(onnx).multiplies_matrices
        except NotAFilter as error:
            raise ModelBroken("this file is no entry filter", found=str(error)) from None
        session = _loaded(onnx)
        _require_ends(session, n_features)
        self._run: Any = session.run
        self._ask: Any = session.run_with_iobinding
        self._row = np.empty((1, n_features))
        self._one = np.empty(1, _KINDS[session.get_outputs()[0].type])
        self._binding: Any = session.io_binding()
        for bind, name, buffer in (
            (self._binding.bind_input, INPUT, self._row),
            (self._binding.bind_output, OUTPUT, self._one),
        ):
            bind(name, "cpu", 0, buffer.dtype, buffer.shape, buffer.ctypes.data)
        self._probe()

    def scores(self, rows: ArrayLike, *, exactly: bool = True) -> Floats:
        """Probabilities of many rows.

        Parameters
        ----------
        rows : float64 of shape (n, n_features), NaN where missing
        exactly : bit by bit what `score` says of each row. A product of matrices adds up in another
            order for one row than for many, which is a last bit here and there; such a graph is
            then asked row by row. False asks for all at once, where that last bit is no matter.

        Returns
        -------
        float64 of shape (n,).
        """
        table = np.ascontiguousarray(rows, np.float64)
        if table.ndim != 2 or table.shape[1] != self.n_features:
            raise ValueError(f"{table.shape} are no rows of {self.n_features} features")
        if not len(table):
            return np.empty(0)
        if self._is_together or not exactly:
            return np.asarray(self._run(_OUTPUTS, {INPUT: table})[0], np.float64)
        return np.array([self.score(row) for row in table])

    def score(self, row: Floats) -> float:
        """The probability of one row, float64 of shape (n_features,)."""
        if row.shape != (self.n_features,):
            raise ValueError(f"{row.shape} is no row of {self.n_features} features")
        self._row[0] = row
        self._one[0] = np.nan
        self._ask(self._binding)
        return float(self._one[0])

    def _probe(self) -> None:
        """One row of zeros and one of which nothing is known: both must have a probability."""
        rows = np.vstack([np.zeros(self.n_features), np.full(self.n_features, np.nan)])
        try:
            found = [self.score(row) for row in rows]
            together = self.scores(rows)
        except Exception as error:
            raise ModelBroken("this model cannot be asked", found=_first_line(error)) from None
        if not all(is_probability(value) for value in found):
            raise ModelBroken(
                "this model gives no probability",
                found=", ".join(map(str, found)),
                allowed="numbers from 0 to 1, also for rows of which nothing is known",
            )
        if together.tolist() != found:
            raise ModelBroken(
                "this model says something else of a row that comes with others",
                found=f"{together.tolist()} and {found}",
            )


def is_probability(value: float) -> bool:
    """Whether it is a number from 0 to 1; NaN is not."""
    return 0.0 <= value <= 1.0


def _loaded(onnx: bytes) -> Any:
    import onnxruntime  # here: it takes 0.3 s, and most commands need none

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a row is microseconds, and sums keep their order
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what is wrong is told by the exception
    try:
        return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelBroken("this model does not load", found=_first_line(error)) from None


def _require_ends(session: Any, n_features: int) -> None:
    """One input and one output, of the shapes that are agreed on."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    found = f"{', '.join(map(_shown, inputs))} to {', '.join(map(_shown, outputs))}"
    is_right = (
        len(inputs) == len(outputs) == 1
        and (inputs[0].name, inputs[0].type) == (INPUT, _DOUBLE)
        and len(inputs[0].shape) == 2
        and not isinstance(inputs[0].shape[0], int)
        and inputs[0].shape[1] == n_features
        and outputs[0].name == OUTPUT
        and outputs[0].type in _KINDS
        and len(outputs[0].shape) == 1
    )
    if not is_right:
        raise ModelBroken(
            "this model takes or gives something else than agreed",
            found=found,
            allowed=f"{INPUT} {_DOUBLE} [n, {n_features}] to {OUTPUT} tensor(float or double) [n]",
        )


def _shown(end: Any) -> str:
    return f"{end.name} {end.type} {end.shape}"


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}"
