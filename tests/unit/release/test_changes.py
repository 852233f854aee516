from __future__ import annotations

import pytest

from acpublish.errors import NotFoundError, SettingsError
from acpublish.release.changes import author, publish
from acpublish.release.channels import Channels
from tests.unit.release.publishing import D1, NOW, WHO, Product, three, v


def test_a_publish_records_the_image_and_moves_the_channel() -> None:
    planned = publish(Channels(), v("1.0.0"), D1, "stable", WHO, moves=True, releases=())
    assert planned.channels.images == {v("1.0.0"): frozenset({D1})}
    assert planned.channels.stored
    (line,) = planned.channels.history
    assert (line.serial, line.action, line.places) == (1, "publish", (D1,))
    assert [(str(move.before), str(move.after)) for move in line.moves] == [("None", "1.0.0")]
    current = planned.channels.current("stable", D1)
    assert current is not None
    assert current.serial == line.serial


def test_publishing_the_same_again_is_not_a_change() -> None:
    channels = Product().put("1.0.0").channels
    again = publish(channels, v("1.0.0"), D1, "stable", WHO, moves=False, releases=())
    assert (again.change, again.channels) == (None, channels)


def test_an_unknown_release_is_answered_with_the_newest() -> None:
    with pytest.raises(NotFoundError, match=r"there is no release 9\.0\.0") as caught:
        three().plan("promote", "9.0.0", "beta")
    assert caught.value.hint == "The newest are: 1.2.0, 1.1.0, 1.0.0."


@pytest.mark.parametrize(
    ("by", "why", "words"),
    [
        ("a" * 65, "", "the name "),
        ("", "a" * 501, "the reason "),
        ("two\nlines", "", "the name "),
        ("", "a\x00b", "the reason "),
    ],
)
def test_a_text_that_no_response_could_contain_is_refused(by: str, why: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        author(NOW, by, why)
    assert author(NOW, "anna", "why").at == "2026-06-01T00:00:00Z"
