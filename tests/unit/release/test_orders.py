"""Which orders outlive a change: devices of what was taken back still go back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from acpublish.release.orders import forbids_return
from tests.unit.release.publishing import C3, D1, D1_FS, D2, Product, three, v


def rolled_back(*places: Any) -> Product:
    """1.1.0 was rolled back to 1.0.0."""
    product = Product().put("1.0.0", *places).put("1.1.0", *places)
    product.change("rollback", None, "stable")
    return product


@pytest.mark.parametrize(
    ("action", "order_back", "ordered"),
    [
        ("withdraw", False, ["1.1.0"]),
        ("withdraw", True, ["1.1.1", "1.1.0"]),
        ("delete", False, ["1.1.0"]),
    ],
)
def test_a_release_that_is_taken_back_leaves_the_earlier_order(
    action: Any, order_back: bool, ordered: list[str]
) -> None:
    product = rolled_back().put("1.1.1")
    assert product.ordered() == []
    planned = product.change(action, "1.1.1", order_back=order_back)
    assert (product.at(), product.ordered()) == ("1.0.0", ordered)
    # Whoever takes it back sees what becomes of the devices.
    assert planned.ordered_back == {D1: tuple(map(v, ordered))}


def test_a_lower_release_gets_the_devices_that_were_ordered_back() -> None:
    product = rolled_back().put("1.0.1")
    assert (product.at(), product.ordered()) == ("1.0.1", ["1.1.0"])
    product.put("1.0.2", channel="beta")
    planned = product.change("promote", "1.0.2", "stable")
    assert (product.at(), product.ordered()) == ("1.0.2", ["1.1.0"])
    assert planned.ordered_back == {D1: (v("1.1.0"),)}
    assert product.ordered("beta") == []


def test_an_order_ends_when_the_channel_points_at_the_release_again() -> None:
    product = rolled_back()
    product.change("promote", "1.1.0", "stable")
    product.change("withdraw", "1.1.0")
    assert (product.at(), product.ordered()) == ("1.0.0", [])


def test_an_order_outlives_a_channel_that_points_at_nothing() -> None:
    product = three()
    product.change("rollback", "1.0.0", "stable")
    planned = product.change("withdraw", "1.0.0")
    assert (product.at(), planned.ordered_back) == (None, {})
    product.put("1.0.1")
    assert product.ordered() == ["1.2.0", "1.1.0"]


def test_the_second_withdrawal_takes_the_devices_of_the_first_along() -> None:
    product = three()
    product.change("rollback", None, "stable")
    product.change("withdraw", "1.1.0")
    # 1.1.0 itself was only withdrawn.
    assert (product.at(), product.ordered()) == ("1.0.0", ["1.2.0"])


def test_an_undone_withdrawal_leaves_the_order_to_a_promotion() -> None:
    product = three()
    product.change("withdraw", "1.2.0", order_back=True)
    planned = product.change("undo", "1.2.0")
    assert product.ordered() == ["1.2.0"]
    assert planned.notes[0] == (
        "d1: devices that run 1.2.0 still go back to 1.1.0 on stable, until it is promoted there."
    )
    product.change("promote", "1.2.0", "stable")
    product.change("rollback", None, "stable")
    assert product.ordered() == ["1.2.0"]


def test_only_the_board_of_an_order_keeps_it() -> None:
    product = Product().put("1.0.0", D1, D2).put("1.1.0", D1, D2)
    product.change("rollback", None, "stable", ["d2"])
    product.put("1.1.1", D1, D2)
    product.change("withdraw", "1.1.1", None, ["d2"])
    assert (product.at(), product.ordered()) == ("1.1.1", [])
    assert (product.at(place=D2), product.ordered(place=D2)) == ("1.0.0", ["1.1.0"])


def test_a_filesystem_keeps_its_order_too() -> None:
    product = rolled_back(D1, D1_FS).put("1.1.1", D1, D1_FS)
    product.change("withdraw", "1.1.1")
    assert product.ordered() == product.ordered(place=D1_FS) == ["1.1.0"]


def test_a_withdrawal_orders_the_devices_of_a_release_that_the_channel_has_left() -> None:
    product = three()
    product.change("withdraw", "1.2.0")
    planned = product.change("withdraw", "1.2.0", order_back=True)
    assert (product.at(), product.ordered()) == ("1.1.0", ["1.2.0"])
    assert planned.ordered_back == {D1: (v("1.2.0"),)}
    assert planned.change is not None
    assert product.plan("withdraw", "1.2.0", order_back=True).change is None


def test_an_order_that_orders_nobody_yet_counts_when_the_channel_goes_further_back() -> None:
    product = three()
    planned = product.change("withdraw", "1.1.0", order_back=True)
    assert (product.at(), product.ordered(), planned.ordered_back) == ("1.2.0", [], {})
    product.change("withdraw", "1.2.0")
    assert (product.at(), product.ordered()) == ("1.0.0", ["1.1.0"])


def test_a_release_that_forbids_going_back_ends_no_order_for_ever() -> None:
    product = rolled_back()
    product.put("1.0.5", channel="beta", no_downgrade_below="1.0.5")
    # Whoever runs 1.1.0 may have what 1.0.5 has.
    assert product.ordered() == []
    product.put("1.0.6")
    assert product.ordered() == ["1.1.0"]


def test_an_esp32_is_not_ordered_to_a_lower_secure_version_by_a_publish() -> None:
    product = Product()
    product.put("1.0.0", C3, secure_version=1).put("1.1.0", C3, secure_version=1)
    product.change("rollback", None, "stable")
    assert product.ordered(place=C3) == ["1.1.0"]
    product.put("1.0.1", C3, secure_version=0)
    assert product.ordered(place=C3) == []
    product.put("1.0.2", C3, secure_version=1)
    assert product.ordered(place=C3) == ["1.1.0"]


def test_a_manifest_that_cannot_be_read_orders_nobody_and_ends_no_order() -> None:
    product = rolled_back().put("1.1.1")
    product.complete = False
    product.change("withdraw", "1.1.1")
    assert (product.at(), product.ordered()) == ("1.0.0", [])
    product.complete = True
    product.put("1.0.1")
    assert product.ordered() == ["1.1.0"]


def test_after_a_withdrawal_that_orders_back_a_rollback_goes_further() -> None:
    product = three()
    product.change("withdraw", "1.2.0", order_back=True)
    product.change("rollback", None, "stable")
    assert (product.at(), product.ordered()) == ("1.0.0", ["1.2.0", "1.1.0"])


def test_an_order_says_that_devices_of_an_unsigned_release_are_not_recognised() -> None:
    product = three()
    product.unsigned.add("1.2.0")
    planned = product.change("rollback", None, "stable")
    assert (product.at(), product.ordered()) == ("1.1.0", ["1.2.0"])
    assert planned.notes == (
        "d1: devices that run 1.2.0 go back once a key that the product trusts has signed it "
        "(acpublish key resign); until then, they are not recognised.",
    )


def test_what_was_withdrawn_and_deleted_is_all_that_a_rollback_takes_back() -> None:
    product = three()
    product.change("withdraw", "1.2.0")
    product.change("delete", "1.2.0")
    product.change("rollback", None, "stable")
    assert (product.at(), product.ordered()) == ("1.1.0", ["1.2.0"])


def test_a_withdrawal_that_is_undone_and_made_again_is_like_the_first() -> None:
    product = three()
    product.change("withdraw", "1.2.0")
    product.change("undo", "1.2.0")
    product.change("withdraw", "1.2.0")
    product.change("rollback", None, "stable")
    assert (product.at(), product.ordered()) == ("1.1.0", ["1.2.0"])


def test_after_a_withdrawal_that_was_undone_a_rollback_goes_further() -> None:
    product = three()
    product.change("withdraw", "1.2.0")
    product.change("undo", "1.2.0")
    product.change("rollback", None, "stable")
    assert (product.at(), product.ordered()) == ("1.0.0", ["1.2.0", "1.1.0"])


def test_after_a_withdrawal_that_moved_the_channel_up_a_rollback_goes_further() -> None:
    product = Product().put("1.0.0").put("1.2.0").put("1.1.0")
    product.change("withdraw", "1.1.0")
    assert product.at() == "1.2.0"
    product.change("rollback", None, "stable")
    assert (product.at(), product.ordered()) == ("1.0.0", ["1.2.0", "1.1.0"])


@pytest.mark.parametrize(
    ("below", "forbidden"), [("1.0.0", False), ("1.0.5", True), ("1.1.0", True)]
)
def test_the_limit_counts_for_what_ran_the_release_or_a_later_one(
    below: str, forbidden: bool
) -> None:
    product = Product().put("1.0.0").put("1.1.0", no_downgrade_below=below).put("1.2.0")
    assert bool(forbids_return(product.releases, D1, v("1.2.0"), v("1.0.0"))) is forbidden
    assert bool(forbids_return(product.releases, D1, v("1.1.0"), v("1.0.0"))) is forbidden
    assert not forbids_return(product.releases, D1, v("1.2.0"), v("1.1.0"))


@pytest.mark.parametrize(
    ("lower", "higher", "words"),
    [
        (1, 1, ""),
        (2, 1, ""),
        (0, 1, "its secure version 0 is lower than 1, that of 1.1.0"),
        (None, 1, "the secure version of one of the two is not known"),
        (1, None, "the secure version of one of the two is not known"),
    ],
)
def test_an_esp32_never_goes_to_a_lower_secure_version(
    lower: int | None, higher: int | None, words: str
) -> None:
    product = Product().put("1.0.0", C3, secure_version=lower)
    product.put("1.1.0", C3, secure_version=higher)
    assert forbids_return(product.releases, C3, v("1.1.0"), v("1.0.0")) == words
    product.change("rollback", None, "stable")
    assert product.ordered(place=C3) == ([] if words else ["1.1.0"])


def test_an_image_that_a_manifest_lost_forbids() -> None:
    product = three()
    product.manifests["1.2.0"] = replace(product.manifests["1.2.0"], images=())
    assert "no image" in forbids_return(product.releases, D1, v("1.2.0"), v("1.1.0"))
