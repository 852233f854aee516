"""Files that someone copied into a catalog by hand: whether they are complete, and what they are.

Results are cached by inode, size and times, so a file is read once and not for each request. What
is judged and what is sent come from the same descriptor.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from acpublish.bounded import BoundedDict
from acpublish.catalog.servable import Use, use_of
from acpublish.errors import NotFoundError
from acpublish.image.examine import outline
from acpublish.image.model import Image, Kind, Outline
from acpublish.image.reader import read

#: A file whose size and times have not changed for this long is no longer being copied.
SETTLED_S = 2.0
#: Before Linux 6.13, all changes within a tick of its clock, up to 10 ms, have the same time stamp.
#: So a file is read after it: a second change within it would not show.
TICK_S = 0.02
#: Larger files are not read; they are served as they are, without digests.
LARGEST_READ_BYTES = 64 * 1024 * 1024
#: Limits memory; someone who copies files by hand has fewer.
_CACHED_FILES = 20_000
_ATTEMPTS = 5
#: What follows the last segment of an image: the block of its checksum, then a SHA-256 or a CRC.
_LONGEST_ENDING_BYTES = 16 + 32

Identity = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """All bytes of a file, the image that they are, and the identity of the file when read."""

    data: bytes
    image: Image
    identity: Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What a file is by its headers, and what it may be used for."""

    outline: Outline
    use: Use


def identity(status: os.stat_result) -> Identity:
    """Returns what distinguishes one state of a file from another."""
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))


class LooseFiles:
    """Reads hand-copied files, and caches what they are."""

    def __init__(self, opener: Callable[[Path], int] = _open) -> None:
        """Reads nothing yet.

        Args:
            opener: Opens a file for reading, and returns its descriptor; it may refuse with an
                ``OSError``.
        """
        self._open = opener
        self._glances: BoundedDict[str, tuple[Identity, Glance]] = BoundedDict(_CACHED_FILES)
        self._images: BoundedDict[str, tuple[Identity, Image]] = BoundedDict(_CACHED_FILES)
        self._waiting: BoundedDict[str, tuple[Identity, float]] = BoundedDict(_CACHED_FILES)

    @property
    def waits(self) -> bool:
        """Whether there were files that may be settled, but have not been seen for long enough."""
        return bool(self._waiting)

    def seen(self, path: str, status: os.stat_result) -> Glance | None:
        """Returns what is known of a file in exactly this state, None if it must be opened."""
        cached = self._glances.get(path)
        return cached[1] if cached is not None and cached[0] == identity(status) else None

    def glance(self, path: str, status: os.stat_result) -> Glance | None:
        """Returns what a file is by its headers; None if it cannot be opened in this state."""
        glance = self.seen(path, status)
        if glance is not None:
            return glance
        try:
            with os.fdopen(self._open(Path(path)), "rb") as file:
                if identity(os.fstat(file.fileno())) != identity(status):
                    return None

                def read_at(offset: int, length: int) -> bytes:
                    file.seek(offset)
                    return file.read(length)

                headers = outline(read_at, status.st_size)
                use = use_of(os.path.basename(path), status.st_size, headers, read_at)
        except OSError:
            return None
        glance = Glance(outline=headers, use=use)
        self._glances[path] = (identity(status), glance)
        return glance

    def known(self, path: Path, status: os.stat_result) -> Image | None:
        """Returns the image of a file in exactly this state, None if it has to be read first."""
        cached = self._images.get(str(path))
        return cached[1] if cached is not None and cached[0] == identity(status) else None

    def image(self, path: Path) -> Image | None:
        """Returns the image of a file, None if it is too large or cannot be read; reads it once."""
        try:
            status = os.stat(path)
            known = self.known(path, status)
            if known is not None or status.st_size > LARGEST_READ_BYTES:
                return known
            return self.content(path).image
        except (OSError, NotFoundError):
            return None

    def content(self, path: Path) -> Content:
        """Reads a file, and reads it again if its state changed meanwhile.

        Raises:
            NotFoundError: It is missing, cannot be read, or is still being copied.
        """
        for _ in range(_ATTEMPTS):
            try:
                with os.fdopen(self._open(path), "rb") as file:
                    before = os.fstat(file.fileno())
                    if not stat.S_ISREG(before.st_mode):
                        break
                    age_s = time.time() - _changed_at(before)
                    if 0 <= age_s < TICK_S:
                        time.sleep(TICK_S - age_s)
                    data = file.read(LARGEST_READ_BYTES + 1)
                    after = os.fstat(file.fileno())
            except OSError as error:
                raise _not_there() from error
            if identity(before) != identity(after) or len(data) != after.st_size:
                continue
            image = self.known(path, after) or read(data)
            if _proves_complete(image) or self.settled(str(path), after):
                self._images[str(path)] = (identity(after), image)
                return Content(data=data, image=image, identity=identity(after))
            break
        raise _not_there()

    def settled(self, path: str, status: os.stat_result) -> bool:
        """Returns whether a file has not changed for a while.

        The change time is used, because nobody can set it; Windows does not have one. A time in the
        future says nothing: the clock is behind, or that of another machine is ahead. Then the file
        must have been seen in the same state for as long, by a clock that nobody sets.

        Args:
            path: Where it is.
            status: Its present status.
        """
        age_s = time.time() - _changed_at(status)
        if age_s > SETTLED_S or age_s >= -SETTLED_S:
            self._waiting.pop(path, None)
            return age_s > SETTLED_S
        now = time.monotonic()
        state, since = self._waiting.get(path, (None, now))
        if state != identity(status):
            self._waiting[path] = (identity(status), now)
            return False
        return now - since > SETTLED_S


def _changed_at(status: os.stat_result) -> float:
    return status.st_mtime if sys.platform == "win32" else status.st_ctime


def _proves_complete(image: Image) -> bool:
    """Returns whether the bytes themselves prove that nothing is missing.

    Merged files begin with a bootloader, but one that is being copied hardly ever ends where the
    bootloader does.
    """
    if image.damaged:
        return False
    if image.kind in (Kind.BOOTLOADER, Kind.PART) and image.segments:
        last = image.segments[-1]
        return image.size - last.offset - last.size <= _LONGEST_ENDING_BYTES
    return image.kind in (Kind.APPLICATION, Kind.SIGNED, Kind.GZIP)


def _not_there() -> NotFoundError:
    return NotFoundError(
        "the file does not exist, or is not complete yet", hint="Try again when it has been copied."
    )
