"""Feature rows in, probabilities out: the one way in which a model is asked.

Backtests, training reports and live trading all score through it, so that one row has one
probability. The graph has one input ``rows``, float64 of shape (n, n_features), NaN where a value
is missing, and one output: ``log_odds``, float64 of shape (n, 1), calibrated, of which the
probability is made here; or ``probability``, float32 or float64 of shape (n,). A graph that ends in
the sum of its trees costs a third less than one that goes on for five operations more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cointrader.model.errors import ModelBroken
from cointrader.model.onnx_file import NotAFilter, graph_of

Floats = NDArray[np.float64]

INPUT, PROBABILITY, LOG_ODDS = "rows", "probability", "log_odds"
_DOUBLE = "tensor(double)"
_NAN, _exp = math.nan, math.exp
_KINDS = {"tensor(float)": np.float32, _DOUBLE: np.float64}


class Session:
    """A model that is loaded. Raises `ModelBroken` for bytes that are none.

    Parameters
    ----------
    onnx : the file's bytes
    n_features : columns of a row

    Not for two threads at once: the buffers of a single row are used again for the next.
    """

    __slots__ = (
        "_answer", "_ask", "_is_log_odds", "_is_together", "_output", "_row", "_run", "_view",
        "n_features",
    )  # fmt: skip

    def __init__(self, onnx: bytes, n_features: int) -> None:
        self.n_features = n_features
        try:
            self._is_together = not graph_of(onnx).multiplies_matrices
        except NotAFilter as error:
            raise ModelBroken("this file is no entry filter", found=str(error)) from None
        session = _loaded(onnx)
        _require_ends(session, n_features)
        output = session.get_outputs()[0]
        self._output = [output.name]
        self._is_log_odds = output.name == LOG_ODDS
        self._run: Any = session.run
        row = np.empty((1, n_features))
        answer = np.empty((1, 1) if self._is_log_odds else 1, _KINDS[output.type])
        self._ask = _asking(session, output.name, row, answer)
        self._row: Any = row[0]
        # Quicker to reach into than arrays.
        self._view: Any = memoryview(row[0])
        self._answer: Any = memoryview(answer.reshape(-1))  # type: ignore[arg-type]
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
        if exactly and not self._is_together:
            return np.array([self.score(row) for row in table])
        found = np.asarray(self._run(self._output, {INPUT: table})[0], np.float64)
        if not self._is_log_odds:
            return found
        if exactly:  # NumPy rounds an exponential otherwise, by how many it is given
            return np.array([_probability(value) for value in found[:, 0].tolist()])
        small = np.exp(-np.abs(found[:, 0]))
        return np.where(found[:, 0] >= 0.0, 1.0, small) / (1.0 + small)

    def score(self, row: Floats) -> float:
        """The probability of one row, float64 of shape (n_features,)."""
        try:
            self._view[:] = row  # looks at shape and kind, in half the time that NumPy takes
        except (TypeError, ValueError):
            self._copy(row)
        answer = self._answer
        answer[0] = _NAN
        self._ask()
        found: float = answer[0]
        if not self._is_log_odds:
            return found
        if found >= 0.0:  # as `_probability`, without a call
            return 1.0 / (1.0 + _exp(-found))
        small = _exp(found)
        return small / (1.0 + small)

    def _copy(self, row: Floats) -> None:
        """Of a row that lies otherwise in memory than most."""
        if row.shape != self._row.shape:
            raise ValueError(f"{row.shape} is no row of {self.n_features} features") from None
        self._row[:] = row

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


def _probability(log_odds: float) -> float:
    """``1 / (1 + exp(-x))``, without an overflow at either end; NaN stays NaN."""
    if log_odds >= 0.0:
        return 1.0 / (1.0 + math.exp(-log_odds))
    small = math.exp(log_odds)
    return small / (1.0 + small)


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


def _asking(session: Any, output: str, row: Floats, answer: NDArray[Any]) -> Callable[[], object]:
    """What reads `row` and writes `answer`. Both have to live as long as it does.

    The library's own method makes options anew at every call, a fifth of what a row costs. What it
    calls in the end is called at once, where it is there under the name of today.
    """
    import onnxruntime

    binding = session.io_binding()
    for bind, name, buffer in (
        (binding.bind_input, INPUT, row),
        (binding.bind_output, output, answer),
    ):
        bind(name, "cpu", 0, buffer.dtype, buffer.shape, buffer.ctypes.data)
    inner = getattr(getattr(session, "_sess", None), "run_with_iobinding", None)
    bound = getattr(binding, "_iobinding", None)
    if inner is None or bound is None:
        return partial(session.run_with_iobinding, binding)
    return partial(inner, bound, onnxruntime.RunOptions())


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
        and _is_agreed(outputs[0])
    )
    if not is_right:
        raise ModelBroken(
            "this model takes or gives something else than agreed",
            found=found,
            allowed=f"{INPUT} {_DOUBLE} [n, {n_features}] to {LOG_ODDS} {_DOUBLE} [n, 1], or to "
            f"{PROBABILITY} tensor(float or double) [n]",
        )


def _is_agreed(output: Any) -> bool:
    if output.name == LOG_ODDS:
        shape = output.shape
        return output.type == _DOUBLE and len(shape) == 2 and shape[1] == 1
    return output.name == PROBABILITY and output.type in _KINDS and len(output.shape) == 1


def _shown(end: Any) -> str:
    return f"{end.name} {end.type} {end.shape}"


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}"
