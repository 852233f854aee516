"""The application without a socket: what it remembers, what it tells, what it survives."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import acpublish
from acpublish.catalog.contents import CatalogFiles
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import CatalogError
from acpublish.image.reader import read
from acpublish.release.decision import Verdict
from acpublish.server.accesslog import AccessLog
from acpublish.server.app import create_app
from acpublish.server.checkins import CheckIn, Delivered, Event
from acpublish.server.config import ServerOptions
from acpublish.server.device_access import DeviceAccess
from acpublish.server.device_access_file import DeviceAccessStore
from acpublish.server.lately import FRESH_S
from acpublish.server.logwriter import LogWriter
from acpublish.server.tokens import Tokens
from tests.support.images import esp8266_image
from tests.unit.server.in_memory import ask, lamp_catalog, make

DEVICE = [(b"user-agent", b"ESP32-http-Update"), (b"x-esp32-mode", b"sketch")]


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return lamp_catalog(tmp_path)


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
    from acpublish.fleet import deciding

    calls = []
    decide = deciding.decide_update

    def counted(*args: Any, **options: Any) -> Any:
        calls.append(args)
        return decide(*args, **options)

    monkeypatch.setattr(deciding, "decide_update", counted)
    manifests = catalog / ".acpublish" / "releases" / "lamp"
    os.utime(manifests, (1_700_000_000, 1_700_000_000))
    app = make(catalog)

    up_to_date = [*DEVICE, (b"x-esp32-version", b"1.0.0")]

    async def main() -> None:
        for _ in range(3):
            await ask(app, b"/update/lamp/c3", up_to_date)
        assert len(calls) == 1
        await ask(app, b"/update/lamp/c3", [*DEVICE, (b"x-esp32-version", b"2.0.0")])
        assert len(calls) == 2
        shutil.copy(manifests / "1.0.0.json", manifests / "copy")
        (manifests / "copy").rename(manifests / "1.0.0.json")
        os.utime(manifests, (1_700_000_001, 1_700_000_001))
        await asyncio.sleep(2 * FRESH_S)
        await ask(app, b"/update/lamp/c3", up_to_date)
        assert len(calls) == 3

    asyncio.run(main())


def test_space_counts_only_where_an_image_is_offered(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from acpublish.fleet import deciding

    image = catalog.parent / "image.bin"
    image.write_bytes(esp8266_image(compressible=True))
    target = {"to": catalog, "product": "lamp", "board": "d1", "core": "3.1.2"}
    acpublish.publish(image, version="1.0.0", **target)  # type: ignore[arg-type]
    old = read((catalog / "lamp/lamp-1.0.0_d1.bin").read_bytes()).md5
    acpublish.publish(image, version="2.0.0", compress=True, **target)  # type: ignore[arg-type]
    new = read((catalog / "lamp/lamp-2.0.0_d1.bin").read_bytes()).md5
    calls = []
    decide = deciding.decide_update

    def counted(*args: Any, **options: Any) -> Any:
        calls.append(args)
        return decide(*args, **options)

    monkeypatch.setattr(deciding, "decide_update", counted)
    os.utime(catalog / ".acpublish" / "releases" / "lamp", (1_700_000_000, 1_700_000_000))
    app = make(catalog)

    async def asked(md5: str, free_space: int) -> tuple[int, bytes]:
        said = {
            "sketch-md5": md5,
            "sketch-size": "32768",
            "free-space": str(free_space),
            "chip-size": "4194304",
        }
        headers = [(b"x-esp8266-" + key.encode(), said[key].encode()) for key in said]
        return await ask(app, b"/update/lamp/d1", headers)

    async def main() -> None:
        for free_space in range(100_000, 100_010):
            assert (await asked(new, free_space))[0] == 304
        assert len(calls) == 1
        assert (await asked(old, 100_000))[1].startswith(b"\x1f\x8b")
        assert (await asked(old, 4_000))[0] == 403
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


def test_a_request_with_a_body_gets_no_large_file(catalog: Path) -> None:
    """It comes by uvicorn's protocol, which cannot send a file; still each offer has its end."""
    events: list[Event] = []
    options = ServerOptions(catalog=catalog, cache_bytes=0)
    tokens = Tokens(catalog.parent / "state")
    app = create_app(options, DirectoryCatalog(catalog), tokens, [events.append])
    status, body = asyncio.run(ask(app, b"/update/lamp/c3", DEVICE, body=b"a body"))
    assert (status, body) == (400, b"A request for a large file has no body.\n")
    assert [type(event) for event in events] == [CheckIn, Delivered]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_devices_can_only_read(catalog: Path, method: str) -> None:
    for target in (b"/update/lamp/c3", b"/_catalog?op=list", b"/x.bin"):
        status, body = asyncio.run(ask(make(catalog), target, method=method))
        assert (status, body) == (405, b"Only GET and HEAD are accepted here.\n")


def test_the_api_is_reached_and_logged(catalog: Path) -> None:
    stream = io.StringIO()
    writer = LogWriter(stream)
    log = AccessLog(writer)

    async def main() -> None:
        app = make(catalog, log=log)
        assert (await ask(app, b"/api/v1/products"))[1] == b'{"products":["lamp"]}'
        assert (await ask(app, b"/api/v1/nothing"))[0] == 404

    asyncio.run(main())
    log.flush()
    writer.close()
    first, second = stream.getvalue().splitlines()
    assert first.endswith(" GET /api/v1/products 200")
    assert second.endswith(" GET /api/v1/nothing 404")


def test_hand_copied_files_belong_to_the_folder_of_a_product(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under whatever name they are reached, also by links."""
    monkeypatch.setattr("acpublish.server.device_secrets._COST", {"n": 2, "r": 1, "p": 1})
    store = DeviceAccessStore(tmp_path / "state")
    catalog = lamp_catalog(tmp_path)
    file = next((catalog / "lamp").glob("*.bin")).name.encode()
    for folder in ("plug", "plug/sub", "other", "u"):
        (catalog / folder).mkdir()
        (catalog / folder / "x.bin").write_bytes(esp8266_image())
    (catalog / "alias").symlink_to("plug")
    store.set_credentials("lamp", "a", "b")
    store.set_credentials("plug", "a", "b")
    app = make(catalog)

    async def main() -> None:
        statuses = {
            target: (await ask(app, target))[0]
            for target in (
                b"/lamp/" + file,
                b"lamp/" + file,
                b"//lamp//" + file,
                b"/./lamp/" + file,
                b"/other/../lamp/" + file,
                b"/l%61mp/" + file,
                b"/%6c%61%6d%70%2f" + file,
                b"/lamp/" + file + b"?x=1",
                b"/lamp/" + file + b".md5",
                b"/lamp/" + file + b".sha256?x",
                b"/lamp/" + file + b"/",
                b"/plug/x.bin",
                b"/plug/sub/x.bin",
                b"/plug/x.bin.md5",
                b"/alias/x.bin",
                b"/alias/sub/x.bin",
                b"/update/lamp/c3",
                b"/update/LAMP/c3",
                b"/update/lamp/c3.json",
                b"/update/lamp/none",
                b"/update/l%61mp/c3/",
                b"/update/plug/c3",
            )
        }
        assert set(statuses.values()) <= {401, 404}, statuses
        assert statuses[b"/plug/x.bin"] == 401
        assert statuses[b"/alias/sub/x.bin"] == 401
        assert statuses[b"/lamp/" + file] == statuses[b"/update/LAMP/c3"] == 401
        assert (await ask(app, b"/other/x.bin"))[0] == 200
        # Files of the folder u have no address while there are credentials.
        assert (await ask(app, b"/u/x.bin"))[0] == 404
        assert (await ask(app, b"/_catalog?op=list&path=lamp"))[0] == 200

    asyncio.run(main())
    app = make(catalog, access=DeviceAccess(tmp_path / "none"))
    assert asyncio.run(ask(app, b"/u/x.bin")) == (200, esp8266_image())
