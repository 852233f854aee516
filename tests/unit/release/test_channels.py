from __future__ import annotations

from dataclasses import replace

from acpublish.release.channels import Channels, Mark, Place
from tests.unit.release.making import release
from tests.unit.release.publishing import D1, D1_FS, WHO, three, v


def test_a_place_is_named_by_its_board_and_a_filesystem_says_so() -> None:
    assert (str(D1), str(D1_FS)) == ("d1", "d1 (filesystem)")


def test_a_channel_points_at_the_last_that_was_not_taken_back() -> None:
    channels = three().channels
    assert [str(one.version) for one in channels.live("stable", D1)] == ["1.0.0", "1.1.0", "1.2.0"]
    channels = channels.taken_back("stable", D1, {v("1.2.0")})
    current = channels.current("stable", D1)
    assert current is not None
    assert current.version == v("1.1.0")
    assert channels.current("beta", D1) is None
    assert channels.current("stable", D1_FS) is None


def test_pushing_a_release_again_moves_it_to_the_end_and_it_is_no_longer_taken_back() -> None:
    channels = three().channels.taken_back("stable", D1, {v("1.1.0"), v("1.2.0")})
    channels = channels.ordering("stable", D1, (v("1.1.0"), v("1.2.0")))
    channels = channels.pushed("stable", D1, v("1.1.0"), WHO)
    entries = channels.pointers["stable"][D1]
    assert [(str(one.version), one.taken_back) for one in entries] == [
        ("1.0.0", False),
        ("1.2.0", True),
        ("1.1.0", False),
    ]
    # Its own devices are no longer to leave it.
    assert [entry.orders for entry in entries] == [(), (), (v("1.2.0"),)]
    assert entries[-1].serial == channels.serial + 1


def test_taking_back_what_was_never_there_changes_nothing() -> None:
    channels = three().channels
    assert channels.taken_back("stable", D1, {v("9.0.0")}) is channels
    assert channels.taken_back("beta", D1, {v("1.0.0")}) is channels
    assert channels.without(D1, v("9.0.0")) is channels


def test_an_image_without_pointers_is_on_no_channel() -> None:
    product = three().put("1.3.0", channel="beta")
    channels = product.channels.without(D1, v("1.2.0"))
    (image,) = next(
        one for one in channels.applied(product.releases) if one.version == v("1.2.0")
    ).images
    assert (image.channels, image.left_channels) == ({}, ())


def test_releases_get_channels_orders_and_marks_from_the_document() -> None:
    product = three()
    product.change("rollback", None, "stable")
    product.change("withdraw", "1.0.0", why="too old")
    images = {str(one.version): one.images[0] for one in product.releases}
    assert images["1.2.0"].channels == {}
    assert images["1.2.0"].left_channels == ("stable",)
    assert images["1.1.0"].channels == {"stable": 4}
    assert images["1.1.0"].ordered_back == {"stable": ("1.2.0",)}
    assert (images["1.0.0"].withdrawn, images["1.0.0"].withdrawn_reason) == ("withdrawn", "too old")


def test_an_image_whose_publish_is_not_complete_is_left_out() -> None:
    product = three()
    half = release("1.3.0", channels={})
    product.manifests["1.3.0"] = half
    assert "1.3.0" not in {str(one.version) for one in product.releases}
    both = product.manifests["1.2.0"].with_image(release("1.2.0", board="d2").images[0])
    product.manifests["1.2.0"] = both
    (newest,) = (one for one in product.releases if one.version == v("1.2.0"))
    assert [image.board for image in newest.images] == ["d1"]


def test_marks_are_for_one_image() -> None:
    channels = three(D1, D1_FS).channels.marked(
        v("1.2.0"), [D1_FS], Mark(state="withdrawn", serial=9, author=WHO)
    )
    assert set(channels.marks) == {(v("1.2.0"), D1_FS)}
    assert replace(channels, marks={}) == three(D1, D1_FS).channels


def test_an_empty_document_has_nothing() -> None:
    assert Channels().places("stable") == ()
    assert Channels().applied([release("1.0.0")]) == ()
    assert Channels().current("stable", Place("d1", "firmware")) is None
