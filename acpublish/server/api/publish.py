"""``PUT /api/v1/releases/<product>/<version>/<board>``: one image, sent over HTTP.

The steps, in order; the first that fails ends the request:

1. The token may publish the product, and to the channel.
2. The address, the query and the headers are a valid submission.
3. There is a place for it (:mod:`acpublish.server.api.uploads`).
4. The body arrives in time and is not too large, and the upload keeps its place meanwhile.
5. The catalog runs the same checks as for a publish to a directory, because the client's word is
   not enough. It also makes the gzip.
6. The token is still valid.

When step 1, 2 or 3 fails, the body is still read, but dropped: many clients read the response only
once they have sent everything.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from acpublish.errors import (
    AcpublishError,
    ManifestError,
    RequestError,
    SettingsError,
)
from acpublish.release import names
from acpublish.release.candidate import Candidate
from acpublish.release.checks.registry import allowed_skips
from acpublish.release.declared import Declared
from acpublish.release.names import IMAGE_KINDS, ImageKind
from acpublish.release.requires import Requirement
from acpublish.release.secrets import SecretRules
from acpublish.release.signatures import from_header
from acpublish.release.submission import Outcome, Receipt, Submission
from acpublish.release.version import Version
from acpublish.server.api.authority import Authority
from acpublish.server.api.bodies import TooLargeError
from acpublish.server.api.publisher import Publisher
from acpublish.server.api.uploads import Upload
from acpublish.server.tokens import Scope
from acpublish.wire import (
    DECLARED_HEADER,
    PRIVATE_HEADER,
    PROVENANCE_HEADER,
    SECRETS_HEADER,
    SIGNATURE_HEADER,
    SKIP_CHECKS_HEADER,
)


class PublishRoute:
    """Publishes what clients send."""

    def __init__(self, publisher: Publisher, authority: Authority) -> None:
        """Prepares the route.

        Args:
            publisher: Publishes.
            authority: Who may publish.
        """
        self._publisher = publisher
        self._authority = authority
        self._upload_bytes = publisher.upload_bytes

    async def put(self, request: Request) -> Response:
        """Publishes the image in the body.

        Raises:
            AcpublishError: The request is refused, or the catalog is.
        """
        with contextlib.ExitStack() as places:
            try:
                token = self._authority.need(request, Scope.PUBLISH)
                submission = replace(read_submission(request), by=token.id)
                self._authority.need(request, Scope.PUBLISH, submission.channel)
                upload = places.enter_context(self._publisher.uploads.place(token.id))
            except AcpublishError:
                await self._publisher.drop_body(request)
                raise
            data = await upload.receive(self._body(request, upload))
            receipt = await self._publisher.publish(
                lambda: Candidate.of(data, submission.secrets.accepted),
                submission,
                partial(self._authority.check, request, Scope.PUBLISH, submission.channel),
            )
        return _response(request, submission, receipt)

    async def _body(self, request: Request, upload: Upload) -> bytes:
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._upload_bytes:
            raise self._too_large()
        body = bytearray()
        async for part in self._publisher.parts(request, upload):
            body += part
            if len(body) > self._upload_bytes:
                raise self._too_large()
        return bytes(body)

    def _too_large(self) -> TooLargeError:
        return TooLargeError(
            f"the body is larger than {self._upload_bytes // (1024 * 1024)} MiB",
            hint="Send one image; ESP flash chips hold at most 32 MiB.",
        )


def _response(request: Request, submission: Submission, receipt: Receipt) -> Response:
    document = {
        "outcome": receipt.outcome.value,
        "product": submission.product,
        "version": str(submission.version),
        "board": submission.board,
        "kind": submission.kind,
        "channel": submission.channel,
        "points_at": str(receipt.points_at) if receipt.points_at else None,
        "rolling": receipt.rolling,
        "file": receipt.file,
        "size": receipt.size,
        "md5": receipt.md5,
        "sha256": receipt.sha256,
        "url": str(request.base_url) + quote(receipt.file, safe="/+"),
        "compressed": receipt.compressed.to_dict() if receipt.compressed else None,
        "warnings": list(receipt.warnings),
    }
    return JSONResponse(document, 201 if receipt.outcome is Outcome.PUBLISHED else 200)


def read_submission(request: Request) -> Submission:
    """Reads where an upload is to be published, and what its client declares about it.

    Raises:
        AcpublishError: A part of the address, of the query or of a header is invalid.
    """
    query = request.query_params
    kind = query.get("kind", "firmware")
    if kind not in IMAGE_KINDS:
        raise RequestError("there is no such kind", hint="Send kind=firmware or kind=filesystem.")
    try:
        return _submission(request, "filesystem" if kind == "filesystem" else "firmware")
    except SettingsError as error:
        raise RequestError(error.problem, hint=error.hint) from error


def _submission(request: Request, kind: ImageKind) -> Submission:
    query = request.query_params
    return Submission(
        product=names.product(request.path_params["product"]),
        version=Version.parse(request.path_params["version"]),
        board=names.board(request.path_params["board"]),
        channel=names.channel(query.get("channel", names.STABLE)),
        kind=kind,
        chip=query.get("chip"),
        provenance=_strings(request, PROVENANCE_HEADER, '{"commit": "abc1234"}'),
        private=_strings(request, PRIVATE_HEADER, '{"remote": "https://git.example/lamp"}'),
        compress=_yes_or_no(query.get("compress", "no")),
        no_downgrade_below=_version(query.get("no_downgrade_below")),
        requires=_requirement(query.get("requires")),
        declared=_declared(request),
        skipped_checks=_skipped_checks(request),
        signatures=from_header(request.headers.get(SIGNATURE_HEADER, "")),
        secrets=SecretRules.from_dict(_json(request, SECRETS_HEADER)),
    )


def _version(text: str | None) -> Version | None:
    return None if text is None else Version.parse(text)


def _requirement(text: str | None) -> str | None:
    return None if text is None else Requirement.checked(text)


def _yes_or_no(value: str) -> bool:
    if value not in ("yes", "no"):
        raise RequestError(
            "compress is neither yes nor no", hint="Send compress=yes, or leave it out."
        )
    return value == "yes"


def _declared(request: Request) -> Declared:
    try:
        return Declared.from_dict(_json(request, DECLARED_HEADER), DECLARED_HEADER)
    except ManifestError as error:
        raise RequestError(f"the header {error.problem}", hint=error.hint) from error


def _skipped_checks(request: Request) -> dict[str, str]:
    return allowed_skips(_strings(request, SKIP_CHECKS_HEADER, '{"dirty": "built on the bench"}'))


def _strings(request: Request, header: str, example: str) -> dict[str, str]:
    document = _json(request, header)
    if isinstance(document, dict) and all(isinstance(value, str) for value in document.values()):
        return document
    raise RequestError(
        f"the header {header} is not a JSON object of strings",
        hint=f"Send one such as {example}, or leave it out.",
    )


def _json(request: Request, header: str) -> Any:
    """Returns the JSON in a header: an empty object without one, None if it is not valid JSON."""
    value = request.headers.get(header)
    try:
        return json.loads(value) if value else {}
    except (ValueError, RecursionError):
        return None
