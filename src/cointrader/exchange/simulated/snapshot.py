"""A simulated account as plain JSON values, and back, to the last digit.

Sums, positions, resting and remembered orders, recent fills and funding, and what was changed while
running; not the market and not the subscribers: those belong to the exchange that the account is
restored into. Long lists are rows without names: there are hundreds of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from typing import Any, Generic, TypeVar, get_args, get_type_hints

from cointrader.domain.errors import DataError
from cointrader.domain.events import FundingSettled
from cointrader.domain.instrument import Instrument, LeverageBracket
from cointrader.domain.order import DetailedFill, DetailedReport
from cointrader.domain.position import Position
from cointrader.exchange.simulated.account import SimulatedAccount
from cointrader.exchange.simulated.history import History
from cointrader.exchange.simulated.orders import OrderDesk
from cointrader.exchange.simulated.resting import Resting, Trail

_VERSION = 2
_SUMS = ("wallet", "initial", "deposits", "withdrawals", "gross", "fees", "funding")

Plain = dict[str, Any]
Row = Sequence[Any]
Value = TypeVar("Value")


class _Rows(Generic[Value]):
    """Values of one dataclass as rows of JSON values, in the order of its fields, and back."""

    def __init__(self, made: Callable[..., Value], *, without: Sequence[str] = ()) -> None:
        hints = get_type_hints(made)
        self._names = [name for name in hints if name not in without]
        types = [_plain_type(hints[name]) for name in self._names]
        self._made = made
        self._values = attrgetter(*self._names)
        self._texts = [i for i, each in enumerate(types) if each is Decimal]
        self._enums = [i for i, each in enumerate(types) if issubclass(each, StrEnum)]
        self._converted = [(i, types[i]) for i in (*self._texts, *self._enums)]

    def to_plain(self, value: Value) -> list[Any]:
        row = list(self._values(value))
        for place in self._texts:
            if row[place] is not None:
                row[place] = str(row[place])
        for place in self._enums:
            row[place] = row[place].value
        return row

    def from_plain(self, row: Row) -> Value:
        values = list(row)
        for place, convert in self._converted:
            if values[place] is not None:
                values[place] = convert(values[place])
        return self._made(**dict(zip(self._names, values, strict=True)))


def _plain_type(hint: Any) -> type[Any]:
    """The type of a field's values; None beside it is left out."""
    given = [each for each in get_args(hint) if each is not type(None)]
    found: type[Any] = given[0] if given else hint
    return found


_REPORTS = _Rows(DetailedReport)
_FILLS = _Rows(DetailedFill)
_FUNDING = _Rows(FundingSettled)
_POSITIONS = _Rows(Position, without=("liquidation_price",))
_INSTRUMENTS = _Rows(Instrument, without=("brackets",))
_BRACKETS = _Rows(LeverageBracket)
_TRAILS = _Rows(Trail)


def to_plain(account: SimulatedAccount) -> Plain:
    """The account's state; ``json.dumps`` takes it."""
    ledger = account.ledger
    return {
        "version": _VERSION,
        "sums": {name: str(getattr(ledger, name)) for name in _SUMS},
        "positions": [_POSITIONS.to_plain(held) for held in ledger.positions.values()],
        "leverages": dict(ledger.leverages),
        "settling": sorted(account.settling),
        "instruments": [
            _instrument_to_plain(account.instruments[symbol])
            for symbol in sorted(account.changed_instruments)
        ],
        "symbols": {symbol: _symbol_to_plain(account, symbol) for symbol in account.desks},
    }


def restore_into(account: SimulatedAccount, state: Mapping[str, Any]) -> None:
    """Replace the account's state by `state`. Symbols it does not trade must hold nothing."""
    if state.get("version") != _VERSION:
        raise DataError(
            "a simulated account was stored in another format",
            found=state.get("version"),
            allowed=str(_VERSION),
            todo="start a new account",
        )
    positions = [_POSITIONS.from_plain(row) for row in state["positions"]]
    orphans = {held.symbol for held in positions} - set(account.desks)
    if orphans:
        raise DataError(
            "a stored position belongs to a symbol that is not traded now",
            found=", ".join(sorted(orphans)),
            todo="start with that symbol too, or start a new account",
        )
    for name in _SUMS:
        setattr(account.ledger, name, Decimal(state["sums"][name]))
    account.ledger.positions = {held.symbol: held for held in positions}
    account.ledger.leverages = dict(state["leverages"])
    account.settling.clear()
    account.settling.update(state["settling"])
    for row in state["instruments"]:
        _restore_instrument(account, row)
    for symbol in account.desks:
        _restore_symbol(account, symbol, state["symbols"].get(symbol, _NOTHING))
    account.restored()


_NOTHING: Mapping[str, Any] = {
    "resting": (),
    "ended": (),
    "fills": (),
    "funding": (),
    "next_trade_id": 1,
    "position_since_ms": 0,
}


def _symbol_to_plain(account: SimulatedAccount, symbol: str) -> Plain:
    desk = account.desks[symbol]
    return {
        "resting": [_resting_to_plain(order) for order in desk.resting.values()],
        "ended": [_REPORTS.to_plain(report) for report in desk.ended.values()],
        "fills": [_FILLS.to_plain(fill) for fill in account.fills[symbol]],
        "funding": [_FUNDING.to_plain(paid) for paid in account.funding[symbol]],
        "next_trade_id": account.next_trade_id[symbol],
        "position_since_ms": account.position_since_ms[symbol],
    }


def _restore_symbol(account: SimulatedAccount, symbol: str, stored: Mapping[str, Any]) -> None:
    desk = account.desks[symbol] = OrderDesk()
    for report, trail, *until in stored["resting"]:
        seen = None if trail is None else _TRAILS.from_plain(trail)
        desk.rest(_REPORTS.from_plain(report), seen, *until)
    for row in stored["ended"]:
        desk.end(_REPORTS.from_plain(row))
    account.fills[symbol] = History(map(_FILLS.from_plain, stored["fills"]))
    account.funding[symbol] = History(map(_FUNDING.from_plain, stored["funding"]))
    account.next_trade_id[symbol] = stored["next_trade_id"]
    account.position_since_ms[symbol] = stored["position_since_ms"]


def _resting_to_plain(order: Resting) -> Row:
    trail = None if order.trail is None else _TRAILS.to_plain(order.trail)
    until = [] if order.until_ms is None else [order.until_ms]
    return [_REPORTS.to_plain(order.report), trail, *until]


def _instrument_to_plain(instrument: Instrument) -> Row:
    brackets = [_BRACKETS.to_plain(bracket) for bracket in instrument.brackets]
    return [_INSTRUMENTS.to_plain(instrument), brackets]


def _restore_instrument(account: SimulatedAccount, row: Row) -> None:
    plain, brackets = row
    instrument = replace(
        _INSTRUMENTS.from_plain(plain), brackets=tuple(map(_BRACKETS.from_plain, brackets))
    )
    if instrument.symbol in account.desks:
        account.instruments[instrument.symbol] = instrument
        account.changed_instruments.add(instrument.symbol)
