"""A device is not sent in circles what it has already received, by the real server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import acpublish
from acpublish.emulator.profile import DeviceOptions, UpdateResult
from acpublish.emulator.request import Running, update_request
from acpublish.emulator.updater import run
from acpublish.publishing.destinations import Destination, running_devices
from acpublish.publishing.overview import never_updated_lines, running_line
from tests.support import images
from tests.support.server import RunningServer

Publish = Callable[..., None]
FILES = "/update/lamp/d1"
FIRMWARE = "/update/lamp/dev"


@pytest.fixture
def publish(tmp_path: Path) -> Publish:
    def publish(version: str, image: bytes, **more: Any) -> None:
        (tmp_path / "image.bin").write_bytes(image)
        acpublish.publish(
            tmp_path / "image.bin",
            to=tmp_path / "catalog",
            product="lamp",
            version=version,
            **more,
        )

    return publish


def poll(server: RunningServer, tmp_path: Path, claim: str, **more: Any) -> UpdateResult:
    """Lets the software device request its filesystem once."""
    options = DeviceOptions(mode="spiffs", version=claim, flash=tmp_path / "fs.bin", **more)
    return run(options, server.url, FILES).result


@pytest.mark.parametrize("claim", ["0.9.0", "build of Tuesday"])
def test_a_filesystem_is_written_once_whatever_is_claimed(
    server: RunningServer, publish: Publish, tmp_path: Path, claim: str
) -> None:
    files = {"board": "d1", "kind": "filesystem"}
    publish("1.0.0", images.littlefs(seed=1), **files)
    polls = [poll(server, tmp_path, claim) for _ in range(4)]
    assert polls == [UpdateResult.UPDATED, *[UpdateResult.NO_UPDATE] * 3]
    # Another device, another release, another claim: each is sent.
    assert poll(server, tmp_path, claim, mac="24:0A:C4:00:00:02") is UpdateResult.UPDATED
    assert poll(server, tmp_path, "0.9.1") is UpdateResult.UPDATED
    assert poll(server, tmp_path, "0.9.1") is UpdateResult.NO_UPDATE
    publish("1.1.0", images.littlefs(seed=2), **files)
    polls = [poll(server, tmp_path, "0.9.1") for _ in range(3)]
    assert polls == [UpdateResult.UPDATED, *[UpdateResult.NO_UPDATE] * 2]
    # One that says what it has is never sent it again.
    assert poll(server, tmp_path, "1.1.0") is UpdateResult.NO_UPDATE
    log = server.end()
    assert "received filesystem 1.1.0 and reports the same version as before" in log
    assert "it is sent again 24 hours later" in log


def encrypted(server: RunningServer, claim: str, digest: str, mac: str | None = None) -> int:
    """Lets an ESP32 with flash encryption poll, whose digests match nothing."""
    options = DeviceOptions(chip="esp32", version=claim, mac=mac)
    running = Running(size=65_536, md5=digest * 32, sha256=digest.upper() * 64)
    answer = server.ask(update_request(options, running, "host", 80, FIRMWARE.encode()))
    return answer.status


def test_flash_encryption_changes_every_digest(
    server: RunningServer, publish: Publish, tmp_path: Path
) -> None:
    publish("1.0.0", images.esp32_image("esp32", seed=1), board="dev")
    publish("1.1.0", images.esp32_image("esp32", seed=2), board="dev")
    assert encrypted(server, "1.0.0", "a") == 200
    # It failed to install it, and tries again.
    assert encrypted(server, "1.0.0", "a") == 200
    assert [encrypted(server, "1.1.0", "b") for _ in range(3)] == [304] * 3
    shown = json.loads(server.get("/api/v1/products/lamp/devices").body)["devices"]
    assert shown == [{"board": "dev", "version": "1.1.0", "count": 1, "unverified": True}]
    (adoption,) = running_devices(Destination(to=server.url), "lamp")
    assert adoption.unverified
    assert running_line([adoption]).endswith("1 dev with 1.1.0 (unverified)")
    publish("1.2.0", images.esp32_image("esp32", seed=3), board="dev")
    assert encrypted(server, "1.1.0", "b") == 200
    assert "which is unverified" in server.end()


def test_a_restarted_server_sends_it_once_more_at_most(
    server: RunningServer, publish: Publish
) -> None:
    publish("1.1.0", images.esp32_image("esp32", seed=2), board="dev")
    statuses = [encrypted(server, "1.1.0", "b") for _ in range(4)]
    assert statuses == [200, 304, 304, 304]


def test_a_claim_that_is_higher_than_every_release(server: RunningServer, publish: Publish) -> None:
    publish("1.0.0", images.esp32_image("esp32", seed=1), board="dev")
    for _ in range(3):
        assert encrypted(server, "5.1.4", "c") == 304
        assert encrypted(server, "5.1.4", "d", "24:0A:C4:00:00:02") == 304
    (adoption,) = running_devices(Destination(to=server.url), "lamp")
    assert (adoption.version, adoption.count, adoption.never_updated) == (None, 2, True)
    (line,) = never_updated_lines([adoption])
    assert line.startswith("warning: 2 dev will never be updated")
    log = server.end()
    warnings = [entry for entry in log.splitlines() if " WARNING " in entry]
    assert len([entry for entry in warnings if "never be updated" in entry]) == 2
    assert "304 (the device reports 5.1.4, higher than every release" in log
