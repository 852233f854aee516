from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from acpublish.store.sqlite_file import (
    copy_into,
    damage_of,
    engine_for,
    meaning_of,
)


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "a b?.db"
    path.touch()
    with engine_for(path).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")
    assert path.stat().st_size, "a name with signs of a URL is that of the file"
    with (
        engine_for(path, read_only=True).connect() as connection,
        pytest.raises(OperationalError, match="readonly"),
    ):
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")


def test_changes_are_flushed_and_readers_do_not_wait(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.touch()
    with engine_for(path).connect() as connection:
        modes = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous")
        ]
        assert modes == ["wal", 2]
        connection.exec_driver_sql("CREATE TABLE t (x)")
        connection.commit()
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        with engine_for(path, read_only=True).connect() as reader:
            assert reader.exec_driver_sql("SELECT count(*) FROM t").scalar() == 0


def test_a_copy_is_one_file_and_is_whole(tmp_path: Path) -> None:
    path, copy = tmp_path / "a.db", tmp_path / "b.db"
    path.touch()
    engine = engine_for(path)
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")
        connection.exec_driver_sql("INSERT INTO t VALUES (7)")
        connection.commit()
        copy_into(engine, copy)
    assert damage_of(engine_for(copy, read_only=True)) == ""
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT x FROM t").fetchone() == (7,)
    assert not list(tmp_path.glob("b.db-*"))


def test_damage_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (x)")
    connection.execute("CREATE INDEX i ON t (x)")
    connection.executemany(
        "INSERT INTO t VALUES (?)", [(str(number) * 50,) for number in range(99)]
    )
    connection.commit()
    connection.close()
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\x55" * (len(content) - 4096))
    assert damage_of(engine_for(path, read_only=True))


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("database or disk is full", "the disk is full"),
        ("attempt to write a readonly database", "it is read-only"),
        ("database is locked", "another process has locked it"),
        ("file is not a database", "the file is damaged"),
        ("database disk image is malformed", "the file is damaged"),
        ("unable to open database file", "it cannot be opened"),
        ("disk I/O error", "the disk reports an error"),
        ("something else\nwith lines", "something else"),
    ],
)
def test_errors_have_a_meaning_and_a_hint(text: str, meaning: str) -> None:
    told, hint = meaning_of(sqlite3.OperationalError(text))
    assert told == meaning
    assert hint.endswith(".")
