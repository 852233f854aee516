"""Where everything is in a catalog directory: paths only, no I/O.

    .acpublish/objects/<sha256>                     the bytes of every image
    .acpublish/releases/<product>/<version>.json    the manifests: the truth
    .acpublish/releases/<product>/channels.json     what its channels point at, and its history
    .acpublish/releases/<product>/history-N.jsonl   older history, from the change N on
    .acpublish/releases/<product>/trusted-keys      the keys that must sign its releases
    .acpublish/tmp/                                 files that are being written
    <product>/<product>-<version>_<board>[.fs].bin  the visible files: a projection

Names of visible files (acpublish.release.submission) are never parsed: the manifest decides.
"""

from __future__ import annotations

from pathlib import Path

from acpublish.release.version import Version

TRUSTED_KEYS = "trusted-keys"
CHANNELS = "channels.json"
HIDDEN = ".acpublish"


def objects(root: Path) -> Path:
    """Returns the directory of the images' bytes."""
    return root / HIDDEN / "objects"


def manifests(root: Path, product: str = "") -> Path:
    """Returns the directory of all manifests, or of those of one product."""
    return root / HIDDEN / "releases" / product


def manifest(root: Path, product: str, version: Version) -> Path:
    """Returns the path of a release's manifest."""
    return manifests(root, product) / f"{version}.json"


def channels(root: Path, product: str) -> Path:
    """Returns the path of the document that says what a product's channels point at.

    An older acpublish takes it for a manifest of a newer format, and publishes nothing there.
    """
    return manifests(root, product) / CHANNELS


def history(root: Path, product: str, serial: int) -> Path:
    """Returns the path of older history of a product, which begins with the change of a number."""
    return manifests(root, product) / f"history-{serial:09}.jsonl"


def trusted_keys(root: Path, product: str) -> Path:
    """Returns the path of the file with the keys that a product trusts.

    It is stored next to the manifests, so the time of their directory shows a change of either, and
    a manifest is never checked against the keys of another point in time.
    """
    return manifests(root, product) / TRUSTED_KEYS


def temporary(root: Path) -> Path:
    """Returns the directory in which files are written before they are renamed into place."""
    return root / HIDDEN / "tmp"
