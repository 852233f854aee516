"""A catalog that only remembers what is put there, to find out what publishing would come to."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timezone
from typing import Protocol

from acpublish.keys import PublicKey
from acpublish.release.candidate import Candidate
from acpublish.release.manifest import Release
from acpublish.release.placement import prepare
from acpublish.release.submission import Receipt, Submission


class Catalog(Protocol):
    """Where releases are published: a directory, a server, or a rehearsal of one."""

    def releases(self, product: str) -> tuple[Release, ...]:
        """Returns a product's releases."""
        ...

    def trusted_keys(self, product: str) -> tuple[PublicKey, ...]:
        """Returns the keys of which one must sign the product's releases; there may be none."""
        ...

    def url_of(self, file: str) -> str:
        """Returns where to find a file, given its path below the catalog."""
        ...

    def request_for(self, submission: Submission) -> str | None:
        """Returns method and URL of the request that sends an image; None if none is sent."""
        ...

    def need_publishable(self, submission: Submission) -> None:
        """Raises why nothing can be published there, as far as that is known beforehand."""
        ...

    def put(self, candidate: Candidate, submission: Submission) -> Receipt:
        """Prepares an image and publishes it, or raises why not; until then nothing changes."""
        ...


class Rehearsal:
    """Stands in for a catalog, which is read once for each product and never written.

    Later publishes see what was put here before, so images that conflict with each other are
    found before the first of them is published.
    """

    def __init__(self, catalog: Catalog, staged: Collection[str] = ()) -> None:
        """Begins with the contents of a catalog.

        Args:
            catalog: The catalog.
            staged: The channels of the product to which releases go in stages.
        """
        self._catalog = catalog
        self._staged = staged
        self._releases: dict[str, tuple[Release, ...]] = {}
        self._keys: dict[str, tuple[PublicKey, ...]] = {}

    def releases(self, product: str) -> tuple[Release, ...]:
        """Returns a product's releases, including those that were put here."""
        if product not in self._releases:
            self._releases[product] = self._catalog.releases(product)
        return self._releases[product]

    def trusted_keys(self, product: str) -> tuple[PublicKey, ...]:
        """Returns the keys that a product trusts."""
        if product not in self._keys:
            self._keys[product] = self._catalog.trusted_keys(product)
        return self._keys[product]

    def url_of(self, file: str) -> str:
        """Returns where a file would be."""
        return self._catalog.url_of(file)

    def request_for(self, submission: Submission) -> str | None:
        """Returns method and URL of the request that would send an image."""
        return self._catalog.request_for(submission)

    def need_publishable(self, submission: Submission) -> None:
        """Raises why nothing can be published there."""
        self._catalog.need_publishable(submission)

    def put(self, candidate: Candidate, submission: Submission) -> Receipt:
        """Prepares an image, and remembers it as published.

        Raises:
            CheckError: A check found an error.
            ConflictError: The version already has different bytes.
        """
        self.need_publishable(submission)
        product = submission.product
        releases, keys = self.releases(product), self.trusted_keys(product)
        prepared = prepare(
            candidate,
            submission,
            releases,
            keys,
            datetime.now(timezone.utc),
            in_stages=submission.channel in self._staged or _joins(submission, releases),
        )
        release = prepared.placement.release
        others = [other for other in releases if other.version != release.version]
        self._releases[product] = (*others, release)
        return prepared.receipt(self.url_of(prepared.file))


def _joins(submission: Submission, releases: Iterable[Release]) -> bool:
    """Returns whether the release is on its way to the channel already, for another board."""
    return any(
        submission.channel in image.rolling
        for release in releases
        for image in release.images
        if release.version == submission.version
    )
