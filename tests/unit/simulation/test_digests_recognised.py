"""Devices are recognised by the digest that they report, however the image came onto them."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import random
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace

from esptool.bin_image import ESP8266ROM
from esptool.cmds import DETECTED_FLASH_SIZES, _update_image_flash_params

from acpublish.fleet.known_device import new_device
from acpublish.fleet.moments import Moment
from acpublish.fleet.targets import Targets, recognise
from acpublish.image.reader import read
from acpublish.release import names
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.release.version import Version
from acpublish.wire import Report
from tests.support.images import esp32_image, esp8266_image, gzipped, signed_esp8266
from tests.unit.simulation.making import DEVICES, row

ESP32_CHIPS = ("esp32", "esp32c3", "esp32s3")
VERSIONS = 8
#: What esptool writes into the header of what it flashes (``cmds.py``).
FLASHING = SimpleNamespace(
    BOOTLOADER_FLASH_OFFSET=0,
    ESP_IMAGE_MAGIC=0xE9,
    CHIP_NAME="ESP8266",
    BOOTLOADER_IMAGE=ESP8266ROM.BOOTLOADER_IMAGE,
    parse_flash_size_arg=ESP8266ROM.parse_flash_size_arg,
)
SIZES = sorted(set(DETECTED_FLASH_SIZES.values()) & set(ESP8266ROM.FLASH_SIZES))


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def over_the_air(image: bytes, chance: random.Random) -> bytes:
    """The updater writes the mode of the running chip (``Updater.cpp``: ``_writeBuffer``)."""
    return image[:2] + bytes([chance.randrange(4)]) + image[3:]


def by_cable(image: bytes, chance: random.Random) -> bytes:
    """esptool writes the size of the flash that it detects."""
    with contextlib.redirect_stdout(io.StringIO()):
        size = chance.choice(SIZES)
        return bytes(_update_image_flash_params(FLASHING, 0, "keep", "keep", size, image))


def inflated(image: bytes, chance: random.Random) -> bytes:
    """The bootloader inflates a gzip, and corrects nothing in it."""
    return gzip.decompress(gzipped(image))


WAYS: tuple[Callable[[bytes, random.Random], bytes], ...] = (over_the_air, by_cable, inflated)


def esp8266_facts(version: int) -> tuple[bytes, bytes]:
    """Returns what is flashed of an ESP8266 release, and the file that was published."""
    image = esp8266_image(seed=version, product="lamp", version=f"1.{version}.0")
    file = (image, gzipped(image), signed_esp8266(image), signed_esp8266(gzipped(image)))
    return image, file[version % 4]


def esp32_facts(version: int, chip: str) -> tuple[bytes, bytes]:
    """Returns the same of an ESP32 release; every fourth one has no digest at its end."""
    image = esp32_image(chip, seed=version, hash_appended=version % 4 != 3)
    return image, image


def published() -> tuple[dict[tuple[str, int], bytes], Targets]:
    """Returns what devices flash, by board and release, and what the server knows."""
    flashed: dict[tuple[str, int], bytes] = {}
    releases = []
    for version in range(VERSIONS):
        images = []
        for board in ("d1", *ESP32_CHIPS):
            made = esp8266_facts(version) if board == "d1" else esp32_facts(version, board)
            flashed[board, version], file = made
            facts = read(file)
            images.append(
                ReleaseImage(
                    board=names.board(board),
                    kind="firmware",
                    file=f"{board}.bin",
                    size=len(file),
                    md5=md5(file),
                    sha256=hashlib.sha256(file).hexdigest(),
                    unstamped_sha256="0" * 64,
                    published_at="2026-01-01T00:00:00Z",
                    family=facts.family,
                    chip=facts.chip,
                    running=facts.running,
                    channels={"stable": version + 1},
                )
            )
        releases.append(
            Release(
                product=names.product("lamp"),
                version=Version.parse(f"1.{version}.0"),
                images=tuple(images),
            )
        )
    return flashed, Targets(tuple(releases))


def esp32_report(image: bytes, chance: random.Random) -> tuple[str, Report]:
    """Returns which digests an ESP32 reports, and its report."""
    # The core reports the digest at the end of the image, or else that of the partition's image.
    body = image[:-32]
    appended = hashlib.sha256(body).digest() == image[-32:]
    sha256 = (image[-32:] if appended else hashlib.sha256(image).digest()).hex()
    way = chance.choice(("MD5", "SHA-256 only", "both"))
    return f"ESP32, {way}", Report(
        family="esp32",
        updater=True,
        sketch_md5=None if way == "SHA-256 only" else md5(image),
        sketch_sha256=None if way == "MD5" else sha256,
    )


def test_digests_are_recognised() -> None:
    flashed, targets = published()
    chance = random.Random(15)
    reports, recognised = Counter[str](), Counter[str]()
    for number in range(DEVICES):
        board, version = chance.choice(("d1", "d1", "d1", *ESP32_CHIPS)), chance.randrange(VERSIONS)
        image = flashed[board, version]
        if board == "d1":
            way = chance.choice(WAYS)
            what = f"ESP8266, {way.__name__.replace('_', ' ')}"
            report = Report(family="esp8266", updater=True, sketch_md5=md5(way(image, chance)))
        else:
            what, report = esp32_report(image, chance)
        device = new_device(f"lamp/{number:012x}", Moment(0.0, 0.0))
        device.report, device.board, device.channel = report, board, "stable"
        recognise(device, targets)
        reports[what] += 1
        recognised[what] += device.runs == f"1.{version}.0"
        # A digest that no release has is not mistaken for any.
        device.report = report._replace(sketch_md5=md5(b"%d" % number), sketch_sha256=None)
        recognise(device, targets)
        assert device.runs is None
    for what in sorted(reports):
        row(what, f"{reports[what]:,}", f"{recognised[what]:,}")
    assert len(reports) == 6
    assert reports.total() == DEVICES
    assert recognised.total() * 100 >= 99 * DEVICES
