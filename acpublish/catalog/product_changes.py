"""Changes of what a catalog directory offers, one at a time, each committed by one rename.

The order of writing: ``channels.json`` is the commit; then the visible files and the bytes follow
what it says. Whatever a killed command left undone, the next change, publish or start of a server
completes (:meth:`ProductChanges.show_last` and :meth:`ProductChanges.complete`).
"""

from __future__ import annotations

import contextlib
import getpass
import json
import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from acpublish import atomic
from acpublish.catalog import layout
from acpublish.catalog.channels_file import read_history, upgrade_channels, write_channels
from acpublish.catalog.lock import CatalogLock
from acpublish.catalog.snapshot import ProductSnapshots
from acpublish.catalog.state import ensure_private
from acpublish.catalog.stored_images import channels_asked, with_secure_versions
from acpublish.catalog.trusted_keys import read_trusted_keys
from acpublish.catalog.visible import project, remove
from acpublish.errors import AcpublishError, NotFoundError, reason_of
from acpublish.release import names
from acpublish.release.change_request import Changed, ChangeRequest
from acpublish.release.changes import Planned
from acpublish.release.channel_rows import ChannelRow, rows_of
from acpublish.release.channels import Change, Channels, Place, Policy
from acpublish.release.manifest import Release, ReleaseImage, State
from acpublish.release.names import ChannelName
from acpublish.release.rollout_changes import RolloutChange
from acpublish.release.signatures import admitted
from acpublish.release.version import Version

_log = logging.getLogger(__name__)

#: The changes after which a visible file may have to appear.
_SHOWING = ("publish", "promote", "undo", "settle")
_DOUBTFUL_DELETED = "if that release has the bytes that were deleted, publish it again"
_DOUBTFUL_RETIRED = "bytes that it may need are still there"


class ProductChanges:
    """Changes what the products of one catalog directory offer."""

    def __init__(
        self, root: Path, state: Path | None, snapshots: ProductSnapshots, lock: CatalogLock
    ) -> None:
        """Prepares to change a catalog.

        Args:
            root: The catalog's directory.
            state: The folder that keeps which user of which machine published or made a change;
                None for none.
            snapshots: The releases.
            lock: The catalog's lock.
        """
        self._root = root
        self._state = state
        self._snapshots = snapshots
        self._lock = lock

    def make(
        self,
        product: str,
        request: ChangeRequest | RolloutChange,
        *,
        now: datetime | None = None,
        before_commit: Callable[[], object] | None = None,
    ) -> Changed:
        """Makes a change, or only plans it.

        Args:
            product: The product.
            request: The change.
            now: The time of the change; the present by default.
            before_commit: Called with the catalog's lock; an error that it raises is passed on, and
                nothing is changed.

        Raises:
            NotFoundError: There is no such product, release, board or channel.
            ConflictError: What is published does not allow the change, or it changed meanwhile.
            SettingsError: A text or a number of the request is invalid.
            CatalogError: The directory cannot be read or written.
            ManifestError: What the channels point at cannot be read.
        """
        names.product(product)
        now = now or datetime.now(timezone.utc)
        with atomic.as_catalog_error(self._root, "cannot change the catalog"):
            self._lock.need_catalog()
            self._need(product)
            if not request.apply:
                return _changed(self._plan(product, request, now), applied=False)
            with self._lock.exclusive():
                if before_commit is not None:
                    before_commit()
                return self._made(product, request, now)

    def _need(self, product: str) -> None:
        if not self._snapshots.product(product).owned:
            known = ", ".join(self._snapshots.products()) or "none"
            raise NotFoundError(
                f"the catalog has no product {product}", hint=f"Its products are: {known}."
            )

    def _made(self, product: str, request: ChangeRequest | RolloutChange, now: datetime) -> Changed:
        planned = self._plan(product, request, now)
        self.show_last(product)
        if planned.change is not None:
            self.upgrade(product)
            # The upgrade is a change of its own, and what the caller knew was true before it.
            planned = self._plan(product, replace(request, serial=None), now)
            self.commit(product, planned.channels)
        notes = [*planned.notes, *self.complete(product)]
        notes += self.show_last(product)
        if request.action == "delete" and request.version is not None:
            notes += self._remaining(product, request.version)
        applied = planned.change is not None
        return replace(_changed(planned, applied=applied), notes=tuple(notes))

    def _plan(self, product: str, request: ChangeRequest | RolloutChange, now: datetime) -> Planned:
        self._snapshots.need_writable(product, request.version)
        channels, releases, unreadable = self._snapshots.readable(product)
        if request.action == "rollback" or request.order_back:
            # It may be the one that forbids going back.
            for fault in unreadable.values():
                raise fault
            releases = with_secure_versions(self._root, releases)
        elif _has_orders(channels):
            releases = with_secure_versions(self._root, releases)
        offered, _ = admitted(releases, read_trusted_keys(self._root, product))
        planned = request.plan(channels, releases, offered, now, complete=not unreadable)
        if request.action in ("promote", "start") and planned.change is not None:
            notes = self._asking_elsewhere(planned.change, releases)
            planned = replace(planned, notes=(*planned.notes, *notes))
        return planned

    def _asking_elsewhere(self, change: Change, releases: tuple[Release, ...]) -> Iterator[str]:
        """Yields which firmware asks for its updates on another channel than it is promoted to."""
        images = {
            Place(image.board, image.kind): (release.product, image)
            for release in releases
            for image in release.images
            if release.version == change.version and image.kind == "firmware"
        }
        moving = {move.place for move in change.moves} | {*change.rolling}
        for place in sorted(moving):
            product, image = images.get(place, ("", None))
            asked = channels_asked(self._root, product, image) if image else frozenset()
            if asked and change.channel not in asked:
                others = " and ".join(sorted(asked))
                yield (
                    f"{place}: its firmware asks for updates on {others}, so devices that get "
                    f"it from {change.channel} leave that channel."
                )

    def forbidding(self, placed: Release) -> tuple[Release, ...]:
        """Returns the releases that say who may go back, once one of them is as it will be.

        Returns:
            Nothing if nobody is ordered back, or if a manifest cannot be read: it may forbid that.

        Raises:
            ManifestError: What the channels point at cannot be read.
            OSError: Likewise.
        """
        channels, releases, unreadable = self._snapshots.readable(placed.product)
        if unreadable or not _has_orders(channels):
            return ()
        others = (release for release in releases if release.version != placed.version)
        return with_secure_versions(self._root, (*others, placed))

    def commit(self, product: str, channels: Channels) -> None:
        """Commits a change or a publish, and notes who made it; the caller has the lock.

        Args:
            product: The product.
            channels: What its channels point at from now on.

        Raises:
            UnflushedError: The change is made, but cannot be flushed to the disk.
            OSError: It cannot be written; then nothing was changed.
        """
        write_channels(self._root, product, channels)
        self._note_user(product, channels.serial)

    def upgrade(self, product: str) -> None:
        """Writes down what the channels point at, as far as only the manifests say it.

        The caller has the lock.

        Raises:
            ManifestError: A newer acpublish writes this product, or its channels cannot be read.
            OSError: A file cannot be read or written.
        """
        self._snapshots.need_writable(product)
        releases, unreadable = self._snapshots.manifests(product)
        names_of_files = (file.removesuffix(".json") for file in unreadable)
        versions = filter(None, map(Version.or_none, names_of_files))
        upgraded = upgrade_channels(self._root, product, releases, versions)
        if upgraded is not None:
            self._note_user(product, upgraded.serial)

    def policies(self, product: str) -> Mapping[str, Policy]:
        """Returns the policies of a product's channels, by channel.

        Raises:
            NotFoundError: There is no such product.
            CatalogError: The directory cannot be read.
            ManifestError: The document is damaged.
        """
        with self._reading(product):
            return self.channels(product).policies

    def set_policy(
        self, product: str, channel: ChannelName, policy: Policy | None, *, why: str, by: str
    ) -> Changed:
        """Sets the policy of a channel, which is already checked, or takes it away with None.

        Raises:
            AcpublishError: As for :meth:`make`.
        """
        request = RolloutChange(action="policy", channel=channel, policy=policy, why=why, by=by)
        return self.make(product, request)

    def history(self, product: str) -> tuple[Change, ...]:
        """Returns every change of a product, the oldest first.

        Raises:
            NotFoundError: There is no such product.
            CatalogError: The directory cannot be read.
            ManifestError: The history is damaged.
        """
        with self._reading(product):
            return read_history(self._root, product, self.channels(product))

    def rows(self, product: str) -> tuple[ChannelRow, ...]:
        """Returns what the channels of a product point at, and pointed at before.

        Raises:
            NotFoundError: There is no such product.
            CatalogError: The directory cannot be read.
            ManifestError: The document is damaged.
        """
        with self._reading(product):
            return rows_of(self.channels(product))

    @contextlib.contextmanager
    def _reading(self, product: str) -> Iterator[None]:
        names.product(product)
        with atomic.as_catalog_error(self._root, "cannot read the catalog"):
            self._need(product)
            yield

    def channels(self, product: str) -> Channels:
        """Reads what the channels of a product point at.

        Raises:
            ManifestError: The document is damaged.
            OSError: It cannot be read.
        """
        return self._snapshots.readable(product)[0]

    def complete(self, product: str) -> tuple[str, ...]:
        """Removes visible files and bytes that must no longer be there; the caller has the lock.

        Returns:
            What is still there, and why; a sentence for each.

        Raises:
            ManifestError: What the channels point at cannot be read.
            OSError: Likewise.
        """
        _, releases, _ = self._snapshots.readable(product)
        shown = self._snapshots.product(product).files
        taken = [image for release in releases for image in release.images if image.withdrawn]
        paths = [self._root / product / image.file for image in taken if image.file not in shown]
        deleted, retired = self._stored(taken, "deleted"), self._stored(taken, "retired")
        named, doubtful = self._snapshots.named_objects() if deleted | retired else ({}, ())
        leaked = {path for path in deleted if path.name not in named}
        spare = {path for path in retired - leaked if path.name not in named}
        # A leaked secret goes at once: whoever repairs a manifest can publish its bytes again, but
        # nobody takes a secret back. What only saves space can wait.
        paths += sorted(leaked if doubtful else leaked | spare)
        faults = [fault for path in paths if (fault := remove(self._root, path))]
        for manifest in doubtful:
            if leaked:
                faults.append(f"{manifest} cannot be read: {_DOUBTFUL_DELETED}")
            if spare:
                faults.append(f"{manifest} cannot be read: {_DOUBTFUL_RETIRED}")
        for fault in faults:
            _log.error("%s", fault)
        return tuple(f"{fault}." for fault in faults)

    def show_last(self, product: str) -> tuple[str, ...]:
        """Makes the visible files that the last change is to have; the caller has the lock.

        Returns:
            Which cannot be made, and why; a sentence for each.
        """
        snapshot = self._snapshots.product(product)
        last = snapshot.channels.history[-1] if snapshot.channels.history else None
        faults = []
        for release, image in snapshot.files.values():
            if last and last.action in _SHOWING and release.version == last.version:
                try:
                    project(self._root, product, image)
                except OSError as error:
                    faults.append(f"{product}/{image.file} cannot be made: {reason_of(error)}")
        for fault in faults:
            _log.error("%s", fault)
        return tuple(f"{fault}." for fault in faults)

    def _remaining(self, product: str, version: Version) -> list[str]:
        """Returns which bytes of a deleted release stay, because another release has the same."""
        named, doubtful = self._snapshots.named_objects()
        return [
            f"The bytes of {image.file} stay, because {named[path.name]} has the same"
            + (", and cannot be read." if named[path.name] in doubtful else ".")
            for release in self._snapshots.readable(product)[1]
            for image in release.images
            for path in self._objects(image)
            if release.version == version and path.name in named
        ]

    def _stored(self, images: Iterable[ReleaseImage], state: State) -> set[Path]:
        """Returns the paths of the bytes that are still there of images in a state."""
        return {
            path
            for image in images
            if image.withdrawn == state
            for path in self._objects(image)
            if path.exists()
        }

    def _objects(self, image: ReleaseImage) -> list[Path]:
        """Returns the paths of the bytes of an image and its gzip."""
        contents = (image, image.compressed)
        return [layout.objects(self._root) / content.sha256 for content in contents if content]

    def _note_user(self, product: str, serial: int) -> None:
        """Keeps who made a change where only whoever runs the catalog can read it."""
        if self._state is None:
            return
        try:
            who = {"user": _user(), "host": socket.gethostname()}
            path = self._state / "changes" / product / f"{serial:09}.json"
            ensure_private(path.parent)
            atomic.write(path, json.dumps(who).encode() + b"\n", mode=0o600)
        except (OSError, AcpublishError) as error:
            # The change itself was made.
            _log.warning("who changed %s is not kept: %s", product, error)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        # In many containers the user has a number only.
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


def _has_orders(channels: Channels) -> bool:
    return any(
        pointer.orders
        for of_channel in channels.pointers.values()
        for pointers in of_channel.values()
        for pointer in pointers[-1:]
    )


def _changed(planned: Planned, *, applied: bool) -> Changed:
    is_ahead = planned.change is not None and not applied
    return Changed(
        serial=planned.channels.serial - is_ahead,
        change=planned.change,
        applied=applied,
        notes=planned.notes,
        ordered_back=planned.ordered_back,
        freed=planned.freed,
    )
