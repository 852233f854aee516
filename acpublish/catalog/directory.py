"""The directory catalog: releases in a directory, committed by one rename.

A publish prepares the image under the lock, and then writes in this order; each step is complete
before the next begins:

1. the bytes of the image and of its gzip, each as an object named by its digest;
2. a link to the image, the later visible file, still among the temporary files;
3. the manifest, renamed into place;
4. what the channels point at (:mod:`acpublish.catalog.channels_file`): this is the commit;
5. the visible file, a projection that the next publish or the start of a server repairs. A release
   that goes to its channel in stages gets it once a channel points at it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from acpublish import atomic
from acpublish.catalog import layout
from acpublish.catalog.beneath import Beneath
from acpublish.catalog.catalog_rollouts import CatalogRollouts
from acpublish.catalog.lock import CatalogLock
from acpublish.catalog.manifest_files import describes, readable_json
from acpublish.catalog.private_provenance import PrivateProvenance
from acpublish.catalog.product_changes import ProductChanges
from acpublish.catalog.snapshot import ProductSnapshots
from acpublish.catalog.trusted_keys import TrustStore, read_trusted_keys
from acpublish.catalog.visible import project
from acpublish.errors import (
    AcpublishError,
    CatalogError,
    ConflictError,
    ManifestError,
    NotFoundError,
    reason_of,
)
from acpublish.keys import PublicKey
from acpublish.release import names
from acpublish.release.candidate import Candidate
from acpublish.release.changes import author, publish
from acpublish.release.channels import Place
from acpublish.release.manifest import Compressed, Release, ReleaseImage
from acpublish.release.placement import Placement, Prepared, prepare
from acpublish.release.rolling import goes_in_stages
from acpublish.release.submission import Outcome, Receipt, Submission

_log = logging.getLogger(__name__)

_LEFTOVER_AGE_S = 3600.0
#: Something else has the name of a visible file, or of its folder.
_BLOCKED = (errno.EISDIR, errno.ENOTDIR, errno.EEXIST)


class DirectoryCatalog:
    """The releases of one catalog directory. Its methods may be called from several threads."""

    def __init__(self, root: Path, state: Path | None = None) -> None:
        """Opens a catalog.

        Args:
            root: The catalog's directory; it may be empty.
            state: The folder of what must not be public, such as who changed something, which also
                remembers that there was a catalog here; None if neither is kept.

        Raises:
            CatalogError: It is missing or not a directory.
        """
        # A path has lost one slash of the URL.
        if str(root).lower().startswith(("http:/", "https:/")) and not os.path.isdir(root):  # noqa: PTH112
            raise CatalogError(
                "the catalog is a URL, but only a directory can be used here",
                hint="Pass the catalog's directory, on the machine that has it.",
            )
        with atomic.as_catalog_error(root, "cannot open the catalog"):
            # For circular links, Path.resolve raises an error that is not an OSError.
            self.root = Path(os.path.realpath(root, strict=True))
            if not self.root.is_dir():
                raise CatalogError(
                    f"the catalog {root} is not a directory", hint="Use a directory."
                )
            self._lock = CatalogLock(self.root, state)
        self._objects = Beneath(os.path.realpath(layout.objects(self.root)))
        #: What each product has at one time.
        self.snapshots = ProductSnapshots(self.root)
        self._private = None if state is None else PrivateProvenance(state)
        #: Changes which keys a product trusts.
        self.trust = TrustStore(self.root, self.snapshots.fresh, self.snapshots.written, self._lock)
        #: Changes what the products offer.
        self.changes = ProductChanges(self.root, state, self.snapshots, self._lock)
        #: Changes what is on its way to channels.
        self.rollouts = CatalogRollouts(self.changes)

    def need_present(self) -> None:
        """Refuses a directory in which there was a catalog that is gone now.

        Raises:
            CatalogError: It is gone, or the directory cannot be read.
        """
        with atomic.as_catalog_error(self.root, "cannot read the catalog"):
            self._lock.need_catalog()

    def products(self) -> tuple[str, ...]:
        """Returns the names of the products that have releases, sorted."""
        return self.snapshots.products()

    def releases(self, product: str) -> tuple[Release, ...]:
        """Returns a product's releases in no particular order; cheap enough for every request.

        If the product trusts keys, these are only the releases that one of them signed.
        """
        return self.snapshots.product(product).releases

    def trusted_keys(self, product: str) -> tuple[PublicKey, ...]:
        """Reads which keys a product trusts now; none for a product that accepts any release.

        Raises:
            ManifestError: Their file is damaged.
            MissingExtraError: There are keys, and cryptography is not installed.
            CatalogError: The directory cannot be read.
        """
        with atomic.as_catalog_error(self.root, "cannot read the catalog"):
            return read_trusted_keys(self.root, names.product(product))

    def url_of(self, file: str) -> str:
        """Returns the path of a visible file, given its path below the catalog."""
        return str(self.root / file)

    def request_for(self, submission: Submission) -> None:
        """Returns None: an image is written, and no request is sent."""

    def find_file(self, product: str, file: str) -> tuple[Release, ReleaseImage] | None:
        """Returns the release and image behind a visible file; as cheap as :meth:`releases`."""
        return self.snapshots.product(product).files.get(file)

    def owns(self, product: str) -> bool:
        """Returns whether manifests decide what is in a product's directory."""
        return self.snapshots.product(product).owned

    def object_path(self, sha256: str) -> Path:
        """Returns where the bytes of an image are."""
        return layout.objects(self.root) / sha256

    def open_object(self, sha256: str) -> int:
        """Opens the bytes of an image, and returns the descriptor.

        The folder of the objects may be a link to another disk, but an object may not lead out of
        it.

        Raises:
            OSError: It is missing.
        """
        return self._objects.open(sha256)[1]

    def read_object(self, sha256: str) -> bytes:
        """Returns the bytes of an image, compared with its digest.

        Raises:
            NotFoundError: They are missing.
            CatalogError: They differ from what was published.
        """
        try:
            with os.fdopen(self.open_object(sha256), "rb") as file:
                data = file.read()
        except OSError as error:
            raise NotFoundError(
                f"the object {sha256} cannot be read", hint="Publish that image again."
            ) from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise CatalogError(
                f"the object {sha256} was changed on the disk", hint="Publish that image again."
            )
        return data

    def put(
        self,
        candidate: Candidate,
        submission: Submission,
        *,
        now: datetime | None = None,
        before_commit: Callable[[], object] | None = None,
    ) -> Receipt:
        """Prepares an image and publishes it.

        Args:
            candidate: The exact bytes that devices will get; already stamped.
            submission: What they are published as.
            now: The time of publishing; the present by default.
            before_commit: Called last, before anything is written; an error that it raises is
                passed on, and nothing is published.

        Raises:
            CheckError: A pre-flight check found an error.
            ConflictError: The version already has different bytes, or its manifest cannot be read.
            CatalogError: The directory cannot be read or written.
            ManifestError: The product's trusted-keys file is damaged.
        """
        now = now or datetime.now(timezone.utc)
        with atomic.as_catalog_error(self.root, "cannot publish to the catalog"):
            self._lock.need_catalog()
            if not (self.root / layout.HIDDEN).is_dir():
                # The lock needs this directory, which a refused image must not leave behind.
                self._prepared(candidate, submission, now)
            with self._lock.exclusive():
                prepared = self._prepared(candidate, submission, now)
                receipt = prepared.receipt(self.url_of(prepared.file))
                if before_commit is not None:
                    before_commit()
                self.changes.show_last(submission.product)
                if receipt.outcome is not Outcome.ALREADY_PUBLISHED:
                    self.changes.upgrade(submission.product)
                # A server may run for years, and a publish without one never starts it.
                self._clear_temporary(_LEFTOVER_AGE_S)
                manifest = layout.manifest(self.root, submission.product, submission.version)
                before = manifest.read_bytes() if manifest.exists() else None
                try:
                    self._write(candidate.data, prepared, submission, now)
                except OSError:
                    self._discard(submission, manifest, before)
                    raise
                if self._private is not None:
                    self._private.keep(submission)
                self.changes.complete(submission.product)
        return receipt

    def need_publishable(self, submission: Submission) -> None:
        """Refuses what a publish would refuse because of the manifests that cannot be read.

        Raises:
            ConflictError: That of the version cannot be read.
            ManifestError: A newer acpublish writes this product, or its channels cannot be read.
        """
        product, version = submission.product, submission.version
        with atomic.as_catalog_error(self.root, "cannot read the catalog"):
            _, _, unreadable = self.snapshots.readable(product)
            fault = unreadable.get(layout.manifest(self.root, product, version).name)
            if fault is not None:
                raise ConflictError(
                    f"{product} {version} is already published, but its manifest cannot be read: "
                    f"{fault.problem if isinstance(fault, AcpublishError) else reason_of(fault)}",
                    hint="Raise the version, or restore the manifest from a backup.",
                )
            self.snapshots.need_writable(product)

    def _prepared(self, candidate: Candidate, submission: Submission, now: datetime) -> Prepared:
        self.need_publishable(submission)
        product, version = submission.product, submission.version
        channels, releases, _ = self.snapshots.readable(product)
        in_stages = goes_in_stages(channels, submission.channel, version)
        keys = read_trusted_keys(self.root, product)
        listed = next((release for release in releases if release.version == version), None)
        manifests, _ = self.snapshots.manifests(product)
        written = next((entry.bare() for entry in manifests if entry.version == version), None)
        if written is None:
            return prepare(candidate, submission, releases, keys, now, in_stages=in_stages)
        # The manifest is the truth even for an image that channels.json does not list, because an
        # older one may have been restored: it keeps its bytes, and stays in the manifest.
        for image in listed.images if listed else ():
            written = written.with_image(image)
        others = [release for release in releases if release is not listed]
        prepared = prepare(
            candidate, submission, (*others, written), keys, now, in_stages=in_stages
        )
        if listed is None or listed.image_for(submission.board, submission.kind) is None:
            placement = replace(prepared.placement, outcome=Outcome.PUBLISHED)
            return replace(prepared, placement=placement)
        return prepared

    def _write(
        self, data: bytes, prepared: Prepared, submission: Submission, now: datetime
    ) -> None:
        placement = prepared.placement
        release, image = placement.release, placement.image
        manifest = readable_json(release)
        temporary = layout.temporary(self.root)
        target = self.object_path(image.sha256)
        objects = {target: data}
        gzip = image.compressed
        # A gzip that an earlier publish stored is kept, even if this zlib makes another one.
        if gzip is not None and prepared.gzip and gzip == Compressed.of(prepared.gzip):
            objects[self.object_path(gzip.sha256)] = prepared.gzip
        for path, content in objects.items():
            if not _has_content(path, content):
                atomic.write(path, content, temporary, mode=0o444)
        visible = self.root / prepared.file
        with atomic.prepared_link(visible, target, temporary) as put_in_place:
            if placement.outcome is not Outcome.ALREADY_PUBLISHED:
                path = layout.manifest(self.root, release.product, release.version)
                if not describes(path, release):
                    atomic.write(path, manifest, temporary)
                self._commit(placement, submission, now)
            if not placement.image.channels and self._is_unsettled(submission):
                return
            try:
                put_in_place()
            except OSError as error:
                raise CatalogError(
                    f"{release.product} {release.version} is published, but {visible} could not "
                    f"be created: {reason_of(error)}",
                    hint="Fix that, then publish again to complete the release.",
                ) from error

    def _is_unsettled(self, submission: Submission) -> bool:
        """Returns whether no channel has ever pointed at an image, which hides its visible file."""
        place = Place(submission.board, submission.kind)
        unsettled = self.changes.channels(submission.product).unsettled()
        return (submission.version, place) in unsettled

    def _commit(self, placement: Placement, submission: Submission, now: datetime) -> None:
        product = submission.product
        channels = self.changes.channels(product)
        planned = publish(
            channels,
            submission.version,
            Place(submission.board, submission.kind),
            submission.channel,
            author(now, submission.by, submission.why),
            moves=placement.moves,
            releases=self.changes.forbidding(placement.release),
        )
        if planned.change is not None:
            self.changes.commit(product, planned.channels)

    def _discard(self, submission: Submission, manifest: Path, before: bytes | None) -> None:
        """Removes what a failed publish left, if it is not committed; a disk may be full."""
        with contextlib.suppress(OSError, AcpublishError):
            committed = self.changes.channels(submission.product).images
            place = Place(submission.board, submission.kind)
            if place not in committed.get(submission.version, ()):
                if before is None:
                    manifest.unlink(missing_ok=True)
                else:
                    atomic.write(manifest, before, layout.temporary(self.root))
            atomic.clear_leftovers(self._orphans(), 0)

    def repair(self, *, older_than_s: float = _LEFTOVER_AGE_S) -> tuple[str, ...]:
        """Recreates visible files that are missing or differ, and clears leftovers.

        Args:
            older_than_s: The age from which a temporary file, or an object that no manifest
                names, is a leftover.

        Returns:
            The files that were recreated.

        Raises:
            CatalogError: The directory cannot be read or written.
        """
        self.need_present()
        if not (self.root / layout.HIDDEN).is_dir():
            return ()
        recreated = []
        with (
            atomic.as_catalog_error(self.root, "cannot repair the catalog"),
            self._lock.exclusive(),
        ):
            self._clear_temporary(older_than_s)
            with contextlib.suppress(ManifestError, OSError):
                atomic.clear_leftovers(self._orphans(), older_than_s)
            for product in self.products():
                # A product whose channels cannot be read must not keep back the others.
                with contextlib.suppress(ManifestError):
                    self.changes.complete(product)
                for _, image in self.snapshots.product(product).files.values():
                    try:
                        if project(self.root, product, image):
                            recreated.append(f"{product}/{image.file}")
                    except OSError as error:
                        if error.errno not in _BLOCKED:
                            raise
                        # Whatever is in the way of one file must not keep back the others.
                        _log.error("%s/%s is not repaired: %s", product, image.file, error)
        return tuple(recreated)

    def _clear_temporary(self, older_than_s: float) -> None:
        atomic.clear_leftovers(layout.temporary(self.root).glob("*"), older_than_s)

    def _orphans(self) -> tuple[Path, ...]:
        """Returns the objects that no manifest names; none while a manifest cannot be read."""
        named, doubtful = self.snapshots.named_objects()
        paths = () if doubtful else layout.objects(self.root).glob("*")
        return tuple(path for path in paths if path.name not in named)


def _has_content(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except FileNotFoundError:
        return False
