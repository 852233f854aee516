"""The pages as one ASGI application: their routes, their head of security, and their errors.

1. Everything but the style sheets and scripts has a strict Content-Security-Policy, and is in no
   cache.
2. What is asked for under a name that is not this server's is refused here, with a page.
3. An error becomes a page with what to do next, never a traceback.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from acpublish.server.api.routes import App
from acpublish.server.hosts import MISDIRECTED, host_of, is_loopback
from acpublish.server.pages import asset_files
from acpublish.server.pages.change_forms import change_form_routes
from acpublish.server.pages.device_list import device_list_routes
from acpublish.server.pages.device_page import device_page_routes
from acpublish.server.pages.live_stream import live_routes
from acpublish.server.pages.overview_page import overview_routes
from acpublish.server.pages.page_routes import problem_page
from acpublish.server.pages.page_site import NavEntry, PageSite
from acpublish.server.pages.parts_page import parts_routes
from acpublish.server.pages.products_page import product_routes
from acpublish.server.pages.release_page import release_routes
from acpublish.server.pages.rollout_list import rollout_list_routes
from acpublish.server.pages.rollout_page import rollout_page_routes
from acpublish.server.pages.rollout_start import rollout_start_routes
from acpublish.server.pages.settings_pages import settings_routes
from acpublish.server.pages.sign_in import sign_in_routes
from acpublish.server.pages.upload_page import upload_routes
from acpublish.server.pages.visits import Visit

#: The key of an ASGI scope with the host of a request that is not this server's.
FOREIGN_KEY = "acpublish.foreign"
#: The pages; each returns its routes.
PAGES: tuple[Callable[[PageSite], Iterable[Route]], ...] = (
    overview_routes,
    sign_in_routes,
    live_routes,
    parts_routes,
    settings_routes,
    product_routes,
    change_form_routes,
    release_routes,
    upload_routes,
    device_list_routes,
    device_page_routes,
    rollout_list_routes,
    rollout_start_routes,
    rollout_page_routes,
)
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # With "no-referrer", browsers would send a form with "Origin: null".
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
#: Over plain http from another machine, browsers ignore it, and say so in their console.
_OPENER_POLICY = "cross-origin-opener-policy"


#: Those whose page there is are shown.
NAVIGATION = (
    NavEntry("/", "base.overview"),
    NavEntry("/_/products", "base.products"),
    NavEntry("/_/devices", "base.devices", "read"),
    NavEntry("/_/rollouts", "base.rollouts", "read"),
    NavEntry("/_/upload", "base.upload", "publish"),
    NavEntry("/_/settings", "base.settings", "read"),
)


def create_pages(site: PageSite) -> App:
    """Creates the application.

    Args:
        site: The server.
    """
    routes = [route for page in PAGES for route in page(site)]
    paths = {route.path for route in routes}
    site.navigation = tuple(entry for entry in NAVIGATION if entry.path in paths)
    assets = Route(asset_files.PREFIX + "/{digest}/{name:path}", site.rendering.assets.respond)
    app = Starlette(routes=[*routes, assets], exception_handlers=_handlers(site))
    app.router.redirect_slashes = False

    async def pages(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        host = host_of(request.headers.get("host", ""))
        secure = scope["scheme"] == "https" or site.hosts.is_secure(host) or is_loopback(host)

        async def send_safely(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in _HEADERS.items():
                    headers[name] = value
                if secure:
                    headers[_OPENER_POLICY] = "same-origin"
                headers.setdefault("cache-control", "no-store")
            await send(message)

        foreign = scope.get(FOREIGN_KEY)
        if foreign is not None and not scope["path"].startswith(f"{asset_files.PREFIX}/"):
            refuse = await _misdirected(Visit(request, site), foreign)
            await refuse(scope, receive, send_safely)
        else:
            await app(scope, receive, send_safely)

    return cast(App, pages)


async def _misdirected(visit: Visit, host: str) -> Response:
    status, code = MISDIRECTED
    t = visit.t
    return await problem_page(
        visit, status, code, t("problem.foreign", host=host), t("problem.foreign_hint", host=host)
    )


def _handlers(site: PageSite) -> Any:
    """Returns what responds to a request for which there is no route."""

    async def respond(request: Request, error: Exception) -> Response:
        visit, status = Visit(request, site), getattr(error, "status_code", 500)
        key = {404: "missing", 405: "method"}.get(status, "other")
        text, hint = visit.t(f"problem.{key}"), visit.t(f"problem.{key}_hint")
        response = await problem_page(visit, status, key, text, hint)
        response.headers.update(getattr(error, "headers", None) or {})
        return response

    return {404: respond, 405: respond}
