"""What a comparison came to: counts, causes, and the certificate of it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cointrader.backtest.parity.causes import UNEXPLAINED, sentence
from cointrader.backtest.parity.difference import Difference
from cointrader.backtest.parity.whole import Whole

FORMAT = "cointrader-parity-1"


@dataclass(frozen=True, slots=True)
class ParityReport:
    """One journal held against the kernel. Times are epoch ms, the end excluded.

    `compared` counts decisions; `differences` lists what of them differs, in the order of time.
    `whole` is None where the run cannot be played in one piece: `why_no_whole` says why.
    """

    journal: str
    digest: str  # of everything of the journal that was compared
    version: str
    mode: str
    market: str
    profile: str
    symbols: tuple[str, ...]
    interval: str
    starts: int
    from_ms: int
    to_ms: int
    compared: int
    trades: int
    differences: Sequence[Difference]
    whole: Whole | None
    why_no_whole: str = ""
    notes: Sequence[str] = field(default=())

    @property
    def unexplained(self) -> list[Difference]:
        return [found for found in self.differences if not found.is_explained]

    @property
    def by_cause(self) -> dict[str, int]:
        """How many differences each cause explains, the most frequent first."""
        counts = Counter(found.cause for found in self.differences if found.is_explained)
        return dict(counts.most_common())

    @property
    def differing(self) -> int:
        """Decisions, as symbol and bar, of which anything differs."""
        return len({(found.symbol, found.bar_ms) for found in self.differences if found.symbol})

    @property
    def verdict(self) -> str:
        """equal, explained or unexplained."""
        if self.unexplained:
            return UNEXPLAINED
        return "explained" if self.differences else "equal"

    def certificate(self) -> dict[str, Any]:
        """Plain values for JSON. The same journal and candles give the same, byte for byte."""
        whole = self.whole
        body: dict[str, Any] = {
            "format": FORMAT,
            "verdict": self.verdict,
            "journal": self.journal,
            "journal_digest": self.digest,
            "cointrader": self.version,
            "mode": self.mode,
            "market": self.market,
            "profile": self.profile,
            "symbols": list(self.symbols),
            "interval": self.interval,
            "starts": self.starts,
            "from_ms": self.from_ms,
            "to_ms": self.to_ms,
            "decisions": {
                "compared": self.compared,
                "equal": self.compared - self.differing,
                "differing": self.differing,
            },
            "trades": self.trades,
            "differences": len(self.differences),
            "by_cause": {
                cause: {"count": count, "meaning": sentence(cause)}
                for cause, count in self.by_cause.items()
            },
            "unexplained": len(self.unexplained),
            "found": [as_plain(found) for found in self.differences],
            "whole_run": self.why_no_whole if whole is None else whole_as_plain(whole),
            "notes": list(self.notes),
        }
        body["seal"] = seal(body)
        return body


def as_plain(found: Difference) -> dict[str, Any]:
    """One difference for JSON."""
    return {
        "symbol": found.symbol,
        "bar_ms": found.bar_ms,
        "aspect": found.aspect,
        "journal": found.journal,
        "replay": found.replay,
        "cause": found.cause,
        "evidence": found.evidence,
        "trade_id": found.trade_id,
    }


def whole_as_plain(whole: Whole) -> dict[str, Any]:
    """The run in one piece, for JSON."""
    return {
        "trades": whole.trades,
        "replayed_trades": whole.replayed_trades,
        "equal_trades": whole.equal_trades,
        "net": whole.net,
        "replayed_net": whole.replayed_net,
        "first_difference_ms": whole.first_ms,
        "followed": whole.followed,
        "unexplained": len(whole.differences),
    }


def seal(body: Mapping[str, Any]) -> str:
    """SHA-256 of a certificate without its seal, as canonical JSON."""
    rest = {name: value for name, value in body.items() if name != "seal"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
