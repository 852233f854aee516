"""Short ways to a catalog for the tests of it; also what a child process of them runs."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from pathlib import Path

from acpublish.catalog import layout
from acpublish.catalog.contents import CatalogFiles, Directory, ReleaseFile
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.image.stamper import stamp
from acpublish.release import channel_document, names
from acpublish.release.candidate import Candidate
from acpublish.release.changes import publish
from acpublish.release.channels import Author, Place
from acpublish.release.manifest import Release
from acpublish.release.names import ImageKind
from acpublish.release.submission import Receipt, Submission
from acpublish.release.version import Version
from tests.support import images

#: The visible file of what ``put`` publishes.
VISIBLE = "lamp/lamp-1.0.0_d1.bin"
#: For tests that publish versions in any order.
ANY_ORDER = {"version-order": "published in any order"}


@functools.lru_cache(maxsize=256)
def image(version: str = "1.0.0", product: str = "lamp", seed: int = 0) -> bytes:
    return stamp(images.esp8266_image(size=5120, seed=seed), product, version)


def manifest(root: Path, version: str = "1.0.0") -> Path:
    return root / ".acpublish/releases/lamp" / f"{version}.json"


@functools.lru_cache(maxsize=256)
def candidate(data: bytes) -> Candidate:
    return Candidate.of(data)


def submission(
    version: str = "1.0.0",
    *,
    product: str = "lamp",
    board: str = "d1",
    channel: str = "stable",
    kind: ImageKind = "firmware",
    compress: bool = False,
    skipped_checks: Mapping[str, str] | None = None,
) -> Submission:
    return Submission(
        product=names.product(product),
        version=Version.parse(version),
        board=names.board(board),
        channel=names.channel(channel),
        kind=kind,
        compress=compress,
        skipped_checks=skipped_checks or {},
    )


def put(
    catalog: DirectoryCatalog | Path,
    version: str = "1.0.0",
    *,
    product: str = "lamp",
    board: str = "d1",
    channel: str = "stable",
    seed: int = 0,
    compress: bool = False,
    skipped_checks: Mapping[str, str] | None = None,
) -> Receipt:
    if isinstance(catalog, Path):
        catalog = DirectoryCatalog(catalog)
    return catalog.put(
        candidate(image(version, product, seed)),
        submission(
            version,
            product=product,
            board=board,
            channel=channel,
            compress=compress,
            skipped_checks=skipped_checks,
        ),
    )


def copy_in(catalog: DirectoryCatalog, version: str, manifest: bytes) -> None:
    """Writes a manifest by hand, and what the channels point at, as whoever can write may."""
    path = layout.manifest(catalog.root, "lamp", Version.parse(version))
    path.write_bytes(manifest)
    document = layout.channels(catalog.root, "lamp")
    channels = channel_document.from_json(document.read_bytes(), "channels.json", "lamp")
    for image in Release.from_json(manifest).images:
        place = Place(image.board, image.kind)
        who = Author(at=image.published_at)
        planned = publish(
            channels, Version.parse(version), place, "stable", who, moves=True, releases=()
        )
        channels = planned.channels
    document.write_bytes(channel_document.to_json(channels, "lamp"))


def files_below(root: Path) -> set[str]:
    """Every visible file."""
    return {
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_file() and ".acpublish" not in path.parts
    }


def seen(root: Path) -> dict[str, object]:
    """What a server that starts now sees of a catalog: releases, lists, files and their bytes."""
    files = CatalogFiles(DirectoryCatalog(root))
    found: dict[str, object] = {"products": files.catalog.products()}
    for product in files.catalog.products():
        for release in files.catalog.releases(product):
            for one in release.images:
                address = f"{product}/{one.file}"
                located = files.locate(address.encode())
                if one.withdrawn:
                    assert located is None
                    found[address] = one.withdrawn
                    continue
                assert isinstance(located, ReleaseFile)
                data = files.catalog.read_object(located.image.sha256)
                gzip = one.compressed
                packed = files.catalog.read_object(gzip.sha256) if gzip else b""
                found[address] = (data, dict(one.channels), packed)
    for product in ("", "lamp"):
        directory = files.locate(product.encode())
        if isinstance(directory, Directory):
            entries = files.entries(directory)
            found[f"list {product}"] = sorted((entry.name, entry.type) for entry in entries)
    return found


if __name__ == "__main__":
    # A writer among several: ROOT, what to call its versions, how many.
    writer = DirectoryCatalog(Path(sys.argv[1]))
    for number in range(int(sys.argv[3])):
        board = f"b{sys.argv[2]}"
        put(writer, f"1.{number}.0-{sys.argv[2]}", board=board, skipped_checks=ANY_ORDER)
        put(writer, f"2.{number}.0", board=f"b{sys.argv[2]}")
