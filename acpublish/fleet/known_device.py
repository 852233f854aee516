"""What is known of one device: what it reports, when it was heard, and what people say of it.

1. A device is a product and a station's MAC address. Old cores send none; their devices are told
   apart by address and User-Agent, count in no health, and are in the last stage only.
2. A visit is what a device requests within a minute: a check for a filesystem, one for firmware and
   the ranges of a download are one, so they do not push the real gaps out of the last 20.
3. A :class:`Device` is changed in place, by the functions of this room only, because each
   up-to-date check waits for it; a copy of so many fields would cost as much as the decision.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, fields
from typing import NamedTuple

from acpublish.fleet.moments import HOUR_S, Moment
from acpublish.fleet.penalty import BROKEN_DELIVERIES, EMPTY_BOX, WHOLE_DELIVERIES, Box
from acpublish.release.received import Received
from acpublish.release.text import cleaned
from acpublish.wire import NO_MAC, NO_REPORT, Mode, Report

MAX_GAPS = 20
#: How many of its last offers a device's story has.
MAX_OFFERS = 10
VISIT_S = 60
#: A device with one check-in counts as seen for so long.
LEAST_GAP_S = HOUR_S
#: Below this a device is not judged by silence.
JUDGED_VISITS = 3
SILENT_GAPS = 4
_HEX = frozenset("0123456789abcdef")


class Pin(NamedTuple):
    """The only version that a device is offered; a lower one only if it is ordered back."""

    version: str
    order_back: bool = False


class OfferNote(NamedTuple):
    """One line of a device's story.

    Attributes:
        at: Seconds since 1970.
        version: The release that was offered.
        kind: Firmware or a filesystem.
        rollout: The id of the rollout that offered it, None without one.
        became: What became of it so far: ``offered``, ``broken``, ``whole``, or an outcome
            (:class:`acpublish.fleet.progress.Outcome`).
    """

    at: float
    version: str
    kind: str
    rollout: str | None
    became: str = "offered"


@dataclass(slots=True)
class Device:
    """One device. Times named ``…_heard`` are on the clock of listening, others since 1970.

    Attributes:
        id: ``PRODUCT/MAC``, or ``PRODUCT/~`` and a digest of address and User-Agent.
        product: The product.
        mac: Its MAC address, lower case with colons; None if it sends none.
        address: The IP address that it comes from.
        address_heard: Since when.
        board: The board that it requests updates for.
        channel: The channel likewise.
        report: What it last reported with a request for firmware or a version, cleaned, as if it
            had requested firmware.
        chip: Its chip as esptool spells it, known from the release that it runs.
        runs: The release that it runs by its digest, None if that is not known.
        unverified: Whether it is believed to run what it claims, though no release has its digest.
        first_seen: When it was first seen.
        last_seen: When it was last seen.
        first_heard: Likewise.
        last_heard: Likewise.
        visit_heard: When its last visit began.
        visits: How often it has visited.
        gaps: The last gaps between visits, in seconds of listening, the newest last.
        longest_gap_s: The longest of them, at least an hour.
        name: What people call it.
        note: What people say of it.
        tags: People's tags.
        groups: People's groups.
        pin: The only version that it is offered, if there is one.
        hold: Whether it is offered nothing.
        firmware: The firmware that it last received whole.
        filesystem: The filesystem that it last received whole.
        box: What counts against offering it an image.
        offers: Its last offers.
        obstacle: What last kept it from an update; empty if nothing does.
        epoch: Another number after each change of its part in a rollout, for whoever remembers
            decisions.
    """

    id: str
    product: str
    mac: str | None = None
    address: str | None = None
    address_heard: float = 0.0
    board: str = ""
    channel: str = ""
    report: Report = NO_REPORT
    chip: str | None = None
    runs: str | None = None
    unverified: bool = False
    first_seen: float = 0.0
    last_seen: float = 0.0
    first_heard: float = 0.0
    last_heard: float = 0.0
    visit_heard: float = 0.0
    visits: int = 0
    gaps: list[int] = field(default_factory=list)
    longest_gap_s: int = field(init=False, default=LEAST_GAP_S)
    name: str = ""
    note: str = ""
    tags: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    pin: Pin | None = None
    hold: bool = False
    firmware: Received | None = None
    filesystem: Received | None = None
    box: Box = EMPTY_BOX
    offers: tuple[OfferNote, ...] = ()
    obstacle: str = ""
    epoch: int = field(init=False, default=0, compare=False)

    def __post_init__(self) -> None:
        self.longest_gap_s = max((LEAST_GAP_S, *self.gaps))

    @property
    def staged(self) -> bool:
        """Whether stages reach it: pinned and held devices belong to none."""
        return self.pin is None and not self.hold

    @property
    def shown_name(self) -> str:
        """What people read: its name, or else its id."""
        return self.name or self.id

    def may_have_failed(self) -> bool:
        """Returns whether its story may have a failure: a box, or an offer that it did not take."""
        return True


def mac_address(text: str | None) -> str | None:
    """Returns a MAC address in lower case with colons, in whatever spelling it comes.

    Returns:
        None for anything else, and for the address that tools send.
    """
    if text is None or len(text) > 17:
        return None
    address = text.lower()
    digits = address.replace(":", "")
    # Genuine devices send colons, and each check waits for this.
    if address[2::3] != ":::::":
        digits = digits.replace("-", "").replace(".", "")
        address = ":".join(digits[at : at + 2] for at in range(0, 12, 2))
    if len(digits) != 12 or not _HEX.issuperset(digits):
        return None
    return None if address == NO_MAC else address


def device_id(product: str, report: Report, address: str | None, agent: str = "") -> str | None:
    """Returns the id of the device that sent a request, None if it is not a device.

    Args:
        product: The product that it requested.
        report: What it sent about itself.
        address: The IP address that it comes from.
        agent: Its User-Agent.
    """
    if not report.updater:
        return None
    mac = mac_address(report.mac)
    if mac is not None:
        return f"{product}/{mac}"
    if address is None or report.mac == NO_MAC:
        return None
    seed = f"{address}\0{agent}".encode("utf-8", "replace")
    return f"{product}/~{hashlib.blake2b(seed, digest_size=8).hexdigest()}"


def new_device(key: str, now: Moment) -> Device:
    """Returns a device with this id that is seen for the first time; its check-in follows."""
    product, _, rest = key.partition("/")
    return Device(
        id=key,
        product=product,
        mac=mac_address(rest),
        first_seen=now.at,
        first_heard=now.heard,
        address_heard=now.heard,
    )


def heard(
    device: Device, report: Report, address: str | None, board: str, channel: str, now: Moment
) -> bool:
    """Updates a device by one of its requests.

    Args:
        device: The device.
        report: What it sent about itself.
        address: The IP address that it comes from.
        board: The board that it requested.
        channel: The channel that it requested.
        now: The present.

    Returns:
        Whether it reports anything else than before, so that what it runs has to be found again.
    """
    clock = now.heard
    if not device.visits:
        device.visits, device.visit_heard = 1, clock
        device.address = address
    elif clock - device.visit_heard >= VISIT_S:
        _keep_gap(device, int(clock - device.visit_heard))
        device.visits += 1
        device.visit_heard = clock
    device.last_seen = now.at
    device.last_heard = clock
    if address != device.address:
        device.address, device.address_heard = address, clock
    if report.mode is Mode.FILESYSTEM:
        # Its version may be that of the filesystem.
        device.board, device.channel = device.board or board, device.channel or channel
        return False
    device.board, device.channel = board, channel
    if report == device.report:
        return False
    tidy = _tidy(report)
    changed = tidy != device.report
    device.report = tidy
    return changed


def recalled(device: Device, stored: Device) -> bool:
    """Gives a device that was heard before the store was open what is stored of it.

    Args:
        device: The device, which was last heard just now, on the same clock as the other one.
        stored: The same device as it is stored.

    Returns:
        Whether it reports anything else than what is stored, so that what it runs has to be found.
    """
    now = Moment(device.last_seen, device.last_heard)
    report, where = device.report, (device.address, device.board, device.channel)
    offers = (*stored.offers, *device.offers)[-MAX_OFFERS:]
    newer = {
        "offers": offers,
        "firmware": device.firmware or stored.firmware,
        "filesystem": device.filesystem or stored.filesystem,
        "box": stored.box if device.box == EMPTY_BOX else device.box,
    }
    for field_ in fields(Device):
        if field_.name != "epoch":
            value = newer.get(field_.name, getattr(stored, field_.name))
            setattr(device, field_.name, value)
    device.epoch += 1
    said = device.report if report is NO_REPORT else report
    return heard(device, said, *where, now)


def _keep_gap(device: Device, gap: int) -> None:
    """Adds a gap to the last ones; the longest is searched for only after it has left them."""
    gaps = device.gaps
    gaps.append(gap)
    left = gaps.pop(0) if len(gaps) > MAX_GAPS else 0
    if gap >= device.longest_gap_s:
        device.longest_gap_s = gap
    elif left == device.longest_gap_s:
        device.longest_gap_s = max((LEAST_GAP_S, *gaps))


def _tidy(report: Report) -> Report:
    """Returns a report as it may be stored and shown."""
    version, sdk, mac = (
        text and cleaned(text) for text in (report.version, report.sdk_version, report.ap_mac)
    )
    return report._replace(mode=Mode.SKETCH, version=version, sdk_version=sdk, ap_mac=mac)


def noted(device: Device, note: OfferNote) -> None:
    """Adds an offer to a device's story, unless it goes on with the one before, as a range does."""
    if device.offers and device.offers[-1]._replace(at=note.at) == note:
        return
    device.offers = (*device.offers[1 - MAX_OFFERS :], note)


def became(device: Device, version: str, what: str) -> None:
    """Says in a device's story what became of the last offer of a release."""
    for at in range(len(device.offers) - 1, -1, -1):
        note = device.offers[at]
        if note.version == version:
            changed = note._replace(became=what)
            device.offers = (*device.offers[:at], changed, *device.offers[at + 1 :])
            return


def hindered(device: Device, obstacle: str) -> bool:
    """Remembers what keeps a device from its update; empty if nothing does.

    Returns:
        Whether that is news, so that it is said once.
    """
    news = bool(obstacle) and obstacle != device.obstacle
    device.obstacle = obstacle
    return news


def troubles(obstacle: str, unverified: bool, box: Box) -> frozenset[str]:
    """Returns the flags of a device that are not a person's decision.

    Args:
        obstacle: What last kept it from an update; empty if nothing does.
        unverified: Whether it is believed to run what it claims.
        box: What counts against offering it an image.
    """
    marks = {
        "boxed": box.whole >= WHOLE_DELIVERIES,
        "no-whole-delivery": box.broken >= BROKEN_DELIVERIES,
        "unverified": unverified,
        obstacle: bool(obstacle),
    }
    return frozenset(flag for flag, applies in marks.items() if applies)


def flags(device: Device) -> tuple[str, ...]:
    """Returns what people should know of a device, as words that scripts read."""
    marks = {
        "no-mac": device.mac is None,
        "held": device.hold,
        "pinned": device.pin is not None,
    }
    others = (flag for flag, applies in marks.items() if applies)
    return tuple(sorted((*others, *troubles(device.obstacle, device.unverified, device.box))))


def has_flags(device: Device) -> bool:
    """Returns whether a device has any flag, in a fraction of the time that :func:`flags` takes."""
    if device.mac is None or device.hold or device.pin is not None:
        return True
    if device.unverified or device.obstacle:
        return True
    return device.may_have_failed() and is_boxed(device)


def is_boxed(device: Device) -> bool:
    """Returns whether a device is offered less, because it does not get anywhere."""
    box = device.box
    return box.whole >= WHOLE_DELIVERIES or box.broken >= BROKEN_DELIVERIES


def lately_seen(device: Device, heard: float) -> bool:
    """Returns whether a device counts as there, on the clock of listening."""
    return heard - device.last_heard <= 2 * device.longest_gap_s


def shows_silence(device: Device) -> bool:
    """Returns whether a device is known well enough for its silence to mean anything."""
    return device.mac is not None and device.visits >= JUDGED_VISITS


def is_silent(device: Device, heard: float, since: float = -math.inf) -> bool:
    """Returns whether a device has been silent for so long that something is wrong with it.

    Args:
        device: The device.
        heard: The present, on the clock of listening.
        since: Silence before this does not count, on the same clock.
    """
    if not shows_silence(device):
        return False
    return heard - max(device.last_heard, since) > SILENT_GAPS * device.longest_gap_s
