from __future__ import annotations

import gzip
import subprocess

import pytest

from acpublish.errors import WrongKindError
from acpublish.image import Kind, compress, read
from acpublish.image.inflate import inflate
from tests.support import images

IMAGE = images.esp8266_image(size=40_000, compressible=True)


@pytest.mark.parametrize("compressible", [True, False])
@pytest.mark.parametrize("size", [5_120, 40_000, 400_000])
def test_it_inflates_to_the_image(size: int, compressible: bool) -> None:
    image = images.esp8266_image(size=size, compressible=compressible)
    packed = compress(image, read(image))
    assert inflate(packed).data == image
    assert inflate(packed).problems == ()
    assert gzip.decompress(packed) == image


def test_it_depends_on_the_image_alone() -> None:
    packed = compress(IMAGE, read(IMAGE))
    assert packed == compress(bytes(bytearray(IMAGE)), read(IMAGE))
    # No flags, so no name; no time; the smallest size asked for; no system (RFC 1952, 2.3).
    assert packed[:10] == bytes.fromhex("1f8b0800 00000000 02ff")
    assert int.from_bytes(packed[-4:], "little") == len(IMAGE)


def test_gzip_itself_takes_it() -> None:
    packed = compress(IMAGE, read(IMAGE))
    assert (
        subprocess.run(["gzip", "-dc"], input=packed, capture_output=True, check=True).stdout
        == IMAGE
    )


def test_what_is_read_of_it_is_what_is_read_of_the_image() -> None:
    packed = read(compress(IMAGE, read(IMAGE)))
    assert (packed.kind, packed.problems) == (Kind.GZIP, ())
    assert packed.running == read(IMAGE).running


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (images.esp32_image("esp32c3"), "an image for esp32c3 cannot be compressed"),
        (images.signed_esp32(images.esp32_image("esp32")), "an image for esp32 cannot"),
        (images.signed_esp8266(IMAGE), "a signed image cannot be compressed"),
        (images.gzipped(IMAGE), "this is of kind gzip"),
        (images.littlefs(), "this is of kind filesystem"),
        (images.eboot(), "this is of kind bootloader"),
        (b"what", "this is of kind unknown"),
    ],
)
def test_what_no_device_would_inflate_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(WrongKindError, match=words) as caught:
        compress(data, read(data))
    assert caught.value.hint == "Publish it without compression."
