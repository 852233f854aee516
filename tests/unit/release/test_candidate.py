"""An image that could be published: stamped once, and never shown as bytes."""

from __future__ import annotations

import pytest

from acpublish.image.model import Stamp
from acpublish.release.candidate import Candidate
from acpublish.release.names import ImageKind
from tests.support import images
from tests.unit.catalog.holding import submission


def test_a_stamp_is_written_and_what_was_found_is_kept() -> None:
    data = images.esp8266_image()
    secret = data[20_000:20_032].decode("utf-8", "surrogateescape")
    built = Candidate.of(data, secret_values={"WIFI": secret})
    final = built.stamped(submission())
    assert final.image.stamp == Stamp(product="lamp", version="1.0.0")
    assert final.image.size == built.image.size
    again = Candidate.of(final.data, secret_values={"WIFI": secret})
    assert final.secrets == again.secrets == built.secrets != ()


def test_what_has_the_stamp_already_is_the_same_candidate() -> None:
    final = Candidate.of(images.esp8266_image()).stamped(submission())
    assert final.stamped(submission()) is final


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (images.esp8266_image(record=False), "firmware"),
        (images.esp8266_image(), "filesystem"),
        (images.littlefs(), "filesystem"),
        (b"a text", "firmware"),
    ],
)
def test_what_has_no_place_for_a_stamp_stays_as_it_is(data: bytes, kind: ImageKind) -> None:
    candidate = Candidate.of(data)
    assert candidate.stamped(submission(kind=kind)) is candidate


def test_bytes_are_not_shown() -> None:
    assert len(repr(Candidate.of(images.esp8266_image()))) < 5000


def test_what_was_computed_is_kept_without_the_bytes() -> None:
    path = b"\0/update/lamp/d1?channel=beta\0"
    candidate = Candidate.of(images.esp8266_image() + path)
    light = candidate.without_bytes()
    assert light.data == b""
    assert (light.image, light.secrets) == (candidate.image, candidate.secrets)
    assert light.update_paths == {"/update/lamp/d1?channel=beta"}
