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
    row = {"rollout_id": "r", "device_id": "d", "stage": 1}
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        table.create(connection)
        put = Upsert(table, engine.dialect)
        put.run(connection, [row, {**row, "device_id": "e"}])
        put.run(connection, [{"stage": 2, "device_id": "d", "rollout_id": "r"}])
        assert sorted(connection.execute(select(table))) == [("r", "d", 2), ("r", "e", 1)]
        connection.execute(removal(table), [key_parameters(table, ("r", "e"))])
        assert list(connection.execute(select(table))) == [("r", "d", 2)]


def test_a_key_of_the_wrong_length_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        key_parameters(schema.chosen, ("r",))
