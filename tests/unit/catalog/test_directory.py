from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from acpublish import atomic
from acpublish.catalog import loose, snapshot
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
    candidate,
    files_below,
    image,
    put,
    seen,
    submission,
)

VISIBLE = "lamp/lamp-1.0.0_d1.bin"


def manifest(root: Path, version: str = "1.0.0") -> Path:
    return root / ".acpublish/releases/lamp" / f"{version}.json"


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


class TestBrokenManifest:
    @pytest.mark.parametrize("text", [b"{", b"[" * 100_000, b'{"format": 1}', None])
    def test_it_hurts_no_other_release(
        self, tmp_path: Path, text: bytes | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        put(tmp_path, "1.0.0")
        put(tmp_path, "2.0.0")
        path = manifest(tmp_path)
        path.unlink()
        if text is None:
            path.mkdir()
        else:
            path.write_bytes(text)
        catalog = DirectoryCatalog(tmp_path)
        with caplog.at_level(logging.ERROR):
            assert [str(release.version) for release in catalog.releases("lamp")] == ["2.0.0"]
        assert "1.0.0.json" in caplog.text
        assert CatalogFiles(catalog).locate(VISIBLE.encode()) is None
        assert put(catalog, "3.0.0").outcome is Outcome.PUBLISHED
        assert put(catalog, "2.0.0", board="d2").outcome is Outcome.PUBLISHED
        # Its own version stays taken, whatever it contains.
        for board in ("d1", "d2"):
            with pytest.raises(ConflictError, match="its manifest cannot be read: ") as caught:
                put(catalog, "1.0.0", board=board)
        assert str(caught.value).isprintable()

    def test_when_it_is_restored_its_channels_do_not_move_back(self, tmp_path: Path) -> None:
        put(tmp_path, "1.0.0")
        for channel in ("stable", "beta"):
            put(tmp_path, "2.0.0", channel=channel)
        text = manifest(tmp_path, "2.0.0").read_bytes()
        manifest(tmp_path, "2.0.0").write_bytes(text[:-9])
        for channel in ("stable", "beta"):
            put(tmp_path, "2.0.1", channel=channel)
        manifest(tmp_path, "2.0.0").write_bytes(text)
        catalog = DirectoryCatalog(tmp_path)
        for channel in ("stable", "beta"):
            target = choose(catalog.releases("lamp"), "d1", channel)
            assert target is not None
            assert str(target.release.version) == "2.0.1"
        assert [str(release.version) for release in catalog.releases("lamp")] == [
            "1.0.0",
            "2.0.0",
            "2.0.1",
        ]

    def test_one_under_another_name(self, tmp_path: Path) -> None:
        put(tmp_path)
        manifest(tmp_path).rename(manifest(tmp_path, "9.0.0"))
        catalog = DirectoryCatalog(tmp_path)
        assert catalog.releases("lamp") == ()
        assert CatalogFiles(catalog).locate(VISIBLE.encode()) is None
        with pytest.raises(ConflictError, match="describes a different release"):
            put(catalog, "9.0.0")
        put(catalog, "3.0.0")

    def test_repair_takes_no_object_while_one_is_broken(self, tmp_path: Path) -> None:
        receipt = put(tmp_path)
        manifest(tmp_path).write_bytes(b"{")
        DirectoryCatalog(tmp_path).repair(older_than_s=0)
        assert DirectoryCatalog(tmp_path).read_object(receipt.sha256) == image()

    def test_repair_makes_the_files_of_the_others(self, tmp_path: Path) -> None:
        put(tmp_path)
        put(tmp_path, "2.0.0")
        manifest(tmp_path, "2.0.0").unlink()
        manifest(tmp_path, "2.0.0").mkdir()
        (tmp_path / VISIBLE).unlink()
        assert DirectoryCatalog(tmp_path).repair() == (VISIBLE,)


class TestRepair:
    def test_what_is_missing_or_differs_is_made_again(self, tmp_path: Path) -> None:
        catalog = DirectoryCatalog(tmp_path)
        put(catalog)
        put(catalog, "2.0.0")
        (tmp_path / VISIBLE).unlink()
        (tmp_path / "lamp/lamp-2.0.0_d1.bin").unlink()
        (tmp_path / "lamp/lamp-2.0.0_d1.bin").write_bytes(b"changed")
        assert set(catalog.repair()) == {VISIBLE, "lamp/lamp-2.0.0_d1.bin"}
        assert (tmp_path / VISIBLE).read_bytes() == image()
        assert catalog.repair() == ()

    def test_a_copy_is_as_good_as_a_link(self, tmp_path: Path) -> None:
        put(tmp_path)
        (tmp_path / VISIBLE).unlink()
        (tmp_path / VISIBLE).write_bytes(image())
        assert DirectoryCatalog(tmp_path).repair() == ()

    def test_leftovers_go_when_they_are_old(self, tmp_path: Path) -> None:
        put(tmp_path)
        temporary = tmp_path / ".acpublish/tmp"
        (temporary / "x.part").write_bytes(b"x")
        (temporary / "kept").mkdir()
        orphan = tmp_path / ".acpublish/objects" / ("0" * 64)
        orphan.write_bytes(b"x")
        catalog = DirectoryCatalog(tmp_path)
        catalog.repair()
        assert orphan.exists()
        assert (temporary / "x.part").exists()
        catalog.repair(older_than_s=0)
        assert not orphan.exists()
        assert [path.name for path in temporary.iterdir()] == ["kept"]
        assert catalog.read_object(hashlib.sha256(image()).hexdigest()) == image()

    def test_a_missing_object_is_logged(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        receipt = put(tmp_path)
        (tmp_path / ".acpublish/objects" / receipt.sha256).unlink()
        (tmp_path / VISIBLE).unlink()
        with caplog.at_level(logging.ERROR):
            assert DirectoryCatalog(tmp_path).repair() == ()
        assert "publish it again" in caplog.text
        put(tmp_path)
        assert (tmp_path / VISIBLE).read_bytes() == image()

    def test_a_catalog_without_releases_is_left_alone(self, tmp_path: Path) -> None:
        assert DirectoryCatalog(tmp_path).repair() == ()
        assert list(tmp_path.iterdir()) == []


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


class TestSeveralWriters:
    def test_a_change_is_seen_at_once_by_another_instance(self, tmp_path: Path) -> None:
        reader = DirectoryCatalog(tmp_path)
        for number in range(30):
            put(DirectoryCatalog(tmp_path), f"1.{number}.0")
            assert len(reader.releases("lamp")) == number + 1

    def test_a_change_is_seen_even_when_the_clock_did_not_tick(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # A busy machine may need more than the usual time for all of this.
        monkeypatch.setattr(snapshot, "_SETTLED_NS", 10**12)
        reader = DirectoryCatalog(tmp_path)
        put(tmp_path, "1.0.0")
        directory = tmp_path / ".acpublish/releases/lamp"
        now = directory.stat().st_mtime_ns
        for number in range(1, 4):
            os.utime(directory, ns=(now, now))
            assert len(reader.releases("lamp")) == number
            put(tmp_path, f"1.{number}.0")
            os.utime(directory, ns=(now, now))
        assert len(reader.releases("lamp")) == 4

    def test_a_change_while_a_slow_reader_reads_is_seen_afterwards(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(tmp_path, "1.0.0")
        directory = tmp_path / ".acpublish/releases/lamp"
        reader = DirectoryCatalog(tmp_path)
        read = Path.read_bytes
        hindered = []

        def slow(path: Path) -> bytes:
            data = read(path)
            if path.suffix == ".json" and not hindered:
                hindered.append(path)
                # Another writer, in the same tick of the clock, and then a pause.
                tick = directory.stat().st_mtime_ns
                put(tmp_path, "2.0.0")
                os.utime(directory, ns=(tick, tick))
                threading_pause()
            return data

        monkeypatch.setattr(Path, "read_bytes", slow)
        reader.releases("lamp")
        assert len(reader.releases("lamp")) == 2

    def test_nothing_is_read_again_while_nothing_changes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        catalog = DirectoryCatalog(tmp_path)
        put(catalog)
        os.utime(tmp_path / ".acpublish/releases/lamp", ns=(10**18, 10**18))
        first = catalog.releases("lamp")
        monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} is read"))
        assert catalog.releases("lamp") is first

    def test_threads_lose_nothing(self, tmp_path: Path) -> None:
        catalog = DirectoryCatalog(tmp_path)
        versions = [f"1.{number}.0" for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            receipts = list(
                pool.map(lambda version: put(catalog, version, channel="dev"), versions)
            )
        assert {receipt.outcome for receipt in receipts} == {Outcome.PUBLISHED}
        (orders,) = {tuple(sorted(orders_of(catalog)))}
        assert orders == tuple(range(1, 9))

    def test_processes_lose_nothing(self, tmp_path: Path) -> None:
        command = [sys.executable, "-m", "tests.unit.catalog.holding", str(tmp_path)]
        here = Path(__file__).parents[3]
        children = [
            subprocess.Popen(
                [*command, f"p{number}", "3"], cwd=here, stdout=subprocess.PIPE, text=True
            )
            for number in range(8)
        ]
        for child in children:
            child.communicate(timeout=60)
        assert [child.returncode for child in children] == [0] * 8
        catalog = DirectoryCatalog(tmp_path)
        assert len(catalog.releases("lamp")) == 8 * 3 + 3
        assert sorted(orders_of(catalog)) == list(range(1, 49))
        assert len(files_below(tmp_path)) == 48
        assert catalog.repair() == ()


def orders_of(catalog: DirectoryCatalog) -> list[int]:
    return [
        order
        for release in catalog.releases("lamp")
        for one in release.images
        for order in one.channels.values()
    ]


def threading_pause() -> None:
    """Longer than the time for which a change counts as recent."""
    import time

    time.sleep(0.15)


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


def test_the_lock_is_waited_for_and_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "LOCK_WAIT_S", 0.1)
    with (
        atomic.exclusive(tmp_path / ".acpublish"),
        pytest.raises(CatalogError, match="another process has held the lock of"),
    ):
        put(tmp_path)
    assert put(tmp_path).outcome is Outcome.PUBLISHED


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
