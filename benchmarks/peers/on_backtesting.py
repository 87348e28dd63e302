"""The same work on backtesting.py, whose strategies are methods called bar by bar."""

from __future__ import annotations

import warnings
from typing import Any

from benchmarks.peers.work import CASH, FEE, NOTIONAL, Done, Engine, NotInstalled, Work


def engine(work: Work) -> Engine:
    """Raises `NotInstalled`."""
    try:
        import pandas
        from backtesting import Backtest, Strategy, __version__
    except ImportError as error:
        raise NotInstalled("backtesting") from error
    columns = work.columns
    frame = pandas.DataFrame(
        {
            "Open": columns.open,
            "High": columns.high,
            "Low": columns.low,
            "Close": columns.close,
            "Volume": columns.volume,
            "Side": work.side,
        },
        index=pandas.to_datetime(work.time_ms, unit="ms"),
    )

    class Signalled(Strategy):  # type: ignore[misc]
        """Levels are fractions of the close: this engine wants them before the fill is known."""

        stop = 0.0
        target = 0.0

        def init(self) -> None:
            self.signal = work.side.tolist()

        def next(self) -> None:
            side = self.signal[len(self.data) - 1]
            held = self.position.size
            if side == 0 or side * held > 0:
                return
            close = self.data.Close[-1]
            size = max(round(NOTIONAL / close), 1)  # whole units are all it knows
            if side > 0:
                self.buy(size=size, sl=close * (1 - self.stop), tp=close * (1 + self.target))
            else:
                self.sell(size=size, sl=close * (1 + self.stop), tp=close * (1 - self.target))

    test: Any = Backtest(
        frame,
        Signalled,
        cash=CASH,
        commission=FEE,
        exclusive_orders=True,
        finalize_trades=True,
    )

    def play(stop: float, target: float) -> Done:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stats = test.run(stop=stop, target=target)
        return Done(int(stats["# Trades"]), float(stats["Equity Final [$]"]) - CASH)

    def sweep(cells: list[tuple[float, float]]) -> list[Done]:
        return [play(*cell) for cell in cells]

    return Engine("backtesting.py", __version__, play, sweep, sweeps_at_once=4)
