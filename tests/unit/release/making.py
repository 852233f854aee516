"""Short ways to releases, images and reports for the tests of rules."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timezone

from acpublish.image.model import Image, ReportedDigests
from acpublish.keys import PublicKey
from acpublish.release import names
from acpublish.release.checks.facts import Finding
from acpublish.release.checks.registry import examine, findings_of
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.release.names import ImageKind
from acpublish.release.submission import Submission, visible_name
from acpublish.release.version import Version
from acpublish.wire import Family

NOW = datetime(2026, 11, 24, 4, 5, 6, tzinfo=timezone.utc)


def md5(seed: str) -> str:
    return hashlib.md5(seed.encode(), usedforsecurity=False).hexdigest()


def sha256(seed: str) -> str:
    return hashlib.sha256(seed.encode()).hexdigest()


def check(
    image: Image,
    submission: Submission,
    releases: Iterable[Release],
    trusted_keys: Iterable[PublicKey] | None = None,
) -> tuple[Finding, ...]:
    """Returns what the checks find against publishing an image."""
    return findings_of(examine(image, submission, releases, trusted_keys))


def release(
    version: str,
    *,
    board: str = "d1",
    kind: ImageKind = "firmware",
    channels: dict[str, int] | None = None,
    family: Family | None = "esp8266",
    chip: str | None = "esp8266",
) -> Release:
    seed = f"{version} {board} {kind}"
    image = ReleaseImage(
        board=names.board(board),
        kind=kind,
        file=visible_name("lamp", Version.parse(version), board, kind),
        size=1000,
        md5=md5(seed),
        sha256=sha256(seed),
        unstamped_sha256=sha256("unstamped " + seed),
        published_at="2026-11-24T04:05:06Z",
        family=family if kind == "firmware" else None,
        chip=chip if kind == "firmware" else None,
        running=ReportedDigests(md5s=(md5(seed),), sha256s=(sha256(seed),)),
        channels=channels if channels is not None else {"stable": 1},
    )
    return Release(product=names.product("lamp"), version=Version.parse(version), images=(image,))
