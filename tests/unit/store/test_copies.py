from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from acpublish.errors import StoreError
from acpublish.store.copies import back_up, restore
from acpublish.store.database import path_of
from acpublish.store.stored import read
from bench.report import Unavailable
from tests.support.small_disk import filled, small_disk_at
from tests.unit.fleet.making import live
from tests.unit.store.making import full_device, in_thread, opened


def made(state: Path, name: str, count: int = 3) -> None:
    with opened(state) as store:
        store.keep(*(full_device(number, name=name) for number in range(count)))
        store.keep_rollout(live())


def names(state: Path) -> set[str]:
    return {device.name for device in read(state).devices.values()}


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def test_a_backup_has_one_moment_while_a_server_writes(tmp_path: Path) -> None:
    state, devices = tmp_path / "state", [full_device(number, name="0") for number in range(20)]
    with opened(state) as store:
        store.keep(*devices).result(5)

        def rename() -> None:
            for number in range(1, 40):
                for device in devices:
                    device.name = str(number)
                store.keep(*devices).result(5)

        writing = in_thread(rename)
        files = [tmp_path / f"{number}.db" for number in range(4)]
        for file in files:
            assert back_up(state, file).devices == 20
        writing.join()
    for number, file in enumerate(files):
        other = tmp_path / f"other-{number}"
        copied = restore(other, file)
        assert (copied.devices, copied.rollouts, copied.aside) == (20, 0, None)
        assert len(names(other)) == 1
    assert names(state) == {"39"}


def test_a_backup_is_one_private_file_that_is_never_overwritten(tmp_path: Path) -> None:
    state, file = tmp_path / "state", tmp_path / "copies" / "a.db"
    made(state, "a")
    file.parent.mkdir()
    copied = back_up(state, file)
    assert (copied.path, copied.devices, copied.rollouts) == (file, 3, 1)
    assert [path.name for path in file.parent.iterdir()] == ["a.db"]
    assert file.stat().st_mode & 0o077 == 0
    before = file.read_bytes()
    with pytest.raises(StoreError, match="exists already, and is not overwritten"):
        back_up(state, file)
    assert file.read_bytes() == before
    dangling = tmp_path / "link.db"
    dangling.symlink_to(tmp_path / "nowhere")
    with pytest.raises(StoreError, match="exists already"):
        back_up(state, dangling)


def test_restoring_keeps_what_was_there(tmp_path: Path) -> None:
    state, file = tmp_path / "state", tmp_path / "a.db"
    made(state, "old")
    back_up(state, file)
    made(state, "new")
    asides = []
    for _ in range(2):
        copied = restore(state, file)
        assert names(state) == {"old"}
        assert copied.aside is not None
        asides.append(copied.aside)
    assert len(set(asides)) == 2
    other = tmp_path / "other"
    restore(other, asides[0])
    assert names(other) == {"new"}
    assert file.is_file()
    assert leftovers(path_of(state).parent) == []
    with opened(state) as store:
        assert len(store.load().devices) == 3


def test_restoring_is_refused_while_a_server_runs(tmp_path: Path) -> None:
    state, file = tmp_path / "state", tmp_path / "a.db"
    made(state, "old")
    back_up(state, file)
    with opened(state) as store:
        with pytest.raises(StoreError, match="is in use"):
            restore(state, file)
        store.keep(full_device(9, name="new")).result(5)
    assert names(state) == {"old", "new"}


def test_a_damaged_store_is_replaced_and_kept(tmp_path: Path) -> None:
    state, file = tmp_path / "state", tmp_path / "a.db"
    made(state, "old")
    back_up(state, file)
    path_of(state).write_bytes(b"x" * 9000)
    with pytest.raises(StoreError, match="damaged"):
        back_up(state, tmp_path / "b.db")
    assert not (tmp_path / "b.db").exists()
    copied = restore(state, file)
    assert names(state) == {"old"}
    assert copied.aside is not None
    assert copied.aside.read_bytes() == b"x" * 9000


def test_a_store_whose_server_was_killed_is_kept_with_all_that_it_had(tmp_path: Path) -> None:
    state, file = tmp_path / "state", tmp_path / "a.db"
    made(state, "old")
    back_up(state, file)
    store = path_of(state)
    with opened(state) as writing:
        writing.keep(full_device(9, name="new")).result(5)
        # What a killed process leaves: what it wrote last is in the log only.
        killed = tmp_path / "killed"
        shutil.copytree(state, killed)
    assert (killed / "fleet" / "fleet.db-wal").stat().st_size
    copied = restore(killed, file)
    assert names(killed) == {"old"}
    assert copied.aside is not None
    restore(state, copied.aside)
    assert names(state) == {"old", "new"}
    assert store.is_file()


def test_what_is_not_a_backup_changes_nothing(tmp_path: Path) -> None:
    state, file = tmp_path / "state", tmp_path / "a.db"
    made(state, "old")
    back_up(state, file)
    content = bytearray(file.read_bytes())
    broken = tmp_path / "broken.db"
    broken.write_bytes(content[: len(content) // 2])
    text = tmp_path / "text.db"
    text.write_text("x" * 5000)
    newer = tmp_path / "newer.db"
    newer.write_bytes(content)
    connection = sqlite3.connect(newer)
    connection.execute("UPDATE schema_version SET version_num = '999'")
    connection.commit()
    connection.close()
    before = path_of(state).read_bytes()
    for wrong, why in (
        (broken, "damaged"),
        (text, "damaged"),
        (newer, "newer acpublish"),
        (tmp_path / "missing.db", "there is no backup"),
        (tmp_path, "there is no backup"),
    ):
        with pytest.raises(StoreError, match=why) as caught:
            restore(state, wrong)
        assert "\n" not in str(caught.value)
        assert "acpublish restore" not in caught.value.hint
    assert path_of(state).read_bytes() == before
    assert leftovers(path_of(state).parent) == []
    assert not list(path_of(state).parent.glob("*before*"))


def test_a_backup_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    state = tmp_path / "state"
    made(state, "old", 300)
    try:
        with small_disk_at(tmp_path / "disk", "1m") as disk, filled(disk, 4):
            with pytest.raises(StoreError, match=r"the disk is full|no space left"):
                back_up(state, disk / "a.db")
            assert [path.name for path in disk.iterdir()] == ["filler"]
    except Unavailable as reason:
        pytest.skip(str(reason))


def test_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no fleet's store"):
        back_up(tmp_path, tmp_path / "a.db")
    assert list(tmp_path.iterdir()) == []
    made(tmp_path / "state", "a")
    with pytest.raises(StoreError, match="no such file or directory"):
        back_up(tmp_path / "state", tmp_path / "missing" / "a.db")
