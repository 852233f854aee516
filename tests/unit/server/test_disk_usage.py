"""What products and the fleet's store take."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish import publish
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.release.change_request import ChangeRequest
from acpublish.release.version import Version
from acpublish.server import disk_usage as module
from acpublish.server.disk_usage import disk_usage
from tests.support.images import esp32_image


def test_products_by_size(tmp_path: Path) -> None:
    catalog, state = tmp_path / "catalog", tmp_path / "state"
    catalog.mkdir()
    for product, version, seed in (
        ("door", "1.0.0", 1),
        ("lamp", "1.0.0", 2),
        ("lamp", "1.1.0", 3),
    ):
        image = tmp_path / f"{product}-{version}.bin"
        image.write_bytes(esp32_image("esp32c3", seed=seed))
        publish(image, to=catalog, product=product, version=version, board="c3")
    directory = DirectoryCatalog(catalog)
    usage = disk_usage(directory, state)
    on_disk = sum(path.stat().st_size for path in (catalog / ".acpublish/objects").iterdir())
    assert [own.product for own in usage.products] == ["lamp", "door"]
    assert [(own.releases, own.images) for own in usage.products] == [(2, 2), (1, 1)]
    assert usage.catalog_bytes == on_disk
    assert usage.catalog is not None
    assert 0 < usage.catalog.free_bytes < usage.catalog.total_bytes
    assert usage.store_bytes is None
    delete = ChangeRequest(action="delete", version=Version.parse("1.0.0"), why="old")
    directory.changes.make("lamp", delete)
    after = disk_usage(directory, state).products
    assert {own.product: own.images for own in after} == {"lamp": 1, "door": 1}


def test_the_store_and_its_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog, state = tmp_path / "catalog", tmp_path / "state"
    catalog.mkdir()
    (state / "fleet").mkdir(parents=True)
    for name, size in (("fleet.db", 100), ("fleet.db-wal", 20), ("other", 7)):
        (state / "fleet" / name).write_bytes(b"x" * size)
    directory = DirectoryCatalog(catalog)
    usage = disk_usage(directory, state)
    assert (usage.store_bytes, usage.state) == (120, None)
    monkeypatch.setattr(module, "_device_of", lambda folder: hash(folder))
    assert disk_usage(directory, state).state is not None
    assert disk_usage(directory, tmp_path / "nothing").state is None
