"""What the catalog and the state folder take on the disk, and how much is free there."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import NamedTuple

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.control.fleet_state import STORE_FILE
from acpublish.release.manifest import CLEARED


class ProductUsage(NamedTuple):
    """What the images of a product take.

    Attributes:
        product: The product.
        releases: How many releases it has.
        images: How many images have bytes.
        size_bytes: Their bytes, with their gzips; what several of them share counts once.
    """

    product: str
    releases: int
    images: int
    size_bytes: int


class Disk(NamedTuple):
    """A file system.

    Attributes:
        free_bytes: What is free for the server.
        total_bytes: Its size.
    """

    free_bytes: int
    total_bytes: int


class DiskUsage(NamedTuple):
    """What is on the disk.

    Attributes:
        products: By product, the largest first.
        catalog: The file system of the catalog; None if it cannot be looked at.
        state: That of the state folder, if it is another one; None otherwise.
        store_bytes: The size of the fleet's store; None if there is none.
    """

    products: tuple[ProductUsage, ...]
    catalog: Disk | None
    state: Disk | None
    store_bytes: int | None

    @property
    def catalog_bytes(self) -> int:
        """What the images of all products take."""
        return sum(product.size_bytes for product in self.products)


def disk_usage(catalog: DirectoryCatalog, state: Path) -> DiskUsage:
    """Looks at the catalog and the state folder; takes some time, so it is for a thread."""
    products = [_of_product(catalog, name) for name in catalog.products()]
    apart = _device_of(catalog.root) != _device_of(state)
    return DiskUsage(
        products=tuple(sorted(products, key=lambda own: (-own.size_bytes, own.product))),
        catalog=_disk(catalog.root),
        state=_disk(state) if apart else None,
        store_bytes=_store_bytes(state),
    )


def _of_product(catalog: DirectoryCatalog, product: str) -> ProductUsage:
    releases = catalog.snapshots.product(product).releases
    sizes = {
        image.sha256: image.stored_bytes
        for release in releases
        for image in release.images
        if image.withdrawn not in CLEARED
    }
    return ProductUsage(product, len(releases), len(sizes), sum(sizes.values()))


def _device_of(folder: Path) -> int | None:
    with contextlib.suppress(OSError):
        return os.stat(folder).st_dev
    return None


def _disk(folder: Path) -> Disk | None:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        # It is not there yet, or was unmounted.
        return None
    return Disk(usage.free, usage.total)


def _store_bytes(state: Path) -> int | None:
    """Returns the size of the store with the files that SQLite keeps beside it."""
    path = state.joinpath(*STORE_FILE)
    if not path.exists():
        return None
    total = 0
    for file in path.parent.glob(f"{path.name}*"):
        with contextlib.suppress(OSError):
            total += file.stat().st_size
    return total
