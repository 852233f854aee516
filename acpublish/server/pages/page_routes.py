"""The routes of pages and forms.

A page module has methods that take a :class:`~acpublish.server.pages.visits.Visit` and return a
response; :func:`shows` and :func:`changes` make routes of them. A route of :func:`changes` reads
the form, and refuses one that was not made for this browser, before its method is called.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from acpublish.errors import AcpublishError
from acpublish.server.api.endpoints import EncodedRoute
from acpublish.server.api.routes import shown
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.visits import SignInError, Visit
from acpublish.server.tokens import Scope

_log = logging.getLogger(__name__)

#: Strangers whose pages are being made; more would have everybody wait, and keep memory meanwhile.
MAX_STRANGERS = 100

Method = Callable[[Visit], Awaitable[Response]]


def shows(path: str, method: Method, site: PageSite, needs: Scope | None = None) -> Route:
    """Returns the route of a page.

    Args:
        path: Its path; a part in braces may contain anything, and is in ``request.path_params``.
        method: Responds.
        site: The server.
        needs: The scope that it needs; None for everyone.
    """
    return _route(path, "GET", method, site, needs)


def changes(
    path: str,
    method: Method,
    site: PageSite,
    needs: Scope | None = Scope.MANAGE,
    *,
    reads_form: bool = True,
) -> Route:
    """Returns the route of a form.

    Args:
        path: As for :func:`shows`.
        method: Makes the change, and responds; its visit has the form.
        site: The server.
        needs: The scope that it needs; for one that depends on the form, None, and the method calls
            :meth:`Visit.need`.
        reads_form: Whether the form is read before. One with files is not: the method reads it, and
            calls :meth:`Visit.need_csrf` before it keeps any of them.
    """

    async def make(visit: Visit) -> Response:
        if reads_form:
            await visit.read_form()
        else:
            visit.need_own_origin()
        return await method(visit)

    return _route(path, "POST", make, site, needs)


def _route(path: str, verb: str, method: Method, site: PageSite, needs: Scope | None) -> Route:
    async def respond(request: Request) -> Response:
        visit = Visit(request, site)
        is_stranger = visit.token is None
        if is_stranger and site.strangers >= MAX_STRANGERS:
            # A page would have to wait for its turn as well.
            return PlainTextResponse(f"{visit.t('problem.busy')}\n", 503, {"retry-after": "5"})
        site.strangers += is_stranger
        try:
            if needs is not None:
                visit.need(needs)
            return await method(visit)
        except SignInError:
            return visit.redirect(visit.sign_in_path)
        except AcpublishError as error:
            return await problem_page(visit, *shown(error))
        except HTTPException:
            raise
        except Exception:
            _log.exception("a page could not be made")
            hint = visit.t("problem.fault_hint")
            return await problem_page(visit, 500, "server", visit.t("problem.fault"), hint)
        finally:
            site.strangers -= is_stranger

    return EncodedRoute(path, respond, methods=[verb])


async def problem_page(visit: Visit, status: int, code: str, problem: str, hint: str) -> Response:
    """Responds with an error: a page, or for htmx a line at the top of the one that is open."""
    template = "problem_line.html" if visit.by_htmx else "problem.html"
    response = await visit.page(template, status, code=code, problem=problem, hint=hint)
    if visit.by_htmx:
        response.headers["hx-retarget"] = "#notices"
        response.headers["hx-reswap"] = "innerHTML"
    return response
