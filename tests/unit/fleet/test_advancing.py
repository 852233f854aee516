"""Stages that end on evidence only, choices by number, silence, and the way back."""

from __future__ import annotations

import pytest

from acpublish.fleet.advancing import (
    Live,
    closed_until,
    evidence_missing,
    look,
    reach,
    survey,
    take_in,
    tick,
)
from acpublish.fleet.known_device import Device, Pin
from acpublish.fleet.moments import DAY_S, HOUR_S
from acpublish.fleet.progress import Outcome, Part
from acpublish.fleet.rollout import NETWORK_AWAY, advanced, halted, joined, paused
from tests.unit.fleet.making import START, changed, device, live, moment, report

RUNNING, OLD, PENDING = Outcome.RUNNING, Outcome.OLD, Outcome.PENDING


def fleet(*numbers: int, seen: float = 0.0, board: str = "d1") -> dict[str, Device]:
    made = (device(number, seen=seen, board=board) for number in numbers)
    return {own.id: own for own in made}


def hear(devices: dict[str, Device], hours: float) -> None:
    for own in devices.values():
        own.last_heard = hours * HOUR_S


def put(rolling: Live, key: str, outcome: Outcome, *, stage: int = 0, board: str = "d1") -> None:
    heard = rolling.rollout.tracks[0].heard
    part = Part(board, stage, heard, 1.0, 2.0, address="10.0.0.1", outcome=outcome, counts=True)
    rolling.progress.put(key, part)


def go_on(rolling: Live, devices: dict[str, Device], hours: float) -> None:
    now = moment(hours)
    survey(rolling, devices.values(), now)
    tick(rolling, devices, now)


def state(rolling: Live) -> tuple[str, int]:
    return rolling.rollout.state, rolling.rollout.stage


def test_a_stage_ends_after_its_soak_with_evidence() -> None:
    rolling, devices = live("2,100%", soak="4h"), fleet(*range(10))
    go_on(rolling, devices, 0)
    first, second = rolling.progress.chosen
    put(rolling, first, RUNNING)
    put(rolling, second, RUNNING)
    hear(devices, 3.9)
    go_on(rolling, devices, 3.9)
    assert state(rolling) == ("running", 0)
    hear(devices, 4)
    go_on(rolling, devices, 4)
    assert state(rolling) == ("running", 1)
    # The next stage has been surveyed before it can end.
    tick(rolling, devices, moment(9))
    assert state(rolling) == ("waiting", 1)
    assert "not counted yet" in rolling.rollout.reason
    hear(devices, 9)
    go_on(rolling, devices, 9)
    assert state(rolling) == ("complete", 1)


def test_it_waits_for_a_board_of_which_nobody_runs_it() -> None:
    rolling = live("1,100%", boards=("c3", "d1"), soak="1h")
    devices = {**fleet(*range(5)), **fleet(*range(10, 15), board="c3")}
    go_on(rolling, devices, 0)
    assert len(rolling.progress.chosen) == 2
    put(
        rolling, next(key for key in rolling.progress.chosen if devices[key].board == "d1"), RUNNING
    )
    hear(devices, 2)
    go_on(rolling, devices, 2)
    assert state(rolling) == ("waiting", 0)
    assert rolling.rollout.reason == "no device of c3 runs 2.0.0 yet"
    key = next(key for key in rolling.progress.chosen if devices[key].board == "c3")
    put(rolling, key, RUNNING, board="c3")
    go_on(rolling, devices, 2)
    assert state(rolling) == ("running", 1)


def test_it_names_those_that_failed() -> None:
    rolling, devices = live("1,100%", soak="1h"), fleet(*range(5))
    go_on(rolling, devices, 0)
    [key] = rolling.progress.chosen
    devices[key].name = "kitchen"
    put(rolling, key, OLD)
    hear(devices, 2)
    go_on(rolling, devices, 2)
    assert state(rolling) == ("waiting", 0)
    assert rolling.rollout.reason == "no device of d1 runs 2.0.0 yet; failed: kitchen"


def test_without_any_device_it_waits() -> None:
    rolling = live("1,100%", soak="0s")
    go_on(rolling, {}, 100)
    assert state(rolling) == ("waiting", 0)
    assert rolling.rollout.reason == "no device runs 2.0.0 yet"


def test_it_names_those_that_were_not_heard_since() -> None:
    rolling, devices = live("10,100%", soak="1h"), fleet(*range(10))
    go_on(rolling, devices, 0)
    keys = list(rolling.progress.chosen)
    for key in keys[:8]:
        put(rolling, key, RUNNING)
    for key in keys[8:]:
        put(rolling, key, PENDING)
    devices[keys[8]].name = "kitchen"
    go_on(rolling, devices, 2)
    assert rolling.rollout.state == "waiting"
    assert rolling.rollout.reason == f"not heard since the download: kitchen, {keys[9]}"
    put(rolling, keys[8], OLD)
    go_on(rolling, devices, 2)
    assert state(rolling) == ("running", 1)


def test_a_stage_that_nobody_of_it_has_asked_in_does_not_end() -> None:
    rolling, devices = live("1,50%,100%", soak="1h"), fleet(*range(20))
    go_on(rolling, devices, 0)
    put(rolling, next(iter(rolling.progress.chosen)), RUNNING)
    hear(devices, 0.9)
    go_on(rolling, devices, 1)
    assert state(rolling) == ("running", 1)
    go_on(rolling, devices, 2)
    assert state(rolling) == ("waiting", 1)
    reason = "no device of d1 that this stage adds has asked since it began"
    assert rolling.rollout.reason == reason
    # One that asks and takes nothing is not waited for: it has had its turn.
    added = next(own for own in devices.values() if reach(rolling, own, "d1") == 1)
    added.last_heard = 2.1 * HOUR_S
    go_on(rolling, devices, 2.2)
    assert state(rolling) == ("running", 2)
    # Nobody waits for those that have left.
    go_on(rolling, devices, 4)
    assert state(rolling) == ("complete", 2)


def test_a_number_is_filled_up_when_somebody_leaves_before_the_offer() -> None:
    rolling, devices = live("2,100%", soak="1h"), fleet(*range(6))
    go_on(rolling, devices, 0)
    first, second = rolling.progress.chosen
    put(rolling, first, PENDING)
    devices[first].pin = Pin("1.0.0")
    devices[second].hold = True
    go_on(rolling, devices, 0)
    assert len(rolling.progress.chosen) == 2
    assert second not in rolling.progress.chosen
    assert first in rolling.progress.chosen
    # One that was not seen for twice its longest gap has left as well.
    third = next(key for key in rolling.progress.chosen if key != first)
    hear(devices, 2.5)
    devices[third].last_heard = 0.0
    go_on(rolling, devices, 2.5)
    assert third not in rolling.progress.chosen
    assert len(rolling.progress.chosen) == 2


def test_later_stages_by_number_include_those_before() -> None:
    rolling, devices = live("1,3,100%", soak="0s"), fleet(*range(9))
    go_on(rolling, devices, 0)
    put(rolling, next(iter(rolling.progress.chosen)), RUNNING)
    go_on(rolling, devices, 0)
    assert state(rolling) == ("running", 1)
    go_on(rolling, devices, 0)
    assert sorted(rolling.progress.chosen.values()) == [0, 1, 1]


def test_devices_that_appear_later_fill_only_what_is_left() -> None:
    rolling = live("3,100%", at=moment(1))
    known = fleet(1)
    new = {key: changed_device(own) for key, own in fleet(*range(2, 9)).items()}
    survey(rolling, [*known.values(), *new.values()], moment(1))
    assert len(rolling.progress.chosen) == 3
    assert set(known) < set(rolling.progress.chosen)


def changed_device(own: Device) -> Device:
    own.first_heard = moment(1).heard
    return own


def test_a_survey_counts_what_the_stages_hold() -> None:
    rolling, devices = live("1,50%,100%"), fleet(*range(100))
    devices["lamp/~0"] = device(said=report(number=None))
    devices["other"] = device(200, channel="beta")
    devices["held"] = device(201, hold=True)
    go_on(rolling, devices, 0)
    seen = rolling.progress.survey
    assert seen is not None
    assert seen.holds[0] == 1
    assert 30 < seen.holds[1] < 70
    assert seen.holds[2] == 101
    assert seen.boards == (frozenset({"d1"}),) * 3
    assert (seen.known, seen.silent) == (101, 0)


def test_silence_halts_but_not_if_most_are_silent() -> None:
    rolling, devices = live("5,100%", soak="1h", halt="2"), fleet(*range(20))
    go_on(rolling, devices, 0)
    for key in rolling.progress.chosen:
        put(rolling, key, PENDING)
    go_on(rolling, devices, 5)
    assert (rolling.rollout.state, rolling.rollout.reason) == ("paused", NETWORK_AWAY)
    others = {key: own for key, own in devices.items() if key not in rolling.progress.chosen}
    hear(others, 6)
    go_on(rolling, devices, 6)
    assert rolling.rollout.state == "waiting"
    # What passed meanwhile is not held against anyone; from now on it is.
    hear(others, 9)
    go_on(rolling, devices, 9)
    assert rolling.progress.in_all.failed == 0
    hear(others, 11)
    go_on(rolling, devices, 11)
    assert rolling.rollout.state == "halted"
    assert rolling.rollout.reason.startswith("2 devices failed in stage 1: lamp/")
    assert rolling.progress.in_all.failed == 2


def test_without_a_survey_nobody_is_judged_by_silence() -> None:
    rolling, devices = live("5,100%", halt="1"), fleet(*range(20))
    go_on(rolling, devices, 0)
    for key in rolling.progress.chosen:
        put(rolling, key, PENDING)
    tick(rolling, devices, moment(1000))
    assert rolling.rollout.is_open
    assert rolling.progress.in_all.failed == 0


def test_a_pause_of_a_person_does_not_end_by_itself() -> None:
    rolling, devices = live("1,100%", soak="0s"), fleet(1, 2)
    rolling.rollout = paused(rolling.rollout, "lunch")
    go_on(rolling, devices, 1)
    assert rolling.rollout.state == "paused"


def test_a_forgotten_device_is_not_waited_for() -> None:
    rolling = live("1,100%", soak="0s")
    put(rolling, "lamp/gone", PENDING)
    go_on(rolling, {}, 5)
    assert rolling.progress.get("lamp/gone") is None


@pytest.mark.parametrize(
    ("hours", "words"),
    [(0, "window"), (2, ""), (4.9, ""), (5, "window"), (26, ""), (-10, "start time")],
)
def test_a_window_and_a_start_time(hours: float, words: str) -> None:
    rollout = live("1", window="02:00-05:00").rollout
    rollout = changed(rollout, offers_from=START - 5 * HOUR_S)
    assert START % DAY_S == 0
    closed = closed_until(rollout, moment(hours))
    assert words in closed
    assert bool(closed) == bool(words)


def test_it_waits_while_the_window_is_closed() -> None:
    rolling, devices = live("1,100%", soak="9h", window="02:00-05:00"), fleet(1)
    go_on(rolling, devices, 1)
    assert state(rolling) == ("waiting", 0)
    assert rolling.rollout.reason == "the window 02:00-05:00 is closed"
    go_on(rolling, devices, 3)
    assert state(rolling) == ("running", 0)


def test_a_stage_begins_when_its_window_opens() -> None:
    rolling, devices = live("1,100%", soak="2h", window="02:00-05:00"), fleet(1, 2)
    go_on(rolling, devices, 0)
    assert rolling.rollout.tracks[0].closed
    hear(devices, 2.5)
    go_on(rolling, devices, 2.5)
    [track] = rolling.rollout.tracks
    assert (track.closed, track.heard) == (False, moment(2.5).heard)
    go_on(rolling, devices, 2.6)
    put(rolling, next(iter(rolling.progress.chosen)), RUNNING)
    for hours, stage in ((4.4, 0), (4.5, 1)):
        hear(devices, hours)
        go_on(rolling, devices, hours)
        assert rolling.rollout.stage == stage


def test_a_look_from_another_thread_is_taken_in_only_if_it_is_still_true() -> None:
    rolling, devices = live("1,100%"), fleet(*range(5))
    go_on(rolling, devices, 0)
    [first] = rolling.progress.chosen
    devices[first].hold = True
    seen = look(rolling, devices.values(), moment(0))
    assert list(rolling.progress.chosen) == [first]
    # Meanwhile, it was offered the release.
    put(rolling, first, PENDING)
    take_in(rolling, seen)
    assert list(rolling.progress.chosen) == [first]
    seen = look(rolling, devices.values(), moment(0))
    rolling.rollout = advanced(rolling.rollout, moment(0))
    take_in(rolling, seen)
    assert rolling.progress.survey is not seen


def test_a_person_who_advances_does_not_wait() -> None:
    rolling, devices = live("1,3,100%"), fleet(*range(9))
    go_on(rolling, devices, 0)
    rolling.rollout = advanced(rolling.rollout, moment(0))
    track = rolling.rollout.tracks[0]
    assert "not counted yet" in evidence_missing(rolling.rollout, rolling.progress, track, devices)
    go_on(rolling, devices, 0)
    assert len(rolling.progress.chosen) == 3


def test_a_board_that_joins_goes_through_all_stages() -> None:
    rolling = live("1,100%", soak="1h")
    devices = {**fleet(1, 2), **fleet(3, 4, board="c3")}
    go_on(rolling, devices, 0)
    put(rolling, next(iter(rolling.progress.chosen)), RUNNING)
    go_on(rolling, devices, 1)
    assert state(rolling) == ("running", 1)
    rolling.rollout = joined(rolling.rollout, ["c3"], moment(1))
    go_on(rolling, devices, 1)
    assert state(rolling) == ("running", 0)
    own = [reach(rolling, device, device.board) for device in devices.values()]
    assert sum(at == 0 for at in own) == 2
    assert sum(at == 1 for at in own) == 1
    assert sum(at is None for at in own) == 1
    assert reach(rolling, devices[next(iter(devices))], "s3") is None


def test_those_that_took_what_was_superseded_are_in_the_first_stage() -> None:
    rolling, devices = live("1,100%"), fleet(*range(9))
    added = list(devices)[:3]
    rolling.progress.added = frozenset(added)
    go_on(rolling, devices, 0)
    assert all(reach(rolling, devices[key], "d1") == 0 for key in added)
    devices[added[0]].hold = True
    assert reach(rolling, devices[added[0]], "d1") is None
    seen = rolling.progress.survey
    assert seen is not None
    assert seen.holds[0] in (3, 4)


def test_the_way_back_goes_by_soak_and_by_return() -> None:
    rolling = live("1,50%,100%", soak="2h", on_halt="order-back")
    rolling.rollout = halted(rolling.rollout, "3 failed", moment(0))

    def back(hours: float) -> int:
        tick(rolling, {}, moment(hours))
        assert rolling.rollout.way_back is not None
        return rolling.rollout.way_back.stage

    assert back(1) == 0
    assert back(2) == 1
    put(rolling, "lamp/a", RUNNING)
    part = rolling.progress.get("lamp/a")
    assert part is not None
    rolling.progress.put("lamp/a", part._replace(back_at=1.0))
    assert back(4) == 1
    rolling.progress.put("lamp/a", part._replace(back_at=1.0, returned=True))
    assert back(4) == 2
    assert back(100) == 2


def test_it_says_that_nobody_has_the_tag_of_its_stage() -> None:
    rolling, devices = live("tag:canry,100%", soak="1h"), fleet(1, 2)
    devices[next(iter(devices))].tags = frozenset({"canary"})
    go_on(rolling, devices, 0)
    hear(devices, 2)
    go_on(rolling, devices, 2)
    assert state(rolling) == ("waiting", 0)
    assert rolling.rollout.reason == "no device of this rollout has the tag canry"
