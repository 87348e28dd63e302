"""The pages about what trades: models, and the health of process and journal."""

from __future__ import annotations

from typing import Any, Literal

from cointrader.dashboard.answers.parts import Answer, ControlsState, Run, SymbolRow

ModelState = Literal["served", "none", "broken", "off", "unknown"]


class FeatureDrift(Answer, frozen=True, kw_only=True):
    """One feature of the rows judged live. 0.01 outside of the training's usual range is usual."""

    feature: str
    missing_share: float
    outside_share: float | None


class Drift(Answer, frozen=True, kw_only=True):
    """`source`: who counted, the running process or this page from stored candles."""

    rows: int
    source: str
    features: list[FeatureDrift]


class Probabilities(Answer, frozen=True, kw_only=True):
    """What the model answered in the last `days`. `bins`: counts of ten equal ranges of 0 to 1;
    `passed`: how many it did not refuse."""

    days: int
    count: int
    mean: float | None
    passed: int
    bins: list[int]


class Model(Answer, frozen=True, kw_only=True):
    """The filter of one symbol. `state`: served, none, broken or off, as the run began.

    What follows `words` is None where there is no readable model in the folder now. `card` is the
    model card as training wrote it.
    """

    symbol: str
    state: ModelState
    words: str
    identity: str | None
    backend: str | None
    threshold: float | None
    rule: str | None
    rows: int | None
    made_ms: int | None
    trained_from_ms: int | None
    trained_to_ms: int | None
    features: list[str]
    left_out: list[str]
    gate: str | None
    gate_facts: dict[str, Any]
    metrics: dict[str, float | None]
    card: dict[str, Any] | None
    drift: Drift | None
    why_no_drift: str
    probabilities: Probabilities


class Models(Answer, frozen=True, kw_only=True):
    folder: str | None
    models: list[Model]


class JournalHealth(Answer, frozen=True, kw_only=True):
    """The file itself, sizes in bytes; `newest_ms` is its newest record, by the record's time."""

    path: str
    size: int
    wal_size: int
    written_ms: int
    newest_ms: int | None
    schema: int


class Versions(Answer, frozen=True, kw_only=True):
    """`run` traded, `dashboard` shows it."""

    run: str
    dashboard: str
    python: str
    sqlite: str


class Health(Answer, frozen=True, kw_only=True):
    """`process` is what the running process tells of itself, None where none answers."""

    now_ms: int
    run: Run
    controls: ControlsState
    journal: JournalHealth
    versions: Versions
    process: dict[str, Any] | None
    why_no_process: str
    bots: list[SymbolRow]
