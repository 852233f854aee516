"""Tells by headers alone whether a file that may still be copied is whole.

This is the cheap question of a server that lists a directory: some 40 small reads instead of the
whole file. It errs on one side only: a file that it calls complete ends where its headers say.
"""

from __future__ import annotations

from acpublish.image.chain import ReadAt
from acpublish.image.examine import kind_by_magic, shapes
from acpublish.image.model import Outline


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
