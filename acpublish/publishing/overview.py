"""What a product has: its newest releases, what channels point at, and what devices run."""

from __future__ import annotations

from collections.abc import Sequence

from acpublish.release.adoption import Adoption
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.release.version import Version

__all__ = ["running_line", "standing"]

_SHOWN = 20


def standing(releases: Sequence[Release]) -> list[str]:
    """Returns lines for a person: the images of a product, the last that was published first.

    A channel stands at the image that it points at, in brackets at those that it pointed at before.
    """
    held = [(release.version, image) for release in releases for image in release.images]
    if not held:
        return ["nothing is published yet"]
    held.sort(key=lambda one: max(one[1].channels.values(), default=0), reverse=True)
    newest = _newest(held)
    rows = [
        (
            str(version),
            image.board + (" (filesystem)" if image.kind == "filesystem" else ""),
            f"{image.size} bytes",
            image.published_at,
            _channels(image, newest),
        )
        for version, image in held[:_SHOWN]
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if len(held) > _SHOWN:
        lines.append(f"and {len(held) - _SHOWN} more")
    return lines


def running_line(running: Sequence[Adoption]) -> str:
    """Returns a line for a person on what the devices run that asked a server."""
    told = [
        f"{one.count} {one.board or 'of an unknown board'} with "
        f"{one.version or 'an image that is not published here'}"
        for one in running
    ]
    return f"devices that asked: {', '.join(told)}"


def _newest(held: Sequence[tuple[Version, ReleaseImage]]) -> dict[tuple[str, str, str], int]:
    orders: dict[tuple[str, str, str], int] = {}
    for _, image in held:
        for channel, order in image.channels.items():
            place = (image.board, image.kind, channel)
            orders[place] = max(order, orders.get(place, 0))
    return orders


def _channels(image: ReleaseImage, newest: dict[tuple[str, str, str], int]) -> str:
    return ", ".join(
        channel if newest[image.board, image.kind, channel] == order else f"({channel})"
        for channel, order in sorted(image.channels.items())
    )
