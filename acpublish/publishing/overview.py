"""What a product has: its newest releases, what the channels point at, and what devices run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from acpublish.release.adoption import Adoption
from acpublish.release.manifest import Release, ReleaseImage

_SHOWN = 20


def release_lines(releases: Sequence[Release]) -> list[str]:
    """Returns lines for a person: the images of a product, the last published first.

    Each line has the channels that point at the image and, in brackets, those that did before.
    """
    images = [(release.version, image) for release in releases for image in release.images]
    if not images:
        return ["nothing is published yet"]
    images.sort(key=lambda entry: entry[1].order, reverse=True)
    newest = _newest_orders(image for _, image in images)
    rows = [
        (
            str(version),
            image.board + (" (filesystem)" if image.kind == "filesystem" else ""),
            f"{image.size} bytes",
            image.published_at,
            _withdrawn(image) or _channels(image, newest),
        )
        for version, image in images[:_SHOWN]
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if len(images) > _SHOWN:
        lines.append(f"and {len(images) - _SHOWN} more")
    return lines


def running_line(running: Sequence[Adoption]) -> str:
    """Returns a line for a person on what the devices run that have contacted a server."""
    groups = [
        f"{group.count} {group.board or 'of an unknown board'} with {_image(group)}"
        for group in running
    ]
    return f"devices that checked in: {', '.join(groups)}"


def never_updated_lines(running: Iterable[Adoption]) -> list[str]:
    """Returns a line for each board whose devices will never be updated."""
    return [
        f"warning: {group.count} {group.board or 'of an unknown board'} will never be updated: "
        "they report a version higher than every release. Publish a higher version, or flash them "
        "once over the serial port."
        for group in running
        if group.never_updated
    ]


def _image(group: Adoption) -> str:
    if group.unverified:
        return f"{group.version} (unverified)"
    return group.version or "an image that is not published here"


def _newest_orders(images: Iterable[ReleaseImage]) -> dict[tuple[str, str, str], int]:
    """Returns the order of the image that each channel points at, by board, kind and channel."""
    orders: dict[tuple[str, str, str], int] = {}
    for image in images:
        for channel, order in image.channels.items():
            key = (image.board, image.kind, channel)
            orders[key] = max(order, orders.get(key, 0))
    return orders


def _withdrawn(image: ReleaseImage) -> str:
    reason = f": {image.withdrawn_reason}" if image.withdrawn_reason else ""
    return f"{image.withdrawn}{reason}" if image.withdrawn else ""


def _channels(image: ReleaseImage, newest: dict[tuple[str, str, str], int]) -> str:
    pointing = (
        channel if newest[image.board, image.kind, channel] == order else f"({channel})"
        for channel, order in sorted(image.channels.items())
    )
    return ", ".join((*pointing, *(f"on its way to {name}" for name in sorted(image.rolling))))
