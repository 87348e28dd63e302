"""Why bars did or did not trade: rows of decisions, and their reasons counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from cointrader.app.bar_story import SymbolSettings, signal_words
from cointrader.app.dashboard.run import RunNow
from cointrader.app.dashboard.trades import cursor
from cointrader.app.words import REFUSALS
from cointrader.dashboard import answers, views
from cointrader.dashboard.query import Query
from cointrader.domain.clock import DAY_MS
from cointrader.domain.order import Side
from cointrader.domain.records import Decision, RunStarted
from cointrader.journal.page_reader import PageReader, ReasonCount
from cointrader.journal.paging import Place

_COUNTED_DAYS, _COUNTED = 7, 30_000  # and no more answers than that, unless told otherwise
_ACTIONS = {
    "HOLD": "did nothing",
    "ENTER": "signalled an entry",
    views.REFUSED: "signalled an entry, which was refused",
    "EXIT": "closed by opposite signal",
    "REVERSE": "closed, and signalled the other side",
}


class Words:
    """Decisions in words, each by the settings of the run that was in force at its bar."""

    def __init__(self, runs: Iterable[RunStarted], current: RunStarted) -> None:
        self._runs = sorted(runs, key=lambda run: run.at_ms) or [current]
        self._settings: dict[tuple[int, str], SymbolSettings] = {}

    def row(self, decision: Decision) -> answers.DecisionRow:
        settings = self._of(decision.bar_open_ms, decision.symbol)
        parts, gate, gate_text = signal_words(decision, settings)
        return answers.DecisionRow(
            symbol=decision.symbol,
            bar_open_ms=decision.bar_open_ms,
            action=decision.action,
            side=views.side_name(decision.side),
            score=decision.strength,
            threshold=settings.threshold,
            parts=[
                answers.Part(
                    name=part.name, side=views.named(part.side), points=part.points, text=part.text
                )
                for part in parts
            ],
            gate=gate,
            gate_text=gate_text,
            refusal=decision.refusal,
            refusal_text=REFUSALS.get(decision.refusal, decision.refusal),
            detail=" ".join(decision.detail.split()),
            probability=decision.probability,
        )

    def gate(self, count: ReasonCount, at_ms: int, symbol: str) -> tuple[str, str]:
        """The gate of bars that answered this, and its words."""
        told = Decision(
            symbol, at_ms, count.action, None, 0, count.reasons, count.refusal, count.detail
        )
        _, gate, text = signal_words(told, self._of(at_ms, symbol))
        return gate, text

    def _of(self, at_ms: int, symbol: str) -> SymbolSettings:
        place = max((i for i, run in enumerate(self._runs) if run.at_ms <= at_ms), default=0)
        if (place, symbol) not in self._settings:
            self._settings[place, symbol] = SymbolSettings(self._runs[place], symbol)
        return self._settings[place, symbol]


def words_of(reader: PageReader, now: RunNow) -> Words:
    return Words(reader.runs(), now.run)


def read_decisions(reader: PageReader, now: RunNow, query: Query) -> answers.Decisions:
    """One page of the list."""
    side, place, answer = query.text("side"), query.place(), query.text("action")
    page = reader.decisions_page(
        symbol=query.text("symbol"),
        action="ENTER" if answer == views.REFUSED else answer,
        is_refused={"ENTER": False, views.REFUSED: True}.get(answer or ""),
        reason=query.text("reason"),
        side=None if side is None else str(Side.LONG if side == "long" else Side.SHORT),
        from_ms=query.time("from"),
        to_ms=query.time("to"),
        after=None if place is None else Place(*place),
        limit=query.whole("limit", 100, least=1, most=500),
    )
    words = words_of(reader, now)
    return answers.Decisions(
        decisions=[words.row(decision) for decision in page.records],
        next=cursor(page.next),
        looked_to_ms=page.looked_to_ms,
    )


def read_reasons(reader: PageReader, now: RunNow, query: Query) -> answers.Reasons:
    """Reasons counted; unless told otherwise of the last seven days, of many symbols fewer."""
    span = reader.decision_span() or (now.to_ms, now.to_ms)
    to_ms = query.time("to")
    to_ms = span[1] + 1 if to_ms is None else to_ms
    from_ms = query.time("from")
    symbol = query.text("symbol")
    if from_ms is None:
        together = len(now.run.symbols) if symbol is None else 1
        counted_ms = min(_COUNTED_DAYS * DAY_MS, _COUNTED // together * now.bar_ms)
        from_ms = max(span[0], to_ms - counted_ms)
    words = words_of(reader, now)
    actions: Counter[str] = Counter()
    gates: Counter[str] = Counter()
    refusals: Counter[str] = Counter()
    texts: dict[str, str] = {}
    for count in reader.reasons(symbol, from_ms, to_ms):
        actions[views.answered(count.action, count.refusal)] += count.count
        gate, text = words.gate(count, max(to_ms - 1, 0), symbol or now.run.symbols[0])
        if gate:
            gates[gate] += count.count
            texts[gate] = text
        if count.refusal:
            refusals[count.refusal] += count.count
    return answers.Reasons(
        from_ms=from_ms,
        to_ms=to_ms,
        bars=actions.total(),
        actions=views.counted(actions, _ACTIONS),
        gates=views.counted(gates, texts),
        refusals=views.counted(refusals, REFUSALS),
    )
