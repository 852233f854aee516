"""Signing in, by a token or by a link, and signing out."""

from __future__ import annotations

import asyncio
import logging
import math

from starlette.responses import Response
from starlette.routing import Route

from acpublish.server.api.authority import NOTE
from acpublish.server.login_links import PATH, Link, note_sign_in
from acpublish.server.pages.copied_commands import with_state
from acpublish.server.pages.page_routes import changes, shows
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.sessions import BY_LINK, of_link
from acpublish.server.pages.visits import SESSION_COOKIE, VISIT_COOKIE, Visit
from acpublish.server.token_file import Token

_log = logging.getLogger("acpublish.server")

SIGN_OUT = "/_/sign-out"
_TEMPLATE = "sign_in.html"
#: No token and no secret is longer.
_MAX_SECRET = 200


def sign_in_routes(site: PageSite) -> list[Route]:
    """Returns the routes."""
    return [
        shows(PATH, _show, site),
        changes(PATH, _sign_in, site, needs=None),
        changes(SIGN_OUT, _sign_out, site, needs=None),
    ]


async def _show(visit: Visit) -> Response:
    following = visit.request.query_params.get("next", "")
    # Whoever opens a link wants to sign in by it, and only the browser sees its secret.
    if visit.session is not None and following:
        return visit.redirect(own_path(following))
    return await _form(visit, next=following)


async def _sign_in(visit: Visit) -> Response:
    site, address = visit.site, visit.request.client.host if visit.request.client else None
    link, text = (visit.form.get(name, "").strip()[:_MAX_SECRET] for name in ("link", "token"))
    # Without a script, a link can be pasted as a whole.
    link = link or text.partition("#")[2]
    wait_s = site.guesses.wait_s(address)
    # Whoever guesses behind the same proxy must not lock out the person at the server's machine.
    if wait_s and not site.links.has(link):
        response = await _form(visit, 429, error=visit.t("sign_in.too_many"))
        response.headers["retry-after"] = str(math.ceil(wait_s))
        return response
    token = BY_LINK if link else _token(site, text)
    # What is refused for the way it comes on is not used up by that.
    if token is not None and token.grant.manage and not may_manage(visit):
        return await _form(visit, 403, error=visit.t("sign_in.insecure"))
    used = site.links.use(link) if link and token is not None else None
    if token is None or (link and (used is None or not _stands(site, used))):
        site.guesses.note_wrong(address)
        visit.request.scope[NOTE] = "a wrong secret"
        return await _form(
            visit, 401, error=visit.t("sign_in.old_link" if link else "sign_in.wrong")
        )
    await asyncio.to_thread(note_sign_in, site.tokens.state)
    # Whoever signs in again is no longer who they were.
    site.sessions.end(visit.cookie)
    creator = used.by if used else None
    token = of_link(creator) if link else token
    cookie = site.sessions.begin(token, address or "", creator)
    by = f"by a link of {token.id}" if link else token.id
    _log.info("signed in to the page: %s, from %s", by, address)
    visit.request.scope[NOTE] = f"token {token.id}"
    response = visit.redirect(own_path(visit.form.get("next", "")))
    visit.keep_cookie(response, SESSION_COOKIE, cookie)
    visit.keep_cookie(response, VISIT_COOKIE, "")
    return response


def _token(site: PageSite, text: str) -> Token | None:
    token = site.tokens.find(text) if text else None
    # What commands on this machine send is for them alone.
    return None if token is None else site.tokens.current(token)


def _stands(site: PageSite, link: Link) -> bool:
    """Returns whether the token that created a link is still valid."""
    return link.by is None or site.tokens.current(link.by) is not None


def may_manage(visit: Visit) -> bool:
    """Returns whether a token that may change everything can be sent on this connection."""
    return visit.is_local or visit.is_secure or visit.site.options.insecure_login


async def _form(visit: Visit, status: int = 200, **values: object) -> Response:
    values = {"error": "", "next": visit.form.get("next", ""), **values}
    command = with_state("acpublish login-link", visit)
    return await visit.page(
        _TEMPLATE, status, may_manage=may_manage(visit), command=command, **values
    )


async def _sign_out(visit: Visit) -> Response:
    visit.site.sessions.end(visit.cookie)
    response = visit.redirect("/")
    visit.keep_cookie(response, SESSION_COOKIE, "")
    return response


def own_path(path: str) -> str:
    """Returns a path of the pages, which a form has sent; ``/`` for anything else."""
    own = path.startswith("/_/") and path.isascii() and path.isprintable() and "\\" not in path
    return path if own else "/"
