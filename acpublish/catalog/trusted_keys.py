"""Which keys a product trusts: read, changed, and a key rotated.

A key is rotated in three steps, after each of which every release that was valid still is, and no
other one is: trust the new key too; sign all releases with it (:func:`resign`); trust the old one
no longer. What is here is public.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from acpublish import atomic
from acpublish.catalog import layout
from acpublish.errors import ManifestError, NotFoundError, SettingsError
from acpublish.keys import PrivateKey, PublicKey, read_public_key
from acpublish.release import names
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.release.signatures import (
    MAX_TRUSTED_KEYS,
    admitted,
    need_release_key,
    sign,
    signed_by,
    statement,
)

__all__ = ["Resigned", "TrustStore", "read_trusted_keys"]

_FORMAT = 1
_MEND = "Restore it from a backup, or remove it and trust the keys again (acpublish key trust)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Resigned:
    """What signing anew came to.

    Attributes:
        signed: The images that have got a signature.
        already: How many had one of this key.
        left_out: The images that are not validly signed, and why.
    """

    signed: tuple[str, ...]
    already: int
    left_out: tuple[str, ...]


def read_trusted_keys(root: Path, product: str) -> tuple[PublicKey, ...]:
    """Returns the keys that a product trusts; none for a product that takes any release.

    Raises:
        ManifestError: Their file is damaged.
        MissingExtraError: There are keys, and cryptography is not installed.
        OSError: The file cannot be read.
    """
    path = layout.trusted_keys(root, product)
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return ()
    try:
        document: Any = json.loads(text)
        pems = document["keys"]
        if document["format"] != _FORMAT or not 0 < len(pems) <= MAX_TRUSTED_KEYS:
            raise ValueError
        keys = tuple(read_public_key(pem.encode()) for pem in pems)
        for key in keys:
            need_release_key(key)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as fault:
        raise _damaged(product) from fault
    except SettingsError as fault:
        # A missing package is another fault than that of the file.
        if type(fault) is not SettingsError:
            raise
        raise _damaged(product) from fault
    return keys


def _damaged(product: str) -> ManifestError:
    return ManifestError(f"the file of the keys that {product} trusts is damaged", hint=_MEND)


class TrustStore:
    """The trusted keys of one catalog's products."""

    def __init__(self, root: Path, releases: Callable[[str], tuple[Release, ...]]) -> None:
        """Prepares to change them.

        Args:
            root: The catalog's directory.
            releases: Reads a product's releases now, whether they are signed or not.
        """
        self._root = root
        self._releases = releases

    def trust(self, product: str, key: PublicKey) -> tuple[str, ...]:
        """Trusts a key from now on.

        Returns:
            What is withheld from now on, one phrase each: releases that no trusted key signed.

        Raises:
            SettingsError: The key cannot sign releases, or two others are trusted already.
            AcpublishError: The catalog cannot be read or written.
        """
        need_release_key(key)
        with self._changing(product) as keys:
            if key not in keys:
                if len(keys) == MAX_TRUSTED_KEYS:
                    ids = " and ".join(one.id for one in keys)
                    raise SettingsError(
                        f"{product} trusts two keys already, {ids}",
                        hint="Remove one first: acpublish key trust DIR --product P --remove ID.",
                    )
                keys = (*keys, key)
                self._write(product, keys)
            return admitted(self._releases(product), keys)[1]

    def distrust(self, product: str, key_id: str, *, force: bool = False) -> tuple[str, ...]:
        """Trusts a key no longer.

        Args:
            product: The product.
            key_id: The key's id.
            force: Also where releases are valid by this key alone.

        Returns:
            What is withheld from now on that was not before.

        Raises:
            NotFoundError: The key is not trusted.
            SettingsError: Releases would be withheld, and it is not forced.
            AcpublishError: The catalog cannot be read or written.
        """
        with self._changing(product) as keys:
            left = tuple(key for key in keys if key.id != key_id)
            if left == keys:
                raise NotFoundError(
                    f"{product} trusts no key {key_id}",
                    hint="See which ones it trusts: acpublish key trust DIR --product P.",
                )
            releases = self._releases(product)
            withheld = admitted(admitted(releases, keys)[0], left)[1]
            if withheld and not force:
                raise SettingsError(
                    f"{len(withheld)} images of {product} are signed with key {key_id} alone",
                    hint="Sign them with the other key first (acpublish key resign), or say "
                    "--force to withhold them.",
                )
            self._write(product, left)
            return withheld

    def resign(self, product: str, key: PrivateKey) -> Resigned:
        """Signs every release that is valid by the trusted keys with another key, too.

        Raises:
            SettingsError: The product trusts no key, or this one cannot sign releases.
            AcpublishError: The catalog cannot be read or written.
        """
        need_release_key(key.public)
        with self._changing(product) as keys:
            if not keys:
                raise SettingsError(
                    f"{product} trusts no key, so nothing says which releases are valid",
                    hint="Trust one first: acpublish key trust DIR --product P PUBLIC.pem.",
                )
            releases = self._releases(product)
            signed: list[str] = []
            already = 0
            for release in releases:
                fresh, count = _resigned(release, keys, key)
                already += count
                if fresh != release:
                    path = layout.manifest(self._root, product, release.version)
                    atomic.write(path, fresh.to_json(), layout.temporary(self._root))
                    pairs = zip(release.images, fresh.images, strict=True)
                    signed += [f"{product}/{new.file}" for old, new in pairs if old != new]
            left_out = admitted(releases, keys)[1]
            return Resigned(signed=tuple(signed), already=already, left_out=left_out)

    @contextmanager
    def _changing(self, product: str) -> Iterator[tuple[PublicKey, ...]]:
        names.product(product)
        with (
            atomic.wrapped(self._root, "cannot change the catalog"),
            atomic.exclusive(self._root / layout.HIDDEN),
        ):
            yield read_trusted_keys(self._root, product)

    def _write(self, product: str, keys: tuple[PublicKey, ...]) -> None:
        path = layout.trusted_keys(self._root, product)
        if not keys:
            path.unlink()
            atomic.flush_directory(path.parent)
            return
        document = {"format": _FORMAT, "keys": [key.pem for key in keys]}
        text = json.dumps(document, indent=1).encode() + b"\n"
        atomic.write(path, text, layout.temporary(self._root))


def _resigned(
    release: Release, keys: tuple[PublicKey, ...], key: PrivateKey
) -> tuple[Release, int]:
    """Returns the release with the key's signature on each valid image; how many had it."""
    images: list[ReleaseImage] = []
    already = 0
    for image in release.images:
        stated = statement(release.product, release.version, image)
        if signed_by(stated, image.signatures, keys) is None:
            images.append(image)
        elif signed_by(stated, image.signatures, (key.public,)) is not None:
            already += 1
            images.append(image)
        else:
            others = [one for one in image.signatures if one.key != key.public.id]
            both = sorted([*others, sign(stated, key)], key=lambda one: one.key)
            images.append(replace(image, signatures=tuple(both)))
    return replace(release, images=tuple(images)), already
