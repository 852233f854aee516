"""An image for a larger flash than the device has is not offered to it, and the log says why.

The updater of the ESP8266 refuses a plain image whose header says a larger flash than the chip has
("New Binary Does Not Fit Flash Size"). It cannot look into a gzip (``Updater.cpp``), and after
such an update every further one fails (``Updater::begin``: ``checkFlashConfig``).
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

import acpublish
from acpublish.emulator import flash
from acpublish.emulator.profile import DeviceOptions, UpdateResult
from acpublish.emulator.request import update_request
from acpublish.emulator.updater import run
from tests.support import images
from tests.support.server import Answer, RunningServer

AUTOMATIC = "/update/plug/esp01"
#: The upper half of the header's byte 3.
FLASH_CODES = {"1MB": 0x20, "4MB": 0x40, "16MB": 0x90}
MEGABYTE = 1024 * 1024

Publish = Callable[..., bytes]


def image_for(flash_size: str, seed: int) -> bytes:
    image = bytearray(images.esp8266_image(size=80_000, seed=seed, compressible=True))
    for header in (0, images.ESP8266_APP_OFFSET):
        image[header + 3] = FLASH_CODES[flash_size]
    return images.with_crc_words(bytes(image))


@pytest.fixture
def publish(tmp_path: Path) -> Publish:
    def publish(version: str, flash_size: str, *, compress: bool = False) -> bytes:
        (tmp_path / "image.bin").write_bytes(image_for(flash_size, seed=len(version)))
        publication = acpublish.publish(
            tmp_path / "image.bin",
            to=tmp_path / "catalog",
            product="plug",
            board="esp01",
            version=version,
            core="3.1.2",
            compress=compress,
        )
        return (tmp_path / "catalog" / publication.file).read_bytes()

    return publish


def ask(server: RunningServer, running: bytes, options: DeviceOptions) -> Answer:
    reported = flash.running(running)
    return server.ask(update_request(options, reported, "host", 80, AUTOMATIC.encode()))


def reasons(server: RunningServer) -> list[str]:
    return [line for line in server.end().splitlines() if " GET " in line]


def test_case_09_a_gzip_is_not_sent_to_a_smaller_chip(
    server: RunningServer, publish: Publish
) -> None:
    old = publish("1.0.0", "1MB")
    new = publish("1.10.0", "4MB", compress=True)
    small = DeviceOptions(chip_size=MEGABYTE, free_space=600_000)
    assert ask(server, old, small).status == 403
    large = DeviceOptions(chip_size=4 * MEGABYTE, free_space=600_000)
    assert gzip.decompress(ask(server, old, large).body) == new
    refused, sent = reasons(server)
    assert "403 (the image is for 4MB of flash, but the device has 1MB" in refused
    assert "compressed: it runs 1.0.0" in sent


@pytest.mark.parametrize("compress", [True, False])
def test_case_10_the_log_says_what_the_device_refuses(
    server: RunningServer, publish: Publish, compress: bool
) -> None:
    publish("1.0.0", "16MB", compress=compress)
    outcome = run(DeviceOptions(chip_size=MEGABYTE), server.url, AUTOMATIC)
    assert (outcome.result, outcome.reason) == (UpdateResult.FAILED, "Forbidden (403)")
    (line,) = reasons(server)
    assert "the image is for 16MB of flash, but the device has 1MB" in line
    assert "newest on stable" not in line


def test_an_image_that_does_not_fit_is_said_to(server: RunningServer, publish: Publish) -> None:
    publish("1.0.0", "4MB")
    outcome = run(DeviceOptions(free_space=61_440), server.url, AUTOMATIC)
    assert (outcome.result, outcome.reason) == (UpdateResult.FAILED, "Forbidden (403)")
    esp32 = images.esp32_image("esp32", size=65_536)
    (Path(server.log_path).parent / "c3.bin").write_bytes(esp32)
    acpublish.publish(
        Path(server.log_path).parent / "c3.bin",
        to=Path(server.log_path).parent / "catalog",
        product="plug",
        board="dev",
        version="1.0.0",
    )
    outcome = run(DeviceOptions(chip="esp32", free_space=0), server.url, "/update/plug/dev")
    assert outcome.result is UpdateResult.FAILED
    first, second = reasons(server)
    assert "does not fit: the device has 61 kB free, the image needs 80 kB" in first
    assert "does not fit: the device has 0 kB free, the image needs 66 kB" in second


def test_a_hand_copied_gzip_is_refused_to_a_smaller_chip(
    server: RunningServer, tmp_path: Path
) -> None:
    plain = image_for("4MB", seed=1)
    (tmp_path / "catalog" / "plug.bin").write_bytes(plain)
    (tmp_path / "catalog" / "plug.bin.gz").write_bytes(gzip.compress(plain, mtime=0))
    small, large = DeviceOptions(chip_size=MEGABYTE), DeviceOptions(chip_size=4 * MEGABYTE)
    assert run(small, server.url, "/plug.bin.gz").reason == "Forbidden (403)"
    assert run(large, server.url, "/plug.bin.gz").image == plain
    assert run(small, server.url, "/plug.bin").reason == "New Binary Does Not Fit Flash Size"
    refused, _, plain_line = reasons(server)
    for line in (refused, plain_line):
        assert "requested by name, but the image is for 4MB of flash" in line


def test_publishing_again_adds_the_size_that_older_manifests_lack(
    server: RunningServer, publish: Publish, tmp_path: Path
) -> None:
    old = publish("1.0.0", "1MB")
    new = publish("1.10.0", "4MB", compress=True)
    manifest = tmp_path / "catalog/.acpublish/releases/plug/1.10.0.json"
    text = manifest.read_text()
    assert '"flash_size": "4MB",' in text
    manifest.write_text(text.replace('   "flash_size": "4MB",\n', ""))
    options = DeviceOptions(free_space=600_000)
    assert ask(server, old, options).body == new
    publish("1.10.0", "4MB", compress=True)
    assert gzip.decompress(ask(server, old, options).body) == new
