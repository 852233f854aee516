"""The software devices of a simulation: what each one is, which the server does not know.

A million of them have to fit into memory, so a device is a number, and there is one column for each
of its properties. The same profile, size and seed make the same devices.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from enum import IntEnum
from functools import lru_cache

from acpublish.fleet.moments import DAY_S
from acpublish.image.model import ReportedDigests
from acpublish.simulation.fleet_profile import Kind, Profile
from acpublish.wire import Report

#: The week after the start, in which devices vanish.
_WEEK_S = 7 * DAY_S
#: So many devices share the address of their site.
_PER_SITE = 50
#: What a device runs that somebody has flashed by cable: a build that nobody has published.
FLASHED = "1.9.0-by-cable"


#: Returns the digests that a device with a release reports, by its version and its board.
DigestsOf = Callable[[str, str], ReportedDigests]


class Fate(IntEnum):
    """What becomes of a device with the new release."""

    BOOTS = 0
    ROLLS_BACK = 1
    DIES = 2
    LIES = 3
    FLASHED = 4


class Population:
    """The devices, from 0 on.

    Attributes:
        kinds: The kind of each device.
        periods: How often it checks in by its own clock, in seconds.
        fates: What becomes of it with the new release (:class:`Fate`).
        runs: The release that it really runs.
        reports: What it reports.
        addresses: The IP address that the server sees: that of its site.
        vanish: When devices go silent for good, in seconds after the start of the rollout.
    """

    def __init__(
        self, profile: Profile, devices: int, seed: int, digests: DigestsOf | None = None
    ) -> None:
        """Draws the devices.

        Args:
            profile: What they are like.
            devices: How many there are.
            seed: Decides all that is left to chance.
            digests: Which digests a device reports that runs a release; None for invented ones.
        """
        self._digests = digests or invented_digests
        chance = random.Random(f"devices {seed}")
        kinds = _shared_out(profile, devices)
        # Neighbours are not of one kind.
        chance.shuffle(kinds)
        self.kinds = kinds
        self.periods = [
            kind.poll * (1 + chance.uniform(-kind.skew, kind.skew) / 100) for kind in kinds
        ]
        self.fates = bytearray(_fate(kind, chance.random() * 100) for kind in kinds)
        self.runs = [kind.runs for kind in kinds]
        self.vanish = {
            number: int(chance.random() * _WEEK_S)
            for number, kind in enumerate(kinds)
            if kind.vanishes and chance.random() * 100 < kind.vanishes
        }
        sites = [_address(10, site) for site in range(devices // _PER_SITE + 1)]
        # Old cores are told apart by their addresses.
        self.addresses = [
            sites[number // _PER_SITE] if kind.mac else _address(100, number)
            for number, kind in enumerate(kinds)
        ]
        self.reports = [self.report(number, kind.runs) for number, kind in enumerate(kinds)]

    def __len__(self) -> int:
        return len(self.kinds)

    def report(self, number: int, version: str, *, claim: str = "") -> Report:
        """Returns what a device reports that runs a release.

        Args:
            number: The device.
            version: What it runs.
            claim: What it claims instead.
        """
        kind = self.kinds[number]
        mac = "a4:cf:" + number.to_bytes(4, "big").hex(":")
        if kind.digests == "encrypted" or version == FLASHED:
            digests = invented_digests(f"{version} {mac}", kind.board)
        else:
            digests = self._digests(version, kind.board)
        md5 = sha256 = None
        if digests.md5s and kind.digests not in ("none", "sha256"):
            md5 = digests.md5s[0]
        if digests.sha256s and kind.digests in ("sha256", "both"):
            sha256 = digests.sha256s[0]
        return Report(
            family=kind.family,
            updater=True,
            version=claim or kind.claims or version,
            sketch_md5=md5,
            sketch_sha256=sha256,
            free_space=kind.free_space,
            chip_size=kind.chip_size,
            mac=mac if kind.mac else None,
        )


def _address(network: int, number: int) -> str:
    return f"{network}.{number >> 16}.{number >> 8 & 255}.{number & 255}"


@lru_cache(maxsize=1024)
def reported_md5(version: str, board: str) -> str:
    """Returns the MD5 that a device with this release reports."""
    return hashlib.md5(f"{version} {board}".encode(), usedforsecurity=False).hexdigest()


@lru_cache(maxsize=1024)
def reported_sha256(version: str, board: str) -> str:
    """Returns the SHA-256 likewise."""
    return hashlib.sha256(f"{version} {board}".encode()).hexdigest()


@lru_cache(maxsize=1024)
def invented_digests(version: str, board: str) -> ReportedDigests:
    """Returns the digests that a device with this release reports."""
    return ReportedDigests(
        md5s=(reported_md5(version, board),), sha256s=(reported_sha256(version, board),)
    )


def _shared_out(profile: Profile, devices: int) -> list[Kind]:
    """Returns the kind of each device, so that each kind has its share of them."""
    total = sum(kind.share for kind in profile.kinds)
    kinds: list[Kind] = []
    upto = 0.0
    for kind in profile.kinds:
        upto += kind.share
        kinds += [kind] * (round(devices * upto / total) - len(kinds))
    return kinds


def _fate(kind: Kind, drawn: float) -> Fate:
    """Returns what becomes of a device, by a number from 0 to below 100."""
    for fate, percent in (
        (Fate.ROLLS_BACK, kind.rolls_back),
        (Fate.DIES, kind.dies),
        (Fate.LIES, kind.lies),
        (Fate.FLASHED, kind.flashed),
    ):
        if drawn < percent:
            return fate
        drawn -= percent
    return Fate.BOOTS
