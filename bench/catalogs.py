"""The catalogs that are served in measurements: releases, and files copied in by hand."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import acpublish
from acpublish.catalog import layout
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.release import channel_document, names
from acpublish.release.changes import author, publish
from acpublish.release.channels import Channels, Place
from acpublish.release.version import Version
from tests.support.images import esp8266_image

PRODUCT, BOARD = "lamp", "d1_mini"
AUTOMATIC = f"/update/{PRODUCT}/{BOARD}"
IMAGE_BYTES = 1 << 20
#: An AutoConnect sketch has 300-500 KiB; listing reads only headers, so small ones do here.
SMALL_BYTES = 16 << 10


def publish_image(catalog: Path, scratch: Path, *, seed: int = 1) -> str:
    """Publishes an image of 1 MiB.

    Args:
        catalog: The catalog's directory.
        scratch: Where the image is made.
        seed: Chooses its contents.

    Returns:
        The address of its visible file.
    """
    source = scratch / f"firmware-{seed}.bin"
    source.write_bytes(esp8266_image(size=IMAGE_BYTES, seed=seed))
    acpublish.publish(source, to=catalog, product=PRODUCT, version="1.0.0", board=BOARD)
    return f"/{PRODUCT}/{PRODUCT}-1.0.0_{BOARD}.bin"


def publish_many(catalog: Path, scratch: Path, product: str, count: int) -> None:
    """Publishes ``count`` small releases of a product."""
    source = scratch / "small.bin"
    for number in range(count):
        source.write_bytes(esp8266_image(size=SMALL_BYTES, seed=number))
        acpublish.publish(source, to=catalog, product=product, version=f"1.{number}.0", board=BOARD)


def copy_many(directory: Path, count: int) -> int:
    """Copies ``count`` small images into a directory by hand.

    Returns:
        How many bytes all of them have.
    """
    directory.mkdir(parents=True)
    data = esp8266_image(size=SMALL_BYTES)
    for number in range(count):
        (directory / f"sketch-{number:05d}.bin").write_bytes(data)
    return count * len(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What an update URL offers: its address, and the MD5 of the image."""

    address: str
    md5: str


def grow(
    catalog: Path, scratch: Path, *, products: int, releases: int, boards: int
) -> list[Offered]:
    """Fills a catalog: one product is published, and the others get its releases.

    Their documents are written by what writes all documents, but without waiting for the disk,
    which would take minutes. All products share the bytes of their images.

    Args:
        catalog: The catalog's directory.
        scratch: Where the images are made.
        products: How many products.
        releases: How many releases each has.
        boards: How many images each release has.

    Returns:
        What all update URLs offer, product by product.
    """
    source, first = scratch / "small.bin", product_name(0)
    for number in range(releases):
        source.write_bytes(esp8266_image(size=SMALL_BYTES, seed=number))
        version = f"1.{number}.0"
        for board in range(boards):
            acpublish.publish(source, to=catalog, product=first, version=version, board=f"b{board}")
    directory = DirectoryCatalog(catalog)
    channels = directory.changes.channels(first)
    published = directory.releases(first)
    for number in range(1, products):
        product = names.product(product_name(number))
        layout.manifests(catalog, product).mkdir()
        (catalog / product).mkdir()
        for release in published:
            images = tuple(
                replace(image, file=image.file.replace(first, product)) for image in release.images
            )
            copy = replace(release, product=product, images=images)
            layout.manifest(catalog, product, release.version).write_bytes(copy.to_json())
            for image in images:
                os.link(layout.objects(catalog) / image.sha256, catalog / product / image.file)
        document = channel_document.to_json(channels, product)
        layout.channels(catalog, product).write_bytes(document)
    newest = max(published, key=lambda release: release.version.precedence)
    return [
        Offered(address=f"/update/{product_name(number)}/{image.board}", md5=image.md5)
        for number in range(products)
        for image in newest.images
    ]


def grow_one(catalog: Path, product: str, releases: int) -> None:
    """Adds a product with very many releases, each of which was published to ``stable``.

    As with :func:`grow`, its documents are written without waiting for the disk, and it shares the
    bytes of the images of the first product there.

    Args:
        catalog: A catalog that was filled by :func:`grow`.
        product: The product's name.
        releases: How many releases it gets.
    """
    directory, name = DirectoryCatalog(catalog), names.product(product)
    sources, channels = directory.releases(product_name(0)), Channels()
    layout.manifests(catalog, name).mkdir()
    (catalog / product).mkdir()
    who = author(datetime.now(timezone.utc))
    for number in range(releases):
        source, version = sources[number % len(sources)], Version.parse(f"1.{number}.0")
        images = tuple(
            replace(image, file=f"{product}-{version}_{image.board}.bin").bare()
            for image in source.images
        )
        release = replace(source, product=name, version=version, images=images)
        layout.manifest(catalog, name, version).write_bytes(release.to_json())
        for image in images:
            os.link(layout.objects(catalog) / image.sha256, catalog / product / image.file)
            place = Place(image.board, image.kind)
            channels = publish(
                channels, version, place, names.STABLE, who, moves=True, releases=()
            ).channels
    document = channel_document.to_json(channels, product)
    layout.channels(catalog, name).write_bytes(document)


def product_name(number: int) -> str:
    """Returns the name of a product of a catalog that was filled by :func:`grow`."""
    return f"lamp-{number:03d}"
