"""What channels point at according to manifests that still say it, as they did in format 1."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from acpublish.release.channels import Author, Channels, Place, Pointer
from acpublish.release.manifest import Release
from acpublish.release.version import Version


def from_manifests(releases: Iterable[Release]) -> Channels:
    """Derives the document of a catalog whose manifests still say which channels they are on.

    An image without any was written by a publish that was not completed.
    """
    pointers: dict[str, dict[Place, list[Pointer]]] = {}
    images: dict[Version, frozenset[Place]] = {}
    serial = 0
    for release in releases:
        places = [Place(image.board, image.kind) for image in release.images if image.channels]
        if places:
            images[release.version] = frozenset(places)
        for image in release.images:
            place = Place(image.board, image.kind)
            for channel, order in image.channels.items():
                author = Author(at=image.published_at)
                pointer = Pointer(version=release.version, serial=order, author=author)
                pointers.setdefault(channel, {}).setdefault(place, []).append(pointer)
                serial = max(serial, order)
    ordered = {
        channel: {
            place: tuple(sorted(own, key=lambda pointer: pointer.serial))
            for place, own in of_channel.items()
        }
        for channel, of_channel in pointers.items()
    }
    return Channels(serial=serial, pointers=ordered, images=images)


def joined(channels: Channels, releases: Iterable[Release]) -> Channels:
    """Returns the document with the releases that waited for their manifests.

    What such a manifest says of channels was true before the document was made, so whatever
    was moved since then counts more.

    Args:
        channels: The document.
        releases: The product's releases, as their manifests have them.
    """
    restored = [release for release in releases if release.version in channels.waiting]
    if not restored:
        return channels
    after = channels
    earlier = from_manifests(restored)
    for channel, of_channel in earlier.pointers.items():
        for place, pointers in of_channel.items():
            known = channels.pointers.get(channel, {}).get(place, ())
            present = {pointer.version for pointer in known}
            late = (
                replace(pointer, serial=min(pointer.serial, channels.waiting[pointer.version]))
                for pointer in pointers
                if pointer.version not in present
            )
            merged = sorted((*known, *late), key=lambda pointer: pointer.serial)
            after = after.with_pointers(channel, place, merged)
    images = {
        version: places | channels.images.get(version, frozenset())
        for version, places in earlier.images.items()
    }
    versions = {release.version for release in restored}
    return replace(
        after,
        images={**channels.images, **images},
        waiting={
            version: serial
            for version, serial in channels.waiting.items()
            if version not in versions
        },
    )
