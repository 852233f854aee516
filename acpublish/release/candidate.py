"""An image that could be published, with everything that is computed from its bytes once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from acpublish.errors import ImageError
from acpublish.image.gzip import compress
from acpublish.image.model import Image, Kind
from acpublish.image.reader import read
from acpublish.image.stamper import stamp
from acpublish.release.coordinates import Coordinates
from acpublish.release.names import update_paths_in
from acpublish.release.secret_search import SecretFound, find_secrets


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """An image that could be published, with everything that is computed from its bytes.

    Each computation costs time in proportion to the image, so it is done once and carried along.

    Attributes:
        data: The bytes of the image.
        image: What :func:`acpublish.image.reader.read` says about them.
        secrets: The secrets found in them.
    """

    data: bytes = field(repr=False)
    image: Image
    secrets: tuple[SecretFound, ...]

    @classmethod
    def of(
        cls,
        data: bytes,
        accepted: Collection[str] = (),
        secret_values: Mapping[str, str] | None = None,
    ) -> Candidate:
        """Reads an image and searches it for secrets.

        Args:
            data: The bytes of the image.
            accepted: Digests of secrets that are meant to be there.
            secret_values: What else is known to be secret, by the names to show.
        """
        secrets = find_secrets(data, secret_values, accepted)
        return cls(data=data, image=read(data), secrets=secrets)

    @cached_property
    def gzip(self) -> bytes:
        """The gzip of the image.

        Raises:
            WrongKindError: No device could inflate it.
        """
        return compress(self.data, self.image)

    @cached_property
    def update_paths(self) -> frozenset[str]:
        """The paths of updates that the image contains as literals."""
        return update_paths_in(self.data)

    @property
    def gzip_bytes(self) -> int | None:
        """The size of the gzip; None if there is none that is smaller than the image."""
        try:
            size = len(self.gzip)
        except ImageError:
            return None
        return size if size < len(self.data) else None

    def without_bytes(self) -> Candidate:
        """Returns what was computed from the bytes, without them: enough to rehearse a publish.

        It has no gzip.
        """
        light = replace(self, data=b"")
        # This is where a cached property keeps its value.
        light.__dict__["update_paths"] = self.update_paths
        return light

    def stamped(self, coordinates: Coordinates) -> Candidate:
        """Returns the candidate with product and version stamped in, if it has a place for them.

        Stamping moves nothing, so the secrets stay where they were found.

        Raises:
            ImageError: The image is damaged.
        """
        data = stamped(self.data, self.image, coordinates)
        return self if data == self.data else replace(self, data=data, image=read(data))


def stamped(data: bytes, image: Image, coordinates: Coordinates) -> bytes:
    """Returns the exact bytes to publish: stamped, if the image has a place for a stamp.

    They are unchanged if the product or the version is not known.

    Args:
        data: The bytes of the image.
        image: What :func:`acpublish.image.reader.read` says about them.
        coordinates: What it is published as.

    Raises:
        ImageError: The image is damaged.
    """
    firmware = coordinates.kind == "firmware" and image.kind is Kind.APPLICATION
    product, version = coordinates.product, coordinates.version
    if not firmware or not image.stampable or product is None or version is None:
        return data
    return stamp(data, product, str(version))
