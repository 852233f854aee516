from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from pathlib import Path

from acpublish.fleet.moments import Listening
from acpublish.store.fleet_store import FleetStore, committed
from acpublish.store.stored import read
from tests.unit.fleet.making import device, live
from tests.unit.store.making import full_device, full_live, full_part, opened


def test_a_new_store_has_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        stored = store.load()
        assert not store.away
    assert (stored.devices, stored.rollouts, stored.lives) == ({}, [], [])
    assert (stored.listening, stored.listened_at) == (Listening(), 0.0)
    assert gc.isenabled()


def test_tags_and_groups_are_written_by_their_differences(tmp_path: Path) -> None:
    kept = full_device(tags=frozenset("ab"), groups=frozenset("g"))
    with opened(tmp_path) as store:
        store.keep(kept).result(5)
    with opened(tmp_path) as store:
        kept = store.load().devices[kept.id]
        kept.tags, kept.groups = frozenset("bc"), frozenset()
        store.note(kept)
        store.written().result(5)
        assert read(tmp_path).devices[kept.id] == kept
        kept.tags = frozenset()
        store.note(kept)
        store.written().result(5)
        assert read(tmp_path).devices[kept.id].tags == frozenset()
        kept.groups = frozenset("h")
        store.keep(kept).result(5)
        assert read(tmp_path).devices[kept.id] == kept


def test_devices_by_number_are_written_by_their_differences(tmp_path: Path) -> None:
    made = full_live()
    with opened(tmp_path) as store:
        store.keep_rollout(made).result(5)
    with opened(tmp_path) as store:
        (made,) = store.load().lives
        made.progress.chosen = {"lamp/a": 1, "lamp/x": 0}
        store.keep_rollout(made).result(5)
        assert read(tmp_path).lives[0].progress.chosen == made.progress.chosen
    assert read(tmp_path).lives[0].progress.added == made.progress.added


def test_a_forgotten_device_leaves_nothing(tmp_path: Path) -> None:
    first, second = full_device(1), full_device(2)
    made = live()
    with opened(tmp_path) as store:
        store.keep(first, second)
        made.progress.chosen = {first.id: 0, second.id: 0}
        made.progress.added = frozenset({first.id})
        store.keep_rollout(made)
        for each in (first, second):
            store.keep_offer("r1", each, full_part())
        store.note(first)
    with opened(tmp_path) as store:
        (made,) = store.load().lives
        store.note(first)
        store.forget(first.id).result(5)
        stored = read(tmp_path)
        assert set(stored.devices) == {second.id}
        assert dict(stored.lives[0].progress.parts()) == {second.id: full_part()}
        assert stored.lives[0].progress.chosen == {second.id: 0}
        assert stored.lives[0].progress.added == frozenset()
        # It is new when it comes again.
        store.keep(replace(first, tags=frozenset("n"), groups=frozenset())).result(5)
        assert read(tmp_path).devices[first.id].tags == {"n"}


def test_a_part_that_was_taken_back_is_gone(tmp_path: Path) -> None:
    made, kept = live(), device()
    with opened(tmp_path) as store:
        store.keep_rollout(made)
        assert asyncio.run(committed(store.keep_offer("r1", kept, full_part())))
        store.note_part("r1", kept.id, None)
    assert list(read(tmp_path).lives[0].progress.parts()) == []


def test_the_clock_of_listening_comes_back(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.note_listening(Listening(5.5, 100.5), 101.5)
        store.note_listening(Listening(5.5, 100.5), 102.5)
    stored = read(tmp_path)
    assert (stored.listening, stored.listened_at) == (Listening(5.5, 100.5), 102.5)
    # After a crash the time counts until the server was last known to listen.
    assert stored.listening.stopped(stored.listened_at) == Listening(7.5)


def test_an_ended_rollout_is_read_by_itself(tmp_path: Path) -> None:
    made = full_live()
    made.rollout = replace(made.rollout, state="complete", reason="all stages have ended")
    with opened(tmp_path) as store:
        store.keep_rollout(made)
        store.note_part("r1", "lamp/a", full_part())
        store.written().result(5)
        assert store.load().lives == []
        assert dict(store.live(made.rollout).progress.parts()) == {"lamp/a": full_part()}


def test_a_store_is_upgraded_by_whoever_opens_it_first(tmp_path: Path) -> None:
    FleetStore.open(tmp_path).close()
    FleetStore.open(tmp_path).close()
    assert read(tmp_path).devices == {}
