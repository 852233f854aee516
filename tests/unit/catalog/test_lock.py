from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.lock import CatalogLock
from acpublish.errors import CatalogError
from acpublish.release.submission import Outcome
from tests.unit.catalog.holding import put


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "catalog"
    root.mkdir()
    return root


@pytest.mark.parametrize("published", [False, True])
@pytest.mark.parametrize("left", ["nothing", "an empty directory", "other files"])
def test_a_catalog_that_was_unmounted_is_never_made_anew(
    root: Path, tmp_path: Path, left: str, published: bool
) -> None:
    catalog = DirectoryCatalog(root)
    if published:
        put(catalog, "1.0.0")
    root.rename(tmp_path / "unmounted")
    if left != "nothing":
        root.mkdir()
    if left == "other files":
        (root / "lost+found").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(CatalogError, match=r"is gone: it was unmounted.* Mount it again"):
        put(catalog, "2.0.0")
    assert sorted(tmp_path.rglob("*")) == before
    if root.exists():
        shutil.rmtree(root)
    (tmp_path / "unmounted").rename(root)
    assert put(catalog, "2.0.0").outcome is Outcome.PUBLISHED


def test_a_catalog_that_was_restored_from_a_backup_is_accepted(root: Path, tmp_path: Path) -> None:
    catalog = DirectoryCatalog(root)
    put(catalog, "1.0.0")
    shutil.copytree(root, tmp_path / "backup")
    root.rename(tmp_path / "old")
    (tmp_path / "backup").rename(root)
    put(catalog, "2.0.0")
    assert {str(release.version) for release in catalog.releases("lamp")} == {"1.0.0", "2.0.0"}


@pytest.mark.parametrize("left", ["an empty directory", "other files"])
def test_a_process_that_starts_before_the_disk_is_mounted_begins_no_new_catalog(
    root: Path, tmp_path: Path, left: str
) -> None:
    state = tmp_path / "state"
    put(DirectoryCatalog(root, state), "1.0.0")
    root.rename(tmp_path / "unmounted")
    root.mkdir()
    if left == "other files":
        (root / "lost+found").mkdir()
    before = sorted(tmp_path.rglob("*"))
    catalog = DirectoryCatalog(root, state)
    with pytest.raises(CatalogError, match=r"is gone: it was unmounted.* Mount it again"):
        put(catalog, "2.0.0")
    with pytest.raises(CatalogError, match="is gone"):
        catalog.repair()
    assert sorted(tmp_path.rglob("*")) == before
    shutil.rmtree(root)
    (tmp_path / "unmounted").rename(root)
    # The same process goes on as soon as the disk is mounted.
    assert put(catalog, "2.0.0").outcome is Outcome.PUBLISHED
    assert len(DirectoryCatalog(root, state).releases("lamp")) == 2


def test_a_catalog_of_an_earlier_acpublish_is_remembered_by_the_start_of_a_server(
    root: Path, tmp_path: Path
) -> None:
    put(root, "1.0.0")
    DirectoryCatalog(root, tmp_path / "state").repair()
    shutil.rmtree(root / ".acpublish")
    with pytest.raises(CatalogError, match="is gone"):
        put(DirectoryCatalog(root, tmp_path / "state"), "2.0.0")


def test_the_hint_begins_a_new_catalog(root: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    put(DirectoryCatalog(root, state), "1.0.0")
    shutil.rmtree(root)
    root.mkdir()
    with pytest.raises(CatalogError, match="is gone") as caught:
        put(DirectoryCatalog(root, state), "2.0.0")
    command = caught.value.hint.partition("To begin a new catalog there: ")[2]
    subprocess.run(shlex.split(command), check=True)
    put(DirectoryCatalog(root, state), "2.0.0")
    assert len(DirectoryCatalog(root, state).releases("lamp")) == 1


def test_a_catalog_may_move_and_keep_its_state_folder(root: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    put(DirectoryCatalog(root, state), "1.0.0")
    other = tmp_path / "other"
    other.mkdir()
    put(DirectoryCatalog(other, state), "1.0.0")
    shutil.rmtree(other / ".acpublish")
    with pytest.raises(CatalogError, match="is gone"):
        put(DirectoryCatalog(other, state), "1.0.0")


@pytest.mark.parametrize("record", [b"", b"[1", b"[" * 99_999, b"\xff", b"{}", None])
def test_a_record_that_cannot_be_read_stops_nobody(
    root: Path, tmp_path: Path, record: bytes | None
) -> None:
    path = tmp_path / "state/catalog.json"
    path.parent.mkdir()
    if record is None:
        path.mkdir()
    else:
        path.write_bytes(record)
    put(DirectoryCatalog(root, path.parent), "1.0.0")
    put(DirectoryCatalog(root, path.parent), "2.0.0")


def test_objects_on_a_disk_that_was_unmounted_are_not_written_to_its_mount_point(
    root: Path, tmp_path: Path
) -> None:
    disk, objects = tmp_path / "disk", root / ".acpublish/objects"
    disk.mkdir()
    objects.parent.mkdir()
    objects.symlink_to(disk)
    catalog = DirectoryCatalog(root)
    # An empty folder is right for a new catalog.
    put(catalog, "1.0.0")
    disk.rename(tmp_path / "unmounted")
    disk.mkdir()
    with pytest.raises(CatalogError, match=f"are gone: .* Mount {disk} again"):
        put(catalog, "2.0.0")
    assert list(disk.iterdir()) == []
    disk.rmdir()
    (tmp_path / "unmounted").rename(disk)
    assert put(catalog, "2.0.0").outcome is Outcome.PUBLISHED


def test_what_was_written_to_a_directory_that_is_gone_is_not_acknowledged(
    root: Path, tmp_path: Path
) -> None:
    lock = CatalogLock(root)
    with pytest.raises(CatalogError, match="is gone"), lock.exclusive():
        root.rename(tmp_path / "unmounted")


def test_old_temporary_files_are_cleared_by_the_next_publish(root: Path) -> None:
    put(root, "1.0.0")
    temporary = root / ".acpublish/tmp"
    (temporary / ".killed.part").write_bytes(b"x")
    (temporary / ".young.part").write_bytes(b"x")
    os.utime(temporary / ".killed.part", (0, 0))
    put(root, "2.0.0")
    assert [path.name for path in temporary.iterdir()] == [".young.part"]
