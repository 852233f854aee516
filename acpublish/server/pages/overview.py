"""The first page: what there is; with an empty catalog, the three steps to a first release."""

from __future__ import annotations

import asyncio
import heapq
import shlex
from typing import NamedTuple

from starlette.responses import Response
from starlette.routing import Route

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.release.manifest import Release
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.visits import Visit, shows
from acpublish.server.tokens import Scope

_NEWEST = 10


class Newest(NamedTuple):
    """A release, as the list of the newest shows it."""

    release: Release

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that point at any of its images."""
        return tuple(sorted({name for image in self.release.images for name in image.channels}))

    @property
    def boards(self) -> str:
        """The boards that it is for."""
        return ", ".join(sorted({image.board for image in self.release.images}))

    @property
    def published(self) -> str:
        """When its first image was published."""
        return min(image.published_at for image in self.release.images)


def overview_routes(site: PageSite) -> list[Route]:
    """Returns the route."""
    return [shows("/", _show, site)]


async def _show(visit: Visit) -> Response:
    products, releases, newest = await asyncio.to_thread(_counted, visit.site.catalog)
    if not products:
        return await visit.page("first_steps.html", steps=_steps(visit))
    state = visit.site.state
    return await visit.page(
        "overview.html",
        products=products,
        releases=releases,
        newest=newest,
        devices=len(state) if state is not None and visit.may(Scope.READ) else None,
    )


def _counted(catalog: DirectoryCatalog) -> tuple[int, int, list[Newest]]:
    """Returns how many products and releases there are, and the newest of these."""
    products, count = catalog.products(), 0
    newest: list[Newest] = []
    for product in products:
        snapshot = catalog.snapshots.product(product)
        count += len(snapshot.releases)
        newest += map(Newest, snapshot.releases)
        newest = heapq.nlargest(_NEWEST, newest, key=lambda entry: entry.published)
    return len(products), count, newest


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
    insecure = "" if url.startswith("https:") else " --insecure-http"
    return [
        Step("token", (f"acpublish token create --publish '*'{where}",)),
        Step(
            "publish",
            (
                "export ACPUBLISH_TOKEN=acp_…",
                "acpublish publish firmware.bin --product lamp --version 1.0.0 "
                f"--board d1_mini --to {url}{insecure}",
            ),
        ),
        Step("device", (f"acpublish emulate --to {url} --auto lamp/d1_mini --version 0.0.1",)),
    ]
