"""What a partition table says about the space for an image, read from its file."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from acpublish.errors import PartitionError
from acpublish.image.partition_table import PartitionTable, read_partitions
from acpublish.input_files import read_bounded
from acpublish.release.declared import Declared
from acpublish.release.names import ImageKind

#: Many times a table of ESP-IDF, of which the binary has 3 KiB, with comments in the CSV.
_MAX_TABLE_BYTES = 64 * 1024


def read_table(path: Path) -> PartitionTable:
    """Reads a partition table, CSV or binary.

    Raises:
        PartitionError: It cannot be read, or is not a partition table.
    """
    hint = "Use the project's partitions.csv, or the partitions.bin of its build."
    content = read_bounded(path, _MAX_TABLE_BYTES, PartitionError, hint=hint)
    try:
        return read_partitions(content)
    except PartitionError as error:
        raise PartitionError(f"{path}: {error.problem}", hint=error.hint) from error


def is_table(path: Path) -> bool:
    """Returns whether a file is a partition table that can be read."""
    try:
        read_table(path)
    except PartitionError:
        return False
    return True


def with_partitions(known: Declared, path: Path | None, kind: ImageKind) -> Declared:
    """Returns what is known of a board, with what its partition table says.

    Args:
        known: What is known already.
        path: The file of the table; None to add nothing.
        kind: The kind of image that must fit.

    Raises:
        PartitionError: The file cannot be read, or is not a partition table.
    """
    if path is None:
        return known
    table = read_table(path)
    return replace(known, slot_bytes=_space(table, kind), layout=_digest(table))


def _space(table: PartitionTable, kind: ImageKind) -> int | None:
    if kind == "firmware":
        slot = table.smallest_ota_slot
        # Nothing fits in a table without a slot for an application.
        return slot.size if slot else 0
    partition = table.smallest_filesystem
    return partition.size if partition else None


def _digest(table: PartitionTable) -> str:
    """Returns the same digest for CSV and binary, regardless of comments and order."""
    lines = sorted(
        f"{part.offset:#x} {part.size:#x} {part.type} {part.subtype} {part.name} {part.flags}"
        for part in table.partitions
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
