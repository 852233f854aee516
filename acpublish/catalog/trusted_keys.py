"""The keys that a product trusts: reading, changing and rotating them. All of it is public.

A key is rotated in three steps, and each of them keeps every valid release valid, and no other:

1. also trust the new key (:meth:`TrustStore.trust`);
2. sign all releases with it (:meth:`TrustStore.resign`);
3. stop trusting the old one (:meth:`TrustStore.distrust`).
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
_RESTORE = "Restore it from a backup, or remove it and trust the keys again (acpublish key trust)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Resigned:
    """The result of signing all releases again.

    Attributes:
        signed: The images that were signed.
        already: How many were already signed with this key.
        left_out: The images without a valid signature, and why.
    """

    signed: tuple[str, ...]
    already: int
    left_out: tuple[str, ...]


def read_trusted_keys(root: Path, product: str) -> tuple[PublicKey, ...]:
    """Returns the keys that a product trusts; none for a product that accepts any release.

    Raises:
        ManifestError: The trusted-keys file is damaged.
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
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _damaged(product) from error
    except SettingsError as error:
        # A package that is missing does not mean that the file is damaged.
        if type(error) is not SettingsError:
            raise
        raise _damaged(product) from error
    return keys


def _damaged(product: str) -> ManifestError:
    return ManifestError(f"the trusted-keys file of {product} is damaged", hint=_RESTORE)


class TrustStore:
    """The trusted keys of one catalog's products."""

    def __init__(self, root: Path, releases: Callable[[str], tuple[Release, ...]]) -> None:
        """Opens the trusted keys of a catalog.

        Args:
            root: The catalog's directory.
            releases: Returns a product's current releases, signed or not.
        """
        self._root = root
        self._releases = releases

    def trust(self, product: str, key: PublicKey) -> tuple[str, ...]:
        """Trusts a key.

        Returns:
            The releases that are withheld as a result because no trusted key signed them, one
            phrase each.

        Raises:
            SettingsError: The key cannot sign releases, or two others are trusted already.
            AcpublishError: The catalog cannot be read or written.
        """
        need_release_key(key)
        with self._changing(product) as keys:
            if key not in keys:
                if len(keys) == MAX_TRUSTED_KEYS:
                    ids = " and ".join(trusted.id for trusted in keys)
                    raise SettingsError(
                        f"{product} already trusts two keys, {ids}",
                        hint="Remove one first: acpublish key trust DIR --product P --remove ID.",
                    )
                keys = (*keys, key)
                self._write(product, keys)
            return admitted(self._releases(product), keys)[1]

    def distrust(self, product: str, key_id: str, *, force: bool = False) -> tuple[str, ...]:
        """Stops trusting a key.

        Args:
            product: The product.
            key_id: The key's id.
            force: Whether to do so even if releases are signed with this key alone.

        Returns:
            The releases that are withheld as a result, one phrase each.

        Raises:
            NotFoundError: The key is not trusted.
            SettingsError: Releases would be withheld, and ``force`` is not set.
            AcpublishError: The catalog cannot be read or written.
        """
        with self._changing(product) as keys:
            remaining = tuple(key for key in keys if key.id != key_id)
            if remaining == keys:
                raise NotFoundError(
                    f"{product} does not trust key {key_id}",
                    hint="List the keys that it trusts: acpublish key trust DIR --product P.",
                )
            releases = self._releases(product)
            withheld = admitted(admitted(releases, keys)[0], remaining)[1]
            if withheld and not force:
                raise SettingsError(
                    f"{len(withheld)} images of {product} are signed only with key {key_id}",
                    hint="Sign them with the other key first (acpublish key resign), or add "
                    "--force to withhold them.",
                )
            self._write(product, remaining)
            return withheld

    def resign(self, product: str, key: PrivateKey) -> Resigned:
        """Also signs every release that has a signature of a trusted key with another key.

        Raises:
            SettingsError: The product does not trust any key, or this key cannot sign releases.
            AcpublishError: The catalog cannot be read or written.
        """
        need_release_key(key.public)
        with self._changing(product) as keys:
            if not keys:
                raise SettingsError(
                    f"{product} does not trust any key, so there is no way to tell which releases "
                    "are valid",
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
            atomic.as_catalog_error(self._root, "cannot change the catalog"),
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
    """Returns the release with each valid image signed, and how many already were."""
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
            others = [entry for entry in image.signatures if entry.key != key.public.id]
            signatures = sorted([*others, sign(stated, key)], key=lambda entry: entry.key)
            images.append(replace(image, signatures=tuple(signatures)))
    return replace(release, images=tuple(images)), already
