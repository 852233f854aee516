"""Statements that differ between databases, though both know them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Dialect, Table, and_, bindparam, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Delete

from acpublish.store.sqlite_file import MAX_PARAMETERS

#: How many rows a statement has, unless it would have too many parameters; what is left over goes
#: into smaller ones.
_SIZES = (512, 128, 16, 4, 1)
#: Binding so many takes a millisecond, in which no other thread runs.
_PARAMETERS = min(4_096, MAX_PARAMETERS)


def upsert(
    table: Table, dialect: str, newest: str | None = None
) -> postgresql.Insert | sqlite.Insert:
    """Returns the statement that inserts a row, or replaces the one with the same primary key.

    Args:
        table: The table.
        dialect: The database, by SQLAlchemy's name for it.
        newest: The column by which a row that is newer stays; None if none does.
    """
    statement: Any = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    key = list(table.primary_key.columns)
    rest = {
        column.name: statement.excluded[column.name]
        for column in table.columns
        if column not in key
    }
    if not rest:
        return statement.on_conflict_do_nothing(index_elements=key)  # type: ignore[no-any-return]
    return statement.on_conflict_do_update(  # type: ignore[no-any-return]
        index_elements=key,
        set_=rest,
        where=None if newest is None else statement.excluded[newest] >= table.columns[newest],
    )


class Upsert:
    """An upsert that is compiled once, because very many rows are written with it.

    Several rows are one statement. While a database executes one, other threads of Python run, and
    it has to wait for them afterwards: row by row, a busy event loop would cost it 5 ms for each.
    """

    def __init__(self, table: Table, dialect: Dialect, newest: str | None = None) -> None:
        """Prepares it.

        Args:
            table: The table.
            dialect: The database's.
            newest: The column by which a row that is newer stays; None if none does.
        """
        self._table, self._dialect, self._newest = table, dialect, newest
        self._names = [column.name for column in table.columns]
        self._sizes = [size for size in _SIZES if size * len(self._names) <= _PARAMETERS]
        self._compiled: dict[int, tuple[str, list[str]]] = {}

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Writes rows of different keys, with their values in the order of the columns."""
        at = 0
        for size in self._sizes:
            while len(rows) - at >= size:
                self._run(connection, rows[at : at + size])
                at += size

    def _run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        size = len(rows)
        if size not in self._compiled:
            self._compiled[size] = self._compile(size)
        text, names = self._compiled[size]
        values = chain.from_iterable(rows)
        positional = self._dialect.positional
        parameters: Any = tuple(values) if positional else dict(zip(names, values, strict=True))
        connection.exec_driver_sql(text, parameters)

    def _compile(self, size: int) -> tuple[str, list[str]]:
        """Returns the text of an upsert of so many rows, and the names of its parameters."""
        rows: list[dict[str, Any]] = [
            {name: bindparam(f"{name}_{at}") for name in self._names} for at in range(size)
        ]
        statement = upsert(self._table, self._dialect.name, self._newest).values(rows)
        names = [f"{name}_{at}" for at in range(size) for name in self._names]
        return str(statement.compile(dialect=self._dialect)), names


def removal(table: Table, key: tuple[object, ...]) -> Delete:
    """Returns the statement that deletes the row with a key, or all with a part of one.

    Its parameters are :func:`key_parameters`, also for another key with values at the same places.

    Args:
        table: The table.
        key: The values of the primary key; None for those that do not matter.
    """
    columns = table.primary_key.columns
    conditions = (
        column == bindparam(f"{column.name}_")
        for column, value in zip(columns, key, strict=True)
        if value is not None
    )
    return delete(table).where(and_(*conditions))


def key_parameters(table: Table, key: tuple[object, ...]) -> dict[str, object]:
    """Returns the parameters of :func:`removal` for a key."""
    names = (f"{column.name}_" for column in table.primary_key.columns)
    parameters = zip(names, key, strict=True)
    return {name: value for name, value in parameters if value is not None}
