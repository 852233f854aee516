"""The migrations lead to the tables as the code knows them, in each database."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from acpublish.store.database import open_for_writing
from acpublish.store.schema import SCHEMA, VERSION_TABLE, metadata


def scripts() -> ScriptDirectory:
    config = Config()
    folder = resources.files("acpublish.store") / "migrations"
    config.set_main_option("script_location", str(folder))
    return ScriptDirectory.from_config(config)


def test_the_migrations_make_the_tables_that_the_code_knows(tmp_path: Path) -> None:
    engine = open_for_writing(tmp_path / "fleet.db")
    with engine.connect() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == str(SCHEMA)


def test_each_schema_has_its_migration_and_each_follows_the_one_before() -> None:
    revisions = {script.revision: script.down_revision for script in scripts().walk_revisions()}
    numbers = range(1, SCHEMA + 1)
    assert revisions == {str(at): str(at - 1) if at > 1 else None for at in numbers}
    assert scripts().get_current_head() == str(SCHEMA)


def test_every_table_can_be_made_in_each_database() -> None:
    for table in metadata.tables.values():
        assert list(table.primary_key.columns), table.name
        for dialect in (sqlite.dialect(), postgresql.dialect()):  # type: ignore[no-untyped-call]
            assert f"CREATE TABLE {table.name}" in str(CreateTable(table).compile(dialect=dialect))
