"""Writes the store that stays: ``python -m tests.compat.stores``, once for each schema.

``schema-N.sql`` has the statements that make it, and ``schema-N.json`` all that it has. Files that
are there are never written again.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from acpublish.fleet.adoption_history import VersionCount
from acpublish.fleet.moments import Listening
from acpublish.store.database import path_of
from acpublish.store.fleet_store import FleetStore
from acpublish.store.schema import SCHEMA
from acpublish.store.stored import Stored
from tests.unit.store.making import full_device, full_live, plain_device

HERE = Path(__file__).resolve().parent


def written(state: Path) -> tuple[Stored, str]:
    """Writes a store with something in every table and every field.

    Returns:
        What it has, and the statements that make it, as a server leaves it that was killed.
    """
    store = FleetStore.open(state)
    device = full_device(1)
    store.keep(device, plain_device(2))
    device.last_seen, device.last_heard = device.last_seen + 60, device.last_heard + 60
    store.note(device)
    made = full_live()
    store.keep_rollout(made)
    for key, part in made.progress.parts():
        store.note_part(made.rollout.id, key, part)
    store.note_versions(7200.5, (VersionCount("lamp", "1.0.0", 2), VersionCount("lamp", "", 1)))
    store.note_listening(Listening(5.5, 100.5), 101.5)
    store.written().result(5)
    with closing(sqlite3.connect(path_of(state))) as connection:
        lines = "\n".join(connection.iterdump())
    stored = store.load()
    store.close()
    return stored, lines


def plain(value: Any) -> Any:
    """Returns anything that a store has as JSON types, by the names of its fields."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: plain(each) for name, each in value._asdict().items()}
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    return value


def content(stored: Stored) -> dict[str, Any]:
    """Returns what a store has as one document."""
    return {
        "devices": plain(stored.devices),
        "rollouts": [rollout.to_dict() for rollout in stored.rollouts],
        "lives": [
            {
                "parts": plain(dict(live.progress.parts())),
                "chosen": plain(live.progress.chosen),
                "added": plain(live.progress.added),
            }
            for live in stored.lives
        ],
        "listening": [stored.listening.total_s, stored.listening.since, stored.listened_at],
        "samples": plain(stored.samples),
    }


def main() -> int:
    """Writes the store of this schema."""
    dump, said = (HERE / f"schema-{SCHEMA}.{kind}" for kind in ("sql", "json"))
    if dump.exists() or said.exists():
        print(f"{dump} is there, and what a schema wrote never changes", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        stored, lines = written(Path(folder))
        document = content(stored)
    dump.write_text(f"{lines}\n", encoding="utf-8")
    said.write_text(f"{json.dumps(document, indent=1, ensure_ascii=False)}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
