"""Statements that differ between databases, though both know them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Table, and_, bindparam, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Delete


def upsert(table: Table, dialect: str) -> postgresql.Insert | sqlite.Insert:
    """Returns the statement that inserts a row, or replaces the one with the same primary key.

    Args:
        table: The table.
        dialect: The database, by SQLAlchemy's name for it.
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
        index_elements=key, set_=rest
    )


class Upsert:
    """An upsert that is compiled once, because very many rows are written with it."""

    def __init__(self, table: Table, dialect: Dialect) -> None:
        """Compiles it.

        Args:
            table: The table.
            dialect: The database's.
        """
        compiled: Any = upsert(table, dialect.name).compile(dialect=dialect)
        self._text = str(compiled)
        self._values = itemgetter(*compiled.positiontup) if compiled.positional else dict

    def run(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Writes rows, each of which has a value for every column."""
        connection.exec_driver_sql(self._text, [self._values(row) for row in rows])


def removal(table: Table) -> Delete:
    """Returns the statement that deletes a row; its parameters are :func:`key_parameters`."""
    conditions = (column == bindparam(f"{column.name}_") for column in table.primary_key.columns)
    return delete(table).where(and_(*conditions))


def key_parameters(table: Table, key: tuple[object, ...]) -> dict[str, object]:
    """Returns the parameters of :func:`removal` for a row."""
    names = (f"{column.name}_" for column in table.primary_key.columns)
    return dict(zip(names, key, strict=True))
