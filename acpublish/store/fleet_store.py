"""The store of the fleet, as a server and the commands use it.

1. One server has it (:meth:`FleetStore.open`), and keeps all of it in memory: it loads it once, and
   from then on only writes. Any process may read (:mod:`acpublish.store.stored`).
2. A check-in is noted, which costs microseconds and is written within a second. What somebody
   counts on is kept: a future says when it is on the disk (:func:`committed`).
3. While the store is away (:attr:`FleetStore.away`) nothing waits for it, and all changes are
   written once it is back. What a caller takes back meanwhile, it notes or keeps again.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table

from acpublish.errors import StoreError
from acpublish.fleet.adoption_history import AdoptionHistory, VersionCount
from acpublish.fleet.advancing import Live
from acpublish.fleet.known_device import Device
from acpublish.fleet.moments import Listening
from acpublish.fleet.progress import Part
from acpublish.fleet.rollout import Rollout
from acpublish.store import schema
from acpublish.store.check_in_log import CheckInLog
from acpublish.store.database import Held, open_for_reading, open_for_writing, path_of
from acpublish.store.device_rows import check_in, check_in_values, marks_of, snapshot, values_of
from acpublish.store.rollout_rows import (
    PROGRESS,
    is_over,
    part_row,
    remove_some_of,
    rollout_row,
)
from acpublish.store.sample_rows import sample_row
from acpublish.store.stored import Stored, load_all, load_one
from acpublish.store.waiting import Key, Values, Waiting
from acpublish.store.writer import Writer

#: How many devices a store is for, unless somebody says otherwise: 300 MB of memory.
CAPACITY = 120_000
#: The longest that a device waits for the store.
COMMIT_WAIT_S = 5.0
_DEVICES = schema.devices.name
_CHECK_INS = schema.check_ins.name
_LOG = schema.check_in_log.name
_NONE: frozenset[str] = frozenset()
_NO_MARKS: frozenset[tuple[str, str]] = frozenset()


class FleetStore:
    """The store, for the one process that may write it; one thread notes, keeps and forgets.

    Attributes:
        path: Its file.
        capacity: How many devices it is for: the caller adds none beyond, and limits how many
            unknown ones an address adds. Twice as many rows of each kind may wait while it is away.
        history: What devices ran, over time.
    """

    def __init__(self, path: Path, held: Held, engine: Engine, capacity: int) -> None:
        """Is called by :meth:`open`."""
        self.path = path
        self.capacity = capacity
        self.history = AdoptionHistory()
        self._held = held
        self._engine = engine
        self._waiting = Waiting(2 * capacity)
        #: What is stored, or waits for it, of what is written by its differences.
        self._kept: dict[str, tuple[Any, ...]] = {}
        self._marks: dict[str, frozenset[tuple[str, str]]] = {}
        self._chosen: dict[str, dict[str, int]] = {}
        self._added: dict[str, frozenset[str]] = {}
        #: Since when rollouts are over.
        self._ended: dict[str, float] = {}
        self._log = CheckInLog(engine.dialect)
        self._writer = Writer(
            engine,
            self._waiting,
            {_DEVICES: values_of, _CHECK_INS: check_in_values},
            self._log,
            f"the fleet's store {path}",
        )

    @classmethod
    def open(cls, state: Path, *, capacity: int = CAPACITY, wait_s: float = 0.0) -> FleetStore:
        """Opens the store in a state folder, which is created or upgraded if need be.

        Args:
            state: The state folder.
            capacity: How many devices it is for.
            wait_s: How long to wait for another process that has it.

        Raises:
            StoreError: Another process has it, it is damaged or of a newer version, or it cannot be
                written.
        """
        held = Held(state, wait_s)
        try:
            path = path_of(state)
            return cls(path, held, open_for_writing(path), capacity)
        except BaseException:
            held.release()
            raise

    @property
    def away(self) -> str:
        """Why the store cannot be written now; empty if it can."""
        return self._writer.away

    @property
    def hint(self) -> str:
        """What to do next while the store is away."""
        return self._writer.hint

    def load(self) -> Stored:
        """Returns all that the store has; it is called once, before anything is noted.

        Raises:
            StoreError: It cannot be read.
        """
        stored = load_all(open_for_reading(self.path), self.path)
        for device in stored.devices.values():
            self._kept[device.id] = snapshot(device)
            if device.tags or device.groups:
                self._marks[device.id] = marks_of(device)
        for live in stored.lives:
            self._chosen[live.rollout.id] = dict(live.progress.chosen)
            self._added[live.rollout.id] = live.progress.added
        self._ended = dict(stored.ended)
        self.history = AdoptionHistory(stored.samples)
        logged = [check_in(stored.devices[device_id]) for device_id in stored.logged]
        self._log.take_over(logged, len(logged))
        return stored

    def live(self, rollout: Rollout) -> Live:
        """Returns a rollout with its progress, for one that has ended long ago.

        Raises:
            StoreError: It cannot be read.
        """
        return load_one(open_for_reading(self.path), self.path, rollout)

    def note(self, device: Device) -> None:
        """Notes a device as it is now, to be written within a second; for each check-in."""
        self._put_device(device, urgent=False)
        if device.tags or device.groups or device.id in self._marks:
            self._put_marks(device, urgent=False)

    def note_check_in(self, device: Device) -> None:
        """Notes a check-in that has changed nothing else of a device, likewise."""
        self._waiting.put(_LOG, (device.id,), check_in(device))

    def note_part(self, rollout_id: str, device_id: str, part: Part | None) -> None:
        """Notes a device's part in a rollout, to be written within a second.

        Args:
            rollout_id: The rollout.
            device_id: The device.
            part: Its part; None if it has none any more.
        """
        self._put_part(rollout_id, device_id, part, urgent=False)

    def note_listening(self, listening: Listening, at: float) -> None:
        """Notes the clock of listening, and that the server listens now.

        Args:
            listening: The clock.
            at: The present, in seconds since 1970.
        """
        row = {"id": 1, "total_s": listening.total_s, "since": listening.since, "known_at": at}
        self._waiting.put(schema.listening.name, (1,), row)

    def note_versions(self, at: float, counts: tuple[VersionCount, ...]) -> None:
        """Notes what devices run; one sample of each hour is written, and old ones are removed.

        Args:
            at: The present, in seconds since 1970.
            counts: How many devices run which version.
        """
        sample, gone = self.history.note(at, counts)
        name = schema.version_samples.name
        for old in gone:
            self._waiting.put(name, (old,), None)
        if sample is not None:
            self._waiting.put(name, (sample.at,), sample_row(sample))

    def keep(self, *devices: Device) -> Future[None]:
        """Keeps devices as they are now, as after an order of a person; at once."""
        for device in devices:
            self._put_device(device, urgent=True)
            self._put_marks(device, urgent=True)
        return self._writer.commit()

    def keep_offer(self, rollout_id: str, device: Device, part: Part) -> Future[None]:
        """Keeps an offer that a rollout makes; its first byte has to wait for the future.

        Args:
            rollout_id: The rollout.
            device: The device, as it is after the offer was noted.
            part: Its part in the rollout.
        """
        self._put_device(device, urgent=True)
        self._put_part(rollout_id, device.id, part, urgent=True)
        return self._writer.commit()

    def keep_rollout(self, live: Live) -> Future[None]:
        """Keeps a rollout and the devices that its stages reach by number; at once.

        The parts of devices are not looked at: each is noted where it changes.
        """
        rollout, chosen, added = live.rollout, live.progress.chosen, live.progress.added
        key = rollout.id
        if not is_over(rollout):
            self._ended.pop(key, None)
        elif key not in self._ended:
            self._ended[key] = time.time()
        self._put(schema.rollouts, (key,), rollout_row(rollout, self._ended.get(key)))
        before = self._chosen.get(key, {})
        for device_id in before.keys() - chosen.keys():
            self._put(schema.chosen, (key, device_id), None)
        for device_id, stage in chosen.items():
            if before.get(device_id) != stage:
                row = {"rollout_id": key, "device_id": device_id, "stage": stage}
                self._put(schema.chosen, (key, device_id), row)
        for device_id in added - self._added.get(key, _NONE):
            row = {"rollout_id": key, "device_id": device_id}
            self._put(schema.added, (key, device_id), row)
        self._chosen[key], self._added[key] = dict(chosen), added
        return self._writer.commit()

    def forget(self, *device_ids: str) -> Future[None]:
        """Forgets devices, and that they took part in any rollout; at once."""
        for device_id in device_ids:
            self._put(schema.devices, (device_id,), None)
            self._put(schema.check_ins, (device_id,), None)
            self._put(schema.check_in_log, (device_id,), None)
            self._kept.pop(device_id, None)
            for mark in self._marks.pop(device_id, _NO_MARKS):
                self._put(schema.marks, (device_id, *mark), None)
        gone = frozenset(device_ids)
        for table in PROGRESS:
            self._waiting.remove(table.name, gone)
        for chosen in self._chosen.values():
            for device_id in gone & chosen.keys():
                del chosen[device_id]
        return self._writer.commit()

    def over_before(self, before: float) -> list[str]:
        """Returns the rollouts that were over before a time, in seconds since 1970."""
        return [rollout_id for rollout_id, ended_at in [*self._ended.items()] if ended_at < before]

    def prune(self, before: float) -> Future[None]:
        """Removes the rollouts that were over before a time, with the parts of all devices in them.

        It goes on little by little, so it holds up nothing. What is not removed before the store
        goes away, or before the end of the server, is for the next time.

        Args:
            before: Seconds since 1970.
        """
        gone = self.over_before(before)
        for rollout_id in gone:
            self._chosen.pop(rollout_id, None)
            self._added.pop(rollout_id, None)

        def remove_some(connection: Connection) -> bool:
            if gone and not remove_some_of(connection, gone[-1]):
                # A store that was away has them still, and its load finds them again.
                self._ended.pop(gone.pop(), None)
            return bool(gone)

        return self._writer.later(remove_some)

    def written(self) -> Future[None]:
        """Returns a future that is done when all that was noted or kept is on the disk."""
        return self._writer.commit(everything=True)

    def close(self) -> None:
        """Writes what waits, for a few seconds at most, and lets another process have the store."""
        self._writer.close()
        self._engine.dispose()
        self._held.release()

    def _put(self, table: Table, key: Key, values: Values, *, urgent: bool = True) -> None:
        self._waiting.put(table.name, key, values, urgent=urgent)

    def _put_device(self, device: Device, *, urgent: bool) -> None:
        """Puts the check-in of a device, and the rest of it if anything of that has changed.

        Urgent rows are put in any case: those before may still wait among the others.
        """
        key, rest = (device.id,), snapshot(device)
        if not urgent and self._kept.get(device.id) == rest:
            self.note_check_in(device)
        else:
            self._waiting.put(_CHECK_INS, key, check_in(device), urgent=urgent)
            if self._waiting.put(_DEVICES, key, rest, urgent=urgent):
                self._kept[device.id] = rest
            else:
                self._kept.pop(device.id, None)

    def _put_part(
        self, rollout_id: str, device_id: str, part: Part | None, *, urgent: bool
    ) -> None:
        row = None if part is None else part_row(rollout_id, device_id, part)
        self._put(schema.parts, (rollout_id, device_id), row, urgent=urgent)

    def _put_marks(self, device: Device, *, urgent: bool) -> None:
        """Puts the tags and groups by which a device differs from what was put before."""
        before, marks = self._marks.get(device.id, _NO_MARKS), marks_of(device)
        if marks == before:
            return
        for mark in before - marks:
            self._put(schema.marks, (device.id, *mark), None, urgent=urgent)
        for kind, name in marks - before:
            row = {"device_id": device.id, "kind": kind, "name": name}
            self._put(schema.marks, (device.id, kind, name), row, urgent=urgent)
        self._marks[device.id] = marks
        if not marks:
            del self._marks[device.id]


async def committed(future: Future[None]) -> bool:
    """Waits until what was kept is on the disk, for 5 s at most.

    Returns:
        Whether it is. If not, the caller takes back what it kept, and the device comes back.
    """
    try:
        await asyncio.wait_for(asyncio.wrap_future(future), COMMIT_WAIT_S)
    except (StoreError, asyncio.TimeoutError):
        return False
    return True
