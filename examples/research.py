"""From candles to a verdict, as in a notebook. Over a made-up market, so expect no edge.

python examples/research.py [FOLDER OF CANDLES]
"""

import sys

import numpy as np

from cointrader import research
from cointrader.signals.rules import Signals


class DayBreakout:
    """Long above the highest close of the last 96 bars, short below the lowest."""

    name = "day-breakout"
    warm_up = 300

    def evaluate(self, frame, indicators):
        close = frame.candles.close
        days = np.lib.stride_tricks.sliding_window_view(close, 96)
        highest, lowest = days.max(axis=1)[:-1], days.min(axis=1)[:-1]
        side = np.zeros(len(close), np.int8)
        side[96:] = np.where(close[96:] > highest, 1, np.where(close[96:] < lowest, -1, 0))
        return Signals(side, np.abs(side))


def main(folder: str | None = None) -> None:
    if folder is None:
        history = research.load(symbols=["XRPUSDT"], seed=3, end="2026-02-01")
        print("a made-up market: whatever is earned there is luck")
    else:
        history = research.load(folder, "XRPUSDT")

    for name, rule in (("score", None), ("day-breakout", DayBreakout())):
        run = research.backtest(history, rule=rule)
        trades = run.trades
        print(f"\n{name}: {len(trades)} trades, net {trades['net'].sum():+.2f}")
        if len(trades):
            by_reason = trades.group_by("reason").len().sort("len", descending=True)
            print("  ended by " + ", ".join(f"{why} {count}" for why, count in by_reason.rows()))

    # What a backtest earned is no proof. The verdict asks for one, and counts what was tried.
    judgement = research.backtest(history, rule=DayBreakout()).judge()
    print(f"\nverdict on day-breakout: {judgement.verdict.answer}")
    for finding in judgement.verdict.findings:
        print(f"  {finding.line}")


if __name__ == "__main__":
    main(*sys.argv[1:])
