"""An update server as a client sees it: its catalog, and checked downloads.

It works with every server that knows ``/_catalog?op=list`` and sends ``x-MD5``, also with the
original ``updateserver.py`` of AutoConnect, which gives images to devices only: a refused download
is asked for once more with the headers of an updater.

Downloads that a trusted key has to have signed: the server's word is not enough.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from acpublish import atomic
from acpublish.client.address import parse_address
from acpublish.client.entries import Entry, read_list
from acpublish.client.remote import read_releases
from acpublish.client.responses import json_body, looks_like_html, not_acpublish, raise_refusal
from acpublish.client.transport import Again, Answer, Patience, Transport
from acpublish.errors import (
    AcpublishError,
    NotFoundError,
    SettingsError,
    UnreachableError,
    VerificationError,
)
from acpublish.keyfiles import KeySource, public_key
from acpublish.keys import PublicKey
from acpublish.release.signatures import need_release_key, signed_by, statement
from acpublish.wire import CATALOG_PATH, MAX_IMAGE_BYTES, NO_MAC

__all__ = ["Trust"]

Progress = Callable[[int, "int | None"], None]

#: More than 10,000 entries with long names.
_MAX_LIST_BYTES = 16 * 1024 * 1024
#: What may stand in a path as it is (RFC 3986, pchar). The original server decodes nothing.
_PLAIN = "/!$&'()*+,;=:@"
_HEX = {"md5": re.compile(r"[0-9a-fA-F]{32}\Z"), "sha256": re.compile(r"[0-9a-fA-F]{64}\Z")}

#: What ESP8266HTTPUpdate sends (``ESP8266httpUpdate.cpp``). Nothing has this MD5, so that no
#: server takes the image for the one that runs already.
_DEVICE_HEADERS: Mapping[str, str] = {
    "User-Agent": "ESP8266-http-Update",
    "x-ESP8266-Chip-ID": "0",
    "x-ESP8266-STA-MAC": NO_MAC,
    "x-ESP8266-AP-MAC": NO_MAC,
    "x-ESP8266-free-space": str(MAX_IMAGE_BYTES),
    "x-ESP8266-sketch-size": "0",
    "x-ESP8266-sketch-md5": "0" * 32,
    "x-ESP8266-chip-size": str(MAX_IMAGE_BYTES),
    "x-ESP8266-sdk-version": "acpublish",
    "x-ESP8266-mode": "sketch",
}


class UpdateServer:
    """A client of one update server.

    Example:
        >>> import acpublish
        >>> server = acpublish.UpdateServer("http://192.168.1.10:8000")
        >>> for entry in server.catalog("lamp"):
        ...     print(entry.name)
        ...     path = server.download(entry, "downloaded.bin")
        lamp-1.2.3_d1_mini.bin
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 10.0,
        token: str | None = None,
        insecure_http: bool = False,
        patience: Patience | None = None,
        trusted_keys: KeySource | Iterable[KeySource] = (),
    ) -> None:
        """Prepares to speak to a server; nothing is sent yet.

        Args:
            url: Its address, possibly with ``user:password@``.
            timeout_s: How long to wait for a connection and for each next byte.
            token: What the server asks for, if it does.
            insecure_http: Send the token or password over plain http to another machine, too.
            patience: How long to try in all.
            trusted_keys: Public keys, each a PEM or the path of its file; with any, only what a
                release says that one of them signed is downloaded.

        Raises:
            SettingsError: The address or a key cannot be used.
            MissingExtraError: There are keys, and cryptography is not installed.
        """
        address = parse_address(url, token=token, insecure_http=insecure_http)
        self._transport = Transport(address, timeout_s=timeout_s, patience=patience)
        self._trust = Trust.of(trusted_keys)

    def catalog(self, path: str = ".") -> tuple[Entry, ...]:
        """Lists a directory of the catalog, in the server's order.

        Args:
            path: The directory below the catalog.

        Raises:
            UnreachableError: There is no connection, or no answer in time.
            AuthenticationError: The server demands a token or password.
            NotFoundError: There is no such directory.
            RefusedError: It refuses, or it is no update server.
            VerificationError: The list is garbled.
        """
        target = f"{CATALOG_PATH}?op=list&path={quote(path, safe='/')}"

        def judge(answer: Answer) -> tuple[Entry, ...]:
            if answer.status == 404 and path not in ("", ".", "/"):
                raise _no_directory(answer, path)
            if answer.status != 200:
                raise_refusal(answer, "the catalog")
            document = json_body(answer, "the catalog", _MAX_LIST_BYTES)
            return tuple(read_list(document, path, answer.address.base))

        return self._transport.exchange("GET", target, judge)

    def download(
        self,
        entry: Entry | str,
        destination: str | Path,
        *,
        progress: Progress | None = None,
        max_bytes: int = MAX_IMAGE_BYTES,
    ) -> Path:
        """Downloads a file, compared with the server's digest.

        Args:
            entry: An entry of the catalog, or a path below it.
            destination: The file to write, or a directory for it. It is there whole or not at all.
            progress: Called with the bytes so far and the bytes in all.
            max_bytes: The most bytes that are taken.

        Returns:
            The file.

        Raises:
            UnreachableError: There is no connection, or the server stalls.
            AuthenticationError: The server demands a token or password.
            RefusedError: It refuses, or it is no update server.
            VerificationError: What came is not what the server says it is, or is too large; or
                no trusted key signed it.
            SettingsError: The file cannot be written.
        """
        path = (entry.path if isinstance(entry, Entry) else entry).lstrip("/")
        target = Path(destination)
        if target.is_dir():
            target = target / path.rpartition("/")[2]
        if not path or path.endswith("/") or target.is_dir():
            raise SettingsError(
                f"{path!a} is no file that could be downloaded to {destination}",
                hint="Give the path of a file in the catalog, and a file or directory for it.",
            )
        sha256 = self._trust.sha256_of(self._transport, path) if self._trust else None
        wanted = _Wanted(path, target, progress, max_bytes, sha256)
        asked = "/" + quote(path, safe=_PLAIN)
        if not self._transport.exchange("GET", asked, wanted.judge_first):
            self._transport.exchange("GET", asked, wanted.judge, headers=_DEVICE_HEADERS)
        return target


@dataclass(frozen=True, slots=True)
class _Wanted:
    path: str
    target: Path
    progress: Progress | None
    max_bytes: int
    #: What a trusted key says of it.
    signed_sha256: str | None

    def judge_first(self, answer: Answer) -> bool:
        """Tells whether the file came; not, when the server may give it to devices only."""
        if answer.status == 403:
            return False
        return self.judge(answer)

    def judge(self, answer: Answer) -> bool:
        if answer.status != 200:
            raise_refusal(answer, ascii(self.path))
        digests = _promised(answer)
        if self.signed_sha256 is not None:
            digests["sha256"] = (hashlib.sha256(), self.signed_sha256)
        if not digests and looks_like_html(answer, b""):
            raise not_acpublish(answer)
        if not digests:
            raise VerificationError(
                f"{answer.address.base} gives {self.path!a} without a digest to check it by",
                hint="Ask a server that sends x-MD5.",
            )
        size = self._size(answer)
        with _incoming(self.target) as write:
            done = 0
            for part in answer.parts(size):
                done += len(part)
                for digest, _ in digests.values():
                    digest.update(part)
                write(part)
                if self.progress:
                    self.progress(done, size)
            self._compare(answer, done, size, digests)
        return True

    def _who(self, digest: str) -> str:
        return "its signature" if self.signed_sha256 and digest == "sha256" else "the server"

    def _size(self, answer: Answer) -> int:
        said = answer.header("Content-Length") or ""
        if not (said.isascii() and said.isdigit()) or len(said) > 15 or not int(said):
            raise VerificationError(
                f"{answer.address.base} does not say how long {self.path!a} is",
                hint="Ask an update server, not one that sends chunks or empty files.",
            )
        if int(said) > self.max_bytes:
            raise VerificationError(
                f"{self.path!a} has {int(said)} bytes, {self.max_bytes} is the limit",
                hint="Check that it is the right file, or raise the limit (max_bytes).",
            )
        return int(said)

    def _compare(self, answer: Answer, done: int, size: int, digests: Mapping[str, Any]) -> None:
        if done != size:
            raise Again(
                UnreachableError(
                    f"{answer.address.base} sent {done} of the {size} bytes of {self.path!a}",
                    hint="Try again; the connection broke.",
                )
            )
        for name, (digest, promised) in digests.items():
            if digest.hexdigest() != promised:
                raise VerificationError(
                    f"the {name} of {self.path!a} is {digest.hexdigest()}, and "
                    f"{self._who(name)} says {promised}",
                    hint="Try again; the file was changed while it was sent, or the way garbled "
                    "it.",
                )


@contextlib.contextmanager
def _incoming(path: Path) -> Iterator[Callable[[bytes], None]]:
    """Yields the function that writes a part of a file, which takes its name at the end.

    Only what the writing itself raises is turned into an error about the file: the block also reads
    from the network and reports its progress.

    Raises:
        SettingsError: The file cannot be written.
    """

    def explained() -> contextlib.AbstractContextManager[None]:
        return atomic.explained(path, hint="Use a file in a directory that you can write to.")

    with contextlib.ExitStack() as stack:
        with explained():
            file = stack.enter_context(atomic.incoming(path, mode=0o666))

        def write(part: bytes) -> None:
            with explained():
                file.write(part)

        yield write
        with explained():
            stack.close()


def _no_directory(answer: Answer, path: str) -> AcpublishError:
    if looks_like_html(answer, answer.body(_MAX_LIST_BYTES)):
        return not_acpublish(answer)
    return NotFoundError(
        f"there is no directory {path!a} in the catalog of {answer.address.base}",
        hint="Look at what there is, without --path.",
    )


def _promised(answer: Answer) -> dict[str, tuple[Any, str]]:
    """Returns a fresh digest and the value that the server promises, for each that it gives."""
    digests = {}
    for name, shape in _HEX.items():
        value = answer.header(f"x-{name}")
        if value is None:
            continue
        if not shape.match(value):
            raise VerificationError(
                f"{answer.address.base} sends a garbled x-{name.upper()}",
                hint="Mend the server, or what stands between.",
            )
        digests[name] = (hashlib.new(name, usedforsecurity=False), value.lower())
    return digests


@dataclass(frozen=True, slots=True)
class Trust:
    """The keys that a client trusts."""

    keys: tuple[PublicKey, ...]

    @classmethod
    def of(cls, sources: KeySource | Iterable[KeySource]) -> Trust | None:
        """Reads public keys; None where there are none, so that nothing has to be signed.

        Raises:
            SettingsError: One of them is no key that signs releases.
            MissingExtraError: cryptography is not installed.
        """
        # A string is an iterable as well, of its characters.
        if isinstance(sources, (str, bytes, Path)):
            sources = (sources,)
        keys = tuple(public_key(source) for source in sources)
        for key in keys:
            need_release_key(key)
        return cls(keys) if keys else None

    def sha256_of(self, transport: Transport, path: str) -> str:
        """Returns the digest that a trusted key signed for a file.

        Args:
            transport: The server.
            path: The file's path below the catalog.

        Raises:
            VerificationError: No trusted key signed it.
            AcpublishError: The server does not say who signed it.
        """
        product, _, file = path.partition("/")
        held = [
            (release, image)
            for release in read_releases(transport, product)
            if release.product == product
            for image in release.images
            if image.file == file
        ]
        for release, image in held:
            stated = statement(release.product, release.version, image)
            if signed_by(stated, image.signatures, self.keys) is not None:
                return image.sha256
        trusted = " or ".join(key.id for key in self.keys)
        why = "is not signed with" if held else "belongs to no release that is signed with"
        raise VerificationError(
            f"{path!a} {why} a trusted key, {trusted}",
            hint="Do not use it, unless you trust whoever runs the server: give trusted_keys "
            "with their key.",
        )
