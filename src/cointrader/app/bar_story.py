"""Why a bar was answered as it was: the points of its signal, and who said no."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cointrader.app.status import required_run
from cointrader.app.words import REFUSALS, moment
from cointrader.domain.clock import interval_ms
from cointrader.domain.errors import UsageError
from cointrader.domain.order import Leg, Side, client_order_id
from cointrader.domain.records import Decision, RunStarted
from cointrader.journal.reader import JournalReader
from cointrader.signals.rules import WARM_UP, WARM_UP_BARS
from cointrader.signals.score import RSI_HIGH, RSI_LOW, STOCH_HIGH, STOCH_LOW

_PART = re.compile(r"(.+?)([+-]\d+)")  # as `SignalRule` answers: a name and its points
_SAME_SIDE = "same-side"


@dataclass(frozen=True, slots=True)
class Part:
    """Points that one indicator gave to one side."""

    name: str
    side: Side
    points: int
    text: str


@dataclass(frozen=True, slots=True)
class BarStory:
    """One symbol's answer to one bar. `gate` is what kept the signal from being one."""

    symbol: str
    bar_open_ms: int
    closed_ms: int
    action: str
    side: Side | None
    score: int
    threshold: int | None  # of the built-in rule; None for another
    parts: tuple[Part, ...]
    gate: str
    gate_text: str
    refusal: str
    refusal_text: str
    detail: str
    probability: float | None
    trade_id: str | None  # the trade it became
    entered_id: str | None  # the trade that the bar before became: it was entered at this open


def explain_bar(reader: JournalReader, bar_open_ms: int, symbol: str | None) -> list[BarStory]:
    """The answers to the bar that opened then: of `symbol`, or of all that gave one.

    Raises `UsageError` when nobody answered such a bar.
    """
    run = run_at(reader, bar_open_ms)
    symbols = run.symbols if symbol is None else (symbol,)
    if symbol is not None and symbol not in run.symbols:
        raise UsageError(
            f"{symbol} is not traded here",
            where=str(reader.path),
            allowed=", ".join(run.symbols),
        )
    decided = {
        decision.symbol: decision
        for decision in reader.decisions(symbol, from_ms=bar_open_ms, to_ms=bar_open_ms + 1)
    }
    if not decided:
        raise _undecided(reader, bar_open_ms, symbol, interval_ms(run.interval))
    return [bar_story(reader, decided[name], run) for name in symbols if name in decided]


def _undecided(
    reader: JournalReader, bar_open_ms: int, symbol: str | None, bar_ms: int
) -> UsageError:
    """Why there is no answer to a bar, as far as the journal can tell."""
    first = next(iter(reader.decisions(symbol)), None)
    last = next(iter(reader.decisions(symbol, last=1)), None)
    warm_up = f"before the first decision, {WARM_UP_BARS} bars warm the indicators up"
    bar = bar_open_ms // bar_ms * bar_ms
    why, allowed, todo = "no candle of it came, or nothing ran then", None, None
    if first is None or last is None:
        why, todo = "there is no decision yet", warm_up
    else:
        span = f"{moment(first.bar_open_ms)} to {moment(last.bar_open_ms)} UTC"
        allowed = f"bars that opened from {span}"
        if bar != bar_open_ms:
            why = f"no bar opened at this time, they are {bar_ms // 60_000} minutes long"
            todo = f"ask for {moment(bar)}"
        elif bar < first.bar_open_ms:
            why, todo = "it is before the first one of the run", warm_up
        elif bar > last.bar_open_ms:
            why = "it is after the last one of the run"
    who = "nobody decided" if symbol is None else f"{symbol} did not decide"
    return UsageError(
        f"{who} this bar: {why}",
        where=str(reader.path),
        found=moment(bar_open_ms),
        allowed=allowed,
        todo=todo,
    )


def run_at(reader: JournalReader, at_ms: int) -> RunStarted:
    """The run in force at a moment: its settings decided."""
    run = required_run(reader)
    started = [each for each in reader.runs() if each.at_ms <= at_ms]
    return started[-1] if started else run


def bar_story(reader: JournalReader, decision: Decision, run: RunStarted) -> BarStory:
    """One answer, and what stands behind it."""
    settings = SymbolSettings(run, decision.symbol)
    parts, gate, gate_text = signal_words(decision, settings)
    bar_ms = interval_ms(run.interval)
    return BarStory(
        symbol=decision.symbol,
        bar_open_ms=decision.bar_open_ms,
        closed_ms=decision.bar_open_ms + bar_ms,
        action=decision.action,
        side=decision.side,
        score=decision.strength,
        threshold=settings.threshold,
        parts=parts,
        gate=gate,
        gate_text=gate_text,
        refusal=decision.refusal,
        refusal_text=REFUSALS.get(decision.refusal, decision.refusal),
        detail=" ".join(decision.detail.split()),
        probability=decision.probability,
        trade_id=_trade_of(reader, decision.symbol, decision.bar_open_ms),
        entered_id=_trade_of(reader, decision.symbol, decision.bar_open_ms - bar_ms),
    )


def signal_words(decision: Decision, settings: SymbolSettings) -> tuple[tuple[Part, ...], str, str]:
    """The points of a signal, and the key and the words of the gate that kept it from being one."""
    parts = tuple(part for reason in decision.reasons if (part := _part(reason, settings)))
    gate = _gate(decision, settings)
    return parts, gate, _gate_text(gate, settings) if gate else ""


def _trade_of(reader: JournalReader, symbol: str, bar_open_ms: int) -> str | None:
    """The id of the trade that a bar became, if its entry was filled."""
    entry = client_order_id(symbol, bar_open_ms, Leg.ENTRY)
    return entry if any(True for _ in reader.positions(trade_id=entry)) else None


# ------------------------------------------------------------------ the score in words


class SymbolSettings:
    """What a run's settings say for one symbol; as text, so that unknown ones do no harm."""

    def __init__(self, run: RunStarted, symbol: str) -> None:
        self._texts, self._symbol = run.settings, symbol

    def text(self, name: str, default: str = "?") -> str:
        return self._texts.get(f"{name}_{self._symbol}", self._texts.get(name, default))

    @property
    def has_score(self) -> bool:
        return self.text("SIGNAL", "score") == "score"

    @property
    def threshold(self) -> int | None:
        text = self.text("SIGNAL_THRESHOLD")
        return int(text) if self.has_score and text.isdigit() else None


def _gate(decision: Decision, settings: SymbolSettings) -> str:
    """The key of what kept a bar from entering, before anybody was asked; "" when nothing did."""
    named = [reason for reason in decision.reasons if _PART.fullmatch(reason) is None]
    if named:
        return named[-1]
    if decision.detail == _SAME_SIDE:
        return _SAME_SIDE
    was_asked = decision.side is not None or bool(decision.reasons) or not settings.has_score
    return "" if was_asked else WARM_UP


def _gate_text(gate: str, settings: SymbolSettings) -> str:
    threshold = settings.threshold
    above = "?" if threshold is None else threshold + 1
    return {
        "below-threshold": f"no side reached a score of {threshold}",
        "volume": (
            f"enough points, but the volume was not above {settings.text('VOL_MULTIPLIER')} times "
            f"its mean, which only a score of {above} may ignore"
        ),
        "both-sides": "both sides had enough points, so neither counts",
        "adx": f"ADX was below {settings.text('ADX_THRESHOLD')}: no trend to follow",
        _SAME_SIDE: "the position held is on this side already",
        WARM_UP: f"fewer than {WARM_UP_BARS} bars came before it: the indicators warm up",
    }.get(gate, "the signal rule says so")


def _part(reason: str, settings: SymbolSettings) -> Part | None:
    """A reason such as ``macd+2`` in words; None when it is not points of the score."""
    found = _PART.fullmatch(reason)
    if found is None:
        return None
    name, points = found[1], int(found[2])
    emas = [settings.text(key) for key in ("EMA_FAST", "EMA_MID", "EMA_SLOW")]
    texts = {
        "rsi": (f"RSI below {RSI_LOW:g}", f"RSI above {RSI_HIGH:g}"),
        "macd": ("MACD crossed above its signal", "MACD crossed below its signal"),
        "bands": ("close below the lower Bollinger band", "close above the upper Bollinger band"),
        "ema": (f"EMA {' above '.join(emas)}", f"EMA {' below '.join(emas)}"),
        "stoch": (
            f"StochRSI: K below {STOCH_LOW:g} and above D",
            f"StochRSI: K above {STOCH_HIGH:g} and below D",
        ),
    }
    side = Side.LONG if points > 0 else Side.SHORT
    text = texts[name][points < 0] if settings.has_score and name in texts else name
    return Part(name, side, abs(points), text)
