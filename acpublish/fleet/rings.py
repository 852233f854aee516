"""The ring of a device: its place in the order in which a rollout reaches devices.

The ring is a hash of the product, the seed of the rollout and the MAC address. So raising a share
only ever adds devices, several servers agree without asking each other, and a device that appears
later is where it would always have been.

1. A share reaches the part of the rings below it. It is not a quota.
2. A number reaches so many devices of each board, in the order of their rings, among those that
   were there when the stage began (:func:`first_of_each_board`). They come first in that order, so
   they are within the shares that follow.
3. A tag or a group reaches the devices that people have put there.
4. A stage also reaches whatever the stages before it reach.
5. Pinned and held devices are in no stage. Devices without a MAC address are in a last stage that
   reaches everybody; otherwise they wait until the rollout is complete.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache

from acpublish.fleet.known_device import Device, lately_seen
from acpublish.fleet.policy import MILLION, Stage

RINGS = 2**64


def ring_of(product: str, seed: str, mac: str) -> int:
    """Returns the ring of a device, from 0 to below :data:`RINGS`.

    Args:
        product: The product.
        seed: The seed of the rollout.
        mac: The MAC address, lower case with colons.
    """
    begun = _begun(product, seed).copy()
    begun.update(mac.encode())
    return int.from_bytes(begun.digest(), "big")


@lru_cache(maxsize=256)
def _begun(product: str, seed: str) -> hashlib.blake2b:
    """Returns the hash of what all devices have in common; a copy takes half as long as anew."""
    return hashlib.blake2b(f"{product}\0{seed}\0".encode(), digest_size=8)


def below_share(ring: int, stage: Stage) -> bool:
    """Returns whether a ring is in the part that a share reaches."""
    return ring * MILLION < stage.amount * RINGS


def first_reaching(
    stages: Sequence[Stage],
    last: int,
    device: Device,
    seed: str,
    chosen: Mapping[str, int],
    by_share: int | None = None,
) -> int | None:
    """Returns the first stage that reaches a device, None if none does so far.

    Args:
        stages: The stages of the rollout.
        last: The stage that it is in.
        device: The device.
        seed: The seed of the rollout.
        chosen: The devices that were chosen by number, by key, each with its stage.
        by_share: What :func:`first_share` returns for it, if that is known.
    """
    if not device.staged:
        return None
    if device.mac is None:
        final = last == len(stages) - 1 and stages[last].everybody
        return last if final else None
    if by_share is None:
        by_share = first_share(stages, ring_of(device.product, seed, device.mac))
    first = chosen.get(device.id, by_share)
    if by_share < first:
        first = by_share
    if device.tags or device.groups:
        for number, stage in enumerate(stages[: min(first, last + 1)]):
            if stage.name in marks_of(stage, device):
                return number
    return first if first <= last else None


def first_share(stages: Sequence[Stage], ring: int) -> int:
    """Returns the first share that reaches a ring; the number of stages if none does."""
    for number, stage in enumerate(stages):
        if stage.kind == "share" and below_share(ring, stage):
            return number
    return len(stages)


def marks_of(stage: Stage, device: Device) -> Collection[str]:
    """Returns the tags or groups of a device, whichever a stage is for; none for a number."""
    if stage.kind == "tag":
        return device.tags
    return device.groups if stage.kind == "group" else ()


def first_of_each_board(
    devices: Iterable[Device],
    number: int,
    ring: Callable[[Device], int],
    heard: float,
    taken: Mapping[str, int],
) -> list[str]:
    """Chooses so many devices of each board in the order of their rings.

    Args:
        devices: Those that may be chosen, of any number of boards; others of them are left out:
            pinned, held, without a MAC address, or not seen for twice their longest gap.
        number: How many of each board.
        ring: Returns the ring of a device that has a MAC address.
        heard: The present, on the clock of listening.
        taken: How many places of each board are taken already.

    Returns:
        Their ids, for each board in the order of the rings.
    """
    boards: dict[str, list[tuple[int, str]]] = {}
    for device in devices:
        # Once all places are taken, as they are most of the time, no ring has to be computed.
        if taken.get(device.board, 0) >= number:
            continue
        if device.mac is not None and device.staged and lately_seen(device, heard):
            boards.setdefault(device.board, []).append((ring(device), device.id))
    return [
        key
        for board in sorted(boards)
        for _, key in heapq.nsmallest(number - taken.get(board, 0), boards[board])
    ]
