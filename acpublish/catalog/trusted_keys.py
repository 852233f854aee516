"""The keys that a product trusts: reading, changing and rotating them. All of it is public.

A first key is trusted after all releases have been signed with it (:meth:`TrustStore.resign`, then
:meth:`TrustStore.trust`): otherwise they are withheld, which has to be confirmed. The removal of
the last key, which admits every release, has to be confirmed as well.

A key is rotated in three steps, and each of them keeps every valid release valid, and no other:

1. also trust the new key (:meth:`TrustStore.trust`);
2. sign all releases with it (:meth:`TrustStore.resign`);
3. stop trusting the old one (:meth:`TrustStore.distrust`).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from acpublish import atomic
from acpublish.catalog import layout
from acpublish.catalog.channels_file import upgrade_channels
from acpublish.catalog.lock import CatalogLock
from acpublish.errors import (
    ManifestError,
    NewerFormatError,
    NotFoundError,
    SettingsError,
    UnconfirmedError,
)
from acpublish.input_files import read_own
from acpublish.keys import PrivateKey, PublicKey, read_public_key
from acpublish.release import names
from acpublish.release.documents import Fields
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.release.signatures import (
    MAX_TRUSTED_KEYS,
    admitted,
    need_release_key,
    sign,
    signed_by,
    statement,
)

_FORMAT = 1
_RESTORE = "Restore it from a backup, or remove it and trust the keys again (acpublish key trust)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Resigned:
    """The result of signing all releases again.

    Attributes:
        signed: The images that were signed.
        already: How many were already signed with this key.
        left_out: The images without a valid signature, and why.
        verified: Whether a trusted key had signed what was signed; False if the product trusts
            no key, so that every release is valid.
    """

    signed: tuple[str, ...]
    already: int
    left_out: tuple[str, ...]
    verified: bool


def read_trusted_keys(root: Path, product: str) -> tuple[PublicKey, ...]:
    """Returns the keys that a product trusts; none for a product that accepts any release.

    Raises:
        ManifestError: The trusted-keys file is damaged, or of a newer format.
        MissingExtraError: There are keys, and cryptography is not installed.
        OSError: The file cannot be read.
    """
    path = layout.trusted_keys(root, product)
    try:
        text = read_own(path)
    except (FileNotFoundError, NotADirectoryError):
        return ()
    try:
        document: Any = json.loads(text)
        fields = Fields(document, f"{layout.manifests(Path())}/{product}/{path.name}", _RESTORE)
        fields.need_format(_FORMAT)
        pems = document["keys"]
        if document["format"] != _FORMAT or not 0 < len(pems) <= MAX_TRUSTED_KEYS:
            raise ValueError
        keys = tuple(read_public_key(pem.encode()) for pem in pems)
        for key in keys:
            need_release_key(key)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _damaged(product) from error
    except NewerFormatError:
        raise
    except ManifestError as error:
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

    def __init__(
        self,
        root: Path,
        releases: Callable[[str], tuple[Release, ...]],
        written: Callable[[str], tuple[Release, ...]],
        lock: CatalogLock,
    ) -> None:
        """Opens the trusted keys of a catalog.

        Args:
            root: The catalog's directory.
            releases: Returns a product's current releases, signed or not.
            written: Returns them as their manifests have them, listed anywhere or not.
            lock: The lock of the catalog.
        """
        self._lock = lock
        self._root = root
        self._releases = releases
        self._written = written

    def trust(self, product: str, key: PublicKey, *, confirmed: bool = False) -> tuple[str, ...]:
        """Trusts a key; see :meth:`change`."""
        return self.change(product, add=key, confirmed=confirmed)

    def distrust(
        self, product: str, key_id: str, *, force: bool = False, confirmed: bool = False
    ) -> tuple[str, ...]:
        """Stops trusting a key; see :meth:`change`."""
        return self.change(product, remove=key_id, force=force, confirmed=confirmed)

    def change(
        self,
        product: str,
        *,
        add: PublicKey | None = None,
        remove: str | None = None,
        force: bool = False,
        confirmed: bool = False,
    ) -> tuple[str, ...]:
        """Trusts a key, stops trusting another, or both; either everything is done or nothing.

        Args:
            product: The product.
            add: The key to trust.
            remove: The id of the key to stop trusting.
            force: Whether to remove it even if releases are signed with it alone.
            confirmed: Whether to add a key even if that withholds releases, or to remove the last.

        Returns:
            The releases that are withheld as a result because no trusted key signed them, one
            phrase each.

        Raises:
            NotFoundError: The key to remove is not trusted.
            UnconfirmedError: Releases would be withheld by the new key, or it is the last key that
                is to be removed, and ``confirmed`` is not set.
            SettingsError: The key cannot sign releases, two others are trusted already, or
                releases would be withheld without the old key, and ``force`` is not set.
            AcpublishError: The catalog cannot be read or written.
        """
        if add is not None:
            need_release_key(add)
        if remove is not None and (add is None or add.id != remove):
            # A folder that is not a catalog must not become one.
            self._need_trusted(product, remove)
        with self._changing(product) as before:
            # All releases are read first: a broken manifest must not leave half a change.
            releases = self._releases(product)
            keys, withheld = before, tuple[str, ...]()
            if add is not None:
                keys = keys if add in keys else (*keys, add)
                if not confirmed:
                    self._need_no_confirmation(product, releases, before, keys)
                withheld = admitted(releases, keys)[1]
            if remove is not None:
                remaining = tuple(key for key in keys if key.id != remove)
                withheld = self._withheld_without(product, remove, releases, keys, remaining, force)
                if not remaining and not confirmed:
                    raise _admits_everything(product, remove, releases, keys)
                keys = remaining
            if len(keys) > MAX_TRUSTED_KEYS:
                raise self._too_many(product, before)
            if keys != before:
                self._write(product, keys)
            return withheld

    def _need_trusted(self, product: str, key_id: str) -> None:
        with self._reading(product):
            if all(key.id != key_id for key in read_trusted_keys(self._root, product)):
                raise self._not_trusted(product, key_id)

    def resign(self, product: str, key: PrivateKey) -> Resigned:
        """Also signs every valid release with another key.

        Valid is what a trusted key signed; if the product trusts no key, every release is.

        Raises:
            SettingsError: This key cannot sign releases.
            AcpublishError: The catalog cannot be read or written.
        """
        need_release_key(key.public)
        with self._reading(product):
            if not self._releases(product):
                # A folder that is not a catalog must not become one.
                keys = read_trusted_keys(self._root, product)
                return Resigned(signed=(), already=0, left_out=(), verified=bool(keys))
        with self._changing(product) as keys:
            # An older channels.json may have been restored, and the newer one may come back, so
            # what it does not list is kept, and signed as well.
            releases = self._written(product)
            # A manifest that is written again no longer says which channels point at it.
            upgrade_channels(self._root, product, releases)
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
            left_out = admitted(self._releases(product), keys)[1]
            return Resigned(
                signed=tuple(signed), already=already, left_out=left_out, verified=bool(keys)
            )

    @contextmanager
    def _reading(self, product: str, doing: str = "cannot read the catalog") -> Iterator[None]:
        names.product(product)
        with atomic.as_catalog_error(self._root, doing):
            yield

    @contextmanager
    def _changing(self, product: str) -> Iterator[tuple[PublicKey, ...]]:
        with self._reading(product, "cannot change the catalog"), self._lock.exclusive():
            yield read_trusted_keys(self._root, product)

    def _where(self, product: str) -> str:
        """Returns the options of ``acpublish key`` for a product of this catalog."""
        return f"--to {shlex.quote(str(self._root))} --product {product}"

    def _not_trusted(self, product: str, key_id: str) -> NotFoundError:
        return NotFoundError(
            f"{product} does not trust key {key_id}",
            hint=f"List the keys that it trusts: acpublish key trust {self._where(product)}",
        )

    def _too_many(self, product: str, keys: tuple[PublicKey, ...]) -> SettingsError:
        return SettingsError(
            f"{product} already trusts two keys, {' and '.join(key.id for key in keys)}",
            hint=f"Remove one first: acpublish key trust {self._where(product)} "
            f"--remove {keys[0].id}",
        )

    def _withheld_without(
        self,
        product: str,
        key_id: str,
        releases: tuple[Release, ...],
        before: tuple[PublicKey, ...],
        after: tuple[PublicKey, ...],
        force: bool,
    ) -> tuple[str, ...]:
        """Returns the releases that are valid only because of a key, if that is forced."""
        if after == before:
            raise self._not_trusted(product, key_id)
        withheld = admitted(admitted(releases, before)[0], after)[1]
        if withheld and not force:
            raise SettingsError(
                f"{len(withheld)} images of {product} are signed only with key {key_id}",
                hint="Sign them with the other key first "
                f"(acpublish key resign {self._where(product)} --key PEM), or pass force=True to "
                "withhold them.",
            )
        return withheld

    def _need_no_confirmation(
        self,
        product: str,
        releases: tuple[Release, ...],
        before: tuple[PublicKey, ...],
        after: tuple[PublicKey, ...],
    ) -> None:
        """Raises the error that says how many releases other keys would withhold."""
        offered = admitted(releases, before)[0]
        count = _incomplete(offered, admitted(offered, after)[0])
        if count:
            raise UnconfirmedError(
                f"this withholds {count} of {len(offered)} releases of {product}, because key "
                f"{after[-1].id} did not sign them",
                hint=f"Sign them first (acpublish key resign {self._where(product)} --key PEM), "
                "or pass confirmed=True to withhold them.",
            )

    def _write(self, product: str, keys: tuple[PublicKey, ...]) -> None:
        path = layout.trusted_keys(self._root, product)
        if not keys:
            path.unlink()
            atomic.flush_directory(path.parent)
            return
        document = {"format": _FORMAT, "keys": [key.pem for key in keys]}
        text = json.dumps(document, indent=1).encode() + b"\n"
        atomic.write(path, text, layout.temporary(self._root))


def _admits_everything(
    product: str, key_id: str, releases: tuple[Release, ...], keys: tuple[PublicKey, ...]
) -> UnconfirmedError:
    count = _incomplete(releases, admitted(releases, keys)[0])
    now = (
        f"and all {len(releases)} are offered, {count} of which are withheld now"
        if releases
        else "and so far there are none"
    )
    return UnconfirmedError(
        f"{key_id} is the last key that {product} trusts: without it, no release has to be signed, "
        f"{now}",
        hint="Pass confirmed=True if you want that. To replace the key, trust the new one first.",
    )


def _incomplete(releases: tuple[Release, ...], kept: tuple[Release, ...]) -> int:
    """Returns how many releases are not kept, or not with all their images."""
    by_version = {str(release.version): release for release in kept}
    return sum(by_version.get(str(release.version)) != release for release in releases)


def _resigned(
    release: Release, keys: tuple[PublicKey, ...], key: PrivateKey
) -> tuple[Release, int]:
    """Returns the release with each valid image signed, and how many already were."""
    images: list[ReleaseImage] = []
    already = 0
    for image in release.images:
        stated = statement(release.product, release.version, image)
        if keys and signed_by(stated, image.signatures, keys) is None:
            images.append(image)
        elif signed_by(stated, image.signatures, (key.public,)) is not None:
            already += 1
            images.append(image)
        else:
            others = [entry for entry in image.signatures if entry.key != key.public.id]
            signatures = sorted([*others, sign(stated, key)], key=lambda entry: entry.key)
            images.append(replace(image, signatures=tuple(signatures)))
    return replace(release, images=tuple(images)), already
