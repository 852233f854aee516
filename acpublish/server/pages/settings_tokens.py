"""``/_/settings/tokens``: who may do what over HTTP, and on these pages."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timezone
from functools import partial

from starlette.responses import Response
from starlette.routing import Route

from acpublish.errors import SettingsError
from acpublish.release import names
from acpublish.release.durations import duration
from acpublish.release.grants import Grant, NewToken, TokenInfo, TokenRequest
from acpublish.server.api.routes import Shown
from acpublish.server.pages.page_routes import changes, shows
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.paging import paged
from acpublish.server.pages.sessions import Once
from acpublish.server.pages.settings_sections import ROOT, ROWS, or_again, section_page
from acpublish.server.pages.visits import Visit
from acpublish.server.tokens import Scope

_log = logging.getLogger("acpublish.server")

PATH = f"{ROOT}/tokens"


def token_settings(site: PageSite) -> list[Route]:
    """Returns the routes."""
    return [
        shows(PATH, _show, site, Scope.MANAGE),
        changes(f"{PATH}/create", lambda visit: or_again(visit, _create, _show), site),
        changes(f"{PATH}/{{id}}/rotate", lambda visit: or_again(visit, _rotate, _show), site),
        changes(f"{PATH}/{{id}}/revoke", _revoke, site),
    ]


async def _show(visit: Visit, status: int = 200, fault: Shown | None = None) -> Response:
    infos = await asyncio.to_thread(visit.site.tokens.all)
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return await section_page(
        visit,
        PATH,
        "settings_tokens.html",
        status,
        tokens=paged(visit, _by_state(infos, now), ROWS, PATH),
        now=now,
        own=visit.by,
        fault=fault,
        form=visit.form,
    )


def _by_state(infos: tuple[TokenInfo, ...], now: str) -> list[TokenInfo]:
    """Returns the newest first, and those that have ended at the end."""
    newest = sorted(infos, key=lambda info: info.created, reverse=True)
    return sorted(newest, key=lambda info: info.expires is not None and info.expires <= now)


async def _create(visit: Visit) -> Response:
    form = visit.form
    expires = form.get("expires", "").strip()
    wanted = TokenRequest(
        grant=_grant(visit),
        name=form.get("name", "").strip(),
        lifetime=duration(expires) if expires else None,
    )
    check = partial(visit.check, Scope.MANAGE)
    create = partial(visit.site.tokens.store.create, wanted, before_commit=check)
    return _created(visit, await asyncio.to_thread(create))


def _grant(visit: Visit) -> Grant:
    """Returns what the token is to allow.

    Raises:
        AcpublishError: As the command would, with a hint in words of the form.
    """
    form = visit.form
    publish, channels = form.get("publish", "").strip(), names.listed(form.get("channels", ""))
    try:
        return Grant.of(publish, channels, read="read" in form, manage="manage" in form)
    except SettingsError as error:
        if publish:
            raise
        key = "channels_need" if channels else "nothing"
        raise SettingsError(error.problem, hint=visit.t(f"settings_tokens.{key}")) from error


async def _rotate(visit: Visit) -> Response:
    grace = duration(visit.form.get("grace", "").strip() or "24h")
    check = partial(visit.check, Scope.MANAGE)
    id_ = visit.request.path_params["id"]
    rotate = partial(visit.site.tokens.store.rotate, id_, grace, before_commit=check)
    return _created(visit, await asyncio.to_thread(rotate))


def _created(visit: Visit, new: NewToken) -> Response:
    old = f" in place of {new.replaces.id}" if new.replaces else ""
    _log.info("token %s created token %s%s", visit.by, new.info.id, old)
    if visit.session is not None:
        title = visit.t("settings_tokens.created", name=new.info.name or new.info.id)
        visit.session.once = Once(PATH, title, new.text, visit.t("settings_tokens.created_hint"))
    return visit.redirect(PATH)


async def _revoke(visit: Visit) -> Response:
    check = partial(visit.check, Scope.MANAGE)
    id_ = visit.request.path_params["id"]
    revoke = partial(visit.site.tokens.store.revoke, id_, before_commit=check)
    info = await asyncio.to_thread(revoke)
    _log.info("token %s revoked token %s", visit.by, info.id)
    visit.site.live.look_again()
    return visit.redirect(PATH, visit.t("settings_tokens.revoked", name=info.name or info.id))
