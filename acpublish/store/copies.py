"""Backups of the store: a copy of one moment, and the way back to it."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from acpublish import atomic
from acpublish.errors import StoreError
from acpublish.store import schema
from acpublish.store.database import Held, open_copy, open_for_reading, path_of, store_errors
from acpublish.store.sqlite_file import DAMAGED, INDEX, LOG, copy_into, damage_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What a backup has, or a store after it was restored.

    Attributes:
        path: The file.
        devices: How many devices it has.
        rollouts: How many rollouts it has.
        aside: Where the store is that was there before; None if there was none.
    """

    path: Path
    devices: int
    rollouts: int
    aside: Path | None = None


def back_up(state: Path, file: Path) -> Copied:
    """Copies the store of a state folder, while a server may write it.

    Args:
        state: The state folder.
        file: The copy, which must not exist yet. Only its owner can read it.

    Raises:
        StoreError: There is no store, it is damaged, or the copy cannot be written.
    """
    what = f"the backup {file} cannot be written"
    _refuse_existing(file)
    engine = open_for_reading(path_of(state))
    with store_errors(what), atomic.incoming_part(file.absolute(), mode=0o600) as part:
        copy_into(engine, part)
        copied = _looked_at(part, file)
        _refuse_existing(file)
    return copied


def restore(state: Path, file: Path) -> Copied:
    """Puts a backup in the place of the store of a state folder, which is kept beside it.

    Args:
        state: The state folder, which no server may be using.
        file: The backup.

    Raises:
        StoreError: A server uses the store, the file is not a backup, or it cannot be copied.
    """
    what = f"the backup {file} cannot be restored"
    backup = open_copy(file)
    store = path_of(state)
    held = Held(state)
    try:
        with store_errors(what), atomic.incoming_part(store, mode=0o600) as part:
            copy_into(backup, part)
            copied = _looked_at(part, store)
            # From here on nothing can be refused any more but the change of the names.
            aside = _put_aside(store)
    finally:
        held.release()
    return Copied(path=store, devices=copied.devices, rollouts=copied.rollouts, aside=aside)


def _refuse_existing(file: Path) -> None:
    if file.is_symlink() or file.exists():
        raise StoreError(
            f"the backup {file} exists already, and is not overwritten",
            hint="Use another name, such as one with the date.",
        )


def _looked_at(file: Path, shown: Path) -> Copied:
    """Returns what a copy has.

    Raises:
        StoreError: It is damaged.
    """
    engine = open_copy(file)
    with store_errors(f"{shown} cannot be read"):
        if damage := damage_of(engine):
            raise StoreError(
                f"{shown} cannot be used: {DAMAGED} ({damage})",
                hint="Use an older backup; nothing was changed.",
            )
        with engine.connect() as connection:
            devices, rollouts = (
                connection.execute(select(func.count()).select_from(table)).scalar() or 0
                for table in (schema.devices, schema.rollouts)
            )
    return Copied(path=shown, devices=devices, rollouts=rollouts)


def _put_aside(store: Path) -> Path | None:
    """Gives the store that is there another name, with its log of changes if it has one."""
    log, index = (store.with_name(store.name + suffix) for suffix in (LOG, INDEX))
    aside = None
    if store.exists():
        aside = _free_name(store)
        for part, name in ((store, aside), (log, aside.with_name(aside.name + LOG))):
            if part.exists():
                with atomic.prepared_link(name, part, store.parent) as put_in_place:
                    put_in_place()
    # The log must never be taken for that of the backup.
    log.unlink(missing_ok=True)
    index.unlink(missing_ok=True)
    return aside


def _free_name(store: Path) -> Path:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    names = (f"{store.name}.before-{stamp}{'-' * bool(at)}{at or ''}" for at in itertools.count())
    return next(path for path in map(store.with_name, names) if not path.exists())
