from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from acpublish.catalog import loose
from acpublish.catalog.contents import CatalogFiles
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import NotFoundError
from acpublish.server.images import Images
from tests.support.images import esp8266_image
from tests.unit.catalog.holding import put


def test_more_files_than_are_remembered_are_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loose, "_CACHED_FILES", 2)
    for number in range(6):
        (tmp_path / f"{number}.bin").write_bytes(esp8266_image(seed=number))
    sender = Images(CatalogFiles(DirectoryCatalog(tmp_path)), 64 << 20)

    async def ask() -> list[int]:
        return [
            (await sender.of_loose(tmp_path / f"{number}.bin")).size
            for _ in range(2)
            for number in range(6)
        ]

    assert len(asyncio.run(ask())) == 12


def test_a_key_is_not_called_gone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("-----BEGIN EC PRIVATE KEY-----\n")
    sender = Images(CatalogFiles(DirectoryCatalog(tmp_path)), 64 << 20)
    with pytest.raises(NotFoundError, match="contains a key, or is not for updates"):
        asyncio.run(sender.of_loose(tmp_path / "notes.txt"))
    with pytest.raises(NotFoundError, match="is gone"):
        asyncio.run(sender.of_loose(tmp_path / "missing.txt"))


def test_the_name_of_a_withdrawn_image_may_get_different_bytes(tmp_path: Path) -> None:
    catalog = DirectoryCatalog(tmp_path)
    put(catalog, "1.0.0", seed=1)
    (release,) = catalog.releases("lamp")
    (image,) = release.images
    sender = Images(CatalogFiles(catalog), 64 << 20)
    first = sender.of_release(release, image)
    assert sender.of_release(release, image) is first
    other = sender.of_release(release, replace(image, sha256="0" * 64, md5="1" * 32))
    assert (other.name, other.md5) == (first.name, "1" * 32)
    assert other.path != first.path
