"""A backtest as the configuration asks for it: the same market, rules and limits as paper."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from cointrader.app.config import Config
from cointrader.app.filtered_rule import FilteredRule
from cointrader.app.paper.market import PaperMarket, instruments_of
from cointrader.app.summary import Summary, SymbolLine, max_drawdown
from cointrader.backtest.market import Market
from cointrader.backtest.result import BacktestResult
from cointrader.backtest.run import run
from cointrader.backtest.settings import BacktestSettings
from cointrader.backtest.signals import SymbolSignals, signals_of
from cointrader.bot.settings import exit_settings
from cointrader.domain.candle import LIQUIDATED
from cointrader.domain.errors import MissingCandles
from cointrader.domain.instrument import Instrument, to_decimal
from cointrader.domain.ports import CandleSource
from cointrader.risk.limits import RiskLimits
from cointrader.signals.configured import configured_rule, rule_identity
from cointrader.signals.rules import WARM_UP_BARS, SignalRule

if TYPE_CHECKING:
    from cointrader.app.models import Models


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What a backtest plays: made once, played with whatever size and limits are wanted.

    `rules`, by symbol, stand in for the configured ones; a rule whose signals a model judges is
    another rule, counted and judged as such.
    """

    config: Config
    market: PaperMarket
    candles: Market
    signals: Mapping[str, SymbolSignals]
    rules: Mapping[str, SignalRule]

    def settings(self, config: Config | None = None, balance: float = 1000.0) -> BacktestSettings:
        """How it is played: by its own configuration, or by one with other size and limits."""
        config = config or self.config
        return settings_of(
            config,
            instruments_of(config, self.market.source, config.symbols),
            balance=balance,
            start_ms=self.market.start_ms,
            end_ms=self.market.end_ms,
        )


def prepared(
    config: Config,
    market: PaperMarket,
    rules: Mapping[str, SignalRule] | None = None,
    on_progress: Callable[[str], None] = lambda _text: None,
    models: Models | None = None,
) -> Prepared:
    """Candles and signals of the configured symbols. Raises what `backtest` raises.

    `models` judge the signals; `ModelBroken` where a running bot would make no entry, because a
    model may not be used.
    """
    candles = market_of(config, market.source)
    require_enough(candles, market.end_ms)
    signals = configured_signals(config, candles, rules, on_progress, models)
    return Prepared(config, market, candles, signals, judged_rules(config, rules or {}, models))


def backtest(
    config: Config,
    market: PaperMarket,
    *,
    balance: float = 1000.0,
    rules: Mapping[str, SignalRule] | None = None,
    on_progress: Callable[[str], None] = lambda _text: None,
) -> BacktestResult:
    """Play the configured rules on a market, from its `start_ms` to its `end_ms`.

    `rules`, by symbol, stand in for the configured ones; `on_progress` hears what is done next.
    Raises `MissingCandles`, `ConfigError`,
    `DataError`.
    """
    ready = prepared(config, market, rules, on_progress)
    on_progress("playing")
    return run(ready.candles, ready.signals, ready.settings(balance=balance))


def market_of(config: Config, source: CandleSource) -> Market:
    """The candles of the configured symbols."""
    return Market.of(source, config.symbols, config.correlation_symbols)


def configured_signals(
    config: Config,
    market: Market,
    rules: Mapping[str, SignalRule] | None = None,
    on_progress: Callable[[str], None] = lambda _text: None,
    models: Models | None = None,
) -> dict[str, SymbolSignals]:
    """The signals of each symbol's configured rule over all of its candles.

    Each with the probability and the answer of its model, where `models` has one.
    """
    found = {}
    for symbol in market.symbols:
        on_progress(f"signals of {symbol}")
        own = config.for_symbol(symbol)
        rule = (rules or {}).get(symbol) or configured_rule(own)
        frame = market.frames[symbol]
        found[symbol] = signals_of(rule, frame, own.periods)
        judge = None if models is None else models.model_of(symbol)
        if judge is not None:
            from cointrader.backtest.filtered import filtered  # which knows models: seldom needed

            on_progress(f"probabilities of {symbol}")
            found[symbol] = filtered(found[symbol], rule, frame, *judge, own.periods)
    return found


def judged_rules(
    config: Config, rules: Mapping[str, SignalRule], models: Models | None
) -> dict[str, SignalRule]:
    """`rules`, and the rule of every symbol that has a model as the rule that it is with it."""
    judged = dict(rules)
    for symbol in config.symbols:
        judge = None if models is None else models.model_of(symbol)
        if judge is not None:
            model, threshold = judge
            own, in_code = config.for_symbol(symbol), rules.get(symbol)
            identity = rule_identity(own) if in_code is None else repr(in_code)
            rule = in_code or configured_rule(own)
            judged[symbol] = FilteredRule(identity, model.manifest.sha256, threshold, rule)
    return judged


def learned_from(
    config: Config, candles: Market, start_ms: int | None, models: Models
) -> dict[str, int]:
    """Symbols whose model learned from bars that are decided here, and until when it did (ms).

    What it says of those it has been told: a verdict on them would be one on its memory.
    """
    seen = {}
    for symbol in config.symbols:
        judge = models.model_of(symbol)
        frame = candles.frames[symbol]
        if judge is None or len(frame) <= WARM_UP_BARS:
            continue
        first_ms = max(int(frame.open_time_ms[WARM_UP_BARS]), start_ms or 0)
        trained_to_ms = judge[0].manifest.trained_to_ms
        if trained_to_ms > first_ms:
            seen[symbol] = trained_to_ms
    return seen


def settings_of(
    config: Config,
    instruments: Mapping[str, Instrument],
    *,
    balance: float = 1000.0,
    start_ms: int | None = None,
    end_ms: int | None = None,
) -> BacktestSettings:
    """The configuration as a backtest reads it."""
    return BacktestSettings(
        limits=RiskLimits.of(config),
        exits={symbol: exit_settings(config.for_symbol(symbol)) for symbol in config.symbols},
        instruments=instruments,
        balance=balance,
        slippage=float(to_decimal(config.slippage_bps) / 10_000),
        start_ms=start_ms,
        end_ms=end_ms,
    )


def require_enough(market: Market, end_ms: int | None) -> None:
    """At least one symbol must come to a decision that can still be filled."""
    stored = {
        symbol: int((frame.open_time_ms < (end_ms or 2**62)).sum())
        for symbol, frame in market.frames.items()
    }
    needed = WARM_UP_BARS + 1
    if max(stored.values()) < needed:
        raise MissingCandles(
            f"too few candles: {WARM_UP_BARS} warm the indicators up before the first decision",
            where=market.label,
            found=", ".join(f"{symbol} {count}" for symbol, count in stored.items()),
            allowed=f"{needed} or more of one symbol",
            todo="store more candles, or choose a later --to",
        )


def summary_of(result: BacktestResult, slippage: float) -> Summary:
    """The totals of a backtest, as `app.summary` has them of a paper run."""
    trades, signs = result.trade_list(), result.decisions.side
    gained = sum((t.net for t in trades if t.net > 0), Decimal(0))
    lost = -sum((t.net for t in trades if t.net < 0), Decimal(0))
    lines = []
    for place, symbol in enumerate(result.symbols):
        own = [trade for trade in trades if trade.symbol == symbol]
        decided = signs[result.decisions.symbol == place]
        lines.append(
            SymbolLine(
                symbol=symbol,
                long_signals=int((decided > 0).sum()),
                short_signals=int((decided < 0).sum()),
                trades=len(own),
                wins=sum(trade.net > 0 for trade in own),
                net=sum((trade.net for trade in own), Decimal(0)),
            )
        )
    return Summary(
        trades=trades,
        symbols=lines,
        reasons=result.reasons,
        refusals=result.refusals,
        gross=sum((t.gross for t in trades), Decimal(0)),
        fees=sum((t.fee for t in trades), Decimal(0)),
        funding=sum((t.funding for t in trades), Decimal(0)),
        slippage=to_decimal(_slippage_cost(result, slippage)),
        net=sum((t.net for t in trades), Decimal(0)),
        profit_factor=float(gained / lost) if lost else None,
        max_drawdown_ratio=max_drawdown(result.equity),
        drawdown_halt_ms=result.drawdown_halt_ms,
        open_positions=(),
        bars=result.bars,
    )


def _slippage_cost(result: BacktestResult, slippage: float) -> float:
    """What slippage took from every fill; a liquidation's price is moved by nothing."""
    trades = result.trades
    sign = trades["side"].astype(np.float64)
    entered = trades["entry_price"] * slippage / (1.0 + sign * slippage)
    left = trades["exit_price"] * slippage / (1.0 - sign * slippage)
    left[trades["reason"] == LIQUIDATED] = 0.0
    return float(((entered + left) * trades["quantity"]).sum())
