"""Products are read in threads, and the event loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.snapshot import ProductSnapshots
from acpublish.server.product_reader import ProductReader
from tests.unit.catalog.holding import put
from tests.unit.server.in_memory import ask, lamp_catalog, make


def test_what_must_be_read_first(tmp_path: Path) -> None:
    put(DirectoryCatalog(tmp_path), "1.0.0")
    reader = ProductReader(DirectoryCatalog(tmp_path))
    for path in (b"/lamp/lamp-1.0.0_d1.bin", b"lamp", b"/l%61mp/x", b"//lamp/"):
        assert reader.must_read(path) == "lamp"
    for path in (b"/", b"", b"/other/x", b"/lamp.bin", b"/\xff/x"):
        assert reader.must_read(path) is None
    assert not reader.has_board("lamp", "d1")
    time.sleep(0.15)
    snapshot = asyncio.run(reader.read("lamp"))
    assert [str(release.version) for release in snapshot.releases] == ["1.0.0"]
    assert reader.must_read(b"/lamp/x") is None
    assert reader.has_board("lamp", "d1")
    assert not reader.has_board("lamp", "c3")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/update/lamp/c3", 200),
        (b"/UPDATE/lamp/c3", 404),
        (b"/update/LAMP/C3", 200),
        (b"/lamp/lamp-1.0.0_c3.bin", 200),
        (b"/lamp/lamp-1.0.0_c3.bin.md5", 200),
        (b"/_catalog?op=list&path=lamp", 200),
    ],
)
def test_the_loop_goes_on_while_a_product_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: bytes, status: int
) -> None:
    catalog = lamp_catalog(tmp_path)
    real, threads = ProductSnapshots._read, []

    def slow(self: ProductSnapshots, *arguments: Any) -> Any:
        threads.append(threading.current_thread())
        time.sleep(0.2)
        return real(self, *arguments)

    monkeypatch.setattr(ProductSnapshots, "_read", slow)
    # What is older than a moment is not read again.
    time.sleep(0.15)

    async def main() -> tuple[int, float]:
        app, longest = make(catalog), 0.0
        asked = asyncio.ensure_future(ask(app, target))
        while not asked.done():
            begin = time.monotonic()
            await asyncio.sleep(0.005)
            longest = max(longest, time.monotonic() - begin)
        return (await asked)[0], longest

    given, longest = asyncio.run(main())
    assert given == status
    assert threading.main_thread() not in threads
    assert longest < 0.2
