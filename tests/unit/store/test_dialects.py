from __future__ import annotations

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.dialects import postgresql, sqlite

from acpublish.store import schema
from acpublish.store.dialects import Upsert, key_parameters, removal, upsert


@pytest.mark.parametrize(
    ("name", "dialect"), [("sqlite", sqlite.dialect()), ("postgresql", postgresql.dialect())]
)
def test_an_upsert_replaces_all_but_the_key(name: str, dialect: object) -> None:
    text = str(upsert(schema.chosen, name).compile(dialect=dialect))  # type: ignore[arg-type]
    assert "ON CONFLICT (rollout_id, device_id) DO UPDATE SET stage = excluded.stage" in text
    text = str(upsert(schema.added, name).compile(dialect=dialect))  # type: ignore[arg-type]
    assert "ON CONFLICT (rollout_id, device_id) DO NOTHING" in text


def test_rows_are_put_replaced_and_removed() -> None:
    table = schema.chosen
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        table.create(connection)
        put = Upsert(table, engine.dialect)
        put.run(connection, [("r", "d", 1), ("r", "e", 1)])
        put.run(connection, [("r", "d", 2)])
        assert sorted(connection.execute(select(table))) == [("r", "d", 2), ("r", "e", 1)]
        connection.execute(removal(table, ("r", "e")), [key_parameters(table, ("r", "e"))])
        assert list(connection.execute(select(table))) == [("r", "d", 2)]


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 63, 64, 65, 200])
def test_any_number_of_rows_is_written(count: int) -> None:
    engine = create_engine("sqlite://")
    rows = [("r", f"d{number:03}", number) for number in range(count)]
    with engine.begin() as connection:
        schema.chosen.create(connection)
        put = Upsert(schema.chosen, engine.dialect)
        put.run(connection, rows)
        put.run(connection, [(*key, stage + 1) for *key, stage in rows])
        after = [(*key, stage + 1) for *key, stage in rows]
        assert sorted(connection.execute(select(schema.chosen))) == after


def test_other_databases_get_their_parameters_by_name() -> None:
    put = Upsert(schema.chosen, postgresql.dialect())  # type: ignore[no-untyped-call]
    text, names = put._compile(8)
    assert len(names) == 24
    assert all(f"%({name})s" in text for name in names)


def test_a_part_of_a_key_removes_all_rows_that_have_it() -> None:
    table = schema.chosen
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        table.create(connection)
        Upsert(table, engine.dialect).run(connection, [("r", "d", 1), ("s", "d", 1), ("s", "e", 1)])
        connection.execute(removal(table, (None, "d")), [key_parameters(table, (None, "d"))])
        assert list(connection.execute(select(table))) == [("s", "e", 1)]


def test_a_key_of_the_wrong_length_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        key_parameters(schema.chosen, ("r",))
