"""What a process measures of itself, for Prometheus. Names and meanings: `docs/metrics.md`.

Hearing a record costs a moment and is all that happens where something is decided; what it means is
worked out later, when nobody waits. Every label has a bounded number of values: symbols are those
configured, anything else is ``other``.
"""

from __future__ import annotations

import math
import platform
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cointrader import __version__
from cointrader.domain.clock import Clock
from cointrader.domain.order import Leg, OrderReport, OrderStatus, leg_of
from cointrader.domain.records import (
    Alert,
    BotState,
    Decision,
    EquityMarked,
    FundingPaid,
    Intent,
    OrderSeen,
    PositionOpened,
    Record,
    RiskEvent,
    TradeClosed,
)
from cointrader.ops.protected import Protected

_HEARD_AT_MOST = 50_000  # records between two digestions
_ORDERS_AT_MOST = 10_000  # whose end is waited for
_OTHER = "other"
_STATES = ("running", "crashed", "quarantined", "ended", "not-traded")
_BLOCKED = {"unprotected": 1, "protected": 0}
_LATENCIES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_COMMITS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0)
_LAGS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0)
_PROBABILITIES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.7, 0.8, 0.9, 1.0)
_REASONS_AT_MOST = 40


@dataclass(frozen=True, slots=True)
class StreamAge:
    """One stream: how long ago its last word came, and how long ago that may be."""

    name: str
    age_ms: int | None
    max_age_ms: int | None
    is_up: bool
    symbol: str = ""
    reconnects: int = 0


@dataclass(frozen=True, slots=True)
class Budget:
    """What is counted by the exchange, in its present window."""

    name: str
    used: int
    limit: int


class Metrics:
    """The metrics of one process, and the counts behind its health page.

    Parameters
    ----------
    clock : the market's; decisions are measured from the close of their bar
    interval_ms : length of a bar
    symbols : those that get a label of their own
    """

    def __init__(self, clock: Clock, *, interval_ms: int, symbols: Iterable[str]) -> None:
        import prometheus_client as prometheus  # here: it takes a quarter of a second

        prometheus.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._prometheus = prometheus
        self.registry = prometheus.CollectorRegistry()
        self._clock = clock
        self._bar_ms = interval_ms
        self._symbols = frozenset(symbols)
        self._heard: deque[tuple[float, int, Record]] = deque(maxlen=_HEARD_AT_MOST)
        self._sent: dict[str, tuple[float, Leg]] = {}  # orders whose end is not known
        self._reasons: set[str] = set()
        self.protected = Protected()
        self.bots: dict[str, BotState] = {}  # the last state of each
        self.decided_bar_ms: dict[str, int] = {}
        self._make()
        for unknown_yet in (self._equity_now, self._wallet, self._daily_loss, self._drawdown):
            unknown_yet.set(math.nan)  # and not the end of the account
        self._tellers: dict[type[Any], Callable[[Any, float, int], None]] = {
            Alert: self._alert,
            BotState: self._bot_state,
            Decision: self._decision,
            EquityMarked: self._equity,
            FundingPaid: self._funding,
            Intent: self._intent,
            OrderSeen: self._order,
            PositionOpened: self._position,
            RiskEvent: self._risk_event,
            TradeClosed: self._trade,
        }
        for symbol in self._symbols:  # so that a count of nothing is a 0 and not a gap
            self._unprotected_total.labels(symbol)
            self._position_side.labels(symbol).set(0)

    # ------------------------------------------------------------------ hearing

    def hear(self, record: Record) -> None:
        """A record was written down. A journal's listener: quick, and raises nothing."""
        self._heard.append((time.perf_counter(), self._clock.now_ms(), record))

    def digest(self) -> None:
        """Work out what was heard since."""
        for _ in range(len(self._heard)):
            at_s, at_ms, record = self._heard.popleft()
            teller = self._tellers.get(type(record))
            if teller is not None:
                teller(record, at_s, at_ms)
            self.protected.hear(record, at_s)

    def text(self) -> str:
        """Everything in Prometheus' text format."""
        self.settle()
        return self.rendered()

    def settle(self) -> None:
        """Bring every number up to date. In the thread that hears."""
        self.digest()
        now_s = time.perf_counter()
        for symbol in self._symbols:
            counted = self._unprotected_total.labels(symbol)
            bare_s = self.protected.bare_s(symbol, now_s)
            counted.inc(max(0.0, bare_s - self._bare_told.get(symbol, 0.0)))
            self._bare_told[symbol] = bare_s
            self._unprotected.labels(symbol).set(not self.protected.is_protected(symbol))

    def rendered(self) -> str:
        """The numbers as they are, as text. In any thread: with many symbols it takes a while."""
        return bytes(self._prometheus.generate_latest(self.registry)).decode()

    # ------------------------------------------------------------------ what others measure

    def lagged(self, seconds: float) -> None:
        """The event loop came so much later than it was asked to."""
        self._lag.observe(seconds)

    def committed(self, seconds: float) -> None:
        """Somebody waited so long for the journal to be on disk."""
        self._commit.observe(seconds)

    def see_streams(self, streams: Sequence[StreamAge]) -> None:
        for stream in streams:
            if stream.age_ms is not None:
                self._age.labels(stream.name).set(stream.age_ms / 1000)
            if stream.max_age_ms is not None:
                self._max_age.labels(stream.name).set(stream.max_age_ms / 1000)
            self._up.labels(stream.name).set(stream.is_up)

    def see_budgets(self, budgets: Sequence[Budget]) -> None:
        for budget in budgets:
            self._used.labels(budget.name).set(budget.used)
            self._limit.labels(budget.name).set(budget.limit)

    def see_account(
        self,
        *,
        daily_loss_ratio: float | None,
        max_daily_loss_ratio: float,
        drawdown_ratio: float | None,
        is_paused: bool,
        halts: Sequence[str],
        tripped: Sequence[str],
    ) -> None:
        """The account against its limits. `halts` are daily-loss, drawdown; `tripped` symbols."""
        if daily_loss_ratio is not None:
            self._daily_loss.set(daily_loss_ratio)
        if drawdown_ratio is not None:
            self._drawdown.set(drawdown_ratio)
        self._max_daily_loss.set(max_daily_loss_ratio)
        self._paused.set(is_paused)
        for reason in ("daily-loss", "drawdown"):
            self._halted.labels(reason).set(reason in halts)
        for symbol in self._symbols:
            self._killed.labels(symbol).set(symbol in tripped)

    def see_journal(self, size_bytes: int, wal_bytes: int) -> None:
        self._journal_size.labels("main").set(size_bytes)
        self._journal_size.labels("wal").set(wal_bytes)

    def see_process(self, *, mode: str, started_ms: int) -> None:
        self._info.labels(__version__, mode, platform.python_version()).set(1)
        self._started.set(started_ms / 1000)

    def see_channel(
        self, name: str, *, waiting: int, is_failing: bool, silent_s: float | None = None
    ) -> None:
        """`silent_s` only where somebody listens: seconds since the server answered."""
        self._waiting.labels(name).set(waiting)
        self._failing.labels(name).set(is_failing)
        if silent_s is not None:
            self._silent.labels(name).set(silent_s)

    # ------------------------------------------------------------------ what records mean

    def _decision(self, decision: Decision, _at_s: float, at_ms: int) -> None:
        symbol = self._known(decision.symbol)
        self.decided_bar_ms[symbol] = decision.bar_open_ms
        self._decisions.labels(symbol, decision.action).inc()
        if decision.refusal:
            self._refusals.labels(self._reason(decision.refusal)).inc()
        if decision.probability is not None:
            self._probability.labels(symbol).observe(decision.probability)
        late_ms = at_ms - (decision.bar_open_ms + self._bar_ms)
        if 0 <= late_ms < self._bar_ms:  # later: a bar that was missed, answered after a start
            self._decision_latency.observe(late_ms / 1000)

    def _intent(self, intent: Intent, at_s: float, _at_ms: int) -> None:
        if len(self._sent) >= _ORDERS_AT_MOST:
            self._sent.pop(next(iter(self._sent)))
        self._sent[intent.client_order_id] = (at_s, intent.leg)

    def _order(self, seen: OrderSeen, at_s: float, _at_ms: int) -> None:
        report: OrderReport = seen.report
        leg = leg_of(report.client_order_id)
        if leg is None:
            return
        sent = self._sent.get(report.client_order_id)
        if sent is not None and sent[0] >= 0.0:  # the first word of it
            self._order_latency.labels(leg.name.lower()).observe(at_s - sent[0])
            self._sent[report.client_order_id] = (-1.0, leg)
        if report.status.is_final and self._sent.pop(report.client_order_id, None) is not None:
            self._orders.labels(leg.name.lower(), report.status.value.lower()).inc()
            if report.status is OrderStatus.REJECTED:
                self._rejected.inc()

    def _bot_state(self, bot: BotState, _at_s: float, _at_ms: int) -> None:
        symbol = self._known(bot.symbol)
        if bot.state in _BLOCKED:
            self._blocked.labels(symbol).set(_BLOCKED[bot.state])
            return
        self.bots[symbol] = bot
        for state in _STATES:
            self._bot.labels(symbol, state).set(state == bot.state)
        if bot.state == "crashed":
            self._crashes.labels(symbol).inc()

    def _equity(self, marked: EquityMarked, _at_s: float, _at_ms: int) -> None:
        self._equity_now.set(float(marked.equity))
        self._wallet.set(float(marked.wallet))

    def _position(self, position: PositionOpened, _at_s: float, _at_ms: int) -> None:
        self._position_side.labels(self._known(position.symbol)).set(position.side.sign)

    def _trade(self, closed: TradeClosed, _at_s: float, _at_ms: int) -> None:
        trade = closed.trade
        symbol = self._known(trade.symbol)
        self._position_side.labels(symbol).set(0)
        self._trades.labels(symbol, str(trade.reason)).inc()
        self._net.labels(symbol).inc(float(trade.net))
        self._fees.inc(float(trade.fee))

    def _funding(self, paid: FundingPaid, _at_s: float, _at_ms: int) -> None:
        self._funding_net.inc(float(paid.amount))

    def _risk_event(self, event: RiskEvent, _at_s: float, _at_ms: int) -> None:
        self._risk_events.labels(event.kind).inc()

    def _alert(self, alert: Alert, _at_s: float, _at_ms: int) -> None:
        self._alerts.labels(alert.level).inc()

    def _known(self, symbol: str) -> str:
        return symbol if symbol in self._symbols else _OTHER

    def _reason(self, reason: str) -> str:
        if len(self._reasons) < _REASONS_AT_MOST:
            self._reasons.add(reason)
        return reason if reason in self._reasons else _OTHER

    # ------------------------------------------------------------------ the metrics themselves

    def _make(self) -> None:
        gauge, counter, histogram = self._gauge, self._counter, self._histogram
        self._bare_told: dict[str, float] = {}
        self._info = gauge("info", "Always 1; the labels tell.", "version", "mode", "python")
        self._started = gauge("start_time_seconds", "When trading began, epoch seconds.")
        self._bot = gauge("bot_state", "1 for the state a bot is in.", "symbol", "state")
        self._blocked = gauge("entries_blocked", "1 while stops are not kept.", "symbol")
        self._crashes = counter("bot_crashes", "Crashes of bots.", "symbol")
        self._age = gauge("stream_age_seconds", "Since a stream's last word.", "stream")
        self._max_age = gauge("stream_max_age_seconds", "How long that may be.", "stream")
        self._up = gauge("stream_up", "1 while a stream is up.", "stream")
        self._decisions = counter("decisions", "Bars answered.", "symbol", "action")
        self._refusals = counter("refusals", "Entries refused.", "reason")
        self._probability = histogram(
            "model_probability", "What models said.", _PROBABILITIES, "symbol"
        )
        self._decision_latency = histogram(
            "decision_latency_seconds", "From a bar's close to its answer.", _LATENCIES
        )
        self._order_latency = histogram(
            "order_latency_seconds", "From an order's intent to its first word.", _LATENCIES, "leg"
        )
        self._orders = counter("orders", "Orders that have ended.", "leg", "outcome")
        self._rejected = counter("orders_rejected", "Orders that the exchange refused.")
        self._unprotected = gauge(
            "unprotected", "1 while a position has no live stop, as known here.", "symbol"
        )
        self._unprotected_total = counter(
            "unprotected_seconds", "Time positions had no live stop.", "symbol"
        )
        self._position_side = gauge("position_side", "1 long, -1 short, 0 flat.", "symbol")
        self._trades = counter("trades", "Closed trades.", "symbol", "reason")
        self._net = gauge("trades_net", "Net results since the start, quote currency.", "symbol")
        self._fees = gauge("fees", "Fees of closed trades since the start, quote currency.")
        self._funding_net = gauge("funding_net", "Funding since the start, quote currency.")
        self._equity_now = gauge("equity", "Equity as last marked, quote currency.")
        self._wallet = gauge("wallet", "Realised balance, quote currency.")
        self._daily_loss = gauge("daily_loss_ratio", "Today's loss over the day's start.")
        self._max_daily_loss = gauge("max_daily_loss_ratio", "Where the day is halted.")
        self._drawdown = gauge("drawdown_ratio", "Below the highest equity.")
        self._paused = gauge("paused", "1 while a person has paused entries.")
        self._halted = gauge("halted", "1 while this keeps from entries.", "reason")
        self._killed = gauge("kill_switch", "1 while a symbol's switch has tripped.", "symbol")
        self._risk_events = counter("risk_events", "What the risk manager did.", "kind")
        self._alerts = counter("alerts", "Alerts written down.", "level")
        self._used = gauge("rest_used", "Counted in the present window.", "pool")
        self._limit = gauge("rest_limit", "What the window allows.", "pool")
        self._lag = histogram("event_loop_lag_seconds", "How late the loop came.", _LAGS)
        self._commit = histogram("journal_commit_seconds", "Waited for the journal.", _COMMITS)
        self._journal_size = gauge("journal_size_bytes", "On disk.", "file")
        self._waiting = gauge("channel_waiting", "Messages not delivered yet.", "channel")
        self._failing = gauge("channel_failing", "1 while a channel fails.", "channel")
        self._silent = gauge(
            "channel_silent_seconds", "Since the server that is listened to answered.", "channel"
        )

    def _gauge(self, name: str, words: str, *labels: str) -> Any:
        return self._prometheus.Gauge(f"cointrader_{name}", words, labels, registry=self.registry)

    def _counter(self, name: str, words: str, *labels: str) -> Any:
        return self._prometheus.Counter(f"cointrader_{name}", words, labels, registry=self.registry)

    def _histogram(self, name: str, words: str, buckets: Sequence[float], *labels: str) -> Any:
        return self._prometheus.Histogram(
            f"cointrader_{name}", words, labels, registry=self.registry, buckets=buckets
        )
