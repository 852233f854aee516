from __future__ import annotations

import json

import pytest

from acpublish.errors import ConflictError, ManifestError, SettingsError
from acpublish.release import channel_document
from acpublish.release.rolling import MAX_POLICY_BYTES, need_policy
from tests.unit.release.publishing import D1, D1_FS, D2, POLICY, Product, staged, v


def image(product: Product, version: str) -> tuple[dict[str, int], dict[str, int], tuple[str, ...]]:
    """Where an image is: the channels that point at it, are about to, and have left it."""
    (entry,) = [release for release in product.releases if release.version == v(version)]
    found = entry.image_for(*D1)
    assert found is not None
    return dict(found.channels), dict(found.rolling), found.left_channels


def test_a_publish_to_a_channel_with_a_policy_leaves_the_channel_where_it_is() -> None:
    product = staged()
    assert (product.at(), product.rolling()) == ("1.1.0", {D1: "1.2.0"})
    assert image(product, "1.2.0") == ({}, {"stable": 4}, ())
    entry = product.channels.rolling["stable"][D1]
    assert (entry.serial, entry.rollout, entry.policy, entry.halted) == (4, 4, POLICY, "")
    line = product.channels.history[-1]
    assert (line.action, line.moves, line.rolling) == ("publish", (), (D1,))


def test_further_boards_of_the_same_version_join() -> None:
    product = staged()
    product.put("1.2.0", D1_FS).put("1.2.0", D2)
    entries = product.channels.rolling["stable"]
    assert {place: entry.rollout for place, entry in entries.items()} == {D1: 4, D1_FS: 4, D2: 4}
    assert entries[D2].serial == 6
    # They join what was halted, too: nothing more of that is offered.
    product.roll("halt", "1.2.0", why="two failed")
    product.put("1.2.0", D2._replace(board="d3"))
    assert {entry.halted for entry in product.channels.rolling["stable"].values()} == {"two failed"}


def test_a_policy_that_changes_or_goes_leaves_what_is_on_its_way() -> None:
    product = staged()
    planned = product.roll("policy")
    assert planned.notes == ("1.2.0, which is on its way to stable, keeps its own policy.",)
    product.put("1.2.0", D2)
    assert product.rolling() == {D1: "1.2.0", D2: "1.2.0"}
    assert product.channels.rolling["stable"][D2].policy == POLICY


def test_another_version_supersedes_it_on_all_boards() -> None:
    product = staged(D1, D2)
    product.put("1.3.0", D1)
    assert (product.at(), product.rolling()) == ("1.1.0", {D1: "1.3.0"})
    assert product.at(place=D2) == "1.1.0"
    assert image(product, "1.2.0") == ({}, {}, ("stable",))
    # Nobody has an order, and a rollback of the new one also reaches who took the old one.
    assert product.ordered() == []
    product.change("rollback", None, "stable")
    assert (product.at(), product.ordered()) == ("1.1.0", ["1.3.0", "1.2.0"])


def test_without_a_policy_a_publish_reaches_everybody_and_ends_what_is_on_its_way() -> None:
    product = staged()
    product.roll("policy")
    product.put("1.3.0")
    assert (product.at(), product.rolling()) == ("1.3.0", {})
    assert product.channels.unsettled() == {(v("1.2.0"), D1)}


def test_a_promotion_goes_in_stages_as_well_and_says_so() -> None:
    product = staged().put("1.3.0", channel="beta")
    planned = product.change("promote", "1.3.0", "stable")
    assert planned.notes == (
        "The rollout of 1.2.0 to stable ends: 1.3.0 supersedes it.",
        "1.3.0 goes to stable in stages, and a server makes the rollout. stable stays where it is "
        "until it is complete.",
    )
    assert image(product, "1.3.0") == ({"beta": 5}, {"stable": 6}, ())
    assert product.change("promote", "1.3.0", "stable").change is None


def test_a_promotion_to_less_than_what_is_on_its_way_is_refused() -> None:
    product = staged().put("1.1.5", channel="beta")
    with pytest.raises(ConflictError, match=r"1\.1\.5 is lower than 1\.2\.0, which is on its way"):
        product.plan("promote", "1.1.5", "stable")
    # What the channel points at already changes nothing.
    assert product.plan("promote", "1.1.0", "stable").change is None


def test_what_the_channel_effectively_offers_is_not_sent_in_stages() -> None:
    product = Product().put("1.0.0").put("1.1.0")
    product.roll("policy", policy=POLICY)
    product.unsigned = {"1.1.0"}
    product.change("promote", "1.0.0", "stable")
    assert (product.at(), product.rolling()) == ("1.0.0", {})


@pytest.mark.parametrize("version", [None, "1.1.0"])
def test_a_rollback_ends_it_and_orders_its_devices_back(version: str | None) -> None:
    product = staged()
    planned = product.change("rollback", version, "stable")
    assert (product.at(), product.ordered(), product.rolling()) == ("1.1.0", ["1.2.0"], {})
    assert planned.ordered_back == {D1: (v("1.2.0"),)}
    assert planned.notes[0] == "The rollout of 1.2.0 to stable ends for d1."
    assert image(product, "1.2.0") == ({}, {}, ("stable",))
    # A publish of the same bytes does not bring it back, and the next rollback goes further.
    product.change("rollback", None, "stable")
    assert (product.at(), product.ordered()) == ("1.0.0", ["1.2.0", "1.1.0"])


def test_a_rollback_to_less_than_the_settled_release() -> None:
    product = staged()
    product.change("rollback", "1.0.0", "stable")
    assert (product.at(), product.ordered()) == ("1.0.0", ["1.2.0", "1.1.0"])


def test_a_rollback_to_what_is_not_lower_ends_nothing() -> None:
    product = staged()
    for version in ("1.2.0", "1.3.0"):
        product.put("1.3.0", channel="beta")
        with pytest.raises(ConflictError, match="is higher, which takes 'acpublish promote'"):
            product.plan("rollback", version, "stable")


def test_a_rollback_leaves_the_boards_alone_that_the_rollout_does_not_reach() -> None:
    product = Product().put("1.0.0", D1, D1_FS, D2).put("1.1.0", D1, D1_FS, D2)
    product.roll("policy", policy=POLICY)
    product.put("1.2.0", D1)
    product.change("rollback", None, "stable")
    assert [product.at(place=place) for place in (D1, D1_FS, D2)] == ["1.1.0"] * 3
    assert product.ordered() == ["1.2.0"]


def test_a_rollback_of_one_board_leaves_the_rollout_of_the_others() -> None:
    product = staged(D1, D1_FS, D2)
    product.change("rollback", None, "stable", ["d1"])
    assert product.rolling() == {D2: "1.2.0"}
    assert product.ordered() == product.ordered(place=D1_FS) == ["1.2.0"]


def test_a_rollback_of_devices_that_must_not_go_back_still_ends_the_rollout() -> None:
    product = Product().put("1.0.0", D1, D1_FS).put("1.1.0", D1, D1_FS)
    product.roll("policy", policy=POLICY)
    product.put("1.2.0", D1, D1_FS, no_downgrade_below="1.2.0")
    planned = product.change("rollback", None, "stable")
    assert (product.at(), product.ordered(), product.rolling()) == ("1.1.0", [], {})
    assert planned.change is not None
    assert planned.change.moves == ()
    forbidden = "devices that run 1.2.0 stay there: 1.2.0 forbids going back below 1.2.0"
    assert f"d1 stays at 1.1.0: {forbidden}." in planned.notes
    assert "d1 (filesystem) stays at 1.1.0: its firmware stays." in planned.notes


def test_a_rollback_where_nothing_is_settled() -> None:
    product = Product().put("1.0.0", D2)
    product.roll("policy", policy=POLICY)
    product.put("1.0.0", D1)
    planned = product.change("rollback", None, "stable")
    assert (product.at(), product.rolling()) == (None, {})
    assert planned.notes[-1] == "d1 stays at nothing: it pointed at nothing."
    product.put("1.1.0", D1)
    assert product.rolling() == {D1: "1.1.0"}


@pytest.mark.parametrize("action", ["withdraw", "delete"])
def test_what_is_taken_back_is_no_longer_on_its_way(action: str) -> None:
    product = staged()
    planned = product.change(action, "1.2.0")  # type: ignore[arg-type]
    assert (product.at(), product.rolling(), product.ordered()) == ("1.1.0", {}, [])
    assert "The rollout of 1.2.0 to stable ends for d1." in planned.notes
    # The channel has not moved, so a rollback only orders devices back.
    product.change("rollback", None, "stable")
    assert (product.at(), product.ordered()) == ("1.1.0", ["1.2.0"])


def test_a_withdrawal_orders_back_who_took_it() -> None:
    product = staged()
    planned = product.change("withdraw", "1.2.0", order_back=True)
    assert (product.at(), product.ordered()) == ("1.1.0", ["1.2.0"])
    assert planned.ordered_back == {D1: (v("1.2.0"),)}


def test_a_withdrawal_of_the_settled_release_leaves_the_rollout() -> None:
    product = staged()
    product.change("withdraw", "1.1.0")
    assert (product.at(), product.rolling()) == ("1.0.0", {D1: "1.2.0"})


def test_a_rollback_after_an_abort_moves_nothing_either() -> None:
    product = staged()
    product.roll("abort", "1.2.0", why="wrong one")
    assert (product.at(), product.rolling(), product.ordered()) == ("1.1.0", {}, [])
    product.change("rollback", None, "stable")
    assert (product.at(), product.ordered()) == ("1.1.0", ["1.2.0"])


def test_bytes_on_their_way_are_kept() -> None:
    product = staged()
    for number in range(3, 8):
        product.put(f"1.{number}.0", channel="beta")
    planned = product.plan("retain", keep=1, older_than_s=0)
    freed = {str(version) for version, _ in planned.freed}
    assert freed == {"1.3.0", "1.4.0", "1.5.0"}
    assert product.change("retain", channel="stable", keep=1, older_than_s=0).freed == {}


def test_the_document_is_read_as_it_was_written() -> None:
    product = staged(D1, D1_FS)
    product.put("1.3.0", channel="beta")
    product.roll("start", "1.3.0", policy=POLICY, offers_from=1_800_000_000)
    product.roll("halt", "1.3.0", why="two failed")
    text = channel_document.to_json(product.channels, "lamp")
    assert channel_document.from_json(text, "channels.json", "lamp") == product.channels
    for change, words in (
        ({"policies": {"stable": []}}, "policies contains something other than dict"),
        ({"policies": {"Not a name": {}}}, "policies: the channel name 'Not a name' is invalid"),
        ({"policies": {"stable": {"stages": "1" * MAX_POLICY_BYTES}}}, "policy is too long"),
        ({"rolling": [{"channel": "stable"}]}, r"rolling\[0\]\.version is not of type str"),
    ):
        damaged = json.dumps({**json.loads(text), **change}).encode()
        with pytest.raises(ManifestError, match=words):
            channel_document.from_json(damaged, "channels.json", "lamp")


def test_a_policy_is_bounded() -> None:
    need_policy({"stages": ["1"] * 100})
    with pytest.raises(SettingsError, match="the policy is too long"):
        need_policy({"stages": ["1"] * MAX_POLICY_BYTES})
    with pytest.raises(SettingsError, match="the policy is too long"):
        need_policy({"a": [[[[1]]]]})
