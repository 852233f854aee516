from __future__ import annotations

import pytest

from acpublish.errors import ConflictError, NotFoundError
from tests.unit.release.publishing import D1, D1_FS, D2, Product, three, v


def test_each_rollback_goes_one_further_back_and_takes_the_earlier_orders_along() -> None:
    product = three()
    product.change("rollback", None, "stable")
    assert (product.at(), product.ordered()) == ("1.1.0", ["1.2.0"])
    product.change("rollback", None, "stable")
    assert (product.at(), product.ordered()) == ("1.0.0", ["1.2.0", "1.1.0"])
    with pytest.raises(ConflictError, match=r"d1 stays at 1\.0\.0: nothing was there before"):
        product.plan("rollback", None, "stable")


def test_a_rollback_skips_what_was_rolled_back_from() -> None:
    product = three()
    product.change("rollback", None, "stable")
    product.put("1.3.0")
    planned = product.change("rollback", None, "stable")
    assert product.at() == "1.1.0"
    # A device that was off since 1.2.0 was taken back still goes back.
    assert planned.ordered_back == {D1: (v("1.3.0"), v("1.2.0"))}


def test_what_was_promoted_again_is_not_ordered_back() -> None:
    product = three()
    product.change("rollback", None, "stable")
    product.change("promote", "1.2.0", "stable")
    product.put("1.3.0")
    product.change("rollback", None, "stable")
    assert (product.at(), product.ordered()) == ("1.2.0", ["1.3.0"])


def test_a_rollback_to_a_release_leaves_all_above_it() -> None:
    product = three()
    product.change("rollback", "1.0.0", "stable")
    assert (product.at(), product.ordered()) == ("1.0.0", ["1.2.0", "1.1.0"])
    with pytest.raises(ConflictError, match="that is what it points at"):
        product.plan("rollback", "1.0.0", "stable")
    with pytest.raises(ConflictError, match="is higher, which takes 'acpublish promote'"):
        product.plan("rollback", "1.2.0", "stable")


def test_a_rollback_to_what_was_never_on_the_channel() -> None:
    product = three().put("1.1.5", channel="beta")
    product.change("rollback", "1.1.5", "stable")
    assert (product.at(), product.ordered()) == ("1.1.5", ["1.2.0"])
    product.change("rollback", None, "stable")
    assert product.at() == "1.1.0"


def test_boards_that_a_release_lacks_are_named_and_stay() -> None:
    product = three(D1, D2).put("1.3.0", D2).put("1.0.5", D1, channel="beta")
    planned = product.change("rollback", "1.0.5", "stable")
    assert (product.at(), product.at(place=D2)) == ("1.0.5", "1.3.0")
    assert planned.notes == ("d2 stays at 1.3.0: 1.0.5 has no image for it.",)


def test_only_the_named_boards_go_back() -> None:
    product = three(D1, D2)
    product.change("rollback", None, "stable", ["d2"])
    assert (product.at(), product.at(place=D2)) == ("1.2.0", "1.1.0")
    with pytest.raises(NotFoundError, match="stable of lamp has no board d9"):
        product.plan("rollback", None, "stable", ["d9"])
    with pytest.raises(NotFoundError, match="lamp has no channel nightly") as caught:
        product.plan("rollback", None, "nightly")
    assert caught.value.hint == "Its channels are: stable."


def test_firmware_moves_with_the_filesystem_that_was_used_with_it() -> None:
    product = Product().put("1.0.0", D1, D1_FS).put("1.1.0", D1).put("1.2.0", D1, D1_FS)
    product.change("rollback", None, "stable")
    assert (product.at(), product.at(place=D1_FS)) == ("1.1.0", "1.0.0")
    assert product.ordered(place=D1_FS) == ["1.2.0"]
    # 1.0.0 has the filesystem that is there already.
    planned = product.change("rollback", None, "stable")
    assert (product.at(), product.at(place=D1_FS)) == ("1.0.0", "1.0.0")
    assert planned.notes == ("d1 (filesystem) stays at 1.0.0: that is what it points at.",)


def test_a_filesystem_stays_while_its_firmware_does() -> None:
    product = Product().put("1.0.0", D1_FS).put("1.1.0", D1, D1_FS)
    with pytest.raises(
        ConflictError, match=r"d1 \(filesystem\) stays at 1.1.0: its firmware stays"
    ):
        product.plan("rollback", None, "stable")


@pytest.mark.parametrize("action", ["withdraw", "rollback"])
def test_a_filesystem_whose_firmware_stays_is_not_called_ordered_back(action: str) -> None:
    product = Product().put("1.0.0", D1, D1_FS)
    product.put("1.1.0", D1, no_downgrade_below="1.1.0").put("1.1.0", D1_FS)
    product.put("1.2.0", D1, D1_FS)
    if action == "withdraw":
        planned = product.change("withdraw", "1.2.0", order_back=True)
        assert planned.ordered_back == {D1: (v("1.2.0"),), D1_FS: (v("1.2.0"),)}
        planned = product.change("withdraw", "1.1.0", order_back=True)
    else:
        planned = product.change("rollback", "1.0.0", "stable")
    assert (product.at(), product.at(place=D1_FS)) == ("1.0.0", "1.0.0")
    assert planned.ordered_back == {}
    assert planned.notes[-1] == (
        "d1: devices that run 1.1.0 stay there: 1.1.0 forbids going back below 1.1.0."
    )


def test_a_filesystem_that_needs_no_other_firmware_is_ordered_back() -> None:
    product = three(D1_FS).put("1.0.0", D1).put("1.1.0", D1, channel="beta")
    planned = product.change("withdraw", "1.2.0", order_back=True)
    assert planned.ordered_back == {D1_FS: (v("1.2.0"),)}


def test_a_filesystem_that_came_with_the_release_has_nothing_to_go_back_to() -> None:
    product = Product().put("1.0.0", D1).put("1.1.0", D1, D1_FS)
    planned = product.change("rollback", None, "stable")
    assert (product.at(), product.at(place=D1_FS)) == ("1.0.0", "1.1.0")
    assert "1.0.0 and those before it have none" in planned.notes[0]


def test_a_filesystem_without_firmware_goes_back_by_itself() -> None:
    product = three(D1_FS)
    product.change("rollback", None, "stable")
    assert product.at(place=D1_FS) == "1.1.0"


@pytest.mark.parametrize("version", [None, "1.1.0"])
def test_a_rollback_after_a_withdrawal_orders_back_and_moves_nothing(version: str | None) -> None:
    product = three()
    product.change("withdraw", "1.2.0")
    planned = product.change("rollback", version, "stable")
    assert (product.at(), product.ordered()) == ("1.1.0", ["1.2.0"])
    assert planned.ordered_back == {D1: (v("1.2.0"),)}
    # The next one goes further.
    product.change("rollback", None, "stable")
    assert (product.at(), product.ordered()) == ("1.0.0", ["1.2.0", "1.1.0"])


def test_whoever_must_not_go_back_after_a_withdrawal_takes_nobody_else_along() -> None:
    product = Product().put("0.9.0").put("1.0.0").put("1.1.0", no_downgrade_below="1.1.0")
    product.change("withdraw", "1.1.0")
    assert product.at() == "1.0.0"
    with pytest.raises(ConflictError) as caught:
        product.plan("rollback", None, "stable")
    assert caught.value.problem == (
        "stable of lamp cannot go back: d1 stays at 1.0.0: devices that run 1.1.0 stay there: "
        "1.1.0 forbids going back below 1.1.0"
    )
    # Further back only on purpose.
    product.change("rollback", "0.9.0", "stable")
    assert (product.at(), product.ordered()) == ("0.9.0", ["1.0.0"])


def test_a_rollback_of_a_later_release_is_not_taken_for_the_end_of_a_withdrawal() -> None:
    product = three()
    product.change("withdraw", "1.2.0")
    product.put("1.1.5")
    product.change("rollback", None, "stable")
    assert (product.at(), product.ordered()) == ("1.1.0", ["1.2.0", "1.1.5"])


def test_an_unsigned_release_is_never_gone_back_to() -> None:
    product = three()
    product.unsigned.add("1.1.0")
    with pytest.raises(ConflictError, match=r"1\.1\.0 is not signed"):
        product.plan("rollback", "1.1.0", "stable")
    product.change("rollback", None, "stable")
    assert product.at() == "1.0.0"
    other = three()
    other.unsigned.add("1.1.0")
    other.change("withdraw", "1.2.0")
    assert other.at() == "1.0.0"


def test_nobody_is_ordered_back_below_what_a_release_allows() -> None:
    product = Product().put("1.0.0").put("1.1.0", no_downgrade_below="1.1.0").put("1.2.0")
    product.change("rollback", None, "stable")
    assert product.ordered() == ["1.2.0"]
    planned = product.change("rollback", None, "stable")
    assert (product.at(), product.ordered()) == ("1.0.0", [])
    assert planned.notes == (
        "d1: devices that run 1.2.0 stay there: 1.1.0 forbids going back below 1.1.0.",
        "d1: devices that run 1.1.0 stay there: 1.1.0 forbids going back below 1.1.0.",
    )


def test_nobody_is_ordered_to_what_is_not_lower() -> None:
    """A channel that was moved down on purpose goes back up; its devices get that anyway."""
    product = Product().put("2.0.0").put("1.0.0")
    product.change("rollback", None, "stable")
    assert (product.at(), product.ordered()) == ("2.0.0", [])


def test_a_release_of_the_same_precedence_is_not_ordered_back() -> None:
    product = Product().put("1.0.0-dev.1+a").put("1.0.0-dev.1+b")
    product.change("rollback", None, "stable")
    assert (product.at(), product.ordered()) == ("1.0.0-dev.1+a", [])
