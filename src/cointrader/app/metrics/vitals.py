"""What a process knows of itself: metrics, and how it does. Answers `metrics` and `health`.

Nothing of it is on the way from a candle to an order: records are put aside as they are written,
and looked at by a pulse that also feels how late the event loop comes.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from cointrader import __version__
from cointrader.domain.clock import Clock
from cointrader.domain.ports import InputAges
from cointrader.domain.records import Record, RiskState
from cointrader.model.drift import FeatureDrift
from cointrader.ops.metrics import Budget, Metrics, StreamAge
from cointrader.ops.notifier import ChannelHealth
from cointrader.risk.manager import RiskManager
from cointrader.risk.state import restored

if TYPE_CHECKING:
    from cointrader.ops.heartbeat import Heartbeat  # which loads what speaks HTTP

log = structlog.get_logger()

_BEAT_S = 60.0  # between two heartbeats
_PULSE_S = 0.25  # between two looks at the event loop
_BEFORE_CLOSE_MS = 300  # nothing is begun that may not be over when a bar closes
_BUSY_MS = 2_300  # from then on, until a bar is answered
_LAGS_KEPT = 240  # a minute of them
_COMMITS_KEPT = 1_000
_CALM = ("running", "ended", "not-traded")  # states of a bot that need nobody


Drifts = Mapping[str, Mapping[str, FeatureDrift]]  # by symbol and feature


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the numbers come from. Each is asked when somebody asks us, and must be quick."""

    streams: Callable[[], Sequence[StreamAge]] = list
    budgets: Callable[[], Sequence[Budget]] = list
    channels: Callable[[], Sequence[ChannelHealth]] = list
    inputs: InputAges | None = None
    drift: Callable[[], Drifts] = dict


@dataclass(frozen=True, slots=True)
class About:
    """What does not change while a process trades. `speed` as in `app.virtual_time`."""

    mode: str
    market: str
    journal: Path
    symbols: tuple[str, ...]
    interval_ms: int
    speed: float = 1.0


@dataclass(slots=True)
class _Commits:
    """How long the last commits took, in seconds."""

    count: int = 0
    last_s: float | None = None  # when, by a clock that only goes forward
    times: deque[float] = field(default_factory=lambda: deque(maxlen=_COMMITS_KEPT))


class Vitals:
    """See the module. `hear` is a listener of the journal, `committed` its stopwatch's."""

    def __init__(self, about: About, clock: Clock) -> None:
        self._about = about
        self._clock = clock
        self._metrics = Metrics(clock, interval_ms=about.interval_ms, symbols=about.symbols)
        self._started_ms = clock.now_ms()
        self._sources = Sources()
        self._risk: RiskManager | None = None
        self._risk_state: RiskState | None = None
        self._lags: deque[float] = deque(maxlen=_LAGS_KEPT)
        self._commits = _Commits()

    def attach(self, risk: RiskManager, sources: Sources) -> None:
        """Trading begins: here is who knows more."""
        self._risk, self._sources = risk, sources
        self._started_ms = self._clock.now_ms()
        self._metrics.protected.began_ms = self._started_ms

    def hear(self, record: Record) -> None:
        if isinstance(record, RiskState):
            self._risk_state = record
        else:
            self._metrics.hear(record)

    def committed(self, seconds: float) -> None:
        commits = self._commits
        commits.count += 1
        commits.last_s = time.monotonic()
        commits.times.append(seconds)
        self._metrics.committed(seconds)

    async def pulse(self, heart: Heartbeat | None = None) -> None:
        """Feel the event loop until cancelled, and beat once a minute while all is well."""
        beaten_s = -_BEAT_S
        while True:
            began_s = time.monotonic()
            await asyncio.sleep(_PULSE_S * self._about.speed)
            lag_s = max(0.0, time.monotonic() - began_s - _PULSE_S)
            try:
                self._lags.append(lag_s)
                self._metrics.lagged(lag_s)
                if self._busy_ms():
                    continue
                self._metrics.digest()
                now_s = time.monotonic()
                if heart is not None and now_s - beaten_s >= _BEAT_S and not self._troubles():
                    beaten_s = now_s
                    heart.beat()
            except Exception as error:  # trading goes on, whatever is measured
                log.error("metrics.failed", error=type(error).__name__)
                await asyncio.sleep(_BEAT_S * self._about.speed)

    # -- answers ----------------------------------------------------------------------------------

    async def metrics(self) -> str:
        """Everything measured, in Prometheus' text format.

        With many symbols that is work: not while a bar is being answered, and beside the loop.
        """
        await self._clock.sleep_ms(self._busy_ms())
        about, metrics, sources = self._about, self._metrics, self._sources
        metrics.see_process(mode=about.mode, started_ms=self._started_ms)
        metrics.see_streams(sources.streams())
        metrics.see_budgets(sources.budgets())
        metrics.see_journal(*_sizes(about.journal))
        for channel in _merged(sources.channels()):
            metrics.see_channel(
                channel.name,
                waiting=channel.waiting,
                is_failing=channel.is_failing,
                silent_s=channel.silent_s,
            )
        self._see_account()
        metrics.settle()
        return await asyncio.to_thread(metrics.rendered)

    def health(self) -> Mapping[str, Any]:
        """How it does, as plain values; their names are a contract: see `docs/metrics.md`."""
        self._metrics.digest()
        troubles = self._troubles()
        return {
            "is_fine": not troubles,
            "troubles": troubles,
            "mode": self._about.mode,
            "market": self._about.market,
            "started_ms": self._started_ms,
            "now_ms": self._clock.now_ms(),
            "clock_speed": self._about.speed,
            "pid": os.getpid(),
            "bots": [self._bot(symbol) for symbol in self._about.symbols],
            "streams": [asdict(stream) for stream in self._sources.streams()],
            "weights": [asdict(budget) for budget in self._sources.budgets()],
            "event_loop": self._event_loop(),
            "journal": self._journal(),
            "versions": _versions(),
            "channels": [asdict(channel) for channel in self._sources.channels()],
            "drift": {symbol: _drifted(by) for symbol, by in self._sources.drift().items()},
        }

    def _busy_ms(self) -> int:
        """For how long a bar is being answered yet, or about to be."""
        since_ms = (self._clock.now_ms() + _BEFORE_CLOSE_MS) % self._about.interval_ms
        return max(0, _BUSY_MS - since_ms)

    # -- parts of them ----------------------------------------------------------------------------

    def _troubles(self) -> list[str]:
        """What keeps it from trading as it should, in words."""
        troubles = [
            f"{symbol}: the bot is {bot.state}"
            for symbol, bot in self._metrics.bots.items()
            if bot.state not in _CALM
        ]
        inputs = self._sources.inputs
        if inputs is not None:
            stale = [inputs.too_old(symbol) for symbol in self._about.symbols]
            troubles += dict.fromkeys(text for text in stale if text is not None)
        bare = [s for s in self._about.symbols if not self._metrics.protected.is_protected(s)]
        return [*troubles, *(f"{symbol}: its position has no live stop" for symbol in bare)]

    def _bot(self, symbol: str) -> dict[str, Any]:
        bot = self._metrics.bots.get(symbol)
        side = None if self._risk is None else self._risk.open_positions.get(symbol)
        return {
            "symbol": symbol,
            "state": None if bot is None else bot.state,
            "detail": "" if bot is None else bot.detail,
            "since_ms": None if bot is None else bot.at_ms,
            "last_bar_open_ms": self._metrics.decided_bar_ms.get(symbol),
            "side": None if side is None else str(side),
            "is_protected": self._metrics.protected.is_protected(symbol),
        }

    def _event_loop(self) -> dict[str, Any]:
        lags = self._lags
        return {
            "lag_ms": 1000 * lags[-1] if lags else None,
            "max_lag_ms": 1000 * max(lags) if lags else None,
            "over_s": len(lags) * _PULSE_S,
        }

    def _journal(self) -> dict[str, Any]:
        size, wal = _sizes(self._about.journal)
        commits = self._commits
        times = sorted(commits.times)
        age_s = None if commits.last_s is None else time.monotonic() - commits.last_s
        return {
            "path": str(self._about.journal),
            "size_bytes": size,
            "wal_bytes": wal,
            "commits": commits.count,
            "commit_ms_p50": _percentile_ms(times, 0.5),
            "commit_ms_p99": _percentile_ms(times, 0.99),
            "commit_ms_max": _percentile_ms(times, 1.0),
            "commit_age_ms": None if age_s is None else round(1000 * age_s),
        }

    def _see_account(self) -> None:
        if self._risk is None or self._risk_state is None:
            return
        standing = restored(self._risk_state.state)[0]
        account, start, high = standing.account, standing.day_start, standing.high_water
        loss = drawdown = None
        if account is not None and start is not None and start.equity > 0:
            loss = float((start.equity - account.equity) / start.equity)
        if account is not None and high is not None and high > 0:
            drawdown = float((high - account.equity) / high)
        is_day_halted = standing.day is not None and standing.last_halted_day == standing.day
        halts = {"daily-loss": is_day_halted, "drawdown": standing.is_drawdown_halted}
        self._metrics.see_account(
            daily_loss_ratio=loss,
            max_daily_loss_ratio=float(self._risk.config.max_daily_loss),
            drawdown_ratio=drawdown,
            is_paused=standing.is_paused,
            halts=[name for name, is_so in halts.items() if is_so],
            tripped=[
                symbol
                for symbol, switch in standing.switches.items()
                if switch.is_fast_tripped or switch.is_slow_tripped
            ],
        )


def _merged(channels: Sequence[ChannelHealth]) -> list[ChannelHealth]:
    """One of a kind: several chats of one bot are one channel."""
    merged: dict[str, ChannelHealth] = {}
    for each in channels:
        before = merged.get(each.name)
        merged[each.name] = (
            each
            if before is None
            else ChannelHealth(
                name=each.name,
                is_failing=before.is_failing or each.is_failing,
                waiting=before.waiting + each.waiting,
                undelivered_critical=before.undelivered_critical + each.undelivered_critical,
                dropped=before.dropped + each.dropped,
            )
        )
    return list(merged.values())


def _drifted(features: Mapping[str, FeatureDrift]) -> dict[str, Any]:
    told = {n: {"missing": of.missing, "outside": of.outside} for n, of in features.items()}
    return {"rows": max(of.rows for of in features.values()), "features": told}


def _percentile_ms(ascending: Sequence[float], share: float) -> float | None:
    if not ascending:
        return None
    return 1000 * ascending[min(len(ascending) - 1, int(share * len(ascending)))]


def _sizes(journal: Path) -> tuple[int, int]:
    """Bytes of the journal and of the file beside it that waits to be merged."""
    return _size(journal), _size(journal.with_name(journal.name + "-wal"))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _versions() -> dict[str, str]:
    return {
        "cointrader": __version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "aiohttp": version("aiohttp"),
    }
