"""Does an answer know the future? Tried out, not argued.

`prove` asks a signal rule, and the features of its signals, again and again while the future of
every input is cut off or changed, and compares the answers value by value. What it cannot find:
a leak under a condition that never comes up in the candles it is given.
"""

from cointrader.signals.leak_check.findings import Finding, Kind, Report
from cointrader.signals.leak_check.prover import Effort, prove
from cointrader.signals.leak_check.trial_market import filled, trial_frame

__all__ = ["Effort", "Finding", "Kind", "Report", "filled", "prove", "trial_frame"]
