from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from acpublish.control.fleet_state import NOT_OPEN, STORE_FILE, FleetState, counts
from acpublish.errors import StoreError
from acpublish.fleet.known_device import Pin
from acpublish.fleet.moments import DAY_S, HOUR_S, Listening
from acpublish.fleet.policy import Policy
from acpublish.fleet.rollout import aborted, halted, moved, ordered_back
from acpublish.store.database import path_of
from acpublish.store.stored import read
from tests.unit.control.making import HOME, PRODUCT, Fleet, document
from tests.unit.fleet.making import START, live, mac, moment
from tests.unit.store.making import full_device, full_part, opened, until

KEY = f"{PRODUCT}/{mac(1)}"


def test_the_file_of_a_store_is_where_the_store_makes_it(tmp_path: Path) -> None:
    assert tmp_path.joinpath(*STORE_FILE) == path_of(tmp_path)


def test_nothing_counts_before_the_store_is_open(tmp_path: Path) -> None:
    state = FleetState()
    assert state.away == NOT_OPEN
    with opened(tmp_path) as store:
        state.use(store, store.load())
        assert state.away == ""


def test_newcomers_have_a_limit_for_each_address_and_one_for_all() -> None:
    fleet = Fleet(capacity=1500)
    many = [fleet.ask(number) for number in range(1200)]
    assert sum(case is not None for case in many) == 1000
    others = [fleet.ask(number, address="10.0.0.2") for number in range(2000, 3200)]
    assert sum(case is not None for case in others) == 500
    assert len(fleet.state) == 1500
    # Whoever is known is known in any case.
    assert fleet.ask(5) is not None
    assert fleet.ask(5, address="10.0.0.3") is not None


def make_room(fleet: Fleet) -> list[str]:
    return fleet.state.make_room(fleet.state.unmissed(moment()), moment())


def test_those_whom_nobody_would_miss_make_room() -> None:
    fleet = Fleet(capacity=100)
    for number in range(94):
        fleet.known(number)
    assert make_room(fleet) == []
    for number in range(94, 100):
        fleet.known(number)
    devices = list(fleet.state.devices())
    devices[0].name, devices[1].tags = "kitchen", frozenset({"a"})
    devices[2].pin, devices[3].hold = Pin("1.0.0"), True
    devices[4].note, devices[5].groups = "old", frozenset({"house"})
    for device in devices[6:90]:
        device.visits = 2
    devices[6].last_seen = START - 40 * DAY_S
    fleet.follow(document(5, "2.0.0"))
    fleet.live.progress.put(devices[90].id, full_part(stage=0))
    gone = make_room(fleet)
    assert len(gone) == 5
    assert set(gone) < {device.id for device in devices[91:]}
    assert len(fleet.state) == 95
    assert make_room(fleet) != []
    assert make_room(fleet) == []
    fleet.ask(200)
    while make_room(fleet):
        fleet.known(300 + len(fleet.state))
    ids = {device.id for device in fleet.state.devices()}
    assert {device.id for device in devices[:6]} < ids
    assert devices[90].id in ids


def test_who_was_named_meanwhile_does_not_make_room() -> None:
    fleet = Fleet(capacity=20)
    for number in range(20):
        fleet.known(number)
    (unmissed,) = fleet.state.unmissed(moment())
    unmissed.name = "kitchen"
    assert fleet.state.make_room([unmissed], moment()) == []
    assert fleet.state.device(unmissed.id) is unmissed


def test_where_nobody_can_be_forgotten_no_further_one_is_remembered() -> None:
    fleet = Fleet(capacity=20)
    for number in range(20):
        fleet.known(number)
    for device in fleet.state.devices():
        device.name = "mine"
    assert make_room(fleet) == []
    assert fleet.state.is_full
    assert fleet.ask(50) is None


def test_a_device_heard_before_the_store_opened_is_the_one_that_is_stored(tmp_path: Path) -> None:
    stored = full_device(1, pin=None, hold=False)
    with opened(tmp_path) as store:
        store.keep(stored)
        store.note_listening(Listening(100 * HOUR_S), START)
    fleet = Fleet()
    fleet.clocks.wall += 100 * DAY_S
    case = fleet.known(1, address="10.0.0.77")
    fleet.known(2)
    fleet.clocks.pass_(2)
    with opened(tmp_path) as store:
        fleet.state.use(store, store.load())
        known = fleet.state.device(KEY)
        # An offer on its way has the same object, so that what becomes of it is not lost.
        assert known is case.device
        assert (known.name, known.note, known.tags) == ("küche", "über der Tür", stored.tags)
        assert (known.first_seen, known.first_heard) == (stored.first_seen, stored.first_heard)
        assert (known.address, known.report.version) == ("10.0.0.77", "1.0.0")
        assert known.runs == "1.0.0"
        assert known.last_seen == START + 100 * DAY_S
        now = fleet.state.clock.now().heard
        assert now - known.last_heard == now - known.address_heard == 2
        assert known.visits == stored.visits + 1
        assert known.gaps == [*stored.gaps, 98 * HOUR_S]
        assert known.offers == stored.offers
        assert known.firmware == stored.firmware
        new = fleet.state.device(f"{PRODUCT}/{mac(2)}")
        assert new is not None
        assert now - new.first_heard == now - new.last_heard == 2
        assert len(fleet.state) == 2
    after = read(tmp_path).devices
    assert after == {known.id: known, new.id: new}


def test_what_a_device_took_before_the_store_opened_stays(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.keep(full_device(1, pin=None, hold=False))
    fleet = Fleet()
    fleet.follow(document(1, settled="1.0.0"))
    case = fleet.known(1, "0.5.0")
    assert fleet.serving.offered(case) is None
    fleet.end(case)
    box, taken = case.device.box, case.device.firmware
    with opened(tmp_path) as store:
        fleet.state.use(store, store.load())
    assert [note.became for note in case.device.offers] == ["whole", "offered", "whole"]
    assert case.device.firmware == taken
    assert case.device.box == box


def test_a_rollout_that_is_stored_wins_over_one_that_started_meanwhile(tmp_path: Path) -> None:
    channels = document(5, "2.0.0", stages="1,100%")
    fleet = Fleet()
    fleet.follow(channels)
    known = fleet.live
    known.rollout = halted(known.rollout, "3 devices failed", moment(1))
    known.progress.put(KEY, full_part(stage=0))
    with opened(tmp_path) as store:
        store.keep_rollout(known)
        store.note_part(known.rollout.id, KEY, full_part(stage=0))
    again = Fleet()
    again.follow(channels)
    assert again.live.rollout.state == "running"
    with opened(tmp_path) as store:
        again.state.use(store, store.load())
        again.follow(channels)
        assert (again.live.rollout.state, again.live.rollout.reason) == (
            "halted",
            "3 devices failed",
        )
        assert again.live.progress.get(KEY) == full_part(stage=0)
    (after,) = read(tmp_path).rollouts
    assert after.state == "halted"


def test_a_rollout_that_only_the_catalog_has_starts_when_the_store_opens(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.note_listening(Listening(1000.0), START)
    fleet = Fleet()
    channels = document(5, "2.0.0")
    fleet.known(1)
    fleet.clocks.pass_(5)
    fleet.follow(channels)
    with opened(tmp_path) as store:
        fleet.state.use(store, store.load())
        fleet.follow(channels)
        assert fleet.live.rollout.stage_heard == 1005
        device = fleet.state.device(KEY)
        assert device is not None
        assert device.first_heard == 1000


def test_after_a_crash_a_newcomer_was_not_known_before_the_stage(tmp_path: Path) -> None:
    rolling = live(at=moment(1))
    with opened(tmp_path) as store:
        # The clock was stored last a second before the stage began.
        store.note_listening(Listening(HOUR_S - 1.0), START)
        store.keep_rollout(rolling)
    fleet = Fleet()
    with opened(tmp_path) as store:
        fleet.state.use(store, store.load())
        fleet.clocks.pass_(0.1)
        newcomer = fleet.known(9).device
    assert newcomer.first_heard > rolling.rollout.stage_heard


def test_a_rollout_that_ended_counts_again_when_it_orders_back() -> None:
    fleet = Fleet()
    fleet.follow(document(5, "2.0.0"))
    ended = fleet.live
    ended.rollout = aborted(ended.rollout, "a person")
    fleet.state.moved(ended)
    assert fleet.state.product(PRODUCT).lives == ()
    assert not counts(ended.rollout)
    ended.rollout = ordered_back(ended.rollout, moment(), at_once=True)
    fleet.state.moved(ended)
    assert fleet.live is ended
    fleet.state.moved(ended)
    assert fleet.live is ended


def test_a_rollout_is_read_again_when_somebody_asks_for_it(tmp_path: Path) -> None:
    fleet = Fleet()
    fleet.follow(document(5, "2.0.0"))
    ended = fleet.live
    assert fleet.state.live(ended.rollout.id) is ended
    assert fleet.state.live("nobody-1") is None
    with opened(tmp_path) as store:
        fleet.state.use(store, store.load())
        fleet.follow(document(5, "2.0.0"))
        ended = fleet.live
        fleet.state.note_part(ended, full_device(1), full_part(stage=0))
        ended.rollout = moved(ended.rollout, ended.rollout.tracks[0], moment(1))
        assert ended.rollout.state == "complete"
        fleet.state.moved(ended).result(5)
        store.written().result(5)
        read_again = fleet.state.live(ended.rollout.id)
        assert read_again is not None
        assert read_again is not ended
        assert dict(read_again.progress.parts()) == {KEY: full_part(stage=0)}


def test_forgetting_reaches_rollouts_and_the_store(tmp_path: Path) -> None:
    fleet = Fleet()
    with opened(tmp_path) as store:
        fleet.state.use(store, store.load())
        fleet.follow(document(5, "2.0.0"))
        case = fleet.known(1)
        part = fleet.serving.offered(case)
        assert part is not None
        part.result(5)
        before = fleet.state.product(PRODUCT).generation
        fleet.state.forget(KEY, "lamp/never", "nothing").result(5)
        assert fleet.state.device(KEY) is None
        assert len(fleet.state) == 0
        assert fleet.live.progress.get(KEY) is None
        assert fleet.state.product(PRODUCT).generation > before
        # What becomes of its offer does not bring it back.
        fleet.end(case)
        fleet.serving.taken_back(case, None, None)
        store.written().result(5)
    stored = read(tmp_path)
    assert stored.devices == {}
    assert list(stored.lives[0].progress.parts()) == []


def test_the_clock_stands_still_while_the_store_is_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Away:
        def __init__(self) -> None:
            self.away = "the disk is full"
            self.noted: list[Listening] = []

        def note_listening(self, listening: Listening, at: float) -> None:
            self.noted.append(listening)

    fleet = Fleet()
    away = Away()
    fleet.state.store = away  # type: ignore[assignment]
    generation = fleet.state.product(PRODUCT).generation
    fleet.state.look_at_store()
    fleet.clocks.pass_(100)
    fleet.state.look_at_store()
    assert fleet.state.clock.now().heard == 0
    assert fleet.state.product(PRODUCT).generation == generation + 1
    assert caplog.text.count("the disk is full; nothing is offered that has to be counted") == 1
    assert away.noted == []
    away.away = ""
    fleet.state.look_at_store()
    fleet.clocks.pass_(7)
    fleet.state.look_at_store()
    assert away.noted[-1] == Listening(7)


def test_an_offer_without_a_store_is_not_made() -> None:
    fleet = Fleet()
    fleet.follow(document(5, "2.0.0"))
    future = fleet.state.keep_offer(fleet.live, full_device(1), full_part())
    with pytest.raises(StoreError, match="not open yet"):
        future.result(0)


def test_a_change_of_policy_or_state_lets_nobody_rely_on_earlier_decisions() -> None:
    fleet = Fleet()
    fleet.follow(document(5, "2.0.0", stages="1,100%"))
    own, live_ = fleet.state.product(PRODUCT), fleet.live
    before = own.generation
    live_.rollout = replace(live_.rollout, policy=Policy.parse("1,100%"))
    fleet.state.moved(live_)
    assert own.generation == before
    live_.rollout = moved(live_.rollout, live_.rollout.tracks[0], moment(1))
    fleet.state.moved(live_)
    assert own.generation == before + 1


def test_a_check_in_is_stored_without_anybody_waiting_for_it(tmp_path: Path) -> None:
    fleet = Fleet()
    with opened(tmp_path) as store:
        fleet.state.use(store, store.load())
        fleet.known(1)
        until(lambda: read(tmp_path).devices)
    assert read(tmp_path).devices[KEY].address == HOME
