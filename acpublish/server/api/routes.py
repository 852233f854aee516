"""The one table from errors to HTTP statuses.

``/api/v1``: publishing over HTTP, and what is published, as JSON.

``PUT /api/v1/releases/<product>/<version>/<board>?channel=...&kind=...&chip=...&compress=...``
takes the bytes of an image; a gzip of it is made here. The catalog makes the same checks as a
publish to a directory does; the client's word is not enough. Every error is JSON too: ``error``,
``hint`` and ``code``.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from collections.abc import Mapping
from typing import cast
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from acpublish import errors
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import AcpublishError, NotFoundError, RequestError
from acpublish.release import names
from acpublish.release.placement import Candidate
from acpublish.release.submission import Outcome, Receipt, Submission
from acpublish.server.api.publish import read_submission
from acpublish.server.checkins import RunningDevices
from acpublish.server.http import App
from acpublish.server.tokens import Access, Tokens

#: The first class that fits decides, so the narrower ones come first.
_STATUSES: tuple[tuple[type[errors.AcpublishError], int, str], ...] = (
    (errors.ConflictError, 409, "conflict"),
    (errors.NotFoundError, 404, "not-found"),
    (errors.CheckError, 422, "check"),
    (errors.ImageError, 422, "image"),
    (errors.VersionError, 422, "version"),
    (errors.BadNameError, 422, "name"),
    (errors.AuthenticationError, 401, "unauthorised"),
    (errors.RequestError, 400, "request"),
)
#: A full disk is not the client's fault, and asking again at once is of no use.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def status_of(fault: errors.AcpublishError) -> tuple[int, str]:
    """Returns the HTTP status of an error, and a short name for it that scripts may compare."""
    cause = fault.__cause__
    if isinstance(cause, OSError):
        if cause.errno in _FULL:
            return 507, "full"
        # Not 5xx: clients would try again, and nothing changes by that.
        if cause.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            return 403, "read-only"
    for kind, status, code in _STATUSES:
        if isinstance(fault, kind):
            return status, code
    return 500, "server"


_log = logging.getLogger(__name__)

#: One upload may take this long, and pause this long.
UPLOAD_DEADLINE_S = 300.0
UPLOAD_PAUSE_S = 30.0
#: Each upload is held in memory until it is checked: as many as this at the same time, whole.
PARALLEL_UPLOADS = 8
#: What is in the catalog is read and written by one publish at a time anyway.
PARALLEL_PUBLISHES = 2
#: How long a client that is refused may go on sending, before it is cut off.
DRAIN_S = 10.0
RETRY_AFTER_S = 5

_MAKE_TOKEN = "Make one on the server with 'acpublish token create'."  # noqa: S105
#: What each refusal is answered with: status, problem, hint.
_REFUSALS: Mapping[Access, tuple[int, str, str]] = {
    Access.NO_TOKENS: (403, "this server is read-only, as no token was made", _MAKE_TOKEN),
    Access.MISSING: (401, "publishing needs a token", "Give one, as ACPUBLISH_TOKEN."),
    Access.WRONG: (401, "the token is not known here", _MAKE_TOKEN),
    Access.OTHER_PRODUCT: (403, "the token is not for this product", _MAKE_TOKEN),
}
#: What the client is told of a fault whose text may hold paths of the server.
_INWARD: Mapping[str, str] = {
    "read-only": "the server cannot write its catalog",
    "full": "the server's disk is full",
    "server": "the server is at fault",
}


def create_api(
    catalog: DirectoryCatalog, tokens: Tokens, running: RunningDevices, upload_bytes: int
) -> App:
    """Makes the application for ``/api/v1``.

    Args:
        catalog: Where releases go.
        tokens: Who may publish.
        running: What devices run.
        upload_bytes: The largest body that is taken.
    """
    api = _Api(catalog, tokens, running, upload_bytes)
    app = Starlette(
        routes=[
            Route("/api/v1/products", api.products, methods=["GET"]),
            Route("/api/v1/products/{product}", api.releases, methods=["GET"]),
            Route("/api/v1/products/{product}/devices", api.devices, methods=["GET"]),
            Route("/api/v1/products/{product}/keys", api.keys, methods=["GET"]),
            Route("/api/v1/releases/{product}/{version}/{board}", api.publish, methods=["PUT"]),
        ],
        exception_handlers={
            AcpublishError: _on_fault,
            404: _on_no_address,
            405: _on_other_method,
        },
    )
    # An upload follows no redirect.
    app.router.redirect_slashes = False
    return cast(App, app)


class _Api:
    def __init__(
        self, catalog: DirectoryCatalog, tokens: Tokens, running: RunningDevices, upload_bytes: int
    ) -> None:
        self._catalog = catalog
        self._tokens = tokens
        self._running = running
        self._upload_bytes = upload_bytes
        self._publishes = asyncio.Semaphore(PARALLEL_PUBLISHES)
        self._uploads = 0

    async def products(self, request: Request) -> Response:
        return JSONResponse({"products": list(self._catalog.products())})

    async def releases(self, request: Request) -> Response:
        product = request.path_params["product"]
        releases = self._catalog.releases(product)
        if not releases:
            raise NotFoundError("there is no such product", hint="See /api/v1/products.")
        ordered = sorted(releases, key=lambda release: release.version.precedence)
        return JSONResponse(
            {"product": product, "releases": [release.to_dict() for release in ordered]}
        )

    async def devices(self, request: Request) -> Response:
        product = names.product(request.path_params["product"])
        running = self._running.of(product, self._catalog.releases(product))
        since = self._running.since.isoformat().replace("+00:00", "Z")
        return JSONResponse(
            {"product": product, "since": since, "devices": [one.to_dict() for one in running]}
        )

    async def keys(self, request: Request) -> Response:
        product = names.product(request.path_params["product"])
        keys = await asyncio.to_thread(self._catalog.trusted_keys, product)
        shown = [{"key": key.id, "public": key.pem} for key in keys]
        return JSONResponse({"product": product, "keys": shown})

    async def publish(self, request: Request) -> Response:
        refusal = self._refusal(request)
        if refusal is not None:
            await self._drain(request)
            return refusal
        try:
            submission = read_submission(request)
        except AcpublishError:
            await self._drain(request)
            raise
        if self._uploads >= PARALLEL_UPLOADS:
            await self._drain(request)
            return _busy()
        self._uploads += 1
        try:
            return await self._publish(request, submission)
        finally:
            self._uploads -= 1

    async def _publish(self, request: Request, submission: Submission) -> Response:
        data = await self._body(request)
        if data is None:
            return self._too_large()
        async with self._publishes:
            receipt = await asyncio.to_thread(self._put, data, submission)
        return _receipt(request, submission, receipt)

    def _put(self, data: bytes, submission: Submission) -> Receipt:
        candidate = Candidate.of(data, submission.secrets.accepted)
        return self._catalog.put(candidate, submission)

    def _refusal(self, request: Request) -> Response | None:
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        token = text.strip() if scheme.lower() == "bearer" and text.strip() else None
        access = self._tokens.allows(token, request.path_params["product"])
        if access is Access.ALLOWED:
            return None
        status, problem, hint = _REFUSALS[access]
        more = {"www-authenticate": "Bearer"} if status == 401 else {}
        code = "unauthorised" if status == 401 else "forbidden"
        return _problem(status, problem, hint, code, more)

    def _too_large(self) -> Response:
        limit = self._upload_bytes // (1024 * 1024)
        return _problem(
            413,
            f"the body is larger than {limit} MiB",
            "Send one image; ESP flash chips hold at most 32 MiB.",
            "too-large",
            {"connection": "close"},
        )

    async def _body(self, request: Request) -> bytes | None:
        """Reads the body; None where it is too large."""
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._upload_bytes:
            return None
        taken = bytearray()
        stream = request.stream()
        ends = asyncio.get_running_loop().time() + UPLOAD_DEADLINE_S
        try:
            while True:
                left_s = ends - asyncio.get_running_loop().time()
                # Not the chunk alone is bounded in time: a client may send a byte now and then.
                chunk = await asyncio.wait_for(anext(stream), min(UPLOAD_PAUSE_S, left_s))
                taken += chunk
                if len(taken) > self._upload_bytes:
                    return None
        except StopAsyncIteration:
            return bytes(taken)
        except asyncio.TimeoutError as fault:
            raise RequestError("the upload took too long", hint="Send it again.") from fault
        except ClientDisconnect as fault:
            raise RequestError("the client went away", hint="Send it again.") from fault

    async def _drain(self, request: Request) -> None:
        """Lets what is being sent go by, as many clients only listen when they have sent all.

        Nothing of it is kept, because whoever is refused must not cost memory.
        """
        if "expect" in request.headers:
            return

        async def let_go_by() -> None:
            passed = 0
            async for chunk in request.stream():
                passed += len(chunk)
                if passed > self._upload_bytes:
                    return

        with contextlib.suppress(asyncio.TimeoutError, ClientDisconnect):
            await asyncio.wait_for(let_go_by(), DRAIN_S)


def _receipt(request: Request, submission: Submission, receipt: Receipt) -> Response:
    document = {
        "outcome": receipt.outcome.value,
        "product": submission.product,
        "version": str(submission.version),
        "board": submission.board,
        "kind": submission.kind,
        "channel": submission.channel,
        "file": receipt.file,
        "size": receipt.size,
        "md5": receipt.md5,
        "sha256": receipt.sha256,
        "url": str(request.base_url) + quote(receipt.file, safe="/+"),
        "compressed": receipt.compressed.to_dict() if receipt.compressed else None,
        "warnings": list(receipt.warnings),
    }
    return JSONResponse(document, 201 if receipt.outcome is Outcome.PUBLISHED else 200)


def _busy() -> Response:
    return _problem(
        503,
        "the server takes as many uploads as it can hold",
        "Send it again in a moment.",
        "busy",
        {"retry-after": str(RETRY_AFTER_S), "connection": "close"},
    )


def _problem(
    status: int, problem: str, hint: str, code: str, more: Mapping[str, str] | None = None
) -> Response:
    document = {"error": problem, "hint": hint, "code": code}
    return JSONResponse(document, status, headers=dict(more or {}))


async def _on_fault(request: Request, fault: Exception) -> Response:
    if not isinstance(fault, AcpublishError):
        raise fault
    status, code = status_of(fault)
    problem = _INWARD.get(code)
    if problem is None:
        return _problem(status, fault.problem, fault.hint, code)
    _log.error("%s", fault)
    return _problem(status, problem, "Its log says more; tell whoever runs it.", code)


async def _on_no_address(request: Request, fault: Exception) -> Response:
    return _problem(404, "there is nothing at this address", "See /api/v1/products.", "not-found")


async def _on_other_method(request: Request, fault: Exception) -> Response:
    hint = "Releases are sent with PUT, all else is read with GET."
    return _problem(405, "this method is not for this address", hint, "method")
