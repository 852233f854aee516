"""A client of an update server: its catalog, and verified downloads.

It works with every server that has ``/_catalog?op=list`` and sends ``x-MD5``, including
AutoConnect's original ``updateserver.py``, which serves images to devices only: a download that is
refused is requested again with the headers of an updater. With trusted keys, a download also has to
be signed with one of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from acpublish.client.address import parse_address
from acpublish.client.download import Download, Progress
from acpublish.client.entries import Entry, read_list
from acpublish.client.remote import read_releases
from acpublish.client.remote_changes import RemoteChanges
from acpublish.client.responses import json_body, looks_like_html, not_acpublish, raise_refusal
from acpublish.client.retry import Patience
from acpublish.client.transport import Response, Transport
from acpublish.errors import (
    AcpublishError,
    NotFoundError,
    SettingsError,
    VerificationError,
)
from acpublish.keyfiles import KeySource, public_key
from acpublish.keys import PublicKey
from acpublish.release.channel_rows import ChannelRow
from acpublish.release.manifest import Release
from acpublish.release.names import ImageKind
from acpublish.release.signatures import admitted, need_release_key, signed_by, statement
from acpublish.release.version import Version
from acpublish.wire import CATALOG_PATH, MAX_IMAGE_BYTES, NO_MAC

#: More than 10,000 entries with long names.
_MAX_LIST_BYTES = 16 * 1024 * 1024
_NO_CATALOG = "Use the server's URL without the path of a folder, and check the server's log."
#: Characters that a path contains as they are (RFC 3986, pchar): the original server decodes none.
_PLAIN = "/!$&'()*+,;=:@"

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
        target = _target(path, destination)
        trusted = self._trusted_keys
        sha256 = trusted.sha256_of(self._transport, path) if trusted else None
        download = Download(path, target, progress, max_bytes, sha256)
        url_path = "/" + quote(path, safe=_PLAIN)
        if not self._transport.exchange("GET", url_path, download.save_unless_forbidden):
            self._transport.exchange("GET", url_path, download.save, headers=_DEVICE_HEADERS)
        return target

    def channels(self, product: str) -> tuple[ChannelRow, ...]:
        """Returns what each channel of a product points at, and pointed at before.

        Raises:
            NotFoundError: There is no such product.
            AcpublishError: The server cannot be reached, or is not ours.
        """
        return RemoteChanges(self._transport).rows(product)

    def releases(self, product: str) -> tuple[Release, ...]:
        """Returns the releases of a product, the lowest version first; none if it is unknown.

        Those that were withdrawn are among them, and their images say so. With trusted keys, there
        are only images that are signed with one of them.

        Raises:
            AcpublishError: The server cannot be reached, or is not ours.
        """
        releases, keys = read_releases(self._transport, product), self._trusted_keys
        if keys is not None:
            releases, _ = admitted(releases, keys.keys)
        return tuple(sorted(releases, key=lambda release: release.version.precedence))

    def download_image(
        self,
        product: str,
        version: str | Version,
        board: str,
        destination: str | Path,
        *,
        kind: ImageKind = "firmware",
        progress: Progress | None = None,
    ) -> Path:
        """Downloads an image of a release, even one that was withdrawn, to examine it.

        Args:
            product: The product.
            version: The release.
            board: The board that the image is for.
            destination: The file to write, or a directory for it.
            kind: ``firmware`` or ``filesystem``.
            progress: Called with the bytes so far and the bytes in all.

        Returns:
            The file, verified with the digest in the release's manifest.

        Raises:
            AuthenticationError: The server requires a token with the scope ``read``.
            NotFoundError: There is no such image, or its bytes were removed.
            AcpublishError: The server cannot be reached, is not ours, or sends something else.
            SettingsError: The file cannot be written.
        """
        wanted = Version.parse(str(version))
        releases = (release for release in self.releases(product) if release.version == wanted)
        image = next((release.image_for(board, kind) for release in releases), None)
        if image is None:
            raise NotFoundError(
                f"there is no {kind} of {product} {wanted} for {board}",
                hint="See what 'acpublish list --all' shows of the product.",
            )
        path = f"{product}/{image.file}"
        download = Download(
            path, _target(path, destination), progress, image.size, image.sha256, "its manifest"
        )
        address = "/".join(quote(part, safe="") for part in (product, str(wanted), board))
        url_path = f"/api/v1/releases/{address}/image?kind={kind}"
        self._transport.exchange("GET", url_path, download.save)
        return download.target


def _target(path: str, destination: str | Path) -> Path:
    """Returns the file that a download writes.

    Raises:
        SettingsError: The path does not name a file, or the destination cannot be one.
    """
    target = Path(destination)
    if os.path.isdir(target):  # noqa: PTH112 - it never raises an error
        target = target / path.rpartition("/")[2]
    if not path or path.endswith("/") or os.path.isdir(target):  # noqa: PTH112 - it never raises an error
        raise SettingsError(
            f"{path!a} is not a file that can be downloaded to {destination}",
            hint="Use the path of a file in the catalog, and a file or directory to write to.",
        )
    return target


def _no_directory(response: Response, path: str) -> AcpublishError:
    if looks_like_html(response, response.body(_MAX_LIST_BYTES)):
        return not_acpublish(response)
    return NotFoundError(
        f"there is no directory {path!a} in the catalog of {response.address.base}",
        hint="List the whole catalog, without --path.",
    )


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
