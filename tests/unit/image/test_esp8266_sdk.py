"""Images of Espressif's SDK are called what they are, and never an application."""

from __future__ import annotations

import pytest

from acpublish.image.esp8266_sdk import parse
from acpublish.image.model import Integrity, Kind
from acpublish.image.reader import read
from tests.support.images import esp8266_image
from tests.support.other_images import sdk_user1


def test_an_image_of_the_sdk_is_healthy_and_a_part() -> None:
    facts = read(sdk_user1())
    assert (facts.kind, facts.chip) == (Kind.PART, "esp8266")
    assert "user1 or user2" in facts.description
    assert (facts.checksum, facts.crc) == (Integrity.VALID, Integrity.VALID)
    assert (facts.problems, facts.damaged, facts.is_application) == ((), False, False)


def test_an_early_image_without_a_crc_is_healthy() -> None:
    facts = read(sdk_user1(crc=False))
    assert (facts.kind, facts.crc, facts.problems) == (Kind.PART, Integrity.ABSENT, ())


@pytest.mark.parametrize("offset", [5000, 8300, -2])
def test_a_changed_byte_is_damage(offset: int) -> None:
    broken = bytearray(sdk_user1())
    broken[offset] ^= 0x10
    facts = read(bytes(broken))
    assert (facts.kind, facts.crc, facts.damaged) == (Kind.PART, Integrity.INVALID, True)


@pytest.mark.parametrize("cut", [1, 3, 100, 3000])
def test_a_cut_image_is_truncated(cut: int) -> None:
    problems = read(sdk_user1()[:-cut]).problems
    assert problems[0].startswith("truncated: ")


@pytest.mark.parametrize("data", [b"", b"\xea", b"\xea\x04" + bytes(5000), esp8266_image()])
def test_other_bytes_are_none(data: bytes) -> None:
    assert parse(lambda offset, length: data[offset : offset + length], len(data)) is None
