"""Pieces that several pages are made of."""

from __future__ import annotations

from typing import Literal

import msgspec

SideName = Literal["long", "short"]
Phase = Literal["running", "finished", "resumable", "stopped"]


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every part of an answer. A field that is not declared here is a mistake."""


class Writer(Answer, frozen=True, kw_only=True):
    """The process that writes the journal now."""

    pid: int | None
    since_ms: int


class ControlsState(Answer, frozen=True, kw_only=True):
    """Whether commands can be given, and if not, why."""

    are_possible: bool
    why_not: str


class Run(Answer, frozen=True, kw_only=True):
    """The last run in the journal. `phase`: running, finished, resumable or stopped."""

    mode: str
    market: str
    profile: str
    interval: str
    interval_ms: int
    version: str
    symbols: list[str]
    started_ms: int
    starts: int
    to_ms: int
    phase: Phase
    writer: Writer | None
    verdict: str | None
    models: str | None


class Part(Answer, frozen=True, kw_only=True):
    """Points that one indicator gave to one side."""

    name: str
    side: SideName
    points: int
    text: str


class DecisionRow(Answer, frozen=True, kw_only=True):
    """One bar's answer. `gate` is what kept the signal from being one, `refusal` who said no."""

    symbol: str
    bar_open_ms: int
    action: str
    side: SideName | None
    score: int
    threshold: int | None
    parts: list[Part]
    gate: str
    gate_text: str
    refusal: str
    refusal_text: str
    detail: str
    probability: float | None


class TradeRow(Answer, frozen=True, kw_only=True):
    """A closed trade: ``net = gross - fee + funding``; `slippage` is inside gross already.

    `slippage` is None where fills were not simulated; `r` is net in units of the first risk.
    """

    trade_id: str
    symbol: str
    side: SideName
    entry_ms: int
    exit_ms: int
    entry_price: float
    exit_price: float
    quantity: float
    reason: str
    reason_text: str
    gross: float
    slippage: float | None
    fee: float
    funding: float
    net: float
    r: float | None


class AlertRow(Answer, frozen=True, kw_only=True):
    at_ms: int
    level: str
    symbol: str
    text: str


class Position(Answer, frozen=True, kw_only=True):
    """An open position. `mark` is the last price the journal knows for it, `mark_ms` when.

    Distances are fractions of the mark: to the stop, to the target, to liquidation, positive while
    the price is on the right side. `liquidation_price` is the exchange's own where
    `is_liquidation_told`, else reckoned from entry, leverage and stored brackets, which differs a
    little. `is_protected` tells whether the exchange has a live stop; None: nobody knows.
    """

    symbol: str
    side: SideName
    trade_id: str
    quantity: float
    entry_price: float
    entry_ms: int
    stop: float
    target: float
    at_stop: float
    mark: float | None
    mark_ms: int | None
    unrealised: float | None
    unrealised_ratio: float | None
    stop_distance: float | None
    target_distance: float | None
    liquidation_price: float | None
    liquidation_distance: float | None
    is_liquidation_told: bool
    is_protected: bool | None


class BarePosition(Answer, frozen=True, kw_only=True):
    """A position without a stop and a target that are known; `text` says why that matters.

    `is_ours` False: this program did not open it. Numbers are None where nobody told them.
    """

    symbol: str
    side: SideName
    quantity: float | None
    entry_price: float | None
    mark: float | None
    mark_ms: int | None
    unrealised: float | None
    liquidation_price: float | None
    liquidation_distance: float | None
    is_ours: bool
    text: str


class SymbolRow(Answer, frozen=True, kw_only=True):
    """One symbol and its bot. `state` as in the journal, or stopped, or unknown."""

    symbol: str
    state: str
    detail: str
    side: SideName | None
    last_bar_ms: int | None
    last_action: str | None
    last_refusal: str
    trades: int
    net: float
    kill_switches: list[str]


class Count(Answer, frozen=True, kw_only=True):
    """How often something was so; `text` says it in words."""

    key: str
    text: str
    count: int
