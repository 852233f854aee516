"""The states of a rollout, and who may change them to what."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from acpublish.errors import ConflictError
from acpublish.fleet.rollout import (
    NETWORK_AWAY,
    OPEN,
    Rollout,
    State,
    Track,
    WayBack,
    aborted,
    advanced,
    halted,
    joined,
    left,
    moved,
    network_away,
    ordered_back,
    paused,
    resumed,
    superseded,
)
from tests.unit.fleet.making import changed, live, moment

FIRST = live("1,50%,100%").rollout
NOW = moment(5)


def in_state(state: State) -> Rollout:
    way_back = WayBack(0, 0.0) if state == "aborted" else None
    return changed(FIRST, state=state, reason="because", way_back=way_back)


CHANGES: dict[str, tuple[Callable[[Rollout], Rollout], set[State]]] = {
    "pause": (lambda rollout: paused(rollout, "why"), set(OPEN)),
    "resume": (lambda rollout: resumed(rollout, NOW), {"paused"}),
    "advance": (lambda rollout: advanced(rollout, NOW), {"running", "waiting"}),
    "abort": (lambda rollout: aborted(rollout, "why"), {*OPEN, "halted"}),
    "supersede": (lambda rollout: superseded(rollout, "3.0.0"), {*OPEN, "halted", "aborted"}),
    "join": (lambda rollout: joined(rollout, ["c3"], NOW), set(OPEN)),
    "order back": (
        lambda rollout: ordered_back(rollout, NOW, at_once=True),
        {"halted", "aborted"},
    ),
}


@pytest.mark.parametrize(
    "state", ["running", "waiting", "paused", "halted", "complete", "aborted", "superseded"]
)
@pytest.mark.parametrize("name", CHANGES)
def test_each_change_is_for_certain_states_only(name: str, state: State) -> None:
    change, states = CHANGES[name]
    if state in states:
        assert change(in_state(state)) != in_state(state)
        return
    with pytest.raises(ConflictError, match=f"is {state} .because. and") as caught:
        change(in_state(state))
    assert caught.value.hint
    if name == "advance":
        assert ("Resume it first." in caught.value.hint) == (state == "paused")


def test_it_advances_to_its_end() -> None:
    second = advanced(FIRST, NOW)
    assert (second.stage, second.stage_heard, second.state) == (1, NOW.heard, "running")
    last = advanced(advanced(second, NOW), NOW)
    assert (last.state, last.stage, last.is_open) == ("complete", 2, False)


def test_it_does_not_advance_before_its_start_time() -> None:
    rollout = changed(FIRST, offers_from=NOW.at + 1)
    with pytest.raises(ConflictError, match=r"offers nothing before .* cannot advance") as caught:
        advanced(rollout, NOW)
    assert "rollout abort r1" in caught.value.hint
    with pytest.raises(
        ConflictError, match="offers nothing before 100000000000000000000 seconds since 1970"
    ):
        advanced(changed(FIRST, offers_from=10**20), NOW)
    assert advanced(changed(FIRST, offers_from=NOW.at), NOW).stage == 1


def test_a_pause_ends_with_a_person_and_silence_starts_anew() -> None:
    rollout = paused(FIRST, "lunch")
    assert (rollout.state, rollout.reason) == ("paused", "lunch")
    assert network_away(rollout) == rollout
    after = resumed(rollout, NOW)
    assert (after.state, after.reason, after.silence_from) == ("running", "", NOW.heard)
    away = network_away(FIRST)
    assert (away.state, away.reason, away.away) == ("paused", NETWORK_AWAY, True)
    assert not paused(away, "lunch").away


def test_a_further_board_begins_at_the_first_stage() -> None:
    rollout = joined(advanced(FIRST, NOW), ["d1", "c3", "s3"], moment(6))
    assert rollout.tracks == (
        Track(("d1",), 1, NOW.heard),
        Track(("c3", "s3"), 0, moment(6).heard),
    )
    assert (rollout.stage, rollout.id) == (0, FIRST.id)
    assert rollout.boards == {"d1", "c3", "s3"}
    assert joined(rollout, ["d1"], NOW) is rollout
    # And they may leave again.
    assert left(rollout, ["c3"]).boards == {"d1", "s3"}
    assert left(rollout, ["c3", "s3"]).tracks == advanced(FIRST, NOW).tracks
    assert left(rollout, ["other"]) is rollout
    second = rollout.track_of("c3")
    assert second is not None
    assert rollout.track_of("else") is None
    # The one that is least far advances, and the rollout ends with the last of them.
    for _ in range(3):
        rollout = advanced(rollout, NOW)
    assert rollout.state == "running"
    assert sorted((track.stage, track.done) for track in rollout.tracks) == [(2, False), (2, False)]
    for track in rollout.tracks:
        rollout = moved(rollout, track, NOW)
    assert rollout.state == "complete"


def test_a_halt_orders_back_if_the_policy_says_so() -> None:
    assert halted(FIRST, "3 failed", NOW).way_back is None
    policy = {"on_halt": "order-back"}
    stepwise = halted(live("1,50%,100%", **policy).rollout, "3 failed", NOW)
    assert stepwise.way_back == WayBack(0, NOW.heard)
    at_once = halted(live("1,50%,100%", at_once=True, **policy).rollout, "3 failed", NOW)
    assert at_once.way_back == WayBack(2, NOW.heard)
    assert halted(at_once, "again", moment(9)) is at_once
    assert superseded(at_once, "3.0.0").way_back is None
    gone = ordered_back(aborted(FIRST, "why"), NOW, at_once=True)
    assert superseded(gone, "3.0.0") == aborted(FIRST, "why")


@pytest.mark.parametrize(
    "rollout",
    [
        FIRST,
        joined(advanced(FIRST, NOW), ["c3", "s3"], moment(6)),
        halted(live("1,50%", on_halt="order-back", window="02:00-05:00").rollout, "3", NOW),
    ],
)
def test_it_survives_its_document(rollout: Rollout) -> None:
    assert Rollout.from_dict(json.loads(json.dumps(rollout.to_dict()))) == rollout


def test_it_reads_well() -> None:
    assert str(FIRST) == "the rollout r1 of lamp 2.0.0 to stable"
