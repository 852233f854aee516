"""What is fuzzed: each reader with the properties for any bytes, and its seeds.

A new finding is kept as a further seed, so the suite always tries it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from acpublish.errors import ImageError, PartitionError
from acpublish.image.examine import outline
from acpublish.image.gzip import MAX_INFLATED_BYTES, inflate
from acpublish.image.model import Image, Integrity, Kind, Outline
from acpublish.image.partition_table import read_partitions
from acpublish.image.reader import read
from acpublish.image.signing import split_signed
from acpublish.image.stamper import stamp
from acpublish.server.answer import Request
from acpublish.server.image_headers import requested_range
from acpublish.server.request_head import RequestHead
from tests.support.images import esp32_image, esp8266_image
from tests.torture.agreeing import check, check_remembered

SEEDS = Path(__file__).resolve().parents[1] / "data" / "fuzz"
_ESP32 = esp32_image(size=4096)
_ESP8266 = esp8266_image(size=5120)


def read_images(data: bytes) -> None:
    """Any bytes give an image's facts; a stamp is written into a sound one or refused."""
    facts = read(data)
    assert isinstance(facts, Image)
    assert facts.damaged == bool(facts.problems)
    result = outline(lambda offset, length: data[offset : offset + length], len(data))
    assert isinstance(result, Outline)
    try:
        stamped = stamp(data, "lamp", "1.2.3")
    except ImageError:
        return
    assert facts.kind is Kind.APPLICATION
    assert read(stamped).problems == ()


def read_partition_tables(data: bytes) -> None:
    """Any bytes give a table or one kind of error."""
    try:
        table = read_partitions(data)
    except PartitionError:
        return
    ordered = sorted(table.partitions, key=lambda part: part.offset)
    ends = [0, *(part.end for part in ordered)]
    assert all(part.offset >= end for part, end in zip(ordered, ends, strict=False))


def read_gzips(data: bytes) -> None:
    """Any bytes give the content, in bounded memory, or a problem."""
    inflated = inflate(data)
    assert len(inflated.data) <= MAX_INFLATED_BYTES
    assert inflated.data or inflated.problems or data[:2] == b"\x1f\x8b"
    read(data)


def read_signatures(data: bytes) -> None:
    """Any bytes after an image give a signature's description or a problem."""
    sector = data[:4096].ljust(4096, b"\xff")
    for signed in (_ESP32 + sector, _ESP32 + data, _ESP8266 + data):
        facts = read(signed)
        if facts.kind is Kind.SIGNED and not facts.damaged:
            assert facts.signature is not None
            assert all(block.digest is not Integrity.INVALID for block in facts.signature.blocks)
        try:
            body, signature = split_signed(signed)
        except ImageError:
            continue
        assert len(body) + len(signature) + 4 == len(signed)


def read_requests(data: bytes) -> None:
    """Any bytes give heads of requests that other readers of HTTP read alike, or one error."""
    check(data)
    check_remembered(data)


def read_ranges(data: bytes) -> None:
    """Any value gives a part that is inside the file, or none, or the whole file."""
    request = Request(RequestHead("GET", b"/", [(b"range", data)]))
    for size in (0, 1, 5120):
        part = requested_range(request, size)
        if part:
            start, count = part
            assert 0 <= start < start + count <= size


READERS: dict[str, Callable[[bytes], None]] = {
    "images": read_images,
    "partitions": read_partition_tables,
    "gzips": read_gzips,
    "signatures": read_signatures,
    "requests": read_requests,
    "ranges": read_ranges,
}


def seeds(reader: str) -> list[Path]:
    """Returns the seeds of a reader."""
    return sorted((SEEDS / reader).iterdir())
