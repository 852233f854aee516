"""What a catalog does about a broken manifest, and what a repair makes again."""

import hashlib
import logging
from pathlib import Path

import pytest

from acpublish.catalog.contents import CatalogFiles
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import ConflictError
from acpublish.release.decision import choose
from acpublish.release.submission import Outcome
from tests.unit.catalog.holding import (
    VISIBLE,
    image,
    manifest,
    put,
)


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
