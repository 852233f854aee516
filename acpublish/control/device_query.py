"""Which devices people mean: one by any of its names, or all to which some conditions apply."""

from __future__ import annotations

import difflib
import heapq
import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from acpublish.catalog.snapshot import ProductSnapshot
from acpublish.control.fleet_state import FleetState
from acpublish.errors import BadNameError, ConflictError, NotFoundError, SettingsError, VersionError
from acpublish.fleet.known_device import Device, has_flags, is_boxed, is_silent, mac_address
from acpublish.fleet.moments import Moment
from acpublish.fleet.progress import NOT_TAKEN
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

Trouble = Literal["unfit", "stuck", "silent", "flagged"]
#: The most urgent first; a device is in the first that applies.
TROUBLES: tuple[Trouble, ...] = ("unfit", "stuck", "silent", "flagged")
#: Obstacles that only another image can remove.
_UNFIT = frozenset({"other-chip", "flash-too-small", "does-not-fit"})


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
        trouble: Why somebody should look at it (:func:`trouble_of`).
        text: What its id, name or address contains, in lower case.
    """

    product: str | None = None
    board: str | None = None
    version: str | None = None
    tag: str | None = None
    group: str | None = None
    not_seen_s: float | None = None
    stuck: bool = False
    flagged: bool = False
    trouble: Trouble | None = None
    text: str = ""

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
        trouble: str | None = None,
        text: str = "",
    ) -> DeviceFilter:
        """Makes conditions of what people write.

        Raises:
            SettingsError: A condition is invalid.
        """
        if not_seen_s is not None and not 0 <= not_seen_s < math.inf:
            raise SettingsError(
                f"{not_seen_s:g} is not a number of seconds", hint="Use a positive number."
            )
        known = next((own for own in TROUBLES if own == trouble), None)
        if trouble is not None and known is None:
            raise SettingsError(
                f"{cleaned(trouble[:_SHOWN])!r} is not something that devices need somebody for",
                hint=f"Use one of: {', '.join(TROUBLES)}.",
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
            trouble=known,
            text=_searched(text),
        )

    def applies(self, device: Device, now: Moment) -> bool:
        """Returns whether they apply to a device now."""
        return bool(self.select([device], now))

    def select(self, devices: Iterable[Device], now: Moment) -> list[Device]:
        """Returns the devices to which they apply; it takes long, so it is for a thread.

        Args:
            devices: The devices; others must not change how many there are meanwhile.
            now: The present.
        """
        # Each condition alone, the quick ones first: with very many devices, a call for each of
        # them and for what nobody asked for would take most of the time.
        own = list(devices)
        if self.product is not None:
            own = [device for device in own if device.product == self.product]
        if self.board is not None:
            own = [device for device in own if device.board == self.board]
        if self.tag is not None:
            own = [device for device in own if self.tag in device.tags]
        if self.group is not None:
            own = [device for device in own if self.group in device.groups]
        if self.not_seen_s is not None:
            until = now.at - self.not_seen_s
            own = [device for device in own if device.last_seen <= until]
        return self._select_by_story(own, now)

    def _select_by_story(self, own: list[Device], now: Moment) -> list[Device]:
        """Does the same for the other conditions, which take longer."""
        if self.version is not None:
            version = self.version
            # As believed_version says; a call for each device would take twice as long.
            own = [
                device
                for device in own
                if version == (device.runs or (device.report.version if device.unverified else ""))
            ]
        if text := self.text:
            own = [
                device
                for device in own
                if text in device.id
                or (device.address is not None and text in device.address)
                or (device.name and text in device.name.lower())
            ]
        if self.flagged:
            own = list(filter(has_flags, own))
        if self.stuck:
            own = [device for device in own if is_stuck(device, now.at)]
        if self.trouble is not None:
            own = [device for device in own if trouble_of(device, now) == self.trouble]
        return own


def _searched(text: str) -> str:
    """Returns what to search for; a MAC address may be written in any way."""
    text = text.strip()[:_SHOWN].lower()
    product, slash, rest = text.rpartition("/")
    mac = mac_address(rest)
    return text if mac is None else f"{product}{slash}{mac}"


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
    if device.obstacle:
        return True
    if not device.may_have_failed():
        return False
    if is_boxed(device):
        return True
    offer = next((note for note in reversed(device.offers) if note.kind == "firmware"), None)
    if offer is None or offer.became not in NOT_TAKEN:
        return False
    received = device.firmware
    if received is None or at - received.at <= device.longest_gap_s:
        return False
    return offer.version not in (device.runs, believed_version(device), device.report.version)


def trouble_of(device: Device, now: Moment) -> Trouble | None:
    """Returns why somebody should look at a device; None if nobody has to."""
    if device.obstacle in _UNFIT:
        return "unfit"
    if is_stuck(device, now.at):
        return "stuck"
    if is_silent(device, now.heard):
        return "silent"
    return "flagged" if device.unverified else None


def page(
    devices: Iterable[Device], wanted: DeviceFilter, now: Moment, after: str, limit: int
) -> tuple[list[Device], str | None]:
    """Returns the next devices to which conditions apply, by their ids.

    It walks all devices, so it is for a thread, with a list of its own.

    Args:
        devices: All devices.
        wanted: The conditions.
        now: The present.
        after: The id of the last device of the page before; empty for the first page.
        limit: How many devices a page has.

    Returns:
        The devices, and where the next page begins; None if there is none.
    """
    matches = wanted.select((device for device in devices if device.id > after), now)
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


def need_release(device: Device, version: str, snapshot: ProductSnapshot) -> None:
    """Refuses to pin a device to what it could never be offered, which is a mistake.

    Raises:
        NotFoundError: There is no such release for its board.
        ConflictError: It is not offered any more.
    """
    images = {
        release.version: image
        for release in snapshot.releases
        if (image := release.image_for(device.board, "firmware")) is not None
    }
    wanted = images.get(Version.parse(version))
    if wanted is not None and not wanted.withdrawn:
        return
    own = [number for number, image in images.items() if not image.withdrawn]
    newest = sorted(own, key=lambda each: each.precedence, reverse=True)[:5]
    hint = f"There are {', '.join(map(str, newest))}." if newest else "Publish it first."
    if wanted is not None:
        raise ConflictError(
            f"{device.product} {version} is {wanted.withdrawn}, so no device is offered it",
            hint=hint,
        )
    raise NotFoundError(
        f"{device.product} {version} has no firmware for {device.board or 'an unknown board'}",
        hint=hint,
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
