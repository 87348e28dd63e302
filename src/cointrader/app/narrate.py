"""One line of plain words for each event of a run, for whoever watches it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cointrader.app.words import EXITS, REFUSALS, moment, money, number, r_multiple, result_at_stop
from cointrader.domain.clock import interval_ms
from cointrader.domain.order import Leg, leg_of
from cointrader.domain.records import (
    Alert,
    BotState,
    Decision,
    EquityMarked,
    FillSeen,
    FundingPaid,
    PositionOpened,
    Record,
    RiskEvent,
    RunStarted,
    TradeClosed,
)

_LEVELS = {"info": "note", "warning": "warning", "critical": "ALERT"}
_BOTS = {
    "running": "bot trades again",
    "crashed": "bot crashed and will start again",
    "quarantined": "bot QUARANTINED, it trades no more; an open position keeps its stop",
    "not-traded": "not traded",
    "unprotected": "no entries",
    "protected": "entries allowed again",
}
_EVENTS = {
    "halted": "daily loss limit reached, no more entries",
    "drawdown-halted": "drawdown limit reached, no entries until lifted",
    "kill-switch": "kill switch tripped",
    "paused": "entries paused; open positions are managed as ever",
    "resumed": "entries resumed",
    "lifted": "entries allowed again",
}
_LIFTED = {"drawdown": "the drawdown halt is lifted", "kill-switch": "the kill switch is reset"}
_SAID_BY = {"filter": "the filter says no", "rejected": "the exchange said no"}


@dataclass(frozen=True, slots=True)
class _Told:
    """What was said of an open position."""

    trade_id: str
    first_stop: Decimal
    stop: Decimal


class Narrator:
    """Turns records into lines, in the order in which they were written down.

    Times are those of the market traded on, UTC. `positions` are the records of positions that
    were open before: their entries are not told again.
    """

    def __init__(self, positions: Iterable[PositionOpened] = ()) -> None:
        self._now_ms = 0  # of the newest event that tells its time
        self._bar_ms = 0
        self._filled_ms: dict[str, int] = {}
        self._open: dict[str, _Told] = {}
        self._bot_told = (0, "")  # when a state was told, and whose: an alert comes with it
        self._tellers: dict[type[Any], Callable[[Any], str | None]] = {
            Decision: self._decision,
            EquityMarked: self._equity,
            FillSeen: self._fill,
            PositionOpened: self._position,
            TradeClosed: self._trade,
            FundingPaid: self._funding,
            RiskEvent: self._risk_event,
            BotState: self._bot_state,
            Alert: self._alert,
            RunStarted: self._run,
        }
        for position in positions:
            self._position(position)

    def line(self, record: Record) -> str | None:
        """What `record` means to a person; None when it is not worth a line."""
        tell = self._tellers.get(type(record))
        return None if tell is None else tell(record)

    # -- what only tells the time

    def _run(self, run: RunStarted) -> None:
        self._bar_ms = interval_ms(run.interval)

    def _equity(self, marked: EquityMarked) -> None:
        self._now_ms = marked.at_ms

    def _fill(self, seen: FillSeen) -> None:
        self._now_ms = self._filled_ms[seen.fill.symbol] = seen.fill.at_ms

    # -- trades

    def _decision(self, decision: Decision) -> str | None:
        if not decision.refusal:
            return None
        what = "entry" if decision.side is None else f"{decision.side} entry"
        why = " ".join(decision.detail.split()) or REFUSALS.get(decision.refusal, decision.refusal)
        if decision.refusal in _SAID_BY:
            why = f"{_SAID_BY[decision.refusal]}, {why}"
        closed_ms = decision.bar_open_ms + self._bar_ms
        return _line(closed_ms, decision.symbol, f"no {what}: {why}")

    def _position(self, position: PositionOpened) -> str | None:
        told = self._open.get(position.symbol)
        is_new = told is None or told.trade_id != position.trade_id
        first_stop = position.stop if told is None or is_new else told.first_stop
        self._open[position.symbol] = _Told(position.trade_id, first_stop, position.stop)
        if told is None or is_new:
            verb = "took over" if leg_of(position.trade_id) is Leg.ADOPTED else "opened"
            text = (
                f"{verb} {position.side} {number(position.quantity)} at "
                f"{number(position.entry_price)}, stop {number(position.stop)} "
                f"({_at_stop(position)}), target {number(position.target)}"
            )
            return _line(position.entry_bar_ms, position.symbol, text)
        if told.stop == position.stop:
            return None
        text = (
            f"stop moved from {number(told.stop)} to {number(position.stop)} "
            f"({_at_stop(position)} there)"
        )
        return _line(max(self._now_ms, position.entry_bar_ms), position.symbol, text)

    def _trade(self, closed: TradeClosed) -> str:
        trade = closed.trade
        told = self._open.pop(trade.symbol, None)
        r = None
        if told is not None and told.trade_id == trade.trade_id:
            r = r_multiple(trade, told.first_stop)
        at_ms = max(self._filled_ms.get(trade.symbol, 0), trade.exit_time_ms)
        text = (
            f"closed {trade.side} at {number(trade.exit_price)}, {EXITS[trade.reason]}: "
            f"net {money(trade.net)}"
            + ("" if r is None else f" ({r:+.1f} R)")
            + f", fees {trade.fee:,.2f}"
            + (f", funding {money(trade.funding)}" if trade.funding else "")
        )
        return _line(at_ms, trade.symbol, text)

    def _funding(self, paid: FundingPaid) -> str:
        verb = "received" if paid.amount > 0 else "paid"
        text = f"funding {verb}: {money(paid.amount)} (rate {paid.rate * 100:+.4f} %)"
        return _line(paid.at_ms, paid.symbol, text)

    # -- risk, bots, alerts

    def _risk_event(self, event: RiskEvent) -> str | None:
        if event.kind == "deposit":
            verb = "withdrawn" if event.detail.startswith("-") else "deposited"
            return _line(event.at_ms, event.symbol, f"{verb}: {money(Decimal(event.detail))}")
        text = _EVENTS.get(event.kind)
        if text is None:
            return None
        meanings = _LIFTED if event.kind == "lifted" else REFUSALS
        why = event.detail or meanings.get(event.reason, event.reason)
        return _line(event.at_ms, event.symbol, f"{text}: {why}" if why else text)

    def _bot_state(self, bot: BotState) -> str | None:
        text, why = _BOTS.get(bot.state), " ".join(bot.detail.split())
        if text is None or (bot.state == "running" and not why):
            return None
        self._bot_told = bot.at_ms, bot.symbol
        return _line(bot.at_ms, bot.symbol, f"{text}: {why}" if why else text)

    def _alert(self, alert: Alert) -> str | None:
        if self._bot_told == (alert.at_ms, alert.symbol):
            return None  # the same in other words
        text = " ".join(alert.text.split())
        return _line(alert.at_ms, alert.symbol, f"{_LEVELS[alert.level]}: {text}")


def _at_stop(position: PositionOpened) -> str:
    result = result_at_stop(position)
    return f"loses {-result:,.2f}" if result < 0 else f"wins {result:,.2f}"


def _line(at_ms: int, symbol: str, text: str) -> str:
    return f"{moment(at_ms)}  {symbol:<10} {text}"
