"""The releases of a server: read and published over HTTP.

It has the methods of :class:`acpublish.catalog.DirectoryCatalog` that publishing needs. An upload
may be repeated without harm: the same version with the same bytes is a success.

What a server says of a product: its releases, and the keys that they have to be signed with.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote, urlencode

from acpublish.client.address import parse_address
from acpublish.client.responses import json_body, looks_like_html, not_acpublish, odd, raise_refusal
from acpublish.client.transport import Answer, Patience, Sent, Transport
from acpublish.errors import (
    AuthenticationError,
    ManifestError,
    MissingExtraError,
    SettingsError,
    VerificationError,
)
from acpublish.keys import PublicKey, read_public_key
from acpublish.release.adoption import Adoption
from acpublish.release.manifest import Compressed, Release
from acpublish.release.placement import Candidate, prepare
from acpublish.release.signatures import to_header
from acpublish.release.submission import Outcome, Receipt, Submission
from acpublish.wire import (
    DECLARED_HEADER,
    PRIVATE_HEADER,
    PROVENANCE_HEADER,
    SECRETS_HEADER,
    SIGNATURE_HEADER,
    SKIP_CHECKS_HEADER,
)

__all__ = ["read_releases", "read_running", "read_trusted_keys"]

_MAX_RECEIPT_BYTES = 64 * 1024


class RemoteCatalog:
    """The releases of one server."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        insecure_http: bool = False,
        timeout_s: float = 20.0,
        patience: Patience | None = None,
        sent: Sent | None = None,
    ) -> None:
        """Prepares to speak to a server; nothing is sent yet.

        Args:
            url: Its address.
            token: What ``acpublish token create`` printed there; needed to publish.
            insecure_http: Send the token over plain http to another machine, too.
            timeout_s: How long to wait for an answer; the server checks what it got meanwhile.
            patience: How long to try in all.
            sent: Told how much of an image was sent, and of how much; maybe several times anew.

        Raises:
            SettingsError: The address cannot be used, or the token must not go there.
        """
        self._address = parse_address(url, token=token, insecure_http=insecure_http)
        self._sent = sent
        self._transport = Transport(self._address, timeout_s=timeout_s, patience=patience)

    def releases(self, product: str) -> tuple[Release, ...]:
        """Returns a product's releases in no particular order; none for a product not yet there.

        Raises:
            TransferError: The server cannot be reached, refuses, or answers something else.
            ManifestError: A release that it sends cannot be read.
        """
        return read_releases(self._transport, product)

    def running(self, product: str) -> tuple[Adoption, ...]:
        """Returns what the devices run that asked for a product since the server began.

        Raises:
            TransferError: The server cannot be reached, refuses, or answers something else.
            ManifestError: What it says of them cannot be read.
        """
        return read_running(self._transport, product)

    def trusted_keys(self, product: str) -> tuple[PublicKey, ...]:
        """Returns the keys of which one has to sign the product's releases.

        Raises:
            TransferError: The server cannot be reached, refuses, or answers something else.
            MissingExtraError: There are keys, and cryptography is not installed.
        """
        return read_trusted_keys(self._transport, product)

    def need_token(self) -> None:
        """Finds out, before anything is sent, whether there is a token to publish with.

        Raises:
            AuthenticationError: There is none.
        """
        if self._address.token is None and self._address.user is None:
            raise AuthenticationError(
                f"{self._address.base} takes releases only with a token, and there is none",
                hint="Set ACPUBLISH_TOKEN to what 'acpublish token create' printed there.",
            )

    def url_of(self, file: str) -> str:
        """Returns a file's address; a server behind a proxy does not know its own."""
        return f"{self._address.base}/{quote(file, safe='/+')}"

    def request_for(self, submission: Submission) -> str:
        """Returns method and address of the request that sends an image."""
        return f"PUT {self._address.base}{_release_target(submission)}"

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
        )

    def upload(self, data: bytes, submission: Submission) -> Receipt:
        """Sends an image, and compares what the server has stored with what was sent.

        Args:
            data: The exact bytes that devices will get; already stamped.
            submission: What they are published as.

        Raises:
            AuthenticationError: There is no token, or it does not allow this.
            CheckError: A check of the server found an error.
            ConflictError: The version exists with other bytes.
            VerificationError: The server holds other bytes than were sent.
            TransferError: The server cannot be reached, refuses, or answers something else.
        """
        self.need_token()
        sha256 = hashlib.sha256(data).hexdigest()

        def judge(answer: Answer) -> Receipt:
            if answer.status not in (200, 201):
                raise_refusal(answer, "the image")
            document = json_body(answer, "an upload", _MAX_RECEIPT_BYTES)
            receipt = self._receipt(document if isinstance(document, dict) else {})
            if receipt.sha256 != sha256 or receipt.size != len(data):
                raise VerificationError(
                    f"{self._address.base} holds {receipt.size} bytes with the sha256 "
                    f"{receipt.sha256}; sent were {len(data)} with {sha256}",
                    hint="Publish again; what arrived is not what was sent.",
                )
            return receipt

        return self._transport.exchange(
            "PUT",
            _release_target(submission),
            judge,
            headers=_headers(submission),
            body=data,
            sent=self._sent,
        )

    def _receipt(self, document: Mapping[str, Any]) -> Receipt:
        texts = {key: document.get(key) for key in ("file", "md5", "sha256")}
        size, warnings = document.get("size"), document.get("warnings", [])
        try:
            outcome = Outcome(document.get("outcome"))
        except ValueError as fault:
            raise odd(self._address, "no receipt") from fault
        if (
            not all(isinstance(text, str) for text in texts.values())
            or type(size) is not int
            or not isinstance(warnings, list)
        ):
            raise odd(self._address, "no receipt")
        file = str(texts["file"])
        return Receipt(
            outcome=outcome,
            file=file,
            size=size,
            md5=str(texts["md5"]),
            sha256=str(texts["sha256"]).lower(),
            url=self.url_of(file),
            warnings=tuple(self._address.redacted(str(one)) for one in warnings),
            compressed=self._compressed(document.get("compressed")),
        )

    def _compressed(self, document: Any) -> Compressed | None:
        if document is None:
            return None
        try:
            return Compressed.from_dict(document, "receipt.compressed")
        except ManifestError as fault:
            raise odd(self._address, "no receipt") from fault


def _release_target(submission: Submission) -> str:
    parts = (submission.product, str(submission.version), submission.board)
    query: dict[str, str] = {"channel": submission.channel, "kind": submission.kind}
    if submission.chip is not None:
        query["chip"] = submission.chip
    if submission.compress:
        query["compress"] = "yes"
    where = "/".join(quote(part, safe="") for part in parts)
    return f"/api/v1/releases/{where}?{urlencode(query)}"


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


_MAX_RELEASES_BYTES = 64 * 1024 * 1024
_MAX_DEVICES_BYTES = 4 * 1024 * 1024
_MAX_SMALL_BYTES = 64 * 1024


def read_releases(transport: Transport, product: str) -> tuple[Release, ...]:
    """Returns a product's releases; none for a product not yet there.

    Raises:
        TransferError: The server cannot be reached, refuses, or answers something else.
        ManifestError: A release that it sends cannot be read.
    """
    found = _of_product(transport, product, "releases", "", _MAX_RELEASES_BYTES)
    return tuple(Release.from_dict(one, f"releases[{number}]") for number, one in enumerate(found))


def read_trusted_keys(transport: Transport, product: str) -> tuple[PublicKey, ...]:
    """Returns the keys that a product trusts; none where any release is taken.

    Raises:
        TransferError: The server cannot be reached, refuses, or answers something else.
        MissingExtraError: There are keys, and cryptography is not installed.
    """
    found = _of_product(transport, product, "keys", "/keys", _MAX_SMALL_BYTES)
    try:
        return tuple(read_public_key(one["public"].encode()) for one in found)
    except MissingExtraError:
        raise
    except (SettingsError, KeyError, TypeError, AttributeError) as fault:
        raise odd(transport.address, "keys that cannot be read") from fault


def read_running(transport: Transport, product: str) -> tuple[Adoption, ...]:
    """Returns what the devices run that asked for a product; none where the server knows of none.

    Raises:
        TransferError: The server cannot be reached, refuses, or answers something else.
        ManifestError: What it says of them cannot be read.
    """
    found = _of_product(transport, product, "devices", "/devices", _MAX_DEVICES_BYTES)
    return tuple(map(Adoption.from_dict, found))


def _of_product(
    transport: Transport, product: str, field: str, more: str, limit_bytes: int
) -> list[Any]:
    what = f"the list of {field}"

    def judge(answer: Answer) -> list[Any]:
        if answer.status == 404:
            if looks_like_html(answer, answer.body(_MAX_SMALL_BYTES)):
                raise not_acpublish(answer)
            return []
        if answer.status != 200:
            raise_refusal(answer, what)
        document = json_body(answer, what, limit_bytes)
        found = document.get(field) if isinstance(document, dict) else None
        if not isinstance(found, list) or document.get("product") != product:
            raise odd(answer.address, f"something other than the product's {field}")
        return found

    return transport.exchange("GET", f"/api/v1/products/{quote(product, '')}{more}", judge)
