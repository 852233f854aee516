from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from acpublish.fleet.progress import Outcome, Part
from acpublish.fleet.rollout import aborted, halted, joined, ordered_back, superseded
from acpublish.store.rollout_rows import is_over
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


def test_it_is_noted_since_when_a_rollout_is_over(tmp_path: Path) -> None:
    made = live(on_halt="order-back")
    with opened(tmp_path) as store:
        store.keep_rollout(made).result(5)
        assert read(tmp_path).ended == {}
        made.rollout = halted(made.rollout, "3 devices failed", moment(2))
        store.keep_rollout(made).result(5)
        assert read(tmp_path).ended == {}
        made.rollout = superseded(made.rollout, "1.2.0")
        before = time.time()
        store.keep_rollout(made).result(5)
    with opened(tmp_path) as store:
        (ended,) = store.load().ended.values()
        assert before <= ended <= time.time()
        # What is kept again did not end again.
        store.keep_rollout(made).result(5)
        assert read(tmp_path).ended == {"r1": ended}


def test_an_aborted_rollout_is_over_unless_it_orders_devices_back() -> None:
    ended = aborted(live().rollout, "a person's order")
    assert is_over(ended)
    assert not is_over(ordered_back(ended, moment(3), at_once=False))
    assert not is_over(live().rollout)
