"""What a report is made of. What is not there (a verdict, a sweep, folds) is left out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cointrader.backtest.columns import Floats, Longs
from cointrader.backtest.market import Stretch
from cointrader.backtest.result import BacktestResult
from cointrader.backtest.statistics.columns import Equity
from cointrader.backtest.statistics.evidence import Method
from cointrader.backtest.verdict import Verdict
from cointrader.domain.errors import DataError
from cointrader.market.quality import Finding


@dataclass(frozen=True, slots=True)
class Costs:
    """Where an account's money went, in quote currency: ``net = gross - fees + funding``."""

    gross: float  # after slippage
    slippage: float  # what it took; positive
    fees: float  # positive
    funding: float  # positive when received
    net: float


@dataclass(frozen=True, slots=True)
class Judged:
    """The strategy's own trades, of a fixed size and without halts, and what they prove."""

    result: BacktestResult
    verdict: Verdict
    method: Method


@dataclass(frozen=True, slots=True, eq=False)
class HeatMap:
    """One measure over two settings of a sweep.

    Parameters
    ----------
    row_name, column_name : the two settings; `rows` and `columns` are their values, as text
    value : float64 of shape (rows, columns), in `unit`; NaN where nothing was played
    trades : int64 of the same shape
    measure : what the values are, in words
    unit : one of those of `statistics.evidence.Measure`
    others : what became of the other settings, e.g. "median over the other settings"
    chosen : row and column of the chosen cell
    """

    row_name: str
    rows: tuple[str, ...]
    column_name: str
    columns: tuple[str, ...]
    value: Floats
    trades: Longs
    measure: str
    unit: str = "R"
    others: str = ""
    chosen: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        shape = (len(self.rows), len(self.columns))
        if self.value.shape != shape or self.trades.shape != shape:
            raise DataError(
                "a heat map's values do not fit its axes",
                found=f"shapes {self.value.shape} and {self.trades.shape}",
                allowed=str(shape),
            )


@dataclass(frozen=True, slots=True)
class SweepFigure:
    """One line of a sweep's head, such as the probability of overfitting."""

    words: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """Many configurations on the same candles. `says` is what they come to, in sentences."""

    figures: tuple[SweepFigure, ...]
    maps: tuple[HeatMap, ...]
    chosen: str = ""  # settings of the chosen cell, in words
    says: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a fold, what was chosen on or what it was judged by. Times exclude their end."""

    from_ms: int
    to_ms: int
    trades: int
    mean_r: float
    profit_factor: float


@dataclass(frozen=True, slots=True)
class Fold:
    """One step of a walk-forward: chosen on `train`, judged on `test`."""

    train: Side
    test: Side
    chosen: str


@dataclass(frozen=True, slots=True, eq=False)
class WalkForward:
    """Folds in order of time. `coverage_ratio` is the share of bars judged out of sample.

    `says` is what their tests come to, in sentences.
    """

    kind: str  # rolling or anchored
    folds: tuple[Fold, ...]
    coverage_ratio: float
    equity: Equity | None = None  # the folds' tests, stitched
    says: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Words:
    """What reason keys mean, in plain words. A key without words is shown as it is."""

    refusals: Mapping[str, str] = field(default_factory=dict)
    exits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class ReportInputs:
    """Everything a report tells.

    Parameters
    ----------
    title : what was tried, e.g. the rule's name
    market : where the candles are from, in words; `is_made_up` says that no market made them
    stretch : the candles that were played
    account : the run with its own sizing, limits and halts
    costs : of that run
    judged : the strategy's own trades; None: they were not judged
    settings : names and values as text, in the order in which they are shown
    deviations : of them, those that differ from the profile: (value, the profile's value)
    findings : what is odd about the candles, by symbol
    remarks : further sentences about the data
    made_ms : when the report was made, epoch ms; version : of the program
    """

    title: str
    market: str
    is_made_up: bool
    profile: str
    stretch: Stretch
    account: BacktestResult
    costs: Costs
    slippage: float
    made_ms: int
    version: str
    judged: Judged | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    deviations: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    findings: Mapping[str, Sequence[Finding]] = field(default_factory=dict)
    remarks: Sequence[str] = ()
    words: Words = field(default_factory=Words)
    sweep: Sweep | None = None
    walk_forward: WalkForward | None = None
