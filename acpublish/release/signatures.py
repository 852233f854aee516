"""Signatures of releases: what is signed, and which releases count as signed.

What is signed is a statement of one image: its immutable facts as JSON, keys sorted, no white
space, UTF-8. Channels, the order of publishing and its time are left out, because they move: a
promotion must not need the private key. Nor are the digests that devices report, which follow from
the bytes, or the rest of the provenance, which no decision hears: whoever can write to the catalog
can still hold devices back, or offer an older release that is signed.

A product that trusts keys has releases that one of these keys signed, and no others.
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

__all__ = [
    "MAX_TRUSTED_KEYS",
    "admitted",
    "from_header",
    "merged",
    "need_release_key",
    "sign",
    "signed",
    "signed_by",
    "statement",
    "submitted_statement",
    "to_header",
]

#: An old and a new one, while a key is rotated.
MAX_TRUSTED_KEYS = 2
#: The layout of statements; another one is another signature.
_FORMAT = 1
#: Says what the signature is about, so that it counts for nothing else that the key may sign.
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
    """Returns the same bytes for an image that is to be published."""
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
        SettingsError: The key is not of the sort that signs releases.
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
            f"the key {key.id} is an RSA key, and releases are signed with ECDSA P-256",
            hint="Make one: acpublish key create.",
        )


def signed_by(
    stated: bytes, signatures: Iterable[ReleaseSignature], keys: Iterable[PublicKey]
) -> PublicKey | None:
    """Returns the first of the keys that signed a statement, None where none of them did."""
    held = {one.key: one for one in signatures}
    for key in keys:
        one = held.get(key.id)
        if one is not None and _holds(key, one.signature, stated):
            return key
    return None


@lru_cache(maxsize=32768)
def _holds(key: PublicKey, signature: str, stated: bytes) -> bool:
    """A catalog that changed is judged anew; only what is new in it costs a verification."""
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
        releases: All that there are.
        keys: Those that the product trusts; without any, every release may be offered.

    Returns:
        The releases with only such images as one of the keys signed, without those that have
        none left; and one phrase for each image that is withheld.
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
    void = [one.key for one in image.signatures if one.key in trusted]
    if void:
        return f"the signature of key {void[0]} does not fit it"
    return f"it is signed with key {image.signatures[0].key}, which is not trusted"


def merged(
    held: Iterable[ReleaseSignature],
    fresh: Iterable[ReleaseSignature],
    stated: bytes,
    keys: Iterable[PublicKey] = (),
) -> tuple[ReleaseSignature, ...]:
    """Returns what an image is signed with when signatures are added to those that it has.

    A key signs the same statement otherwise each time, so one that stands there stays, unless it
    is known to be void.
    """
    known = {key.id: key for key in keys}
    found = {one.key: one for one in held}
    for one in fresh:
        there = found.get(one.key)
        key = known.get(one.key)
        if there is None or (key is not None and not _holds(key, there.signature, stated)):
            found[one.key] = one
    return tuple(found[key] for key in sorted(found))


def to_header(signatures: Iterable[ReleaseSignature]) -> str:
    """Returns signatures as the text of a header: ``KEY:SIGNATURE``, with commas between."""
    return ", ".join(f"{one.key}:{one.signature}" for one in signatures)


def from_header(text: str) -> tuple[ReleaseSignature, ...]:
    """Reads what :func:`to_header` writes.

    Raises:
        RequestError: It is of another form.
    """
    found: list[ReleaseSignature] = []
    for part in filter(None, map(str.strip, text.split(","))):
        key, _, signature = part.partition(":")
        one = ReleaseSignature.of(key, signature)
        if one is None or len(found) == 2 * MAX_TRUSTED_KEYS:
            raise RequestError(
                "the signature of the release is not of the form KEY:SIGNATURE",
                hint="Send the key's id of 16 hex digits, a colon, and the signature in base64.",
            )
        found.append(one)
    return tuple(found)
