from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from acpublish.fleet.known_device import Device, Pin, new_device
from acpublish.store.device_rows import marks_of, snapshot
from acpublish.store.schema import devices
from acpublish.store.stored import read
from acpublish.wire import NO_REPORT, Report
from tests.unit.fleet.making import moment
from tests.unit.store.making import full_device, opened, row_of


def stored(state: Path, *kept: Device) -> dict[str, Device]:
    with opened(state) as store:
        store.keep(*kept)
    return read(state).devices


def test_the_full_device_has_another_value_than_the_default_in_each_field() -> None:
    full, new = full_device(), new_device("lamp/x", moment())
    for field in dataclasses.fields(Device):
        if field.compare and field.name not in ("product", "first_seen", "first_heard"):
            assert getattr(full, field.name) != getattr(new, field.name), field.name
    for name, default in NO_REPORT._asdict().items():
        # A stored report is one for firmware.
        assert name == "mode" or getattr(full.report, name) != default


def test_every_field_of_a_device_comes_back(tmp_path: Path) -> None:
    full, new = full_device(), new_device("lamp/~0123456789abcdef", moment(2))
    assert stored(tmp_path, full, new) == {full.id: full, new.id: new}


def test_each_column_is_filled() -> None:
    row = row_of(snapshot(full_device()))
    assert set(row) == {column.name for column in devices.columns}
    assert all(value is not None for value in row.values())


def test_a_snapshot_stays_as_it_was() -> None:
    device = full_device()
    before = snapshot(device)
    device.name, device.runs, device.report = "other", "2.0.0", Report()
    row = row_of(before)
    assert (row["name"], row["runs"], row["claims"]) == ("küche", "1.0.0", "1.0.0")


@pytest.mark.parametrize("pin", [None, Pin("1.0.0"), Pin("1.0.0", True)])
def test_pins(pin: Pin | None, tmp_path: Path) -> None:
    device = full_device(pin=pin)
    assert stored(tmp_path, device)[device.id].pin == pin


def test_marks_are_tags_and_groups() -> None:
    assert marks_of(full_device()) == {("tag", "a"), ("tag", "b"), ("group", "house")}
