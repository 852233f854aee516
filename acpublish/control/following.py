"""Rollouts follow the catalog, and the catalog follows them.

The catalog says what is on its way to which channel (:class:`acpublish.release.channels.Rolling`),
whoever has published it; the rollout is what a server makes of that. Its id is the product and the
number of the change that started it, so several servers that share a catalog agree on its rings.

1. :func:`follow` starts, extends and ends rollouts by what the catalog says now.
2. :func:`go_on` lets them advance, wait, pause and halt by their evidence.
3. :func:`catch_up` lets whoever asks for rollouts see what was published a moment ago.
4. :func:`due` says what has to be written to the catalog: that a rollout is complete, so the
   channel points at its release, or that it has halted, so no other server offers it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Literal, NamedTuple

from acpublish.catalog.snapshot import ProductSnapshot
from acpublish.control.fleet_state import FleetState
from acpublish.control.operations import Operation, Snapshots
from acpublish.errors import AcpublishError
from acpublish.fleet.advancing import Live, closed_until, take_in, tick
from acpublish.fleet.moments import Moment
from acpublish.fleet.policy import Policy
from acpublish.fleet.progress import Progress, Survey
from acpublish.fleet.rollout import (
    OPEN,
    Rollout,
    aborted,
    halted,
    joined,
    left,
    started,
    superseded,
)
from acpublish.release.channels import Channels, Place, Rolling

_log = logging.getLogger("acpublish.fleet")

#: How long a walk through all devices holds good, in seconds; with very many devices it is longer,
#: by one second for so many.
SURVEY_S = 10.0
_DEVICES_PER_S = 2000


class Due(NamedTuple):
    """What has to be written to the catalog.

    Attributes:
        action: What happened to the rollout.
        product: The product.
        channel: The channel.
        version: The release.
        number: That of the change that started the rollout.
        reason: Why, for the history, which everyone may read: without the names of devices.
    """

    action: Literal["settle", "halt"]
    product: str
    channel: str
    version: str
    number: int
    reason: str


def rollout_id(product: str, entry: Rolling) -> str:
    """Returns the id of the rollout of what is on its way to a channel."""
    return f"{product}-{entry.rollout}"


def rollout_number(rollout: Rollout) -> int:
    """Returns the number of the change that started a rollout (:func:`rollout_id`)."""
    return int(rollout.id.rpartition("-")[2])


def follow(state: FleetState, product: str, channels: Channels) -> None:
    """Starts, extends and ends the rollouts of a product by what its catalog says.

    Args:
        state: The fleet.
        product: The product.
        channels: What its channels point at, and what is on its way to them.
    """
    own = state.product(product)
    # One that cannot be read ends no rollout.
    if not channels.stored:
        return
    own.followed = channels
    now = state.clock.now()
    rolling = {channel: entries for channel, entries in channels.rolling.items() if entries}
    current = {rollout_id(product, _any(entries)) for entries in rolling.values()}
    for ending in own.lives:
        if ending.rollout.id not in current:
            _end(state, ending, channels)
    for channel, entries in rolling.items():
        entry = _any(entries)
        found = _found(state, product, rollout_id(product, entry))
        live = found or _start(state, product, channel, entries, now)
        if live is None:
            continue
        rollout = live.rollout
        if rollout.state in OPEN:
            boards = {place.board for place in entries}
            rollout = left(joined(rollout, boards, now), rollout.boards - boards)
        if entry.halted and rollout.state in OPEN:
            rollout = halted(rollout, entry.halted, now)
        if rollout is not live.rollout:
            live.rollout = rollout
            state.moved(live)


def follow_snapshot(
    state: FleetState, product: str, snapshot: ProductSnapshot, *, is_current: bool = False
) -> None:
    """Lets the rollouts of a product follow its catalog, if that has changed.

    Args:
        state: The fleet.
        product: The product.
        snapshot: Its releases and channels.
        is_current: Whether the catalog has just said so; otherwise an older document is not
            followed, because a newer one may have been followed meanwhile.
    """
    followed, channels = state.product(product).followed, snapshot.channels
    if followed is channels:
        return
    if is_current or followed is None or channels.serial >= followed.serial:
        follow(state, product, channels)
        state.using(product, snapshot.releases)


def with_rollouts(state: FleetState) -> frozenset[str]:
    """Returns the products that have rollouts which still matter."""
    return frozenset(own.name for own in list(state.products.values()) if own.lives)


def rolling_snapshots(
    snapshots: Snapshots, names: Collection[str], also: Collection[str]
) -> dict[str, ProductSnapshot]:
    """Reads the products that have something on its way to a channel.

    Args:
        snapshots: Where they are read.
        names: The products.
        also: Products that are returned in any case, because rollouts of them may have to end.
    """
    read = {name: snapshots.product(name) for name in names}
    return {
        name: snapshot
        for name, snapshot in read.items()
        if name in also or snapshot.channels.rolling
    }


def catch_up(
    state: FleetState, snapshots: Snapshots, product: str | None = None
) -> Operation[None]:
    """Lets rollouts follow what the catalog has said since they last did.

    A server looks only every few seconds, but whoever publishes, and then asks for the rollout or
    changes it, means the one that this has started.

    Args:
        state: The fleet.
        snapshots: The releases of its products.
        product: The only product whose rollouts matter; None for all.
    """
    also = with_rollouts(state)

    def read() -> dict[str, ProductSnapshot]:
        names = snapshots.products() if product is None else (product,)
        return rolling_snapshots(snapshots, names, also)

    found: dict[str, ProductSnapshot] = yield read
    for name, snapshot in found.items():
        follow_snapshot(state, name, snapshot)


def _any(entries: Mapping[Place, Rolling]) -> Rolling:
    """Returns one of the entries of a channel, which are all of one release and rollout."""
    return next(iter(entries.values()))


def _found(state: FleetState, product: str, key: str) -> Live | None:
    for live in state.product(product).lives:
        if live.rollout.id == key:
            return live
    rollout = state.rollouts.get(key)
    # One that is complete stays so until the catalog says it, too.
    return None if rollout is None else Live(rollout, Progress(len(rollout.policy.stages)))


def _start(
    state: FleetState, product: str, channel: str, entries: Mapping[Place, Rolling], now: Moment
) -> Live | None:
    """Starts a rollout; None if its policy cannot be read, which is said once."""
    entry = _any(entries)
    key = rollout_id(product, entry)
    try:
        policy = Policy.from_dict(entry.policy)
    except AcpublishError as error:
        if key not in state.unreadable:
            state.unreadable.add(key)
            _log.error("%s %s goes to nobody: %s", product, entry.version, error)
        return None
    rollout = started(
        key,
        product=product,
        version=str(entry.version),
        channel=channel,
        boards={place.board for place in entries},
        policy=policy,
        now=now,
        offers_from=entry.offers_from or 0.0,
    )
    took_it = state.took_it.pop((product, channel), frozenset())
    live = Live(rollout, Progress(len(policy.stages), added=took_it))
    state.moved(live)
    return live


def _end(state: FleetState, live: Live, channels: Channels) -> None:
    """Ends a rollout that the catalog does not have any more."""
    rollout, channel = live.rollout, live.rollout.channel
    entries = channels.rolling.get(channel)
    if rollout.state not in OPEN and rollout.state != "halted":
        if entries and rollout.way_back is not None:
            live.rollout = superseded(rollout, str(_any(entries).version))
            state.moved(live)
        return
    if entries:
        state.took_it[rollout.product, channel] = live.progress.took_it() | live.progress.added
        live.rollout = superseded(rollout, str(_any(entries).version))
    elif rollout.is_open and _is_settled(rollout, channels):
        # Another server with this catalog has said so, or this one before it was killed.
        reason = f"{channel} points at {rollout.version}"
        live.rollout = replace(rollout, state="complete", reason=reason, away=False)
    else:
        live.rollout = aborted(rollout, _why_gone(rollout, channels))
    state.moved(live)


def _why_gone(rollout: Rollout, channels: Channels) -> str:
    """Returns why a catalog does not have a rollout any more, as the history says."""
    channel, version, number = rollout.channel, rollout.version, rollout_number(rollout)
    for change in reversed(channels.history):
        what = ""
        if change.action == "rollback" and change.channel == channel:
            what = f"{channel} was rolled back"
        elif change.action == "withdraw" and str(change.version) == version:
            what = f"{version} was withdrawn"
        if what and change.serial > number:
            return f"{what}: {change.author.why}" if change.author.why else what
    return f"{version} is not on its way to {channel} any more"


def _is_settled(rollout: Rollout, channels: Channels) -> bool:
    """Returns whether a channel points at the release of a rollout, for one of its boards."""
    places = (place for place in channels.places(rollout.channel) if place.board in rollout.boards)
    pointers = (channels.current(rollout.channel, place) for place in places)
    return any(pointer and str(pointer.version) == rollout.version for pointer in pointers)


def lives(state: FleetState) -> Iterator[Live]:
    """Yields all rollouts that count."""
    for own in list(state.products.values()):
        yield from own.lives


def needs_survey(live: Live, devices: int, now: Moment) -> bool:
    """Returns whether somebody has to walk through the devices for a rollout again.

    Args:
        live: The rollout.
        devices: How many devices its product has.
        now: The present.
    """
    if not live.rollout.is_open:
        return False
    seen = live.progress.survey
    if seen is None or seen.tracks != live.rollout.tracks:
        return True
    return now.heard >= seen.heard + max(SURVEY_S, devices / _DEVICES_PER_S)


def surveyed(state: FleetState, live: Live, seen: Survey) -> None:
    """Takes in what a walk through the devices has shown."""
    chosen = live.progress.chosen
    take_in(live, seen)
    if live.progress.chosen != chosen:
        state.changed(live.rollout.product)
        state.moved(live)


def go_on(state: FleetState, live: Live) -> None:
    """Lets a rollout advance, wait, pause, resume or halt; it is stored if it changes."""
    now = state.clock.now()
    own = state.product(live.rollout.product)
    rollout, awaited = live.rollout, live.progress.awaited
    tick(live, own.devices, now)
    for key in awaited:
        device, part = own.devices.get(key), live.progress.get(key)
        if device is not None and (part is None or not part.awaited):
            state.note_part(live, device, part)
            state.note(device)
    closed = bool(closed_until(live.rollout, now))
    if closed != state.closed.get(rollout.id):
        state.closed[rollout.id] = closed
        own.changed()
    if live.rollout is not rollout:
        state.moved(live)


def due(state: FleetState, product: str, channels: Channels) -> list[Due]:
    """Returns what has to be written to the catalog about the rollouts of a product.

    Args:
        state: The fleet.
        product: The product.
        channels: What the catalog says now.
    """
    found = []
    for channel, entries in channels.rolling.items():
        entry = _any(entries) if entries else None
        rollout = None if entry is None else state.rollouts.get(rollout_id(product, entry))
        if entry is None or rollout is None:
            continue
        version, reason = rollout.version, rollout.reason.partition(": ")[0]
        if rollout.state == "complete":
            found.append(Due("settle", product, channel, version, entry.rollout, reason))
        elif rollout.state == "halted" and not entry.halted:
            found.append(Due("halt", product, channel, version, entry.rollout, reason))
    return found
