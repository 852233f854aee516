"""Manifests are read once, and again whenever their directory changed."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import pytest

from acpublish.catalog import layout, snapshot
from acpublish.catalog.snapshot import ProductSnapshots
from acpublish.errors import ManifestError
from tests.unit.catalog.holding import put, submission


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets every directory count as unchanged for a while."""
    monkeypatch.setattr(snapshot, "_SETTLED_NS", -(10**12))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the manifests that are read from the disk."""
    names: list[str] = []
    real = snapshot._release

    def counting(path: Path) -> object:
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(snapshot, "_release", counting)
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
    assert snapshots.named_objects() == frozenset()


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
    for strict in (lambda: snapshots.fresh("lamp"), snapshots.named_objects):
        with pytest.raises(ManifestError, match=r"2\.0\.0\.json"):
            strict()


def test_files_are_found_by_their_visible_names(tmp_path: Path) -> None:
    receipt = put(tmp_path)
    release, image = ProductSnapshots(tmp_path).product("lamp").files["lamp-1.0.0_d1.bin"]
    assert (str(release.version), image.sha256) == ("1.0.0", receipt.sha256)


def test_the_objects_of_images_and_of_their_gzips_are_named(tmp_path: Path) -> None:
    plain = put(tmp_path)
    both = put(tmp_path, "2.0.0", compress=True, seed=1)
    assert both.compressed is not None
    expected = {plain.sha256, both.sha256, both.compressed.sha256}
    assert ProductSnapshots(tmp_path).named_objects() == expected


def test_what_is_withheld_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(tmp_path)
    layout.trusted_keys(tmp_path, "lamp").write_bytes(b"{")
    snapshots = ProductSnapshots(tmp_path)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert snapshots.product("lamp").releases == ()
    assert caplog.text.count("withheld: all releases of lamp: ") == 1
    assert snapshots.product("lamp").owned
