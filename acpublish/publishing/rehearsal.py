"""A catalog that remembers what would be put there: what several publishes would come to."""

from __future__ import annotations

from datetime import datetime, timezone

from acpublish.image.reader import read
from acpublish.keys import PublicKey
from acpublish.publishing.destinations import Catalog
from acpublish.release.manifest import Release
from acpublish.release.placement import place
from acpublish.release.submission import Receipt, Submission

__all__ = ["Rehearsal"]


class Rehearsal:
    """Stands in for a catalog; nothing gets to that one, and each product is asked for once.

    What is put here is seen by what follows, so that images which do not go together are found
    before the first of them is published.
    """

    def __init__(self, catalog: Catalog) -> None:
        """Begins with what a catalog has."""
        self._catalog = catalog
        self._releases: dict[str, tuple[Release, ...]] = {}
        self._keys: dict[str, tuple[PublicKey, ...]] = {}

    def releases(self, product: str) -> tuple[Release, ...]:
        """Returns a product's releases, with those that would be there."""
        if product not in self._releases:
            self._releases[product] = self._catalog.releases(product)
        return self._releases[product]

    def trusted_keys(self, product: str) -> tuple[PublicKey, ...]:
        """Returns the keys that a product trusts."""
        if product not in self._keys:
            self._keys[product] = self._catalog.trusted_keys(product)
        return self._keys[product]

    def url_of(self, file: str) -> str:
        """Returns where a file would stand."""
        return self._catalog.url_of(file)

    def request_for(self, submission: Submission) -> str | None:
        """Returns what would send an image."""
        return self._catalog.request_for(submission)

    def put(self, data: bytes, submission: Submission) -> Receipt:
        """Remembers an image as published.

        Raises:
            ConflictError: The version exists with other bytes.
        """
        image = read(data)
        product = submission.product
        releases = self.releases(product)
        keys = self.trusted_keys(product)
        placed = place(image, submission, releases, datetime.now(timezone.utc), trusted_keys=keys)
        others = [one for one in releases if one.version != placed.release.version]
        self._releases[product] = (*others, placed.release)
        return Receipt(
            outcome=placed.outcome,
            file=f"{product}/{placed.image.file}",
            size=image.size,
            md5=image.md5,
            sha256=image.sha256,
            url="",
        )
