"""The pre-flight checks alone: what a publish would say of an image, with as much as is known."""

from __future__ import annotations

from dataclasses import replace

from acpublish.image import Image, Kind, read, stamp
from acpublish.keys import PublicKey
from acpublish.publishing.options import CheckOptions
from acpublish.publishing.partitions import with_partitions
from acpublish.publishing.signer import private_key, signed
from acpublish.publishing.sources import VersionSource
from acpublish.release import Release, Submission, Version, find_secrets, names
from acpublish.release.checks import Facts, Result, run
from acpublish.release.signatures import submitted_statement

__all__ = ["preflight"]


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
