"""A journal held against the kernel: finds its candles again, replays it, and reports."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cointrader import __version__
from cointrader.app.backtest import configured_signals, market_of, settings_of
from cointrader.app.config import Config
from cointrader.app.paper.market import (
    PaperSource,
    folder_market,
    instruments_of,
    market_again,
    with_known_correlations,
)
from cointrader.app.paper.run import WIRE
from cointrader.app.parity.models import JudgedAgain, judged_again
from cointrader.app.status import required_run
from cointrader.backtest.market import Market
from cointrader.backtest.parity.answers import Answers
from cointrader.backtest.parity.difference import Difference
from cointrader.backtest.parity.facts import Facts, facts_of
from cointrader.backtest.parity.replay import Case, Replay
from cointrader.backtest.parity.report import ParityReport
from cointrader.backtest.parity.whole import Whole, compare_whole
from cointrader.bot.settings import BotSettings
from cointrader.domain.clock import interval_ms
from cointrader.domain.errors import MissingCandles, UsageError
from cointrader.domain.instrument import Instrument
from cointrader.domain.records import RunStarted
from cointrader.journal.reader import JournalReader
from cointrader.signals.rules import SignalRule


@dataclass(frozen=True, slots=True)
class Played:
    """The market that a journal's run was played on, as far as it can be found again."""

    config: Config
    source: PaperSource
    end_ms: int | None  # excluded; None: all candles there are
    ends_with_data: bool  # what was open at the last candle was closed there
    is_remote: bool
    notes: tuple[str, ...] = ()
    rules: Mapping[str, SignalRule] | None = None  # instead of the configured ones
    instruments: Mapping[str, Instrument] | None = None  # instead of the usual ones


def parity(
    journal: Path,
    *,
    data: Path | None = None,
    symbols: Sequence[str] = (),
    from_ms: int | None = None,
    to_ms: int | None = None,
    on_progress: Callable[[str], None] = lambda _text: None,
) -> ParityReport:
    """Compare a journal with its replay. `symbols` and the times choose what is told of it.

    Only reads, also while a bot writes. Raises `JournalError`, `UsageError`, `MissingCandles`,
    `DataError` when the candles are others than those of the run.
    """
    with JournalReader(journal) as reader:
        run = required_run(reader)
        on_progress("reading candles")
        played = _played(run, data)
        return compare(
            reader,
            played,
            symbols=symbols,
            from_ms=from_ms,
            to_ms=to_ms,
            on_progress=on_progress,
        )


def compare(
    reader: JournalReader,
    played: Played,
    *,
    symbols: Sequence[str] = (),
    from_ms: int | None = None,
    to_ms: int | None = None,
    on_progress: Callable[[str], None] = lambda _text: None,
) -> ParityReport:
    """Compare an open journal with its replay on a market that is known."""
    run = required_run(reader)
    on_progress("reading the journal")
    facts = read_facts(reader, interval_ms(played.config.interval), is_remote=played.is_remote)
    _require_decisions(reader, facts)
    wanted = _wanted(symbols, played.config)
    market = market_of(played.config, played.source)
    judges = {
        symbol: judged_again(
            symbol,
            facts,
            market.frames[symbol],
            played.config.for_symbol(symbol).periods,
            is_off=played.config.for_symbol(symbol).no_ml_filter,
        )
        for symbol in played.config.symbols
    }
    case, instruments = _case(played, market, facts, judges, on_progress)
    found = Replay(case).play()
    whole, why_no_whole = _whole(
        played, market, facts, case, instruments, judges, found, on_progress
    )
    if whole is not None:
        found = sorted([*found, *whole.differences], key=lambda each: each.bar_ms)

    def is_told(symbol: str, at_ms: int) -> bool:
        return (
            (symbol in wanted or not symbol)
            and (from_ms is None or at_ms >= from_ms)
            and (to_ms is None or at_ms < to_ms)
        )

    runs = list(facts.runs)
    decided = [(symbol, at_ms) for symbol, bars in facts.decisions.items() for at_ms in bars]
    return ParityReport(
        journal=reader.path.name,
        digest=_digest(facts),
        version=__version__,
        mode=run.mode,
        market=run.market,
        profile=run.profile,
        symbols=tuple(played.config.symbols),
        interval=played.config.interval,
        starts=len(runs),
        from_ms=min(at_ms for _, at_ms in decided),
        to_ms=facts.last_bar_ms + facts.bar_ms,
        compared=sum(is_told(*each) for each in decided),
        trades=sum(is_told(t.symbol, t.entry_time_ms) for t in facts.trades.values()),
        differences=[each for each in found if is_told(each.symbol, each.bar_ms)],
        whole=whole,
        why_no_whole=why_no_whole,
        notes=(*played.notes, *filter(None, (judge.note for judge in judges.values()))),
    )


def read_facts(reader: JournalReader, bar_ms: int, *, is_remote: bool) -> Facts:
    """Everything of a journal that is compared."""
    return facts_of(
        runs=list(reader.runs()),
        bar_ms=bar_ms,
        decisions=reader.decisions(),
        trades=(record.trade for record in reader.trades()),
        positions=reader.positions(),
        fills=(record.fill for record in reader.fills()),
        intents=reader.intents(),
        funding=reader.funding(),
        equity=reader.equity(),
        events=list(reader.risk_events()),
        alerts=list(reader.alerts()),
        reports=(record.report for record in reader.orders()),
        is_remote=is_remote,
    )


# ---------------------------------------------------------------------- its market, found again


def _played(run: RunStarted, data: Path | None) -> Played:
    if not run.settings:
        raise UsageError(
            "this journal does not tell the settings of its run",
            todo="compare a journal that `cointrader paper` or `cointrader run` has written",
        )
    config = Config.from_shown(run.settings)
    if "candles" in run.source and (data is None or "folder" in run.source):
        origin = run.source if data is None else {**run.source, "folder": str(data)}
        market = market_again(config, origin)
        return Played(config, market.source, market.end_ms, True, WIRE in run.source)
    if data is None:
        raise UsageError(
            f"a {run.mode} journal does not say where its candles are",
            where="--data",
            todo="name a folder of candles that cover it: --data data",
        )
    market = folder_market(config, data, None, None)
    config, unknown = with_known_correlations(config, market.source)
    notes = tuple(f"no candles of {name}: compared without them" for name in unknown)
    return Played(config, market.source, None, False, True, notes)


def _case(
    played: Played,
    market: Market,
    facts: Facts,
    judges: Mapping[str, JudgedAgain],
    on_progress: Callable[[str], None],
) -> tuple[Case, Mapping[str, Instrument]]:
    config, first = played.config, facts.runs[0]
    start_ms = first.at_ms // facts.bar_ms * facts.bar_ms
    _require_covered(market, facts, start_ms)
    instruments = played.instruments or instruments_of(config, played.source, config.symbols)
    settings = settings_of(
        config,
        instruments,
        balance=float(first.base_balance),
        start_ms=start_ms,
        end_ms=played.end_ms,
    )
    stretch = market.between(start_ms, played.end_ms)
    answers = {}
    for symbol in config.symbols:
        on_progress(f"signals of {symbol}")
        own = BotSettings.of(config, symbol)
        rule = (played.rules or {}).get(symbol) or own.rule
        answers[symbol] = Answers(rule, market.frames[symbol], own.periods)
    case = Case(
        facts=facts,
        stretch=stretch,
        settings=settings,
        answers=answers,
        filters=judges,
        ends_with_data=played.ends_with_data,
        is_probability_first=settings.limits.is_probability_first,
        on_progress=on_progress,
    )
    return case, instruments


def _whole(
    played: Played,
    market: Market,
    facts: Facts,
    case: Case,
    instruments: Mapping[str, Instrument],
    judges: Mapping[str, JudgedAgain],
    found: Sequence[Difference],
    on_progress: Callable[[str], None],
) -> tuple[Whole | None, str]:
    """The run in one piece; or why it is none."""
    changed = _changed_settings(facts.runs)
    if changed:
        return None, f"settings changed between two starts: {', '.join(changed)}"
    if all(judge.passes_nothing for judge in judges.values()):
        return None, "no entry was allowed: there was no model"
    on_progress("playing the whole run")
    end_ms = facts.last_bar_ms + 2 * facts.bar_ms
    if played.end_ms is not None:
        end_ms = min(end_ms, played.end_ms)
    settings = settings_of(
        played.config,
        instruments,
        balance=case.settings.balance,
        start_ms=case.settings.start_ms,
        end_ms=end_ms,
    )
    signals = configured_signals(played.config, market, played.rules)
    for symbol, judge in judges.items():
        rule = (played.rules or {}).get(symbol) or BotSettings.of(played.config, symbol).rule
        own = judge.over(signals[symbol], rule)
        if own is None:
            return None, f"the model of {symbol} changed meanwhile, or cannot be found any more"
        signals[symbol] = own
    return compare_whole(facts, market, signals, settings, found), ""


def _changed_settings(runs: Sequence[RunStarted]) -> list[str]:
    first = runs[0].settings
    return sorted(
        {
            name
            for run in runs[1:]
            for name in {*first, *run.settings}
            if first.get(name) != run.settings.get(name)
        }
    )


def _require_decisions(reader: JournalReader, facts: Facts) -> None:
    if not any(facts.decisions.values()):
        raise UsageError(
            "this journal has no decision to compare",
            where=str(reader.path),
            todo="look again once a bar has closed",
        )


def _require_covered(market: Market, facts: Facts, start_ms: int) -> None:
    """Candles must reach from the first decision to the last."""
    ends = [int(frame.open_time_ms[-1]) for frame in market.frames.values() if len(frame)]
    begins = [int(frame.open_time_ms[0]) for frame in market.frames.values() if len(frame)]
    if not ends or min(begins) > start_ms or max(ends) < facts.last_bar_ms:
        from cointrader.market.quality import utc

        raise MissingCandles(
            "the candles do not cover this journal",
            where=market.label,
            found=f"{utc(min(begins))} to {utc(max(ends))}" if ends else "none",
            allowed=f"{utc(start_ms)} to {utc(facts.last_bar_ms)}, and 300 bars before it",
            todo="fetch more candles, or name another folder with --data",
        )


def _wanted(symbols: Sequence[str], config: Config) -> set[str]:
    wanted = {symbol.strip().upper() for symbol in symbols}
    unknown = sorted(wanted - set(config.symbols))
    if unknown:
        raise UsageError(
            f"{', '.join(unknown)} is not traded in this journal",
            where="--symbols",
            allowed=", ".join(config.symbols),
        )
    return wanted or set(config.symbols)


def _digest(facts: Facts) -> str:
    """SHA-256 of what was compared: another journal, or a changed one, has another."""
    hashed = hashlib.sha256()
    groups: list[object] = [
        [sorted(bars.items()) for _, bars in sorted(facts.decisions.items())],
        sorted(facts.trades.items()),
        sorted(facts.positions.items()),
        sorted(facts.fills.items()),
        sorted(facts.funding.items()),
        sorted(facts.equity.items()),
        list(facts.events),
    ]
    for group in groups:
        hashed.update(repr(group).encode())
    return hashed.hexdigest()
