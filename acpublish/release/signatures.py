"""Signatures of releases: what is signed, and which releases count as signed.

A signature covers a statement about one image: its immutable facts as JSON, with sorted keys and
no white space, in UTF-8. Channels, the order of publishing and its time are not covered, because
they move: a promotion must not need the private key. Nor are the digests that devices report, which
follow from the bytes, or the rest of the provenance, which no decision depends on. Anyone who can
write to the catalog can therefore still hold devices back, or offer an older signed release.

A product that trusts keys has only releases signed with one of those keys.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from acpublish.errors import RequestError, SettingsError
from acpublish.image.model import Image
from acpublish.keys import PrivateKey, PublicKey
from acpublish.release.manifest import PROVENANCE_CORE, Release, ReleaseImage, ReleaseSignature
from acpublish.release.submission import Submission

#: The old and the new one, while a key is rotated.
MAX_TRUSTED_KEYS = 2
#: The layout of statements; a different layout needs a different signature.
_FORMAT = 1
#: Says what the signature covers, so that it is not valid for anything else that the key signs.
_TYPE = "acpublish release image"


def statement(product: str, version: object, image: ReleaseImage) -> bytes:
    """Returns the canonical bytes that are signed for an image of a release."""
    return _canonical(
        product=product,
        version=str(version),
        board=image.board,
        kind=image.kind,
        file=image.file,
        family=image.family,
        chip=image.chip,
        core=image.core,
        size=image.size,
        md5=image.md5,
        sha256=image.sha256,
    )


def submitted_statement(image: Image, submission: Submission) -> bytes:
    """Returns the same bytes for an image that is yet to be published."""
    firmware = submission.kind == "firmware"
    return _canonical(
        product=submission.product,
        version=str(submission.version),
        board=submission.board,
        kind=submission.kind,
        file=submission.file,
        family=image.family if firmware else None,
        chip=image.chip if firmware else None,
        core=submission.provenance.get(PROVENANCE_CORE),
        size=image.size,
        md5=image.md5,
        sha256=image.sha256,
    )


def _canonical(**facts: str | int | None) -> bytes:
    document = {"format": _FORMAT, "type": _TYPE, **facts}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def sign(stated: bytes, key: PrivateKey) -> ReleaseSignature:
    """Signs a statement.

    Raises:
        SettingsError: The key is of a kind that cannot sign releases.
    """
    need_release_key(key.public)
    return ReleaseSignature(
        key=key.public.id, signature=base64.b64encode(key.sign(stated)).decode()
    )


def signed(submission: Submission, image: Image, key: PrivateKey | None) -> Submission:
    """Returns a submission with a key's signature; unchanged without a key.

    Args:
        submission: What the image is published as.
        image: What is known of the exact bytes to publish.
        key: An ECDSA P-256 key.

    Raises:
        SettingsError: The key is of a kind that cannot sign releases.
    """
    if key is None:
        return submission
    signature = sign(submitted_statement(image, submission), key)
    return replace(submission, signatures=(*submission.signatures, signature))


def need_release_key(key: PublicKey) -> None:
    """Refuses a key that cannot sign releases.

    Raises:
        SettingsError: It is an RSA key.
    """
    if key.algorithm != "ecdsa-p256":
        raise SettingsError(
            f"the key {key.id} is an RSA key, but releases are signed with ECDSA P-256",
            hint="Create a key for releases: acpublish key create.",
        )


def signed_by(
    stated: bytes, signatures: Iterable[ReleaseSignature], keys: Iterable[PublicKey]
) -> PublicKey | None:
    """Returns the first of the keys that signed a statement, None if none of them did."""
    by_key = {signature.key: signature for signature in signatures}
    for key in keys:
        signature = by_key.get(key.id)
        if signature is not None and _is_valid(key, signature.signature, stated):
            return key
    return None


@lru_cache(maxsize=32768)
def _is_valid(key: PublicKey, signature: str, stated: bytes) -> bool:
    """A changed catalog is checked again, but only what is new in it costs a verification."""
    if key.algorithm != "ecdsa-p256":
        return False
    try:
        return key.verifies(base64.b64decode(signature, validate=True), stated)
    except binascii.Error:
        return False


def admitted(
    releases: Iterable[Release], keys: tuple[PublicKey, ...]
) -> tuple[tuple[Release, ...], tuple[str, ...]]:
    """Divides a product's releases into those that may be offered, and the others.

    Args:
        releases: All releases of the product.
        keys: The keys that it trusts; without any, every release may be offered.

    Returns:
        The releases with only the images that one of the keys signed, without releases that have
        no such image; and one phrase for each image that is withheld.
    """
    if not keys:
        return tuple(releases), ()
    kept: list[Release] = []
    withheld: list[str] = []
    for release in releases:
        valid = []
        for image in release.images:
            stated = statement(release.product, release.version, image)
            if signed_by(stated, image.signatures, keys):
                valid.append(image)
            else:
                withheld.append(f"{release.product}/{image.file}: {_why(image, keys)}")
        if len(valid) == len(release.images):
            kept.append(release)
        elif valid:
            kept.append(replace(release, images=tuple(valid)))
    return tuple(kept), tuple(withheld)


def _why(image: ReleaseImage, keys: Iterable[PublicKey]) -> str:
    trusted = {key.id for key in keys}
    if not image.signatures:
        return "it is not signed"
    invalid = [signature.key for signature in image.signatures if signature.key in trusted]
    if invalid:
        return f"the signature of key {invalid[0]} does not match it"
    return f"it is signed with key {image.signatures[0].key}, which is not trusted"


def merged(
    present: Iterable[ReleaseSignature],
    added: Iterable[ReleaseSignature],
    stated: bytes,
    keys: Iterable[PublicKey] = (),
) -> tuple[ReleaseSignature, ...]:
    """Returns what an image is signed with after signatures are added to those that it has.

    A key signs the same statement differently each time, so a signature that is already present
    is kept, unless it is known to be invalid.
    """
    known = {key.id: key for key in keys}
    by_key = {signature.key: signature for signature in present}
    for signature in added:
        other = by_key.get(signature.key)
        key = known.get(signature.key)
        if other is None or (key is not None and not _is_valid(key, other.signature, stated)):
            by_key[signature.key] = signature
    return tuple(by_key[key] for key in sorted(by_key))


def to_header(signatures: Iterable[ReleaseSignature]) -> str:
    """Returns signatures as the value of a header: ``KEY:SIGNATURE``, separated by commas."""
    return ", ".join(f"{signature.key}:{signature.signature}" for signature in signatures)


def from_header(text: str) -> tuple[ReleaseSignature, ...]:
    """Reads what :func:`to_header` writes.

    Raises:
        RequestError: It has another form.
    """
    signatures: list[ReleaseSignature] = []
    for part in filter(None, map(str.strip, text.split(","))):
        key, _, content = part.partition(":")
        signature = ReleaseSignature.of(key, content)
        if signature is None or len(signatures) == 2 * MAX_TRUSTED_KEYS:
            raise RequestError(
                "the signature of the release does not have the form KEY:SIGNATURE",
                hint="Send the key's id of 16 hex digits, a colon, and the signature in base64.",
            )
        signatures.append(signature)
    return tuple(signatures)
