"""A client of an update server: its catalog, and verified downloads.

It works with every server that has ``/_catalog?op=list`` and sends ``x-MD5``, including
AutoConnect's original ``updateserver.py``, which serves images to devices only: a download that is
refused is requested again with the headers of an updater. With trusted keys, a download also has to
be signed with one of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from acpublish import atomic, output_files
from acpublish.client.address import parse_address
from acpublish.client.entries import Entry, read_list
from acpublish.client.remote import read_releases
from acpublish.client.responses import json_body, looks_like_html, not_acpublish, raise_refusal
from acpublish.client.retry import Patience, Retry
from acpublish.client.transport import Response, Transport
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

Progress = Callable[[int, "int | None"], None]

#: More than 10,000 entries with long names.
_MAX_LIST_BYTES = 16 * 1024 * 1024
_NO_CATALOG = "Use the server's URL without the path of a folder, and check the server's log."
#: Characters that a path contains as they are (RFC 3986, pchar): the original server decodes none.
_PLAIN = "/!$&'()*+,;=:@"
_HEX = {"md5": re.compile(r"[0-9a-fA-F]{32}\Z"), "sha256": re.compile(r"[0-9a-fA-F]{64}\Z")}

#: The headers of ESP8266HTTPUpdate (``ESP8266httpUpdate.cpp``). No image has this MD5, so no
#: server assumes that the device already runs the image.
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
        ca: str | Path | None = None,
        patience: Patience | None = None,
        trusted_keys: KeySource | Iterable[KeySource] | None = None,
    ) -> None:
        """Prepares the exchanges with a server; nothing is sent yet.

        Args:
            url: Its URL, possibly with ``user:password@``.
            timeout_s: How long to wait for a connection and for each next byte.
            token: The server's token, if it requires one.
            insecure_http: Send the token or password over plain http even to another machine.
            ca: The PEM file of the only CAs to trust for the server's TLS.
            patience: How long to try in all.
            trusted_keys: Public keys, each a PEM or the path of its file: only files of releases
                that are signed with one of them are downloaded. None if nothing has to be signed.

        Raises:
            SettingsError: The URL, the CA or a key cannot be used, or ``trusted_keys`` is empty.
            MissingExtraError: There are keys, and cryptography is not installed.
        """
        address = parse_address(url, token=token, insecure_http=insecure_http, ca=ca)
        self._transport = Transport(address, timeout_s=timeout_s, patience=patience)
        self._trusted_keys = None if trusted_keys is None else TrustedKeys.of(trusted_keys)

    def catalog(self, path: str = ".") -> tuple[Entry, ...]:
        """Lists a directory of the catalog, in the server's order.

        Args:
            path: The directory below the catalog.

        Raises:
            UnreachableError: There is no connection, or no response in time.
            AuthenticationError: The server requires a token or password.
            NotFoundError: There is no such directory.
            RefusedError: It refuses, or it is not an update server.
            VerificationError: The list is malformed.
        """
        target = f"{CATALOG_PATH}?op=list&path={quote(path, safe='/')}"

        def handle(response: Response) -> tuple[Entry, ...]:
            if response.status == 404 and path not in ("", ".", "/"):
                raise _no_directory(response, path)
            if response.status != 200:
                raise_refusal(response, "the catalog", missing=_NO_CATALOG)
            document = json_body(response, "the catalog", _MAX_LIST_BYTES)
            return tuple(read_list(document, path, response.address.base))

        return self._transport.exchange("GET", target, handle)

    def download(
        self,
        entry: Entry | str,
        destination: str | Path,
        *,
        progress: Progress | None = None,
        max_bytes: int = MAX_IMAGE_BYTES,
    ) -> Path:
        """Downloads a file, and verifies it with the server's digest.

        Args:
            entry: An entry of the catalog, or a path below it.
            destination: The file to write, or a directory for it. It is written completely or not
                at all.
            progress: Called with the bytes so far and the bytes in all.
            max_bytes: The most bytes to accept.

        Returns:
            The file.

        Raises:
            UnreachableError: There is no connection, or the server stalls.
            AuthenticationError: The server requires a token or password.
            RefusedError: It refuses, or it is not an update server.
            VerificationError: The bytes do not match the digest or are too many, or no trusted key
                signed them.
            SettingsError: The file cannot be written.
        """
        path = (entry.path if isinstance(entry, Entry) else entry).lstrip("/")
        target = Path(destination)
        if os.path.isdir(target):  # noqa: PTH112 - it never raises an error
            target = target / path.rpartition("/")[2]
        if not path or path.endswith("/") or os.path.isdir(target):  # noqa: PTH112 - it never raises an error
            raise SettingsError(
                f"{path!a} is not a file that can be downloaded to {destination}",
                hint="Use the path of a file in the catalog, and a file or directory to write to.",
            )
        trusted = self._trusted_keys
        sha256 = trusted.sha256_of(self._transport, path) if trusted else None
        download = _Download(path, target, progress, max_bytes, sha256)
        url_path = "/" + quote(path, safe=_PLAIN)
        if not self._transport.exchange("GET", url_path, download.save_unless_forbidden):
            self._transport.exchange("GET", url_path, download.save, headers=_DEVICE_HEADERS)
        return target


@dataclass(frozen=True, slots=True)
class _Download:
    """One file to download, and how to verify it."""

    path: str
    target: Path
    progress: Progress | None
    max_bytes: int
    #: The digest that a trusted key signed.
    signed_sha256: str | None

    def save_unless_forbidden(self, response: Response) -> bool:
        """Returns whether the file was saved; False if the server may serve devices only."""
        if response.status == 403:
            return False
        return self.save(response)

    def save(self, response: Response) -> bool:
        """Verifies the body while writing it to the file; always returns True."""
        if response.status != 200:
            raise_refusal(response, ascii(self.path))
        digests = _digests(response)
        if self.signed_sha256 is not None:
            digests["sha256"] = (hashlib.sha256(), self.signed_sha256)
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

    def _signer_of(self, digest: str) -> str:
        return "its signature" if self.signed_sha256 and digest == "sha256" else "the server"

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
                    f"{self._signer_of(name)} says {expected}",
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


def _no_directory(response: Response, path: str) -> AcpublishError:
    if looks_like_html(response, response.body(_MAX_LIST_BYTES)):
        return not_acpublish(response)
    return NotFoundError(
        f"there is no directory {path!a} in the catalog of {response.address.base}",
        hint="List the whole catalog, without --path.",
    )


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


@dataclass(frozen=True, slots=True)
class TrustedKeys:
    """The keys that a client trusts: a release signed with one of them is accepted."""

    keys: tuple[PublicKey, ...]

    @classmethod
    def of(cls, sources: KeySource | Iterable[KeySource]) -> TrustedKeys:
        """Reads public keys.

        Raises:
            SettingsError: There are none, or one of them is not a key that can sign releases.
            MissingExtraError: cryptography is not installed.
        """
        # A string is an iterable as well, of its characters.
        if isinstance(sources, (str, bytes, Path)):
            sources = (sources,)
        keys = tuple(public_key(source) for source in sources)
        if not keys:
            # Whoever passes keys wants signatures; a list that came out empty must not skip them.
            raise SettingsError(
                "trusted_keys is empty, so no file could be trusted",
                hint="Pass at least one public key, or leave trusted_keys out to accept any file.",
            )
        for key in keys:
            need_release_key(key)
        return cls(keys)

    def sha256_of(self, transport: Transport, path: str) -> str:
        """Returns the digest that a trusted key signed for a file.

        Args:
            transport: The server.
            path: The file's path below the catalog.

        Raises:
            VerificationError: No trusted key signed it.
            AcpublishError: The releases of the server cannot be read.
        """
        product, _, file = path.partition("/")
        matches = [
            (release, image)
            for release in read_releases(transport, product)
            if release.product == product
            for image in release.images
            if image.file == file
        ]
        for release, image in matches:
            signed = statement(release.product, release.version, image)
            if signed_by(signed, image.signatures, self.keys) is not None:
                return image.sha256
        trusted = " or ".join(key.id for key in self.keys)
        why = (
            "is not signed with" if matches else "does not belong to a release that is signed with"
        )
        raise VerificationError(
            f"{path!a} {why} a trusted key, {trusted}",
            hint="Do not use it, unless you trust whoever runs the server: add their key to "
            "trusted_keys.",
        )
