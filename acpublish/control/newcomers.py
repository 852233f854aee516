"""How many devices an address may add: who can send check-ins can invent MAC addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from acpublish.bounded import BoundedDict
from acpublish.fleet.known_device import Device
from acpublish.fleet.moments import DAY_S, HOUR_S, Moment

_LEAST_NEW = 1_000
#: The part of the capacity that an address may add in an hour.
_NEW_PART = 10
_MAX_ADDRESSES = 20_000
#: A device that was not heard for so long, in days, may be forgotten when there is no room.
_IDLE_DAYS = 30


class Newcomers:
    """Counts what each address adds in an hour."""

    def __init__(self, capacity: int) -> None:
        """Starts to count.

        Args:
            capacity: The most devices that there may be.
        """
        self.limit = max(_LEAST_NEW, capacity // _NEW_PART)
        #: Whether many devices share an address, as behind a proxy that does not pass theirs on.
        self.shared: Callable[[str], bool] = _nobody
        self._hour = -1
        self._added: BoundedDict[str | None, int] = BoundedDict(_MAX_ADDRESSES)

    def admits(self, address: str | None, at: float) -> bool:
        """Counts a new device, unless its address has added too many in this hour.

        Args:
            address: The address; None if it is not known.
            at: Seconds since 1970.
        """
        if address is not None and self.shared(address):
            return True
        hour = int(at) // HOUR_S
        if hour != self._hour:
            self._hour = hour
            self._added.clear()
        network = network_of(address)
        added = self._added.get(network, 0)
        if added >= self.limit:
            return False
        self._added[network] = added + 1
        return True

    @staticmethod
    def may_forget(device: Device, now: Moment) -> bool:
        """Returns whether a device may be forgotten if there is no room for others.

        What people have named, tagged, pinned or held stays.
        """
        if device.name or device.note or device.tags or device.groups or not device.staged:
            return False
        return device.visits <= 1 or now.at - device.last_seen > _IDLE_DAYS * DAY_S


def network_of(address: str | None) -> str | None:
    """Returns an address, or of one of IPv6 its /64, because a single host has all of that."""
    if address is None or ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    return str(parsed.ipv4_mapped or parsed.packed[:8].hex())


def _nobody(_: str) -> bool:
    return False
