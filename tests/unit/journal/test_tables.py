import sqlite3
from contextlib import closing

import pytest

from cointrader.domain.records import Alert, Decision, Record
from cointrader.journal import rows, schema
from cointrader.journal.tables import ALERTS, DECISIONS, TABLES
from tests.unit.journal.examples import EVERY_KIND, T0


def a_database() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    schema.migrate(connection, ":memory:")
    return connection


def test_every_kind_of_record_has_a_table_and_an_example():
    assert set(TABLES) == set(Record.__args__) == {type(record) for record in EVERY_KIND}


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_table_has_exactly_the_columns_of_its_record(table):
    with closing(a_database()) as connection:
        found = connection.execute(f"SELECT name FROM pragma_table_info('{table.name}')")
        columns = [name for (name,) in found if name != "id"]

    assert columns == list(table.columns), "a record changed: write a migration"


@pytest.mark.parametrize("record", EVERY_KIND, ids=lambda record: type(record).__name__)
def test_record_read_back_is_the_record_written(record):
    with closing(a_database()) as connection:
        rows.insert(connection, [record])

        assert list(rows.select(connection, TABLES[type(record)])) == [record]


def test_money_is_kept_digit_for_digit():
    assert TABLES[type(EVERY_KIND[0])].encode(EVERY_KIND[0])[6] == "1000"


def test_text_that_is_no_unicode_is_kept_as_far_as_it_can_be():
    with closing(a_database()) as connection:
        rows.insert(connection, [Alert(T0, "info", "", "code \ud800 from the exchange")])

        (alert,) = rows.select(connection, ALERTS)
    assert alert.text == "code ? from the exchange"


def test_probability_that_is_not_a_number_reads_as_none():
    with closing(a_database()) as connection:
        rows.insert(connection, [Decision("A", T0, "HOLD", None, 0, (), probability=float("nan"))])

        (decision,) = rows.select(connection, DECISIONS)
    assert decision.probability is None
