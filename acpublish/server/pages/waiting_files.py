"""Files that a browser has sent, and that wait until somebody has looked at them and publishes.

1. A file is on the disk without a name, in the state folder. So nobody else can read it, and it is
   gone when it is published or taken away, when its session or the server ends, and after an hour.
2. There is a limit to the files and bytes of a session, and to those of all sessions.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from acpublish.atomic import make_directory
from acpublish.catalog.snapshot import ProductSnapshot
from acpublish.errors import AcpublishError, ConflictError, RequestError, reason_of
from acpublish.image.model import Image
from acpublish.release import names
from acpublish.release.candidate import Candidate
from acpublish.release.identifying import Identified
from acpublish.release.submission import Receipt, Submission
from acpublish.release.version import Version
from acpublish.server.pages.sessions import Session

if TYPE_CHECKING:
    from acpublish.server.pages.upload_preview import Preview

KEEP_S = 3600.0
#: A release has an image for each of a few boards.
MAX_FILES = 20
MAX_BYTES = 64 * 1024 * 1024
#: Each is an open file of the server, of those that it keeps for itself (``RESERVED_FILES``).
MAX_ALL_FILES = 48
MAX_ALL_BYTES = 256 * 1024 * 1024
#: The part of all that the sessions of one token may have together.
_SHARE_OF_TOKEN = 2
MAX_NAME = 120
_ID_BYTES = 9


@dataclass(slots=True, eq=False)
class WaitingFile:
    """A file, what is known of it, and what it is to be published as.

    Attributes:
        id: Its id in forms.
        name: Its name where it comes from.
        size: How many bytes wait on the disk.
        image: What its bytes are; for a gzip, those of the image in it.
        unpacked: Whether it was a gzip.
        found: What stamp and name say.
        product: What it is to be published as; as it was typed.
        version: Likewise.
        board: Likewise.
        skips: The checks to skip, each with the reason; as it was typed.
        judged: What was computed from its bytes, stamped with product and version.
        preview: What publishing it would come to.
        published: What it was published as; None as long as it waits.
        receipt: What the catalog said to that.
    """

    name: str
    size: int
    image: Image
    unpacked: bool
    found: Identified
    file: IO[bytes]
    product: str = ""
    version: str = ""
    board: str = ""
    skips: Mapping[str, str] = field(default_factory=dict)
    judged: tuple[tuple[str, Version] | None, Candidate] | None = None
    preview: Preview | None = None
    published: Submission | None = None
    receipt: Receipt | None = None
    id: str = field(default_factory=lambda: secrets.token_urlsafe(_ID_BYTES))
    expiry: asyncio.TimerHandle | None = None

    def read(self) -> bytes:
        """Returns its bytes; called in a thread, by one at a time.

        Raises:
            ConflictError: It was taken away meanwhile.
        """
        try:
            self.file.seek(0)
            return self.file.read()
        except ValueError as error:
            raise ConflictError(f"{self.name} is gone", hint="Drop it again.") from error

    def close(self) -> None:
        """Removes its bytes."""
        self.file.close()
        if self.expiry is not None:
            self.expiry.cancel()


@dataclass(slots=True)
class Batch:
    """The files of a session, and what all of them are published with; as it was typed.

    Attributes:
        files: Those that wait, and those that have just been published.
        channel: The channel.
        requires: What a device must run before.
        why: The reason, for the history.
        faults: By field of these, what is wrong with what was typed.
        typed: What was typed when the previews were made; empty if they are not made.
        snapshots: The products as they were then.
        lock: Whoever looks at the files or publishes them.
    """

    files: list[WaitingFile] = field(default_factory=list)
    channel: str = names.STABLE
    requires: str = ""
    why: str = ""
    faults: Mapping[str, AcpublishError] = field(default_factory=dict)
    typed: tuple[object, ...] = ()
    snapshots: list[ProductSnapshot] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def waiting(self) -> list[WaitingFile]:
        """Those that wait."""
        return [file for file in self.files if file.published is None]

    @property
    def published(self) -> list[WaitingFile]:
        """Those that have just been published."""
        return [file for file in self.files if file.published is not None]

    @property
    def size(self) -> int:
        """The bytes of those that wait."""
        return sum(file.size for file in self.waiting)


class WaitingFiles:
    """The files of all sessions."""

    def __init__(self, folder: Path) -> None:
        """Begins without files.

        Args:
            folder: The state folder, which is made when it is needed.
        """
        self._folder = folder
        self._batches: dict[Session, Batch] = {}

    def of(self, session: Session | None) -> Batch:
        """Returns the files of a session; nobody else sees them."""
        if session is None or session.ended:
            return Batch()
        return self._batches.setdefault(session, Batch())

    def need_room(self, session: Session, size: int = 0) -> None:
        """Refuses one more file if there is no room for it.

        Raises:
            ConflictError: There is none.
        """
        own = self.of(session)
        if len(own.waiting) >= MAX_FILES or own.size + size > MAX_BYTES:
            raise ConflictError(
                f"at most {MAX_FILES} files with {MAX_BYTES // 1024 // 1024} MiB can wait",
                hint="Publish or remove some of those that wait.",
            )
        every = self._batches.items()
        of_token = [batch for other, batch in every if other.token.id == session.token.id]
        if _is_full(of_token, size, _SHARE_OF_TOKEN) or _is_full(self._batches.values(), size):
            raise ConflictError(
                "too many files are waiting on this server",
                hint="Try again later; a file waits for at most an hour.",
            )

    def store(self, data: bytes) -> IO[bytes]:
        """Writes bytes to the disk; called in a thread.

        Raises:
            RequestError: They cannot be written.
        """
        try:
            make_directory(self._folder)
            file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
            try:
                file.write(data)
                file.flush()
            except OSError:
                file.close()
                raise
            return file
        except OSError as error:
            raise RequestError(
                f"the server cannot keep the file: {reason_of(error)}",
                hint="Check the disk of the server's state folder.",
            ) from error

    def add(self, session: Session, file: WaitingFile) -> None:
        """Lets a file wait; in the event loop.

        Raises:
            ConflictError: There is no room, or the session has ended meanwhile.
        """
        try:
            self.need_room(session, file.size)
            if session.ended:
                raise ConflictError("the session has ended", hint="Sign in again.")
        except ConflictError:
            file.close()
            raise
        batch = self.of(session)
        for published in batch.published:
            batch.files.remove(published)
        batch.files.append(file)
        file.expiry = asyncio.get_running_loop().call_later(KEEP_S, self.remove, session, file)

    def remove(self, session: Session, file: WaitingFile) -> None:
        """Takes a file away."""
        file.close()
        batch = self.of(session)
        if file in batch.files:
            batch.files.remove(file)

    def drop(self, session: Session) -> None:
        """Takes all files of a session away."""
        batch = self._batches.pop(session, None)
        for file in batch.files if batch else ():
            file.close()

    def close(self) -> None:
        """Takes all files away, because the server stops."""
        for session in [*self._batches]:
            self.drop(session)


def _is_full(batches: Iterable[Batch], size: int, share: int = 1) -> bool:
    """Returns whether there is no room for one more file in a share of the place for all."""
    waiting = [file for batch in batches for file in batch.waiting]
    has_files, has_bytes = len(waiting), sum(file.size for file in waiting)
    return has_files >= MAX_ALL_FILES // share or has_bytes + size > MAX_ALL_BYTES // share
