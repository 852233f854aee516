"""The application without a socket: what it remembers, what it tells, what it survives."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import acpublish
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.files import CatalogFiles
from acpublish.errors import CatalogError
from acpublish.image.reader import read
from acpublish.release.decision import Verdict
from acpublish.server import sockets
from acpublish.server.accesslog import AccessLog
from acpublish.server.app import create_app
from acpublish.server.cache import LocationCache
from acpublish.server.checkins import CheckIn, Event
from acpublish.server.config import ServerOptions
from acpublish.server.run import level_of
from acpublish.server.tokens import Tokens
from tests.support.images import esp32_image, esp8266_image

DEVICE = [(b"user-agent", b"ESP32-http-Update"), (b"x-esp32-mode", b"sketch")]


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "image.bin").write_bytes(esp32_image())
    acpublish.publish(
        tmp_path / "image.bin",
        to=str(tmp_path / "catalog"),
        product="lamp",
        version="1.0.0",
        board="c3",
    )
    return tmp_path / "catalog"


async def ask(
    app: Any, target: bytes, headers: list[tuple[bytes, bytes]] | None = None
) -> tuple[int, bytes]:
    """Asks the application as uvicorn's protocol would."""
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "acpublish.target": target,
        "headers": headers or [],
        "client": ("192.0.2.7", 1),
    }
    await app(scope, None, send)
    return messages[0]["status"], b"".join(part["body"] for part in messages[1:])


def make(catalog: Path, **more: Any) -> Any:
    options = ServerOptions(catalog=catalog)
    return create_app(options, DirectoryCatalog(catalog), Tokens(catalog.parent / "state"), **more)


def test_listeners_hear_of_each_check_in(catalog: Path) -> None:
    events: list[Event] = []

    def fail(event: Event) -> None:
        raise RuntimeError("a faulty listener")

    app = make(catalog, listeners=[fail, events.append])

    async def main() -> None:
        assert (await ask(app, b"/update/lamp/c3", DEVICE))[0] == 200
        assert (await ask(app, b"/lamp/lamp-1.0.0_c3.bin", DEVICE))[0] == 200
        assert (await ask(app, b"/update/lamp/c3"))[0] == 200

    asyncio.run(main())
    heard = [event for event in events if isinstance(event, CheckIn)]
    assert [(event.product, event.board) for event in heard] == [("lamp", "c3")] * 2
    assert all(event.decision.verdict is Verdict.OFFER for event in heard)
    assert all(event.address == "192.0.2.7" for event in heard)


def test_a_decision_is_remembered_until_a_release_is_new(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from acpublish.server import updates

    calls = []
    decide = updates.decide_update

    def counted(*args: Any, **options: Any) -> Any:
        calls.append(args)
        return decide(*args, **options)

    monkeypatch.setattr(updates, "decide_update", counted)
    manifests = catalog / ".acpublish" / "releases" / "lamp"
    os.utime(manifests, (1_700_000_000, 1_700_000_000))
    app = make(catalog)

    async def main() -> None:
        for _ in range(3):
            await ask(app, b"/update/lamp/c3", DEVICE)
        assert len(calls) == 1
        await ask(app, b"/update/lamp/c3", [*DEVICE, (b"x-esp32-version", b"1.0.0")])
        assert len(calls) == 2
        os.utime(manifests, (1_700_000_001, 1_700_000_001))
        await ask(app, b"/update/lamp/c3", DEVICE)
        assert len(calls) == 3

    asyncio.run(main())


def test_space_counts_only_where_a_compressed_image_is_offered(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from acpublish.server import updates

    image = catalog.parent / "image.bin"
    image.write_bytes(esp8266_image(compressible=True))
    target = {"to": catalog, "product": "lamp", "board": "d1", "core": "3.1.2"}
    acpublish.publish(image, version="1.0.0", **target)  # type: ignore[arg-type]
    old = read((catalog / "lamp/lamp-1.0.0_d1.bin").read_bytes()).md5
    acpublish.publish(image, version="2.0.0", compress=True, **target)  # type: ignore[arg-type]
    new = read((catalog / "lamp/lamp-2.0.0_d1.bin").read_bytes()).md5
    calls = []
    decide = updates.decide_update

    def counted(*args: Any, **options: Any) -> Any:
        calls.append(args)
        return decide(*args, **options)

    monkeypatch.setattr(updates, "decide_update", counted)
    os.utime(catalog / ".acpublish" / "releases" / "lamp", (1_700_000_000, 1_700_000_000))
    app = make(catalog)

    async def asked(md5: str, free_space: int) -> tuple[int, bytes]:
        said = {"sketch-md5": md5, "sketch-size": "32768", "free-space": str(free_space)}
        headers = [(b"x-esp8266-" + key.encode(), said[key].encode()) for key in said]
        return await ask(app, b"/update/lamp/d1", headers)

    async def main() -> None:
        for free_space in range(100_000, 100_010):
            assert (await asked(new, free_space))[0] == 304
        assert len(calls) == 1
        assert (await asked(old, 100_000))[1].startswith(b"\x1f\x8b")
        assert (await asked(old, 4_000))[1].startswith(b"\xe9")
        assert (await asked(old, 100_000))[1].startswith(b"\x1f\x8b")

    asyncio.run(main())


def test_a_catalog_that_fails_is_told_without_its_path(
    catalog: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (image,) = (catalog / ".acpublish" / "objects").iterdir()
    image.chmod(0o644)
    image.write_bytes(b"other bytes")
    status, body = asyncio.run(ask(make(catalog), b"/lamp/lamp-1.0.0_c3.bin"))
    assert (status, body) == (500, b"The catalog cannot be read.\n")
    assert "was changed on the disk" in caplog.text


@pytest.mark.parametrize("fault", [OSError(5, "Input/output error"), CatalogError("x", hint="y")])
def test_a_disk_that_fails(
    catalog: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def fail(self: CatalogFiles, target: bytes) -> None:
        raise fault

    monkeypatch.setattr(CatalogFiles, "locate", fail)
    status, body = asyncio.run(ask(make(catalog), b"/x.bin"))
    assert status in (500, 503)
    assert body == b"The catalog cannot be read.\n"


def test_locations_are_remembered_for_a_moment(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[bytes] = []
    locate = CatalogFiles.locate

    def counted(self: CatalogFiles, target: bytes) -> Any:
        looked.append(target)
        return locate(self, target)

    now = [100.0]
    monkeypatch.setattr(CatalogFiles, "locate", counted)
    monkeypatch.setattr("acpublish.server.cache.time.monotonic", lambda: now[0])
    locations = LocationCache(CatalogFiles(DirectoryCatalog(catalog)))
    for _ in range(3):
        assert locations.locate(b"/lamp") is not None
        assert locations.locate(b"/nothing") is None
    assert looked.count(b"/lamp") == 1
    assert looked.count(b"/nothing") == 3
    now[0] += 0.06
    assert locations.locate(b"/lamp") is not None
    assert looked.count(b"/lamp") == 2


def test_a_list_is_made_again_when_its_directory_changed(catalog: Path) -> None:
    app = make(catalog)

    async def names() -> set[str]:
        _, body = await ask(app, b"/_catalog?op=list&path=.")
        return {entry["name"] for entry in json.loads(body)}

    async def main() -> None:
        assert await names() == {"lamp"}
        (catalog / "new.bin").write_bytes(esp32_image())
        assert await names() == {"lamp", "new.bin"}

    asyncio.run(main())


def test_a_long_directory_is_scanned_once_for_all_who_ask(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    entries = CatalogFiles.entries

    def counted(self: CatalogFiles, directory: Any) -> Any:
        calls.append(directory)
        return entries(self, directory)

    monkeypatch.setattr(CatalogFiles, "entries", counted)
    app = make(catalog)

    async def main() -> None:
        asked = [ask(app, b"/_catalog?op=list&path=.") for _ in range(20)]
        answers = await asyncio.gather(*asked)
        assert len(set(answers)) == 1

    asyncio.run(main())
    assert len(calls) == 1


def test_the_access_log_writes_its_lines_together(catalog: Path) -> None:
    stream = io.StringIO()
    app = make(catalog, log=AccessLog(stream))

    async def main() -> None:
        await ask(app, b"/update/lamp/c3")
        await ask(app, b"/a\x1b[31m\nb")
        assert stream.getvalue() == ""
        await asyncio.sleep(0.3)

    asyncio.run(main())
    first, second = stream.getvalue().splitlines()
    assert first.endswith(" 192.0.2.7 GET /update/lamp/c3 200 (1.0.0 is the newest on stable)")
    assert second.endswith(" GET /a\\x1b[31m\\nb 404")


@pytest.fixture
def listener() -> Iterator[Callable[[str], Any]]:
    opened = []

    def listen(bind: str) -> Any:
        opened.append(sockets.listen(bind, 0))
        return opened[-1]

    yield listen
    for one in opened:
        one.close()


def test_listening_sockets(listener: Callable[[str], Any]) -> None:
    loopback = listener("127.0.0.1")
    assert sockets.url_of(loopback) == f"http://127.0.0.1:{loopback.getsockname()[1]}"
    assert not sockets.reaches_others(loopback)
    everywhere = listener("0.0.0.0")
    assert sockets.reaches_others(everywhere)
    assert not sockets.reaches_others(listener("localhost"))


def test_the_own_address_can_be_listened_at(listener: Callable[[str], Any]) -> None:
    assert listener(sockets.own_address()).getsockname()[0] == sockets.own_address()


@pytest.mark.parametrize("name", ["debug", "INFO", "Warning", "error", "CRITICAL"])
def test_levels_in_either_case(name: str) -> None:
    assert level_of(name) == getattr(logging, name.upper())


def test_another_level_is_a_settings_error() -> None:
    with pytest.raises(acpublish.errors.SettingsError, match="log level"):
        level_of("loud")
