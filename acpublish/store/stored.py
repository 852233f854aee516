"""All that a store has, read at one moment: by the server at its start, by commands at any time."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, select

from acpublish.errors import AcpublishError, StoreError
from acpublish.fleet.adoption_history import Sample
from acpublish.fleet.advancing import Live
from acpublish.fleet.known_device import Device
from acpublish.fleet.moments import Listening
from acpublish.fleet.rollout import Rollout
from acpublish.store import schema
from acpublish.store.check_in_log import read_log
from acpublish.store.database import open_for_reading, path_of, store_errors
from acpublish.store.rollout_rows import SETTLED, load_ended, load_live, load_rollouts
from acpublish.store.sample_rows import load_samples
from acpublish.store.sqlite_file import DAMAGED, RESTORE
from acpublish.store.stored_device import load_devices


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What a store has.

    Attributes:
        devices: All devices, by id.
        logged: Those whose last check-in is in the log of check-ins.
        rollouts: All rollouts, the oldest first, also those that have ended.
        lives: Those of them with their progress that are open, halted or aborted.
        ended: Since when the rollouts are over that are, by id, in seconds since 1970.
        listening: The clock of listening.
        listened_at: When the server last listened for certain, in seconds since 1970.
        samples: What devices ran, hour by hour, the oldest first.
    """

    devices: dict[str, Device]
    logged: set[str]
    rollouts: list[Rollout]
    lives: list[Live]
    ended: dict[str, float]
    listening: Listening
    listened_at: float
    samples: list[Sample]

    @property
    def latest_heard(self) -> float:
        """The latest time on the clock of listening that is stored with anything.

        After a crash it may be later than the clock itself, which is stored once a second.
        """
        moments = [device.last_heard for device in self.devices.values()]
        for live in self.lives:
            back = live.rollout.way_back
            moments += [track.heard for track in live.rollout.tracks]
            moments += [live.rollout.silence_from, back.heard if back is not None else 0.0]
        return max(moments, default=0.0)


def read(state: Path) -> Stored:
    """Returns all that the store in a state folder has, also while a server writes it.

    Raises:
        StoreError: There is none, it is damaged or of another version, or it cannot be read.
    """
    path = path_of(state)
    return load_all(open_for_reading(path), path)


def read_live(state: Path, rollout: Rollout) -> Live:
    """Returns a rollout with its progress, likewise.

    Raises:
        StoreError: As for :func:`read`.
    """
    path = path_of(state)
    return load_one(open_for_reading(path), path, rollout)


def load_all(engine: Engine, path: Path) -> Stored:
    """Returns all that a store has.

    Raises:
        StoreError: It cannot be read.
    """
    with _reading(engine, path, stays=True) as connection:
        devices = load_devices(connection)
        rollouts = load_rollouts(connection)
        row = connection.execute(select(schema.listening)).first()
        total_s, since, known_at = row[1:] if row is not None else (0.0, None, 0.0)
        return Stored(
            devices=devices,
            logged=read_log(connection, devices),
            rollouts=rollouts,
            lives=[
                load_live(connection, rollout)
                for rollout in rollouts
                # The others are loaded when somebody asks for them.
                if rollout.state not in SETTLED
            ],
            ended=load_ended(connection),
            listening=Listening(total_s, since),
            listened_at=known_at,
            samples=load_samples(connection),
        )


def load_one(engine: Engine, path: Path, rollout: Rollout) -> Live:
    """Returns a rollout with its progress.

    Raises:
        StoreError: It cannot be read.
    """
    with _reading(engine, path) as connection:
        return load_live(connection, rollout)


@contextlib.contextmanager
def _reading(engine: Engine, path: Path, *, stays: bool = False) -> Iterator[Connection]:
    """Reads everything as it is at one moment, with the errors of a store.

    Args:
        engine: The database.
        path: Its file.
        stays: Whether what is read stays for as long as the process.
    """
    enabled = gc.isenabled()
    # Very many objects are made, and the collector would look at them again and again.
    gc.disable()
    try:
        with store_errors(f"the fleet's store {path} cannot be read"), engine.connect() as reader:
            yield reader
    except StoreError:
        raise
    except (AcpublishError, ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"the fleet's store {path} cannot be read: {DAMAGED}"
        raise StoreError(problem, hint=RESTORE) from error
    finally:
        if stays:
            # Nor must it ever: that would stop a server with 100,000 devices for half a second.
            gc.freeze()
        if enabled:
            gc.enable()
