"""Who may open which store."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from acpublish.errors import StoreError
from acpublish.store.database import (
    Held,
    open_copy,
    open_for_reading,
    open_for_writing,
    path_of,
    store_errors,
)
from acpublish.store.fleet_store import FleetStore
from acpublish.store.stored import read
from tests.support.users import SERVER, folder_of, needs_root
from tests.unit.store.making import full_device, opened

OTHER = """
import sys
from pathlib import Path
from acpublish.store.fleet_store import FleetStore
store = FleetStore.open(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
store.close()
"""


def change(state: Path, statement: str) -> None:
    connection = sqlite3.connect(path_of(state))
    connection.execute(statement)
    connection.commit()
    connection.close()


def line(error: StoreError) -> str:
    assert "\n" not in str(error)
    return str(error)


def test_a_second_server_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "open\n"
    try:
        with pytest.raises(StoreError) as caught:
            FleetStore.open(tmp_path)
        assert f"{path_of(tmp_path).parent} is in use" in line(caught.value)
        if sys.platform == "linux":
            assert f"process {other.pid}" in line(caught.value)
        assert "Stop that server first" in caught.value.hint
        assert read(tmp_path).devices == {}, "but anybody may read"
    finally:
        other.communicate("")
    assert other.returncode == 0
    with opened(tmp_path):
        pass


def test_one_lock_for_one_process_too(tmp_path: Path) -> None:
    held = Held(tmp_path)
    with pytest.raises(StoreError, match="in use"):
        Held(tmp_path)
    held.release()
    held.release()
    Held(tmp_path).release()


def test_the_store_is_closed_to_other_users(tmp_path: Path) -> None:
    state = tmp_path / "new" / "state"
    with opened(state) as store:
        store.keep(full_device()).result(5)
        for path in path_of(state).parent.iterdir():
            assert path.stat().st_mode & 0o077 == 0, path
        assert path_of(state).parent.stat().st_mode & 0o077 == 0


@needs_root
def test_a_store_that_root_makes_belongs_to_the_owner_of_the_state_folder() -> None:
    with folder_of(SERVER) as state, opened(state) as store:
        store.keep(full_device()).result(5)
        folder = path_of(state).parent
        assert {path.stat().st_uid for path in (folder, *folder.iterdir())} == {SERVER}


def test_a_store_of_a_newer_schema_is_refused_and_stays(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.keep(full_device())
    change(tmp_path, "UPDATE schema_version SET version_num = '999'")
    before = path_of(tmp_path).read_bytes()
    for way in (FleetStore.open, read):
        with pytest.raises(StoreError) as caught:
            way(tmp_path)
        assert "newer acpublish: its schema is 999" in line(caught.value)
        assert "pip install -U" in caught.value.hint
    assert path_of(tmp_path).read_bytes() == before
    Held(tmp_path).release()


@pytest.mark.parametrize("content", [b"not a database " * 400, b"SQLite format 3\0" + b"x" * 9000])
def test_a_damaged_store_is_refused_and_stays(content: bytes, tmp_path: Path) -> None:
    path = path_of(tmp_path)
    path.parent.mkdir()
    path.write_bytes(content)
    for way in (FleetStore.open, read):
        with pytest.raises(StoreError) as caught:
            way(tmp_path)
        assert "the file is damaged" in line(caught.value)
        assert "acpublish restore FILE" in caught.value.hint
    assert path.read_bytes() == content


def test_a_store_that_is_damaged_further_on_is_refused_when_it_is_read(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.keep(*(full_device(number) for number in range(40)))
    change(tmp_path, "UPDATE check_ins SET gaps = '[1'")
    with pytest.raises(StoreError, match="the file is damaged"):
        read(tmp_path)
    change(tmp_path, "UPDATE devices SET story = NULL")
    change(tmp_path, "DROP TABLE marks")
    with pytest.raises(StoreError, match="the file is damaged"):
        read(tmp_path)


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path_of(tmp_path).parent.mkdir()
    change(tmp_path, "CREATE TABLE recipes (x)")
    for way in (open_for_writing, open_for_reading, open_copy):
        with pytest.raises(StoreError, match="another program: it has the table recipes"):
            way(path_of(tmp_path))


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no fleet's store"):
        read(tmp_path)
    with pytest.raises(StoreError, match="there is no backup"):
        open_copy(tmp_path / "x.db")
    (tmp_path / "empty.db").touch()
    with pytest.raises(StoreError, match="is empty"):
        open_copy(tmp_path / "empty.db")
    assert not path_of(tmp_path).exists()


def test_a_reader_leaves_an_older_store_to_the_server(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    change(tmp_path, "UPDATE schema_version SET version_num = '0'")
    with pytest.raises(StoreError, match="older acpublish") as caught:
        read(tmp_path)
    assert "Start the server once" in caught.value.hint


def test_a_state_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.write_text("x")
    with pytest.raises(StoreError, match=r"cannot be used: not a directory") as caught:
        FleetStore.open(state)
    assert "--state" in caught.value.hint


def test_an_error_of_the_system_has_a_hint() -> None:
    with pytest.raises(StoreError, match=f"x: {os.strerror(28).lower()}"), store_errors("x"):
        raise OSError(28, os.strerror(28))
