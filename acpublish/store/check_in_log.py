"""Check-ins on their way to the rows of their devices: a log that is appended to.

The rows of devices that check in at the same time are all over the file, so that writing them one
by one costs thirty times as much as writing what is new of all of them in one place.

1. What every half second brings is appended to the log, in a few rows.
2. Every few minutes, little by little, the devices' own rows get what the log has, and the log is
   emptied. Both may be read at any time: of two states of a device, the later one counts.
3. A server that ends leaves its log to the next one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from sqlalchemy import Connection, Dialect, delete, func, insert, select

from acpublish.fleet.known_device import MAX_GAPS, Device
from acpublish.store.device_rows import check_in_values
from acpublish.store.dialects import Upsert
from acpublish.store.schema import check_in_log, check_ins

FOLD_S = 300.0
#: It is folded earlier if it has so many check-ins, which a start reads in a second.
FOLD_CHECK_INS = 400_000
#: How many rows of devices a transaction has; what is urgent waits for it.
FOLD_ROWS = 128
_encode = json.JSONEncoder(separators=(",", ":")).encode
#: The state of a device as :data:`acpublish.store.device_rows.check_in` takes it.
Taken = tuple[Any, ...]


class CheckInLog:
    """The log, for the one thread that writes the store."""

    def __init__(self, dialect: Dialect) -> None:
        """Starts with nothing that the devices' own rows lack.

        Args:
            dialect: The database's.
        """
        self._upsert = Upsert(check_ins, dialect, newest="last_heard")
        self._unfolded: dict[str, Taken] = {}
        self._folding: dict[str, Taken] = {}
        #: How many check-ins the log has that are not being folded.
        self._count = 0
        #: The visits of each device when its gaps were last appended.
        self._visits: dict[str, int] = {}
        #: The order in which devices are folded: that of their rows.
        self._order: list[str] = []
        #: How many of them are, None if none are to be now.
        self._folded: int | None = None
        #: Up to which row the log is being folded.
        self._until = 0
        self._due = time.monotonic() + FOLD_S

    def append(self, connection: Connection, taken: Collection[Taken]) -> None:
        """Writes the states of devices as one row of the log."""
        rows = [self._shortened(state) for state in taken]
        connection.execute(insert(check_in_log), {"check_ins": _encode(rows)})
        self.take_over(taken, len(rows))

    def _shortened(self, state: Taken) -> Taken:
        """Leaves out those of a device's gaps that the log has; they are most of its state."""
        key, visits, gaps = state[0], state[-2], state[-1]
        before = self._visits.get(key)
        if before == visits:
            return (*state[:-1], None)
        self._visits[key] = visits
        if before == visits - 1:
            # The list is the device's own, which grows once a minute at most.
            return (*state[:-1], gaps[-1])
        return state

    def lost(self) -> None:
        """Notes that a transaction has failed, so what was appended may not be in the log."""
        self._visits.clear()

    def take_over(self, taken: Iterable[Taken], count: int) -> None:
        """Takes over what is in the log, also what another server has left there.

        Args:
            taken: The last state of each device.
            count: How many the log has.
        """
        self._unfolded.update((state[0], state) for state in taken)
        self._count += count

    def forget(self, device_ids: Iterable[str]) -> None:
        """Lets the rows of devices stay deleted."""
        for device_id in device_ids:
            self._unfolded.pop(device_id, None)
            self._folding.pop(device_id, None)
            self._visits.pop(device_id, None)

    @property
    def filled(self) -> bool:
        """Whether it may have check-ins that the devices' own rows lack."""
        return bool(self._unfolded or self._folding)

    def due(self) -> bool:
        """Returns whether it is time to fold it."""
        if self._folded is not None or not self.filled:
            return False
        return self._count >= FOLD_CHECK_INS or time.monotonic() >= self._due

    def fold_some(self, connection: Connection) -> bool:
        """Gives some devices' rows what the log has; returns whether it has to be called again."""
        if self._folded is None:
            # What a fold that failed has left is still in the log, and may be older.
            self._folding |= self._unfolded
            self._unfolded, self._order, self._folded = {}, sorted(self._folding), 0
            self._count = 0
            self._until = connection.scalar(select(func.max(check_in_log.c.id))) or 0
        some = self._order[self._folded : self._folded + FOLD_ROWS]
        if some:
            self._folded += len(some)
            states = (self._folding.get(device_id) for device_id in some)
            rows = [check_in_values(state) for state in states if state is not None]
            self._upsert.run(connection, rows)
            return True
        connection.execute(delete(check_in_log).where(check_in_log.c.id <= self._until))
        return False

    def folded(self, done: Future[None]) -> None:
        """Notes that all of it was folded, or failed and has to begin again."""
        self._folded, self._due = None, time.monotonic() + FOLD_S
        if not done.cancelled() and done.exception() is None:
            self._folding.clear()


def read_log(connection: Connection, devices: Mapping[str, Device]) -> set[str]:
    """Gives devices the states that the log has of them, unless theirs are later.

    Returns:
        The ids of those in the log.
    """
    logged: set[str] = set()
    rows = connection.scalars(select(check_in_log.c.check_ins).order_by(check_in_log.c.id))
    for text in rows:
        for key, address, address_heard, seen, heard, visit_heard, visits, gaps in json.loads(text):
            device = devices.get(key)
            if device is None or heard < device.last_heard:
                continue
            logged.add(key)
            device.address, device.address_heard = address, address_heard
            device.last_seen, device.last_heard = seen, heard
            if isinstance(gaps, int):
                # A row that was written meanwhile may have it already.
                gaps = [*device.gaps, gaps][-MAX_GAPS:] if device.visits == visits - 1 else None
            device.visit_heard, device.visits = visit_heard, visits
            device.gaps = device.gaps if gaps is None else gaps
    for key in logged:
        devices[key].__post_init__()
    return logged
