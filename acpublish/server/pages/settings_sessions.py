"""``/_/settings/sessions``: who is signed in to these pages."""

from __future__ import annotations

import logging
import time

from starlette.responses import Response
from starlette.routing import Route

from acpublish.errors import NotFoundError
from acpublish.server.pages.page_routes import changes, shows
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.paging import paged
from acpublish.server.pages.settings_sections import ROOT, ROWS, section_page
from acpublish.server.pages.visits import Visit
from acpublish.server.tokens import Scope

_log = logging.getLogger("acpublish.server")

PATH = f"{ROOT}/sessions"


def session_settings(site: PageSite) -> list[Route]:
    """Returns the routes."""
    return [
        shows(PATH, _show, site, Scope.READ),
        changes(f"{PATH}/{{id}}/end", _end, site),
    ]


async def _show(visit: Visit) -> Response:
    """Shows all sessions to who may manage, and to others their own."""
    rows = visit.site.sessions.all()
    if not visit.may(Scope.MANAGE):
        rows = [row for row in rows if row.session is visit.session]
    return await section_page(
        visit,
        PATH,
        "settings_sessions.html",
        signed_in=paged(visit, rows, ROWS, PATH),
        now=time.time(),
    )


async def _end(visit: Visit) -> Response:
    ended = visit.site.sessions.end_of(visit.request.path_params["id"])
    if ended is None:
        raise NotFoundError("this session has ended already", hint="Load the page again.")
    visit.site.live.look_again()
    _log.info("token %s ended a session of token %s", visit.by, ended.token.id)
    return visit.redirect(PATH, visit.t("settings_sessions.ended"))
