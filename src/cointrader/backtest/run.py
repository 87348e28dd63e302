"""A backtest: a market, the signals on it, and the settings they are played with.

    market = Market.of(source, symbols)
    signals = {symbol: signals_of(rule, market.frames[symbol]) for symbol in symbols}
    result = run(market, signals, settings)

Market and signals are made once and played as often as wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from cointrader.backtest.columns import TRADE, Events, Output, State, new_state
from cointrader.backtest.kernel import play, play_compiled
from cointrader.backtest.market import Market, Stretch
from cointrader.backtest.result import BacktestResult, Decisions
from cointrader.backtest.settings import BacktestSettings, lanes_of, rules_of
from cointrader.backtest.signals import SymbolSignals, events_of

Player = Callable[..., None]


def run(
    market: Market,
    signals: Mapping[str, SymbolSignals],
    settings: BacktestSettings,
    *,
    with_equity: bool = True,
    compiled: bool = True,
) -> BacktestResult:
    """Play `signals` on `market`: one account, all symbols.

    Parameters
    ----------
    signals : of every symbol of the market
    with_equity : whether wallet and equity of every bar are wanted
    compiled : False plays the same functions uncompiled, a hundred times slower: to see inside

    Raises
    ------
    MissingCandles : there is nothing to play, or a symbol has a hole
    DataError : a signal has no usable exit distance
    """
    stretch = market.between(settings.start_ms, settings.end_ms)
    symbols = market.symbols
    is_by_atr = [settings.exits[symbol].mode == "atr" for symbol in symbols]
    events = events_of(stretch, signals, is_by_atr)
    out = _output(len(events.bar), len(stretch.candles.time_ms) if with_equity else 0)
    player: Player = play_compiled if compiled else play
    rules = rules_of(settings)
    state = new_state(len(symbols), settings.balance, stretch.payments, events)
    player(
        stretch.candles,
        stretch.payments,
        events,
        *lanes_of(settings, symbols, signals),
        rules,
        state,
        out,
    )
    return _result(stretch, settings, events, out, state)


def _output(n_events: int, n_told: int) -> Output:
    """Room for everything: a trade needs a signal of its own."""
    return Output(
        trades=np.empty(n_events, TRADE),
        equity=np.empty(n_told),
        wallet=np.empty(n_told),
        action=np.zeros(n_events, np.int8),
        refusal=np.zeros(n_events, np.int8),
    )


def _result(
    stretch: Stretch, settings: BacktestSettings, events: Events, out: Output, state: State
) -> BacktestResult:
    account, candles = state.account[0], stretch.candles
    played = (candles.last - candles.first).tolist()  # the last bar of each decides nothing
    counts = events.start[1:] - events.start[:-1]
    halted = int(account["drawn_down_bar"]) if account["is_drawn_down"] else None
    return BacktestResult(
        symbols=stretch.market.symbols,
        interval_ms=stretch.market.interval_ms,
        time_ms=candles.time_ms,
        trades=out.trades[: account["n_trades"]],
        equity=out.equity,
        wallet=out.wallet,
        start_wallet=float(settings.balance),
        final_wallet=float(account["wallet"]),
        halted_days=int(account["halted_days"]),
        drawdown_halt_ms=None if halted is None else int(candles.time_ms[halted]),
        decisions=Decisions(
            symbol=np.repeat(np.arange(len(events.start) - 1), counts),
            bar_ms=candles.time_ms[events.bar],
            side=events.side,
            action=out.action,
            refusal=out.refusal,
        ),
        bars=sum(max(bars, 0) for bars in played),
    )
