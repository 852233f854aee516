"""One request for a page: who asks, what they may, what they sent, and what they get."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from acpublish.errors import AcpublishError, AuthenticationError
from acpublish.server.api.authority import NOTE, ForbiddenError, refused
from acpublish.server.hosts import OF_PROXIES, host_of, is_loopback, port_of
from acpublish.server.login_links import PATH as SIGN_IN
from acpublish.server.pages.form_fields import form_fields
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.sessions import Notice, Session
from acpublish.server.token_file import Token
from acpublish.server.tokens import Refusal, Scope, judged

_log = logging.getLogger(__name__)

SESSION_COOKIE = "acpublish_session"
#: Who has no session gets this one for the CSRF token of the form to sign in.
VISIT_COOKIE = "acpublish_visit"
THEME_COOKIE = "acpublish_theme"
CSRF_FIELD = "csrf"
CSRF_HEADER = "x-csrf-token"
_THEMES = ("light", "dark")


class SignInError(AuthenticationError):
    """This is only for who is signed in."""


class Visit:
    """A request for a page.

    Attributes:
        request: The request.
        site: The server.
        session: Who asks; None if nobody is signed in.
        token: What they may do now; None likewise.
        form: The fields that were sent, by their names; of several with one name, the last.
        fields: All of them, in their order.
    """

    def __init__(self, request: Request, site: PageSite) -> None:
        """Finds out who asks; nobody, as long as the tokens cannot be read."""
        self.request = request
        self.site = site
        self.form: Mapping[str, str] = {}
        self.fields: list[tuple[str, str]] = []
        cookie = request.cookies.get(self._named(SESSION_COOKIE), "")
        found = None
        try:
            found = site.sessions.find(cookie) if cookie else None
        except AcpublishError as error:
            _log.error("%s", error)
        self.session: Session | None
        self.token: Token | None
        self.session, self.token = found or (None, None)
        self.cookie = cookie if found else request.cookies.get(self._named(VISIT_COOKIE), "")
        self.t = site.rendering.texts

    def need(self, scope: Scope, product: str = "", channel: str | None = None) -> Token:
        """Returns the token of whoever asks, if it allows something, and notes its use.

        Args:
            scope: What is needed.
            product: The product that it is about, for ``PUBLISH``.
            channel: The channel, for ``PUBLISH``; None for any.

        Raises:
            SignInError: Nobody is signed in.
            ForbiddenError: The token does not allow it.
        """
        token = self.check(scope, product, channel)
        if self.session is not None and not self.session.by_link:
            self.site.tokens.note_use(token)
        self.request.scope[NOTE] = f"token {token.id}"
        return token

    def check(self, scope: Scope, product: str = "", channel: str | None = None) -> Token:
        """Does the same without noting it; may be called from a thread, before something is kept.

        Raises:
            AcpublishError: As for :meth:`need`.
        """
        token = None if self.session is None else self.site.sessions.still(self.session)
        if token is None:
            raise SignInError("this is only for who is signed in", hint="Sign in first.")
        answer = judged(token, scope, product, channel)
        if isinstance(answer, Refusal):
            raise refused(answer, scope, product)
        return answer

    def may(self, scope: Scope | str, product: str = "", channel: str | None = None) -> bool:
        """Returns whether whoever asks may do something; templates name the scope as a text."""
        if self.token is None:
            return False
        return isinstance(judged(self.token, Scope(scope), product, channel), Token)

    @property
    def is_local(self) -> bool:
        """Whether the browser runs on this machine, as far as that can be known."""
        scope, headers = self.request.scope, self.request.headers
        client, server = scope.get("client"), scope.get("server")
        # Whoever comes through a proxy on this machine is somewhere else.
        if client is None or any(name.decode() in headers for name in OF_PROXIES):
            return False
        if self.site.hosts.is_further(host_of(headers.get("host", ""))):
            return False
        return is_loopback(client[0]) or (server is not None and bool(client[0] == server[0]))

    @property
    def is_secure(self) -> bool:
        """Whether nobody in between can read what is sent."""
        host = host_of(self.request.headers.get("host", ""))
        return self.request.url.scheme == "https" or self.site.hosts.is_secure(host)

    @property
    def csrf(self) -> str:
        """The CSRF token of the forms on this page."""
        return self.site.sessions.csrf(self.cookie) if self.cookie else ""

    async def read_form(self) -> None:
        """Reads the fields of a form, and makes sure that it was made for this browser.

        Raises:
            RequestError: It is too large, too slow, or not a form.
            ForbiddenError: It comes from elsewhere.
        """
        self.need_own_origin()
        self.fields = await form_fields(self.request)
        self.form = dict(self.fields)
        self.need_csrf(self.request.headers.get(CSRF_HEADER) or self.form.get(CSRF_FIELD, ""))

    def need_csrf(self, sent: str) -> None:
        """Refuses a request whose CSRF token is not that of this browser.

        Raises:
            ForbiddenError: It is missing or wrong.
        """
        if not self.site.sessions.is_csrf(self.cookie, sent):
            raise ForbiddenError(
                "the form is not one of this browser's session",
                hint="Go back, load the page again, and send the form once more.",
            )

    def need_own_origin(self) -> None:
        """Refuses a request that another site's page has sent.

        Raises:
            ForbiddenError: The browser says so.
        """
        headers = self.request.headers
        # Browsers send this one only over TLS and from this machine.
        fetch_site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if fetch_site is not None:
            own = fetch_site in ("same-origin", "none")
        else:
            own = origin is None or urlsplit(origin).netloc == headers.get("host", "")
        if not own:
            raise ForbiddenError(
                "the form was sent by a page of another site",
                hint="Open this server's own page, and use the form there.",
            )

    @property
    def by_htmx(self) -> bool:
        """Whether htmx asks, which puts a part into the page that is open."""
        return self.request.headers.get("hx-request") == "true"

    async def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """Responds with a page, or a part of one.

        Args:
            template: The name of its file.
            status: The HTTP status.
            values: What it shows, beside ``visit``.
        """
        new = "" if self.cookie else self.site.sessions.fresh()
        self.cookie = self.cookie or new
        html = await self.site.part(template, visit=self, **values)
        response = HTMLResponse(html, status)
        if new:
            self.keep_cookie(response, VISIT_COOKIE, new)
        return response

    def redirect(self, path: str, text: str = "", kind: str = "good") -> Response:
        """Sends the browser to a page, after something has changed.

        Args:
            path: The page, beginning with ``/``.
            text: What it shows at its top, once; nothing if it is empty.
            kind: ``good`` or ``bad``.
        """
        if text and self.session is not None:
            self.session.note(kind, text)
        if self.by_htmx:
            return Response(status_code=200, headers={"hx-redirect": path})
        return RedirectResponse(path, 303)

    def keep_cookie(self, response: Response, name: str, value: str) -> None:
        """Lets the browser keep a cookie until it is closed; an empty value removes it."""
        response.set_cookie(
            self._named(name),
            value,
            max_age=None if value else 0,
            path="/",
            secure=self.is_secure,
            httponly=True,
            samesite="strict",
        )

    def _named(self, name: str) -> str:
        """Returns the name of a cookie on this connection.

        Browsers let no plain connection replace a cookie of TLS, so each has its own: otherwise
        nobody could sign in by http after opening the page by https. And they send a cookie to all
        ports of a host, so two servers there would sign each other's people out.
        """
        port, usual = port_of(self.request.headers.get("host", "")), 443 if self.is_secure else 80
        own = name if port in (None, usual) else f"{name}_{port}"
        return f"__Host-{own}" if self.is_secure else own

    @property
    def name(self) -> str:
        """What the page calls whoever is signed in."""
        if self.token is None:
            return ""
        is_of_machine = self.session is not None and self.session.is_of_machine
        return self.t("base.this_machine") if is_of_machine else self.token.name or self.token.id

    @property
    def by(self) -> str:
        """The id of the token of whoever is signed in, as logs and histories have it."""
        return "" if self.token is None else self.token.id

    @property
    def publishes(self) -> bool:
        """Whether whoever asks may publish anything at all."""
        return self.token is not None and bool(self.token.grant.publish)

    def is_at(self, path: str) -> bool:
        """Returns whether this page is, or is below, one of the navigation."""
        return self.path == path or (path != "/" and self.path.startswith(f"{path}/"))

    @property
    def url(self) -> str:
        """The URL of the server, as this browser knows it, without a slash at its end."""
        scheme = "https" if self.is_secure else "http"
        return f"{scheme}://{self.request.url.netloc}"

    @property
    def notices(self) -> list[Notice]:
        """What the page shows at its top, once."""
        return [] if self.session is None else self.session.take_notices()

    @property
    def theme(self) -> str:
        """The colours that the reader has chosen; empty for those of the system."""
        theme = self.request.cookies.get(THEME_COOKIE, "")
        return theme if theme in _THEMES else ""

    @property
    def path(self) -> str:
        """The path of the page."""
        return self.request.url.path

    @property
    def sign_in_path(self) -> str:
        """Where to sign in, to come back here."""
        query = self.request.url.query
        here = f"{self.path}?{query}" if query else self.path
        if self.path == SIGN_IN or self.request.method != "GET" or here == "/":
            return SIGN_IN
        return f"{SIGN_IN}?next={quote(here, safe='')}"
