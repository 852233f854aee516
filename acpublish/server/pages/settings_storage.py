"""``/_/settings/storage``: what is on the disk, what is free there, and how to copy it."""

from __future__ import annotations

import asyncio
import shlex

from starlette.responses import Response
from starlette.routing import Route

from acpublish.catalog.state import BESIDE_STORE
from acpublish.control.fleet_state import STORE_FILE
from acpublish.server.disk_usage import Disk, disk_usage
from acpublish.server.pages.page_routes import shows
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.paging import paged
from acpublish.server.pages.settings_sections import ROOT, ROWS, section_page
from acpublish.server.pages.visits import Visit
from acpublish.server.tokens import Scope

PATH = f"{ROOT}/storage"
#: Less is shown as a warning: a publish needs room for the image and its gzip.
_LITTLE_BYTES = 512 * 1024 * 1024


def storage_settings(site: PageSite) -> list[Route]:
    """Returns the routes."""
    return [shows(PATH, _show, site, Scope.READ)]


async def _show(visit: Visit) -> Response:
    site = visit.site
    async with site.threads:
        usage = await asyncio.to_thread(disk_usage, site.catalog, site.tokens.state)
    return await section_page(
        visit,
        PATH,
        "settings_storage.html",
        usage=usage,
        products=paged(visit, usage.products, ROWS, PATH),
        is_little=_is_little,
        commands=_commands(site) if visit.may(Scope.MANAGE) else (),
    )


def _is_little(disk: Disk) -> bool:
    return disk.free_bytes < _LITTLE_BYTES


def _commands(site: PageSite) -> tuple[str, ...]:
    """Returns the commands that copy all that cannot be made again."""
    folder = site.tokens.state
    state, catalog = shlex.quote(str(folder)), shlex.quote(str(site.catalog.root))
    beside = " ".join(name for name in BESIDE_STORE if (folder / name).exists())
    has_store = folder.joinpath(*STORE_FILE).exists()
    return (
        *([f"acpublish backup fleet-backup.db --state {state}"] if has_store else []),
        *([f"tar -czf state-backup.tar.gz -C {state} {beside}"] if beside else []),
        f"tar -czf catalog-backup.tar.gz -C {catalog} .",
    )
