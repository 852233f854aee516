"""The releases of a server, read and published over HTTP.

:class:`RemoteCatalog` has the methods of :class:`acpublish.catalog.directory.DirectoryCatalog` that
publishing needs. An upload can be repeated safely: the same version with the same bytes succeeds.
The functions below it read one document each of a product: its releases, the keys that they have to
be signed with, and what its devices run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from acpublish.client.address import parse_address
from acpublish.client.remote_changes import RemoteChanges
from acpublish.client.responses import (
    json_body,
    looks_like_html,
    not_acpublish,
    raise_refusal,
    unexpected,
)
from acpublish.client.retry import Patience
from acpublish.client.transport import Response, Sent, Transport
from acpublish.errors import (
    AuthenticationError,
    ManifestError,
    MissingExtraError,
    SettingsError,
    VerificationError,
    VersionError,
)
from acpublish.keys import PublicKey, read_public_key
from acpublish.release.adoption import Adoption
from acpublish.release.candidate import Candidate
from acpublish.release.manifest import Compressed, Release
from acpublish.release.names import is_name
from acpublish.release.placement import prepare
from acpublish.release.signatures import to_header
from acpublish.release.submission import Outcome, Receipt, Submission
from acpublish.release.version import Version
from acpublish.wire import (
    DECLARED_HEADER,
    PRIVATE_HEADER,
    PROVENANCE_HEADER,
    SECRETS_HEADER,
    SIGNATURE_HEADER,
    SKIP_CHECKS_HEADER,
)

_MAX_RECEIPT_BYTES = 64 * 1024
_MAX_RELEASES_BYTES = 64 * 1024 * 1024
_MAX_DEVICES_BYTES = 4 * 1024 * 1024
_MAX_SMALL_BYTES = 64 * 1024


class RemoteCatalog:
    """The releases of one server."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        insecure_http: bool = False,
        ca: Path | None = None,
        timeout_s: float = 20.0,
        patience: Patience | None = None,
        sent: Sent | None = None,
    ) -> None:
        """Prepares the exchanges with a server; nothing is sent yet.

        Args:
            url: Its URL.
            token: The output of ``acpublish token create`` there; needed to publish.
            insecure_http: Send the token over plain http even to another machine.
            ca: The file of the only CAs to trust for the server's TLS.
            timeout_s: How long to wait for a response; meanwhile the server checks the image.
            patience: How long to try in all.
            sent: Called with the bytes sent so far and in all; each attempt starts again.

        Raises:
            SettingsError: The URL cannot be used, or the token must not be sent there.
        """
        self._address = parse_address(url, token=token, insecure_http=insecure_http, ca=ca)
        self._sent = sent
        self._transport = Transport(self._address, timeout_s=timeout_s, patience=patience)
        #: Changes what the server offers.
        self.changes = RemoteChanges(self._transport)

    def releases(self, product: str) -> tuple[Release, ...]:
        """Returns a product's releases in no particular order; none for an unknown product.

        Raises:
            TransferError: The server cannot be reached, refuses, or sends something else.
            ManifestError: A release that it sends cannot be read.
        """
        return read_releases(self._transport, product)

    def products(self) -> tuple[str, ...]:
        """Returns the names of the server's products, sorted.

        Raises:
            TransferError: The server cannot be reached, refuses, or sends something else.
        """

        def handle(response: Response) -> tuple[str, ...]:
            if response.status != 200:
                raise_refusal(response, "the list of products")
            document = json_body(response, "the list of products", _MAX_DEVICES_BYTES)
            items = document.get("products") if isinstance(document, dict) else None
            if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
                raise unexpected(response.address, "something other than a list of products")
            return tuple(sorted(filter(is_name, items)))

        return self._transport.exchange("GET", "/api/v1/products", handle)

    def running(self, product: str) -> tuple[Adoption, ...]:
        """Returns what the devices are running that the server knows.

        Raises:
            TransferError: The server cannot be reached, refuses, or sends something else.
            ManifestError: The document that it sends cannot be read.
        """
        return read_running(self._transport, product)

    def trusted_keys(self, product: str) -> tuple[PublicKey, ...]:
        """Returns the keys of a product; one of them has to sign each release.

        Raises:
            TransferError: The server cannot be reached, refuses, or sends something else.
            MissingExtraError: There are keys, and cryptography is not installed.
        """
        return read_trusted_keys(self._transport, product)

    def need_token(self) -> None:
        """Checks, before anything is sent, that there is a token to publish with.

        Raises:
            AuthenticationError: There is none.
        """
        if self._address.token is None and self._address.user is None:
            raise AuthenticationError(
                f"{self._address.base} accepts releases only with a token, and none is set",
                hint="Set ACPUBLISH_TOKEN to the output of 'acpublish token create --publish "
                "PRODUCT' on the server, in its catalog's directory.",
            )

    def try_token(self, product: str) -> None:
        """Asks the server whether it accepts the token for a product; nothing is published.

        The request is an upload without an image and of a kind that does not exist. A server
        judges the token first, so the refusal of anything else means that it accepts the token.

        Raises:
            AuthenticationError: There is no token, or it does not allow this.
            TransferError: The server cannot be reached, refuses, or sends something else.
        """
        self.need_token()

        def handle(response: Response) -> None:
            if response.status != 400 and not 200 <= response.status < 300:
                raise_refusal(response, "a publish")
            document = json_body(response, "a publish", _MAX_SMALL_BYTES)
            if response.status != 400 or not isinstance(document, dict) or "code" not in document:
                raise unexpected(self._address, "something other than an error")

        target = f"/api/v1/releases/{quote(product, '')}/0.0.0/none?kind=none"
        self._transport.exchange("PUT", target, handle)

    def url_of(self, file: str) -> str:
        """Returns a file's URL; a server behind a proxy does not know its own."""
        return f"{self._address.base}/{quote(file, safe='/+')}"

    def request_for(self, submission: Submission) -> str:
        """Returns the method and URL of the request that sends an image."""
        return f"PUT {self._address.base}{_release_target(submission)}"

    def need_publishable(self, submission: Submission) -> None:
        """Refuses nothing: only the server knows its manifests."""

    def put(self, candidate: Candidate, submission: Submission) -> Receipt:
        """Prepares an image before the first byte is sent, and uploads it.

        The server runs the same checks, and a newer one may have more of them.

        Args:
            candidate: The exact bytes that devices will get; already stamped.
            submission: What they are published as.

        Raises:
            CheckError: A check found an error, here or on the server.
            ConflictError: The version already has different bytes.
            AcpublishError: As for :meth:`upload`.
        """
        self.need_token()
        releases, keys = self.releases(submission.product), self.trusted_keys(submission.product)
        prepared = prepare(candidate, submission, releases, keys, datetime.now(timezone.utc))
        receipt = self.upload(candidate.data, submission)
        ours = prepared.receipt(receipt.url)
        return replace(
            receipt,
            warnings=tuple(dict.fromkeys((*ours.warnings, *receipt.warnings))),
            not_checked=ours.not_checked,
            # An older server does not say it.
            points_at=receipt.points_at or (None if receipt.rolling else ours.points_at),
        )

    def upload(self, data: bytes, submission: Submission) -> Receipt:
        """Sends an image, and compares the bytes that the server stored with those sent.

        Args:
            data: The exact bytes that devices will get; already stamped.
            submission: What they are published as.

        Raises:
            AuthenticationError: There is no token, or it does not allow this.
            CheckError: A check on the server found an error.
            ConflictError: The version already exists with different bytes.
            VerificationError: The server stored different bytes.
            TransferError: The server cannot be reached, refuses, or sends something else.
        """
        self.need_token()
        sha256 = hashlib.sha256(data).hexdigest()

        def handle(response: Response) -> Receipt:
            if response.status not in (200, 201):
                raise_refusal(response, "the image")
            document = json_body(response, "an upload", _MAX_RECEIPT_BYTES)
            receipt = self._receipt(document if isinstance(document, dict) else {})
            if receipt.sha256 != sha256 or receipt.size != len(data):
                raise VerificationError(
                    f"{self._address.base} stored {receipt.size} bytes with the sha256 "
                    f"{receipt.sha256}, but {len(data)} bytes with {sha256} were sent",
                    hint="Publish again; the image was changed in transit.",
                )
            return receipt

        return self._transport.exchange(
            "PUT",
            _release_target(submission),
            handle,
            headers=_headers(submission),
            body=data,
            sent=self._sent,
        )

    def _receipt(self, document: Mapping[str, Any]) -> Receipt:
        strings = {key: document.get(key) for key in ("file", "md5", "sha256")}
        size, warnings = document.get("size"), document.get("warnings", [])
        try:
            outcome = Outcome(document.get("outcome"))
        except ValueError as fault:
            raise unexpected(self._address, "something other than a receipt") from fault
        if (
            not all(isinstance(value, str) for value in strings.values())
            or type(size) is not int
            or not isinstance(warnings, list)
        ):
            raise unexpected(self._address, "something other than a receipt")
        file = str(strings["file"])
        return Receipt(
            outcome=outcome,
            file=file,
            size=size,
            md5=str(strings["md5"]),
            sha256=str(strings["sha256"]).lower(),
            url=self.url_of(file),
            warnings=tuple(self._address.redacted(str(text)) for text in warnings),
            compressed=self._compressed(document.get("compressed")),
            points_at=self._version(document.get("points_at")),
            rolling=document.get("rolling") is True,
        )

    def _version(self, text: Any) -> Version | None:
        if text is None:
            return None
        try:
            return Version.parse(str(text))
        except VersionError as fault:
            raise unexpected(self._address, "something other than a receipt") from fault

    def _compressed(self, document: Any) -> Compressed | None:
        if document is None:
            return None
        try:
            return Compressed.from_dict(document, "receipt.compressed")
        except ManifestError as fault:
            raise unexpected(self._address, "something other than a receipt") from fault


def _release_target(submission: Submission) -> str:
    parts = (submission.product, str(submission.version), submission.board)
    query: dict[str, str] = {"channel": submission.channel, "kind": submission.kind}
    if submission.chip is not None:
        query["chip"] = submission.chip
    if submission.compress:
        query["compress"] = "yes"
    if submission.no_downgrade_below is not None:
        query["no_downgrade_below"] = str(submission.no_downgrade_below)
    if submission.requires is not None:
        query["requires"] = submission.requires
    path = "/".join(quote(part, safe="") for part in parts)
    return f"/api/v1/releases/{path}?{urlencode(query)}"


def _headers(submission: Submission) -> dict[str, str]:
    headers = {"Content-Type": "application/octet-stream"}
    documents = {
        PROVENANCE_HEADER: dict(submission.provenance),
        PRIVATE_HEADER: dict(submission.private),
        DECLARED_HEADER: submission.declared.to_dict(),
        SKIP_CHECKS_HEADER: dict(submission.skipped_checks),
        SECRETS_HEADER: submission.secrets.to_dict(),
    }
    for name, document in documents.items():
        if document:
            headers[name] = json.dumps(document, sort_keys=True)
    if submission.signatures:
        headers[SIGNATURE_HEADER] = to_header(submission.signatures)
    return headers


def read_releases(transport: Transport, product: str) -> tuple[Release, ...]:
    """Returns a product's releases; none for an unknown product.

    Raises:
        TransferError: The server cannot be reached, refuses, or sends something else.
        ManifestError: A release that it sends cannot be read.
    """
    items = _of_product(transport, product, "releases", "", _MAX_RELEASES_BYTES)
    return tuple(Release.from_dict(item, f"releases[{at}]") for at, item in enumerate(items))


def read_trusted_keys(transport: Transport, product: str) -> tuple[PublicKey, ...]:
    """Returns the keys that a product trusts; none if it accepts any release.

    Raises:
        TransferError: The server cannot be reached, refuses, or sends something else.
        MissingExtraError: There are keys, and cryptography is not installed.
    """
    items = _of_product(transport, product, "keys", "/keys", _MAX_SMALL_BYTES)
    try:
        return tuple(read_public_key(item["public"].encode()) for item in items)
    except MissingExtraError:
        raise
    except (SettingsError, KeyError, TypeError, AttributeError) as fault:
        raise unexpected(transport.address, "keys that cannot be read") from fault


def read_running(transport: Transport, product: str) -> tuple[Adoption, ...]:
    """Returns what a product's devices are running; nothing if the server knows of none.

    Raises:
        TransferError: The server cannot be reached, refuses, or sends something else.
        ManifestError: The document that it sends cannot be read.
    """
    items = _of_product(transport, product, "devices", "/devices", _MAX_DEVICES_BYTES)
    return tuple(map(Adoption.from_dict, items))


def _of_product(
    transport: Transport, product: str, field: str, suffix: str, limit_bytes: int
) -> list[Any]:
    what = f"the list of {field}"

    def handle(response: Response) -> list[Any]:
        if response.status == 404:
            if looks_like_html(response, response.body(_MAX_SMALL_BYTES)):
                raise not_acpublish(response)
            return []
        if response.status != 200:
            raise_refusal(response, what)
        document = json_body(response, what, limit_bytes)
        items = document.get(field) if isinstance(document, dict) else None
        if not isinstance(items, list) or document.get("product") != product:
            raise unexpected(response.address, f"something other than the product's {field}")
        return items

    return transport.exchange("GET", f"/api/v1/products/{quote(product, '')}{suffix}", handle)
