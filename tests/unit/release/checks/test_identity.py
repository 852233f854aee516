"""What an image says about itself: its stamp and its chip."""

from __future__ import annotations

import pytest

from acpublish.errors import CheckError
from acpublish.image.reader import read
from acpublish.image.stamper import stamp
from acpublish.release.checks.facts import Severity
from acpublish.release.checks.registry import raise_errors
from tests.support import images
from tests.unit.release.checks.checking import C3, STAMPED, found, submission
from tests.unit.release.making import check, release


def test_an_image_without_a_place_for_a_stamp_draws_a_warning_only() -> None:
    (finding,) = check(read(images.esp8266_image(record=False)), submission(), ())
    assert finding.severity is Severity.WARNING
    assert raise_errors([finding]) == (str(finding),)
    assert "digest" in str(finding)


def test_a_signed_image_without_a_place_for_a_stamp_is_taken_as_it_is() -> None:
    signed = images.signed_esp8266(images.esp8266_image(record=False))
    assert found(signed) == ["unstamped"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (images.esp8266_image(), "says nothing, not lamp 1.0.0"),
        (stamp(STAMPED, "lamp", "1.0.1"), "says lamp 1.0.1, not lamp 1.0.0"),
    ],
)
def test_another_stamp_is_an_error(data: bytes, said: str) -> None:
    with pytest.raises(CheckError) as caught:
        raise_errors(check(read(data), submission(), ()))
    assert caught.value.problem.startswith("stamp: ")
    assert said in str(caught.value)
    assert caught.value.hint


def test_an_image_for_another_chip_than_the_board_has() -> None:
    assert found(C3, submission(chip="esp32c3")) == []
    assert found(C3, submission(chip="esp32")) == ["chip"]
    assert found(STAMPED, submission(chip="esp32")) == ["chip"]


def test_an_image_for_another_chip_than_the_board_had_before() -> None:
    before = (release("0.9.0", chip="esp8266"),)
    assert found(STAMPED, releases=before) == []
    assert found(C3, releases=before) == ["chip"]
    assert found(C3, submission(board="c3"), before) == []


def test_an_unknown_chip_is_no_error() -> None:
    image = stamp(images.esp32_image(chip=99), "lamp", "1.0.0")
    assert read(image).chip == "chip-99"
    assert found(image) == []
