"""What a file is and whether it is sound: the judgement that reading and stamping share.

The family is found by trying both:

1. Each family reads the headers; one whose headers are not plausible is out.
2. If both are left, the one whose chain is whole and whose sums hold decides, then the one whose
   chain is whole.
3. If none is left, the first bytes may still tell a gzip or a filesystem; otherwise the file is
   unknown.

Tells by headers alone whether a file that may still be copied is whole.

This is the cheap question of a server that lists a directory: some 40 small reads instead of the
whole file. It errs on one side only: a file that it calls complete ends where its headers say.
"""

from __future__ import annotations

from dataclasses import dataclass

from acpublish.image import esp32, esp8266
from acpublish.image.chain import ReadAt
from acpublish.image.model import Kind, Outline
from acpublish.image.shape import Findings, Shape
from acpublish.image.sums import Digests

GZIP_MAGIC = b"\x1f\x8b"
#: In the superblock of LittleFS (its ``SPEC.md``): a check, not a proof.
_LITTLEFS_OFFSET = 8
_LITTLEFS_TEXT = b"littlefs"


_NOTHING_FOUND = Findings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """The judgement on a file.

    Attributes:
        kind: What it is.
        shape: What its headers say, None where it has none of an ESP image.
        findings: What its sums say.
        problems: What is wrong with it, one phrase each.
    """

    kind: Kind
    shape: Shape | None = None
    findings: Findings = _NOTHING_FOUND
    problems: tuple[str, ...] = ()


def shapes(read_at: ReadAt, size: int) -> tuple[Shape, ...]:
    """Returns a file's shape in the view of each family whose headers are plausible."""
    found = (esp32.parse(read_at, size), esp8266.parse(read_at, size))
    return tuple(shape for shape in found if shape is not None)


def kind_by_magic(read_at: ReadAt) -> Kind:
    """Returns the kind of a file without the headers of an ESP image."""
    if read_at(0, len(GZIP_MAGIC)) == GZIP_MAGIC:
        return Kind.GZIP
    if read_at(_LITTLEFS_OFFSET, len(_LITTLEFS_TEXT)) == _LITTLEFS_TEXT:
        return Kind.FILESYSTEM
    return Kind.UNKNOWN


def examine(data: bytes, digests: Digests | None = None) -> Examined:
    """Judges a file by its bytes; a gzip is not opened.

    Args:
        data: The whole file.
        digests: Of the file, for a caller that goes on to use them.
    """
    known = digests or Digests(data)

    def read_at(offset: int, length: int) -> bytes:
        return data[offset : offset + length]

    judged = [_judge(shape, data, known) for shape in shapes(read_at, len(data))]
    if not judged:
        return Examined(kind=kind_by_magic(read_at))
    return max(judged, key=_rank)


def _rank(examined: Examined) -> tuple[bool, bool]:
    whole = examined.shape is not None and not examined.shape.missing
    return (not examined.problems, whole)


def _judge(shape: Shape, data: bytes, digests: Digests) -> Examined:
    if shape.missing:
        return Examined(kind=shape.kind, shape=shape, problems=(f"truncated: {shape.missing}",))
    findings = shape.verify(data, digests)
    problems = (*findings.problems, *_trailing(shape, data))
    return Examined(kind=shape.kind, shape=shape, findings=findings, problems=problems)


def _trailing(shape: Shape, data: bytes) -> tuple[str, ...]:
    """Padding is in order: a partition that was read back from flash ends in it."""
    if shape.complete or shape.signed or shape.kind is Kind.MERGED:
        return ()
    behind = data[shape.end :]
    if not behind.strip(b"\xff") or not behind.strip(b"\0"):
        return ()
    return (f"{len(behind)} bytes that do not belong to the image follow it",)


def outline(read_at: ReadAt, size: int) -> Outline:
    """Reads the headers of a file.

    Args:
        read_at: Returns up to ``length`` bytes at ``offset``: ``read_at(offset, length)``.
        size: Bytes of the file.

    Returns:
        The outline. ``complete`` is False where headers cannot tell: a gzip, a filesystem, an
        image with bytes behind it that are no signature.
    """
    found = shapes(read_at, size)
    whole = [shape for shape in found if not shape.missing]
    complete = [shape for shape in whole if shape.complete]
    kinds = {shape.kind for shape in complete or whole or found}
    return Outline(
        kind=kinds.pop() if len(kinds) == 1 else kind_by_magic(read_at),
        family=(whole or found)[0].family if len(whole or found) == 1 else None,
        complete=bool(complete),
        truncated=bool(found) and not whole,
    )
