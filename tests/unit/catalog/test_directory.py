from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from acpublish import atomic
from acpublish.catalog import loose
from acpublish.catalog.contents import CatalogFiles, Directory
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import CatalogError, CheckError, ConflictError, ManifestError, NotFoundError
from acpublish.release.decision import choose
from acpublish.release.declared import Declared
from acpublish.release.manifest import Release
from acpublish.release.submission import Outcome
from tests.support import images
from tests.support.users import SERVER, acting_as, folder_of, needs_root
from tests.unit.catalog.holding import (
    ANY_ORDER,
    VISIBLE,
    candidate,
    files_below,
    image,
    manifest,
    put,
    seen,
    submission,
)


def test_one_visible_file_is_new_and_it_is_the_object(tmp_path: Path) -> None:
    (tmp_path / "old.bin").write_bytes(b"old")
    receipt = put(tmp_path)
    assert files_below(tmp_path) == {"old.bin", VISIBLE}
    stored = tmp_path / ".acpublish/objects" / receipt.sha256
    assert (tmp_path / VISIBLE).samefile(stored)
    assert stored.read_bytes() == image()
    assert receipt.sha256 == hashlib.sha256(image()).hexdigest()
    assert (receipt.outcome, receipt.file, receipt.url) == (
        Outcome.PUBLISHED,
        VISIBLE,
        str(tmp_path / VISIBLE),
    )
    assert Release.from_json(manifest(tmp_path).read_bytes()).images[0].md5 == receipt.md5
    assert list((tmp_path / ".acpublish/tmp").iterdir()) == []


def test_the_same_again_changes_no_byte(tmp_path: Path) -> None:
    put(tmp_path)
    # Not the whole status: that it was read shows in the time of access.
    before = loose.identity(manifest(tmp_path).stat())
    assert put(tmp_path).outcome is Outcome.ALREADY_PUBLISHED
    assert loose.identity(manifest(tmp_path).stat()) == before


def test_another_channel_is_added_and_its_order_is_that_of_publishing(tmp_path: Path) -> None:
    catalog = DirectoryCatalog(tmp_path)
    put(catalog, "2.0.0")
    put(catalog, "1.0.0", channel="beta")
    before = seen(tmp_path)
    with pytest.raises(CheckError, match=r"version-order: 1\.0\.0 is not higher than 2\.0\.0"):
        put(catalog, "1.0.0")
    assert seen(tmp_path) == before
    receipt = put(catalog, "1.0.0", skipped_checks=ANY_ORDER)
    assert (receipt.outcome, str(receipt.points_at)) == (Outcome.ADDED_TO_CHANNEL, "1.0.0")
    target = choose(catalog.releases("lamp"), "d1", "stable")
    assert target is not None
    assert str(target.release.version) == "1.0.0"
    assert dict(target.image.channels) == {"beta": 2, "stable": 3}


def test_the_same_again_says_what_the_channel_points_at_and_moves_nothing(tmp_path: Path) -> None:
    catalog = DirectoryCatalog(tmp_path)
    assert str(put(catalog, "1.0.0").points_at) == "1.0.0"
    assert str(put(catalog, "2.0.0").points_at) == "2.0.0"
    before = seen(tmp_path)
    again = put(catalog, "1.0.0")
    assert (again.outcome, str(again.points_at)) == (Outcome.ALREADY_PUBLISHED, "2.0.0")
    assert again.warnings == ()
    assert seen(tmp_path) == before
    # Each board and each channel has its own order.
    assert str(put(catalog, "1.0.0", board="d2").points_at) == "1.0.0"
    assert str(put(catalog, "1.0.0", channel="beta").points_at) == "1.0.0"


def test_other_bytes_are_refused_and_change_nothing(tmp_path: Path) -> None:
    put(tmp_path)
    before = seen(tmp_path)
    objects = sorted((tmp_path / ".acpublish/objects").iterdir())
    with pytest.raises(ConflictError) as caught:
        put(tmp_path, seed=1)
    for data in (image(), image(seed=1)):
        assert hashlib.sha256(data).hexdigest() in str(caught.value)
    assert seen(tmp_path) == before
    assert sorted((tmp_path / ".acpublish/objects").iterdir()) == objects


def test_what_the_checks_refuse_is_not_stored(tmp_path: Path) -> None:
    catalog = DirectoryCatalog(tmp_path)
    with pytest.raises(CheckError, match=r"^stamp: "):
        catalog.put(candidate(images.esp8266_image()), submission())
    with pytest.raises(CheckError, match=r"^wrong-kind: "):
        catalog.put(candidate(b"a text"), submission())
    assert files_below(tmp_path) == set()
    assert list(tmp_path.rglob("*.json")) == []


def test_another_boards_image_joins_the_release(tmp_path: Path) -> None:
    catalog = DirectoryCatalog(tmp_path)
    put(catalog)
    put(catalog, board="d2", channel="beta", seed=5)
    (release,) = catalog.releases("lamp")
    assert {one.board: dict(one.channels) for one in release.images} == {
        "d1": {"stable": 1},
        "d2": {"beta": 2},
    }


def test_fields_of_a_newer_acpublish_survive_a_publish(tmp_path: Path) -> None:
    put(tmp_path)
    path = manifest(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"{", b'{"withdrawn": true,', 1))
    put(tmp_path, board="d2")
    assert b'"withdrawn": true' in path.read_bytes()


def test_a_changed_object_is_never_given_out_and_publishing_mends_it(tmp_path: Path) -> None:
    catalog = DirectoryCatalog(tmp_path)
    receipt = put(catalog)
    path = catalog.object_path(receipt.sha256)
    path.chmod(0o644)
    path.write_bytes(b"changed")
    with pytest.raises(CatalogError, match="changed on the disk"):
        catalog.read_object(receipt.sha256)
    assert put(catalog).outcome is Outcome.ALREADY_PUBLISHED
    assert catalog.read_object(receipt.sha256) == image()
    assert (tmp_path / VISIBLE).read_bytes() == image()
    with pytest.raises(NotFoundError):
        catalog.read_object("0" * 64)


def test_where_links_fail_the_visible_file_is_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    receipt = put(tmp_path)
    assert (tmp_path / VISIBLE).read_bytes() == image()
    assert not (tmp_path / VISIBLE).samefile(tmp_path / ".acpublish/objects" / receipt.sha256)
    assert list((tmp_path / ".acpublish/tmp").iterdir()) == []


@pytest.mark.parametrize("in_the_way", ["lamp", VISIBLE + "/x"])
def test_what_is_in_the_way_is_found_before_the_commit(tmp_path: Path, in_the_way: str) -> None:
    (tmp_path / in_the_way).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / in_the_way).write_bytes(b"in the way")
    with pytest.raises(CatalogError, match="directory") as caught:
        put(tmp_path)
    assert str(tmp_path / "lamp") in str(caught.value)
    assert list(tmp_path.rglob("*.json")) == []
    assert list((tmp_path / ".acpublish/objects").iterdir()) == []
    assert (tmp_path / in_the_way).read_bytes() == b"in the way"


def test_what_goes_wrong_after_the_commit_says_that_it_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = atomic.make_directory

    def refuse(path: Path, *, private: bool = False) -> None:
        if path.name == "lamp" and path.parent == tmp_path:
            raise OSError(28, "No space left on device")
        make(path, private=private)

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "make_directory", refuse)
        with pytest.raises(
            CatalogError, match=r"is published, but .* could not be created: no space"
        ):
            put(tmp_path)
    assert seen(tmp_path)["products"] == ("lamp",)
    assert DirectoryCatalog(tmp_path).repair() == (VISIBLE,)


def test_a_manifest_that_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    declared = Declared(layout="no digest")
    with pytest.raises(ManifestError, match=r"the manifest of lamp 1\.0\.0.*layout"):
        DirectoryCatalog(tmp_path).put(candidate(image()), replace(submission(), declared=declared))
    assert list(tmp_path.rglob("*.json")) == []
    assert list((tmp_path / ".acpublish/objects").glob("*")) == []


@pytest.mark.parametrize("kind", ["missing", "file", "circle"])
def test_what_is_no_directory_is_no_catalog(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "catalog"
    if kind == "file":
        path.write_bytes(b"")
    elif kind == "circle":
        path.symlink_to(path)
    with pytest.raises(CatalogError) as caught:
        DirectoryCatalog(path)
    assert str(path) in str(caught.value)
    assert caught.value.hint


def test_a_directory_of_manifests_without_one_owns_nothing(tmp_path: Path) -> None:
    (tmp_path / "lamp").mkdir()
    (tmp_path / "lamp/mine.bin").write_bytes(images.esp8266_image())
    (tmp_path / ".acpublish/releases/lamp").mkdir(parents=True)
    files = CatalogFiles(DirectoryCatalog(tmp_path))
    assert files.catalog.products() == ()
    assert files.locate(b"lamp/mine.bin") is not None
    directory = files.locate(b"lamp")
    assert isinstance(directory, Directory)
    assert [entry.name for entry in files.entries(directory)] == ["mine.bin"]
    put(files.catalog)
    assert files.locate(b"lamp/mine.bin") is None


@pytest.mark.parametrize("leads", ["nowhere", "elsewhere"])
def test_a_product_directory_that_is_a_link_is_refused_before_the_commit(
    tmp_path: Path, leads: str
) -> None:
    root = tmp_path / "catalog"
    root.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (root / "lamp").symlink_to(tmp_path / leads)
    catalog = DirectoryCatalog(root)

    with pytest.raises(CatalogError, match="not a directory"):
        put(catalog, "1.0.0")

    assert catalog.releases("lamp") == ()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_publish_reads_one_manifest_of_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = DirectoryCatalog(tmp_path)
    for number in range(5):
        put(tmp_path, f"1.{number}.0")
    assert len(catalog.releases("lamp")) == 5
    read: list[str] = []
    original = Release.from_json.__func__  # type: ignore[attr-defined]

    def counting(cls: type[Release], text: bytes, path: str = "") -> Release:
        read.append(path)
        found: Release = original(cls, text, path)
        return found

    put(tmp_path, "2.0.0")
    monkeypatch.setattr(Release, "from_json", classmethod(counting))

    assert len(catalog.releases("lamp")) == 6
    assert [Path(path).name for path in read] == ["2.0.0.json"]


@needs_root
def test_what_root_publishes_the_server_can_add_to() -> None:
    with folder_of(SERVER) as root:
        put(root, "1.0.0")
        paths = [root, *root.rglob("*")]
        assert len(paths) > 8
        assert {(path.stat().st_uid, path.stat().st_gid) for path in paths} == {(SERVER, SERVER)}
        with acting_as(SERVER):
            put(root, "1.1.0")
            assert DirectoryCatalog(root).repair() == ()
        assert len(DirectoryCatalog(root).releases("lamp")) == 2


@needs_root
def test_what_root_owns_in_the_catalog_is_named_with_the_way_out() -> None:
    with folder_of(SERVER) as root:
        put(root, "1.0.0")
        os.chown(root / ".acpublish" / "releases" / "lamp", 0, 0)
        with acting_as(SERVER), pytest.raises(CatalogError, match="permission denied") as error:
            put(root, "1.1.0")
        assert f"sudo chown -R {SERVER}:{SERVER} {root}" in error.value.hint
