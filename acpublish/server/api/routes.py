"""``/api/v1``: its routes, and the one table from errors to HTTP statuses.

Every error is JSON: ``error``, ``hint`` and ``code``, which scripts may compare; ``check`` is the
name of a failed check.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from acpublish import errors
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.control.operations import NotStoredError
from acpublish.errors import AcpublishError
from acpublish.notices.webhook_file import WebhooksError
from acpublish.server.api.api_table import ApiRoutes, endpoints
from acpublish.server.api.authority import Authority, ForbiddenError
from acpublish.server.api.bodies import TooLargeError
from acpublish.server.api.change_routes import ChangeRoutes
from acpublish.server.api.fleet_routes import FleetAccess, FleetRoutes
from acpublish.server.api.openapi import documented
from acpublish.server.api.policy_routes import PolicyRoutes
from acpublish.server.api.publish import PublishRoute
from acpublish.server.api.publisher import Publisher
from acpublish.server.api.read import ReadRoutes
from acpublish.server.api.rollout_routes import RolloutRoutes
from acpublish.server.api.token_routes import TokenRoutes
from acpublish.server.api.webhook_routes import WebhookRoutes
from acpublish.server.bounds import BusyError
from acpublish.server.cache import AnswerCache
from acpublish.server.catalog_changes import CatalogChanges
from acpublish.server.checkins import Counts
from acpublish.server.fleet_people import FleetPeople
from acpublish.server.hosts import MISDIRECTED
from acpublish.server.login_links import LoginLinks
from acpublish.server.proxy_header import Proxies
from acpublish.server.token_file import TokensError
from acpublish.server.tokens import Tokens
from acpublish.wire import READ_ONLY_CODE, STORE_CODE, TOKENS_CODE

_log = logging.getLogger(__name__)

App = Callable[[Any, Any, Any], Awaitable[None]]

#: The first class that matches decides, so a narrower one comes before its family.
_STATUSES: tuple[tuple[type[AcpublishError], int, str], ...] = (
    (errors.ConflictError, 409, "conflict"),
    (errors.NotFoundError, 404, "not-found"),
    (errors.CheckError, 422, "check"),
    (errors.ImageError, 422, "image"),
    (errors.VersionError, 422, "version"),
    (errors.BadNameError, 422, "name"),
    (errors.AuthenticationError, 401, "unauthorised"),
    (ForbiddenError, 403, "forbidden"),
    (TooLargeError, 413, "too-large"),
    (BusyError, 503, "busy"),
    (errors.RequestError, 400, "request"),
    (errors.StoreError, 503, STORE_CODE),
)
#: What the operating system refused, when that is what caused an error.
_CAUSES: Mapping[int, tuple[int, str]] = {
    errno.ENOSPC: (507, "full"),
    errno.EDQUOT: (507, "full"),
    errno.EFBIG: (507, "full"),
    errno.EROFS: (503, READ_ONLY_CODE),
    errno.EACCES: (503, READ_ONLY_CODE),
    errno.EPERM: (503, READ_ONLY_CODE),
    # The catalog was unmounted.
    errno.ESTALE: (503, READ_ONLY_CODE),
}
_OTHERWISE = (500, "server")
#: Whatever the operating system refused, the tokens are not the catalog.
_TOKENS = (503, TOKENS_CODE)
_WEBHOOKS = (503, "webhooks")
#: Every status with its code, besides the two of requests that have no route.
CODES = frozenset(
    {
        *((status, code) for _, status, code in _STATUSES),
        *_CAUSES.values(),
        _OTHERWISE,
        _TOKENS,
        _WEBHOOKS,
        MISDIRECTED,
    }
)

_RETRY_AFTER_S = 5
#: Headers that go with a code.
_HEADERS: Mapping[str, Mapping[str, str]] = {
    "unauthorised": {"www-authenticate": "Bearer"},
    "too-large": {"connection": "close"},
    "busy": {"retry-after": str(_RETRY_AFTER_S), "connection": "close"},
    STORE_CODE: {"retry-after": str(_RETRY_AFTER_S)},
}
#: The client gets these words instead of the error's own, which may contain paths of the server.
_INTERNAL: Mapping[str, str] = {
    READ_ONLY_CODE: "the server cannot write its catalog",
    TOKENS_CODE: "the server cannot read or change its tokens",
    "webhooks": "the server cannot read or change its webhooks",
    "full": "the server's disk is full",
    STORE_CODE: "the server's fleet store cannot be read or written, so nothing was changed",
    "server": "internal error in the server",
}
_GONE = "the catalog of the server is gone"


def status_of(error: AcpublishError) -> tuple[int, str]:
    """Returns the HTTP status of an error, and its code."""
    if isinstance(error, TokensError):
        return _TOKENS
    if isinstance(error, WebhooksError):
        return _WEBHOOKS
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno is not None and cause.errno in _CAUSES:
        return _CAUSES[cause.errno]
    for kind, status, code in _STATUSES:
        if isinstance(error, kind):
            return status, code
    return _OTHERWISE


def _is_gone(error: AcpublishError) -> bool:
    """Returns whether a request failed because the catalog was unmounted, moved or removed."""
    return isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.ESTALE


def create_api(
    catalog: DirectoryCatalog,
    tokens: Tokens,
    counts: Counts,
    publisher: Publisher,
    answers: AnswerCache | None = None,
    proxies: Proxies | None = None,
    people: FleetPeople | None = None,
    links: LoginLinks | None = None,
    changes: CatalogChanges | None = None,
) -> App:
    """Creates the application for ``/api/v1``.

    Args:
        catalog: Where releases are, and where they go.
        tokens: Who may publish.
        counts: What devices run.
        publisher: Publishes what is sent.
        answers: Keeps documents; by default a cache of its own.
        proxies: Who has to begin connections with a PROXY header; by default nobody.
        people: The fleet, as people see and change it; None without one.
        links: Links that sign in to the page; by default those of nobody else.
        changes: Makes one change of the catalog after the other; by default for nobody else.
    """
    authority = Authority(tokens)
    answers = answers or AnswerCache()
    read = ReadRoutes(catalog, authority, counts, answers, proxies or Proxies())
    publish = PublishRoute(publisher, authority)
    maker = changes or CatalogChanges(catalog, counts)
    change_routes = ChangeRoutes(catalog, authority, maker, answers)
    policies = PolicyRoutes(catalog, authority, change_routes)
    token_routes = TokenRoutes(tokens, authority, links or LoginLinks())
    access = FleetAccess(people, authority)
    table = endpoints(
        ApiRoutes(
            read,
            publish,
            change_routes,
            policies,
            token_routes,
            FleetRoutes(access),
            RolloutRoutes(access),
            WebhookRoutes(tokens.state, authority),
        )
    )
    app = Starlette(
        routes=[endpoint.route() for endpoint in documented(table)],
        exception_handlers={
            AcpublishError: _on_error,
            404: _on_unknown_address,
            405: _on_wrong_method,
        },
    )
    # An upload does not follow redirects.
    app.router.redirect_slashes = False
    return cast(App, app)


class Shown(NamedTuple):
    """What a client hears of an error.

    Attributes:
        status: The HTTP status.
        code: What scripts may compare.
        problem: What went wrong.
        hint: What to do next.
    """

    status: int
    code: str
    problem: str
    hint: str


def shown(error: AcpublishError) -> Shown:
    """Returns what a client hears of an error; the log gets the rest of one of the server."""
    status, code = status_of(error)
    if code not in _INTERNAL:
        return Shown(status, code, error.problem, error.hint)
    _log.error("%s", error)
    if isinstance(error, NotStoredError):
        return Shown(status, code, error.problem, error.hint)
    problem = _GONE if _is_gone(error) else _INTERNAL[code]
    return Shown(status, code, problem, "Check the server's log, or ask whoever runs it.")


async def _on_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, AcpublishError):
        raise error
    status, code, problem, hint = shown(error)
    check = error.check if isinstance(error, errors.CheckError) else ""
    return _problem(status, problem, hint, code, check)


async def _on_unknown_address(request: Request, error: Exception) -> Response:
    return _problem(404, "there is nothing at this address", "See /api/v1/products.", "not-found")


async def _on_wrong_method(request: Request, error: Exception) -> Response:
    hint = "See which methods it accepts in the reference of the HTTP API."
    return _problem(405, "this address does not accept this method", hint, "method")


def _problem(status: int, problem: str, hint: str, code: str, check: str = "") -> Response:
    document = {"error": problem, "hint": hint, "code": code}
    if check:
        document["check"] = check
    return JSONResponse(document, status, headers=dict(_HEADERS.get(code, {})))
