from __future__ import annotations

import copy
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from acpublish.fleet.known_device import Device, OfferNote
from acpublish.fleet.penalty import EMPTY_BOX, Box
from acpublish.store.database import path_of
from acpublish.store.device_rows import snapshot
from acpublish.store.stored import read
from acpublish.store.stored_device import StoredDevice
from tests.unit.store.making import full_device, opened, plain_device, row_of

EMPTY: dict[str, Any] = {"firmware": None, "filesystem": None, "box": EMPTY_BOX, "offers": ()}


@pytest.fixture
def loaded(tmp_path: Path) -> Device:
    with opened(tmp_path) as store:
        store.keep(full_device(1), plain_device(2))
    return read(tmp_path).devices[full_device(1).id]


@pytest.mark.parametrize("name", EMPTY)
def test_what_is_set_before_anybody_asks_for_the_story_stays(loaded: Device, name: str) -> None:
    setattr(loaded, name, EMPTY[name])
    assert loaded == full_device(1, **{name: EMPTY[name]})
    assert getattr(loaded, name) == EMPTY[name]


def test_it_is_the_device_that_was_stored(loaded: Device) -> None:
    full = full_device(1)
    assert loaded == full
    assert full == loaded
    assert loaded != plain_device(2)
    assert loaded != full.id
    assert replace(loaded, name="x") == replace(full, name="x")
    assert copy.deepcopy(loaded) == copy.copy(loaded) == full
    assert row_of(snapshot(loaded)) == row_of(snapshot(full))
    assert not hasattr(loaded, "colour")


def test_a_story_that_nobody_changed_is_written_as_it_was_read(loaded: Device) -> None:
    text = row_of(snapshot(loaded))["story"]
    assert row_of(snapshot(loaded))["story"] is text
    loaded.obstacle = ""
    assert loaded.offers
    assert row_of(snapshot(loaded))["story"] is text
    loaded.offers = loaded.offers[1:]
    changed = full_device(1, offers=loaded.offers)
    assert row_of(snapshot(loaded))["story"] == row_of(snapshot(changed))["story"] != text


def test_a_device_without_a_story_has_none(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.keep(plain_device(2))
    (device,) = read(tmp_path).devices.values()
    assert {name: getattr(device, name) for name in EMPTY} == EMPTY


@pytest.mark.parametrize("story", ["{", "[1]", '{"box": 3}', '{"firmware": {"at": 1}}'])
def test_a_damaged_story_counts_as_none(
    story: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path) as store:
        store.keep(full_device(1))
    with closing(sqlite3.connect(path_of(tmp_path))) as connection, connection:
        connection.execute("UPDATE devices SET story = ?", (story,))
    (device,) = read(tmp_path).devices.values()
    assert device == full_device(1, **EMPTY)
    assert [record.getMessage()[:36] for record in caplog.records] == [
        "the story of lamp/a4:cf:00:00:00:01 "
    ]


def test_flags_are_true_or_false(loaded: Device, tmp_path: Path) -> None:
    # The database has 0 and 1.
    assert [loaded.unverified, loaded.hold, loaded.report.updater] == [True] * 3
    assert loaded.unverified is loaded.hold is loaded.report.updater is True
    assert loaded.pin is not None
    assert loaded.pin.order_back is True


def test_texts_that_many_devices_share_are_in_memory_once(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.keep(full_device(1), full_device(2))
    first, second = read(tmp_path).devices.values()
    assert first.board is second.board
    assert first.report.sketch_md5 is second.report.sketch_md5


@pytest.mark.parametrize(
    ("fields", "failed"),
    [
        ({"box": EMPTY_BOX, "offers": ()}, False),
        (
            {"box": EMPTY_BOX, "offers": (OfferNote(1.0, "1.0.0", "firmware", None, "running"),)},
            False,
        ),
        ({"box": EMPTY_BOX, "offers": (OfferNote(1.0, "1.0.0", "firmware", None, "whole"),)}, True),
        (
            {"box": EMPTY_BOX, "offers": (OfferNote(1.0, "1.0.0", "firmware", None, "silent"),)},
            True,
        ),
        ({"box": Box(broken=10), "offers": ()}, True),
    ],
)
def test_whether_it_may_have_failed_shows_without_its_story(
    tmp_path: Path, fields: dict[str, Any], failed: bool
) -> None:
    with opened(tmp_path) as store:
        store.keep(full_device(1, **fields))
    device = read(tmp_path).devices[full_device(1).id]
    assert isinstance(device, StoredDevice)
    assert device.may_have_failed() == device.may_have_failed() == failed
    assert device._decoded is None
    device.box = Box(whole=3)
    assert device.may_have_failed()
