"""Which devices people mean: one by any of its names, or all to which some conditions apply."""

from __future__ import annotations

import difflib
import heapq
import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from acpublish.control.fleet_state import FleetState
from acpublish.errors import BadNameError, ConflictError, NotFoundError, SettingsError, VersionError
from acpublish.fleet.known_device import Device, flags, mac_address
from acpublish.fleet.penalty import BROKEN_DELIVERIES, WHOLE_DELIVERIES
from acpublish.fleet.progress import FAILURES
from acpublish.release import names
from acpublish.release.text import cleaned
from acpublish.release.version import Version

#: A page of a list has at most so many devices.
MAX_PAGE = 1000
#: How many names are compared with one that is not there, and how many are proposed.
_COMPARED = 1000
_PROPOSED = 3
_SHOWN = 80
#: The most rows of a count; what devices claim is theirs to choose.
MAX_ROWS = 1000
#: What became of an offer after which a device should have come back with the release.
_NOT_TAKEN = frozenset({"whole", *(outcome.value for outcome in FAILURES)})


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFilter:
    """Conditions, all of which have to apply.

    Attributes:
        product: The product; None for any, as with the others.
        board: The board that a device requests.
        version: What it runs by its digest, or is believed to run.
        tag: A tag that it has.
        group: A group that it is in.
        not_seen_s: For how many seconds it has not been seen.
        stuck: Whether something keeps it from its update (:func:`is_stuck`).
        flagged: Whether it has any flag.
    """

    product: str | None = None
    board: str | None = None
    version: str | None = None
    tag: str | None = None
    group: str | None = None
    not_seen_s: float | None = None
    stuck: bool = False
    flagged: bool = False

    @classmethod
    def of(
        cls,
        *,
        product: str | None = None,
        board: str | None = None,
        version: str | None = None,
        tag: str | None = None,
        group: str | None = None,
        not_seen_s: float | None = None,
        stuck: bool = False,
        flagged: bool = False,
    ) -> DeviceFilter:
        """Makes conditions of what people write.

        Raises:
            SettingsError: A condition is invalid.
        """
        if not_seen_s is not None and not 0 <= not_seen_s < math.inf:
            raise SettingsError(
                f"{not_seen_s:g} is not a number of seconds", hint="Use a positive number."
            )
        try:
            product = None if product is None else names.product(product)
            board = None if board is None else names.board(board)
            version = None if version is None else str(Version.parse(version))
        except (BadNameError, VersionError) as error:
            raise SettingsError(error.problem, hint=error.hint) from error
        return cls(
            product=product,
            board=board,
            version=version,
            tag=tag,
            group=group,
            not_seen_s=not_seen_s,
            stuck=stuck,
            flagged=flagged,
        )

    def applies(self, device: Device, at: float) -> bool:
        """Returns whether they apply to a device now, in seconds since 1970."""
        return (
            self.product in (None, device.product)
            and self.board in (None, device.board)
            and (self.version is None or self.version == believed_version(device))
            and (self.tag is None or self.tag in device.tags)
            and (self.group is None or self.group in device.groups)
            and (self.not_seen_s is None or at - device.last_seen >= self.not_seen_s)
            and (not self.stuck or is_stuck(device, at))
            and (not self.flagged or bool(flags(device)))
        )


def believed_version(device: Device) -> str | None:
    """Returns what a device runs by its digest, or what it claims if that is believed."""
    return device.runs or (device.report.version if device.unverified else None)


def is_stuck(device: Device, at: float) -> bool:
    """Returns whether something keeps a device from its update.

    That is an obstacle, the penalty box, downloads that break off, or a release that it received
    whole and does not run, though there was time for it to come back.

    Args:
        device: The device.
        at: The present, in seconds since 1970.
    """
    box, received = device.box, device.firmware
    if device.obstacle or box.whole >= WHOLE_DELIVERIES or box.broken >= BROKEN_DELIVERIES:
        return True
    offer = next((note for note in reversed(device.offers) if note.kind == "firmware"), None)
    if offer is None or received is None or at - received.at <= device.longest_gap_s:
        return False
    runs_it = offer.version in (device.runs, believed_version(device), device.report.version)
    return not runs_it and offer.became in _NOT_TAKEN


def page(
    devices: Iterable[Device], wanted: DeviceFilter, at: float, after: str, limit: int
) -> tuple[list[Device], str | None]:
    """Returns the next devices to which conditions apply, by their ids.

    It walks all devices, so it is for a thread, with a list of its own.

    Args:
        devices: All devices.
        wanted: The conditions.
        at: The present, in seconds since 1970.
        after: The id of the last device of the page before; empty for the first page.
        limit: How many devices a page has.

    Returns:
        The devices, and where the next page begins; None if there is none.
    """
    matches = (device for device in devices if device.id > after and wanted.applies(device, at))
    first = heapq.nsmallest(limit + 1, matches, key=lambda device: device.id)
    return first[:limit], first[limit - 1].id if len(first) > limit else None


def by_address(state: FleetState, ref: str) -> Device | None:
    """Returns the device that an id or a MAC address names; None if it is neither.

    Raises:
        NotFoundError: No device has this MAC address.
        ConflictError: Devices of several products have it; the hint has them.
    """
    device = state.device(ref)
    product, slash, rest = ref.rpartition("/")
    mac = mac_address(rest)
    if device is not None or mac is None:
        return device
    products = [product] if slash else list(state.products)
    own = [state.device(f"{name}/{mac}") for name in products]
    return _only(ref, [device for device in own if device is not None], ())


def by_name(devices: Collection[Device], ref: str) -> Device:
    """Returns the device that has a name; it walks all devices, so it is for a thread.

    Raises:
        NotFoundError: There is none; the hint has similar names.
        ConflictError: There are several; the hint has them.
    """
    return _only(ref, [device for device in devices if ref and device.name == ref], devices)


def need_free_name(devices: Iterable[Device], device: Device, name: str) -> None:
    """Refuses a name by which another device of the same product is looked up; for a thread.

    Args:
        devices: The devices of the product.
        device: The one that is to get the name.
        name: The name.

    Raises:
        ConflictError: Another device has it.
    """
    other = next((own for own in devices if own.name == name and own.id != device.id), None)
    if other is not None:
        raise ConflictError(
            f"another device of {device.product} is called {cleaned(name)!r}: {other.id}",
            hint="Use another name, or rename that one first: "
            f"acpublish devices name {other.id} NAME",
        )


def _only(ref: str, matches: Sequence[Device], known: Iterable[Device]) -> Device:
    if len(matches) == 1:
        return matches[0]
    shown = cleaned(ref[:_SHOWN])
    if not matches:
        raise NotFoundError(f"there is no device {shown!r}", hint=_similar(ref, known))
    ids = sorted(device.id for device in matches)
    more = f" and {len(ids) - _PROPOSED} more" if len(ids) > _PROPOSED else ""
    raise ConflictError(
        f"{len(ids)} devices are called {shown!r}",
        hint=f"Use the id of one of them: {', '.join(ids[:_PROPOSED])}{more}.",
    )


def _similar(ref: str, known: Iterable[Device]) -> str:
    names_known = [device.name for device in known if device.name][:_COMPARED]
    similar = difflib.get_close_matches(ref[:_SHOWN], names_known, _PROPOSED)
    if similar:
        return f"Similar names are: {', '.join(dict.fromkeys(similar))}."
    return "List the devices with 'acpublish devices list'; their ids and MAC addresses are there."


def counted(devices: Iterable[Device]) -> dict[str, Any]:
    """Counts devices by product, board and version, for people and scripts; for a thread."""
    counts = Counter(
        (device.product, device.board, device.runs, None if device.runs else device.report.version)
        for device in devices
    )
    # What nobody can choose how many of there are must not displace what most devices run.
    rows = sorted(counts.most_common(MAX_ROWS), key=lambda row: [text or "" for text in row[0]])
    keys = ("product", "board", "version", "claims")
    return {
        "devices": [{**dict(zip(keys, key, strict=True)), "count": count} for key, count in rows],
        "omitted": counts.total() - sum(count for _, count in rows),
    }
