"""Orders: devices that run what was taken back go to something lower.

A rollback orders back the devices of everything that the channel has left, and a withdrawal those
of the withdrawn release, if it is to. The order is for that release, and not for where it leads: it
stays through every later publish, promotion, rollback, withdrawal and deletion, until the channel
points at that release again. Meanwhile its devices are offered whatever the channel points at, if
that is lower than what they run and nothing forbids it; undoing a withdrawal leaves the order to
the promotion that follows, and clearing bytes away changes none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from acpublish.release.channels import Channels, Place
from acpublish.release.manifest import Release
from acpublish.release.version import Version


def carried_out(
    channels: Channels, releases: Sequence[Release], places: Iterable[Place]
) -> Channels:
    """Returns the document in which each channel offers what it points at to whom it should.

    Args:
        channels: The document.
        releases: The product's releases; none if not all can be read, so that nobody goes back
            until they can.
        places: The boards and kinds that a change is about.
    """
    after = channels
    for place in places:
        for channel in channels.pointers:
            pointers = channels.pointers[channel].get(place, ())
            if not pointers or not pointers[-1].orders or pointers[-1].taken_back:
                continue
            last = pointers[-1]
            ordered, _ = divided(releases, place, last.orders, last.version)
            last = replace(last, ordered_back=ordered)
            after = after.with_pointers(channel, place, (*pointers[:-1], last))
    return after


def divided(
    releases: Sequence[Release], place: Place, running: Iterable[Version], to: Version
) -> tuple[tuple[Version, ...], list[str]]:
    """Returns which higher releases may be left for another, the highest first, and why not others.

    What forbids it is a phrase for each of the others.

    Args:
        releases: The product's releases.
        place: The board, and the kind of image.
        running: What devices run.
        to: What they would go back to.
    """
    allowed, faults = [], []
    higher = [version for version in running if version.precedence > to.precedence]
    for version in sorted(higher, key=lambda entry: entry.precedence, reverse=True):
        fault = forbids_return(releases, place, version, to)
        if fault:
            faults.append(f"devices that run {version} stay there: {fault}")
        else:
            allowed.append(version)
    return tuple(allowed), faults


def newly_ordered(
    before: Channels, after: Channels, places: Iterable[Place]
) -> dict[Place, tuple[Version, ...]]:
    """Returns the releases whose devices a change orders elsewhere than before, by place.

    A filesystem goes back only after its firmware, so it is left out if that stays.
    """
    ordered: dict[Place, tuple[Version, ...]] = {}
    for place in places:
        for channel in after.pointers:
            now = after.current(channel, place)
            if now is not None and now != before.current(channel, place):
                staying = _firmware_staying(after, channel, place)
                going = (version for version in now.ordered_back if version not in staying)
                ordered[place] = (*ordered.get(place, ()), *going)
    return {place: tuple(dict.fromkeys(own)) for place, own in ordered.items() if own}


def _firmware_staying(channels: Channels, channel: str, place: Place) -> set[Version]:
    """Returns the releases of a channel whose devices keep their firmware, for a filesystem."""
    firmware = Place(place.board, "firmware")
    current = channels.current(channel, firmware)
    if place.kind == "firmware" or current is None:
        return set()
    known = {pointer.version for pointer in channels.pointers[channel][firmware]}
    higher = {version for version in known if version.precedence > current.version.precedence}
    return higher - set(current.ordered_back)


def forbids_return(releases: Iterable[Release], place: Place, running: Version, to: Version) -> str:
    """Returns why devices that run a release must not go back to another; empty if they may.

    Args:
        releases: The product's releases.
        place: Their board, and the kind of image.
        running: What they run.
        to: What they would go back to.
    """
    images = {release.version: release.image_for(*place) for release in releases}
    for version, image in images.items():
        passed = to.precedence < version.precedence <= running.precedence
        below = image and image.no_downgrade_below and Version.or_none(image.no_downgrade_below)
        if passed and below and to.precedence < below.precedence:
            return f"{version} forbids going back below {below}"
    theirs, ours = images.get(running), images.get(to)
    if theirs is None or ours is None:
        return "one of the two has no image for it"
    if theirs.family == "esp32" and place.kind == "firmware":
        if theirs.secure_version is None or ours.secure_version is None:
            return "the secure version of one of the two is not known"
        if ours.secure_version < theirs.secure_version:
            return (
                f"its secure version {ours.secure_version} is lower than {theirs.secure_version}, "
                f"that of {running}"
            )
    return ""
