"""A configuration is counted as a trial on some candles before it is played on them.

Who looks at a result has tried it, whether it is judged or not.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cointrader.app.backtest import Prepared
from cointrader.app.config import Config
from cointrader.app.paper.market import PaperMarket
from cointrader.app.search.cell import identity_of
from cointrader.app.search.space import OWN_SIZE
from cointrader.app.verdict.subject import Identity
from cointrader.backtest.fingerprint import hash_of_settings
from cointrader.backtest.sweep.data import data_set_of
from cointrader.backtest.trial_ledger import DataSet, Trial, TrialLedger
from cointrader.market.source import FolderSource
from cointrader.signals.rules import SignalRule


@dataclass(frozen=True, slots=True)
class CountedTrial:
    """A configuration that is about to be tried on some candles, and is written down already."""

    identity: Identity
    data: DataSet
    count: int  # configurations ever tried on these candles, this one included
    is_new: bool
    is_made_up: bool  # a synthetic market
    market: str
    at_ms: int


def own_trades_config(config: Config) -> Config:
    """The configuration under which a strategy's own trades are played: of a fixed size."""
    return config if config.fixed_notional is not None else config.replace(sizing=OWN_SIZE)


def count_trial(
    ready: Prepared, *, ledger: Path | None, now_ms: int, source: str = "backtest"
) -> CountedTrial:
    """Write down that a configuration is tried on some candles, before it is.

    A made-up market shares its trials with no other: its symbols are names only.

    Parameters
    ----------
    ledger : the file of trials; this user's own by default
    source : the command that tries it

    Raises `CointraderError` where the ledger cannot be written: what cannot be counted is not
    tried. `MissingCandles` where there is nothing to play.
    """
    config, market = ready.config, ready.market
    identity = Identity.of(config)
    data = data_set_of(ready.candles, market.start_ms, market.end_ms)
    is_made_up = _is_made_up(market)
    if is_made_up:
        data = replace(data, symbols=())
    own = identity_of(own_trades_config(config))
    if ready.rules:
        named = _named(ready.rules)
        identity = identity.with_settings(named)
    own = with_rules(own, ready.rules)
    trial = Trial(
        own,
        " ".join(f"{name}={text}" for name, text in identity.settings.items()),
    )
    with TrialLedger(ledger) as trials:
        new = trials.record(data, [trial], at_ms=now_ms, source=source)
        count = trials.count(data)
    return CountedTrial(identity, data, count, bool(new), is_made_up, market.source.label, now_ms)


def _is_made_up(market: PaperMarket) -> bool:
    if isinstance(market.source, FolderSource):
        return False  # what makes markets up is not even imported
    from cointrader.market.synthetic import SyntheticSource

    return isinstance(market.source, SyntheticSource)


def with_rules(own: str, rules: Mapping[str, SignalRule]) -> str:
    """The hash of a configuration with rules that it does not name, by symbol; `own` is its own."""
    return hash_of_settings({"own": own, **_named(rules)}) if rules else own


def _named(rules: Mapping[str, SignalRule]) -> dict[str, str]:
    return {f"SIGNAL_{symbol}": rule_in_code(rule) for symbol, rule in rules.items()}


def rule_in_code(rule: SignalRule) -> str:
    """What stands for a rule that was given as an object: its class's source and its values.

    Where the source is not known, two rules of one name and equal values count as one.
    """
    kind = type(rule)
    try:
        source = inspect.getsource(kind)
    except (OSError, TypeError):
        source = ""
    told = f"{kind.__qualname__}\n{source}\n{rule!r}"
    return f"code:{hashlib.sha256(told.encode()).hexdigest()}:{kind.__name__}"
