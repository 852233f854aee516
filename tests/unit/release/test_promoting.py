from __future__ import annotations

import pytest

from acpublish.errors import ConflictError, NotFoundError
from acpublish.release.declared import Declared
from tests.unit.release.publishing import D1, D1_FS, D2, three


def test_a_promotion_moves_firmware_with_its_filesystem_for_all_boards() -> None:
    product = three(D1, D1_FS, D2)
    planned = product.change("promote", "1.1.0", "beta")
    assert planned.change is not None
    assert [str(move.place) for move in planned.change.moves] == ["d1 (filesystem)", "d1", "d2"]
    assert product.at("beta") == product.at("beta", D1_FS) == product.at("beta", D2) == "1.1.0"
    assert product.at() == "1.2.0"


def test_a_promotion_names_a_channel_that_is_new() -> None:
    product = three()
    (note,) = product.plan("promote", "1.2.0", "stabel").notes
    assert note == "stabel is a new channel; those so far are: stable."
    product.change("promote", "1.1.0", "beta")
    assert product.plan("promote", "1.2.0", "beta").notes == ()


def test_a_promotion_to_stable_names_builds_with_uncommitted_changes() -> None:
    product = three(D1, D2)
    changed = Declared(changed=True)
    product.put("1.3.0-dev.1", D1, channel="dev", declared=changed)
    product.put("1.3.0-dev.1", D2, channel="dev", declared=changed, skipped_checks={"dirty": "ok"})
    assert product.plan("promote", "1.3.0-dev.1", "stable").notes == (
        "d1: it was built from a working tree with uncommitted changes.",
    )
    product.change("promote", "1.2.0", "beta")
    assert product.plan("promote", "1.3.0-dev.1", "beta").notes == ()


def test_a_promotion_of_one_board_leaves_the_others() -> None:
    product = three(D1, D2)
    product.change("promote", "1.1.0", "beta", ["d2"])
    assert (product.at("beta"), product.at("beta", D2)) == (None, "1.1.0")
    with pytest.raises(NotFoundError, match=r"lamp 1\.1\.0 has no image for d9"):
        product.plan("promote", "1.1.0", "beta", ["d2", "d9"])


def test_a_promotion_never_moves_down_and_names_the_command_that_does() -> None:
    product = three(D1, D2)
    with pytest.raises(ConflictError, match=r"1\.1\.0 is lower than 1\.2\.0") as caught:
        product.plan("promote", "1.1.0", "stable")
    assert "acpublish rollback lamp 1.1.0 --channel stable" in caught.value.hint
    assert product.plan("promote", "1.2.0", "stable").change is None


def test_nothing_of_a_promotion_is_made_if_one_board_would_move_down() -> None:
    product = three(D1, D2)
    product.change("promote", "1.2.0", "beta", ["d2"])
    with pytest.raises(ConflictError, match="for d2"):
        product.change("promote", "1.1.0", "beta")
    assert product.at("beta") is None


@pytest.mark.parametrize(
    ("action", "words", "hint"),
    [
        ("withdraw", "was withdrawn: test", "acpublish withdraw lamp 1.1.0 --undo"),
        ("delete", "was deleted: test", "Publish it as a newer version."),
    ],
)
def test_what_was_taken_back_is_not_promoted(action: str, words: str, hint: str) -> None:
    product = three()
    product.change(action, "1.1.0")  # type: ignore[arg-type]
    with pytest.raises(ConflictError, match=words) as caught:
        product.plan("promote", "1.1.0", "beta")
    assert hint in caught.value.hint


def test_a_release_that_nobody_is_offered_keeps_no_other_from_a_channel() -> None:
    product = three().put("1.1.5", channel="beta")
    product.unsigned.add("1.2.0")
    with pytest.raises(ConflictError, match=r"1\.0\.0 is lower than 1\.1\.0"):
        product.plan("promote", "1.0.0", "stable")
    product.change("promote", "1.1.5", "stable")
    assert product.at() == "1.1.5"


def test_an_unsigned_release_is_not_promoted() -> None:
    product = three()
    product.unsigned.add("1.1.0")
    with pytest.raises(ConflictError, match=r"1\.1\.0 for d1 is not signed") as caught:
        product.plan("promote", "1.1.0", "beta")
    assert "acpublish key resign" in caught.value.hint
