from __future__ import annotations

import os
import shutil
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
