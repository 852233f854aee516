from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from acpublish.control.following import Due, due, go_on, lives, needs_survey, surveyed
from acpublish.fleet.advancing import look
from acpublish.fleet.progress import Outcome, Part
from acpublish.fleet.rollout import halted, joined, moved, ordered_back, paused
from acpublish.release.channels import Channels, Place
from acpublish.release.version import Version
from tests.unit.control.making import PRODUCT, Fleet, document
from tests.unit.fleet.making import mac
from tests.unit.store.making import full_part, opened

KEY = f"{PRODUCT}/{mac(1)}"


def states(fleet: Fleet) -> dict[str, str]:
    return {key: rollout.state for key, rollout in fleet.state.rollouts.items()}


def test_what_is_on_its_way_becomes_a_rollout_once() -> None:
    fleet = Fleet()
    channels = document(7, "2.0.0", stages="1,100%", rollout=5, offers_from=1234)
    for _ in range(3):
        fleet.follow(channels)
    rollout = fleet.live.rollout
    assert (rollout.id, rollout.seed) == ("lamp-5", "lamp-5")
    assert (rollout.version, rollout.channel, rollout.offers_from) == ("2.0.0", "stable", 1234)
    assert rollout.boards == {"d1"}
    assert states(fleet) == {"lamp-5": "running"}


def test_a_further_board_joins_at_the_first_stage() -> None:
    fleet = Fleet()
    fleet.follow(document(5, "2.0.0", stages="1,100%"))
    live = fleet.live
    live.rollout = moved(live.rollout, live.rollout.tracks[0], fleet.state.clock.now())
    fleet.follow(document(6, "2.0.0", stages="1,100%", rollout=5, boards=("d1", "d2")))
    assert fleet.live is live
    assert [(track.boards, track.stage) for track in live.rollout.tracks] == [
        (("d1",), 1),
        (("d2",), 0),
    ]


def test_another_version_supersedes_and_begins_with_those_that_took_the_first() -> None:
    fleet = Fleet()
    fleet.follow(document(5, "2.0.0"))
    first = fleet.live
    first.progress.put("lamp/took", full_part(stage=0))
    first.progress.put("lamp/offered", Part("d1", 0, 0.0, offered_at=1.0))
    fleet.follow(document(6, "3.0.0"))
    assert states(fleet) == {"lamp-5": "superseded", "lamp-6": "running"}
    assert fleet.live.progress.added == {"lamp/took"}
    fleet.live.progress.put("lamp/next", full_part(stage=0))
    fleet.follow(document(7, "4.0.0"))
    assert fleet.live.progress.added == {"lamp/took", "lamp/next"}
    # Those of a rollout that nothing has superseded are not added to one that follows later.
    live = fleet.live
    live.rollout = moved(live.rollout, live.rollout.tracks[0], fleet.state.clock.now())
    fleet.state.moved(live)
    fleet.follow(document(8, settled="4.0.0"))
    fleet.follow(document(9, "5.0.0", settled="4.0.0"))
    assert fleet.live.progress.added == frozenset()


@pytest.mark.parametrize("state", ["running", "paused", "halted"])
def test_one_that_the_catalog_has_no_more_is_aborted(state: str) -> None:
    fleet = Fleet()
    fleet.follow(document(5, "2.0.0"))
    live = fleet.live
    if state == "paused":
        live.rollout = paused(live.rollout, "lunch")
    elif state == "halted":
        live.rollout = halted(live.rollout, "1 device failed", fleet.state.clock.now())
    fleet.state.moved(live)
    fleet.follow(document(6))
    assert states(fleet) == {"lamp-5": "aborted"}
    assert list(lives(fleet.state)) == []


def test_one_that_the_channel_points_at_by_now_is_complete() -> None:
    fleet = Fleet()
    fleet.follow(document(5, "2.0.0"))
    fleet.follow(document(6, settled="2.0.0"))
    assert states(fleet) == {"lamp-5": "complete"}


def test_nobody_is_ordered_back_once_another_release_is_on_its_way() -> None:
    fleet = Fleet()
    fleet.follow(document(5, "2.0.0"))
    live = fleet.live
    fleet.follow(document(6))
    live.rollout = ordered_back(live.rollout, fleet.state.clock.now(), at_once=True)
    fleet.state.moved(live)
    fleet.follow(document(7))
    assert fleet.live.rollout.way_back is not None
    fleet.follow(document(8, "3.0.0"))
    assert fleet.live.rollout.id == "lamp-8"
    assert fleet.state.rollouts["lamp-5"].way_back is None
    assert states(fleet)["lamp-5"] == "aborted"


def test_a_fresh_store_knows_a_halt_by_the_catalog() -> None:
    fleet = Fleet()
    channels = document(6, "2.0.0", rollout=5, halted="3 devices failed in stage 1")
    fleet.follow(channels)
    assert (fleet.live.rollout.state, fleet.live.rollout.reason) == (
        "halted",
        "3 devices failed in stage 1",
    )
    assert due(fleet.state, PRODUCT, channels) == []


@pytest.mark.parametrize("broken", [Channels(), Channels(serial=9)])
def test_a_document_that_cannot_be_read_ends_nothing(broken: Channels) -> None:
    fleet = Fleet()
    fleet.follow(document(5, "2.0.0"))
    fleet.follow(broken)
    assert states(fleet) == {"lamp-5": "running"}
    fleet.follow(document(5, "2.0.0"))
    assert states(fleet) == {"lamp-5": "running"}


def test_a_policy_that_cannot_be_read_offers_to_nobody_and_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fleet = Fleet()
    for serial in (5, 6, 7):
        fleet.follow(document(serial, "2.0.0", rollout=5, policy={"stages": "never"}))
    assert states(fleet) == {}
    assert caplog.text.count("2.0.0 goes to nobody") == 1
    # It supersedes the one before all the same.
    fleet.follow(document(8, "2.5.0"))
    fleet.follow(document(9, "3.0.0", policy={"stages": []}))
    assert states(fleet) == {"lamp-8": "superseded"}
    case = fleet.known(1)
    assert case.decision.release is None or str(case.decision.release.version) == "1.0.0"


def test_what_is_due_is_written_until_the_catalog_has_it() -> None:
    fleet = Fleet()
    channels = document(6, "2.0.0", rollout=5)
    fleet.follow(channels)
    assert due(fleet.state, PRODUCT, channels) == []
    live = fleet.live
    reason = "1 device failed in stage 1"
    live.rollout = halted(live.rollout, f"{reason}: kitchen", fleet.state.clock.now())
    fleet.state.moved(live)
    # Everyone may read the history, so it has no names of devices.
    expected = Due("halt", PRODUCT, "stable", "2.0.0", 5, reason)
    assert due(fleet.state, PRODUCT, channels) == [expected]
    marked = document(7, "2.0.0", rollout=5, halted=reason)
    assert due(fleet.state, PRODUCT, marked) == []
    assert due(fleet.state, PRODUCT, Channels(rolling={"stable": {}})) == []


def test_one_that_is_complete_stays_so_until_the_catalog_says_it() -> None:
    fleet = Fleet()
    channels = document(5, "2.0.0")
    fleet.follow(channels)
    live = fleet.live
    live.rollout = moved(live.rollout, live.rollout.tracks[0], fleet.state.clock.now())
    fleet.state.moved(live)
    fleet.follow(replace(channels, serial=6))
    assert states(fleet) == {"lamp-5": "complete"}
    (change,) = due(fleet.state, PRODUCT, channels)
    assert (change.action, change.number, change.version) == ("settle", 5, "2.0.0")


def test_a_complete_one_is_settled_after_a_restart(tmp_path: Path) -> None:
    channels = document(5, "2.0.0")
    with opened(tmp_path) as store:
        fleet = Fleet()
        fleet.state.use(store, store.load())
        fleet.follow(channels)
        live = fleet.live
        live.rollout = moved(live.rollout, live.rollout.tracks[0], fleet.state.clock.now())
        fleet.state.moved(live).result(5)
    with opened(tmp_path) as store:
        again = Fleet()
        again.state.use(store, store.load())
        again.follow(channels)
        assert [change.action for change in due(again.state, PRODUCT, channels)] == ["settle"]
        again.follow(document(6, settled="2.0.0"))
        assert states(again) == {"lamp-5": "complete"}


def test_a_walk_is_needed_now_and_then_and_where_boards_are_elsewhere() -> None:
    fleet = Fleet()
    fleet.follow(document(5, "2.0.0", stages="1,100%"))
    live, now = fleet.live, fleet.state.clock.now
    fleet.known(1)
    assert needs_survey(live, 2, now())
    seen = look(live, list(fleet.state.devices()), now())
    generation = fleet.state.product(PRODUCT).generation
    surveyed(fleet.state, live, seen)
    assert live.progress.chosen == {KEY: 0}
    assert fleet.state.product(PRODUCT).generation == generation + 1
    surveyed(fleet.state, live, seen)
    assert fleet.state.product(PRODUCT).generation == generation + 1
    assert not needs_survey(live, 2, now())
    fleet.clocks.pass_(10)
    assert needs_survey(live, 2, now())
    # With very many devices a walk takes long, so it is less often.
    assert not needs_survey(live, 100_000, now())
    surveyed(fleet.state, live, look(live, list(fleet.state.devices()), now()))
    live.rollout = joined(live.rollout, {"d2"}, now())
    assert needs_survey(live, 2, now())
    live.rollout = halted(live.rollout, "why", now())
    assert not needs_survey(live, 2, now())


def test_a_rollout_goes_on_by_evidence_and_is_stored(tmp_path: Path) -> None:
    fleet = Fleet()
    with opened(tmp_path) as store:
        fleet.state.use(store, store.load())
        fleet.known(1)
        fleet.clocks.pass_(1)
        fleet.follow(document(5, "2.0.0"))
        live = fleet.live
        fleet.survey()
        go_on(fleet.state, live)
        assert live.rollout.state == "waiting"
        case = fleet.known(1)
        future = fleet.serving.offered(case)
        assert future is not None
        future.result(5)
        fleet.end(case)
        fleet.known(1, "2.0.0")
        go_on(fleet.state, live)
        assert live.rollout.state == "complete"
        assert list(lives(fleet.state)) == []
        store.written().result(5)
        stored = fleet.state.live("lamp-5")
        assert stored is not None
        assert dict(stored.progress.parts())[KEY].outcome is Outcome.RUNNING


def test_a_window_that_opens_or_closes_lets_nobody_rely_on_earlier_decisions() -> None:
    fleet = Fleet()
    start = fleet.clocks.wall
    fleet.follow(document(5, "2.0.0", offers_from=int(start) + 100))
    go_on(fleet.state, fleet.live)
    own = fleet.state.product(PRODUCT)
    generation = own.generation
    go_on(fleet.state, fleet.live)
    assert own.generation == generation
    fleet.clocks.pass_(100)
    go_on(fleet.state, fleet.live)
    assert own.generation > generation


def test_silence_is_noted_where_it_is_heard(tmp_path: Path) -> None:
    fleet = Fleet()
    with opened(tmp_path) as store:
        fleet.state.use(store, store.load())
        for _ in range(3):
            # The others show that the network is there.
            for number in range(1, 5):
                fleet.known(number)
            fleet.clocks.pass_(100)
        fleet.follow(document(5, "2.0.0", of_policy={"halt": "1"}))
        case = fleet.known(1)
        assert fleet.serving.offered(case) is not None
        fleet.end(case)
        for _ in range(30):
            fleet.clocks.pass_(600)
            for number in range(2, 5):
                fleet.known(number)
        fleet.survey()
        live, epoch = fleet.live, case.device.epoch
        go_on(fleet.state, live)
        assert live.rollout.state == "halted"
        assert KEY in live.rollout.reason
        assert case.device.epoch > epoch
        store.written().result(5)
        read = store.load().lives[0]
        assert read.rollout.state == "halted"
        part = read.progress.get(KEY)
        assert part is not None
        assert part.outcome is Outcome.SILENT


def test_the_place_of_a_filesystem_is_one_of_its_board() -> None:
    fleet = Fleet()
    channels = document(5, "2.0.0")
    entry = channels.rolling["stable"][Place("d1", "firmware")]
    both = dict.fromkeys((Place("d1", "firmware"), Place("d1", "filesystem")), entry)
    fleet.follow(replace(channels, rolling={"stable": both}))
    assert fleet.live.rollout.boards == {"d1"}
    assert Version.parse(fleet.live.rollout.version) == entry.version
