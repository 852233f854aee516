from __future__ import annotations

import gzip
import tracemalloc
import zlib

from acpublish.image.inflate import MAX_INFLATED_BYTES, inflate
from acpublish.image.signatures import describe_esp8266
from tests.support.images import gzipped, signed_esp8266

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
