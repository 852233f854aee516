"""What the manifests of a catalog say now: read once, and again only when a directory changed.

Every manifest, and the file of the keys that a product trusts, is renamed into place, which changes
its directory's time. Which releases such keys signed is found out once for each change. A directory
that changed a moment ago is read again at each question, because a tick of the clock may hold two
changes.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from acpublish.catalog import layout
from acpublish.catalog.trusted_keys import read_trusted_keys
from acpublish.errors import AcpublishError, ManifestError
from acpublish.release import names
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.release.signatures import admitted

_log = logging.getLogger(__name__)

#: Far above the tick by which kernels stamp files (4 ms with 250 Hz, 2 s on FAT is not served).
_SETTLED_NS = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductSnapshot:
    """The releases of one product, and its images by the names of their visible files.

    Attributes:
        releases: Those whose manifests can be read, with the images that may be offered: where
            the product trusts keys, those that one of them signed.
        files: By the names of their visible files.
        owned: Whether there is any manifest, even a broken one, or any trusted key.
    """

    releases: tuple[Release, ...] = ()
    files: Mapping[str, tuple[Release, ReleaseImage]] = field(default_factory=dict)
    owned: bool = False


_NONE = ProductSnapshot()


class ProductSnapshots:
    """Snapshots of all products of a catalog, kept until their directories change."""

    def __init__(self, root: Path) -> None:
        self._root = root
        # Every answer looks at a directory's time, for which pathlib takes longer than the kernel.
        self._manifests = os.fspath(layout.manifests(root))
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[tuple[int, int], ProductSnapshot]] = {}
        self._products: tuple[int, tuple[str, ...]] = (-1, ())
        self._parsed: dict[str, tuple[tuple[int, int, int], Release]] = {}
        self._withheld: dict[str, tuple[str, ...]] = {}

    def products(self) -> tuple[str, ...]:
        """Returns the names of all products that have manifests, sorted."""
        # A directory without a manifest is left by a publish that was killed before its commit.
        return tuple(name for name in self._names() if self.product(name).owned)

    def _names(self) -> tuple[str, ...]:
        directory = layout.manifests(self._root)
        stamp = _time_of(self._manifests)
        if stamp is None:
            return ()
        kept_at, kept = self._products
        if stamp != kept_at:
            settled = _settled(stamp)
            try:
                kept = tuple(sorted(path.name for path in directory.iterdir() if path.is_dir()))
            except OSError as fault:
                _log.error("the releases cannot be listed: %s", fault.strerror)
                return ()
            self._products = (stamp if settled else -1, kept)
        return kept

    def product(self, name: str) -> ProductSnapshot:
        """Returns what is known of a product; a manifest that cannot be read is logged and left."""
        if not names.is_name(name):
            return _NONE
        directory = f"{self._manifests}{os.sep}{name}"
        changed = _time_of(directory)
        if changed is None:
            return _NONE
        # Keys that are edited in place leave the directory's time as it was.
        stamp = (changed, _time_of(f"{directory}{os.sep}{layout.TRUSTED_KEYS}") or 0)
        kept = self._kept.get(name)
        if kept is not None and kept[0] == stamp:
            return kept[1]
        # Reading takes its time, in which a change may fall into the tick of the time seen above.
        settled = _settled(max(stamp))
        with self._lock:
            snapshot = self._read(name)
            self._kept[name] = (stamp if settled else (-1, -1), snapshot)
        return snapshot

    def _read(self, name: str) -> ProductSnapshot:
        paths = _manifests(layout.manifests(self._root, name))
        try:
            keys = read_trusted_keys(self._root, name)
        except (AcpublishError, OSError) as fault:
            # Whom to trust is not known, so nothing is served rather than anything.
            self._say(name, (f"all releases of {name}: {fault}",))
            return ProductSnapshot(owned=True)
        releases, withheld = admitted(self._releases(paths, strict=False), keys)
        self._say(name, withheld)
        return _snapshot(releases, owned=bool(paths or keys))

    def _say(self, name: str, withheld: tuple[str, ...]) -> None:
        """Logs what is withheld, once for as long as it is the same."""
        if self._withheld.get(name, ()) != withheld:
            for one in withheld:
                _log.error("withheld: %s", one)
        self._withheld[name] = withheld

    def fresh(self, name: str) -> tuple[Release, ...]:
        """Reads a product's releases now, signed or not.

        Raises:
            ManifestError: A manifest cannot be read.
            OSError: A manifest's file cannot be read.
        """
        return self._releases(_manifests(layout.manifests(self._root, name)), strict=True)

    def named_objects(self) -> frozenset[str]:
        """Reads now which objects the manifests of all products name.

        Raises:
            ManifestError: A manifest cannot be read.
            OSError: A manifest's file cannot be read.
        """
        return frozenset(
            named.sha256
            for directory in layout.manifests(self._root).glob("*")
            for release in self._releases(_manifests(directory), strict=True)
            for image in release.images
            for named in (image, image.compressed)
            if named is not None
        )

    def _releases(self, paths: Iterable[str], *, strict: bool) -> tuple[Release, ...]:
        releases = []
        for path in paths:
            try:
                releases.append(self._release(path))
            except (AcpublishError, OSError) as fault:
                if strict:
                    raise
                _log.error("left out: %s", fault)
        return tuple(releases)

    def _release(self, path: str) -> Release:
        """Returns a release; a manifest that was read before is read again when it changed.

        A product may have thousands, and each publish changes one: every write is a file of its
        own that is renamed into place, so that the identity of the file tells.
        """
        status = os.stat(path)
        now = (status.st_ino, status.st_mtime_ns, status.st_size)
        kept = self._parsed.get(path)
        if kept is None or kept[0] != now:
            kept = self._parsed[path] = (now, _release(Path(path)))
        return kept[1]


def _manifests(directory: Path) -> list[str]:
    try:
        with os.scandir(directory) as scan:
            return sorted(item.path for item in scan if item.name.endswith(".json"))
    except FileNotFoundError:
        return []


def _release(path: Path) -> Release:
    name = f"{layout.manifests(Path())}/{path.parent.name}/{path.name}"
    release = Release.from_json(path.read_bytes(), name)
    if (release.product, f"{release.version}.json") != (path.parent.name, path.name):
        raise ManifestError(
            f"{name} describes another release, {release.product} {release.version}",
            hint="Give it the name of that release, or take it away.",
        )
    return release


def _snapshot(releases: tuple[Release, ...], *, owned: bool) -> ProductSnapshot:
    files = {image.file: (release, image) for release in releases for image in release.images}
    return ProductSnapshot(releases=releases, files=files, owned=owned)


def _time_of(directory: str) -> int | None:
    try:
        return os.stat(directory).st_mtime_ns
    except OSError:
        return None


def _settled(stamp: int) -> bool:
    return time.time_ns() - stamp > _SETTLED_NS
