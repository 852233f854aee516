"""The releases of a simulation: one that is settled on the channel, and one that is rolled out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from acpublish.release import names
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.release.submission import visible_name
from acpublish.release.version import Version
from acpublish.simulation.fleet_profile import Kind, Profile
from acpublish.simulation.population import invented_digests, reported_md5

PRODUCT = "simulated"
CHANNEL = "stable"
SETTLED = "1.0.0"
ROLLING = "2.0.0"
_PUBLISHED_AT = "2026-01-01T00:00:00Z"


def releases_of(profile: Profile, *, complete: bool = False) -> tuple[Release, ...]:
    """Returns the releases of a profile, with an image for each board.

    Args:
        profile: The profile.
        complete: Whether the channel points at the new one, as it does after a rollout.
    """
    settled = made(SETTLED, profile.kinds, profile.image_size, {CHANNEL: 1})
    channels = {CHANNEL: 2} if complete else {}
    return settled, made(ROLLING, profile.kinds, profile.image_size, channels)


def made(version: str, kinds: Iterable[Kind], size: int, channels: Mapping[str, int]) -> Release:
    """Returns a release for the boards of some kinds of device.

    Args:
        version: Its version.
        kinds: The kinds.
        size: The size of each image, in bytes.
        channels: The channels that point at it.
    """
    boards = {kind.board: kind for kind in kinds}
    images = tuple(_image(version, kind, size, channels) for kind in boards.values())
    return Release(product=names.product(PRODUCT), version=Version.parse(version), images=images)


def _image(version: str, kind: Kind, size: int, channels: Mapping[str, int]) -> ReleaseImage:
    board = names.board(kind.board)
    sha256 = hashlib.sha256(f"image {version} {board}".encode()).hexdigest()
    return ReleaseImage(
        board=board,
        kind="firmware",
        file=visible_name(PRODUCT, Version.parse(version), board, "firmware"),
        size=size,
        md5=reported_md5(version, board),
        sha256=sha256,
        unstamped_sha256=sha256,
        published_at=_PUBLISHED_AT,
        family=kind.family,
        chip=kind.chip,
        running=invented_digests(version, board),
        channels=channels,
    )
