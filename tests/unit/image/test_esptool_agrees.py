"""esptool, the independent judge, on what the generator makes and on what the stamper makes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from esptool.bin_image import (
    ESP8266V2FirmwareImage,
    ESP8266V3FirmwareImage,
    ImageSegment,
    LoadFirmwareImage,
)

from acpublish.image.model import Integrity, Kind
from acpublish.image.reader import read
from acpublish.image.stamper import stamp
from tests.support.images import CHIPS, bootloader, eboot, esp32_image, esp8266_image, filler
from tests.support.other_images import sdk_loader, sdk_user1, split_half


def assert_valid(chip: str, data: bytes) -> None:
    image = LoadFirmwareImage(chip, data)
    assert image.checksum == image.calculate_checksum()
    if getattr(image, "append_digest", False):
        assert image.stored_digest == image.calc_digest
    facts = read(data)
    loads = [(segment.address, segment.size) for segment in facts.segments]
    assert loads == [(segment.addr, len(segment.data)) for segment in image.segments]
    assert facts.entry == image.entrypoint


@pytest.mark.parametrize("chip", CHIPS)
def test_images_of_every_chip_are_valid_before_and_after_stamping(chip: str) -> None:
    for hash_appended in (True, False):
        image = esp32_image(chip, hash_appended=hash_appended)
        assert_valid(chip, image)
        assert_valid(chip, stamp(image, "lamp", "1.2.3"))
    assert_valid(chip, bootloader(chip))


def test_single_esp8266_images_are_valid() -> None:
    assert_valid("esp8266", esp8266_image(eboot=False))
    assert_valid("esp8266", eboot())
    assert_valid("esp8266", sdk_loader())
    assert_valid("esp8266", split_half())


@pytest.mark.parametrize("digest", [True, False])
@pytest.mark.parametrize(
    ("segments", "kind"),
    [
        ([(0x40210010, 30000), (0x40100000, 9000), (0x3FFE8000, 2000)], Kind.PART),
        # Of the bootloader's two, the second ends at the end of a sector.
        ([(0x40100000, 9000), (0x3FFE8000, 12288 - 9008 - 24)], Kind.PART),
        ([(0x40100000, 2000), (0x3FFE8000, 400)], Kind.BOOTLOADER),
    ],
)
def test_an_image_of_the_rtos_sdk_is_healthy_and_no_application(
    segments: list[tuple[int, int]], kind: Kind, digest: bool
) -> None:
    made = ESP8266V3FirmwareImage(None, append_digest=digest)
    made.entrypoint, made.flash_mode, made.flash_size_freq = 0x40100004, 2, 0x40
    made.segments = [ImageSegment(address, filler(size, 1)) for address, size in segments]
    data = made.save(None)
    assert data is not None
    facts = read(data)
    assert (facts.kind, facts.problems, facts.chip) == (kind, (), "esp8266")
    assert facts.digest is (Integrity.VALID if digest else Integrity.ABSENT)
    if digest:
        broken = read(data[:-1] + bytes((data[-1] ^ 1,)))
        assert broken.problems == ("the appended SHA-256 does not match the image",)


def test_esptool_checks_an_image_of_the_sdk_as_we_do() -> None:
    data = sdk_user1()
    image = LoadFirmwareImage("esp8266", data)
    facts = read(data)
    assert image.checksum == image.calculate_checksum()
    assert facts.checksum is Integrity.VALID
    assert facts.entry == image.entrypoint
    # The first segment that esptool shows is the code in flash.
    loads = [(segment.addr, len(segment.data)) for segment in image.segments[1:]]
    assert loads == [(segment.address, segment.size) for segment in facts.segments]
    built = ESP8266V2FirmwareImage()
    code, *others = image.segments
    built.segments = [ImageSegment(0x40201010, code.data), *others]
    built.entrypoint, built.flash_mode, built.flash_size_freq = image.entrypoint, 0, 0
    made = read(built.save(None))
    assert (made.kind, made.crc, made.problems) == (Kind.PART, Integrity.VALID, ())


def image_info(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    command = [sys.executable, "-m", "esptool", "image-info", str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return ran.stdout


@pytest.mark.parametrize("chip", ["esp32", "esp32c3", "esp32p4"])
def test_image_info_shows_the_stamp_in_a_valid_image(chip: str, tmp_path: Path) -> None:
    output = image_info(tmp_path / "image.bin", stamp(esp32_image(chip), "lamp", "1.2.3-rc.1"))
    assert chip in output.lower().replace("-", "")
    assert re.search(r"Checksum: 0x[0-9a-f]{2} \(valid\)", output)
    assert re.search(r"Validation hash: [0-9a-f]{64} \(valid\)", output)
    assert re.search(r"Project name: lamp\n", output)
    assert re.search(r"App version: 1\.2\.3-rc\.1\n", output)


@pytest.mark.parametrize("chip", ["esp32", "esp32c3"])
def test_image_info_knows_the_boot_loader(chip: str, tmp_path: Path) -> None:
    output = image_info(tmp_path / "bootloader.bin", bootloader(chip))
    assert "Bootloader Information" in output
    assert "ESP-IDF: v5.1.4\n" in output
    assert re.search(r"Validation hash: [0-9a-f]{64} \(valid\)", output)
