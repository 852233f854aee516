from __future__ import annotations

import hashlib
from types import SimpleNamespace

import pytest
from esptool.bin_image import ESP8266ROM
from esptool.cmds import DETECTED_FLASH_SIZES, _update_image_flash_params
from esptool.targets import CHIP_DEFS

from acpublish.image.model import Integrity, Kind, Stamp
from acpublish.image.reader import read
from acpublish.image.stamper import stamp
from tests.support.images import (
    ESP8266_APP_OFFSET,
    ESP8266_CRC_WORD,
    ESP8266_LENGTH_WORD,
    eboot,
    esp32_image,
    esp8266_image,
    gzipped,
    signed_esp8266,
    with_crc_words,
)
from tests.support.other_images import single_esp8266


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def test_an_arduino_file_is_told() -> None:
    facts = read(esp8266_image())
    assert (facts.kind, facts.family, facts.chip) == (Kind.APPLICATION, "esp8266", "esp8266")
    assert (facts.crc, facts.checksum) == (Integrity.VALID, Integrity.VALID)
    assert facts.digest is Integrity.ABSENT
    assert facts.entry == 0x40100010
    assert facts.segments[0].offset == ESP8266_APP_OFFSET + 16
    assert len(facts.segments) == 4
    assert (facts.stampable, facts.stamp, facts.problems) == (True, None, ())


def test_a_single_image_has_no_crc_words_and_is_judged_by_its_checksum() -> None:
    image = esp8266_image(eboot=False)
    facts = read(image)
    assert (facts.crc, facts.checksum) == (Integrity.ABSENT, Integrity.VALID)
    assert not facts.damaged
    broken = bytearray(image)
    broken[500] ^= 0x10
    facts = read(bytes(broken))
    assert facts.checksum is Integrity.INVALID
    assert facts.damaged


def test_the_flash_names_are_those_of_esptool() -> None:
    rom = CHIP_DEFS["esp8266"]
    for byte in range(256):
        image = bytearray(esp8266_image(size=8192))
        image[3] = byte
        facts = read(bytes(image))
        sizes = {value >> 4: name for name, value in rom.FLASH_SIZES.items()}
        names = {value: name for name, value in rom.FLASH_FREQUENCY.items()}
        assert facts.flash_size == sizes.get(byte >> 4, f"size-{byte >> 4}")
        assert facts.flash_frequency == names.get(byte & 15, f"frequency-{byte & 15}")


def test_the_xor_checksum_of_a_genuine_file_holds_for_crc_words_of_zero_only() -> None:
    image = esp8266_image()
    unfilled = bytearray(image)
    unfilled[ESP8266_LENGTH_WORD : ESP8266_CRC_WORD + 4] = bytes(8)
    # Without the words the same bytes are judged by the XOR checksum, which then holds.
    facts = read(bytes(unfilled))
    assert (facts.crc, facts.checksum, facts.damaged) == (Integrity.ABSENT, Integrity.VALID, False)
    assert read(image).checksum is Integrity.VALID


def test_a_stale_xor_checksum_beside_a_valid_crc_is_told_and_no_damage() -> None:
    image = bytearray(esp8266_image())
    image[-1] ^= 0x55
    facts = read(with_crc_words(bytes(image)))
    assert (facts.crc, facts.checksum) == (Integrity.VALID, Integrity.INVALID)
    assert (facts.problems, facts.damaged) == ((), False)


@pytest.mark.parametrize("offset", [300, 2000, 4100, ESP8266_CRC_WORD, 5000, 32767])
def test_any_changed_byte_breaks_the_crc(offset: int) -> None:
    image = bytearray(esp8266_image())
    image[offset] ^= 0x01
    facts = read(bytes(image))
    assert (facts.crc, facts.damaged) == (Integrity.INVALID, True)
    assert facts.problems[0].startswith("the CRC word is 0x")


@pytest.mark.parametrize("starts", [(0,), (ESP8266_APP_OFFSET,), (0, ESP8266_APP_OFFSET)])
@pytest.mark.parametrize(
    ("mode", "byte"), [(0, 0x40), (3, 0x40), (2, 0x20), (0, 0x90), (2, 0x4F), (0, 0x22)]
)
def test_other_flash_settings_than_at_the_build_are_no_damage(
    starts: tuple[int, ...], mode: int, byte: int
) -> None:
    image = bytearray(esp8266_image())
    for start in starts:
        image[start + 2 : start + 4] = bytes((mode, byte))
    facts = read(bytes(image))
    assert (facts.kind, facts.crc, facts.problems) == (Kind.APPLICATION, Integrity.VALID, ())
    assert facts.description == "its flash mode, size or frequency was changed after the build"
    # The stamp changes the CRC word by the stamp alone, so the image stays sound.
    stamped = read(stamp(bytes(image), "lamp", "1.2.3"))
    assert (stamped.crc, stamped.problems) == (Integrity.VALID, ())
    image[9000] ^= 1
    assert read(bytes(image)).crc is Integrity.INVALID


@pytest.mark.parametrize(("offset", "change"), [(2, 0x10), (2, 0xFF), (3, 0x03), (3, 0x30)])
def test_a_header_that_no_tool_writes_is_damage(offset: int, change: int) -> None:
    image = bytearray(esp8266_image())
    image[offset] ^= change
    facts = read(bytes(image))
    assert (facts.crc, facts.damaged) == (Integrity.INVALID, True)


def test_eboot_may_have_constants_in_data_memory() -> None:
    boot = single_esp8266([(0x4010F000, bytes(24)), (0x3FFE8000, bytes(20))], 0x4010F004)
    assert read(boot).kind is Kind.BOOTLOADER
    image = with_crc_words(boot.ljust(ESP8266_APP_OFFSET, b"\xaa") + esp8266_image()[4096:])
    facts = read(image)
    assert (facts.kind, facts.crc, facts.problems) == (Kind.APPLICATION, Integrity.VALID, ())


def test_a_segment_too_many_reads_as_truncated() -> None:
    image = bytearray(esp8266_image())
    image[ESP8266_APP_OFFSET + 1] = 5
    facts = read(bytes(image))
    assert facts.damaged
    assert facts.problems == ("truncated: the header of segment 5 of 5 is missing",)


def test_a_wrong_length_word_is_told() -> None:
    image = bytearray(esp8266_image())
    image[ESP8266_LENGTH_WORD] ^= 0x10
    facts = read(bytes(image))
    assert facts.crc is Integrity.INVALID
    assert facts.problems == ("the length word is 32784, but the image is 32768 bytes long",)


def test_an_old_core_without_crc_words_is_judged_by_both_checksums() -> None:
    old = eboot().ljust(ESP8266_APP_OFFSET, b"\xaa") + esp8266_image(eboot=False)
    facts = read(old)
    assert (facts.crc, facts.checksum, facts.problems) == (Integrity.ABSENT, Integrity.VALID, ())
    broken = bytearray(old)
    broken[100] ^= 1
    assert read(bytes(broken)).problems == ("the checksum of eboot is wrong",)


def test_the_device_may_report_the_md5_with_any_flash_mode_or_detected_size() -> None:
    image = esp8266_image()
    modes = {md5(image[:2] + bytes((mode,)) + image[3:]) for mode in range(4)}
    # 512 KB, 256 KB, 1 MB, 2 MB, 4 MB, 8 MB, 16 MB, all at 40 MHz as the image says.
    sizes = {md5(image[:3] + bytes((code << 4,)) + image[4:]) for code in (0, 1, 2, 3, 4, 8, 9)}
    assert modes & sizes == {md5(image)}
    for file in (image, signed_esp8266(image), gzipped(image), signed_esp8266(gzipped(image))):
        running = read(file).running
        assert running.md5s[0] == md5(image)
        assert set(running.md5s[:4]) == modes
        assert set(running.md5s) == modes | sizes
        assert len(running.md5s) == 10
        assert running.sha256s == ()


def test_no_flash_is_detected_that_is_smaller_than_the_image() -> None:
    image = esp8266_image(0x80000 + 16)
    reported = read(image).running.md5s
    for code, possible in ((0, False), (1, False), (2, True), (9, True)):
        assert (md5(image[:3] + bytes((code << 4,)) + image[4:]) in reported) == possible


@pytest.mark.parametrize("size", ["detect", "keep"])
def test_what_esptool_flashes_is_told(size: str) -> None:
    flashing = SimpleNamespace(
        BOOTLOADER_FLASH_OFFSET=0,
        ESP_IMAGE_MAGIC=0xE9,
        CHIP_NAME="ESP8266",
        BOOTLOADER_IMAGE=ESP8266ROM.BOOTLOADER_IMAGE,
        parse_flash_size_arg=ESP8266ROM.parse_flash_size_arg,
    )
    image = esp8266_image()
    reported = read(image).running.md5s
    for detected in set(DETECTED_FLASH_SIZES.values()) & set(ESP8266ROM.FLASH_SIZES):
        chosen = detected if size == "detect" else "keep"
        flashed = _update_image_flash_params(flashing, 0, "keep", "keep", chosen, image)
        assert md5(flashed) in reported


def test_a_signed_file_is_known_by_the_length_at_its_end() -> None:
    image = esp8266_image()
    facts = read(signed_esp8266(image))
    assert (facts.kind, facts.crc, facts.problems) == (Kind.SIGNED, Integrity.VALID, ())
    wrong = signed_esp8266(image)[:-4] + (255).to_bytes(4, "little")
    facts = read(wrong)
    assert facts.kind is Kind.APPLICATION
    assert facts.problems == ("260 bytes that do not belong to the image follow it",)


def test_a_record_is_read_as_the_stamp() -> None:
    facts = read(esp8266_image(product="lamp", version="1.2.3"))
    assert facts.stamp == Stamp(product="lamp", version="1.2.3")
    assert not read(esp8266_image(record=False)).stampable


def test_two_records_are_no_place_for_a_stamp() -> None:
    image = esp8266_image()
    record = image.find(b"\x7fACPUBLISHSTAMP\x01")
    twice = bytearray(image)
    twice[record + 400 : record + 480] = image[record : record + 80]
    facts = read(with_crc_words(bytes(twice)))
    assert (facts.damaged, facts.stampable, facts.stamp) == (False, False, None)


def test_a_record_between_the_words_of_flash_is_none() -> None:
    image = esp8266_image()
    record = image.find(b"\x7fACPUBLISHSTAMP\x01")
    moved = image[:record] + image[record + 80 : record + 82] + image[record : record + 80]
    moved += image[record + 82 :]
    assert not read(with_crc_words(moved)).stampable


def test_a_record_that_the_segments_end_cuts_off_is_none() -> None:
    image = bytearray(esp8266_image(record=False))
    segment = read(bytes(image)).segments[0]
    end = segment.offset + segment.size
    image[end - 76 : end - 60] = b"\x7fACPUBLISHSTAMP\x01"
    assert not read(with_crc_words(bytes(image))).stampable
    image[end - 80 : end - 64] = b"\x7fACPUBLISHSTAMP\x01"
    assert read(with_crc_words(bytes(image))).stampable


def test_a_record_outside_the_applications_segments_is_none() -> None:
    image = bytearray(esp8266_image(record=False))
    image[1024:1040] = b"\x7fACPUBLISHSTAMP\x01"
    assert not read(with_crc_words(bytes(image))).stampable


def test_four_bytes_of_zero_are_no_signature() -> None:
    assert read(esp8266_image() + bytes(4)).kind is Kind.APPLICATION


def test_eboot_alone_is_a_boot_loader_and_a_file_cut_behind_it_is_damaged() -> None:
    image = esp8266_image()
    assert read(eboot()).kind is Kind.BOOTLOADER
    for length in (len(eboot()) + 1, 4000, 4096, 4100):
        facts = read(image[:length])
        assert facts.kind is Kind.APPLICATION
        assert facts.problems == ("truncated: the application after eboot is missing",)


def test_the_families_do_not_mistake_each_others_images() -> None:
    # A chip id of 0 and no digest is the ESP32 header that looks most like segments of 0 bytes.
    assert read(esp32_image("esp32", hash_appended=False)).family == "esp32"
    for seed in range(20):
        assert read(esp8266_image(size=8192, seed=seed)).family == "esp8266"
        assert read(esp32_image("esp32", size=8192, seed=seed)).family == "esp32"
