"""How each record lies in its table: one line per record.

A table's columns are the fields of its record, in order (of the value inside, where a record only
wraps one); how a field is kept follows from its type. So encoding and decoding cannot drift apart,
and a test holds the columns against `schema`: a changed field asks for a migration.
Money is kept as decimal text, digit for digit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from typing import Any, Generic, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from cointrader.domain.records import (
    Alert,
    BotState,
    Decision,
    EquityMarked,
    ExchangeState,
    FillSeen,
    FundingPaid,
    Intent,
    OrderSeen,
    PositionOpened,
    Record,
    RiskEvent,
    RiskState,
    RunStarted,
    TradeClosed,
    VerdictOverridden,
)

R = TypeVar("R")
Doubles = Literal["kept", "first", "last"]  # which of two records with the same key counts


class Table(Generic[R]):
    """The table of one kind of record: its columns, its insert, and both directions.

    Parameters
    ----------
    record : the dataclass kept here
    time : the column that ranges and order go by
    key, doubles : records equal in `key` are one; the first or the last of them counts
    """

    def __init__(
        self,
        record: type[R],
        name: str,
        *,
        time: str,
        key: Sequence[str] = (),
        doubles: Doubles = "kept",
    ) -> None:
        wrapper, value, path = _unwrapped(record)
        hints = get_type_hints(value)
        kinds = {field.name: _kind(hints[field.name]) for field in dataclasses.fields(value)}
        self.record, self.name, self.time = record, name, time
        self.columns = tuple(kinds)
        self.insert = _insert(name, self.columns, key, doubles)
        self._values = attrgetter(*(path + column for column in self.columns))
        self._encoders = [(i, k.encode) for i, k in enumerate(kinds.values()) if k.encode]
        self._decoders = [(i, k.decode) for i, k in enumerate(kinds.values()) if k.decode]
        self._value, self._wrapper = value, wrapper

    def encode(self, record: R) -> list[object]:
        """The record as values SQLite can bind, in column order."""
        values = list(self._values(record))
        for index, encode in self._encoders:
            values[index] = encode(values[index])
        return values

    def decode(self, row: Sequence[object]) -> R:
        """The record that `encode` made this row of."""
        values = list(row)
        for index, decode in self._decoders:
            values[index] = decode(values[index])
        value = self._value(*values)
        record: R = value if self._wrapper is None else self._wrapper(value)
        return record


class _Kind(NamedTuple):
    """How values of one type are kept; None where SQLite takes and gives them as they are."""

    encode: Callable[[Any], object] | None = None
    decode: Callable[[Any], object] | None = None


def _clean(text: str) -> str:
    """UTF-8 has no lone surrogates; one in an exchange's message must not fail a commit."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _to_json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _tuple_from_json(text: str) -> tuple[str, ...]:
    return tuple(msgspec.json.decode(text))


# SQLite keeps a float that is not a number as NULL: a column that needs a number refuses it.
_KINDS: Mapping[object, _Kind] = {
    int: _Kind(),
    float: _Kind(),
    bool: _Kind(int, bool),
    str: _Kind(_clean),
    Decimal: _Kind(str, Decimal),
    tuple: _Kind(_to_json, _tuple_from_json),
    Mapping: _Kind(_to_json, msgspec.json.decode),
}


def _kind(hint: Any) -> _Kind:
    """How values of the type `hint` are kept."""
    inner = get_args(hint)
    if type(None) in inner:
        return _optional(_kind(next(each for each in inner if each is not type(None))))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _Kind(str, {member.value: member for member in hint}.__getitem__)
    return _KINDS[get_origin(hint) or hint]


def _optional(kind: _Kind) -> _Kind:
    def passing_none(
        convert: Callable[[Any], object] | None,
    ) -> Callable[[Any], object] | None:
        if convert is None:
            return None
        return lambda value: None if value is None else convert(value)

    return _Kind(passing_none(kind.encode), passing_none(kind.decode))


def _unwrapped(record: type[Any]) -> tuple[type[Any] | None, type[Any], str]:
    """The wrapper, if the record is one; the dataclass whose fields are kept; the way to it."""
    hints = get_type_hints(record)
    if len(hints) == 1:
        ((name, value),) = hints.items()
        return record, value, f"{name}."
    return None, record, ""


def _insert(name: str, columns: Sequence[str], key: Sequence[str], doubles: Doubles) -> str:
    # `ON CONFLICT (key)` and not `INSERT OR IGNORE`, which would also swallow missing values.
    marks = ", ".join("?" * len(columns))
    insert = f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})"
    if doubles == "kept":
        return insert
    if doubles == "first":
        return f"{insert} ON CONFLICT ({', '.join(key)}) DO NOTHING"
    news = ", ".join(f"{column} = excluded.{column}" for column in columns if column not in key)
    return f"{insert} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {news}"


# What the exchange tells twice happened once: the first counts. What we say again, after a crash
# or about a bar decided anew, we know better now: the last counts.
RUNS = Table(RunStarted, "runs", time="at_ms")
DECISIONS = Table(
    Decision,
    "decisions",
    time="bar_open_ms",
    key=("bar_open_ms", "symbol"),
    doubles="last",
)
INTENTS = Table(Intent, "intents", time="at_ms", key=("client_order_id",), doubles="last")
ORDERS = Table(OrderSeen, "orders", time="updated_ms")
FILLS = Table(FillSeen, "fills", time="at_ms", key=("symbol", "trade_id"), doubles="first")
FUNDING = Table(FundingPaid, "funding", time="at_ms", key=("symbol", "at_ms"), doubles="first")
POSITIONS = Table(PositionOpened, "positions", time="entry_bar_ms")
TRADES = Table(
    TradeClosed,
    "trades",
    time="exit_time_ms",
    key=("trade_id", "symbol", "entry_time_ms"),
    doubles="last",
)
EQUITY = Table(EquityMarked, "equity", time="at_ms", key=("at_ms",), doubles="last")
RISK_EVENTS = Table(RiskEvent, "risk_events", time="at_ms")
RISK_STATE = Table(RiskState, "risk_state", time="at_ms", key=("id",), doubles="last")
BOTS = Table(BotState, "bots", time="at_ms")
EXCHANGE_STATE = Table(ExchangeState, "exchange_state", time="at_ms", key=("id",), doubles="last")
VERDICT_OVERRIDES = Table(VerdictOverridden, "verdict_overrides", time="at_ms")
ALERTS = Table(Alert, "alerts", time="at_ms")

TABLES: Mapping[type[Record], Table[Any]] = {
    table.record: table
    for table in (
        RUNS,
        DECISIONS,
        INTENTS,
        ORDERS,
        FILLS,
        FUNDING,
        POSITIONS,
        TRADES,
        EQUITY,
        RISK_EVENTS,
        RISK_STATE,
        BOTS,
        EXCHANGE_STATE,
        VERDICT_OVERRIDES,
        ALERTS,
    )
}
