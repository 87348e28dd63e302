"""Whatever a record holds, it comes back from disk digit for digit and letter for letter."""

import dataclasses
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from decimal import Decimal
from enum import StrEnum
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cointrader.journal import rows, schema
from cointrader.journal.tables import TABLES

TEXT = st.text(max_size=30)
MONEY = st.decimals(allow_nan=False) | st.sampled_from(
    [Decimal("1E-28"), Decimal("-0.00"), Decimal("9" * 28), Decimal("1E+30"), Decimal("0E-18")]
)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
PLAIN = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
BY_TYPE: Mapping[Any, st.SearchStrategy[Any]] = {
    int: INTEGERS,
    # SQLite keeps no negative zero; no price and no probability is one.
    float: st.floats(allow_nan=False).map(lambda number: number + 0.0),
    bool: st.booleans(),
    str: TEXT,
    Decimal: MONEY,
    object: PLAIN,
}


@pytest.fixture(scope="module")
def database():
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.migrate(connection, ":memory:")
        yield connection


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Any value a field of this type may hold."""
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint)
        return st.builds(hint, **{name: values_of(inner) for name, inner in hints.items()})
    inner = get_args(hint)
    if type(None) in inner:
        return st.none() | values_of(inner[0])
    if get_origin(hint) is tuple:
        return st.lists(values_of(inner[0]), max_size=5).map(tuple)
    if get_origin(hint) is Mapping:
        return st.dictionaries(values_of(inner[0]), values_of(inner[1]), max_size=5)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return st.sampled_from(list(hint))
    return BY_TYPE[hint]


@pytest.mark.parametrize("kind", TABLES, ids=lambda kind: kind.__name__)
@settings(deadline=None)  # a slow disk or a busy machine is no failure
@given(data=st.data())
def test_record_comes_back_exactly(kind, database, data):
    record = data.draw(values_of(kind))

    database.execute(f"DELETE FROM {TABLES[kind].name}")
    rows.insert(database, [record])
    (found,) = rows.select(database, TABLES[kind])

    assert repr(found) == repr(record)  # repr tells 1.0 from 1.00 and 0 from -0
