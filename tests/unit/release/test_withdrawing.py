from __future__ import annotations

import pytest

from acpublish.errors import ConflictError
from tests.unit.release.publishing import D1, D1_FS, D2, three, three_without_the_middle, v


def test_a_withdrawal_moves_channels_back_and_orders_nobody() -> None:
    product = three()
    product.change("promote", "1.2.0", "beta")
    planned = product.change("withdraw", "1.2.0")
    assert (product.at(), product.at("beta"), product.ordered()) == ("1.1.0", None, [])
    assert planned.notes == ("beta points at nothing for d1 now.",)
    assert planned.ordered_back == {}
    assert product.plan("withdraw", "1.2.0").change is None


def test_a_withdrawn_release_is_skipped_by_a_later_rollback() -> None:
    product = three()
    product.change("withdraw", "1.1.0")
    assert product.at() == "1.2.0"
    product.change("rollback", None, "stable")
    assert product.at() == "1.0.0"
    with pytest.raises(ConflictError, match=r"1\.1\.0 is higher"):
        product.plan("rollback", "1.1.0", "stable")
    with pytest.raises(ConflictError, match=r"1\.1\.0 was withdrawn: test"):
        three_without_the_middle().plan("rollback", "1.1.0", "stable")


def test_a_withdrawal_that_orders_back() -> None:
    product = three(D1, D1_FS)
    planned = product.change("withdraw", "1.2.0", order_back=True)
    assert product.ordered() == product.ordered(place=D1_FS) == ["1.2.0"]
    assert planned.ordered_back == {D1: (v("1.2.0"),), D1_FS: (v("1.2.0"),)}
    # The second takes the devices of the first along.
    product.change("withdraw", "1.1.0", order_back=True)
    assert product.ordered() == ["1.2.0", "1.1.0"]


def test_a_deletion_frees_the_bytes_and_is_final() -> None:
    product = three()
    planned = product.change("delete", "1.2.0")
    assert product.at() == "1.1.0"
    assert planned.freed == {(v("1.2.0"), D1): 1000}
    assert product.plan("delete", "1.2.0").change is None
    assert product.plan("withdraw", "1.2.0").change is None


def test_an_undo_moves_no_channel_and_a_promotion_does() -> None:
    product = three()
    product.change("withdraw", "1.2.0")
    planned = product.change("undo", "1.2.0")
    assert product.at() == "1.1.0"
    assert "acpublish promote lamp 1.2.0 --channel CHANNEL" in planned.notes[0]
    assert product.plan("undo", "1.2.0").change is None
    product.change("promote", "1.2.0", "stable")
    assert product.at() == "1.2.0"


def test_an_undo_is_for_the_named_boards_and_not_for_what_is_gone() -> None:
    product = three(D1, D2)
    product.change("withdraw", "1.2.0")
    product.change("undo", "1.2.0", None, ["d2"])
    assert {place for _, place in product.channels.marks} == {D1}
    product.change("delete", "1.2.0")
    with pytest.raises(ConflictError, match="was deleted, and its bytes are gone"):
        product.plan("undo", "1.2.0")
