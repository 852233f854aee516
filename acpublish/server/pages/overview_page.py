"""The first page: what there is and what happens; with an empty catalog, the three steps.

Whoever may read the fleet watches the topic ``fleet``, with the product and the time that the chart
shows behind its colon, and everybody else ``overview``. Both are made once for all who watch.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from acpublish.control.fleet_state import FleetState
from acpublish.control.fleet_summary import FleetSummary, all_devices, summed_up
from acpublish.fleet.adoption_history import OTHERS, UNKNOWN
from acpublish.fleet.fleet_events import FleetEvent
from acpublish.fleet.moments import NO_TIME
from acpublish.server.pages.adoption_figures import SPANS, Adoption, adoption
from acpublish.server.pages.copied_commands import first_steps
from acpublish.server.pages.newest_releases import NewestReleases
from acpublish.server.pages.overview_rows import (
    check_in_rows,
    news_rows,
    rollout_rows,
)
from acpublish.server.pages.page_routes import shows
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.page_texts import PageTexts
from acpublish.server.pages.seldom import Seldom
from acpublish.server.pages.visits import Visit
from acpublish.server.tokens import Scope

#: How many events are looked at; what many devices do is one row.
_EVENTS = 200
#: How long the page waits until all devices are counted.
_PATIENCE_S = 0.02
#: How long a chart is the same.
_CHART_S = 10
#: How many products have a link above the chart.
_PRODUCTS = 8
_PUBLIC = ("counts", "releases")
_FLEET = ("counts", "versions", "attention", "rollouts", "check_ins", "news", "releases")


def overview_routes(site: PageSite) -> list[Route]:
    """Returns the route, and names what can be watched."""
    overview = _Overview(site)
    return [shows("/", overview.show, site)]


class _Overview:
    """Makes the page, and the parts of it that change."""

    def __init__(self, site: PageSite) -> None:
        self._site = site
        newest = NewestReleases(site.catalog)
        self._releases = Seldom(partial(asyncio.to_thread, newest.read))
        self._news: deque[FleetEvent] = deque(maxlen=_EVENTS)
        self._summary = Seldom(partial(_summary, site.state))
        site.live.topic("overview", self._public, needs=None, is_one=True)
        site.live.topic("first-steps", self._first_release, needs=None, is_one=True)
        site.live.topic("fleet", self._watched, look_every_s=1.0)
        if site.state is not None:
            site.state.listeners.append(self._news.append)

    async def show(self, visit: Visit) -> Response:
        """Responds with the page."""
        releases = await self._releases.get()
        if not releases.products:
            return await visit.page("first_steps.html", steps=first_steps(visit))
        values: dict[str, Any] = {"releases": releases, "summary": None}
        topic = "overview"
        if visit.may(Scope.READ) and self._site.state is not None:
            visit.need(Scope.READ)
            query = visit.request.query_params
            product, span = query.get("product", ""), query.get("time", "")
            # Only what there is may be behind the colon: each is made by itself.
            product = product if product in self._site.state.products else ""
            span = span if span in SPANS else ""
            summary = await self._summary.soon(_PATIENCE_S)
            values = await self._fleet(self._site.state, summary, product, span)
            topic = f"fleet:{product}/{span}" if product or span else "fleet"
        return await visit.page("overview.html", topic=topic, **values)

    async def _first_release(self, _: str) -> dict[str, str]:
        """Has the page with the three steps ask for itself again once they are done."""
        return {"ended": ""} if (await self._releases.get()).products else {}

    async def _public(self, _: str) -> dict[str, str]:
        values = {"releases": await self._releases.get(), "summary": None}
        return await self._site.parts({name: f"overview_{name}.html" for name in _PUBLIC}, **values)

    async def _watched(self, chosen: str) -> dict[str, str]:
        if self._site.state is None:
            return await self._public("")
        product, _, span = chosen.partition("/")
        # Anybody can watch what there is not, under any number of names.
        if (product and product not in self._site.state.products) or (span and span not in SPANS):
            return {}
        summary = await self._summary.get()
        values = await self._fleet(self._site.state, summary, product, span)
        return await self._site.parts({name: f"overview_{name}.html" for name in _FLEET}, **values)

    async def _fleet(
        self, state: FleetState, counted: FleetSummary | None, product: str, span: str
    ) -> dict[str, Any]:
        """Returns what the parts with devices show."""
        releases = await self._releases.get()
        # The page does not wait for a count that takes long; whoever watches gets it.
        summary = counted or FleetSummary(devices=len(state), today=0, versions=(), troubles={})
        history = state.store.history if state.store is not None else None
        hours, minutes = (history.hours, tuple(history.minutes)) if history else ((), ())
        # Otherwise the chart would be another one each second.
        at = int(state.clock.now().at) // _CHART_S * _CHART_S
        own = adoption(summary, hours, minutes, at, product, span)
        return {
            "releases": releases,
            "summary": summary,
            "counted": counted is not None,
            "adoption": own,
            **_adoption_links(own, self._site.rendering.texts),
            "rollouts": rollout_rows(state),
            "check_ins": check_in_rows(self._site.check_ins, state),
            "news": news_rows(self._news),
            "away": state.away if state.store is not None else "",
        }


async def _summary(state: FleetState | None) -> FleetSummary:
    if state is None:
        return summed_up([], NO_TIME)
    return await asyncio.to_thread(summed_up, all_devices(state), state.clock.now())


def _adoption_links(own: Adoption, t: PageTexts) -> dict[str, Any]:
    """Returns the links of the chart, and the bars beside it."""
    names = {OTHERS: t("overview.others"), UNKNOWN: t("overview.unknown")}
    others = own.product, *(name for name in own.products if name != own.product)
    return {
        "adoption_tabs": [
            (
                t(f"overview.span_{span}"),
                _path("/", product=own.product, time=span),
                span == own.span,
            )
            for span in SPANS
        ],
        "product_tabs": [
            (product, _path("/", product=product), product == own.product)
            for product in sorted(others[:_PRODUCTS])
        ],
        "version_bars": [
            (
                names.get(series.name, series.name),
                series.values[-1],
                series.kind,
                ""
                if series.name in names
                else _path("/_/devices", product=own.product, version=series.name),
            )
            for series in own.counts
        ],
    }


def _path(path: str, **query: str) -> str:
    return f"{path}?{urlencode(query)}"
