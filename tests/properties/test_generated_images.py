"""Generated images: a stamp is read as it was written, and esptool accepts them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from esptool.bin_image import LoadFirmwareImage
from hypothesis import HealthCheck, given, settings

from acpublish.image.esp32 import UNSTAMPED_PROJECTS
from acpublish.image.model import Image, Integrity, Kind, Stamp
from acpublish.image.reader import read
from acpublish.image.stamper import stamp
from tests.support.generated import ESP32_CHIPS, STAMP_TEXTS, Recipe, build, recipes
from tests.support.images import (
    ESP8266_APP_OFFSET,
    ESP8266_CRC_WORD,
    ESP8266_LENGTH_WORD,
    crc_msb_first,
    esp32_image,
)

CAMPAIGN = settings.default.max_examples >= 10_000
#: Each run of esptool's command takes half a second.
COMMANDS = 50 if CAMPAIGN else 3
#: Every other value of a byte, or one bit at either end and all bits.
CHANGES = range(1, 256) if CAMPAIGN else (0x01, 0x80, 0xFF)
SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture)


def assert_esptool_agrees(recipe: Recipe, data: bytes, facts: Image) -> None:
    """Lets esptool load the image, and compares everything that it reads."""
    app = data[ESP8266_APP_OFFSET:] if recipe.chip == "esp8266" else data
    image = LoadFirmwareImage(recipe.chip, app)
    assert image.checksum == image.calculate_checksum()
    if recipe.chip != "esp8266" and recipe.sealed:
        assert image.stored_digest == image.calc_digest
    loads = [(segment.addr, len(segment.data)) for segment in image.segments]
    assert loads == [(segment.address, segment.size) for segment in facts.segments]
    assert facts.entry == image.entrypoint


def assert_crc_words(data: bytes) -> None:
    """Computes the CRC words of an Arduino image by a table, byte by byte."""
    length = int.from_bytes(data[ESP8266_LENGTH_WORD : ESP8266_LENGTH_WORD + 4], "little")
    stored = int.from_bytes(data[ESP8266_CRC_WORD : ESP8266_CRC_WORD + 4], "little")
    blank = data[:ESP8266_LENGTH_WORD] + bytes(8) + data[ESP8266_CRC_WORD + 4 :]
    assert (length, stored) == (len(data), crc_msb_first(blank))


def assert_sound(recipe: Recipe, data: bytes) -> Image:
    """Checks an image with our own reader and an independent one."""
    facts = read(data)
    assert (facts.kind, facts.chip, facts.problems) == (Kind.APPLICATION, recipe.chip, ())
    if recipe.chip == "esp8266" and recipe.sealed:
        assert facts.crc is Integrity.VALID
        assert_crc_words(data)
    else:
        assert facts.checksum is Integrity.VALID
        assert_esptool_agrees(recipe, data, facts)
    return facts


@settings(deadline=None, suppress_health_check=SLOW)
@given(recipes(), STAMP_TEXTS.filter(lambda text: text not in UNSTAMPED_PROJECTS), STAMP_TEXTS)
def test_a_stamp_is_read_as_written_and_the_image_stays_sound(
    recipe: Recipe, product: str, version: str
) -> None:
    image = build(recipe)
    before = assert_sound(recipe, image)
    stamped = stamp(image, product, version)
    after = assert_sound(recipe, stamped)
    assert after.stamp == Stamp(product=product, version=version)
    assert stamp(stamped, product, version) == stamped
    assert stamp(stamp(image, "other", "0"), product, version) == stamped
    assert after.unstamped_sha256 == before.unstamped_sha256
    assert len(stamped) == len(image)


@settings(deadline=None, max_examples=COMMANDS, suppress_health_check=SLOW)
@given(recipes(ESP32_CHIPS))
def test_esptools_command_shows_the_stamp_in_a_valid_image(tmp_path: Path, recipe: Recipe) -> None:
    path = tmp_path / "image.bin"
    path.write_bytes(stamp(build(recipe), "lamp", "1.2.3-rc.1"))
    command = [sys.executable, "-m", "esptool", "image-info", str(path)]
    output = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert re.search(r"Checksum: 0x[0-9a-f]{2} \(valid\)", output)
    assert ("(valid)" in output.partition("Validation hash")[2]) == recipe.sealed
    assert "Project name: lamp\n" in output
    assert "App version: 1.2.3-rc.1\n" in output


@pytest.mark.parametrize("part", range(8))
def test_every_change_of_one_byte_of_an_esp32_image_is_found(part: int) -> None:
    image = stamp(esp32_image(size=1024), "lamp", "1.2.3")
    assert read(image).problems == ()
    for offset in range(part, len(image), 8):
        changed = bytearray(image)
        for change in CHANGES:
            changed[offset] = image[offset] ^ change
            facts = read(bytes(changed))
            assert facts.damaged or facts.kind is not Kind.APPLICATION, (offset, change)
