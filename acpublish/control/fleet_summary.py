"""What a fleet is like in a few figures: what its devices run, and which of them need somebody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from acpublish.control.device_query import (
    TROUBLES,
    Trouble,
    believed_version,
    trouble_of,
)
from acpublish.control.fleet_state import FleetState
from acpublish.fleet.adoption_history import VersionCount, version_counts
from acpublish.fleet.known_device import Device
from acpublish.fleet.moments import DAY_S, Moment

#: How many devices of each trouble have their names.
MAX_NAMED = 5


@dataclass(slots=True)
class Troubled:
    """The devices with one trouble.

    Attributes:
        count: How many there are.
        devices: Some of them, those first that were seen last.
    """

    count: int = 0
    devices: list[Device] = field(default_factory=list)

    def add(self, device: Device) -> None:
        """Adds a device."""
        self.count += 1
        named = self.devices
        if len(named) < MAX_NAMED or device.last_seen > named[-1].last_seen:
            named.append(device)
            named.sort(key=lambda each: -each.last_seen)
            del named[MAX_NAMED:]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSummary:
    """The figures.

    Attributes:
        devices: How many devices there are.
        today: How many of them were seen within a day.
        versions: How many run which version, the most frequent first.
        troubles: Those that need somebody.
    """

    devices: int
    today: int
    versions: tuple[VersionCount, ...]
    troubles: dict[Trouble, Troubled]


def all_devices(state: FleetState) -> list[Device]:
    """Returns all devices as a list of its own, for a thread, while others are added."""
    every: list[Device] = []
    for own in state.products.values():
        every += own.devices.values()
    return every


def running(devices: Iterable[Device]) -> Iterator[tuple[str, str | None]]:
    """Yields the product of each device, and the version that it is believed to run."""
    return ((device.product, believed_version(device)) for device in devices)


def summed_up(devices: list[Device], now: Moment) -> FleetSummary:
    """Looks at all devices; it changes nothing, so it may be called from a thread.

    Args:
        devices: All devices (:func:`all_devices`).
        now: The present.
    """
    troubles: dict[Trouble, Troubled] = {trouble: Troubled() for trouble in TROUBLES}
    today, since = 0, now.at - DAY_S
    for device in devices:
        today += device.last_seen >= since
        trouble = trouble_of(device, now)
        if trouble is not None:
            troubles[trouble].add(device)
    return FleetSummary(
        devices=len(devices),
        today=today,
        versions=version_counts(running(devices)),
        troubles=troubles,
    )
