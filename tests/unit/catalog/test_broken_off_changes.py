"""Changes that were broken off, and catalogs that lost a part of what changes are kept in."""

from pathlib import Path

import pytest

from acpublish.catalog import layout
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import (
    CatalogError,
)
from acpublish.release.submission import Outcome
from tests.unit.catalog.changing import change, points_at, three_releases
from tests.unit.catalog.holding import files_below, put


@pytest.fixture
def catalog(tmp_path: Path) -> DirectoryCatalog:
    return three_releases(tmp_path)


def test_a_full_disk_changes_nothing(
    catalog: DirectoryCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("acpublish.atomic.write", full)
    with pytest.raises(CatalogError, match="no space left"):
        change(catalog, "withdraw", "1.2.0", why="x")
    assert points_at(catalog) == "1.2.0"
    assert "lamp/lamp-1.2.0_d1.bin" in files_below(catalog.root)


def test_the_start_of_a_server_completes_what_a_killed_command_left(
    catalog: DirectoryCatalog,
) -> None:
    visible = catalog.root / "lamp/lamp-1.2.0_d1.bin"
    data = visible.read_bytes()
    change(catalog, "delete", "1.2.0", why="x")
    visible.write_bytes(data)
    DirectoryCatalog(catalog.root).repair()
    assert not visible.exists()


def test_a_server_starts_with_a_product_whose_channels_cannot_be_read(
    catalog: DirectoryCatalog,
) -> None:
    put(catalog, product="plug")
    layout.channels(catalog.root, "lamp").write_bytes(b"{")
    (catalog.root / "plug/plug-1.0.0_d1.bin").unlink()
    assert catalog.repair() == ("plug/plug-1.0.0_d1.bin",)
    # Nothing is cleared away as long as it is not known what is needed.
    assert len(list(layout.objects(catalog.root).iterdir())) == 4


def test_a_lost_document_clears_no_bytes_away(catalog: DirectoryCatalog) -> None:
    before = set(layout.objects(catalog.root).iterdir())
    document = layout.channels(catalog.root, "lamp")
    text = document.read_bytes()
    document.unlink()
    catalog.repair(older_than_s=0)
    assert set(layout.objects(catalog.root).iterdir()) == before
    document.write_bytes(text)
    assert points_at(catalog) == "1.2.0"


def test_an_older_copy_of_the_document_clears_no_bytes_away(catalog: DirectoryCatalog) -> None:
    document = layout.channels(catalog.root, "lamp")
    text = document.read_bytes()
    receipt = put(catalog, "1.3.0")
    document.write_bytes(text)
    catalog.repair(older_than_s=0)
    assert catalog.object_path(receipt.sha256).exists()
    assert put(catalog, "1.3.0").outcome is Outcome.PUBLISHED


def test_what_cannot_be_removed_is_said(catalog: DirectoryCatalog) -> None:
    visible = catalog.root / "lamp/lamp-1.2.0_d1.bin"
    visible.unlink()
    visible.mkdir()
    changed = change(catalog, "withdraw", "1.2.0", why="x")
    assert changed.applied
    (note,) = changed.notes
    assert note.startswith("lamp/lamp-1.2.0_d1.bin cannot be removed: ")


def test_the_next_command_makes_the_files_that_a_killed_undo_did_not(
    catalog: DirectoryCatalog,
) -> None:
    change(catalog, "withdraw", "1.2.0", why="x")
    change(catalog, "undo", "1.2.0")
    (catalog.root / "lamp/lamp-1.2.0_d1.bin").unlink()
    change(catalog, "promote", "1.0.0", "beta")
    assert "lamp/lamp-1.2.0_d1.bin" in files_below(catalog.root)
