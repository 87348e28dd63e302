"""A small neural network by MLX: two hidden layers, ReLU, dropout, stopped before it learns noise.

Everything that is drawn (first weights, order of rows, dropout) comes from the seed, and all of it
is computed on the processor: the same rows, settings and seed give the same network.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cointrader.training import extras
from cointrader.training.backend import Sample, used_columns
from cointrader.training.calibration import Calibration
from cointrader.training.measures import Floats
from cointrader.training.onnx_network import Layer, Scaler, graph_of

_LEAST_WATCHED = 20  # rows that tell when to stop; with fewer there is no telling


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Parameters
    ----------
    hidden_1, hidden_2 : width of the two hidden layers
    dropout : share of their values that a training step does not see
    weight_decay : how much each step shrinks weights (AdamW), as a multiple of the learning rate
    max_epochs, patience : passes over the rows at most; and without an improvement on the newest
        `watched_share` of them, which are not learned from
    """

    hidden_1: int = 64
    hidden_2: int = 32
    dropout: float = 0.3
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    batch_size: int = 128
    max_epochs: int = 60
    patience: int = 8
    watched_share: float = 0.15


@dataclass(frozen=True, slots=True)
class Network:
    """The `mlx` backend."""

    of: NetworkSettings = NetworkSettings()

    @property
    def name(self) -> str:
        return "mlx"

    @property
    def library(self) -> str:
        return f"mlx {importlib.metadata.version('mlx')}"

    @property
    def settings(self) -> Mapping[str, object]:
        return dataclasses.asdict(self.of)

    def fit(
        self, sample: Sample, left_out: Sequence[int], seed: int, rounds: int | None = None
    ) -> Trained:
        used = used_columns(sample.rows.shape[1], left_out)
        learned, watched = (sample, None) if rounds else self._parted(sample)
        scaler = Scaler.of(learned.rows[:, used])
        fitting = _Fitting(self.of, len(used), seed)
        layers, epochs = fitting.run(
            _scaled(scaler, learned, used),
            None if watched is None else _scaled(scaler, watched, used),
            rounds or self.of.max_epochs,
        )
        return Trained(scaler, layers, epochs, sample.rows.shape[1], used)

    def _parted(self, sample: Sample) -> tuple[Sample, Sample | None]:
        """What is learned from, and what tells when to stop: the newest rows. A row whose label
        became known only after the first of these is in neither part."""
        begin = int(len(sample) * (1.0 - self.of.watched_share))
        watched = sample.take(np.arange(begin, len(sample)))
        if len(watched) < _LEAST_WATCHED or len(np.unique(watched.label)) < 2:
            return sample, None
        before = sample.take(np.arange(begin))
        learned = before.take(before.label_end_ms <= watched.open_ms[0])
        return (learned, watched) if len(np.unique(learned.label)) == 2 else (sample, None)


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A network, and which columns it was given. `rounds` are passes over the rows."""

    scaler: Scaler
    layers: tuple[Layer, ...]
    rounds: int
    n_features: int
    used: NDArray[np.int64]

    def margins(self, rows: Floats) -> Floats:
        mx = extras.mlx()
        with mx.stream(mx.cpu):
            pairs = [(mx.array(each.weights), mx.array(each.bias)) for each in self.layers]
            values = _forward(mx, pairs, mx.array(self.scaler(rows[:, self.used])))
            mx.eval(values)
        return np.asarray(values, np.float64)

    def graph(self, calibration: Calibration) -> bytes:
        return graph_of(self.scaler, self.layers, self.n_features, self.used, calibration)


@dataclass(frozen=True, slots=True, eq=False)
class _Scaled:
    """Rows as a network takes them."""

    values: NDArray[np.float32]
    label: NDArray[np.float32]
    weight: NDArray[np.float32]


def _scaled(scaler: Scaler, sample: Sample, used: NDArray[np.int64]) -> _Scaled:
    return _Scaled(
        scaler(sample.rows[:, used]),
        sample.label.astype(np.float32),
        sample.even_weight.astype(np.float32),
    )


class _Fitting:
    """One network while it learns."""

    def __init__(self, settings: NetworkSettings, n_inputs: int, seed: int) -> None:
        self._of = settings
        self._mx = extras.mlx()
        self._rng = np.random.default_rng(seed)
        self._keys = np.random.default_rng([seed, 1])
        sizes = (n_inputs, settings.hidden_1, settings.hidden_2, 1)
        self._first = [
            array for inputs, outputs in itertools.pairwise(sizes)
            for array in (self._drawn(inputs, outputs), np.zeros(outputs, np.float32))
        ]  # fmt: skip

    def run(
        self, learned: _Scaled, watched: _Scaled | None, most_epochs: int
    ) -> tuple[tuple[Layer, ...], int]:
        """The layers after the best epoch, and which one that was."""
        mx = self._mx
        optimizers = importlib.import_module("mlx.optimizers")
        with mx.stream(mx.cpu):
            weights = [mx.array(each) for each in self._first]
            of = self._of
            optimizer = optimizers.AdamW(of.learning_rate, weight_decay=of.weight_decay)
            step = mx.value_and_grad(self._loss)
            best, best_epoch, best_loss = weights, most_epochs, float("inf")
            for epoch in range(1, most_epochs + 1):
                for part in self._batches(len(learned.label)):
                    _, gradients = step(
                        weights,
                        mx.array(learned.values[part]),
                        mx.array(learned.label[part]),
                        mx.array(learned.weight[part]),
                        mx.random.key(int(self._keys.integers(2**62))),
                    )
                    told = optimizer.apply_gradients(_named(gradients), _named(weights))
                    weights = [told[name] for name in sorted(told)]
                    mx.eval(weights, optimizer.state)
                if watched is None:
                    best = weights
                    continue
                loss = self._watched_loss(weights, watched)
                if loss < best_loss:
                    best, best_epoch, best_loss = weights, epoch, loss
                elif epoch - best_epoch >= of.patience:
                    break
            layers = [np.array(each, np.float32) for each in best]
        pairs = zip(layers[::2], layers[1::2], strict=True)
        return tuple(Layer(weights, bias) for weights, bias in pairs), best_epoch

    def _loss(self, weights: list[Any], values: Any, label: Any, weight: Any, key: Any) -> Any:
        margin = _forward(self._mx, _pairs(weights), values, self._of.dropout, key)
        return self._weighted(margin, label, weight)

    def _watched_loss(self, weights: list[Any], watched: _Scaled) -> float:
        mx = self._mx
        margin = _forward(mx, _pairs(weights), mx.array(watched.values))
        return float(self._weighted(margin, mx.array(watched.label), mx.array(watched.weight)))

    def _weighted(self, margin: Any, label: Any, weight: Any) -> Any:
        """Mean log loss of margins."""
        mx = self._mx
        return mx.mean(weight * (mx.logaddexp(0.0, margin) - label * margin))

    def _batches(self, count: int) -> list[NDArray[np.int64]]:
        order = self._rng.permutation(count)
        return np.array_split(order, max(1, round(count / self._of.batch_size)))

    def _drawn(self, inputs: int, outputs: int) -> NDArray[np.float32]:
        """First weights for ReLU. Reference: He et al. (2015), ICCV."""
        reach = np.sqrt(6.0 / inputs)
        return self._rng.uniform(-reach, reach, (outputs, inputs)).astype(np.float32)


def _forward(
    mx: Any, layers: list[tuple[Any, Any]], values: Any, dropout: float = 0.0, key: Any = None
) -> Any:
    """Margins, shape (n,). With a key, shares of the hidden values are dropped."""
    for place, (weights, bias) in enumerate(layers, start=1):
        values = mx.addmm(bias, values, weights.T)
        if place == len(layers):
            break
        values = mx.maximum(values, 0.0)
        if key is not None and dropout > 0.0:
            key, own = mx.random.split(key)
            kept = mx.random.bernoulli(1.0 - dropout, values.shape, key=own)
            values = values * kept / (1.0 - dropout)
    return values[:, 0]


def _pairs(arrays: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(arrays[::2], arrays[1::2], strict=True))


def _named(arrays: list[Any]) -> dict[str, Any]:
    """As the optimizer wants them."""
    return {str(place): array for place, array in enumerate(arrays)}
