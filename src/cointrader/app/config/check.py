"""What a person should know about a configuration that is valid: `cointrader config check`.

Settings without effect, deviations from the profile, and rules put into numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cointrader.app.config import Config
from cointrader.app.config.idle import idle
from cointrader.app.config.money import Money, money_warnings, named
from cointrader.app.config.values import SettingValues
from cointrader.app.model_words import BROKEN, NONE
from cointrader.domain.errors import ConfigError
from cointrader.model.folder import MODELS
from cointrader.ops.quiet import QuietHours
from cointrader.risk.switches import TripChances, trip_chances

# Of the strategy that the kill switches should leave alone.
_HEALTHY_PROFIT_FACTOR = 1.5
_HEALTHY_TRADES = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark. `topic`: idle, deviation, number, model or warning."""

    topic: str
    text: str


def findings(config: Config, money: Money, *, folder: Path | None = None) -> list[Finding]:
    """All remarks on `config`, which in money is `money`.

    `ConfigError` for what is well written and still means nothing here: a time zone that this
    machine does not know.
    """
    QuietHours.of(config.quiet_hours)
    return [
        *(Finding("warning", text) for text in _warnings(config, folder or Path())),
        *(Finding("warning", text) for text in money_warnings(config, money)),
        *_models(config, folder or Path()),
        *(Finding("idle", text) for text in idle(config)),
        *(
            Finding("deviation", f"{name} = {value}; profile {config.profile}: {usual}")
            for name, (value, usual) in config.deviations().items()
        ),
        Finding("number", margin_decay_in_numbers(config, money.balance)),
        *(Finding("number", text) for text in kill_switches_in_numbers(config)),
    ]


def _models(config: Config, folder: Path) -> Iterator[Finding]:
    """What judges signals when it trades, with the models that are there now."""
    wanted = [s for s in config.symbols if not config.for_symbol(s).no_ml_filter]
    without = list(wanted)
    if (folder / MODELS).is_dir():
        from cointrader.app.models import Models  # numpy and what loads models: only when needed

        models = Models(config, folder / MODELS, is_paper=False)
        for symbol in wanted:
            try:
                state = models.state_of(symbol)
            except ConfigError:  # its signal rule cannot be used, and that is told elsewhere
                continue
            if state.identity == NONE:
                continue
            without.remove(symbol)
            is_doubtful = state.identity == BROKEN or bool(state.differences)
            changed = "; trained with other settings: " if state.differences else ""
            text = f"model of {symbol}: {state.words}{changed}{'; '.join(state.differences)}"
            yield Finding("warning" if is_doubtful else "model", text)
    if without:
        yield Finding(
            "model",
            f"no model for {', '.join(without)}: live makes no entries there unless NO_ML_FILTER "
            "is true; on paper every signal trades",
        )


def margin_decay_in_numbers(values: SettingValues, balance: float) -> str:
    """At which wallet the margin ratio reaches its minimum, for a base balance of `balance`."""
    span = values.margin_max_ratio - values.margin_min_ratio
    if not values.margin_decay_rate:
        return f"MARGIN_DECAY_RATE = 0: the margin ratio stays {values.margin_max_ratio:g}"
    if not span:
        return f"the margin ratio is always {values.margin_max_ratio:g}: its bounds are equal"
    growth = span / values.margin_decay_rate  # in quote currency, or in base balances
    absolute = values.margin_decay == "absolute"
    wallet = balance + growth if absolute else balance * (1 + growth)
    text = (
        f"MARGIN_DECAY = {values.margin_decay}: started with {balance:,.2f}, the margin ratio "
        f"falls from {values.margin_max_ratio:g} to {values.margin_min_ratio:g} when the wallet "
        f"reaches {wallet:,.2f} ({wallet / balance - 1:+,.1%})"
    )
    if absolute:
        return text + (
            f"; with ten times the balance at {10 * balance + growth:,.2f} "
            f"({growth / (10 * balance):+,.1%})"
        )
    if growth > 10:
        return text + ": at this MARGIN_DECAY_RATE it hardly decays at all"
    return text


def kill_switches_in_numbers(config: Config) -> Iterator[str]:
    """How often each switch would stop a healthy strategy by bad luck alone."""
    of_payoff: dict[float, list[str]] = {}
    for symbol in config.symbols:
        of_payoff.setdefault(_payoff(config.for_symbol(symbol)), []).append(symbol)
    for payoff, symbols in of_payoff.items():
        of_whom = f" of {named(config, symbols)}" if len(of_payoff) > 1 else ""
        wins = _HEALTHY_PROFIT_FACTOR / (_HEALTHY_PROFIT_FACTOR + payoff)
        chances = _trip_chances(wins, payoff)
        for name, chance in (("KILL_FAST", chances.fast), ("KILL_SLOW", chances.slow)):
            state = "on" if getattr(config, name.lower()) else "off"
            yield (
                f"{name}{of_whom} is {state}; in {_HEALTHY_TRADES} trades it would stop a healthy "
                f"strategy (profit factor {_HEALTHY_PROFIT_FACTOR:g}, {wins:.0%} wins) with a "
                f"chance of {chance:.0%}"
            )


def _payoff(values: SettingValues) -> float:
    """What the target gains for each unit that the stop loses, before costs."""
    if values.exit_mode == "atr":
        return values.atr_tp_mult / values.atr_sl_mult
    return values.take_profit_pct / values.stop_loss_pct


@cache
def _trip_chances(wins: float, payoff: float) -> TripChances:
    return trip_chances(wins, payoff, _HEALTHY_TRADES)


def _unusable(place: str) -> str:
    """Why the rule of that file cannot be used; empty when it can."""
    from cointrader.signals.user_rules import load_rule  # numpy and TA-Lib: only when needed

    try:
        load_rule(place)
    except ConfigError as error:
        return f"{error.what} ({error.where})"
    return ""


def _warnings(config: Config, folder: Path) -> Iterator[str]:
    env = folder / ".env"
    if env.exists() and env.stat().st_mode & 0o077:
        yield f"{env} can be read by other users of this machine: chmod 600 {env}"
    for name in ("binance_api", "binance_testnet_api", "binance_guard_api"):
        key, secret = getattr(config, f"{name}_key"), getattr(config, f"{name}_secret")
        if bool(key) != bool(secret):
            missing = f"{name}_{'secret' if key else 'key'}".upper()
            yield f"{missing} is not set, but its other half is"
    for symbol in config.symbols:
        rule = config.for_symbol(symbol).signal
        path, is_own, _ = rule.rpartition(":")
        if not is_own:
            continue
        if not (folder / path).is_file():
            yield f"the signal rule {rule} of {symbol}: there is no file {path}"
        elif problem := _unusable(str(folder / path) + rule.removeprefix(path)):
            yield f"the signal rule {rule} of {symbol}: {problem}"
    if config.fixed_notional is not None:
        yield f"SIZING = {config.sizing} is for research: no limit over all symbols holds"
