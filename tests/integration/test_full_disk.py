"""Missing, read-only and full catalogs: one clear line, and nothing half-written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import AcpublishError, CatalogError
from acpublish.image.stamper import stamp
from acpublish.release.candidate import Candidate
from acpublish.release.submission import Outcome
from bench.report import Unavailable
from tests.support import images
from tests.support.small_disk import small_disk_at
from tests.unit.catalog.holding import files_below, put, seen, submission

# The children only make system calls before they end, so threads of the parent do no harm.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

NOBODY = 65534


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    try:
        with small_disk_at(tmp_path / "small") as path:
            yield path
    except Unavailable as reason:
        pytest.skip(str(reason))


def used(path: Path) -> int:
    status = os.statvfs(path)
    return status.f_blocks - status.f_bfree


def big(version: str, kilobytes: int) -> bytes:
    return stamp(images.esp8266_image(size=kilobytes * 1024), "lamp", version)


def test_a_full_catalog_stays_as_it_was(small_disk: Path) -> None:
    put(small_disk, "1.0.0")
    catalog = DirectoryCatalog(small_disk)
    before, blocks = seen(small_disk), used(small_disk)
    with pytest.raises(CatalogError) as caught:
        catalog.put(Candidate.of(big("2.0.0", 256)), submission("2.0.0"))
    assert str(caught.value).startswith(f"cannot publish to the catalog {small_disk}: no space")
    assert "Free some space" in caught.value.hint
    assert str(caught.value).isprintable()
    assert seen(small_disk) == before
    assert used(small_disk) <= blocks
    assert put(small_disk, "1.1.0").outcome is Outcome.PUBLISHED


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("free_blocks", range(7))
def test_with_room_for_some_of_the_files_only(
    small_disk: Path, free_blocks: int, compress: bool
) -> None:
    put(small_disk, "1.0.0")
    (small_disk / "filler").write_bytes(b"")
    before = seen(small_disk)
    status = os.statvfs(small_disk)
    left = status.f_bfree - free_blocks
    (small_disk / "filler").write_bytes(b"\xff" * (left * status.f_frsize))
    objects = sorted((small_disk / ".acpublish/objects").iterdir())
    try:
        put(small_disk, "2.0.0", compress=compress)
    except CatalogError as fault:
        refused = fault
    else:
        assert files_below(small_disk) >= {"lamp/lamp-2.0.0_d1.bin"}
        return
    assert "no space left" in str(refused)
    assert sorted((small_disk / ".acpublish/objects").iterdir()) == objects
    assert list((small_disk / ".acpublish/tmp").iterdir()) == []
    (small_disk / "filler").write_bytes(b"")
    assert seen(small_disk) == before
    assert put(small_disk, "2.0.0", compress=compress).outcome is Outcome.PUBLISHED


def as_nobody(action: Callable[[], object]) -> str:
    """Runs something in a child process without privileges; returns the error's one line."""
    if os.getuid() != 0:
        pytest.skip("only root can become an unprivileged user")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            try:
                action()
                said = "no error"
            except AcpublishError as fault:
                said = str(fault)
            except BaseException as fault:
                said = f"not ours: {fault!r}"
            os.write(writer, said.encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A catalog that everyone may enter and nobody but its owner may write."""
    path = tmp_path
    while path != path.parent and path.stat().st_mode & 0o011 != 0o011:
        path.chmod(path.stat().st_mode | 0o011)
        path = path.parent
    catalog = tmp_path / "catalog"
    catalog.mkdir(mode=0o755)
    return catalog


def test_a_catalog_that_is_read_only_from_the_start(shared: Path) -> None:
    said = as_nobody(lambda: put(shared))
    assert said.startswith(f"cannot publish to the catalog {shared}: permission denied")
    assert "Make it writable for this user" in said
    assert list(shared.iterdir()) == []


def test_a_catalog_of_another_user(shared: Path) -> None:
    put(shared)
    before = seen(shared)
    said = as_nobody(lambda: put(shared, "2.0.0"))
    assert said.startswith(f"cannot publish to the catalog {shared}: permission denied")
    assert seen(shared) == before
    assert as_nobody(lambda: DirectoryCatalog(shared).releases("lamp")) == "no error"
    said = as_nobody(lambda: put(shared, "1.0.0", seed=1))
    assert "already published with different bytes" in said


def test_a_catalog_of_which_only_the_hidden_part_can_be_written(shared: Path) -> None:
    put(shared, product="other")
    for path in (shared / ".acpublish").rglob("*"):
        path.chmod(0o777)
    (shared / ".acpublish").chmod(0o777)
    said = as_nobody(lambda: put(shared))
    assert said.startswith(f"cannot publish to the catalog {shared}: permission denied")
    assert seen(shared)["products"] == ("other",)
    assert len(list((shared / ".acpublish/objects").iterdir())) == 1


def test_a_catalog_that_nobody_else_may_enter(shared: Path) -> None:
    (shared / "inner").mkdir()
    shared.chmod(0o700)
    said = as_nobody(lambda: put(shared / "inner"))
    assert said.startswith(f"cannot open the catalog {shared / 'inner'}: permission denied")


def test_a_missing_catalog_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(CatalogError) as caught:
        put(tmp_path / "a/b")
    assert str(caught.value) == (
        f"cannot open the catalog {tmp_path}/a/b: no such file or directory ({tmp_path}/a). "
        f"Check the path, or mount it. Create a new catalog with: mkdir -p {tmp_path}/a/b"
    )
    assert list(tmp_path.iterdir()) == []
