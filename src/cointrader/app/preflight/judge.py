"""What must be true before money is traded. Pure: facts in, one verdict a line out.

A check is ok, a warning, or failed; what is failed keeps `run` from starting. What `run` can put
right by itself, such as the leverage of a symbol that has no position, is ok and says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from cointrader.app.model_state import ModelState
from cointrader.app.model_words import BROKEN
from cointrader.app.verdict.live import VerdictState
from cointrader.app.words import moment
from cointrader.domain.clock import MINUTE_MS
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import Side
from cointrader.domain.ports import Account
from cointrader.exchange.binance.translate import KeyRights, SymbolSettings
from cointrader.risk.book import Refusal
from cointrader.risk.limits import RiskConfig, RiskLimits
from cointrader.risk.sizing import size_entry

_CLOCK_WARNING_MS = 1_000  # the exchange's clock is followed; bars are cut by this machine's
_CLOCK_WRONG_MS = 30_000
_LITTLE_DISK = 1 << 30
_NO_DISK = 100 << 20
_NAMED = 5  # orders named one by one


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a preflight. `todo` is empty where nothing is to be done."""

    name: str
    verdict: Verdict
    found: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Unread:
    """What could not be found out, and why."""

    why: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class SymbolFacts:
    """One traded symbol."""

    symbol: str
    is_trading: bool | Unread
    instrument: Instrument | Unread
    settings: SymbolSettings | Unread
    price: Decimal | Unread
    has_position: bool | Unread
    orders: Sequence[str] | Unread  # client ids of what is open
    unknown_orders: Sequence[str] = ()  # of these, with our prefix and not in this journal


@dataclass(frozen=True, slots=True)
class Streams:
    """What a short try of the streams came to. Empty problems: it worked."""

    problem: str = ""
    silent: bool = False  # connected, and nothing came


@dataclass(frozen=True, slots=True)
class Machine:
    """This computer. None: not asked."""

    journal: str
    journal_problem: str = ""
    journal_holder: str = ""  # the process that has it
    account_holder: str = ""  # a process here that trades the same account
    free_bytes: int | None = None
    last_known_ms: int | None = None  # the journal's newest moment


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is judged, as read at one moment."""

    place: str
    is_rehearsal: bool
    now_ms: int  # of the exchange
    offset_ms: int | Unread
    rights: KeyRights | Unread | None
    is_hedge_mode: bool | Unread
    is_multi_assets: bool | Unread
    account: Account | Unread
    symbols: Sequence[SymbolFacts]
    correlations: Mapping[str, bool | Unread]  # symbol to whether it trades
    machine: Machine
    streams: Streams | None = None  # None: not tried
    unfiltered: Mapping[str, bool] = field(default_factory=dict)  # symbol to NO_ML_FILTER
    models: Sequence[ModelState] = ()  # of symbols that have one, whether it may be used or not
    is_real_money: bool = False
    verdict: VerdictState | None = None  # None: nobody asks for one


class PreflightConfig(RiskConfig, Protocol):
    """What is judged of the configuration."""

    @property
    def profile(self) -> str: ...
    @property
    def sizing(self) -> str: ...
    @property
    def fixed_notional(self) -> float | None: ...


def judged(facts: Facts, config: PreflightConfig) -> list[Check]:
    """Every check, in the order in which a person would put things right."""
    if isinstance(facts.offset_ms, Unread):  # nothing else could be asked
        return [*_machine(facts), _unread("exchange", facts.offset_ms), *_settings(facts, config)]
    return [
        *_machine(facts),
        *_clock(facts.offset_ms, facts),
        *_key(facts),
        *_account(facts),
        *(check for each in facts.symbols for check in _symbol(each, facts, config)),
        *_correlations(facts.correlations),
        *_other_instance(facts.symbols),
        *_streams(facts.streams),
        *_verdict(facts),
        *_settings(facts, config),
    ]


def is_refused(checks: Iterable[Check]) -> bool:
    return any(check.verdict is Verdict.FAILED for check in checks)


# -- this machine ---------------------------------------------------------------------------------


def _machine(facts: Facts) -> Iterator[Check]:
    machine = facts.machine
    if machine.journal_problem:
        yield _failed(
            "journal",
            f"{machine.journal}: {machine.journal_problem}",
            "name another with --journal",
        )
    elif machine.journal_holder:
        yield _failed(
            "journal",
            f"{machine.journal} is written by {machine.journal_holder}",
            "stop that process first: two would trade the same account",
        )
    elif machine.last_known_ms is not None and machine.last_known_ms > facts.now_ms + MINUTE_MS:
        yield _failed(
            "journal",
            f"{machine.journal} knows {moment(machine.last_known_ms)} UTC, and on the exchange it "
            f"is {moment(facts.now_ms)} UTC",
            "it is of another market: name another file with --journal",
        )
    else:
        yield _ok("journal", f"{machine.journal} can be written")
    if machine.account_holder:
        yield _failed(
            "account",
            f"{machine.account_holder} trades with this key on this machine",
            "stop that process first: two would trade the same account",
        )
    free = machine.free_bytes
    if free is not None:
        text = f"{free / (1 << 30):.1f} GiB free where the journal is"
        if free < _NO_DISK:
            yield _failed("disk", text, "make room: a journal that cannot be written stops trading")
        elif free < _LITTLE_DISK:
            yield _warning("disk", text, "make room before it fills up")
        else:
            yield _ok("disk", text)


def _clock(offset_ms: int, facts: Facts) -> Iterator[Check]:
    if facts.is_rehearsal:  # its time is taken from there
        return
    text = f"the exchange is {abs(offset_ms)} ms {'ahead' if offset_ms > 0 else 'behind'}"
    if abs(offset_ms) >= _CLOCK_WRONG_MS:
        yield _failed("clock", text, "set this machine's clock (NTP): bars end by it")
    elif abs(offset_ms) >= _CLOCK_WARNING_MS:
        yield _warning("clock", text, "set this machine's clock (NTP)")
    else:
        yield _ok("clock", text)


# -- the account ----------------------------------------------------------------------------------


def _key(facts: Facts) -> Iterator[Check]:
    rights = facts.rights
    if isinstance(rights, Unread):
        yield _unread("key", rights)
    elif rights is None:
        if not isinstance(facts.account, Unread):
            yield _ok("key", f"valid; what it may do cannot be asked on {facts.place}")
    else:
        if rights.trades_futures:
            yield _ok("key", "valid, and may trade futures")
        else:
            yield _failed("key", "may not trade futures", "allow Futures in the key's settings")
        if rights.withdraws:
            yield _failed(
                "key",
                "may WITHDRAW money",
                "take that right away from it: trading never needs it, and a thief would",
            )
        else:
            yield _ok("key", "may not withdraw")
        if not rights.is_bound_to_addresses:
            yield _warning(
                "key", "works from any address", "restrict it to this machine's IP address"
            )


def _account(facts: Facts) -> Iterator[Check]:
    yield _position_mode(facts)
    if isinstance(facts.is_multi_assets, Unread):
        yield _unread("margin mode", facts.is_multi_assets)
    elif facts.is_multi_assets:
        yield _failed(
            "margin mode",
            "multi-assets: a loss would take other assets too",
            "switch to single-asset mode in the futures preferences",
        )
    else:
        yield _ok("margin mode", "single-asset")
    account = facts.account
    if isinstance(account, Unread):
        yield _unread("balance", account)
    elif account.wallet <= 0:
        yield _failed(
            "balance", f"{account.wallet:.2f} USDT in the futures wallet", "transfer USDT into it"
        )
    else:
        yield _ok("balance", f"{account.wallet:.2f} USDT, {account.available:.2f} of it free")


def _position_mode(facts: Facts) -> Check:
    if isinstance(facts.is_hedge_mode, Unread):
        return _unread("position mode", facts.is_hedge_mode)
    if not facts.is_hedge_mode:
        return _ok("position mode", "one-way")
    in_the_way = [each.symbol for each in facts.symbols if _is_in_use(each)]
    if in_the_way:
        return _failed(
            "position mode",
            f"hedge mode, and {', '.join(in_the_way)} cannot be switched while in use",
            "close positions and cancel orders, or switch to one-way mode yourself",
        )
    return _ok("position mode", "hedge mode; will be set to one-way")


def _is_in_use(symbol: SymbolFacts) -> bool:
    """Whether it has a position or orders, as far as is known."""
    return symbol.has_position is True or bool(
        not isinstance(symbol.orders, Unread) and symbol.orders
    )


# -- symbols --------------------------------------------------------------------------------------


def _symbol(symbol: SymbolFacts, facts: Facts, config: PreflightConfig) -> Iterator[Check]:
    name = symbol.symbol
    if isinstance(symbol.is_trading, Unread):
        yield _unread(name, symbol.is_trading)
        return
    if not symbol.is_trading:
        yield _warning(name, "is not open for trading: no entries", "leave it out of SYMBOLS")
    yield from _filters(symbol, facts, config)
    yield from _margin_type(symbol)
    yield from _leverage(symbol, config)
    for unread in (symbol.has_position, symbol.orders):
        if isinstance(unread, Unread):
            yield _unread(name, unread)


def _filters(symbol: SymbolFacts, facts: Facts, config: PreflightConfig) -> Iterator[Check]:
    instrument, price, account = symbol.instrument, symbol.price, facts.account
    for unread in (instrument, price):
        if isinstance(unread, Unread):
            yield _unread(symbol.symbol, unread)
    if isinstance(instrument, Unread) or isinstance(price, Unread) or isinstance(account, Unread):
        return
    size = size_entry(
        Side.LONG,
        price=float(price),
        stop_distance=0.0,
        snapshot=float(account.wallet),
        base=float(account.wallet),
        instrument=instrument,
        limits=RiskLimits.of(config),
    )
    if isinstance(size, Refusal):
        yield _failed(
            symbol.symbol,
            f"this balance cannot buy its smallest order: {size.detail}",
            "add money, raise LEVERAGE, or trade fewer symbols",
        )
    else:
        yield _ok(
            symbol.symbol,
            f"filters read; a first entry is at most {size.normalize():f} "
            f"({float(size) * float(price):,.2f} USDT)",
        )


def _margin_type(symbol: SymbolFacts) -> Iterator[Check]:
    if isinstance(symbol.settings, Unread):
        yield _unread(symbol.symbol, symbol.settings)
    elif symbol.settings.is_isolated:
        yield _ok(symbol.symbol, "isolated margin")
    elif _is_in_use(symbol):
        yield _failed(
            symbol.symbol,
            "cross margin, which cannot be changed while it has a position or orders",
            "close and cancel them, or leave the symbol out",
        )
    else:
        yield _ok(symbol.symbol, "cross margin; will be set to isolated")


def _leverage(symbol: SymbolFacts, config: PreflightConfig) -> Iterator[Check]:
    settings, wanted = symbol.settings, int(config.leverage)
    if isinstance(settings, Unread):
        return
    most = _most_leverage(symbol.instrument)
    if most is not None and wanted > most:
        yield _failed(
            symbol.symbol,
            f"LEVERAGE = {wanted}, and the exchange allows {most}",
            f"set LEVERAGE to {most} or less, or leave the symbol out",
        )
    elif settings.leverage == wanted:
        yield _ok(symbol.symbol, f"leverage {wanted}")
    elif symbol.has_position is True:
        yield _failed(
            symbol.symbol,
            f"leverage {settings.leverage} with an open position, and LEVERAGE = {wanted}",
            f"start with LEVERAGE={settings.leverage} until it is closed, or close it",
        )
    else:
        yield _ok(symbol.symbol, f"leverage {settings.leverage}; will be set to {wanted}")


def _most_leverage(instrument: Instrument | Unread) -> int | None:
    if isinstance(instrument, Unread):
        return None
    return max((bracket.max_leverage for bracket in instrument.brackets), default=None)


def _correlations(correlations: Mapping[str, bool | Unread]) -> Iterator[Check]:
    for symbol, is_trading in correlations.items():
        if isinstance(is_trading, Unread):
            yield _unread(symbol, is_trading)
        elif not is_trading:
            yield _warning(symbol, "is not open for trading", "change CORRELATION_SYMBOLS")


def _other_instance(symbols: Sequence[SymbolFacts]) -> Iterator[Check]:
    unknown = [each for symbol in symbols for each in symbol.unknown_orders]
    if not unknown:
        yield _ok("one instance", "no open order of a cointrader that this journal does not know")
        return
    named = ", ".join(unknown[:_NAMED]) + (", ..." if len(unknown) > _NAMED else "")
    yield _failed(
        "one instance",
        f"open orders that a cointrader made and this journal does not know: {named}",
        "stop the other instance. If there is none, its journal is lost: bring it back, or close "
        "the position and cancel these orders on the exchange",
    )


# -- the rest -------------------------------------------------------------------------------------


def _streams(streams: Streams | None) -> Iterator[Check]:
    if streams is None:
        return
    if streams.problem:
        yield _failed("streams", streams.problem, "check firewall and proxy: WebSockets are needed")
    elif streams.silent:
        yield _warning("streams", "connected, and no candle came yet", "try again in a minute")
    else:
        yield _ok("streams", "market stream delivers, account stream is connected")


def _verdict(facts: Facts) -> Iterator[Check]:
    """Real money asks for an edge. What is open is managed without one."""
    state = facts.verdict
    if state is None:
        return
    if not facts.is_real_money:
        asked = f"{state.found}. --live asks for an edge" if state.refusal else state.found
        yield _ok("verdict", asked)
    elif state.refusal:
        held = [each.symbol for each in facts.symbols if each.has_position is True]
        if held:
            found = f"{state.found}. {', '.join(held)} is managed and closed as ever"
            yield _warning("verdict", found, state.todo)
        else:
            yield _failed("verdict", state.found, state.todo)
    elif state.is_doubtful:
        yield _warning("verdict", state.found, state.todo)
    else:
        yield _ok("verdict", state.found)


def _settings(facts: Facts, config: PreflightConfig) -> Iterator[Check]:
    yield from _models(facts)
    if config.fixed_notional is not None and not facts.is_rehearsal:
        yield _failed(
            "sizing", f"SIZING = {config.sizing} knows no limit", "use SIZING=account or risk"
        )
    if config.profile != "default":
        yield _warning(
            "profile",
            f"{config.profile}: without open-risk bound, drawdown halt and liquidation distance",
            "use PROFILE=default",
        )


def _models(facts: Facts) -> Iterator[Check]:
    """Never a reason not to start: what is open is managed without a model."""
    for state in facts.models:
        if state.identity == BROKEN:
            yield _warning("model", f"{state.symbol}: {state.words}", state.todo)
        else:
            yield _ok("model", f"{state.symbol}: {state.words}")
        if state.differences:
            yield _warning(
                "model",
                f"{state.symbol}: trained with other settings: {'; '.join(state.differences)}",
                "train it with these settings, or trade with those",
            )
    known = {state.symbol for state in facts.models}
    meant = [symbol for symbol, is_meant in facts.unfiltered.items() if is_meant]
    without = [symbol for symbol in facts.unfiltered if symbol not in (*known, *meant)]
    if without:
        yield _warning(
            "model",
            f"there is none for {', '.join(without)}: no entries",
            "NO_ML_FILTER=true trades every signal, if that is meant",
        )
    if meant or not (known or without):
        whose = f" for {', '.join(meant)}" if known or without else ""
        yield _warning(
            "model",
            f"none{whose}, and none is asked for: every signal trades (NO_ML_FILTER)",
        )


def _ok(name: str, found: str) -> Check:
    return Check(name, Verdict.OK, found)


def _warning(name: str, found: str, todo: str = "") -> Check:
    return Check(name, Verdict.WARNING, found, todo)


def _failed(name: str, found: str, todo: str) -> Check:
    return Check(name, Verdict.FAILED, found, todo)


def _unread(name: str, unread: Unread) -> Check:
    return _failed(name, unread.why, unread.todo or "try again: it must be known before trading")
