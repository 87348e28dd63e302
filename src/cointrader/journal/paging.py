"""Parts of long lists: newest first, and a `Place` says where a list goes on.

Records that come meanwhile do not move a list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from cointrader.journal.reader import JournalReader
from cointrader.journal.tables import Table
from cointrader.journal.trouble import explaining

R = TypeVar("R")


class Place(NamedTuple):
    """Where a list ended: the time of its last record, and its row."""

    at_ms: int
    row: int


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """A part of a list. `next` is None where nothing older is left.

    `looked_to_ms` is the time of the oldest record that was looked at.
    """

    records: list[R]
    next: Place | None
    looked_to_ms: int | None = None


class PagingReader(JournalReader):
    """A `JournalReader` that can show a part of a list."""

    @contextmanager
    def at_one_moment(self) -> Iterator[None]:
        """All that is read inside is the journal as of the first question."""
        with explaining(self._where):
            self._connection.execute("BEGIN")
        try:
            yield
        finally:
            with explaining(self._where):
                self._connection.execute("ROLLBACK")

    def _page(
        self,
        table: Table[R],
        wanted: list[tuple[str, Any]],
        span: list[tuple[str, Any]],
        *,
        after: Place | None,
        limit: int,
        most_looked: int | None = None,
    ) -> Page[R]:
        time = table.time
        floor_ms = None
        if most_looked is not None and any(value is not None for _, value in wanted):
            floor_ms = self._floor_ms(table, span, after, most_looked)
        where, values = where_of(
            [*span, (f"({time}, rowid) < (?, ?)", after), (f"{time} >= ?", floor_ms), *wanted]
        )
        query = (
            f"SELECT {', '.join(table.columns)}, {time}, rowid FROM {table.name}{where} "
            f"ORDER BY {time} DESC, rowid DESC LIMIT ?"
        )
        rows = self._rows(query, [*values, limit + 1])
        records = [table.decode(row[:-2]) for row in rows[:limit]]
        if len(rows) > limit:
            place = Place(*rows[limit - 1][-2:])
            return Page(records, place, place.at_ms)
        if floor_ms is not None:
            return Page(records, Place(floor_ms, 0), floor_ms)
        return Page(records, None)

    def _floor_ms(
        self, table: Table[R], span: list[tuple[str, Any]], after: Place | None, most: int
    ) -> int | None:
        """The time of the record that is `most` below the place; None where there are fewer."""
        where, values = where_of([*span, (f"({table.time}, rowid) < (?, ?)", after)])
        query = (
            f"SELECT {table.time} FROM {table.name}{where} "
            f"ORDER BY {table.time} DESC, rowid DESC LIMIT 1 OFFSET ?"
        )
        found = self._rows(query, [*values, most])
        return found[0][0] if found else None

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with explaining(self._where):
            return self._connection.execute(query, values).fetchall()


def where_of(conditions: Iterable[tuple[str, Any]]) -> tuple[str, list[Any]]:
    """SQL and its values; a condition without a value is left out, one with several "?" has its
    value (or its tuple of values) for all of them."""
    given = [(sql, value) for sql, value in conditions if value is not None]
    values: list[Any] = []
    for sql, value in given:
        values += list(value) if isinstance(value, tuple) else [value] * sql.count("?")
    return (" WHERE " + " AND ".join(sql for sql, _ in given) if given else ""), values
