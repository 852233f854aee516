"""What is on the disk, and the commands that copy it."""

from __future__ import annotations

import asyncio
import html
from pathlib import Path

from acpublish.server.disk_usage import Disk
from acpublish.server.pages.settings_storage import _is_little
from tests.unit.server.pages.settings_site import manager, published, reader

PATH = "/_/settings/storage"


def test_products_and_commands(tmp_path: Path) -> None:
    async def shown() -> None:
        folder = tmp_path / "a folder"
        folder.mkdir()
        app = published(folder)
        store = folder / "state/fleet/fleet.db"
        browser = await manager(app)
        page = html.unescape((await browser.get(PATH)).text)
        assert ">lamp<" in page
        assert "acpublish backup" not in page
        assert f"tar -czf state-backup.tar.gz -C '{folder}/state' tokens.json" in page
        assert f"tar -czf catalog-backup.tar.gz -C '{folder}/catalog' ." in page
        store.parent.mkdir()
        store.write_bytes(b"x" * 5000)
        page = html.unescape((await browser.get(PATH)).text)
        assert f"acpublish backup fleet-backup.db --state '{folder}/state'" in page
        assert "5\u202fKiB" in page
        assert "tar -czf" not in (await (await reader(app)).get(PATH)).text

    asyncio.run(shown())


def test_little_space_is_a_warning() -> None:
    assert _is_little(Disk(1_000_000, 10**12))
    assert not _is_little(Disk(10**10, 10**12))
