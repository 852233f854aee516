"""``acpublish inspect``: tell all about an image file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from acpublish import api
from acpublish.cli import status
from acpublish.cli.output import facts, json_option, print_json, table
from acpublish.image import Image, Integrity, Kind


@click.command("inspect", short_help="Tell all about an image file.")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def command(file: Path, as_json: bool) -> int:
    """Tell all about FILE: kind, chip, stamp, checksums, segments and digests.

    The exit status is 1 for a file that is no image; its kind is told all the same.
    """
    image = api.read_image(file)
    if as_json:
        print_json(document(image))
    else:
        _print(file, image)
    return status.NO if image.kind is Kind.UNKNOWN else status.OK


def document(image: Image) -> dict[str, Any]:
    """Returns what is known of an image as JSON types."""
    return asdict(image)


def _print(file: Path, image: Image) -> None:
    descriptor = image.descriptor
    integrity = {"checksum": image.checksum, "CRC": image.crc, "digest": image.digest}
    checks = [
        f"{name} {value.value}"
        for name, value in integrity.items()
        if value is not Integrity.ABSENT
    ]
    flash = [image.flash_mode, image.flash_size, image.flash_frequency]
    stamp = f"{image.stamp.product} {image.stamp.version}" if image.stamp else None
    if stamp is None and image.kind is Kind.APPLICATION:
        stamp = "blank" if image.stampable else "no place for one"
    facts(
        {
            "file": file,
            "kind": image.kind.value,
            "chip": image.chip,
            "stamp": stamp,
            "checks": ", ".join(checks) or None,
            "problems": "; ".join(image.problems) or None,
            "flash": ", ".join(part for part in flash if part) or None,
            "entry": None if image.entry is None else f"0x{image.entry:08x}",
            "built with": descriptor and f"ESP-IDF {descriptor.idf_version}",
            "built at": descriptor and f"{descriptor.date} {descriptor.time}".strip(),
            "size": f"{image.size} bytes",
            "md5": image.md5,
            "sha256": image.sha256,
        }
    )
    if image.segments:
        rows = [("segment", "address", "offset", "bytes")]
        rows += [
            (str(number), f"0x{one.address:08x}", f"0x{one.offset:x}", str(one.size))
            for number, one in enumerate(image.segments)
        ]
        click.echo()
        table(rows, right=frozenset({2, 3}))
