"""One value for what an image is published as, complete or not."""

from __future__ import annotations

import pytest

from acpublish.errors import SettingsError
from acpublish.release import names
from acpublish.release.coordinates import Coordinates
from acpublish.release.submission import CompleteCoordinates
from acpublish.release.version import Version

PRODUCT, BOARD = names.product("lamp"), names.board("d1")
VERSION = Version.parse("1.2.3")


def test_what_is_known_is_completed() -> None:
    known = Coordinates(product=PRODUCT, board=BOARD, kind="filesystem", chip="esp8266")
    complete = CompleteCoordinates(**known.complete(version=VERSION, channel=names.STABLE))
    assert complete == CompleteCoordinates(
        product=PRODUCT,
        version=VERSION,
        board=BOARD,
        channel=names.STABLE,
        kind="filesystem",
        chip="esp8266",
    )
    assert complete.file == "lamp-1.2.3_d1.fs.bin"
    assert complete.complete() == complete.as_arguments()


def test_what_is_given_comes_before_what_is_known() -> None:
    known = CompleteCoordinates(product=PRODUCT, version=VERSION, board=BOARD, channel=names.STABLE)
    other = Version.parse("2.0.0")
    complete = CompleteCoordinates(**known.complete(version=other, channel=names.DEVELOPMENT))
    assert (complete.version, complete.channel) == (other, names.DEVELOPMENT)


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (Coordinates(), "no product and no version and no board and no channel"),
        (Coordinates(product=PRODUCT, version=VERSION, channel=names.STABLE), "no board"),
        (Coordinates(product=PRODUCT, board=BOARD, version=VERSION), "no channel"),
    ],
)
def test_what_is_missing_is_named(known: Coordinates, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        known.complete()
    assert caught.value.problem == f"the release has {said}"


def test_the_arguments_are_those_of_any_value_that_has_them() -> None:
    complete = CompleteCoordinates(
        product=PRODUCT, version=VERSION, board=BOARD, channel=names.STABLE
    )
    assert Coordinates(**complete.as_arguments()).complete() == complete.as_arguments()
    assert set(complete.as_arguments()) == {
        *("product", "version", "board", "channel", "kind", "chip"),
    }
