"""Which verdict tells what to expect of a run.

Usually the one of its configuration, found by its hash. A live run writes down the account's own
fee, and a verdict on a rule and its model names both together: so one that differs in nothing else
counts too, and the difference is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cointrader.app.config import Config
from cointrader.app.model_words import BROKEN, NONE, OFF, SERVED, pairs
from cointrader.app.verdict.kept import KeptVerdict, default_path, kept_verdict
from cointrader.app.verdict.subject import Identity
from cointrader.domain.errors import CointraderError, DataError
from cointrader.domain.records import RunStarted

_NOTHING = "Nothing to compare with"
_MAKE_ONE = "make one: cointrader backtest, with these same settings"


@dataclass(frozen=True, slots=True)
class Found:
    """A verdict and in what it differs from the run; or why there is none."""

    kept: KeptVerdict | None = None
    differences: Sequence[str] = ()
    why_none: str = ""


def has_model(run: RunStarted) -> bool:
    """Whether a model judged signals of the run."""
    return any(
        name not in (NONE, BROKEN, OFF) for name in pairs(run.source.get(SERVED, "")).values()
    )


def verdict_of(run: RunStarted, path: Path | None, folder: Path) -> Found:
    """The verdict in `path`, or the one in `folder` that is about the run's configuration.

    Raises `DataError` where `path` is none.
    """
    named = None if path is None else kept_verdict(path)
    try:
        identity = Identity.of(Config.from_shown(run.settings))
    except CointraderError as error:
        if named is not None:
            return Found(named)
        return Found(why_none=f"{_NOTHING}: the run's settings cannot be read ({error.what}).")
    if named is not None:
        return Found(named, identity.differences(named.occasion.settings))
    usual = default_path(identity.hash, folder)
    try:
        kept = kept_verdict(usual) if usual.exists() else None
    except DataError as error:
        return Found(why_none=f"{_NOTHING}: {error.what} ({error.where}: {error.found}).")
    if kept is not None:
        return Found(kept)
    near = max(_near(run, identity, folder), key=lambda each: each[0], default=None)
    if near is None:
        why = f"there is no verdict on this configuration ({_MAKE_ONE})"
        return Found(why_none=f"{_NOTHING}: {why}.")
    return Found(near[1], near[2])


def _near(
    run: RunStarted, identity: Identity, folder: Path
) -> Iterator[tuple[int, KeptVerdict, list[str]]]:
    """Verdicts that differ only in what a run cannot help to have otherwise; with their age."""
    with_rule = has_model(run)
    for path in folder.glob("*.json"):
        try:
            kept = kept_verdict(path)
        except DataError:
            continue
        differences = identity.differences(kept.occasion.settings)
        names = [text.split(" ", 1)[0] for text in differences]
        if all(n == "TAKER_FEE" or (with_rule and n.startswith("SIGNAL_")) for n in names):
            yield kept.occasion.made_ms, kept, differences
