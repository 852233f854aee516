"""Whether the bytes are a complete image of the right kind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acpublish.errors import CheckError
from acpublish.image.model import Stamp
from acpublish.image.reader import read
from acpublish.release.checks.registry import raise_errors
from acpublish.wire import MAX_IMAGE_BYTES
from tests.support import images
from tests.unit.release.checks.checking import C3, STAMPED, found, submission
from tests.unit.release.making import check


@pytest.mark.parametrize("data", [STAMPED, C3])
def test_a_stamped_image_passes(data: bytes) -> None:
    assert found(data) == []


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (b"", "empty", "the file is empty"),
        (b"hello\n" * 100, "wrong-kind", "not an ESP image"),
        (images.merged_image(), "wrong-kind", "merged factory image"),
        (images.bootloader(), "wrong-kind", "bootloader"),
        (images.gzipped(STAMPED), "wrong-kind", "gzip"),
        (images.littlefs(), "wrong-kind", "--kind filesystem"),
        (images.signed_esp32(images.esp32_image()), "wrong-kind", "signed"),
        (STAMPED[:-20], "damaged", "damaged"),
        (C3[:-100], "damaged", "damaged"),
        (C3[:-1] + bytes([C3[-1] ^ 1]), "damaged", "damaged"),
        (STAMPED[:9000] + bytes([STAMPED[9000] ^ 1]) + STAMPED[9001:], "damaged", "damaged"),
    ],
)  # fmt: skip
def test_an_error_names_its_check_and_what_to_do(data: bytes, name: str, said: str) -> None:
    with pytest.raises(CheckError) as caught:
        raise_errors(check(read(data), submission(), ()))
    assert caught.value.problem.startswith(f"{name}: ")
    assert said in str(caught.value)
    assert caught.value.hint


def test_a_signed_image_that_was_stamped_before_is_fine() -> None:
    assert found(images.signed_esp32(C3)) == []


def test_a_filesystem() -> None:
    files = submission(kind="filesystem")
    assert found(images.littlefs(), files) == []
    assert found(STAMPED, files) == ["wrong-kind"]
    assert found(images.merged_image(), files) == ["wrong-kind"]
    assert found(b"", files) == ["empty"]


def test_what_no_flash_chip_holds() -> None:
    huge = replace(read(STAMPED), size=MAX_IMAGE_BYTES + 1)
    assert huge.stamp == Stamp(product="lamp", version="1.0.0")
    assert [one.check for one in check(huge, submission(), ())] == ["size"]
    largest = replace(huge, size=MAX_IMAGE_BYTES)
    assert check(largest, submission(), ()) == ()
