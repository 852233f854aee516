"""An index of very many devices, so that a list of some of them need not look at all of them.

It is made in a thread, and soon older than what it is about. So it only says where to look: each
device is compared as it is now, and those that have changed since then are always compared
(:attr:`acpublish.control.fleet_state.FleetState.lately`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from acpublish.control.device_query import DeviceFilter, Trouble, believed_version, trouble_of
from acpublish.control.device_table import AWAY_S, MAX_CHOICES, Order, Totals, in_order, sort_key
from acpublish.fleet.known_device import Device, has_flags
from acpublish.fleet.moments import Moment

#: The conditions that compare a value.
_VALUES = ("product", "board", "version", "tag", "group")
#: If a larger share than one of so many may match, looking at all of them in order is as quick.
_FEW = 3
#: The same for a text, because it takes longer to find it so often.
_FEW_TEXTS = 20

Changed = Mapping[str, Device | None]


class DeviceIndex:
    """The devices at one time.

    Attributes:
        totals: What is counted of them.
        changed: By id, what has changed since, until the next index was begun; None for a device
            that was forgotten. The event loop adds to it.
    """

    def __init__(self, devices: Sequence[Device], now: Moment, changed: Changed) -> None:
        """Looks at all devices; for a thread.

        Args:
            devices: The devices; nobody else has this list.
            now: The present.
            changed: Gets what changes from now on.
        """
        self.changed = changed
        self._devices = devices
        self._flagged = list(filter(has_flags, devices))
        self._by_trouble: dict[Trouble | None, list[Device]] = defaultdict(list)
        for device in devices:
            self._by_trouble[trouble_of(device, now)].append(device)
        # Whatever does not fit is stuck as well.
        self._stuck = self._by_trouble["unfit"] + self._by_trouble["stuck"]
        self._by_value = _by_value(devices)
        oldest_first = Order("last_seen", descending=False)
        self._orders = {oldest_first: in_order(devices, oldest_first)}
        self._by_age = self._orders[oldest_first]
        self._seen = [device.last_seen for device in self._by_age]
        self._text: tuple[str, list[int]] | None = None
        self.totals = Totals(
            flagged=len(self._flagged),
            stuck=len(self._stuck),
            away=bisect_right(self._seen, now.at - AWAY_S),
            choices={name: _choices(own) for name, own in self._by_value.items()},
        )

    def matching(
        self, wanted: DeviceFilter, order: Order, changed: Changed, now: Moment
    ) -> list[Device]:
        """Returns the devices to which conditions apply, in an order; for a thread.

        Args:
            wanted: The conditions.
            order: The order.
            changed: What has changed since the index was begun.
            now: The present.
        """
        few = self._few(wanted, now.at)
        within = self._in_order(order) if few is None else few
        if changed:
            within = [device for device in within if device.id not in changed]
        others = [device for device in changed.values() if device is not None]
        if few is not None:
            return in_order(wanted.select([*within, *others], now), order)
        others = in_order(wanted.select(others, now), order)
        return _merged(wanted.select(within, now), others, order)

    def _few(self, wanted: DeviceFilter, at: float) -> list[Device] | None:
        """Returns few devices among which are all that match; None if there may be many."""
        places = [
            self._by_value[name].get(value, [])
            for name in _VALUES
            if (value := getattr(wanted, name)) is not None
        ]
        if wanted.flagged:
            places.append(self._flagged)
        if wanted.stuck:
            places.append(self._stuck)
        if wanted.trouble is not None:
            places.append(self._by_trouble.get(wanted.trouble, []))
        if wanted.not_seen_s is not None:
            places.append(self._by_age[: bisect_right(self._seen, at - wanted.not_seen_s)])
        if wanted.text and (found := self._containing(wanted.text)) is not None:
            places.append(found)
        few = min(places, key=len, default=self._devices)
        return list(few) if len(few) <= len(self._devices) // _FEW else None

    def _containing(self, text: str) -> list[Device] | None:
        """Returns the devices whose line contains a text; None if they are many."""
        most = len(self._devices) // _FEW_TEXTS
        lines, ends = self._lines()
        found: list[Device] = []
        at = lines.find(text)
        while at >= 0 and len(found) <= most:
            number = bisect_right(ends, at)
            found.append(self._devices[number])
            at = lines.find(text, ends[number])
        return found if at < 0 else None

    def _lines(self) -> tuple[str, list[int]]:
        """Returns what can be searched for, a line for each device, and where each of them ends."""
        if self._text is None:
            lines = [
                f"{device.id} {device.address} {device.name.lower()}\n" for device in self._devices
            ]
            self._text = "".join(lines), list(accumulate(map(len, lines)))
        return self._text

    def _in_order(self, order: Order) -> list[Device]:
        own = self._orders.get(order)
        if own is None:
            own = self._orders[order] = in_order(self._devices, order)
        return own


def _by_value(devices: Iterable[Device]) -> dict[str, dict[str, list[Device]]]:
    """Returns the devices by what they are filtered by, and then by its value."""
    own: dict[str, dict[str, list[Device]]] = {name: defaultdict(list) for name in _VALUES}
    products, boards, versions, tags, groups = own.values()
    for device in devices:
        products[device.product].append(device)
        boards[device.board].append(device)
        versions[believed_version(device) or ""].append(device)
        for tag in device.tags:
            tags[tag].append(device)
        for group in device.groups:
            groups[group].append(device)
    return own


def _choices(own: Mapping[str, Sequence[Device]]) -> tuple[str, ...]:
    """Returns the values that most devices have."""
    values = sorted(filter(None, own), key=lambda value: len(own[value]), reverse=True)
    return tuple(sorted(values[:MAX_CHOICES]))


def _merged(within: list[Device], others: Iterable[Device], order: Order) -> list[Device]:
    """Returns both lists, which are in an order, as one."""
    key, merged, begin = sort_key(order), list[Device](), 0
    for device in others:
        own, low, high = key(device), begin, len(within)
        while low < high:
            middle = (low + high) // 2
            before = key(within[middle])
            if before > own if order.descending else before < own:
                low = middle + 1
            else:
                high = middle
        merged += within[begin:low]
        merged.append(device)
        begin = low
    return merged + within[begin:]
