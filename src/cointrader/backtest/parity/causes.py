"""Why a run may differ from its replay: one key and one sentence each, and what shows it.

A cause is named only where the journal itself has evidence of it. What none explains is
`UNEXPLAINED`.
"""

from __future__ import annotations

from collections.abc import Mapping

UNEXPLAINED = "unexplained"

CAUSES: Mapping[str, str] = {
    "latency": "the order reached the exchange after the bar had opened, at another price",
    "slippage": "the order was filled at another price than the settings expect",
    "partial-fill": "less was filled than the order asked for",
    "late-bar": "the candle, or the answer to it, came too late for an entry",
    "missing-bar": "the candles compared with do not have this bar, or too few before it",
    "late-news": "the bot had not heard yet that its position had ended",
    "trigger-late": "a stop or target was triggered, and the exchange filled it late or never",
    "stale": "an input was older than an entry may use",
    "restart": "a process ended and another began in between",
    "crash": "the bot of this symbol crashed, and was down in between",
    "manual-order": "somebody else opened, changed or closed a position of this symbol",
    "command": "a person gave a command: pause, resume, flatten, or the lifting of a halt",
    "rejected": "the exchange refused the order",
    "filter-change": "the exchange had other price or quantity steps or minimums for the symbol",
    "fee": "the exchange charged another fee than the settings have",
    "funding-at-reversal": "funding was charged to a position that began or ended just then",
    "funding-record": "the candles compared with tell of another settlement, or of none",
    "mark-price": "the account was valued at the mark price and not at the last price",
    "transfer": "money was deposited or withdrawn",
    "unknown-result": "the result of a close, or the account, was not known yet",
    "unprotected": "a stop could not be confirmed, so the position was closed or none was opened",
    "liquidation": "the exchange liquidated the position by its own price",
    "rule-failed": "the signal rule raised an error while the bot ran",
    "end-of-data": "the candles end here: a replay closes what is open, and a market goes on",
    "limit": "the account had become another one by an earlier difference",
}

# What the journal of a bot calls it, and the cause that it is.
OF_REFUSALS: Mapping[str, str] = {
    "late": "late-bar",
    "stale": "stale",
    "unprotected": "unprotected",
    "foreign": "manual-order",
    "paused": "command",
    "unknown-result": "unknown-result",
    "rejected": "rejected",
}


def sentence(cause: str) -> str:
    """What a cause means, for a person."""
    return CAUSES.get(cause, "nothing in the journal explains it")
