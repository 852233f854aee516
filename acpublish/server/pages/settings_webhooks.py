"""``/_/settings/webhooks``: who is told what happens to releases, rollouts and devices."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from starlette.responses import Response
from starlette.routing import Route

from acpublish.fleet.fleet_events import KINDS
from acpublish.notices.webhook_file import DEFAULT_EVENTS, FORMATS, new_webhook
from acpublish.notices.webhook_orders import WebhookOrders
from acpublish.server.api.routes import Shown
from acpublish.server.pages.page_routes import changes, shows
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.paging import paged
from acpublish.server.pages.sessions import Once
from acpublish.server.pages.settings_sections import ROOT, ROWS, or_again, section_page
from acpublish.server.pages.visits import Visit
from acpublish.server.tokens import Scope

_log = logging.getLogger("acpublish.server")

PATH = f"{ROOT}/webhooks"
#: The names of fields of the form.
_EVENT = "event"


def webhook_settings(site: PageSite) -> list[Route]:
    """Returns the routes."""
    # A test may take as long as a receiver wants, and other requests need the threads.
    testing = asyncio.Semaphore(1)
    return [
        shows(PATH, _show, site, Scope.MANAGE),
        changes(f"{PATH}/add", lambda visit: or_again(visit, _add, _show), site),
        changes(f"{PATH}/{{id}}/test", lambda visit: _test(visit, testing), site),
        changes(f"{PATH}/{{id}}/retry", _retry, site),
        changes(f"{PATH}/{{id}}/remove", _remove, site),
    ]


def _orders(visit: Visit) -> WebhookOrders:
    return WebhookOrders(visit.site.tokens.state)


async def _show(visit: Visit, status: int = 200, fault: Shown | None = None) -> Response:
    orders = _orders(visit)
    webhooks = await asyncio.to_thread(orders.all)
    lost = await asyncio.to_thread(orders.undelivered)
    events = [value for name, value in visit.fields if name == _EVENT]
    return await section_page(
        visit,
        PATH,
        "settings_webhooks.html",
        status,
        webhooks=webhooks,
        lost=paged(visit, lost[::-1], ROWS, PATH),
        fault=fault,
        form=visit.form,
        kinds=KINDS,
        chosen=events if visit.form else DEFAULT_EVENTS,
        formats=[(own, visit.t(f"settings_webhooks.format_{own}")) for own in FORMATS],
    )


async def _add(visit: Visit) -> Response:
    form = visit.form
    webhook = new_webhook(
        form.get("url", "").strip(),
        format_=form.get("format", FORMATS[0]),
        events=[value for name, value in visit.fields if name == _EVENT],
        token=form.get("token", "").strip(),
    )
    add = partial(_orders(visit).add, webhook, before_commit=partial(visit.check, Scope.MANAGE))
    added = await asyncio.to_thread(add)
    _log.info("token %s added webhook %s (%s)", visit.by, webhook.id, webhook.host)
    # Messages for ntfy are not signed, so they have no secret to show.
    if webhook.format == "standard" and visit.session is not None:
        title = visit.t("settings_webhooks.secret", url=added["url"])
        hint = visit.t("settings_webhooks.secret_hint")
        visit.session.once = Once(PATH, title, added["secret"], hint)
        return visit.redirect(PATH)
    return visit.redirect(PATH, visit.t("settings_webhooks.added", url=added["url"]))


async def _test(visit: Visit, testing: asyncio.Semaphore) -> Response:
    async with testing:
        result = await asyncio.to_thread(_orders(visit).test, visit.request.path_params["id"])
    if result["delivered"]:
        return visit.redirect(PATH, visit.t("settings_webhooks.delivered"))
    text = visit.t("settings_webhooks.not_delivered", error=result["error"])
    return visit.redirect(PATH, text, "bad")


async def _retry(visit: Visit) -> Response:
    check = partial(visit.check, Scope.MANAGE)
    id_ = visit.request.path_params["id"]
    await asyncio.to_thread(partial(_orders(visit).try_again, id_, before_commit=check))
    _log.info("token %s tries again what was undelivered to webhook %s", visit.by, id_)
    return visit.redirect(PATH, visit.t("settings_webhooks.retried"))


async def _remove(visit: Visit) -> Response:
    check = partial(visit.check, Scope.MANAGE)
    id_ = visit.request.path_params["id"]
    removed = await asyncio.to_thread(partial(_orders(visit).remove, id_, before_commit=check))
    _log.info("token %s removed webhook %s", visit.by, removed["id"])
    return visit.redirect(PATH, visit.t("settings_webhooks.removed", url=removed["url"]))
