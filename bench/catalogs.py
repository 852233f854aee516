"""The catalogs that are served in measurements: releases, and files copied in by hand."""

from __future__ import annotations

from pathlib import Path

import acpublish
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
