"""The use case: version -> stamp -> sign -> put, for a directory, a server and a dry run alike.

1. The version of a changed working tree contains a part of the image's digest, so the image is
   read first.
2. A stamp and a signature depend on the version, so each version that is tried has its own.
3. The catalog prepares what it is given (:func:`acpublish.release.placement.prepare`): everything
   is checked before the first byte is written or sent.
4. While somebody develops (on each build, and on the channel ``dev`` of a PlatformIO project), a
   version that is already taken or lower than the channel's, or uncommitted changes, are not an
   error: the image gets a development version on the channel ``dev``. The same happens on ``dev``
   to an image that was published there before a later one, so that devices go back to it.

:func:`preflight` runs only the checks, with as much as is known.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from acpublish.catalog.rehearsal import Catalog, Rehearsal
from acpublish.errors import CheckError, ConflictError, NotFoundError, RefusedError
from acpublish.image.model import Image
from acpublish.keyfiles import private_key
from acpublish.keys import PrivateKey, PublicKey
from acpublish.publishing.destinations import open_changes
from acpublish.publishing.options import CheckOptions, PublishOptions
from acpublish.publishing.partitions import with_partitions
from acpublish.publishing.result import Plan, Publication
from acpublish.publishing.versions import VersionSource
from acpublish.release import names
from acpublish.release.candidate import Candidate
from acpublish.release.checks.facts import Facts, Result
from acpublish.release.checks.registry import run
from acpublish.release.decision import choose
from acpublish.release.manifest import PROVENANCE_CORE, Release
from acpublish.release.signatures import signed, submitted_statement
from acpublish.release.submission import Submission
from acpublish.release.version import Version

#: The checks whose errors lead to a development version instead, and what its note says.
_NO_ERROR_IN_DEVELOPMENT = {
    "dirty": "the working tree has uncommitted changes",
    "version-order": "{0.channel} has a higher version than {0.version}",
}
#: How often a development version is chosen again when others publish at the same time.
_RACES = 20


def publish_image(
    data: bytes,
    options: PublishOptions,
    source: VersionSource,
    catalog: Catalog,
    *,
    development: bool = False,
    dry_run: bool = False,
) -> Publication:
    """Publishes an image.

    Args:
        data: The image as it was built, stamped or not.
        options: What is to be published where.
        source: The version, as it was determined before the build.
        catalog: Where to; see :func:`acpublish.publishing.destinations.open_catalog`.
        development: A version that is taken by different bytes or lower than the channel's, or
            uncommitted changes, are not an error: the image gets a development version on the
            channel ``dev``.
        dry_run: Do everything except write.

    Raises:
        AcpublishError: It cannot be published; nothing was changed.
    """
    signer = private_key(options.signing_key) if options.signing_key else None
    publisher = _Publisher(
        built=Candidate.of(data, options.secrets.accepted, options.secret_values),
        source=source,
        signer=signer,
        stamps=options.stamp,
        catalog=Rehearsal(catalog, _staged(options)) if dry_run else catalog,
        dry_run=dry_run,
    )
    submission = _submission(publisher.built.image, options, source)
    if development and source.development:
        submission = replace(submission, channel=names.DEVELOPMENT)
    # A signature covers the stamp, so a signed image cannot get another version.
    development = development and publisher.built.image.signature is None
    try:
        publication = publisher.publish(submission)
        if not development or not publisher.can_go_back_to(publication):
            return publication
        why = f"{submission.version} is published, but dev points at {publication.points_at}"
    except ConflictError:
        if not development:
            raise
        why = f"{submission.version} is already published with different bytes"
    except CheckError as error:
        if not development or error.check not in _NO_ERROR_IN_DEVELOPMENT:
            raise
        why = _NO_ERROR_IN_DEVELOPMENT[error.check].format(submission)
    return publisher.publish_development(submission, why)


def _staged(options: PublishOptions) -> frozenset[str]:
    """Returns the channels of the product to which releases go in stages."""
    # A product that is published for the first time has none, nor has a server of an earlier
    # version.
    with contextlib.suppress(NotFoundError, RefusedError):
        return frozenset(open_changes(options.destination).policies(options.product))
    return frozenset()


def _submission(image: Image, options: PublishOptions, source: VersionSource) -> Submission:
    declared = with_partitions(options.declared, options.partitions, options.kind)
    return Submission(
        **options.complete(
            version=source.version(image.unstamped_sha256),
            channel=options.channel or source.channel,
        ),
        provenance=options.provenance,
        private=options.private,
        compress=options.compress,
        no_downgrade_below=options.no_downgrade_below,
        requires=options.requires,
        by=options.by,
        declared=source.declared(declared),
        skipped_checks=options.skipped_checks,
        secrets=options.secrets,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Publisher:
    """Publishes one built image, under one version or under the next development version."""

    built: Candidate
    source: VersionSource
    signer: PrivateKey | None
    stamps: bool
    catalog: Catalog
    dry_run: bool

    def publish(self, submission: Submission, note: str = "") -> Publication:
        """Publishes the image as what a submission says."""
        final = self.built.stamped(submission) if self.stamps else self.built
        submission = signed(submission, final.image, self.signer)
        if not self.dry_run:
            receipt = self.catalog.put(final, submission)
            return Publication(submission=submission, receipt=receipt, note=note)
        before = self.catalog.releases(submission.product)
        receipt = self.catalog.put(final, submission)
        plan = Plan.of(
            submission,
            before,
            self.catalog.releases(submission.product),
            version_from=self.source.found_in,
            request=self.catalog.request_for(submission),
        )
        return Publication(
            submission=submission, receipt=receipt, note=note, dry_run=True, plan=plan
        )

    def can_go_back_to(self, publication: Publication) -> bool:
        """Returns whether a development version would bring devices back to a published image.

        A later image has replaced it on the channel ``dev``. Devices are never offered a lower
        version, so a build of an older commit does not get another one.
        """
        latest = publication.points_at
        if latest is None or not _superseded(publication):
            return False
        version = self._development_version(
            publication.submission, self._versions(publication.submission)
        )
        return version.precedence >= latest.precedence

    def publish_development(self, submission: Submission, why: str) -> Publication:
        """Publishes the image under the next development version that is free.

        Args:
            submission: What was to be published.
            why: Why it cannot have its own version.

        Raises:
            ConflictError: Others have taken each of the versions that were tried.
        """
        # Versions may be taken by releases that are not seen, because no trusted key signed them.
        refused: set[Version] = set()
        for attempt in range(1, _RACES + 1):
            version = self._development_version(submission, refused)
            development = replace(submission, version=version, channel=names.DEVELOPMENT)
            try:
                publication = self.publish(development, note=f"{why}, so this build is {version}")
                if not _superseded(publication) or attempt == _RACES:
                    break
                refused |= self._versions(submission)
            except ConflictError:
                if attempt == _RACES:
                    raise
                refused.add(version)
        return publication

    def _versions(self, submission: Submission) -> set[Version]:
        return _versions_of_board(submission, self.catalog.releases(submission.product))

    def _development_version(self, submission: Submission, refused: set[Version]) -> Version:
        image = self.built.image
        releases = self.catalog.releases(submission.product)
        return _published_as(image, submission, releases) or self.source.other_version(
            image.unstamped_sha256,
            _versions_of_board(submission, releases) | refused,
            _taken(image, submission, releases) | refused,
        )


def _versions_of_board(submission: Submission, releases: Sequence[Release]) -> set[Version]:
    # Only those of the board count, so that boards which are built together stay together.
    return {
        release.version
        for release in releases
        if release.image_for(submission.board, submission.kind)
    }


def _superseded(publication: Publication) -> bool:
    """Returns whether the image stays below a later one on the channel ``dev``."""
    latest = None if publication.rolling else publication.points_at
    return publication.channel == names.DEVELOPMENT and latest not in (None, publication.version)


def _published_as(
    image: Image, submission: Submission, releases: Sequence[Release]
) -> Version | None:
    """Returns the version under which this build is the newest on the development channel."""
    target = choose(releases, submission.board, names.DEVELOPMENT, submission.kind)
    if target is None or target.image.unstamped_sha256 != image.unstamped_sha256:
        return None
    return target.release.version


def _taken(image: Image, submission: Submission, releases: Sequence[Release]) -> set[Version]:
    """Returns the versions under which the board has another image."""
    images = [
        (release.version, release.image_for(submission.board, submission.kind))
        for release in releases
    ]
    return {
        version
        for version, other in images
        if other is not None and other.unstamped_sha256 != image.unstamped_sha256
    }


def preflight(
    data: bytes,
    options: CheckOptions,
    source: VersionSource | None,
    releases: tuple[Release, ...] | None,
    trusted_keys: tuple[PublicKey, ...] | None = None,
) -> tuple[Result, ...]:
    """Runs all checks; nothing is published.

    They check what would be published: the stamped image, if product and version are known.

    Args:
        data: The image as it was built, stamped or not.
        options: What is known of it.
        source: Its version, if it is known.
        releases: The product's releases so far, None if they are not known.
        trusted_keys: The keys that the product trusts, None if they are not known.

    Raises:
        PartitionError: The file of the partition table cannot be read.
        SettingsError: The signing key cannot be read, or cannot sign releases.
    """
    built = Candidate.of(data, options.secrets.accepted, options.secret_values)
    declared = with_partitions(options.declared, options.partitions, options.kind)
    options = replace(options, declared=declared)
    if source:
        options = replace(
            options,
            version=source.version(built.image.unstamped_sha256),
            channel=options.channel or source.channel,
            declared=source.declared(declared),
        )
    # A damaged image cannot be stamped; a check reports it.
    final = built if built.image.damaged else built.stamped(options)
    facts = Facts.so_far(final.image, options, releases, trusted_keys)
    facts = replace(facts, secrets=final.secrets, update_paths=final.update_paths)
    if isinstance(options, PublishOptions):
        facts = replace(
            facts,
            gzip=options.compress,
            gzip_bytes=final.gzip_bytes if options.compress else None,
            core=options.provenance.get(PROVENANCE_CORE),
        )
    return run(_as_signed(facts, options))


def _as_signed(facts: Facts, options: CheckOptions) -> Facts:
    """Returns the facts with the signature that a publish would make.

    They are unchanged if something that it covers is not known; it does not cover the channel.
    """
    if facts.product is None or facts.version is None or facts.board is None:
        return facts
    unsigned = Submission(**facts.complete(channel=facts.channel or names.STABLE))
    signer = private_key(options.signing_key) if options.signing_key else None
    return replace(
        facts,
        signatures=signed(unsigned, facts.image, signer).signatures,
        stated=submitted_statement(facts.image, unsigned),
    )
