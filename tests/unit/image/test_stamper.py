from __future__ import annotations

import pytest

from acpublish.errors import (
    DamagedImageError,
    ImageError,
    NotAnImageError,
    StampError,
    WrongKindError,
)
from acpublish.image.model import Stamp
from acpublish.image.reader import read
from acpublish.image.stamp_record import ESP8266_RECORD_MAGIC, blank_record, fits
from acpublish.image.stamper import stamp
from tests.support.images import (
    CHIPS,
    ESP8266_CRC_WORD,
    ESP8266_LENGTH_WORD,
    bootloader,
    eboot,
    esp32_image,
    esp8266_image,
    gzipped,
    littlefs,
    merged_image,
    signed_esp32,
    signed_esp8266,
    with_crc_words,
)
from tests.support.other_images import nodemcu, sdk_loader, sdk_user1, split_half


def changed(before: bytes, after: bytes) -> set[int]:
    assert len(before) == len(after)
    return {
        offset for offset, pair in enumerate(zip(before, after, strict=True)) if len({*pair}) > 1
    }


@pytest.mark.parametrize("hash_appended", [True, False])
@pytest.mark.parametrize("chip", [*CHIPS, 777])
def test_a_stamped_image_is_what_a_build_with_these_texts_writes(
    chip: str | int, hash_appended: bool
) -> None:
    unstamped = esp32_image(chip, hash_appended=hash_appended)
    built = esp32_image(chip, project="lamp", version="1.2.3", hash_appended=hash_appended)
    assert stamp(unstamped, "lamp", "1.2.3") == built


def test_a_stamped_esp8266_image_is_what_elf2bin_writes() -> None:
    built = esp8266_image(product="lamp", version="1.2.3")
    assert stamp(esp8266_image(), "lamp", "1.2.3") == built


def test_only_descriptor_checksum_and_digest_change() -> None:
    image = esp32_image()
    places = {*range(0x30, 0x70), len(image) - 33, *range(len(image) - 32, len(image))}
    assert changed(image, stamp(image, "lamp", "1.2.3")) <= places


def test_only_record_checksum_and_crc_word_change() -> None:
    image = esp8266_image()
    record = image.find(ESP8266_RECORD_MAGIC)
    places = {*range(record + 16, record + 80), len(image) - 1}
    places |= set(range(ESP8266_CRC_WORD, ESP8266_CRC_WORD + 4))
    stamped = stamp(image, "lamp", "1.2.3")
    assert changed(image, stamped) <= places
    assert changed(stamped, stamp(stamped, "x", "9")) <= places


def test_a_shorter_text_leaves_nothing_of_a_longer_one() -> None:
    for image in (esp32_image(), esp8266_image()):
        long = stamp(image, "l" * 31, "1.2.3-" + "v" * 25)
        assert stamp(long, "lamp", "1.0.0") == stamp(image, "lamp", "1.0.0")


def test_a_stale_xor_checksum_stays_as_stale_as_it_was() -> None:
    stale = bytearray(esp8266_image())
    stale[-1] ^= 0x55
    stamped = stamp(with_crc_words(bytes(stale)), "lamp", "1.2.3")
    sound = stamp(esp8266_image(), "lamp", "1.2.3")
    assert stamped[-1] == sound[-1] ^ 0x55
    assert with_crc_words(stamped) == stamped


def test_the_digest_of_the_unstamped_image_does_not_depend_on_the_stamp() -> None:
    for image in (esp32_image(), esp8266_image()):
        first, second = stamp(image, "lamp", "1.0.0"), stamp(image, "bulb", "2.0.0-rc.1")
        digests = {read(data).unstamped_sha256 for data in (image, first, second)}
        assert len(digests) == 1
    assert read(esp8266_image()).unstamped_sha256 == read(esp8266_image()).sha256
    assert read(esp32_image(seed=1)).unstamped_sha256 != read(esp32_image()).unstamped_sha256


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"", NotAnImageError, "not an ESP image"),
        (b"just text\n", NotAnImageError, "not an ESP image"),
        (littlefs(), WrongKindError, "filesystem"),
        (merged_image("esp32"), WrongKindError, "merged"),
        (merged_image("esp32c3"), WrongKindError, "merged"),
        (bootloader(), WrongKindError, "bootloader"),
        (eboot(), WrongKindError, "bootloader"),
        (sdk_loader(), WrongKindError, "a bootloader other than eboot"),
        (split_half(), WrongKindError, "in RAM alone"),
        (sdk_user1(), WrongKindError, "user1 or user2"),
        (nodemcu(), WrongKindError, "an image of the whole flash"),
        (esp8266_image(eboot=False), WrongKindError, "without the bootloader eboot"),
        (gzipped(esp8266_image()), WrongKindError, "gzip"),
        (signed_esp32(esp32_image()), WrongKindError, "signed"),
        (signed_esp8266(esp8266_image()), WrongKindError, "signed"),
        (esp8266_image(record=False), StampError, "no stamp record"),
        (esp32_image(descriptor=False), StampError, "no app descriptor"),
        (esp32_image()[:-1], DamagedImageError, "1 bytes of the appended SHA-256 are missing"),
        (esp8266_image()[:-1], DamagedImageError, "the checksum is missing"),
        (esp8266_image()[:4096], DamagedImageError, "after eboot is missing"),
    ],
)
def test_what_cannot_be_stamped_is_refused(
    data: bytes, error: type[ImageError], words: str
) -> None:
    with pytest.raises(ImageError, match=words) as caught:
        stamp(data, "lamp", "1.2.3")
    assert type(caught.value) is error
    assert caught.value.hint.endswith(".")


@pytest.mark.parametrize("offset", [1, 23, 0x30, 1000, 20000, -33, -32, -1])
def test_damage_is_not_laundered_esp32(offset: int) -> None:
    image = bytearray(esp32_image())
    image[offset] ^= 0x04
    with pytest.raises(ImageError) as caught:
        stamp(bytes(image), "lamp", "1.2.3")
    assert isinstance(caught.value, DamagedImageError | NotAnImageError)


@pytest.mark.parametrize(
    "offset", [3, 100, 3000, 4099, ESP8266_LENGTH_WORD, ESP8266_CRC_WORD, 9000, -1]
)
def test_damage_is_not_laundered_esp8266(offset: int) -> None:
    image = bytearray(esp8266_image())
    image[offset] ^= 0x04
    with pytest.raises(DamagedImageError):
        stamp(bytes(image), "lamp", "1.2.3")


def test_several_records_are_refused() -> None:
    image = bytearray(esp8266_image())
    record = image.find(ESP8266_RECORD_MAGIC)
    image[record + 400 : record + 480] = image[record : record + 80]
    with pytest.raises(StampError, match="2 stamp records"):
        stamp(with_crc_words(bytes(image)), "lamp", "1.2.3")


@pytest.mark.parametrize(
    ("product", "version", "words"),
    [
        ("l" * 32, "1.2.3", "the product 'l+' is 32 bytes"),
        ("lamp", "1.2.3-" + "v" * 26, "the version '1.2.3-v+' is 32 bytes"),
        ("lamp", "é" * 16, "is 32 bytes"),
        ("lämp", "1.2.3", "printable ASCII"),
        ("lamp\n", "1.2.3", "printable ASCII"),
        ("lamp", "1.2.3\0", "printable ASCII"),
        ("lamp", "\udcff", "printable ASCII"),
        ("", "1.2.3", "the product is empty"),
        ("lamp", "", "the version is empty"),
        ("arduino-lib-builder", "1.2.3", "marks unstamped images"),
        ("esp32-arduino-lib-builder", "1.2.3", "marks unstamped images"),
    ],
)
def test_a_text_that_does_not_fit_is_refused_and_never_cut(
    product: str, version: str, words: str
) -> None:
    for image in (esp32_image(), esp8266_image()):
        with pytest.raises(StampError, match=words):
            stamp(image, product, version)


def test_texts_of_31_characters_fit() -> None:
    for image in (esp32_image(), esp8266_image()):
        assert read(stamp(image, "p" * 31, "v" * 31)).stamp == Stamp(
            product="p" * 31, version="v" * 31
        )
    assert fits("v" * 31)
    assert not fits("v" * 32)
    assert not fits("")
    assert not fits("é")
    assert not fits("a\tb")


def test_the_blank_record_is_80_bytes_with_the_magic_first() -> None:
    assert blank_record() == b"\x7fACPUBLISHSTAMP\x01" + bytes(64)
    assert blank_record() in esp8266_image()
