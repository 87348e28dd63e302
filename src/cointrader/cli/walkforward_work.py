"""The filters of a walk-forward, trained as `cointrader train` does it.

Each fold and symbol is one piece of work, kept when it is done: what was stopped goes on from
there. A piece knows its training alone, so where and when it is done changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass, fields

import msgspec
import numpy as np

from cointrader import __version__
from cointrader.app.search.cell import configured
from cointrader.app.search.fold_filter import FoldChoice, Judgement
from cointrader.app.search.play import Job, Player
from cointrader.app.search.spread import spread_if_worth
from cointrader.app.search.store import ResultStore
from cointrader.app.search.sweep import Progress, Where, store_path
from cointrader.backtest.filtered import named_rows
from cointrader.backtest.fingerprint import hash_of_settings
from cointrader.backtest.kernel import play_compiled
from cointrader.backtest.market import Market
from cointrader.backtest.signals import signals_of
from cointrader.backtest.trial_ledger import DataSet
from cointrader.cli.train_work import label_settings
from cointrader.domain.errors import MissingCandles
from cointrader.signals.configured import configured_rule
from cointrader.signals.features import FEATURES_VERSION
from cointrader.training import extras, fold_filter
from cointrader.training.backend import Backend
from cointrader.training.dataset import dataset
from cointrader.training.params import backend_of
from cointrader.training.population import TooFewRows

_VERSION = 2  # of the procedure: raised when the same settings would give other filters


@dataclass(frozen=True, slots=True)
class Retrained:
    """Trains `backend` for each fold. Its settings are the usual ones: tuned ones were chosen on
    time that the tests lie in."""

    backend: Backend
    seed: int = 1

    @staticmethod
    def by(name: str) -> Retrained:
        """With the library called `name`. `ConfigError` where it is not installed."""
        {"lgbm": extras.lightgbm, "mlx": extras.mlx}[name]()
        return Retrained(backend_of(name))

    @property
    def name(self) -> str:
        return self.backend.name

    @property
    def identity(self) -> str:
        return hash_of_settings(
            {
                "procedure": _VERSION,
                "library": self.backend.library,
                "backend": self.backend.name,
                "settings": dict(self.backend.settings),
                "folds": fold_filter.FOLDS,
                "features": FEATURES_VERSION,
                "seed": self.seed,
            }
        )

    def __call__(
        self,
        job: Job,
        choices: Sequence[FoldChoice],
        data: DataSet,
        where: Where,
        on_progress: Progress,
    ) -> list[Judgement]:
        pieces = [Piece(choice, symbol) for choice in choices for symbol in job.market.symbols]
        found: dict[tuple[int, str], Judgement] = {}
        common = Common(job, self)
        with ExitStack() as stack:
            store = None
            if where.is_stored:
                store = stack.enter_context(ResultStore(store_path(where, data)))
            keys = {
                (each.choice.number, each.symbol): self._key(job, each, data) for each in pieces
            }
            for place, key in keys.items():
                kept = None if store is None else _read(store.filter_of(key), *place)
                if kept is not None:
                    found[place] = kept
            on_progress(len(found), len(pieces))
            missing = [each for each in pieces if (each.choice.number, each.symbol) not in found]
            results = spread_if_worth(
                trained, common, missing, jobs=where.jobs, cluster=where.cluster
            )
            with closing(results):
                for judgement in results:
                    place = judgement.number, judgement.symbol
                    found[place] = judgement
                    if store is not None:
                        store.keep_filter(keys[place], _written(judgement))
                    on_progress(1, len(pieces))
        return [found[each.choice.number, each.symbol] for each in pieces]

    def _key(self, job: Job, piece: Piece, data: DataSet) -> str:
        own, fold = job.base.for_symbol(piece.symbol), piece.choice.fold
        return hash_of_settings(
            {
                "version": __version__,
                "filter": self.identity,
                "rules": play_compiled.digest(),
                "data": data.hash,
                "start": data.start_ms,
                "end": data.end_ms,
                "interval": job.market.interval_ms,
                "correlated": list(job.base.correlation_symbols),
                "symbol": piece.symbol,
                "cell": piece.choice.identity,
                "label": asdict(label_settings(own)),
                "train": [fold.train_from_ms, fold.train_to_ms],
            }
        )


@dataclass(frozen=True, slots=True)
class Piece:
    """The filter of one symbol in one fold."""

    choice: FoldChoice
    symbol: str


@dataclass(frozen=True, slots=True, eq=False)
class Common:
    job: Job
    made_by: Retrained


def trained(common: Common, piece: Piece) -> Judgement:
    """Train on the fold's training alone, and judge the signals after it."""
    job, fold, symbol = common.job, piece.choice.fold, piece.symbol
    own = configured(job.base, piece.choice.cell).for_symbol(symbol)
    rule, frame = configured_rule(own), job.market.frames[symbol]
    known = dataset(
        _until(job.market, symbol, fold.train_to_ms),
        symbol,
        rule,
        Player(job).settings(piece.choice.cell),
        periods=own.periods,
        label=label_settings(own),
        from_ms=fold.train_from_ms,
        to_ms=fold.train_to_ms,
    )
    signals = signals_of(rule, frame, own.periods)
    before = int(np.searchsorted(frame.open_time_ms[signals.rows], fold.train_to_ms))
    signals = signals.after(before)
    _, rows = named_rows(signals, rule, frame, own.periods)
    try:
        learned = fold_filter.learned(known, rows, common.made_by.backend, seed=common.made_by.seed)
    except TooFewRows as error:
        return Judgement(piece.choice.number, symbol, f"{error.what}: {error.found}")
    return Judgement(
        number=piece.choice.number,
        symbol=symbol,
        from_ms=fold.train_to_ms,
        known_ms=learned.known_ms,
        rows=learned.rows,
        auc=learned.auc,
        threshold=learned.threshold,
        probability=learned.probability,
    )


def _until(market: Market, symbol: str, end_ms: int) -> Market:
    """The candles of one symbol that were closed by then; no later one is there to be seen."""
    frame = market.frames[symbol]
    ended = frame.open_time_ms + frame.interval_ms <= end_ms
    known = frame.rows(0, int(ended.sum()))
    return Market(
        market.label, market.interval_ms, {symbol: known}, {symbol: market.settlements[symbol]}
    )


# ------------------------------------------------------------------ kept


def _written(judgement: Judgement) -> bytes:
    told = {each.name: getattr(judgement, each.name) for each in fields(judgement)}
    del told["number"], told["symbol"]  # the key says whose it is; folds may be counted anew
    probability = judgement.probability
    told["probability"] = None if probability is None else probability.tobytes()
    return msgspec.msgpack.encode(told)


def _read(content: bytes | None, number: int, symbol: str) -> Judgement | None:
    """None where nothing was kept, or not what we wrote: it is trained again."""
    if content is None:
        return None
    with suppress(msgspec.MsgspecError, TypeError, ValueError):
        told = msgspec.msgpack.decode(content)
        if told["probability"] is not None:
            told["probability"] = np.frombuffer(told["probability"], np.float64)
        return Judgement(number, symbol, **told)
    return None


def require_correlated(asked: Sequence[str], known: Sequence[str], where: str) -> None:
    """Features compare with other symbols: those must be there, as when a model is trained.

    Raises `MissingCandles` where one is not.
    """
    missing = [symbol for symbol in asked if symbol not in known]
    if missing:
        raise MissingCandles(
            f"features compare with {', '.join(missing)}, whose candles are not there",
            where=where,
            todo="cointrader fetch stores them; or --correlation-symbols off",
        )
