"""A table of very many devices: its order, what is counted above it, and what it is filtered by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

from acpublish.fleet.known_device import Device
from acpublish.fleet.moments import DAY_S
from acpublish.release.version import Version

#: The most values of one kind that are proposed as a filter, those of most devices first.
MAX_CHOICES = 200
#: A device that was not seen for so long is counted as away.
AWAY_S = DAY_S
#: What devices are ordered by, each with what sorts them.
_KEYS: Mapping[str, Callable[[Device], Any]] = {
    "device": lambda device: device.name.lower() or device.id,
    "product": attrgetter("product"),
    "board": attrgetter("board"),
    "first_seen": attrgetter("first_seen"),
    "last_seen": attrgetter("last_seen"),
}
COLUMNS = (*_KEYS, "runs")


class Order(NamedTuple):
    """The order of a list.

    Attributes:
        column: One of :data:`COLUMNS`.
        descending: Whether the last comes first.
    """

    column: str = "last_seen"
    descending: bool = True

    @classmethod
    def parse(cls, text: str) -> Order:
        """Reads the name of a column, which ``-`` reverses; anything else is the usual order."""
        order = cls(text.removeprefix("-"), text.startswith("-"))
        return order if order.column in COLUMNS else cls()

    def __str__(self) -> str:
        """Returns it as :meth:`parse` reads it."""
        return f"{'-' if self.descending else ''}{self.column}"


class Totals(NamedTuple):
    """What is to be known of all devices.

    Attributes:
        flagged: How many have a flag.
        stuck: How many something keeps from an update.
        away: How many were not seen for a day.
        choices: By the name of a filter, the values that devices have.
    """

    flagged: int
    stuck: int
    away: int
    choices: Mapping[str, tuple[str, ...]]


def in_order(devices: Iterable[Device], order: Order) -> list[Device]:
    """Returns devices in an order; those that are equal stay as they are; for a thread."""
    return sorted(devices, key=sort_key(order), reverse=order.descending)


def sort_key(order: Order) -> Callable[[Device], Any]:
    """Returns what devices are compared by in an order, or in the opposite one."""
    return _KEYS.get(order.column) or _by_version()


def _by_version() -> Callable[[Device], tuple[Any, ...]]:
    """Returns what sorts by what devices run; those of which that is not known come first."""
    ranks: dict[str, tuple[Any, ...]] = {"": ()}

    def key(device: Device) -> tuple[Any, ...]:
        runs = device.runs or ""
        rank = ranks.get(runs)
        if rank is None:
            rank = ranks[runs] = (Version.parse(runs).precedence,)
        return rank

    return key
