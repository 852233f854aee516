"""Downloads that a trusted key has to have signed: the server's word is not enough."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from acpublish.client.releases import read_releases
from acpublish.client.transfer import Transport
from acpublish.errors import VerificationError
from acpublish.keys import PublicKey, read_public_key
from acpublish.release.signatures import need_release_key, signed_by, statement

__all__ = ["Trust"]


@dataclass(frozen=True, slots=True)
class Trust:
    """The keys that a client trusts."""

    keys: tuple[PublicKey, ...]

    @classmethod
    def of(cls, pems: Iterable[str | bytes]) -> Trust | None:
        """Reads public keys; None where there are none, so that nothing has to be signed.

        Raises:
            SettingsError: One of them is no key that signs releases.
            MissingExtraError: cryptography is not installed.
        """
        given = [pem.encode() if isinstance(pem, str) else pem for pem in pems]
        keys = tuple(read_public_key(pem) for pem in given)
        for key in keys:
            need_release_key(key)
        return cls(keys) if keys else None

    def sha256_of(self, transport: Transport, path: str) -> str:
        """Returns the digest that a trusted key signed for a file.

        Args:
            transport: The server.
            path: The file's path below the catalog.

        Raises:
            VerificationError: No trusted key signed it.
            AcpublishError: The server does not say who signed it.
        """
        product, _, file = path.partition("/")
        held = [
            (release, image)
            for release in read_releases(transport, product)
            if release.product == product
            for image in release.images
            if image.file == file
        ]
        for release, image in held:
            stated = statement(release.product, release.version, image)
            if signed_by(stated, image.signatures, self.keys) is not None:
                return image.sha256
        trusted = " or ".join(key.id for key in self.keys)
        why = "is not signed with" if held else "belongs to no release that is signed with"
        raise VerificationError(
            f"{path!a} {why} a trusted key, {trusted}",
            hint="Do not use it, unless you trust whoever runs the server: give trusted_keys "
            "with their key.",
        )
