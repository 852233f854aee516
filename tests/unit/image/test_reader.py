from __future__ import annotations

import hashlib
import time
from dataclasses import replace

import pytest

from acpublish.image.model import Image, Kind, Stamp
from acpublish.image.reader import read
from acpublish.image.stamper import stamp
from tests.support.images import (
    bootloader,
    esp32_image,
    esp8266_image,
    gzipped,
    littlefs,
    merged_image,
    signed_esp8266,
)


@pytest.mark.parametrize(
    "data",
    [b"", b"text", littlefs(), esp32_image(), esp8266_image(), gzipped(esp8266_image())],
    ids=["empty", "text", "littlefs", "esp32", "esp8266", "gzip"],
)
def test_size_and_digests_are_those_of_the_file(data: bytes) -> None:
    facts = read(data)
    assert facts.size == len(data)
    assert facts.md5 == hashlib.md5(data, usedforsecurity=False).hexdigest()
    assert facts.sha256 == hashlib.sha256(data).hexdigest()


def test_nothing_is_told_of_an_unknown_file_but_its_digests() -> None:
    digest = hashlib.sha256(b"text").hexdigest()
    assert read(b"text") == Image(
        kind=Kind.UNKNOWN,
        size=4,
        md5=hashlib.md5(b"text", usedforsecurity=False).hexdigest(),
        sha256=digest,
        unstamped_sha256=digest,
    )


def test_a_gzip_tells_of_the_image_inside() -> None:
    image = stamp(esp8266_image(), "lamp", "1.2.3")
    inner, outer = read(image), read(gzipped(image))
    assert outer.kind is Kind.GZIP
    assert outer.stamp == Stamp(product="lamp", version="1.2.3")
    # Afterwards the device reports the MD5 of the inflated image.
    assert outer.running == inner.running
    assert (outer.content, outer.compressed) == (Kind.APPLICATION, True)
    own = {"kind", "content", "compressed", "size", "md5", "sha256", "unstamped_sha256"}
    assert replace(inner, **{name: getattr(outer, name) for name in own}) == outer
    assert outer.unstamped_sha256 == outer.sha256


def test_a_signed_gzip_is_signed_and_tells_of_the_image_inside() -> None:
    facts = read(signed_esp8266(gzipped(esp8266_image())))
    assert (facts.kind, facts.family, facts.problems) == (Kind.SIGNED, "esp8266", ())
    assert (facts.content, facts.compressed) == (Kind.APPLICATION, True)
    assert facts.signature is not None
    assert facts.signature.scheme == "esp8266"
    assert facts.running == read(esp8266_image()).running


def test_a_damaged_image_inside_a_gzip_is_told() -> None:
    facts = read(gzipped(esp8266_image()[:-100]))
    assert facts.kind is Kind.GZIP
    assert facts.damaged
    assert facts.problems[0].startswith("inside the gzip: truncated: ")


def test_a_damaged_gzip_is_damaged() -> None:
    facts = read(gzipped(esp8266_image())[:-9])
    assert (facts.kind, facts.family, facts.damaged) == (Kind.GZIP, None, True)


def test_a_gzip_in_a_gzip_is_opened_once() -> None:
    facts = read(gzipped(gzipped(esp8266_image())))
    assert (facts.kind, facts.family, facts.damaged) == (Kind.GZIP, None, False)


def test_no_device_reports_what_it_cannot_run() -> None:
    for data in (b"text", littlefs(), merged_image(), bootloader(), esp32_image()[:-1]):
        assert read(data).running.md5s == ()
        assert read(data).running.sha256s == ()


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        (esp32_image()[:-34], "truncated: the checksum is missing (2 bytes)"),
        (esp32_image()[:-100], "truncated: 64 bytes of segment 3 of 3 are missing"),
        (esp32_image()[:300], "truncated: 8092 bytes of segment 1 of 3 are missing"),
        (esp32_image()[:24], "truncated: the header of segment 1 of 3 is missing"),
    ],
)
def test_what_is_missing_is_told(image: bytes, problem: str) -> None:
    facts = read(image)
    assert (facts.kind, facts.family, facts.damaged) == (Kind.APPLICATION, "esp32", True)
    assert facts.problems == (problem,)


@pytest.mark.parametrize("image", [esp32_image(size=4 << 20), esp8266_image(size=1 << 20)])
def test_reading_takes_far_less_than_a_loop_over_bytes(image: bytes) -> None:
    # 22 ms of processor time where this was written; a loop over the bytes takes seconds.
    best = 10.0
    for _ in range(3):
        start = time.process_time()
        read(image)
        best = min(best, time.process_time() - start)
    assert best < 0.5
