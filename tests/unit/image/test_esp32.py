from __future__ import annotations

import hashlib

import pytest
from esptool.targets import CHIP_DEFS

from acpublish.image.esp32 import CHIPS
from acpublish.image.model import Integrity, Kind
from acpublish.image.reader import read
from tests.support.images import CHIPS as GENERATED_CHIPS
from tests.support.images import (
    bootloader,
    esp32_image,
    merged_image,
    partition_table,
    signed_esp32,
)


def test_the_chips_are_those_of_esptool() -> None:
    known = {
        rom.IMAGE_CHIP_ID: name
        for name, rom in CHIP_DEFS.items()
        if getattr(rom, "IMAGE_CHIP_ID", None) is not None
    }
    assert known.items() <= CHIPS.items()


@pytest.mark.parametrize("chip", GENERATED_CHIPS)
def test_the_flash_names_are_those_of_esptool(chip: str) -> None:
    rom = CHIP_DEFS[chip]
    for nibble in range(16):
        image = bytearray(esp32_image(chip))
        image[3] = nibble << 4 | nibble
        facts = read(bytes(image))
        # The C6 has two names for one value; esptool prints the first.
        names = [name for name, value in rom.FLASH_FREQUENCY.items() if value == nibble]
        assert facts.flash_frequency == (names[0] if names else f"frequency-{nibble}")
        sizes = [name for name, value in rom.FLASH_SIZES.items() if value == nibble << 4]
        assert facts.flash_size == (sizes[0] if sizes else f"size-{nibble}")


@pytest.mark.parametrize("chip", GENERATED_CHIPS)
def test_an_application_of_each_chip_is_told(chip: str) -> None:
    image = esp32_image(chip)
    facts = read(image)
    assert (facts.kind, facts.family, facts.chip) == (Kind.APPLICATION, "esp32", chip)
    assert (facts.checksum, facts.digest) == (Integrity.VALID, Integrity.VALID)
    assert facts.crc is Integrity.ABSENT
    assert (facts.flash_mode, facts.flash_size) == ("dio", "4MB")
    assert len(facts.segments) == 3
    assert facts.stampable
    assert facts.stamp is None
    assert not facts.damaged
    assert facts.problems == ()


def test_an_unknown_chip_id_is_a_name_and_no_error() -> None:
    facts = read(esp32_image(777))
    assert (facts.chip, facts.kind, facts.problems) == ("chip-777", Kind.APPLICATION, ())


def test_the_descriptor_is_read_field_by_field() -> None:
    descriptor = read(esp32_image(project="blink", version="v1.2-3-gabc", seed=4)).descriptor
    assert descriptor is not None
    assert (descriptor.project, descriptor.version) == ("blink", "v1.2-3-gabc")
    assert (descriptor.time, descriptor.date) == ("12:34:56", "Nov 24 2026")
    assert descriptor.idf_version == "v5.1.4"
    assert descriptor.elf_sha256 == hashlib.sha256(b"elf 4").hexdigest()
    assert (descriptor.min_revision, descriptor.max_revision) == (0, 0xFFFF)
    assert descriptor.mmu_page_size == 65536


def test_a_descriptor_of_the_applications_own_is_its_stamp() -> None:
    stamp = read(esp32_image(project="blink", version="1.2.3")).stamp
    assert stamp is not None
    assert (stamp.product, stamp.version) == ("blink", "1.2.3")
    assert read(esp32_image(project="blink", version="")).stamp is None


def test_what_the_device_reports_is_the_image_with_its_digest() -> None:
    image = esp32_image()
    expected_md5 = hashlib.md5(image, usedforsecurity=False).hexdigest()
    for file in (image, signed_esp32(image), image + b"\xff" * 512):
        running = read(file).running
        assert running.md5s == (expected_md5,)
        assert running.sha256s == (image[-32:].hex(),)


def test_without_an_appended_digest_the_device_sums_the_image_up() -> None:
    image = esp32_image(hash_appended=False)
    facts = read(image)
    assert facts.digest is Integrity.ABSENT
    assert facts.running.sha256s == (hashlib.sha256(image).hexdigest(),)


def test_a_wrong_checksum_is_told_with_both_values() -> None:
    image = bytearray(esp32_image(hash_appended=False))
    image[-1] ^= 0x26
    facts = read(bytes(image))
    assert facts.checksum is Integrity.INVALID
    expected = f"the checksum is {image[-1]:#04x}, computed {image[-1] ^ 0x26:#04x}"
    assert facts.problems == (expected,)
    assert facts.damaged


def test_a_wrong_digest_is_told() -> None:
    image = bytearray(esp32_image())
    image[-1] ^= 1
    facts = read(bytes(image))
    assert (facts.checksum, facts.digest) == (Integrity.VALID, Integrity.INVALID)
    assert facts.problems == ("the appended SHA-256 does not match the image",)
    assert facts.damaged


@pytest.mark.parametrize("chip", GENERATED_CHIPS)
def test_a_merged_file_is_known_wherever_the_boot_loader_is(chip: str) -> None:
    facts = read(merged_image(chip))
    assert (facts.kind, facts.chip, facts.stampable) == (Kind.MERGED, chip, False)
    assert facts.running.md5s == ()
    # Its checksums are those of the bootloader alone, so they show nothing about the file.
    assert (facts.checksum, facts.digest) == (Integrity.ABSENT, Integrity.ABSENT)


def test_a_merged_file_with_a_partition_table_elsewhere_is_known() -> None:
    assert read(merged_image("esp32c3", table_offset=0xC000)).kind is Kind.MERGED


def test_a_partition_magic_inside_an_application_makes_it_no_merged_file() -> None:
    image = bytearray(esp32_image(size=262144, hash_appended=False))
    old, new = image[0x8000:0x8C00], partition_table()
    image[0x8000:0x8C00] = new
    for changed in (old, new):
        for byte in changed:
            image[-1] ^= byte
    facts = read(bytes(image))
    assert (facts.kind, facts.problems) == (Kind.APPLICATION, ())


def test_two_bytes_behind_an_application_make_it_no_merged_file() -> None:
    facts = read(esp32_image(size=8192) + b"\xaa\x50" + b"\x5a" * 100)
    assert (facts.kind, facts.damaged) == (Kind.APPLICATION, True)


def test_a_descriptor_that_the_first_segment_does_not_hold_is_none() -> None:
    image = bytearray(esp32_image())
    image[28:32] = (128).to_bytes(4, "little")
    facts = read(bytes(image))
    assert (facts.descriptor, facts.stampable) == (None, False)


@pytest.mark.parametrize("offset", [*range(19, 23)])
def test_a_header_with_reserved_bytes_is_not_that_of_an_esp32(offset: int) -> None:
    image = bytearray(esp32_image())
    image[offset] = 1
    assert read(bytes(image)).kind is Kind.UNKNOWN


@pytest.mark.parametrize("described", [True, False])
@pytest.mark.parametrize("chip", GENERATED_CHIPS)
def test_a_boot_loader_alone_is_known(chip: str, described: bool) -> None:
    facts = read(bootloader(chip, described=described))
    assert (facts.kind, facts.stampable, facts.problems) == (Kind.BOOTLOADER, False, ())


def test_an_application_without_a_descriptor_is_no_boot_loader() -> None:
    facts = read(esp32_image(descriptor=False))
    assert (facts.kind, facts.stampable) == (Kind.APPLICATION, False)
    assert facts.unstamped_sha256 == facts.sha256


@pytest.mark.parametrize("version", [2, 3])
def test_a_signature_sector_is_known(version: int) -> None:
    facts = read(signed_esp32(esp32_image(), version))
    assert (facts.kind, facts.problems, facts.damaged) == (Kind.SIGNED, (), False)
    assert facts.unstamped_sha256 == facts.sha256


def test_a_signed_image_that_lost_the_flag_of_its_digest_is_damaged() -> None:
    image = bytearray(signed_esp32(esp32_image(size=8208)))
    image[23] = 0
    assert read(bytes(image)).damaged


def test_a_signature_of_secure_boot_v1_is_known() -> None:
    facts = read(esp32_image() + bytes(4) + b"\x5a" * 64)
    assert facts.kind is Kind.SIGNED


def test_padding_behind_the_image_is_in_order_and_other_bytes_are_not() -> None:
    image = esp32_image()
    assert read(image + b"\xff" * 100).problems == ()
    assert read(image + bytes(100)).problems == ()
    one = "1 byte that does not belong to the image follows it"
    assert read(image + b"m").problems == (one,)
    facts = read(image + b"more")
    assert facts.problems == ("4 bytes that do not belong to the image follow it",)
    assert facts.damaged
