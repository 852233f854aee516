"""The files in a product's folder: which manifests there are, and whether they have changed."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from acpublish.catalog import layout
from acpublish.errors import ManifestError
from acpublish.input_files import read_own
from acpublish.release.manifest import Release

_OBJECT = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


#: Inode, time and size.
Identity = tuple[int, int, int]
#: Files, each with its identity; None for one that is not there.
State = tuple[tuple[str, Identity | None], ...]


def manifest_paths(directory: Path) -> list[str]:
    """Returns the paths of the manifests in a folder, sorted; none if there is no such folder."""
    try:
        with os.scandir(directory) as scan:
            return sorted(
                item.path
                for item in scan
                if item.name.endswith(".json") and item.name != layout.CHANNELS
            )
    except FileNotFoundError:
        return []


def state_of(paths: Iterable[str]) -> State:
    """Returns what shows whether any of these files is another one than before.

    Every write renames a new file into place.
    """
    return tuple((path, _identity_or_none(path)) for path in paths)


def _identity_or_none(path: str) -> Identity | None:
    try:
        return identity_of(path)
    except OSError:
        return None


def digests_in(path: Path) -> set[str]:
    """Returns the names of objects in a file that is not a readable manifest."""
    try:
        return {match.decode() for match in _OBJECT.findall(read_own(path))}
    except OSError:
        return set()


def read_release(path: Path) -> Release:
    """Reads a manifest.

    Raises:
        ManifestError: It cannot be read, or describes a release of another name.
        OSError: The file cannot be read.
    """
    name = f"{layout.manifests(Path())}/{path.parent.name}/{path.name}"
    release = Release.from_json(read_own(path), name)
    if (release.product, f"{release.version}.json") != (path.parent.name, path.name):
        raise ManifestError(
            f"{name} describes a different release, {release.product} {release.version}",
            hint="Rename it to match that release, or remove it.",
        )
    return release


def identity_of(path: str) -> Identity:
    """Returns what shows whether a file is another one than before.

    Raises:
        OSError: There is no such file.
    """
    # Each look at a catalog needs many of these, and pathlib takes longer than the kernel.
    status = os.stat(path)  # noqa: PTH116
    return status.st_ino, status.st_mtime_ns, status.st_size


def time_of(directory: str) -> int | None:
    """Returns when a file or folder changed, None if there is none."""
    try:
        return os.stat(directory).st_mtime_ns  # noqa: PTH116
    except OSError:
        return None


def readable_json(release: Release) -> bytes:
    """Returns a manifest after reading it back: an unreadable one would block the whole product."""
    text = release.to_json()
    Release.from_json(text, f"the manifest of {release.product} {release.version}")
    return text


def describes(path: Path, release: Release) -> bool:
    """Returns whether a manifest says the same; then one of an earlier version stays as it is."""
    with contextlib.suppress(OSError, ManifestError):
        written = Release.from_json(read_own(path))
        return written.bare() == release.bare()
    return False
