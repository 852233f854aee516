"""What people say of a device and want for it: names, notes, tags, groups, pins and holds.

Texts are checked here, where they come in; a change is made completely or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from acpublish.errors import BadNameError, SettingsError
from acpublish.fleet.known_device import Device, Pin, mac_address
from acpublish.release import names
from acpublish.release.documents import Fields
from acpublish.release.text import MAX_NAME_CHARACTERS, text_fault
from acpublish.release.version import Version

MAX_NOTE_CHARACTERS = 1000
#: How many tags, and how many groups, a device may have.
MAX_MARKS = 32
_FIX = "See the reference of the HTTP API."


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceChange:
    """A change; what is None or empty stays as it is.

    Attributes:
        name: What to call the device; empty for no name.
        note: What to say of it; empty for nothing.
        add_tags: Tags that it gets.
        remove_tags: Tags that it loses.
        add_groups: Groups that it joins.
        remove_groups: Groups that it leaves.
        pin: The only version to offer it.
        clear_pin: Whether a pin ends.
        hold: Whether to offer it nothing.
    """

    name: str | None = None
    note: str | None = None
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    add_groups: tuple[str, ...] = ()
    remove_groups: tuple[str, ...] = ()
    pin: Pin | None = None
    clear_pin: bool = False
    hold: bool | None = None

    @classmethod
    def to_version(cls, version: str, *, order_back: bool = False) -> DeviceChange:
        """Returns the change that pins a device; a hold ends.

        Raises:
            VersionError: The version is not one.
        """
        return cls(pin=Pin(str(Version.parse(version)), order_back), hold=False)

    @classmethod
    def to_nothing(cls) -> DeviceChange:
        """Returns the change that holds a device; a pin ends."""
        return cls(hold=True, clear_pin=True)

    @classmethod
    def to_anything(cls) -> DeviceChange:
        """Returns the change that ends a pin and a hold."""
        return cls(hold=False, clear_pin=True)

    @classmethod
    def from_dict(cls, document: Any) -> DeviceChange:
        """Reads a change from JSON types.

        Raises:
            ManifestError: The document is something else.
        """
        fields = Fields(document, "request", _FIX)
        pin = fields.get("pin", dict, None)
        change = cls(
            name=fields.get("name", str, None),
            note=fields.get("note", str, None),
            add_tags=fields.strings("add_tags"),
            remove_tags=fields.strings("remove_tags"),
            add_groups=fields.strings("add_groups"),
            remove_groups=fields.strings("remove_groups"),
            pin=None if pin is None else _pin(Fields(pin, "request.pin", _FIX)),
            clear_pin="pin" in document and pin is None,
            hold=fields.get("hold", bool, None),
        )
        fields.need_no_more()
        return change

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON types, without what stays as it is."""
        document: dict[str, Any] = {"name": self.name, "note": self.note, "hold": self.hold}
        document = {key: value for key, value in document.items() if value is not None}
        for key in ("add_tags", "remove_tags", "add_groups", "remove_groups"):
            if values := getattr(self, key):
                document[key] = list(values)
        if self.pin is not None:
            document["pin"] = self.pin._asdict()
        elif self.clear_pin:
            document["pin"] = None
        return document

    def result(self, device: Device) -> Mapping[str, Any]:
        """Returns the fields of a device that change, as they will be.

        Raises:
            SettingsError: A text is too long, or contains what no terminal should show.
            BadNameError: A tag or a group is not a name.
        """
        after = {
            "name": device.name if self.name is None else _name(self.name),
            "note": device.note if self.note is None else _text("note", self.note),
            "tags": _marks("tag", device.tags, self.add_tags, self.remove_tags),
            "groups": _marks("group", device.groups, self.add_groups, self.remove_groups),
            "pin": self.pin or (None if self.clear_pin else device.pin),
            "hold": device.hold if self.hold is None else self.hold,
        }
        return {key: value for key, value in after.items() if value != getattr(device, key)}


def _pin(fields: Fields) -> Pin:
    version = fields.checked("version", Version.parse)
    pin = Pin(str(version), fields.get("order_back", bool, False))
    fields.need_no_more()
    return pin


def _name(text: str) -> str:
    name = _text("name", text, MAX_NAME_CHARACTERS)
    if mac_address(name) or mac_address(name.rpartition("/")[2]):
        raise SettingsError(
            f"the name {name!r} is a MAC address, by which devices are looked up",
            hint="Use another name.",
        )
    return name


def _text(what: str, text: str, limit: int = MAX_NOTE_CHARACTERS) -> str:
    clean = text.strip()
    if fault := text_fault(clean, limit):
        raise SettingsError(f"the {what} {fault}", hint=f"Use a shorter {what} on one line.")
    return clean


def _marks(
    what: str, before: frozenset[str], add: Iterable[str], remove: Iterable[str]
) -> frozenset[str]:
    after = (before | {_mark(what, name) for name in add}) - set(remove)
    if len(after) > MAX_MARKS:
        raise SettingsError(
            f"the device would have {len(after)} {what}s; the limit is {MAX_MARKS}",
            hint=f"Remove a {what} first.",
        )
    return after


def _mark(what: str, name: str) -> str:
    if not names.is_name(name):
        raise BadNameError(
            f"{name[:40]!r} is not the name of a {what}",
            hint="Use at most 32 lower-case letters, digits, '-', '_' and '.'.",
        )
    return name
