"""Where things stand in a catalog directory: paths only, no I/O.

    .acpublish/objects/<sha256>                     the bytes of every image
    .acpublish/releases/<product>/<version>.json    the manifests: the truth
    .acpublish/releases/<product>/trusted-keys      whose signatures a release needs
    .acpublish/tmp/                                 what is being written
    <product>/<product>-<version>_<board>[.fs].bin  the visible files: a projection

Names of visible files (acpublish.release.placement) are never parsed: the manifest decides.
"""

from __future__ import annotations

from pathlib import Path

from acpublish.release.version import Version

TRUSTED_KEYS = "trusted-keys"
HIDDEN = ".acpublish"


def objects(root: Path) -> Path:
    """The directory of the images' bytes."""
    return root / HIDDEN / "objects"


def manifests(root: Path, product: str = "") -> Path:
    """The directory of all manifests, or of one product's."""
    return root / HIDDEN / "releases" / product


def manifest(root: Path, product: str, version: Version) -> Path:
    """The manifest of one release."""
    return manifests(root, product) / f"{version}.json"


def trusted_keys(root: Path, product: str) -> Path:
    """The keys that a product trusts.

    They stand beside the manifests, so that one look at the directory's time tells of a change of
    either, and no manifest is ever judged by keys of another moment.
    """
    return manifests(root, product) / TRUSTED_KEYS


def temporary(root: Path) -> Path:
    """Where files are written before they are renamed into place."""
    return root / HIDDEN / "tmp"
