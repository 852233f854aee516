"""The use case: version -> stamp -> checks -> plan -> put, for a directory and a server alike.

Everything is checked before the first byte is written or sent.

The pre-flight checks alone: what a publish would say of an image, with as much as is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from acpublish.errors import CheckError, ConflictError
from acpublish.image.model import Image, Kind
from acpublish.image.reader import read
from acpublish.image.stamper import stamp
from acpublish.keys import PrivateKey, PublicKey
from acpublish.publishing.destinations import Catalog
from acpublish.publishing.keyfiles import private_key, signed
from acpublish.publishing.options import DEVELOPMENT_CHANNEL, CheckOptions, PublishOptions
from acpublish.publishing.partitions import with_partitions
from acpublish.publishing.result import Plan, Publication
from acpublish.publishing.versions import VersionSource
from acpublish.release import names
from acpublish.release.checks.facts import Facts, Result
from acpublish.release.checks.registry import examine, findings_of, not_made, raise_errors, run
from acpublish.release.decision import choose
from acpublish.release.gzip_choice import gzip_beside
from acpublish.release.manifest import Compressed, Release
from acpublish.release.placement import place
from acpublish.release.secrets import SecretFound, find_secrets
from acpublish.release.signatures import submitted_statement
from acpublish.release.submission import Receipt, Submission
from acpublish.release.version import Version

__all__ = ["preflight", "publish_image", "stamped"]

#: How often a development version is chosen anew when others publish at the same time.
_RACES = 20


def publish_image(
    data: bytes,
    options: PublishOptions,
    source: VersionSource,
    catalog: Catalog,
    *,
    on_build: bool = False,
    dry_run: bool = False,
) -> Publication:
    """Publishes an image.

    Args:
        data: The image as it was built, stamped or not.
        options: What is to be published where.
        source: The version, found out before the build.
        catalog: Where to; see :func:`open_catalog`.
        on_build: A version that is taken by other bytes, or changes in the work tree, are no
            error: the image gets a development version on the channel ``dev``.
        dry_run: Do all but the write.

    Raises:
        AcpublishError: It cannot be published; nothing was changed.
    """
    signer = private_key(options.signing_key) if options.signing_key else None
    image = read(data)
    version = source.version(image.unstamped_sha256)
    channel = options.channel or source.channel
    if on_build and source.development:
        channel = DEVELOPMENT_CHANNEL
    wanted = Submission(
        product=options.product,
        version=version,
        board=options.board,
        channel=channel,
        kind=options.kind,
        chip=options.chip,
        provenance=options.provenance,
        private=options.private,
        compress=options.compress,
        declared=source.declared(
            with_partitions(options.declared, options.partitions, options.kind)
        ),
        skipped_checks=options.skipped_checks,
        secrets=options.secrets,
    )
    secrets = find_secrets(data, options.secret_values, options.secrets.accepted)
    built = _Built(
        data=data,
        image=image,
        secrets=secrets,
        signer=signer,
        stamp=options.stamp,
        version_from=source.found_in,
    )
    send = _planned if dry_run else _put
    try:
        return _publish(built, wanted, catalog, send, dry_run=dry_run)
    except ConflictError:
        if not on_build:
            raise
        why = f"{wanted.version} is published with other bytes"
    except CheckError as fault:
        if not on_build or fault.check != "dirty":
            raise
        why = "the work tree has changes that are not committed"
    return _publish_development(built, wanted, source, catalog, send, why, dry_run=dry_run)


def stamped(data: bytes, image: Image, submission: Submission) -> bytes:
    """Returns the very bytes to publish: stamped where the image has a place for it.

    Raises:
        ImageError: The image is damaged, or of a kind that cannot be stamped.
    """
    if submission.kind != "firmware" or not image.stampable or image.kind is not Kind.APPLICATION:
        return data
    return stamp(data, submission.product, str(submission.version))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Built:
    """An image as it was built, what is known of it, and who signs what becomes of it.

    A stamp moves nothing, so that secrets stay where they were.
    """

    data: bytes
    image: Image
    secrets: tuple[SecretFound, ...]
    signer: PrivateKey | None
    stamp: bool
    version_from: str


_Send = Callable[[Catalog, bytes, Submission, Receipt], Receipt]


def _publish(
    built: _Built,
    submission: Submission,
    catalog: Catalog,
    send: _Send,
    *,
    dry_run: bool,
    note: str = "",
) -> Publication:
    final = stamped(built.data, built.image, submission) if built.stamp else built.data
    final_image = built.image if final == built.data else read(final)
    submission = signed(submission, final_image, built.signer)
    releases = catalog.releases(submission.product)
    keys = catalog.trusted_keys(submission.product)
    results = examine(final_image, submission, releases, keys, built.secrets)
    warnings = raise_errors(findings_of(results))
    gzip, more = gzip_beside(final, final_image, submission)
    beside = Compressed.of(gzip) if gzip else None
    now = datetime.now(timezone.utc)
    placed = place(final_image, submission, releases, now, beside, trusted_keys=keys)
    file = f"{submission.product}/{placed.image.file}"
    plan = Receipt(
        outcome=placed.outcome,
        file=file,
        size=final_image.size,
        md5=final_image.md5,
        sha256=final_image.sha256,
        url=catalog.url_of(file),
        compressed=placed.image.compressed,
    )
    receipt = send(catalog, final, submission, plan)
    # The catalog ran the same checks, and a newer server may know more of them.
    receipt = replace(receipt, warnings=tuple(dict.fromkeys((*warnings, *more, *receipt.warnings))))
    return Publication(
        submission=submission,
        receipt=receipt,
        note=note,
        dry_run=dry_run,
        not_checked=not_made(results),
        plan=Plan.of(
            placed,
            submission,
            releases,
            version_from=built.version_from,
            request=catalog.request_for(submission),
        )
        if dry_run
        else None,
    )


def _put(catalog: Catalog, data: bytes, submission: Submission, plan: Receipt) -> Receipt:
    return catalog.put(data, submission)


def _planned(catalog: Catalog, data: bytes, submission: Submission, plan: Receipt) -> Receipt:
    return plan


def _publish_development(
    built: _Built,
    wanted: Submission,
    source: VersionSource,
    catalog: Catalog,
    send: _Send,
    why: str,
    *,
    dry_run: bool,
) -> Publication:
    # Versions may be taken that are not seen, by releases that no trusted key signed.
    refused: set[Version] = set()
    image = built.image
    for _ in range(_RACES):
        releases = catalog.releases(wanted.product)
        # Only those of the board count, so that boards which are built together stay together.
        held = [one.version for one in releases if one.image_for(wanted.board, wanted.kind)]
        version = _published_as(image, wanted, releases) or source.other_version(
            image.unstamped_sha256,
            [*held, *refused],
            _taken(image, wanted, releases) | refused,
        )
        development = replace(wanted, version=version, channel=DEVELOPMENT_CHANNEL)
        note = f"{why}, so this build is {version}"
        try:
            return _publish(built, development, catalog, send, dry_run=dry_run, note=note)
        except ConflictError as fault:
            conflict = fault
            refused.add(version)
    raise conflict


def _published_as(image: Image, wanted: Submission, releases: Sequence[Release]) -> Version | None:
    """Returns the version under which this very build is the newest on the development channel."""
    target = choose(releases, wanted.board, DEVELOPMENT_CHANNEL, wanted.kind)
    if target is None or target.image.unstamped_sha256 != image.unstamped_sha256:
        return None
    return target.release.version


def _taken(image: Image, wanted: Submission, releases: Sequence[Release]) -> set[Version]:
    """Returns the versions under which the board has another image."""
    held = [(release.version, release.image_for(wanted.board, wanted.kind)) for release in releases]
    return {
        version
        for version, other in held
        if other is not None and other.unstamped_sha256 != image.unstamped_sha256
    }


def preflight(
    data: bytes,
    options: CheckOptions,
    source: VersionSource | None,
    releases: tuple[Release, ...] | None,
    trusted_keys: tuple[PublicKey, ...] | None = None,
) -> tuple[Result, ...]:
    """Makes all checks; nothing is published.

    What is checked is what would be published: the stamped image, where product and version are
    known.

    Args:
        data: The image as it was built, stamped or not.
        options: What is known of it.
        source: Its version, when it is known.
        releases: The product's releases so far, None where they are not known.
        trusted_keys: The keys that the product trusts, None where they are not known.

    Raises:
        PartitionError: The file of the partition table cannot be read.
        SettingsError: The signing key cannot be read, or signs no releases.
    """
    image = read(data)
    version = source.version(image.unstamped_sha256) if source else None
    declared = with_partitions(options.declared, options.partitions, options.kind)
    facts = Facts(
        image=_stamped(data, image, options, version),
        kind=options.kind,
        product=options.product,
        version=version,
        board=options.board,
        channel=options.channel or (source.channel if source else None),
        chip=options.chip,
        declared=source.declared(declared) if source else declared,
        releases=releases,
        secrets=find_secrets(data, options.secret_values, options.secrets.accepted),
        secrets_stop=options.secrets.severity == "error",
        skipped=options.skipped_checks,
        trusted_keys=trusted_keys,
    )
    return run(_as_signed(facts, options))


def _as_signed(facts: Facts, options: CheckOptions) -> Facts:
    """Returns the facts with the signature that a publish would make; as they are without a place.

    What a signature is over names the place of the image, so that it takes all of it.
    """
    if facts.product is None or facts.version is None or facts.board is None:
        return facts
    unsigned = Submission(
        product=facts.product,
        version=facts.version,
        board=facts.board,
        channel=facts.channel or names.STABLE,
        kind=facts.kind,
    )
    signer = private_key(options.signing_key) if options.signing_key else None
    return replace(
        facts,
        signatures=signed(unsigned, facts.image, signer).signatures,
        stated=submitted_statement(facts.image, unsigned),
    )


def _stamped(data: bytes, image: Image, options: CheckOptions, version: Version | None) -> Image:
    stamps = (
        options.kind == "firmware"
        and image.kind is Kind.APPLICATION
        and image.stampable
        and not image.damaged
    )
    if not stamps or options.product is None or version is None:
        return image
    return read(stamp(data, options.product, str(version)))
