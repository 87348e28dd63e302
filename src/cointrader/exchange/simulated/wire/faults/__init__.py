"""Faults of the simulated exchange: an unfriendly network, an unfriendly market, an owner's hands.

`FAULTS` names them all, a `FaultPlan` says which of them bite when, a `FaultLog` what they did.
"""

from cointrader.exchange.simulated.wire.faults.fault import Fault
from cointrader.exchange.simulated.wire.faults.log import FaultLog, Injection
from cointrader.exchange.simulated.wire.faults.passage import Faults
from cointrader.exchange.simulated.wire.faults.plan import FaultPlan
from cointrader.exchange.simulated.wire.faults.registry import FAULTS, as_text, described
from cointrader.exchange.simulated.wire.faults.rule import Instant, Rule

__all__ = [
    "FAULTS",
    "Fault",
    "FaultLog",
    "FaultPlan",
    "Faults",
    "Injection",
    "Instant",
    "Rule",
    "as_text",
    "described",
]
