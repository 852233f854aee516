"""The whole way of a gzip: published, offered to those who can inflate it, flashed, up to date."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import acpublish
from acpublish.emulator import flash
from acpublish.emulator.profile import DeviceOptions, UpdateOutcome, UpdateResult
from acpublish.emulator.request import update_request
from acpublish.emulator.updater import run
from acpublish.image.gzip import inflate
from acpublish.image.stamper import stamp
from tests.conformance.test_upload import put, token
from tests.support import images
from tests.support.server import Answer, RunningServer, running_server

SIZE = 400_000
AUTOMATIC = "/update/lamp/d1"

Publish = Callable[..., bytes]


def firmware(version: str, seed: int = 1) -> bytes:
    blank = images.esp8266_image(size=SIZE, seed=seed, compressible=True)
    return stamp(blank, "lamp", version)


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    (tmp_path / "catalog").mkdir()
    return tmp_path / "catalog"


@pytest.fixture
def server(catalog: Path, tmp_path: Path) -> Iterator[RunningServer]:
    with running_server(catalog, tmp_path, "--log", "debug") as running:
        yield running


@pytest.fixture
def publish(catalog: Path, tmp_path: Path) -> Publish:
    def publish(version: str, seed: int = 1, **more: Any) -> bytes:
        data = firmware(version, seed)
        (tmp_path / "firmware.bin").write_bytes(data)
        acpublish.publish(
            tmp_path / "firmware.bin",
            to=catalog,
            product="lamp",
            version=version,
            board="d1",
            **more,
        )
        return data

    return publish


def asked(server: RunningServer, held: Path, **more: Any) -> UpdateOutcome:
    return run(DeviceOptions(flash=held, **more), server.url, AUTOMATIC)


def answer_to(server: RunningServer, running: bytes, **more: Any) -> Answer:
    """Returns what a device gets which runs an image."""
    options = DeviceOptions(**more)
    return server.ask(
        update_request(options, flash.running(running), "host", 80, AUTOMATIC.encode())
    )


def sent_to(server: RunningServer, running: bytes, **more: Any) -> bytes:
    """Returns the very bytes that a device gets which runs an image."""
    answer = answer_to(server, running, **more)
    assert answer.status == 200
    assert answer.one("x-md5") == md5_of(answer.body)
    assert int(answer.one("content-length")) == len(answer.body)
    assert not answer.all("content-encoding")
    return answer.body


def md5_of(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def test_a_known_device_gets_the_gzip_flashes_it_and_is_up_to_date(
    server: RunningServer, publish: Publish, tmp_path: Path
) -> None:
    old = publish("1.0.0", core="3.1.2", compress=True)
    held = tmp_path / "flash.bin"
    held.write_bytes(old)
    assert asked(server, held).result is UpdateResult.NO_UPDATE
    new = publish("2.0.0", seed=2, core="3.1.2", compress=True)
    packed = sent_to(server, old)
    assert packed.startswith(b"\x1f\x8b")
    assert len(packed) < len(new) // 10
    assert inflate(packed).data == new
    outcome = asked(server, held)
    assert (outcome.result, outcome.image) == (UpdateResult.UPDATED, new)
    assert held.read_bytes() == new
    again = asked(server, held)
    assert (again.result, again.status) == (UpdateResult.NO_UPDATE, 304)
    # What runs after a gzip is known as well, so that the next update is compressed again.
    third = publish("3.0.0", seed=3, compress=True)
    assert sent_to(server, new).startswith(b"\x1f\x8b")
    assert asked(server, held).image == third
    assert "compressed: it runs 1.0.0, built with core 3.1.2" in server.end()


def test_from_the_plain_release_to_the_gzip_when_compression_is_added_later(
    server: RunningServer, publish: Publish, tmp_path: Path
) -> None:
    old = publish("1.0.0", core="2.7.0")
    new = publish("2.0.0", seed=2)
    assert sent_to(server, old) == new
    publish("2.0.0", seed=2, compress=True)
    assert inflate(sent_to(server, old)).data == new


@pytest.mark.parametrize("core", [None, "2.6.3", "2.4.2"])
def test_an_old_or_unknown_core_gets_the_plain_image(
    server: RunningServer, publish: Publish, tmp_path: Path, core: str | None
) -> None:
    old = publish("1.0.0", core=core)
    new = publish("2.0.0", seed=2, core="3.1.2", compress=True)
    assert sent_to(server, old) == new


def test_others_get_the_plain_image(
    server: RunningServer, publish: Publish, tmp_path: Path
) -> None:
    old = publish("1.0.0", core="3.1.2")
    new = publish("2.0.0", seed=2, core="3.1.2", compress=True)
    unknown = firmware("0.9.0", seed=9)
    assert sent_to(server, unknown) == new
    # Enough for neither.
    assert answer_to(server, old, free_space=4096).status == 403
    assert inflate(sent_to(server, old, free_space=100_000)).data == new
    # The updater wrote another flash mode into what runs; nobody would into a gzip.
    other_mode = old[:2] + b"\x00" + old[3:]
    assert sent_to(server, other_mode) == new
    assert server.get(AUTOMATIC).body == new
    # A file by its name is that file, whoever asks.
    named = run(DeviceOptions(), server.url, "/lamp/lamp-2.0.0_d1.bin")
    assert named.image == new


def test_an_esp32_gets_the_plain_image(
    server: RunningServer, catalog: Path, tmp_path: Path
) -> None:
    data = images.esp32_image("esp32c3", project="lamp", version="1.0.0")
    (tmp_path / "c3.bin").write_bytes(data)
    options = {"to": catalog, "product": "lamp", "version": "1.0.0", "board": "c3"}
    with pytest.raises(acpublish.AcpublishError, match="0xE9"):
        acpublish.publish(tmp_path / "c3.bin", **options, compress=True)  # type: ignore[arg-type]
    acpublish.publish(tmp_path / "c3.bin", **options)  # type: ignore[arg-type]
    outcome = run(DeviceOptions(chip="esp32"), server.url, "/update/lamp/c3")
    assert outcome.image == data


def test_a_gzip_that_is_lost_or_spoilt_costs_no_device_its_update(
    server: RunningServer, publish: Publish, catalog: Path, tmp_path: Path
) -> None:
    old = publish("1.0.0", core="3.1.2")
    new = publish("2.0.0", seed=2, compress=True)
    (manifest,) = catalog.glob(".acpublish/releases/lamp/2.0.0.json")
    gzip = json.loads(manifest.read_bytes())["images"][0]["compressed"]["sha256"]
    path = catalog / ".acpublish/objects" / gzip
    path.chmod(0o644)
    path.write_bytes(b"spoilt")
    assert sent_to(server, old) == new
    path.unlink()
    assert sent_to(server, old) == new
    assert server.logs("is sent uncompressed")


def test_over_http_the_server_makes_the_gzip(
    server: RunningServer, catalog: Path, tmp_path: Path
) -> None:
    key = token(tmp_path)
    new = firmware("2.0.0")
    target = "/api/v1/releases/lamp/2.0.0/d1"
    first, document = put(server, target, new, key)
    assert (first.status, document["compressed"]) == (201, None)
    added, document = put(server, f"{target}?compress=yes", new, key)
    assert (added.status, document["outcome"]) == (200, "compressed")
    packed = (catalog / ".acpublish/objects" / document["compressed"]["sha256"]).read_bytes()
    assert document["compressed"]["size"] == len(packed)
    assert document["compressed"]["md5"] == md5_of(packed)
    assert inflate(packed).data == new
    refused, document = put(server, f"{target}?compress=maybe", new, key)
    assert (refused.status, document["code"]) == (400, "request")


def test_the_client_asks_for_it_and_gets_the_receipt(
    server: RunningServer, catalog: Path, tmp_path: Path
) -> None:
    key = token(tmp_path)
    (tmp_path / "firmware.bin").write_bytes(firmware("2.0.0"))
    done = acpublish.publish(
        tmp_path / "firmware.bin",
        to=server.url,
        product="lamp",
        version="2.0.0",
        board="d1",
        core="3.1.2",
        compress=True,
        token=key,
    )
    assert done.receipt.compressed is not None
    assert (catalog / ".acpublish/objects" / done.receipt.compressed.sha256).is_file()
    (manifest,) = catalog.glob(".acpublish/releases/lamp/2.0.0.json")
    (image,) = json.loads(manifest.read_bytes())["images"]
    assert image["provenance"] == {"core": "3.1.2"}
