"""Files that someone copied into a catalog by hand: whether they are whole, and what they are.

What is found is kept by inode, size and times, so that a file is read once and not at each request.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from acpublish.errors import NotFoundError
from acpublish.image.examine import outline
from acpublish.image.model import Image, Kind, Outline
from acpublish.image.reader import read

#: A file whose size and times have not changed for this long is no longer being copied.
SETTLED_S = 2.0
#: Above this a file is not looked into; it is served as it is, without digests.
LARGEST_READ_BYTES = 64 * 1024 * 1024
_KEPT = 20_000
_ATTEMPTS = 5

Identity = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The whole bytes of a file, what they are, and the identity under which they were read."""

    data: bytes
    image: Image
    identity: Identity


def identity(status: os.stat_result) -> Identity:
    """Returns what tells one state of a file from another."""
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


class LooseFiles:
    """Looks at hand-copied files, and remembers."""

    def __init__(self) -> None:
        self._outlines: dict[str, tuple[Identity, Outline]] = {}
        self._images: dict[str, tuple[Identity, Image]] = {}

    def glance(self, path: str, status: os.stat_result) -> Outline | None:
        """Tells from its headers what a file is, None while it is still being copied."""
        now = identity(status)
        kept = self._outlines.get(path)
        if kept is not None and kept[0] == now:
            seen = kept[1]
        else:
            seen = _outline(path, status.st_size)
            _keep(self._outlines, path, (now, seen))
        return seen if seen.complete or settled(status) else None

    def known(self, path: Path, status: os.stat_result) -> Image | None:
        """Returns what is known of a file in this very state, None when it must be read first."""
        kept = self._images.get(str(path))
        return kept[1] if kept is not None and kept[0] == identity(status) else None

    def content(self, path: Path) -> Content:
        """Reads a file between two looks at its state, until both are the same.

        Raises:
            NotFoundError: It is gone, cannot be read, or is still being copied.
        """
        for _ in range(_ATTEMPTS):
            try:
                with path.open("rb") as file:
                    before = os.fstat(file.fileno())
                    data = file.read(LARGEST_READ_BYTES + 1)
                    after = os.stat(path)
            except OSError as fault:
                raise _not_there() from fault
            if identity(before) != identity(after) or len(data) != after.st_size:
                continue
            image = self.known(path, after) or read(data)
            if _whole(image) or settled(after):
                _keep(self._images, str(path), (identity(after), image))
                return Content(data=data, image=image, identity=identity(after))
            break
        raise _not_there()


def settled(status: os.stat_result) -> bool:
    """Tells whether nothing has changed a file for a while.

    The change time, which nobody can set, is what counts; Windows keeps none.
    """
    changed = status.st_mtime if sys.platform == "win32" else status.st_ctime
    return time.time() - changed > SETTLED_S


def _whole(image: Image) -> bool:
    """Tells whether the bytes themselves prove that nothing is missing."""
    proven = image.kind in (Kind.APPLICATION, Kind.SIGNED, Kind.GZIP)
    return proven and not image.damaged


def _outline(path: str, size: int) -> Outline:
    try:
        with open(path, "rb") as file:

            def read_at(offset: int, length: int) -> bytes:
                file.seek(offset)
                return file.read(length)

            return outline(read_at, size)
    except OSError:
        return Outline(kind=Kind.UNKNOWN, family=None, complete=False)


def _keep(kept: dict, path: str, value: tuple) -> None:  # type: ignore[type-arg]
    if len(kept) >= _KEPT:
        kept.clear()
    kept[path] = value


def _not_there() -> NotFoundError:
    return NotFoundError(
        "the file is not there, or not whole yet", hint="Ask again when it has been copied."
    )
