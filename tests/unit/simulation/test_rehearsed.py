from __future__ import annotations

import json

from acpublish.fleet.moments import Moment
from acpublish.fleet.rollout import moved
from acpublish.simulation.rehearsed import Rehearsed, Turn
from tests.unit.fleet.making import live


def test_turns_are_noted_once() -> None:
    result = Rehearsed(profile="p", devices=3, seed=1)
    made = live("1,100%")
    rollout = made.rollout
    for after in (0, 600, 1200):
        result.noted(after, rollout)
    result.noted(1800, moved(rollout, rollout.tracks[0], Moment(0, 0)))
    assert result.turns == [Turn(0, "running", 0, ""), Turn(1800, "running", 1, "")]


def test_it_is_one_document() -> None:
    result = Rehearsed(profile="p", devices=3, seed=1, checks=9, offers=2, downloads=1)
    result.sampled(3600, 1)
    result.conclude(live("1,100%"), ["1.0.0", "2.0.0", "1.0.0"], 7200)
    document = json.loads(json.dumps(result.to_dict()))
    assert document["adoption"] == [{"after_s": 3600, "running": 1}]
    assert document["runs"] == {"1.0.0": 2, "2.0.0": 1}
    assert document["lasted_s"] == 7200
    assert [stage["target"] for stage in document["rollout"]["stages"]] == ["1", "100%"]
    assert document["turns"] == []
