from __future__ import annotations

import gzip
import subprocess
import tracemalloc
import zlib

import pytest

from acpublish.errors import WrongKindError
from acpublish.image.gzip import MAX_INFLATED_BYTES, compress, inflate
from acpublish.image.model import Kind
from acpublish.image.reader import read
from acpublish.image.signature_blocks import describe_esp8266
from tests.support import images
from tests.support.images import gzipped, signed_esp8266

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
        (images.gzipped(IMAGE), "the kind of this file is gzip"),
        (images.littlefs(), "the kind of this file is filesystem"),
        (images.eboot(), "the kind of this file is bootloader"),
        (b"what", "the kind of this file is unknown"),
    ],
)
def test_what_no_device_would_inflate_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(WrongKindError, match=words) as caught:
        compress(data, read(data))
    assert caught.value.hint == "Publish it without compression."


CONTENT = b"firmware " * 1000


def test_a_gzip_is_opened() -> None:
    inflated = inflate(gzipped(CONTENT))
    assert (inflated.data, inflated.signature, inflated.problems) == (CONTENT, None, ())


def test_a_signature_behind_a_gzip_is_known() -> None:
    inflated = inflate(signed_esp8266(gzipped(CONTENT)))
    assert (inflated.data, inflated.problems) == (CONTENT, ())
    assert inflated.signature == describe_esp8266(256)


def test_other_bytes_behind_a_gzip_are_a_problem() -> None:
    assert inflate(gzipped(CONTENT) + b"more").problems == ("4 bytes follow the gzip",)


def test_a_second_member_is_a_problem_because_eboot_inflates_one() -> None:
    assert "follow the gzip" in inflate(gzip.compress(b"a") + gzip.compress(b"b")).problems[0]


def test_a_truncated_gzip_is_told_at_every_length() -> None:
    whole = gzipped(CONTENT)
    for length in range(len(whole)):
        assert inflate(whole[:length]).problems == ("truncated: the end of the gzip is missing",)


def test_a_sum_that_does_not_hold_is_told() -> None:
    broken = bytearray(gzipped(CONTENT))
    broken[-8] ^= 1
    assert "damaged" in inflate(bytes(broken)).problems[0]


def test_a_bomb_is_opened_up_to_the_limit_only() -> None:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(squeeze.compress(bytes(1 << 20)) for _ in range(64)) + squeeze.flush()
    tracemalloc.start()
    inflated = inflate(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert inflated.problems == (f"the gzip inflates to more than {MAX_INFLATED_BYTES} bytes",)
    assert inflated.data == b""
    assert peak < 3 * MAX_INFLATED_BYTES
