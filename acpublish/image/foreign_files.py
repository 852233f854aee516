"""Names files that people confuse with an image, so that nobody publishes one as a filesystem.

Each is known by its first bytes; a partition table by being one.
"""

from __future__ import annotations

from acpublish.errors import PartitionError
from acpublish.image.partition_table import TABLE_BYTES, read_partitions

#: The first bytes of formats that lie beside images in build folders and downloads.
_MAGICS = (
    (b"\x7fELF", "an ELF file, which the linker makes"),
    (b"-----BEGIN ", "a key or certificate in PEM format"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"UF2\n", "a UF2 file, which is copied to a board over USB"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
)
#: The magic of tar is in the header of its first file (POSIX ``ustar``).
_TAR_OFFSET, _TAR_MAGIC = 257, b"ustar"
#: A CSV with comments is longer than the table that is made of it, but not by much.
_LARGEST_TABLE_BYTES = 4 * TABLE_BYTES


def foreign_name(data: bytes) -> str:
    """Returns what a file is that is neither an image nor a filesystem; empty if that is not known.

    Args:
        data: The whole file.
    """
    for magic, name in _MAGICS:
        if data.startswith(magic):
            return name
    if data[_TAR_OFFSET : _TAR_OFFSET + len(_TAR_MAGIC)] == _TAR_MAGIC:
        return "a tar archive"
    return "a partition table" if _is_partition_table(data) else ""


def _is_partition_table(data: bytes) -> bool:
    if len(data) > _LARGEST_TABLE_BYTES:
        return False
    try:
        read_partitions(data)
    except PartitionError:
        return False
    return True
