from __future__ import annotations

import asyncio
import gc
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from acpublish.errors import StoreError
from acpublish.fleet.advancing import Live
from acpublish.fleet.moments import Listening
from acpublish.store import rollout_rows
from acpublish.store.database import path_of
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


def ended(number: int, *devices: str) -> Live:
    made = live()
    made.rollout = replace(made.rollout, id=f"r{number}", state="complete", reason="done")
    made.progress.chosen = dict.fromkeys(devices, 0)
    made.progress.added = frozenset(devices)
    for device_id in devices:
        made.progress.put(device_id, full_part(stage=0))
    return made


def filled(store: FleetStore, *lives: Live) -> None:
    for made in lives:
        store.keep_rollout(made)
        for key, part in made.progress.parts():
            store.note_part(made.rollout.id, key, part)
    store.written().result(5)


def rows(state: Path) -> list[int]:
    """Returns how many parts, chosen and added devices there are."""
    with closing(sqlite3.connect(path_of(state))) as connection:
        return [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("parts", "chosen", "added")
        ]


def test_what_is_over_for_long_is_removed_little_by_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollout_rows, "REMOVED_ROWS", 3)
    old, new, going_on = ended(1, *"abcdefghij"), ended(2, "a"), live()
    going_on.rollout = replace(going_on.rollout, id="r3")
    going_on.progress.chosen = {"a": 0}
    with opened(tmp_path) as store:
        filled(store, old)
        before = time.time()
        filled(store, new, going_on)
    with opened(tmp_path) as store:
        store.load()
        store.prune(before).result(5)
        stored = read(tmp_path)
        assert [rollout.id for rollout in stored.rollouts] == ["r2", "r3"]
        assert rows(tmp_path) == [1, 2, 1]
        store.prune(time.time()).result(5)
        assert [rollout.id for rollout in read(tmp_path).rollouts] == ["r3"]
        assert rows(tmp_path) == [0, 1, 0]
        store.prune(time.time()).result(5)


def test_a_forgotten_device_leaves_nothing_in_rollouts_that_ended(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        filled(store, ended(1, "lamp/a", "lamp/b"), ended(2, "lamp/a"))
    with opened(tmp_path) as store:
        store.load()
        store.forget("lamp/a").result(5)
        assert rows(tmp_path) == [1, 1, 1]
        # What it does afterwards counts, though it was forgotten in the same moment.
        store.forget("lamp/a")
        store.note_part("r1", "lamp/a", full_part())
        store.written().result(5)
        assert rows(tmp_path) == [2, 1, 1]


def test_many_devices_are_forgotten_after_many_rollouts(tmp_path: Path) -> None:
    devices = [f"lamp/{number}" for number in range(50)]
    store = FleetStore.open(tmp_path, capacity=100)
    try:
        for number in range(40):
            store.keep_rollout(ended(number)).result(5)
        for device_id in devices:
            store.note_part("r1", device_id, full_part())
        store.forget(*devices).result(5)
        assert store._waiting.dropped() == 0
        assert rows(tmp_path) == [0, 0, 0]
    finally:
        store.close()


def test_a_check_in_writes_the_rest_of_a_device_only_if_it_has_changed(tmp_path: Path) -> None:
    kept = full_device(tags=frozenset(), groups=frozenset())
    with opened(tmp_path) as store:
        store.keep(kept).result(5)
        with closing(sqlite3.connect(path_of(tmp_path))) as other, other:
            other.execute("UPDATE devices SET note = 'not written again'")
        kept.visits += 1
        kept.gaps.append(7200)
        store.note(kept)
        store.written().result(5)
        after = read(tmp_path).devices[kept.id]
        assert (after.note, after.visits, after.gaps) == ("not written again", 4, kept.gaps)
        kept.obstacle = ""
        store.note(kept)
        store.written().result(5)
        assert read(tmp_path).devices[kept.id] == kept


def test_pruning_fails_while_the_store_is_closed_and_goes_on_at_the_next_time(
    tmp_path: Path,
) -> None:
    store = FleetStore.open(tmp_path)
    filled(store, ended(1, "lamp/a"))
    store.close()
    with pytest.raises(StoreError, match="it is closed"):
        store.prune(time.time()).result(5)
    with opened(tmp_path) as again:
        again.load()
        again.prune(time.time()).result(5)
    assert read(tmp_path).rollouts == []
