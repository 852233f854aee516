"""Finds out what a file is and whether it is sound.

:func:`examine` checks the whole file, for reading and stamping; :func:`outline` reads only the
headers, about 40 small reads, for a server that lists files which may still be being copied.

Both find the chip family by trying each one:

1. Each family reads the headers. One whose headers are not plausible is out.
2. If both are left, the one whose chain is complete and whose checksums match wins, then the one
   whose chain is complete.
3. If none is left, the first bytes may still identify a gzip or a filesystem. Otherwise the file is
   unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

from acpublish.image import esp32, esp8266, esp8266_sdk
from acpublish.image.chain import ReadAt
from acpublish.image.filesystems import filesystem_name
from acpublish.image.foreign_files import foreign_name
from acpublish.image.model import Kind, Outline
from acpublish.image.shape import Findings, Shape
from acpublish.image.sums import Digests

GZIP_MAGIC = b"\x1f\x8b"
_NOTHING_FOUND = Findings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What an examination of a file found.

    Attributes:
        kind: The kind of the file.
        description: What it is, as a phrase, if its kind does not say enough.
        shape: Its layout by its headers, None if it does not have the headers of an ESP image.
        findings: The result of comparing its checksums.
        problems: What is wrong with it, one phrase each.
    """

    kind: Kind
    description: str = ""
    shape: Shape | None = None
    findings: Findings = _NOTHING_FOUND
    problems: tuple[str, ...] = ()


def shapes(read_at: ReadAt, size: int) -> tuple[Shape, ...]:
    """Returns a file's shape for each family whose headers are plausible."""
    parsed = (module.parse(read_at, size) for module in (esp32, esp8266, esp8266_sdk))
    return tuple(shape for shape in parsed if shape is not None)


def kind_by_magic(read_at: ReadAt, size: int) -> Kind:
    """Returns the kind of a file without the headers of an ESP image."""
    if read_at(0, len(GZIP_MAGIC)) == GZIP_MAGIC:
        return Kind.GZIP
    return Kind.FILESYSTEM if filesystem_name(read_at, size) else Kind.UNKNOWN


def examine(data: bytes, digests: Digests | None = None) -> Examined:
    """Examines a whole file; a gzip is not inflated.

    Args:
        data: The whole file.
        digests: Those of the file, for a caller that uses them afterwards.
    """
    digests = digests or Digests(data)

    def read_at(offset: int, length: int) -> bytes:
        return data[offset : offset + length]

    examined = [_examine(shape, data, digests) for shape in shapes(read_at, len(data))]
    if not examined:
        kind = kind_by_magic(read_at, len(data))
        description = ""
        if kind is Kind.FILESYSTEM:
            description = f"a {filesystem_name(read_at, len(data))} filesystem"
        elif kind is Kind.UNKNOWN:
            description = foreign_name(data)
        return Examined(kind=kind, description=description)
    return max(examined, key=_rank)


def _rank(examined: Examined) -> tuple[bool, bool]:
    complete = examined.shape is not None and not examined.shape.missing
    return (not examined.problems, complete)


def _examine(shape: Shape, data: bytes, digests: Digests) -> Examined:
    if shape.missing:
        problem = f"truncated: {shape.missing}"
        return Examined(
            kind=shape.kind, description=shape.description, shape=shape, problems=(problem,)
        )
    findings = shape.verify(data, digests)
    problems = (*findings.problems, *_trailing(shape, data))
    return Examined(
        kind=shape.kind,
        description=shape.description or findings.description,
        shape=shape,
        findings=findings,
        problems=problems,
    )


def _trailing(shape: Shape, data: bytes) -> tuple[str, ...]:
    """Allows padding, because a partition that was read back from flash ends with it."""
    if shape.complete or shape.signed or shape.kind is Kind.MERGED:
        return ()
    trailing = data[shape.end :]
    if not trailing.strip(b"\xff") or not trailing.strip(b"\0"):
        return ()
    if len(trailing) == 1:
        return ("1 byte that does not belong to the image follows it",)
    return (f"{len(trailing)} bytes that do not belong to the image follow it",)


def outline(read_at: ReadAt, size: int) -> Outline:
    """Reads only the headers of a file.

    Args:
        read_at: Returns up to ``length`` bytes at ``offset``: ``read_at(offset, length)``.
        size: The size of the file in bytes.

    Returns:
        The outline. A file that it calls complete ends where its headers say. ``complete`` is
        False if the headers cannot show it: for a gzip, a filesystem, or an image that is followed
        by bytes other than a signature.
    """
    parsed = shapes(read_at, size)
    whole = [shape for shape in parsed if not shape.missing]
    complete = [shape for shape in whole if shape.complete]
    kinds = {shape.kind for shape in complete or whole or parsed}
    return Outline(
        kind=kinds.pop() if len(kinds) == 1 else kind_by_magic(read_at, size),
        family=(whole or parsed)[0].family if len(whole or parsed) == 1 else None,
        complete=bool(complete),
        truncated=bool(parsed) and not whole,
    )
