"""Devices and rollouts with something in every field, and stores to keep them in."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event

from acpublish.fleet.advancing import Live
from acpublish.fleet.known_device import Device, OfferNote, Pin
from acpublish.fleet.penalty import Box
from acpublish.fleet.progress import Before, Outcome, Part
from acpublish.release.received import Received
from acpublish.store import schema
from acpublish.store.device_rows import check_in_values, values_of
from acpublish.store.fleet_store import FleetStore
from acpublish.wire import Mode, Report
from tests.unit.fleet.making import device, live, mac

PATIENCE_S = 20.0


def full_device(number: int = 1, **fields: Any) -> Device:
    """Returns a device with another value than the default in every field."""
    received = Received(
        at=5.5,
        kind="firmware",
        sha256="a" * 64,
        claim="1.0.0",
        sketch_md5="b" * 32,
        sketch_sha256=None,
    )
    said = Report(
        "esp32", True, Mode.SKETCH, "1.0.0", "c" * 32, "d" * 64, 11, 12, 13, "v5", mac(number), "ap"
    )
    values: dict[str, Any] = {
        "address_heard": 1.25,
        "chip": "esp32c3",
        "runs": "1.0.0",
        "unverified": True,
        "name": "küche",
        "note": "über der Tür",
        "tags": frozenset({"a", "b"}),
        "groups": frozenset({"house"}),
        "pin": Pin("0.9.0", True),
        "hold": True,
        "firmware": received,
        "filesystem": Received(
            at=6.5,
            kind="filesystem",
            sha256="e" * 64,
            claim=None,
            sketch_md5=None,
            sketch_sha256="f" * 64,
        ),
        "box": Box(("a" * 64, "b" * 32, None, "1.0.0"), 2, 1, 99.5, 98.5),
        "offers": (
            OfferNote(1.0, "1.0.0", "firmware", "r1", "whole"),
            OfferNote(2.0, "2.0.0", "filesystem", None),
        ),
        "obstacle": "failed",
    }
    return device(number, seen=2.0, said=said, gaps=(3600, 7200), **{**values, **fields})


def plain_device(number: int, name: str = "") -> Device:
    """Returns a device as most are."""
    return device(number, name=name)


def full_part(**fields: Any) -> Part:
    """Returns a part with another value than the default in every field."""
    values: dict[str, Any] = {
        "board": "d1",
        "stage": 1,
        "stage_heard": 2.5,
        "offered_at": 3.5,
        "delivered_at": 4.5,
        "address": "10.0.0.7",
        "before": Before("a" * 32, "b" * 64, "1.0.0"),
        "firmware": False,
        "outcome": Outcome.OLD,
        "counts": True,
        "verified": False,
        "back_at": 5.5,
        "returned": True,
    }
    return Part(**{**values, **fields})


def full_live() -> Live:
    """Returns a rollout with parts, and devices by number and from the one before."""
    made = live("1,10%,100%", halt="3,5%", window="02:00-05:00")
    made.progress.put("lamp/a", full_part())
    made.progress.put("lamp/b", full_part(offered_at=None, outcome=Outcome.RUNNING))
    made.progress.chosen = {"lamp/a": 0, "lamp/c": 1}
    made.progress.added = frozenset({"lamp/d", "lamp/e"})
    return made


def row_of(taken: tuple[Any, ...]) -> dict[str, Any]:
    """Returns the row of a device by its snapshot."""
    return dict(zip(schema.devices.columns.keys(), values_of(taken), strict=True))


def check_in_row(taken: tuple[Any, ...]) -> dict[str, Any]:
    """Returns the row of a check-in by its snapshot."""
    return dict(zip(schema.check_ins.columns.keys(), check_in_values(taken), strict=True))


@contextmanager
def opened(state: Path, **options: Any) -> Iterator[FleetStore]:
    """Opens a store for a while."""
    store = FleetStore.open(state, **options)
    try:
        yield store
    finally:
        store.close()


class Quota:
    """A limit of a store's size that SQLite keeps, as a full disk does."""

    def __init__(self, store: FleetStore) -> None:
        self.pages = 0
        event.listen(store._engine, "connect", self._connected)

    def _connected(self, connection: Any, _record: object) -> None:
        if self.pages:
            connection.execute(f"PRAGMA max_page_count={self.pages}")


def until(condition: Callable[[], object]) -> None:
    """Waits until something is so."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it never was so"
        time.sleep(0.005)


def in_thread(function: Callable[[], object]) -> threading.Thread:
    """Starts a function in a thread."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread
