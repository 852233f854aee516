"""Manifests are read once, and again whenever their directory changed."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acpublish.catalog import layout, snapshot
from acpublish.catalog.contents import CatalogFiles, Directory
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.snapshot import ProductSnapshots
from acpublish.errors import ManifestError
from acpublish.keys import create_key
from acpublish.release.change_request import ChangeRequest
from acpublish.release.version import Version
from tests.unit.catalog.holding import put, submission


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets every directory count as unchanged for a while."""
    monkeypatch.setattr(snapshot, "_SETTLED_NS", -(10**12))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the manifests that are read from the disk."""
    names: list[str] = []
    real = snapshot.read_release

    def counting(path: Path) -> object:
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(snapshot, "read_release", counting)
    return names


def versions(snapshots: ProductSnapshots, product: str = "lamp") -> list[str]:
    return sorted(str(release.version) for release in snapshots.product(product).releases)


def manifest(root: Path, version: str) -> Path:
    return layout.manifest(root, "lamp", submission(version).version)


def test_an_empty_catalog_has_no_products(tmp_path: Path) -> None:
    snapshots = ProductSnapshots(tmp_path)
    assert snapshots.products() == ()
    assert snapshots.product("lamp") == snapshot.ProductSnapshot()
    assert snapshots.fresh("lamp") == ()
    assert snapshots.named_objects() == ({}, ())


@pytest.mark.parametrize("name", ["../lamp", "", ".", "LAMP", "lamp/../lamp"])
def test_what_is_not_a_name_is_not_looked_for(tmp_path: Path, name: str) -> None:
    put(tmp_path)
    assert ProductSnapshots(tmp_path).product(name) == snapshot.ProductSnapshot()


def test_a_directory_that_did_not_change_is_not_read_again(
    tmp_path: Path, settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path)
    snapshots = ProductSnapshots(tmp_path)
    first = snapshots.product("lamp")
    assert snapshots.products() == ("lamp",)
    monkeypatch.setattr(os, "scandir", lambda path: pytest.fail("listed again"))
    assert snapshots.product("lamp") is first
    assert snapshots.products() == ("lamp",)


def test_a_directory_that_changed_a_moment_ago_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "_SETTLED_NS", 10**12)
    put(tmp_path)
    snapshots = ProductSnapshots(tmp_path)
    directory = layout.manifests(tmp_path, "lamp")
    status = directory.stat()
    assert versions(snapshots) == ["1.0.0"]
    put(tmp_path, "2.0.0")
    # Two changes within one tick of the clock have the same time.
    os.utime(directory, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert versions(snapshots) == ["1.0.0", "2.0.0"]


def test_only_a_manifest_that_changed_is_parsed_again(tmp_path: Path, reads: list[str]) -> None:
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        put(tmp_path, version)
    snapshots = ProductSnapshots(tmp_path)
    assert versions(snapshots) == ["1.0.0", "1.1.0", "1.2.0"]
    del reads[:]
    path = manifest(tmp_path, "1.1.0")
    fresh = path.with_suffix(".new")
    fresh.write_bytes(path.read_bytes())
    fresh.replace(path)
    assert versions(snapshots) == ["1.0.0", "1.1.0", "1.2.0"]
    assert reads == ["1.1.0.json"]


def test_a_product_that_is_removed_is_gone(tmp_path: Path, settled: None) -> None:
    put(tmp_path)
    put(tmp_path, product="plug")
    snapshots = ProductSnapshots(tmp_path)
    assert snapshots.products() == ("lamp", "plug")
    shutil.rmtree(layout.manifests(tmp_path, "lamp"))
    assert snapshots.products() == ("plug",)
    assert snapshots.product("lamp").releases == ()


def test_a_directory_without_a_manifest_is_not_a_product(tmp_path: Path) -> None:
    layout.manifests(tmp_path, "lamp").mkdir(parents=True)
    snapshots = ProductSnapshots(tmp_path)
    assert snapshots.products() == ()
    assert not snapshots.product("lamp").owned


def test_a_broken_manifest_is_left_out_by_readers_and_stops_writers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path)
    manifest(tmp_path, "2.0.0").write_bytes(b"{")
    snapshots = ProductSnapshots(tmp_path)
    with caplog.at_level(logging.ERROR):
        assert versions(snapshots) == ["1.0.0"]
    assert "left out: " in caplog.text
    assert snapshots.product("lamp").owned
    with pytest.raises(ManifestError, match=r"2\.0\.0\.json"):
        snapshots.fresh("lamp")


def test_a_release_is_missing_in_channels_only_when_its_publish_should_be_over(
    tmp_path: Path,
    settled: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    put(tmp_path)
    first = manifest(tmp_path, "1.0.0").read_text()
    # A publish writes the manifest, and then what the channels point at.
    manifest(tmp_path, "2.0.0").write_text(first.replace("1.0.0", "2.0.0"))
    snapshots = ProductSnapshots(tmp_path)
    assert versions(snapshots) == ["1.0.0"]
    assert caplog.messages == []
    monkeypatch.setattr(snapshot, "_COMMIT_NS", 0)
    # It looks again, although the directory did not change.
    assert versions(snapshots) == ["1.0.0"]
    (message,) = caplog.messages
    assert message.startswith("left out: lamp 2.0.0 is not in channels.json")
    assert versions(snapshots) == ["1.0.0"]
    assert caplog.messages == [message]


def test_files_are_found_by_their_visible_names(tmp_path: Path) -> None:
    receipt = put(tmp_path)
    release, image = ProductSnapshots(tmp_path).product("lamp").files["lamp-1.0.0_d1.bin"]
    assert (str(release.version), image.sha256) == ("1.0.0", receipt.sha256)


def test_the_objects_of_images_and_of_their_gzips_are_named(tmp_path: Path) -> None:
    plain = put(tmp_path)
    both = put(tmp_path, "2.0.0", compress=True, seed=1)
    assert both.compressed is not None
    expected = {plain.sha256, both.sha256, both.compressed.sha256}
    assert set(ProductSnapshots(tmp_path).named_objects()[0]) == expected


def test_what_could_name_an_object_in_a_manifest_that_cannot_be_read_does(tmp_path: Path) -> None:
    receipt = put(tmp_path)
    path = manifest(tmp_path, "1.0.0")
    path.write_bytes(path.read_bytes()[:-9])
    named, doubtful = ProductSnapshots(tmp_path).named_objects()
    assert named[receipt.sha256] == ".acpublish/releases/lamp/1.0.0.json"
    assert doubtful == (".acpublish/releases/lamp/1.0.0.json",)


def test_what_is_withheld_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(tmp_path)
    layout.trusted_keys(tmp_path, "lamp").write_bytes(b"{")
    snapshots = ProductSnapshots(tmp_path)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert snapshots.product("lamp").releases == ()
    assert caplog.text.count("withheld: all releases of lamp: ") == 1
    assert snapshots.product("lamp").owned


NASTY: tuple[Any, ...] = (
    *(None, True, -1, 2**70, 10**4000, 1.5, float("inf"), float("nan"), "", "x" * 300),
    *("\ud800", "a\0b\r\n", "../../x", "lamp-1.0.0_d1.bin", "9999-12-31T23:59:59Z", "0001-01-01"),
    *([], ["\udfff"], {}, {"\ud800": "\ud800"}, {"stable": -(2**70)}, {"x": [[[[]]]]}),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, content in inner:
        yield (*path, key)
        if isinstance(content, (dict, list)):
            yield from places(content, (*path, key))


@pytest.mark.parametrize("trusting", [False, True])
def test_whatever_is_in_one_manifest_hurts_that_release_alone(
    tmp_path: Path, trusting: bool
) -> None:
    put(tmp_path, "1.0.0")
    put(tmp_path, "2.0.0", compress=True)
    path = manifest(tmp_path, "2.0.0")
    whole = json.loads(path.read_bytes())
    whole["later"] = "unknown"
    if trusting:
        DirectoryCatalog(tmp_path).trust.trust("lamp", create_key().public, confirmed=True)
    for place in [*places(whole), ("images", 0, "provenance", "core")]:
        for value in NASTY if not trusting else ("\ud800", {"\ud800": "\ud800"}):
            document = json.loads(json.dumps(whole))
            target = document
            for step in place[:-1]:
                target = target[step]
            target[place[-1]] = value
            path.write_text(json.dumps(document))
            catalog = DirectoryCatalog(tmp_path)
            releases = catalog.releases("lamp")
            catalog.repair()
            for release in releases:
                assert json.dumps(release.to_dict(), ensure_ascii=False, allow_nan=False).encode()
            if trusting:
                assert not [image for release in releases for image in release.images]
                continue
            assert "1.0.0" in {str(release.version) for release in releases}
            first = catalog.find_file("lamp", "lamp-1.0.0_d1.bin")
            assert first is not None
            assert str(first[0].version) == "1.0.0"
            files = CatalogFiles(catalog)
            listed = files.entries(Directory(path=catalog.root / "lamp", product="lamp"))
            assert "lamp-1.0.0_d1.bin" in {entry.name for entry in listed}


def test_half_a_surrogate_pair_in_a_stored_manifest_stops_no_publish(tmp_path: Path) -> None:
    put(tmp_path, "1.0.0")
    path = manifest(tmp_path, "1.0.0")
    document = json.loads(path.read_bytes())
    document["images"][0]["provenance"] = {"imported_from": "caf\udce9.bin", "core": "\ud800"}
    path.write_text(json.dumps(document))
    put(tmp_path, "1.0.0", board="d2")
    put(tmp_path, "2.0.0")
    assert versions(ProductSnapshots(tmp_path)) == ["1.0.0", "2.0.0"]


def test_with_a_clock_that_is_behind_manifests_are_still_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path)
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() - 10**15)
    snapshots = ProductSnapshots(tmp_path)
    snapshots.product("lamp")
    assert snapshots.current("lamp") is None
    time.sleep(0.15)
    settled = snapshots.product("lamp")
    assert snapshots.current("lamp") is settled
    put(tmp_path, "2.0.0")
    assert versions(snapshots) == ["1.0.0", "2.0.0"]


def test_a_touched_folder_whose_files_are_the_same_is_not_read_again(tmp_path: Path) -> None:
    put(tmp_path)
    snapshots = ProductSnapshots(tmp_path)
    folder = layout.manifests(tmp_path, "lamp")
    os.utime(folder, (1_700_000_000, 1_700_000_000))
    before = snapshots.product("lamp")
    os.utime(folder, (1_700_000_001, 1_700_000_001))
    assert snapshots.current("lamp") is None
    assert snapshots.product("lamp") is before
    # The same file under another name is another release.
    (folder / "1.0.0.json").rename(folder / "2.0.0.json")
    os.utime(folder, (1_700_000_002, 1_700_000_002))
    assert snapshots.product("lamp") is not before


def test_current_releases_are_made_once_until_something_changes(tmp_path: Path) -> None:
    catalog = DirectoryCatalog(tmp_path)
    put(catalog, "1.0.0")
    put(catalog, "1.1.0")
    _, before, _ = catalog.snapshots.readable("lamp")
    assert catalog.snapshots.readable("lamp")[1] is before
    request = ChangeRequest(action="withdraw", version=Version.parse("1.1.0"), why="it crashes")
    catalog.changes.make("lamp", request)
    channels, after, _ = catalog.snapshots.readable("lamp")
    assert [release.images[0].withdrawn for release in before] == [None, None]
    assert [release.images[0].withdrawn for release in after] == [None, "withdrawn"]
    put(catalog, "1.2.0")
    assert len(catalog.snapshots.readable("lamp")[1]) == 3
    assert catalog.snapshots.readable("lamp")[0] is not channels
