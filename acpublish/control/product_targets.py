"""What the products of a catalog can offer, made once for each snapshot of their releases.

Most devices send the same report, so decisions are remembered with it
(:attr:`acpublish.fleet.targets.Targets.remembered`). What strangers send must not fill the memory,
nor push out the decisions of another product.
"""

from __future__ import annotations

from acpublish.bounded import BoundedDict
from acpublish.fleet.targets import Targets
from acpublish.release.manifest import Release

_MAX_PRODUCTS = 1024
#: For all products. A decision has less than 1.5 KB with its key, as names have at most 32
#: characters and a version :data:`~acpublish.wire.MAX_REPORTED_BYTES`, so this is 12 MB at most.
_MAX_DECISIONS = 8192
#: The decisions are counted only now and then, because that looks at every product.
_COUNT_EVERY = 64
_NOTHING = Targets(())


class ProductTargets:
    """What each product can offer."""

    def __init__(self) -> None:
        """Starts with no product."""
        self._targets: BoundedDict[str, Targets] = BoundedDict(_MAX_PRODUCTS)
        self._calls = 0

    def of(self, product: str, releases: tuple[Release, ...]) -> Targets:
        """Returns what a product can offer; the same object while its releases stay the same.

        Args:
            product: The product.
            releases: Its releases; a change makes a different tuple.
        """
        self._calls += 1
        if not self._calls % _COUNT_EVERY:
            self._limit()
        targets = self._targets.get(product)
        if targets is None or targets.releases is not releases:
            if not releases:
                return _NOTHING
            targets = self._targets[product] = Targets(releases)
        return targets

    def _limit(self) -> None:
        """Drops the decisions of the products with the most, if there are too many in all."""
        remembered = [targets.remembered for targets in self._targets.values()]
        while sum(map(len, remembered)) > _MAX_DECISIONS:
            max(remembered, key=len).clear()
