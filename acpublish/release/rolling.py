"""A release on its way to a channel in stages, in the document of a product.

1. A release goes in stages if the channel has a policy, or if it is on its way there already.
2. A channel has one release on its way. Further boards of the same version join it; another version
   replaces it on all boards.
3. What ends before it is complete, the channel has left: it does not come back by itself.
4. The pointers move when the rollout is complete, and not before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from acpublish.errors import SettingsError
from acpublish.release.channels import Author, Channels, Place, Pointer, Policy, Rolling
from acpublish.release.documents import nesting
from acpublish.release.version import Version

#: Far more than 32 stages take, each with a name and a soak.
MAX_POLICY_BYTES = 8192
_MAX_POLICY_NESTING = 4


def need_policy(policy: Policy) -> None:
    """Refuses a policy that is too large to be in every copy of the document.

    Raises:
        SettingsError: It is too large.
    """
    if nesting(policy) > _MAX_POLICY_NESTING or len(json.dumps(policy)) > MAX_POLICY_BYTES:
        raise SettingsError("the policy is too long", hint="Use fewer stages, or shorter names.")


def goes_in_stages(channels: Channels, channel: str, version: Version) -> bool:
    """Returns whether a release goes to a channel in stages."""
    return channel in channels.policies or version in rolling_versions(channels, channel)


def rolling_versions(channels: Channels, channel: str) -> set[Version]:
    """Returns what is on its way to a channel: one release, or none."""
    return {entry.version for entry in channels.rolling.get(channel, {}).values()}


def halted_at(channels: Channels, channel: str, version: Version) -> str:
    """Returns why the rollout of a release to a channel is halted; empty if it is not."""
    entries = channels.rolling.get(channel, {}).values()
    return next((entry.halted for entry in entries if entry.version == version), "")


def sent(
    channels: Channels,
    channel: str,
    places: Iterable[Place],
    version: Version,
    who: Author,
    *,
    policy: Policy | None = None,
    offers_from: int | None = None,
) -> Channels:
    """Returns the document in which a release is on its way to a channel, by the next change.

    Args:
        channels: The document.
        channel: The channel.
        places: The images of the release that go there.
        version: The release.
        who: Who sends it.
        policy: How it goes there if it is not on its way already; None for the channel's policy.
        offers_from: The time before which nothing is offered, likewise.
    """
    after = superseded(channels, channel, version)
    entries = dict(after.rolling.get(channel, {}))
    serial = channels.serial + 1
    first = next(iter(entries.values()), None)
    entry = Rolling(
        version=version,
        serial=serial,
        rollout=first.rollout if first else serial,
        author=who,
        policy=first.policy if first else policy or channels.policies[channel],
        offers_from=first.offers_from if first else offers_from,
        halted=first.halted if first else "",
    )
    places = tuple(places)
    for place in places:
        # What a lower release has replaced on purpose must not be gone back to meanwhile.
        after = after.taken_back(channel, place, {version})
    return after.with_rolling(channel, {**dict.fromkeys(places, entry), **entries})


def superseded(channels: Channels, channel: str, version: Version) -> Channels:
    """Returns the document in which no other release is on its way to a channel."""
    entries = channels.rolling.get(channel, {})
    return ended(
        channels,
        channel,
        [place for place, entry in entries.items() if entry.version != version],
    )


def ended(channels: Channels, channel: str, places: Iterable[Place]) -> Channels:
    """Returns the document in which nothing is on its way to some places of a channel any more.

    The channel has left that release, although it never pointed at it.
    """
    after = channels
    for place in places:
        entry = after.rolling_at(channel, place)
        if entry is not None:
            pointers = _leaving(after.pointers.get(channel, {}).get(place, ()), entry)
            after = _arrived(after, channel, place).with_pointers(channel, place, pointers)
    return after


def settled(channels: Channels, channel: str, who: Author) -> Channels:
    """Returns the document in which a channel points at what was on its way there."""
    after = channels
    for place, entry in channels.rolling.get(channel, {}).items():
        after = _arrived(after, channel, place).pushed(channel, place, entry.version, who)
    return after


def _arrived(channels: Channels, channel: str, place: Place) -> Channels:
    entries = channels.rolling[channel].items()
    return channels.with_rolling(
        channel, {other: entry for other, entry in entries if other != place}
    )


def _leaving(pointers: tuple[Pointer, ...], entry: Rolling) -> tuple[Pointer, ...]:
    """Returns the pointers of a place with a release that it has left, below the newest of them.

    What the channel points at stays the newest, with its orders.
    """
    before = next((other for other in pointers if other.version == entry.version), None)
    if before is not None and before is pointers[-1]:
        return pointers
    left = Pointer(
        version=entry.version,
        serial=entry.serial,
        author=entry.author,
        taken_back=True,
        rolled=before is None or before.rolled,
    )
    others = [other for other in pointers if other is not before]
    return (*others[:-1], left, *others[-1:])
