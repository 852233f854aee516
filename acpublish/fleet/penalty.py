"""The penalty box: a device that does not get anywhere is not sent the same image for ever.

Outside rollouts, where :mod:`acpublish.fleet.health` decides:

1. Three whole deliveries of an image without coming back with it: no offer of it for 24 hours. Each
   further whole delivery doubles that, up to 7 days.
2. Ten broken deliveries in a row: one offer an hour.
3. Another digest, claim or release ends both, and so does a person who lets the device try again.
4. A device without a MAC address cannot be told from others: it is never boxed, and gets one offer
   of an image an hour.
"""

from __future__ import annotations

from typing import NamedTuple

from acpublish.fleet.moments import DAY_S, HOUR_S
from acpublish.wire import Report

WHOLE_DELIVERIES = 3
BROKEN_DELIVERIES = 10
FIRST_PENALTY_S = DAY_S
LONGEST_PENALTY_S = 7 * DAY_S
BETWEEN_OFFERS_S = HOUR_S

#: The image, and the digests and the claim of the device that received it.
_Subject = tuple[str, str | None, str | None, str | None]


class Box(NamedTuple):
    """What counts against offering a device an image.

    Attributes:
        subject: The SHA-256 of the image, and the MD5, SHA-256 and claim that the device reported.
        whole: The whole deliveries without coming back with it.
        broken: The broken deliveries in a row.
        until: When the penalty ends, in seconds since 1970; 0 if there is none.
        offered_at: When the image was last offered, in seconds since 1970.
    """

    subject: _Subject = ("", None, None, None)
    whole: int = 0
    broken: int = 0
    until: float = 0.0
    offered_at: float = 0.0


EMPTY_BOX = Box()


def current(box: Box, report: Report, image_sha256: str) -> Box:
    """Returns the box as it applies to an image and what the device reports now."""
    subject = (image_sha256, report.sketch_md5, report.sketch_sha256, report.version)
    if box.subject == subject:
        return box
    # Devices without a MAC address share one box, so an offer of this image to another counts.
    return Box(subject, offered_at=box.offered_at if box.subject[0] == image_sha256 else 0.0)


def after_check_in(box: Box, report: Report) -> Box:
    """Returns the box after a device has reported something new: what it does not apply to ends."""
    return box if box == EMPTY_BOX else current(box, report, box.subject[0])


def after_offer(box: Box, report: Report, image_sha256: str, at: float) -> Box:
    """Returns the box after an offer, at a time in seconds since 1970."""
    return current(box, report, image_sha256)._replace(offered_at=at)


def after_delivery(box: Box, report: Report, image_sha256: str, at: float, *, whole: bool) -> Box:
    """Returns the box after a delivery has ended.

    Args:
        box: The box before it.
        report: What the device reported when it was made the offer.
        image_sha256: The image.
        at: Seconds since 1970.
        whole: Whether the whole image was sent; all ranges of one image are one delivery.
    """
    box = current(box, report, image_sha256)
    if not whole:
        return box._replace(broken=box.broken + 1)
    deliveries = box.whole + 1
    until = box.until
    if deliveries >= WHOLE_DELIVERIES:
        doublings = min(deliveries - WHOLE_DELIVERIES, 8)
        until = at + min(FIRST_PENALTY_S * 2**doublings, LONGEST_PENALTY_S)
    return box._replace(whole=deliveries, broken=0, until=until)


def keeps_back(
    box: Box, report: Report, image_sha256: str, at: float, *, has_mac: bool = True
) -> str:
    """Returns why a device is not offered an image now; empty if nothing is against it.

    Args:
        box: The box of the device.
        report: What it reports now.
        image_sha256: The image.
        at: Seconds since 1970.
        has_mac: Whether it can be told from others.
    """
    box = current(box, report, image_sha256)
    # A clock that was set back must not keep a device waiting for years.
    recently = 0 <= at - box.offered_at < BETWEEN_OFFERS_S
    if not has_mac:
        return (
            "it sends no MAC address, so it gets one offer of an image an hour" if recently else ""
        )
    if at < box.until <= at + LONGEST_PENALTY_S:
        hours = -(-int(box.until - at) // HOUR_S)
        return (
            f"it received the image {box.whole} times and did not come back with it; the next "
            f"offer is in {hours} hour{'' if hours == 1 else 's'}"
        )
    if box.broken >= BROKEN_DELIVERIES and recently:
        return f"its last {box.broken} downloads broke off, so it gets one offer an hour"
    return ""
