"""``/_/settings/device-access``: which devices may have the images of a product."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from functools import partial

from starlette.responses import Response
from starlette.routing import Route

from acpublish.errors import SettingsError
from acpublish.release import names
from acpublish.release.grants import EVERY_PRODUCT
from acpublish.server.api.routes import Shown
from acpublish.server.device_access_file import DeviceAccessStore
from acpublish.server.device_secrets import new_password
from acpublish.server.pages.page_routes import changes, shows
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.paging import paged
from acpublish.server.pages.sessions import Once
from acpublish.server.pages.settings_sections import ROOT, ROWS, or_again, section_page
from acpublish.server.pages.visits import Visit
from acpublish.server.tokens import Scope

_log = logging.getLogger("acpublish.server")

PATH = f"{ROOT}/device-access"


def access_settings(site: PageSite) -> list[Route]:
    """Returns the routes."""
    return [
        shows(PATH, _show, site, Scope.MANAGE),
        changes(f"{PATH}/credentials", lambda visit: or_again(visit, _set, _show), site),
        changes(f"{PATH}/credentials/revoke", _revoke, site),
        changes(f"{PATH}/paths", lambda visit: or_again(visit, _create_path, _show), site),
        changes(f"{PATH}/paths/{{id}}/revoke", _revoke_path, site),
    ]


def _store(visit: Visit) -> DeviceAccessStore:
    return DeviceAccessStore(visit.site.tokens.state)


async def _show(visit: Visit, status: int = 200, fault: Shown | None = None) -> Response:
    stored = await asyncio.to_thread(_store(visit).all)
    entries = sorted(stored.credentials, key=lambda entry: (entry.product, entry.user))
    return await section_page(
        visit,
        PATH,
        "settings_access.html",
        status,
        credentials=paged(visit, entries, ROWS, PATH),
        users=Counter(entry.product for entry in entries),
        paths=stored.paths,
        fault=fault,
        form=visit.form,
    )


async def _set(visit: Visit) -> Response:
    form = visit.form
    product, user = names.product(form.get("product", "").strip()), form.get("user", "").strip()
    given = form.get("password", "")
    password = given or new_password()
    check = partial(visit.check, Scope.MANAGE)
    save = partial(_store(visit).set_credentials, product, user, password, before_commit=check)
    await asyncio.to_thread(save)
    _log.info("token %s set credentials of devices for %s", visit.by, product)
    if given:
        return _done(visit, "is_set", [product], product=product, user=user)
    _show_once(visit, visit.t("settings_access.password", product=product, user=user), password)
    return _done(visit, "", [product])


async def _revoke(visit: Visit) -> Response:
    form = visit.form
    product, user = form.get("product", ""), form.get("user", "")
    revoke = partial(
        _store(visit).revoke_credentials,
        product,
        user,
        opens="opens" in form,
        before_commit=partial(visit.check, Scope.MANAGE),
    )
    await asyncio.to_thread(revoke)
    _log.info("token %s revoked credentials of devices for %s", visit.by, product)
    return _done(visit, "revoked", product=product, user=user)


async def _create_path(visit: Visit) -> Response:
    every = "every" in visit.form
    products = tuple(map(names.product, names.listed(visit.form.get("products", ""))))
    if every == bool(products):
        raise SettingsError(
            "a secret path is for some products, or for every product",
            hint="Name the products, or choose every product.",
        )
    name = visit.form.get("name", "").strip()
    create = partial(
        _store(visit).create_path,
        (EVERY_PRODUCT,) if every else products,
        name,
        before_commit=partial(visit.check, Scope.MANAGE),
    )
    path, made = await asyncio.to_thread(create)
    _log.info("token %s created secret path %s", visit.by, made.id)
    _show_once(visit, visit.t("settings_access.path", name=name or made.id), path)
    return _done(visit, "", products)


async def _revoke_path(visit: Visit) -> Response:
    check = partial(visit.check, Scope.MANAGE)
    id_ = visit.request.path_params["id"]
    path = await asyncio.to_thread(partial(_store(visit).revoke_path, id_, before_commit=check))
    _log.info("token %s revoked secret path %s", visit.by, path.id)
    return _done(visit, "path_revoked", name=path.name or path.id)


def _show_once(visit: Visit, title: str, secret: str) -> None:
    if visit.session is not None:
        visit.session.once = Once(PATH, title, secret, visit.t("settings_access.once_hint"))


def _done(
    visit: Visit, key: str, products: tuple[str, ...] | list[str] = (), **values: str
) -> Response:
    """Leads back, with a line that something was done, and a warning of unknown products."""
    for product in products:
        if not visit.site.catalog.owns(product) and visit.session is not None:
            visit.session.note("warn", visit.t("settings_access.unknown", product=product))
    text = visit.t(f"settings_access.{key}", **values) if key else ""
    return visit.redirect(PATH, text)
