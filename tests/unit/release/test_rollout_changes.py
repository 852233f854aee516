from __future__ import annotations

import pytest

from acpublish.errors import ConflictError, NotFoundError
from tests.unit.release.publishing import D1, D2, POLICY, Product, staged, three, v

OTHER = {"stages": ["50%", "100%"]}


def test_a_policy_is_set_replaced_and_taken_away() -> None:
    product = three()
    first = product.roll("policy", policy=POLICY)
    assert first.change is not None
    assert (first.change.action, first.change.channel, first.notes) == ("policy", "stable", ())
    assert first.change.policy == POLICY
    assert product.roll("policy", policy=POLICY).change is None
    product.roll("policy", policy=OTHER)
    assert product.channels.policies == {"stable": OTHER}
    cleared = product.roll("policy")
    assert cleared.change is not None
    assert cleared.change.policy == {}
    assert product.channels.policies == {}
    assert product.roll("policy").change is None


def test_a_policy_for_a_new_channel_names_those_that_there_are() -> None:
    planned = three().roll("policy", channel="stabel", policy=POLICY)
    assert planned.notes == ("stabel is a new channel; those so far are: stable.",)


def test_a_rollout_is_started_with_a_policy_of_its_own() -> None:
    product = staged().put("1.3.0", channel="beta")
    planned = product.roll("start", "1.3.0", policy=OTHER, offers_from=5, why="now")
    entry = product.channels.rolling["stable"][D1]
    assert (entry.policy, entry.offers_from, entry.author.why) == (OTHER, 5, "now")
    assert planned.change is not None
    assert (planned.change.action, planned.change.rolling) == ("start", (D1,))
    # The same again is not a change.
    assert product.roll("start", "1.3.0", policy=OTHER).change is None


def test_a_halted_rollout_starts_again_only_by_a_person() -> None:
    product = staged()
    product.roll("halt", "1.2.0", why="two failed")
    assert product.change("promote", "1.2.0", "stable").change is None
    planned = product.roll("start", "1.2.0", policy=OTHER)
    entry = product.channels.rolling["stable"][D1]
    assert (entry.halted, entry.rollout, entry.policy) == ("", 6, OTHER)
    assert planned.change is not None
    assert planned.change.rolling == (D1,)


def test_what_may_not_be_promoted_is_not_started() -> None:
    product = three().put("1.3.0", channel="beta")
    with pytest.raises(ConflictError, match=r"1\.1\.0 is lower than 1\.2\.0"):
        product.roll("start", "1.1.0", policy=POLICY)
    product.unsigned = {"1.3.0"}
    with pytest.raises(ConflictError, match="is not signed with a key"):
        product.roll("start", "1.3.0", policy=POLICY)
    with pytest.raises(NotFoundError, match=r"there is no release 9\.9\.9"):
        product.roll("start", "9.9.9", policy=POLICY)


def test_what_is_complete_is_what_the_channel_points_at() -> None:
    product = staged(D1, D2)
    planned = product.roll("settle", "1.2.0")
    assert planned.change is not None
    moves = [(str(move.before), str(move.after)) for move in planned.change.moves]
    assert (planned.change.action, moves) == ("settle", [("1.1.0", "1.2.0")] * 2)
    assert (product.at(), product.at(place=D2), product.rolling()) == ("1.2.0", "1.2.0", {})
    assert product.channels.unsettled() == set()
    # The channel's next rollback is an ordinary one.
    product.change("rollback", None, "stable")
    assert (product.at(), product.ordered()) == ("1.1.0", ["1.2.0"])


def test_orders_stay_while_something_is_on_its_way_and_after() -> None:
    product = staged()
    product.change("rollback", None, "stable")
    product.put("1.3.0")
    assert product.ordered() == ["1.2.0"]
    product.roll("settle", "1.3.0")
    assert product.ordered() == []
    product.put("1.4.0")
    product.change("rollback", None, "stable")
    product.change("rollback", None, "stable")
    assert (product.at(), product.ordered()) == ("1.1.0", ["1.4.0", "1.3.0", "1.2.0"])


def test_a_halted_rollout_stays_and_does_not_become_complete() -> None:
    product = staged()
    planned = product.roll("halt", "1.2.0", why="two failed")
    assert planned.change is not None
    assert (planned.change.action, planned.change.author.why) == ("halt", "two failed")
    assert product.channels.rolling["stable"][D1].halted == "two failed"
    for action in ("halt", "settle"):
        assert product.roll(action, "1.2.0", why="again").change is None
    product.roll("abort", "1.2.0")
    assert product.rolling() == {}


def test_a_long_reason_is_cut() -> None:
    product = staged()
    product.roll("halt", "1.2.0", why="x" * 10_000)
    assert product.channels.rolling["stable"][D1].halted == "x" * 500


@pytest.mark.parametrize("action", ["settle", "halt", "abort"])
def test_a_decision_on_another_rollout_changes_nothing(action: str) -> None:
    product = staged()
    started = product.channels.rolling["stable"][D1].rollout
    product.roll("abort", "1.2.0")
    product.change("promote", "1.2.0", "stable")
    before = product.channels
    for version, rollout in (("1.2.0", started), ("1.3.0", None), ("1.1.0", None)):
        planned = product.roll(action, version, rollout=rollout)  # type: ignore[arg-type]
        assert planned.change is None
    assert product.channels == before
    again = product.channels.rolling["stable"][D1].rollout
    assert product.roll(action, "1.2.0", rollout=again).change is not None  # type: ignore[arg-type]


def test_a_release_that_comes_back_is_the_one_that_it_was() -> None:
    product = staged()
    product.roll("abort", "1.2.0")
    product.put("1.2.0", D2)
    product.change("promote", "1.2.0", "stable")
    product.roll("settle", "1.2.0")
    assert (product.at(), product.at(place=D2)) == ("1.2.0", "1.2.0")
    assert product.channels.images[v("1.2.0")] == {D1, D2}
    assert isinstance(product, Product)
