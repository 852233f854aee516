from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from acpublish.fleet.policy import Policy
from acpublish.fleet.progress import Outcome, Part
from acpublish.fleet.rollout import halted, joined
from acpublish.store.stored import read, read_live
from tests.unit.fleet.making import live, moment
from tests.unit.store.making import full_live, full_part, opened


def test_a_rollout_comes_back_with_all_that_counts(tmp_path: Path) -> None:
    before = full_live()
    with opened(tmp_path) as store:
        store.keep_rollout(before)
        for key, part in before.progress.parts():
            store.note_part(before.rollout.id, key, part)
    (after,) = read(tmp_path).lives
    assert after.rollout == before.rollout
    assert dict(after.progress.parts()) == dict(before.progress.parts())
    assert (after.progress.chosen, after.progress.added) == (
        before.progress.chosen,
        before.progress.added,
    )
    assert after.progress.in_all == before.progress.in_all


@pytest.mark.parametrize("outcome", Outcome)
def test_each_outcome_comes_back(outcome: Outcome, tmp_path: Path) -> None:
    made = live()
    parts = {"lamp/a": full_part(outcome=outcome), "lamp/b": Part("d1", 0, 0.0)}
    with opened(tmp_path) as store:
        store.keep_rollout(made)
        for key, part in parts.items():
            store.note_part(made.rollout.id, key, part)
    assert dict(read(tmp_path).lives[0].progress.parts()) == parts


def test_the_last_state_counts_and_one_that_has_ended_is_read_when_somebody_asks(
    tmp_path: Path,
) -> None:
    made = live(on_halt="order-back")
    made.rollout = joined(made.rollout, ["d2"], moment(1))
    with opened(tmp_path) as store:
        store.keep_rollout(made)
        store.note_part("r1", "lamp/a", full_part())
        made.rollout = halted(made.rollout, "3 devices failed", moment(2))
        store.keep_rollout(made).result(5)
        assert read(tmp_path).lives[0].rollout == made.rollout
        made.rollout = replace(made.rollout, state="superseded", way_back=None)
        store.keep_rollout(made)
    stored = read(tmp_path)
    assert (stored.rollouts, stored.lives) == ([made.rollout], [])
    assert dict(read_live(tmp_path, made.rollout).progress.parts()) == {"lamp/a": full_part()}


def test_policies_are_put_replaced_and_removed(tmp_path: Path) -> None:
    first, second = Policy.parse("1,100%"), Policy.parse("tag:a,50%,100%", window="02:00-05:00")
    with opened(tmp_path) as store:
        store.keep_policy("lamp", "stable", first).result(5)
        store.keep_policy("lamp", "beta", first).result(5)
        store.keep_policy("lamp", "stable", second).result(5)
        store.keep_policy("lamp", "beta", None).result(5)
        assert read(tmp_path).policies == {("lamp", "stable"): second}
