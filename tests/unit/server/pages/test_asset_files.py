"""Style sheets and scripts: kept for ever under an address with their digest."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

from acpublish.server.pages.asset_files import FOLDER, AssetFiles
from tests.unit.server.pages.visiting import Browser, application


def test_they_are_compressed_and_kept(tmp_path: Path) -> None:
    app = application(tmp_path)
    for name, asset in app.site.rendering.assets.files.items():
        plain = asyncio.run(Browser(app).get(asset.url))
        assert plain.status == 200
        assert plain.headers["cache-control"].endswith("immutable")
        assert (
            plain.text.encode() == (FOLDER / name).read_bytes() == gzip.decompress(asset.compressed)
        )
        packed = asyncio.run(Browser(app).get(asset.url, accept_encoding="br, gzip"))
        assert packed.headers["content-encoding"] == "gzip"
        assert int(packed.headers["content-length"]) == len(asset.compressed)


def test_another_digest_is_another_file(tmp_path: Path) -> None:
    app = application(tmp_path)
    for path in ("/_/assets/000000000000/tokens.css", "/_/assets/x/../../page_app.py"):
        assert asyncio.run(Browser(app).get(path)).status == 404


def test_the_same_file_has_the_same_address() -> None:
    assert AssetFiles().files == AssetFiles().files


def test_vendored_files_have_their_licences() -> None:
    scripts = sorted((FOLDER / "vendor").glob("*.js"))
    assert scripts
    for script in scripts:
        name = script.name.rpartition("-")[0]
        assert "BSD" in (FOLDER / f"vendor/{name}.LICENSE").read_text()
