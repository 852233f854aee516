"""The Python API: read an image, publish it, list a server, download.

    python python_api.py FIRMWARE CATALOG [URL]

This publishes FIRMWARE to the directory CATALOG. With the URL of a server of this catalog, it then
lists and downloads the releases.
"""

from __future__ import annotations

import sys
from pathlib import Path

import acpublish

PRODUCT = "example"
VERSION = "1.0.0"
BOARD = "d1_mini"


def publish(firmware: Path, catalog: str) -> None:
    """Publishes the image, and prints what it is."""
    image = acpublish.read_image(firmware)
    print(f"{firmware.name}: {image.kind.value} for {image.chip}, {image.size} bytes")
    publication = acpublish.publish(
        firmware, to=catalog, product=PRODUCT, version=VERSION, board=BOARD
    )
    receipt = publication.receipt
    print(f"{receipt.outcome.value}: {receipt.file}, sha256 {receipt.sha256}")


def download(url: str) -> None:
    """Downloads every release of the product, and compares each with the server's digest."""
    server = acpublish.UpdateServer(url)
    for entry in server.catalog(PRODUCT):
        file = server.download(entry, Path.cwd(), progress=show)
        print(f"\n{entry.path} -> {file.name}, {acpublish.read_image(file).stamp}")


def show(done: int, total: int | None) -> None:
    """Shows the progress of a download."""
    print(f"\r{done} of {total} bytes", end="", flush=True)


def main() -> int:
    """Runs the example; returns the exit status."""
    if len(sys.argv) not in (3, 4):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        publish(Path(sys.argv[1]), sys.argv[2])
        if len(sys.argv) == 4:
            download(sys.argv[3])
    except acpublish.AcpublishError as error:
        print(f"python_api: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
