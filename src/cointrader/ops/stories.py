"""What of a run is worth a message beside its alerts: entries, exits, halts, each day's end.

Pure: records in, an alert with its card out. The alert is the same in one line, for channels that
show no cards; its level decides who hears of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import Any

from cointrader.domain.clock import DAY_MS, utc_day
from cointrader.domain.position import CloseReason, Trade, gross_pnl
from cointrader.domain.records import (
    Alert,
    BotState,
    EquityMarked,
    PositionOpened,
    Record,
    RiskEvent,
    TradeClosed,
)
from cointrader.ops.card import Card, Tone

Story = tuple[Alert, Card | None]

_EXITS = {
    CloseReason.STOP: "stop hit",
    CloseReason.STOP_GAP: "gapped past its stop",
    CloseReason.TARGET: "target reached",
    CloseReason.REVERSE: "opposite signal",
    CloseReason.END: "history ended",
    CloseReason.MANUAL: "closed by somebody else",
    CloseReason.UNPROTECTED: "its stop could not be confirmed",
    CloseReason.LIQUIDATED: "liquidated",
}
_ALARMING = (CloseReason.UNPROTECTED, CloseReason.LIQUIDATED)
_HALTS = {
    "kill-switch": ("warning", "Kill switch tripped", "no entries until a person resets it"),
    "halted": ("warning", "Daily loss limit reached", "no entries until 00:00 UTC"),
    "drawdown-halted": ("critical", "Drawdown limit reached", "no entries until a person lifts it"),
}
_READABLE = Context(prec=12)  # digits; an average over many fills can have more
_ZERO = Decimal(0)


@dataclass(slots=True)
class _Day:
    """The closed trades of a UTC day, and the equity it began and ended with."""

    trades: list[Trade] = field(default_factory=list)
    first_equity: Decimal | None = None
    last_equity: Decimal | None = None


class Storyteller:
    """Turns records into stories, in the order in which they were written down.

    Parameters
    ----------
    positions : records of positions that were open before: their entries are no news
    trades : what was closed today before this process began
    """

    def __init__(
        self, positions: Iterable[PositionOpened] = (), trades: Iterable[Trade] = ()
    ) -> None:
        self._first_stops: dict[str, Decimal] = {}  # by trade id
        self._days: dict[int, _Day] = {}
        self._tellers: dict[type[Any], Callable[[Any], Story | None]] = {
            Alert: self._alert,
            BotState: self._bot_state,
            EquityMarked: self._equity,
            PositionOpened: self._opened,
            RiskEvent: self._risk_event,
            TradeClosed: self._closed,
        }
        for position in positions:
            self._first_stops.setdefault(position.trade_id, position.stop)
        for trade in trades:
            self._day(trade.exit_time_ms).trades.append(trade)

    def hear(self, record: Record) -> Story | None:
        """What `record` is worth telling; None: nothing."""
        teller = self._tellers.get(type(record))
        return None if teller is None else teller(record)

    # -- alerts, bots

    def _alert(self, alert: Alert) -> Story:
        if alert.level != "critical":
            return alert, None
        return alert, Card("Critical alert", Tone.ALARM, text=alert.text)

    def _bot_state(self, bot: BotState) -> Story | None:
        if bot.state == "unprotected":
            title, tone, level = "Protection trouble: no entries", Tone.ALARM, "warning"
        elif bot.state == "protected":
            title, tone, level = "Protected again: entries allowed", Tone.GOOD, "info"
        else:
            return None  # what a person should know of the others comes as an alert
        said = f"{title}: {bot.detail}" if bot.detail else title
        return Alert(bot.at_ms, level, bot.symbol, said), Card(title, tone, text=bot.detail)

    # -- trades

    def _opened(self, position: PositionOpened) -> Story | None:
        if position.trade_id in self._first_stops:
            return None  # its stop moved
        self._first_stops[position.trade_id] = position.stop
        at_stop = gross_pnl(
            position.side.sign, position.entry_price, position.stop, position.quantity
        )
        text = (
            f"opened {position.side} {_number(position.quantity)} at "
            f"{_number(position.entry_price)}, stop {_number(position.stop)} ({_money(at_stop)}), "
            f"target {_number(position.target)}"
        )
        card = Card(
            f"Entry {position.side}",
            Tone.PLAIN,
            (
                ("Quantity", _number(position.quantity)),
                ("Entry", _number(position.entry_price)),
                ("Notional", f"{position.quantity * position.entry_price:,.2f}"),
                ("Stop", f"{_number(position.stop)} ({_money(at_stop)})"),
                ("Target", _number(position.target)),
                ("Fee", f"{position.entry_fee:,.2f}"),
            ),
        )
        return Alert(position.entry_bar_ms, "info", position.symbol, text), card

    def _closed(self, closed: TradeClosed) -> Story:
        trade = closed.trade
        self._day(trade.exit_time_ms).trades.append(trade)
        r = _r_multiple(trade, self._first_stops.pop(trade.trade_id, None))
        in_r = "" if r is None else f" ({r:+.2f} R)"
        is_alarming = trade.reason in _ALARMING
        tone = Tone.ALARM if is_alarming else Tone.GOOD if trade.net > 0 else Tone.BAD
        text = (
            f"closed {trade.side} at {_number(trade.exit_price)}, {_EXITS[trade.reason]}: "
            f"net {_money(trade.net)}{in_r}, fees {trade.fee:,.2f}, "
            f"funding {_money(trade.funding)}"
        )
        card = Card(
            f"Exit {trade.side}: {_EXITS[trade.reason]}",
            tone,
            (
                ("Net", f"{_money(trade.net)}{in_r}"),
                ("Gross", _money(trade.gross)),
                ("Fees", f"{trade.fee:,.2f}"),
                ("Funding", _money(trade.funding)),
                ("Entry", _number(trade.entry_price)),
                ("Exit", _number(trade.exit_price)),
                ("Quantity", _number(trade.quantity)),
            ),
        )
        level = "critical" if is_alarming else "info"
        return Alert(trade.exit_time_ms, level, trade.symbol, text), card

    # -- the account

    def _equity(self, marked: EquityMarked) -> None:
        day = self._day(marked.at_ms)
        if day.first_equity is None:
            day.first_equity = marked.equity
            before = self._days.get(utc_day(marked.at_ms) - 1)
            if before is not None:
                before.last_equity = marked.equity
        day.last_equity = marked.equity

    def _risk_event(self, event: RiskEvent) -> Story | None:
        if event.kind == "day-started":
            return self._summary(event.at_ms)
        if event.kind == "deposit":
            moved = "withdrawn" if event.detail.startswith("-") else "deposited"
            return Alert(event.at_ms, "info", "", f"{moved}: {event.detail}"), None
        if event.kind not in _HALTS:
            return None
        level, title, effect = _HALTS[event.kind]
        why = event.detail or event.reason
        card = Card(title, Tone.ALARM if level == "critical" else Tone.WARNING,
                    (("Why", why),) if why else (), effect)  # fmt: skip
        text = f"{title}{f' ({why})' if why else ''}: {effect}"
        return Alert(event.at_ms, level, event.symbol, text), card

    def _summary(self, at_ms: int) -> Story | None:
        """The day that ended at `at_ms`; None where nothing is known of it."""
        today = utc_day(at_ms)
        ended = self._days.get(today - 1)
        for day in [day for day in self._days if day < today]:
            del self._days[day]
        if ended is None or (ended.first_equity is None and not ended.trades):
            return None
        nets = [trade.net for trade in ended.trades]
        net, fees = sum(nets, _ZERO), sum((trade.fee for trade in ended.trades), _ZERO)
        funding = sum((trade.funding for trade in ended.trades), _ZERO)
        wins = sum(each > 0 for each in nets)
        date = datetime.fromtimestamp((today - 1) * DAY_MS // 1000, UTC).strftime("%Y-%m-%d")
        fields = [("Closed trades", f"{len(nets)} ({wins} won)"), ("Net", _money(net)),
                  ("Fees", f"{fees:,.2f}"), ("Funding", _money(funding))]  # fmt: skip
        if nets:
            fields += [("Best", _money(max(nets))), ("Worst", _money(min(nets)))]
        equity = ""
        if ended.last_equity is not None and ended.first_equity:
            change = float(ended.last_equity / ended.first_equity - 1)
            equity = f"{ended.last_equity:,.2f} ({change:+.2%})"
            fields.append(("Equity", equity))
        text = f"day {date}: {len(nets)} trades closed, {wins} won, net {_money(net)}"
        text += f", equity {equity}" if equity else ""
        tone = Tone.GOOD if net > 0 else Tone.BAD if net < 0 else Tone.PLAIN
        return Alert(at_ms, "info", "", text), Card(f"Summary of {date}", tone, tuple(fields))

    def _day(self, at_ms: int) -> _Day:
        return self._days.setdefault(utc_day(at_ms), _Day())


def _r_multiple(trade: Trade, first_stop: Decimal | None) -> float | None:
    """Net result in units of what was at risk between entry and first stop, R."""
    if first_stop is None:
        return None
    at_risk = (trade.entry_price - first_stop) * trade.quantity * trade.side.sign
    return float(trade.net / at_risk) if at_risk > 0 else None


def _money(amount: Decimal) -> str:
    text = f"{amount:+,.2f}"
    return text[1:] if text in ("+0.00", "-0.00") else text


def _number(value: Decimal) -> str:
    return f"{_READABLE.plus(value):f}"
