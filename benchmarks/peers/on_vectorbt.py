"""The same work on vectorbt, all cells of a sweep in one call: its strength."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.peers.work import CASH, FEE, NOTIONAL, Done, Engine, NotInstalled, Work

AT_ONCE = 36  # columns of one call: more take memory and no less time


def engine(work: Work) -> Engine:
    """Raises `NotInstalled`."""
    try:
        import vectorbt as vbt
    except ImportError as error:
        raise NotInstalled("vectorbt") from error
    signal = np.concatenate(([0], work.side[:-1]))  # known one bar before its fill
    columns = work.columns

    def portfolio(stops: list[float], targets: list[float]) -> Any:
        wide = (len(work.side), len(stops))
        return vbt.Portfolio.from_signals(
            np.broadcast_to(columns.close[:, None], wide),
            entries=(signal > 0)[:, None],
            short_entries=(signal < 0)[:, None],
            price=columns.open[:, None],
            open=columns.open[:, None],
            high=columns.high[:, None],
            low=columns.low[:, None],
            size=(NOTIONAL / columns.open)[:, None],
            sl_stop=np.array(stops)[None, :],
            tp_stop=np.array(targets)[None, :],
            stop_entry_price="fillprice",
            stop_exit_price="stoplimit",
            upon_opposite_entry="reverse",
            accumulate=False,
            fees=FEE,
            init_cash=CASH,
            freq="15min",
        )

    def done(each: Any) -> list[Done]:
        trades = each.trades
        count, net = np.atleast_1d(trades.count()), np.atleast_1d(trades.pnl.sum())
        return [Done(int(n), float(r)) for n, r in zip(count, net, strict=True)]

    def play(stop: float, target: float) -> Done:
        return done(portfolio([stop], [target]))[0]

    def sweep(cells: list[tuple[float, float]]) -> list[Done]:
        parts = [cells[at : at + AT_ONCE] for at in range(0, len(cells), AT_ONCE)]
        return [
            one
            for part in parts
            for one in done(portfolio([s for s, _ in part], [t for _, t in part]))
        ]

    return Engine("vectorbt", vbt.__version__, play, sweep)
