"""``acpublish inspect``: show everything about an image file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from acpublish import api
from acpublish.cli import exit_status
from acpublish.cli.charts import chart, columns, gauge
from acpublish.cli.common_options import ANY_PATH
from acpublish.cli.ui import facts, json_option, print_json
from acpublish.image.model import AppDescriptor, Image, Kind
from acpublish.image.partition_table import Partition, PartitionTable

#: Next to the columns, a bar of this width fits in 80 characters.
_BAR_CHARACTERS = 32
#: What stands beside the gauge of a slot: "used  " and " 100.0 %".
_BESIDE_GAUGE = 14
_SLOT_FOR = {
    Kind.APPLICATION: "an application",
    Kind.SIGNED: "an application",
    Kind.FILESYSTEM: "a filesystem",
}


@click.command("inspect")
@click.argument("file", type=ANY_PATH)
@click.option(
    "--partitions",
    metavar="FILE",
    type=ANY_PATH,
    help="The partition table, CSV or binary: also show what is left in the OTA slot.",
)
@json_option
def command(file: Path, partitions: Path | None, as_json: bool) -> int:
    """Show everything about FILE: kind, chip, stamp, checksums, segments and digests.

    The exit status is 1 for a file that is not an image; its kind is shown even then.
    """
    image = api.read_image(file)
    layout = api.read_partition_table(partitions) if partitions else None
    if as_json:
        print_json(document(image, layout))
    else:
        _print(file, image)
        if layout is not None:
            _print_slot(image, layout)
    return exit_status.NO if image.kind is Kind.UNKNOWN else exit_status.OK


def document(image: Image, layout: PartitionTable | None = None) -> dict[str, Any]:
    """Returns everything about an image as JSON types."""
    fields = asdict(image)
    if layout is not None:
        slot = _slot(image, layout)
        fields["partitions"] = [asdict(partition) for partition in layout.partitions]
        fields["slot"] = slot and {**asdict(slot), "left": slot.size - image.size}
    return fields


def _print(file: Path, image: Image) -> None:
    flash = [image.flash_mode, image.flash_size, image.flash_frequency]
    facts(
        {
            "file": file,
            "kind": _kind(image),
            "what": image.description or None,
            "chip": image.chip,
            "stamp": _stamp(image),
            "checks": _checks(image),
            "problems": "; ".join(image.problems) or None,
            **_signature(image),
            "flash": ", ".join(part for part in flash if part) or None,
            "entry": None if image.entry is None else f"0x{image.entry:08x}",
            **_described(image.descriptor),
            "size": f"{image.size} bytes",
            "md5": image.md5,
            "sha256": image.sha256,
            **_running(image),
        }
    )
    if image.segments:
        rows = [("segment", "address", "offset", "bytes")]
        for number, segment in enumerate(image.segments):
            address, offset = f"0x{segment.address:08x}", f"0x{segment.offset:x}"
            rows.append((str(number), address, offset, str(segment.size)))
        click.echo()
        sizes = [segment.size for segment in image.segments]
        chart(rows, sizes, longest=_BAR_CHARACTERS, spare=2, right=frozenset({2, 3}))


def _kind(image: Image) -> str:
    if image.content is None:
        return image.kind.value
    signed = ["signed"] if image.kind is Kind.SIGNED else []
    gzip = ["gzip of"] if image.compressed else []
    return " ".join([*signed, *gzip, image.content.value])


def _stamp(image: Image) -> str | None:
    if image.stamp is not None:
        return f"{image.stamp.product} {image.stamp.version}"
    if image.kind is not Kind.APPLICATION:
        return None
    return "blank" if image.stampable else "none; the image has no room for one"


def _checks(image: Image) -> str | None:
    if image.family is None:
        return None
    more = ("CRC", image.crc) if image.family == "esp8266" else ("digest", image.digest)
    return ", ".join(
        f"{name} {value.value}" for name, value in (("checksum", image.checksum), more)
    )


def _signature(image: Image) -> dict[str, object]:
    if image.signature is None:
        return {}
    blocks = image.signature.blocks
    algorithms = ", ".join(block.algorithm for block in blocks)
    keys = {f"key {number}": block.key_digest for number, block in enumerate(blocks, start=1)}
    return {"signature": f"{image.signature.scheme}, {algorithms}", **keys}


def _described(descriptor: AppDescriptor | None) -> dict[str, object]:
    if descriptor is None:
        return {}
    return {
        "project": f"{descriptor.project} {descriptor.version}".strip(),
        "built with": f"ESP-IDF {descriptor.idf_version}",
        "built at": f"{descriptor.date} {descriptor.time}".strip(),
        "elf sha256": descriptor.elf_sha256,
        "efuses": _efuses(descriptor),
        "security": f"version {descriptor.secure_version}",
        "mmu page": f"{descriptor.mmu_page_size} bytes" if descriptor.mmu_page_size else None,
    }


def _efuses(descriptor: AppDescriptor) -> str | None:
    """Returns the block revisions that it runs on, None if the build set none."""
    revisions = descriptor.min_revision, descriptor.max_revision
    if not any(revisions):
        return None
    first, last = map(_revision, revisions)
    return f"block revision {first} to {last}"


def _revision(number: int) -> str:
    """Returns the major and minor number (``esp_app_desc.h``: ``min_efuse_blk_rev_full``)."""
    return f"v{number // 100}.{number % 100}"


def _running(image: Image) -> dict[str, object]:
    """Returns the digests that a device running the image reports, without all their variants."""
    md5s, sha256s = image.running.md5s, image.running.sha256s
    if not md5s:
        return {}
    more = f" or one of {len(md5s) - 1} variants" if len(md5s) > 1 else ""
    return {
        "device md5": f"{md5s[0]}{more}",
        "device sha": sha256s[0] if sha256s else None,
    }


def _slot(image: Image, layout: PartitionTable) -> Partition | None:
    """Returns the smallest partition that an update with the image may be written to."""
    if image.kind is Kind.FILESYSTEM:
        return layout.smallest_filesystem
    return layout.smallest_ota_slot if image.kind in _SLOT_FOR else None


def _print_slot(image: Image, layout: PartitionTable) -> None:
    click.echo()
    slot = _slot(image, layout)
    if slot is None:
        click.echo(f"The partition table has no partition for {_SLOT_FOR.get(image.kind, 'this')}.")
        return
    left = slot.size - image.size
    percent = 100 * image.size / slot.size
    among = len(layout.ota_slots) if slot.type == "app" else 1
    width = min(_BAR_CHARACTERS, max(columns() - _BESIDE_GAUGE, 1))
    facts(
        {
            "slot": f"{slot.name} ({slot.subtype}) at 0x{slot.offset:x}, {slot.size} bytes"
            + (f", the smallest of {among}" if among > 1 else ""),
            "used": f"{gauge(image.size, slot.size, width)} {percent:.1f} %",
            "left": f"{left} bytes" if left >= 0 else f"none: {-left} bytes do not fit",
        }
    )
