"""Which faults a run has, and how often each bites: so often that a day shows it several times, so
seldom that something else happens too.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

from cointrader.exchange.simulated.wire.faults import FAULTS
from tests.campaign.stage import DAY_BARS, Scenario

_EACH = 0.15  # of the messages or calls that a fault could hit
_EACH_BAR = 0.06  # of the openings of a bar, for what happens by itself
_EACH_BAR_HELD = 0.35  # the same for what happens to a position: most of the time there is none
_TIMES_A_DAY = 4  # at the least, of what happens by itself
_OCCASION = "sockets-aborted:0.08"  # what only a new connection can show needs one
_LEFT_OPEN = "siblings-stay:0.6"  # and what befalls a cancellation, something to cancel

# Others than `NAME:_EACH`.
_SPECS = {
    # every call
    "unavailable": ":0.03",
    "internal-error": ":0.03",
    "waf-blocked": ":0.03",
    "out-of-time": ":0.03",
    "answer-late": ":0.03",
    "answer-truncated": ":0.03",
    "answer-extended": ":0.3",
    "rate-limited": "(10):0.002",
    "banned": "(120):0.001",
    "refused": "(-1000):0.1",
    # orders of which there are few
    "throttled": ":0.4",
    "late-at-engine": ":0.3",
    "margin-short": ":0.4",
    "order-hidden-at-first": ":0.8,answer-lost:0.3",  # asked for only when an answer is missing
    "order-answer-priced": ":0.6",
    "trigger-stuck": ":0.3",
    "trigger-rejected": ":0.3",
    "fill-before-triggered": ":0.6",
    "algo-late": ":0.6",
    "siblings-stay": ":0.6",
    "cancel-refused": f":0.15,{_LEFT_OPEN}",
    "cancel-ignored": f":0.15,{_LEFT_OPEN}",
    "stop-refused": ":0.3",
    "stop-never-there": ":0.3",
    "stop-vanishes": "(0.2..10):0.3",
    "commission-absent": ":0.4",
    "commission-in-bnb": ":0.4",
    "fill-lost": ":0.3",
    "fill-shuffled": ":0.6",
    "account-update-first": ":0.6",
    "event-duplicated": ":0.4",
    "partial-fills": "(60):0.5",
    "read-stale": ":0.4",
    "funding-in-flight": ":0.3",
    "price-gap": "(0.02):0.15",
    # klines: few finals a day
    "kline-late": ":0.3",
    "kline-lost": ":0.2",
    "kline-gap": "(3):0.06",
    "kline-duplicated": ":0.5",
    "kline-swapped": ":0.2",
    "kline-repeated": ":0.5",
    "pong-missing": ":0.02",
    # what only a new connection meets
    "connection-life": f"(3600),{_OCCASION}",
    "subscription-silent": f":0.4,{_OCCASION}",
    "handshake-refused": f":0.6,{_OCCASION}",
    "handshake-late": f"(8):0.6,{_OCCASION}",
}
# Chances at each opening of a bar, of what happens by itself; more often on a short day.
_BY_ITSELF = frozenset({
    "clock-jumped", "sockets-closed", "sockets-aborted", "sockets-silent", "listen-key-expired",
    "listen-key-gone", "manual-entry", "manual-limit", "leverage-changed", "deposit", "withdrawal",
})  # fmt: skip
_TO_A_POSITION = frozenset({
    "liquidation", "deleveraging", "manual-close", "manual-partial-close", "manual-stop",
    "stop-cancelled-by-hand",
})  # fmt: skip
_ONCE = {  # for good, or for long: at some time in the second half of the day
    "funding-interval-changed": "(1)",
    "filters-changed": "(10, 10, 2)",
    "symbol-settling": "",
    "symbol-pending": "(3600)",
    "margin-type-changed": "",
    "position-mode-changed": "",
}


def spec_of(name: str, bars: int = DAY_BARS) -> str:
    """The specification of one fault, with what it needs to be seen."""
    if name in _ONCE:
        day_s = bars * 900
        return f"{name}{_ONCE[name]}@{day_s // 2}..{day_s}"
    if name in _SPECS:
        return name + _SPECS[name]
    if name in _TO_A_POSITION:
        return f"{name}:{_EACH_BAR_HELD}"
    chance = max(_EACH_BAR, _TIMES_A_DAY / bars) if name in _BY_ITSELF else _EACH
    return f"{name}:{chance:.2g}"


def alone(bars: int = DAY_BARS, first_seed: int = 1) -> list[Scenario]:
    """Each fault by itself."""
    return [
        Scenario(seed, spec_of(name, bars), bars)
        for seed, name in enumerate(FAULTS, start=first_seed)
    ]


def in_pairs(count: int, bars: int = DAY_BARS, first_seed: int = 1001) -> list[Scenario]:
    """`count` different pairs, the same ones every time; all of them over and over beyond that."""
    pairs = [*itertools.combinations(FAULTS, 2)]
    random.Random(7).shuffle(pairs)
    chosen = itertools.islice(itertools.cycle(pairs), count)
    return [
        Scenario(seed, joined(pair, bars), bars) for seed, pair in enumerate(chosen, first_seed)
    ]


def joined(names: Sequence[str], bars: int = DAY_BARS) -> str:
    """Several faults in one specification."""
    return ",".join(dict.fromkeys(spec_of(name, bars) for name in names))


def campaign(runs: int, bars: int = DAY_BARS) -> list[Scenario]:
    """Each fault alone, then pairs, until there are so many runs."""
    singles = alone(bars)
    return [*singles, *in_pairs(max(0, runs - len(singles)), bars)][: max(runs, 1)]
