"""The first page: what there is; with an empty catalog, the three steps to a first release."""

from __future__ import annotations

import asyncio
import heapq
import shlex
from typing import Any, NamedTuple

from starlette.responses import Response
from starlette.routing import Route

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.release.channels import Channels
from acpublish.release.manifest import Release
from acpublish.release.version import Version
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.visits import Visit, shows
from acpublish.server.tokens import Scope

_NEWEST = 10


class Newest(NamedTuple):
    """A release, as the list of the newest shows it."""

    release: Release
    channels: tuple[str, ...]

    @property
    def boards(self) -> str:
        """The boards that it is for."""
        return ", ".join(sorted({image.board for image in self.release.images}))

    @property
    def published(self) -> str:
        """When its first image was published."""
        return min(image.published_at for image in self.release.images)


def overview_routes(site: PageSite) -> list[Route]:
    """Returns the route, and names what can be watched: with the devices, and without."""

    async def counts(_: str) -> dict[str, str]:
        return {"counts": await site.part("overview_counts.html", **await _counts(site))}

    async def with_devices(_: str) -> dict[str, str]:
        values = await _counts(site)
        if site.state is not None:
            values["devices"] = len(site.state)
        return {"counts": await site.part("overview_counts.html", **values)}

    site.live.topic("overview", counts, needs=None)
    site.live.topic("fleet", with_devices)
    return [shows("/", _show, site)]


async def _show(visit: Visit) -> Response:
    values = await _counts(visit.site)
    if not values["products"]:
        return await visit.page("first_steps.html", steps=_steps(visit))
    if visit.site.state is not None and visit.may(Scope.READ):
        values["devices"] = len(visit.site.state)
    return await visit.page("overview.html", **values)


async def _counts(site: PageSite) -> dict[str, Any]:
    products, releases, newest = await asyncio.to_thread(_counted, site.catalog)
    return {"products": products, "releases": releases, "newest": newest, "devices": None}


def _counted(catalog: DirectoryCatalog) -> tuple[int, int, list[Newest]]:
    """Returns how many products and releases there are, and the newest of these."""
    products, count = catalog.products(), 0
    newest: list[Newest] = []
    for product in products:
        snapshot = catalog.snapshots.product(product)
        count += len(snapshot.releases)
        pointed = _pointed(snapshot.channels)
        for release in snapshot.releases:
            newest.append(Newest(release, tuple(sorted(pointed.get(release.version, ())))))
        newest = heapq.nlargest(_NEWEST, newest, key=lambda entry: entry.published)
    return len(products), count, newest


def _pointed(channels: Channels) -> dict[Version, set[str]]:
    """Returns which channels point at each version, for any board."""
    pointed: dict[Version, set[str]] = {}
    for channel, places in channels.pointers.items():
        for place in places:
            current = channels.current(channel, place)
            if current is not None:
                pointed.setdefault(current.version, set()).add(channel)
    return pointed


class Step(NamedTuple):
    """A step, with the commands to copy."""

    key: str
    commands: tuple[str, ...]


def _steps(visit: Visit) -> list[Step]:
    """Returns the steps; who is not on this machine learns nothing of its folders."""
    url, site = visit.url, visit.site
    where = ""
    if visit.is_local or visit.may(Scope.MANAGE):
        where = f" --state {shlex.quote(str(site.tokens.state))}"
    insecure = "" if url.startswith("https:") or visit.is_local else " --insecure-http"
    return [
        Step("token", (f"acpublish token create --publish '*'{where}",)),
        Step(
            "publish",
            (
                "export ACPUBLISH_TOKEN=acp_…",
                "acpublish publish firmware.bin --product lamp --version 1.0.0 \\\n"
                f"  --board d1_mini --to {url}{insecure}",
            ),
        ),
        Step("device", (f"acpublish emulate --to {url} --auto lamp/d1_mini --version 0.0.1",)),
    ]
