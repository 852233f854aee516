"""One verified download: written completely or not at all, and compared with every digest."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acpublish import atomic, output_files
from acpublish.client.responses import looks_like_html, not_acpublish, raise_refusal
from acpublish.client.retry import Retry
from acpublish.client.transport import Response
from acpublish.errors import NotFoundError, UnreachableError, VerificationError

Progress = Callable[[int, "int | None"], None]

_HEX = {"md5": re.compile(r"[0-9a-fA-F]{32}\Z"), "sha256": re.compile(r"[0-9a-fA-F]{64}\Z")}


@dataclass(frozen=True, slots=True)
class Download:
    """A file to download, and how to verify it.

    Attributes:
        path: Its path below the server's base URL, for messages.
        target: The file to write.
        progress: Called with the bytes so far and the bytes in all.
        max_bytes: The most bytes to accept.
        sha256: The digest that it must have, if that is known.
        vouched_by: Who says so, for messages.
    """

    path: str
    target: Path
    progress: Progress | None
    max_bytes: int
    sha256: str | None = None
    vouched_by: str = "its signature"

    def save_unless_forbidden(self, response: Response) -> bool:
        """Returns whether the file was saved; False if the server may serve devices only."""
        if response.status == 403:
            return False
        return self.save(response)

    def save(self, response: Response) -> bool:
        """Verifies the body while writing it to the file; always returns True."""
        if response.status != 200:
            raise_refusal(response, ascii(self.path), absent=NotFoundError)
        digests = _digests(response)
        if self.sha256 is not None:
            digests["sha256"] = (hashlib.sha256(), self.sha256)
        if not digests and looks_like_html(response, b""):
            raise not_acpublish(response)
        if not digests:
            raise VerificationError(
                f"{response.address.base} sends {self.path!a} without a digest to verify it with",
                hint="Use a server that sends x-MD5.",
            )
        size = self._size(response)
        with _incoming(self.target) as write:
            done = 0
            for part in response.parts(size):
                done += len(part)
                for digest, _ in digests.values():
                    digest.update(part)
                write(part)
                if self.progress:
                    self.progress(done, size)
            self._verify(response, done, size, digests)
        return True

    def _source_of(self, digest: str) -> str:
        return self.vouched_by if self.sha256 and digest == "sha256" else "the server"

    def _size(self, response: Response) -> int:
        length = response.header("Content-Length") or ""
        if not (length.isascii() and length.isdigit()) or len(length) > 15 or not int(length):
            raise VerificationError(
                f"{response.address.base} does not say how long {self.path!a} is",
                hint="Use an update server, not one that sends chunked responses or empty files.",
            )
        if int(length) > self.max_bytes:
            raise VerificationError(
                f"{self.path!a} is {int(length)} bytes long; the limit is {self.max_bytes}",
                hint="Check that it is the right file, or raise the limit (max_bytes).",
            )
        return int(length)

    def _verify(self, response: Response, done: int, size: int, digests: Mapping[str, Any]) -> None:
        if done != size:
            raise Retry(
                UnreachableError(
                    f"{response.address.base} sent {done} of the {size} bytes of {self.path!a}",
                    hint="Try again; the connection was lost.",
                )
            )
        for name, (digest, expected) in digests.items():
            if digest.hexdigest() != expected:
                raise VerificationError(
                    f"the {name} of {self.path!a} is {digest.hexdigest()}, but "
                    f"{self._source_of(name)} says {expected}",
                    hint="Try again; the file was changed while it was being sent, or it was "
                    "corrupted in transit.",
                )


@contextlib.contextmanager
def _incoming(path: Path) -> Iterator[Callable[[bytes], None]]:
    """Yields the function that writes a part of a file, which takes its name at the end.

    Only what the writing itself raises is turned into an error about the file: the block also reads
    from the network and reports its progress.

    Raises:
        SettingsError: The file cannot be written.
    """
    hint = "Use a file in a directory that you can write to."

    def explained() -> contextlib.AbstractContextManager[None]:
        return atomic.as_settings_error(path, hint=hint)

    with contextlib.ExitStack() as stack:
        with explained():
            file = stack.enter_context(output_files.incoming(path, hint=hint))

        def write(part: bytes) -> None:
            with explained():
                file.write(part)

        yield write
        with explained():
            stack.close()


def _digests(response: Response) -> dict[str, tuple[Any, str]]:
    """Returns a new digest and its expected value, for each digest that the server sends."""
    digests = {}
    for name, shape in _HEX.items():
        value = response.header(f"x-{name}")
        if value is None:
            continue
        if not shape.match(value):
            raise VerificationError(
                f"{response.address.base} sends a malformed x-{name.upper()}",
                hint="Fix the server, or the proxy in front of it.",
            )
        digests[name] = (hashlib.new(name, usedforsecurity=False), value.lower())
    return digests
