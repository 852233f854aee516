"""A store of each schema is upgraded by whoever opens it, and has all that it had."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from acpublish.store.copies import back_up, restore
from acpublish.store.database import path_of
from acpublish.store.fleet_store import FleetStore
from acpublish.store.schema import SCHEMA, VERSION_TABLE, metadata
from acpublish.store.stored import read
from tests.compat.stores.__main__ import content
from tests.unit.store.making import full_device, opened

STORES = Path(__file__).resolve().parent / "stores"
SCHEMAS = [*range(1, SCHEMA + 1)]


def old_store(schema: int, path: Path) -> None:
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((STORES / f"schema-{schema}.sql").read_text(encoding="utf-8"))


def recorded(schema: int) -> Any:
    return json.loads((STORES / f"schema-{schema}.json").read_text(encoding="utf-8"))


def assert_has(new: Any, old: Any, where: str = "") -> None:
    """Fails if anything of the old document is missing; later versions only add to it."""
    if isinstance(old, dict):
        assert isinstance(new, dict), where
        for name, value in old.items():
            assert name in new, f"{where}.{name}"
            assert_has(new[name], value, f"{where}.{name}")
    elif isinstance(old, list):
        assert len(new) == len(old), where
        for number, value in enumerate(old):
            assert_has(new[number], value, f"{where}[{number}]")
    else:
        assert new == old, where


@pytest.mark.parametrize("schema", SCHEMAS)
def test_it_has_all_that_it_had(schema: int, tmp_path: Path) -> None:
    old_store(schema, path_of(tmp_path))
    with opened(tmp_path) as store:
        assert_has(content(store.load()), recorded(schema))
        store.keep(full_device(99)).result(5)
    assert len(read(tmp_path).devices) == len(recorded(schema)["devices"]) + 1
    with closing(sqlite3.connect(path_of(tmp_path))) as connection:
        (number,) = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()
    assert int(number) == SCHEMA


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_backup_of_it_is_restored(schema: int, tmp_path: Path) -> None:
    old_store(schema, tmp_path / "old" / "a.db")
    copied = restore(tmp_path / "state", tmp_path / "old" / "a.db")
    assert copied.devices == len(recorded(schema)["devices"])
    FleetStore.open(tmp_path / "state").close()
    assert_has(content(read(tmp_path / "state")), recorded(schema))
    assert back_up(tmp_path / "state", tmp_path / "b.db").devices == copied.devices


@pytest.mark.parametrize("schema", SCHEMAS)
def test_its_record_has_something_in_every_table(schema: int) -> None:
    dump = (STORES / f"schema-{schema}.sql").read_text(encoding="utf-8")
    made = [name for name in metadata.tables if f"CREATE TABLE {name} " in dump]
    assert [name for name in made if f'INSERT INTO "{name}"' not in dump] == []
    assert made
