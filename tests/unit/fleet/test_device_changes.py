"""What people say of a device: what is accepted, what is refused, and how it travels."""

from __future__ import annotations

from typing import Any

import pytest

from acpublish.errors import AcpublishError, BadNameError, ManifestError, SettingsError
from acpublish.fleet.device_changes import MAX_MARKS, DeviceChange
from acpublish.fleet.known_device import Device, Pin

DEVICE = Device("lamp/a", "lamp", name="hall", tags=frozenset({"a"}), pin=Pin("1.0.0"))


@pytest.mark.parametrize(
    ("change", "result"),
    [
        (DeviceChange(), {}),
        (DeviceChange(name="hall"), {}),
        (DeviceChange(name="  Küche 2 "), {"name": "Küche 2"}),
        (DeviceChange(name=""), {"name": ""}),
        (DeviceChange(note="above the door"), {"note": "above the door"}),
        (DeviceChange(add_tags=("b",), remove_tags=("a", "c")), {"tags": frozenset({"b"})}),
        (DeviceChange(add_groups=("house",)), {"groups": frozenset({"house"})}),
        (DeviceChange.to_version("2.0.0", order_back=True), {"pin": Pin("2.0.0", True)}),
        (DeviceChange.to_nothing(), {"pin": None, "hold": True}),
        (DeviceChange.to_anything(), {"pin": None}),
    ],
)
def test_what_changes(change: DeviceChange, result: dict[str, Any]) -> None:
    assert change.result(DEVICE) == result
    assert DeviceChange.from_dict(change.to_dict()) == change


@pytest.mark.parametrize(
    ("change", "kind", "problem"),
    [
        (DeviceChange(name="x" * 65), SettingsError, "the name is 65 characters long"),
        (DeviceChange(name="a\x1b[2J"), SettingsError, "control character"),
        (DeviceChange(name="a\u202eb"), SettingsError, "the name contains a character that cannot"),
        (DeviceChange(note="a\u2028b"), SettingsError, "the note contains a character that cannot"),
        (DeviceChange(add_tags=("a\u200b",)), BadNameError, "is not the name of a tag"),
        (DeviceChange(name="\ud800"), SettingsError, "not valid Unicode"),
        (DeviceChange(name="24-0A-C4-00-00-01"), SettingsError, "is a MAC address"),
        (DeviceChange(name="lamp/240ac4000001"), SettingsError, "is a MAC address"),
        (DeviceChange(note="x" * 1001), SettingsError, "the note is 1001 characters long"),
        (DeviceChange(add_tags=("Kitchen",)), BadNameError, "'Kitchen' is not the name of a tag"),
        (DeviceChange(add_groups=("",)), BadNameError, "'' is not the name of a group"),
        (
            DeviceChange(add_tags=tuple(f"t{number}" for number in range(MAX_MARKS))),
            SettingsError,
            "would have 33 tags; the limit is 32",
        ),
    ],
)
def test_what_is_refused(change: DeviceChange, kind: type[AcpublishError], problem: str) -> None:
    with pytest.raises(kind, match=problem):
        change.result(DEVICE)


@pytest.mark.parametrize(
    "document",
    [
        [],
        None,
        {"nmae": "x"},
        {"name": 1},
        {"hold": "yes"},
        {"add_tags": "a"},
        {"add_tags": [1]},
        {"pin": "1.0.0"},
        {"pin": {}},
        {"pin": {"version": "one"}},
        {"pin": {"version": "1.0.0", "orderback": True}},
    ],
)
def test_a_document_that_is_not_a_change(document: Any) -> None:
    with pytest.raises(ManifestError):
        DeviceChange.from_dict(document)
