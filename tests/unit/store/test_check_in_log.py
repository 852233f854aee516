"""Check-ins are in the log at once and in their rows later, and nothing tells the two apart."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from acpublish.fleet.known_device import MAX_GAPS, Device
from acpublish.store import check_in_log, writer
from acpublish.store.database import path_of
from acpublish.store.fleet_store import FleetStore
from acpublish.store.stored import read
from tests.unit.store.making import full_device, opened, until


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "BATCH_S", 0.02)
    monkeypatch.setattr(writer, "RETRY_S", 0.02)
    monkeypatch.setattr(check_in_log, "FOLD_ROWS", 3)


def fold(store: FleetStore) -> None:
    """Makes the log due, and waits until it is empty."""
    store._log._due = 0.0
    until(lambda: not rows(store.path, "check_in_log"))


def rows(path: Path, table: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT * FROM {table}").fetchall()


def seen_of(store: FleetStore) -> dict[str, float]:
    return {row[0]: row[3] for row in rows(store.path, "check_ins")}


def asked(device: Device, by_s: float = 1.0, *, visits: int = 0) -> None:
    """Lets a device check in."""
    device.last_seen += by_s
    device.last_heard += by_s
    device.visits += visits
    device.gaps = [*device.gaps, int(by_s)] if visits else device.gaps


def test_a_check_in_is_logged_and_the_row_follows(tmp_path: Path) -> None:
    device = full_device()
    with opened(tmp_path) as store:
        store.keep(device).result(5)
        before = seen_of(store)
        asked(device, visits=1)
        store.note(device)
        store.written().result(5)
        assert seen_of(store) == before
        assert len(rows(store.path, "check_in_log")) == 1
        assert read(tmp_path).devices[device.id] == device
        fold(store)
        assert seen_of(store) == {device.id: device.last_seen}
        assert read(tmp_path).devices[device.id] == device


def test_a_new_device_has_its_row_at_once(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.note(full_device())
        store.written().result(5)
        assert len(rows(store.path, "check_ins")) == 1
        assert not rows(store.path, "check_in_log")


def test_only_gaps_that_are_new_are_logged(tmp_path: Path) -> None:
    device = full_device()
    with opened(tmp_path) as store:
        store.keep(device).result(5)
        for visits in (1, 0, 0, 1):
            asked(device, visits=visits)
            store.note(device)
            store.written().result(5)
        states = [json.loads(text) for _, text in rows(store.path, "check_in_log")]
        gaps = device.gaps
        assert [state[-1] for (state,) in states] == [gaps[:-1], None, None, gaps[-1]]
        assert read(tmp_path).devices[device.id].gaps == device.gaps


def test_the_log_and_a_row_that_is_newer_have_a_gap_once(tmp_path: Path) -> None:
    device = full_device()
    device.gaps = list(range(MAX_GAPS))
    with opened(tmp_path) as store:
        store.keep(device).result(5)
        for _ in range(3):
            asked(device, visits=1)
            device.gaps = device.gaps[-MAX_GAPS:]
            device.__post_init__()
            store.keep(device).result(5)
            store.note_check_in(device)
            store.written().result(5)
            assert read(tmp_path).devices[device.id] == device


def test_the_end_of_a_server_leaves_the_log_empty(tmp_path: Path) -> None:
    devices = [full_device(number) for number in range(10)]
    with opened(tmp_path) as store:
        store.keep(*devices).result(5)
        for device in devices:
            asked(device)
            store.note(device)
    assert not rows(path_of(tmp_path), "check_in_log")
    assert read(tmp_path).devices == {device.id: device for device in devices}


def test_what_a_killed_server_has_left_is_folded_by_the_next(tmp_path: Path) -> None:
    devices = [full_device(number) for number in range(5)]
    with opened(tmp_path) as store:
        store.keep(*devices).result(5)
        for device in devices[:4]:
            asked(device, visits=1)
            store.note(device)
        store.written().result(5)
        killed = as_killed(tmp_path)
    with opened(killed) as store:
        assert store.load().devices == {device.id: device for device in devices}
        fold(store)
        assert seen_of(store) == {device.id: device.last_seen for device in devices}


def as_killed(state: Path) -> Path:
    """Returns a copy of a state folder as it is on the disk now."""
    copy = state.with_name(f"{state.name}-killed")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(state, copy)
    return copy


def test_a_fold_that_fails_begins_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = [full_device(number) for number in range(8)]
    failures = [2]
    original = check_in_log.Upsert.run

    def failing(self: check_in_log.Upsert, *arguments: Any) -> None:
        if self._newest and len(failures) < 4:
            failures.append(0)
            if len(failures) == 3:
                raise OperationalError("", None, sqlite3.OperationalError("database is locked"))
        original(self, *arguments)

    with opened(tmp_path) as store:
        store.keep(*devices).result(5)
        monkeypatch.setattr(check_in_log.Upsert, "run", failing)
        for device in devices:
            asked(device, visits=1)
            store.note(device)
        store.written().result(5)
        store._log._due = 0.0
        until(lambda: len(failures) >= 3)
        asked(devices[0], visits=1)
        store.note(devices[0])
        until(lambda: not store.away)
        store.written().result(5)
        assert read(tmp_path).devices == {device.id: device for device in devices}
        fold(store)
        assert read(tmp_path).devices == {device.id: device for device in devices}


def test_gaps_that_a_failed_transaction_has_lost_are_logged_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = full_device()
    original = check_in_log.CheckInLog.append
    calls: list[int] = []

    def failing(self: check_in_log.CheckInLog, *arguments: Any) -> None:
        original(self, *arguments)
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError("", None, sqlite3.OperationalError("disk I/O error"))

    monkeypatch.setattr(check_in_log.CheckInLog, "append", failing)
    with opened(tmp_path) as store:
        store.keep(device).result(5)
        asked(device, visits=1)
        store.note(device)
        until(lambda: len(calls) >= 2)
        until(lambda: not store.away)
        assert read(tmp_path).devices[device.id] == device


@pytest.mark.parametrize("seed", range(2))
def test_whatever_happens_in_whatever_order_the_store_has_the_last_state(
    seed: int, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    state, kills = tmp_path / "s", 0
    known: dict[str, Device] = {}
    store = FleetStore.open(state)
    clock = 1000.0
    try:
        for _ in range(150):
            clock += 1
            number = chance.randrange(6)
            what = chance.choice(("note", "note", "note", "keep", "forget", "fold", "kill"))
            device = next(
                (each for each in known.values() if each.mac == full_device(number).mac), None
            )
            if what == "fold":
                store._log._due = 0.0
            elif what == "kill" and chance.random() < 0.2:
                store.written().result(5)
                kills += 1
                copy = tmp_path / f"killed-{kills}"
                shutil.copytree(state, copy)
                store.close()
                state, store = copy, FleetStore.open(copy)
                known = store.load().devices
            elif what == "forget" and device is not None:
                del known[device.id]
                store.forget(device.id).result(5)
            else:
                if device is None:
                    device = full_device(number, first_heard=clock, last_heard=clock)
                    known[device.id] = device
                device.last_heard = device.last_seen = clock
                device.visits += (new := chance.randrange(2))
                device.gaps = [*device.gaps, int(clock)][-MAX_GAPS:] if new else device.gaps
                device.__post_init__()
                if what == "keep":
                    store.keep(device).result(5)
                else:
                    store.note(device)
            if chance.random() < 0.3:
                store.written().result(5)
                assert read(state).devices == known
        store.written().result(5)
        assert read(state).devices == known
    finally:
        store.close()
    assert read(state).devices == known
    orphans = {row[0] for row in rows(path_of(state), "check_ins")} - known.keys()
    assert not orphans
