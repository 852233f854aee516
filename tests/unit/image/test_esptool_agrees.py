"""esptool, the independent judge, on what the generator makes and on what the stamper makes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from esptool.bin_image import LoadFirmwareImage

from acpublish.image.reader import read
from acpublish.image.stamper import stamp
from tests.support.images import CHIPS, bootloader, eboot, esp32_image, esp8266_image


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


def test_single_esp8266_images_are_valid_before_and_after_stamping() -> None:
    image = esp8266_image(eboot=False)
    assert_valid("esp8266", image)
    assert_valid("esp8266", stamp(image, "lamp", "1.2.3"))
    assert_valid("esp8266", eboot())


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
