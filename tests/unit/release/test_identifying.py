"""What an image without coordinates is: by its stamp, then by its file's name."""

from __future__ import annotations

from acpublish.image.reader import read
from acpublish.image.stamper import stamp
from acpublish.release.filenames import Named
from acpublish.release.identifying import identified, kind_of, unpacked
from tests.support.images import esp32_image, esp8266_image, gzipped, littlefs

IMAGE = esp32_image("esp32c3", seed=1)


def test_the_stamp_comes_before_the_name() -> None:
    image = read(stamp(IMAGE, "lamp", "1.2.3"))
    found = identified(image, "lamp_v9.9.9_c3.bin")
    assert (found.product, str(found.version), found.board) == ("lamp", "1.2.3", "c3")


def test_what_is_known_comes_before_the_stamp() -> None:
    image = read(stamp(IMAGE, "lamp", "1.2.3"))
    found = identified(image, "lamp.bin", Named(product="porch", board="c6"))
    assert (found.product, str(found.version), found.board) == ("porch", "1.2.3", "c6")


def test_a_sketch_of_arduino_ide() -> None:
    image = read(esp8266_image(seed=2))
    found = identified(image, "Lamp.ino.nodemcuv2.bin")
    assert (found.product, found.version, found.board) == ("lamp", None, "nodemcuv2")
    assert found.kind == "firmware"


def test_an_ambiguous_name_decides_only_what_is_clear() -> None:
    found = identified(read(IMAGE), "lamp_1.0_2.0_c3.bin")
    assert len(found.readings) > 1
    assert found.version is None


def test_the_bytes_decide_the_kind() -> None:
    assert kind_of(read(littlefs()), "firmware.bin") == "filesystem"
    assert kind_of(read(b"\xff" * 4096), "lamp.spiffs.bin") == "filesystem"
    assert kind_of(read(IMAGE), "littlefs.bin") == "firmware"


def test_a_gzip_is_unpacked_and_a_damaged_one_stays() -> None:
    image = esp8266_image(seed=3)
    packed = gzipped(image)
    assert unpacked(packed) == image
    assert unpacked(image) == image
    assert unpacked(packed[:-10]) == packed[:-10]
