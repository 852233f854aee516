"""The releases of a catalog: manifests are read once, and again only after a directory changed.

- Every manifest, and the file of the keys that a product trusts, is renamed into place, which
  changes the time of its directory. Signatures are verified once for each change.
- A directory that changed a moment ago is read again for each call, because two changes may have
  the same time.
- A manifest that cannot be read is logged and left out, but the other releases are still offered.
  If the trusted keys cannot be read, or what the channels point at, none of the product's releases
  is.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from acpublish.bounded import BoundedDict
from acpublish.catalog import layout
from acpublish.catalog.channels_file import stored_channels
from acpublish.catalog.manifest_files import (
    State,
    digests_in,
    identity_of,
    manifest_paths,
    read_release,
    state_of,
    time_of,
)
from acpublish.catalog.trusted_keys import read_trusted_keys
from acpublish.errors import AcpublishError, NewerFormatError, reason_of
from acpublish.release import names
from acpublish.release.channels import Channels, Place
from acpublish.release.earlier_channels import from_manifests, joined
from acpublish.release.manifest import CLEARED, Release, ReleaseImage
from acpublish.release.signatures import admitted
from acpublish.release.version import Version

_log = logging.getLogger(__name__)

#: Far longer than the tick of file times (4 ms with 250 Hz); FAT with its 2 s is not supported.
_SETTLED_NS = 100_000_000
#: A publish writes a manifest and then commits it; with a slow disk, that takes so long.
_COMMIT_NS = 2_000_000_000
#: Those that are changed at about the same time; a product may have thousands of releases.
_MAX_APPLIED = 20


#: Why a manifest cannot be read.
Fault = AcpublishError | OSError


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductSnapshot:
    """The releases of one product at one time.

    Attributes:
        releases: Those whose manifests can be read, with the images that may be offered: if the
            product trusts keys, those that one of the keys signed.
        files: The same images by the names of their visible files, but those that were withdrawn,
            and those that no channel has pointed at yet, because they are on their way in stages.
        owned: Whether there is any release, even a broken one, or any trusted key.
        boards: The boards that any of the images is for.
        channels: What the channels point at, and the history.
    """

    releases: tuple[Release, ...] = ()
    files: Mapping[str, tuple[Release, ReleaseImage]] = field(default_factory=dict)
    owned: bool = False
    boards: frozenset[str] = frozenset()
    channels: Channels = field(default_factory=Channels)


_EMPTY = ProductSnapshot()


class ProductSnapshots:
    """Snapshots of all products of a catalog, cached until their directories change."""

    def __init__(self, root: Path) -> None:
        self._root = root
        # Every request needs a directory's time, for which pathlib takes longer than the kernel.
        self._manifests = os.fspath(layout.manifests(root))
        self._lock = threading.Lock()
        self._snapshots: dict[str, tuple[tuple[int, int], ProductSnapshot]] = {}
        #: What each product was read from, and what that gave.
        self._states: dict[str, tuple[State, ProductSnapshot]] = {}
        self._products: tuple[int, tuple[str, ...]] = (-1, ())
        self._parsed: dict[str, tuple[tuple[int, int, int], Release]] = {}
        self._channels: dict[str, tuple[tuple[int, int, int], Channels]] = {}
        #: Manifests, channels, and the releases that they make: each step of a form plans a change.
        self._applied: BoundedDict[
            str, tuple[tuple[Release, ...], Channels, tuple[Release, ...]]
        ] = BoundedDict(_MAX_APPLIED)
        self._withheld: dict[str, tuple[str, ...]] = {}
        self._seen: dict[str, tuple[tuple[int, int], int]] = {}

    def products(self) -> tuple[str, ...]:
        """Returns the names of all products that have manifests, sorted."""
        # A publish that was killed before its commit leaves a directory without a manifest.
        return tuple(name for name in self._names() if self.product(name).owned)

    def _names(self) -> tuple[str, ...]:
        directory = layout.manifests(self._root)
        time_ns = time_of(self._manifests)
        if time_ns is None:
            return ()
        cached_time, products = self._products
        if time_ns != cached_time:
            settled = self._settled("", (time_ns, 0))
            try:
                products = tuple(sorted(path.name for path in directory.iterdir() if path.is_dir()))
            except OSError as error:
                _log.error("the releases cannot be listed: %s", reason_of(error))
                return ()
            self._products = (time_ns if settled else -1, products)
        return products

    def current(self, name: str) -> ProductSnapshot | None:
        """Returns the snapshot of a product if nothing has to be read for it, otherwise None."""
        cached = self._snapshots.get(name)
        if cached is None and not names.is_name(name):
            return _EMPTY
        times = self._times(name)
        if times is None:
            return _EMPTY
        return cached[1] if cached is not None and cached[0] == times else None

    def product(self, name: str) -> ProductSnapshot:
        """Returns the snapshot of a product; an empty one if there is no such product."""
        snapshot = self.current(name)
        if snapshot is not None:
            return snapshot
        with self._lock:
            # Another thread may have read it meanwhile.
            times = self._times(name)
            if times is None:
                return _EMPTY
            cached = self._snapshots.get(name)
            if cached is not None and cached[0] == times:
                return cached[1]
            # Decided before the reading, during which another change may get the same time.
            settled = self._settled(name, times)
            recent = abs(time.time_ns() - max(times)) < _COMMIT_NS
            snapshot, complete = self._read_again(name, recent=recent)
            settled = settled and complete
            self._snapshots[name] = (times if settled else (-1, -1), snapshot)
        return snapshot

    def _times(self, name: str) -> tuple[int, int] | None:
        directory = f"{self._manifests}{os.sep}{name}"
        changed = time_of(directory)
        if changed is None:
            return None
        cached = self._snapshots.get(name)
        if cached is not None and cached[0] == (changed, 0):
            # A file with keys that was not there would have changed the directory's time.
            return cached[0]
        # Keys that are edited in place do not change it.
        return changed, time_of(f"{directory}{os.sep}{layout.TRUSTED_KEYS}") or 0

    def _read_again(self, name: str, *, recent: bool) -> tuple[ProductSnapshot, bool]:
        """Reads a product, unless each of its files is the one that was read before.

        A file in its folder that has nothing to do with it also changes the folder's time.

        Args:
            name: The product.
            recent: Whether a publish may be under way, which has not committed its manifest.

        Returns:
            The snapshot, and whether it is complete: no publish is under way.
        """
        paths = manifest_paths(layout.manifests(self._root, name))
        keys = layout.manifests(self._root, name) / layout.TRUSTED_KEYS
        state = state_of((*paths, os.fspath(layout.channels(self._root, name)), os.fspath(keys)))
        before = self._states.get(name)
        # Keys may be edited in place, which need not show.
        if before is not None and before[0] == state and state[-1][1] is None:
            return before[1], True
        snapshot, unfinished = self._read(name, paths)
        if unfinished and recent:
            return snapshot, False
        _log_unfinished(name, unfinished)
        self._states[name] = (state, snapshot)
        return snapshot, True

    def _settled(self, name: str, times: tuple[int, int]) -> bool:
        """Returns whether another change would give a directory another time.

        A time in the future, as with a clock that is behind, says nothing. Then the directory must
        have had it for as long, by a clock that nobody sets.
        """
        age_ns = time.time_ns() - max(times)
        if age_ns > _SETTLED_NS or age_ns >= -_SETTLED_NS:
            return age_ns > _SETTLED_NS
        now = time.monotonic_ns()
        seen, since = self._seen.get(name, (None, now))
        if seen != times:
            self._seen[name] = (times, now)
            return False
        return now - since > _SETTLED_NS

    def _read(self, name: str, paths: Iterable[str]) -> tuple[ProductSnapshot, list[Release]]:
        """Reads a product, and which of its releases have a manifest but no commit."""
        try:
            keys = read_trusted_keys(self._root, name)
        except (AcpublishError, OSError) as error:
            # Without the keys any release could be forged, so none is served.
            self._log_withheld(name, (f"all releases of {name}: {error}",))
            return ProductSnapshot(owned=True), []
        readable, unreadable = self._releases(paths)
        for fault in unreadable.values():
            _log.error("left out: %s", fault)
        try:
            channels = self._channels_of(name, readable)
        except (AcpublishError, OSError) as error:
            self._log_withheld(name, (f"all releases of {name}: {error}",))
            return ProductSnapshot(owned=True), []
        unfinished = [item for item in readable if item.version not in channels.images]
        releases, withheld = admitted(channels.applied(readable), keys)
        self._log_withheld(name, withheld)
        # A first publish that was killed before its commit leaves a manifest, but no release.
        owned = bool(unreadable or keys or channels.images)
        return _snapshot(releases, channels, owned=owned), unfinished

    def _channels_of(self, name: str, releases: Iterable[Release]) -> Channels:
        """Reads what a product's channels point at, again only if it changed, as it may be long."""
        path = layout.channels(self._root, name)
        try:
            identity = identity_of(os.fspath(path))
        except FileNotFoundError:
            return from_manifests(releases)
        cached = self._channels.get(name)
        if cached is None or cached[0] != identity:
            stored = stored_channels(self._root, name)
            if stored is None:
                return from_manifests(releases)
            cached = self._channels[name] = (identity, stored)
        return joined(cached[1], releases)

    def _log_withheld(self, name: str, withheld: tuple[str, ...]) -> None:
        """Logs the withheld releases, but not again while they are the same."""
        if self._withheld.get(name, ()) != withheld:
            for release in withheld:
                _log.error("withheld: %s", release)
        self._withheld[name] = withheld

    def fresh(self, name: str) -> tuple[Release, ...]:
        """Reads a product's current releases, signed or not.

        Raises:
            ManifestError: A manifest cannot be read.
            OSError: A manifest's file cannot be read.
        """
        releases = self.written(name)
        return self._channels_of(name, releases).applied(releases)

    def written(self, name: str) -> tuple[Release, ...]:
        """Reads a product's releases as their manifests have them, listed anywhere or not.

        Raises:
            ManifestError: A manifest cannot be read.
            OSError: A manifest's file cannot be read.
        """
        releases, unreadable = self.manifests(name)
        for fault in unreadable.values():
            raise fault
        return releases

    def manifests(self, name: str) -> tuple[tuple[Release, ...], dict[str, Fault]]:
        """Reads a product's releases as those of their manifests have them that can be read.

        Returns:
            The releases, and what is wrong with the other manifests, by the names of their files.
        """
        return self._releases(manifest_paths(layout.manifests(self._root, name)))

    def need_writable(self, name: str, version: Version | None = None) -> None:
        """Refuses to change a product that a newer acpublish writes, or a release of it.

        Args:
            name: The product.
            version: The release that is to be changed, if it is one.

        Raises:
            ManifestError: A manifest is of a newer format, or that of this release cannot be read.
            OSError: The manifest of this release cannot be read.
        """
        _, unreadable = self.manifests(name)
        for file, fault in unreadable.items():
            if isinstance(fault, NewerFormatError) or file == f"{version}.json":
                raise fault

    def readable(self, name: str) -> tuple[Channels, tuple[Release, ...], dict[str, Fault]]:
        """Reads those of a product's current releases, signed or not, that can be read.

        Returns:
            What the channels point at, the releases as it has them, and what is wrong with the
            other manifests, by the names of their files.

        Raises:
            ManifestError: What the channels point at cannot be read.
            OSError: Likewise.
        """
        releases, unreadable = self.manifests(name)
        channels = self._channels_of(name, releases)
        kept = self._applied.get(name)
        if kept is None or kept[0] != releases or kept[1] is not channels:
            kept = self._applied[name] = releases, channels, channels.applied(releases)
        return channels, kept[2], unreadable

    def named_objects(self) -> tuple[dict[str, str], tuple[str, ...]]:
        """Looks for the objects that are needed.

        They are those that any manifest names, even one that no document mentions any more, because
        an older copy of that may have been restored; but not those that were cleared away. Of a
        manifest that cannot be read, whatever could be the name of an object counts as one.

        Returns:
            The objects, each with a visible file, or the manifest, that has its bytes; and the
            manifests that cannot be read, so that they may need others.
        """
        named: dict[str, str] = {}
        doubtful: list[str] = []
        for directory in layout.manifests(self._root).glob("*"):
            releases, unreadable = self.manifests(directory.name)
            for file in unreadable:
                path = f"{layout.manifests(Path())}/{directory.name}/{file}"
                doubtful.append(path)
                named.update(dict.fromkeys(digests_in(directory / file), path))
            try:
                marks = self._channels_of(directory.name, releases).marks
            except (AcpublishError, OSError):
                # What was cleared away is not known, so all of it counts as needed.
                marks = {}
            for release in releases:
                for image in release.images:
                    mark = marks.get((release.version, Place(image.board, image.kind)))
                    if mark is not None and mark.state in CLEARED:
                        continue
                    for content in (image, image.compressed):
                        if content is not None:
                            named[content.sha256] = f"{release.product}/{image.file}"
        return named, tuple(doubtful)

    def _releases(self, paths: Iterable[str]) -> tuple[tuple[Release, ...], dict[str, Fault]]:
        releases: list[Release] = []
        unreadable: dict[str, Fault] = {}
        for path in paths:
            try:
                releases.append(self._release(path))
            except (AcpublishError, OSError) as error:
                unreadable[os.path.basename(path)] = error
        return tuple(releases), unreadable

    def _release(self, path: str) -> Release:
        """Returns a release; a manifest that was read before is read again only if it changed.

        A product may have thousands of manifests, and each publish changes one. Every write renames
        a new file into place, so the identity of the file shows a change.
        """
        identity = identity_of(path)
        cached = self._parsed.get(path)
        if cached is None or cached[0] != identity:
            cached = self._parsed[path] = (identity, read_release(Path(path)))
        return cached[1]


def _snapshot(releases: tuple[Release, ...], channels: Channels, *, owned: bool) -> ProductSnapshot:
    files: dict[str, tuple[Release, ReleaseImage]] = {}
    unsettled = channels.unsettled()
    for release in releases:
        for image in release.images:
            if image.withdrawn or (release.version, Place(image.board, image.kind)) in unsettled:
                continue
            # A manifest that names another release's file must not take it away.
            if image.file not in files or image.file.startswith(
                f"{release.product}-{release.version}_"
            ):
                files[image.file] = (release, image)
    boards = frozenset(image.board for release in releases for image in release.images)
    return ProductSnapshot(
        releases=releases, files=files, owned=owned, boards=boards, channels=channels
    )


def _log_unfinished(name: str, releases: Iterable[Release]) -> None:
    for release in releases:
        _log.error(
            "left out: %s %s is not in %s; publish it again, or restore that file",
            name,
            release.version,
            layout.CHANNELS,
        )
