"""``/_/rollouts``: all rollouts, the newest first."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response
from starlette.routing import Route

from acpublish.control.fleet_state import FleetState
from acpublish.fleet.rollout import OPEN, Rollout
from acpublish.server.pages.overview_rows import RolloutRow, rollout_row
from acpublish.server.pages.page_routes import shows
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.paging import address, paged
from acpublish.server.pages.visits import Visit
from acpublish.server.tokens import Scope

PATH = "/_/rollouts"
PAGE = 25
_TOPIC = "rollouts"
#: What the list can be limited to, by the states of rollouts.
_CHOICES = {
    "": frozenset[str](),
    "open": frozenset[str](OPEN),
    "halted": frozenset({"halted"}),
    "ended": frozenset({"complete", "aborted", "superseded"}),
}


def rollout_list_routes(site: PageSite) -> list[Route]:
    """Returns the route, and names what can be watched."""

    async def rows(wanted: str) -> dict[str, str]:
        if site.state is None:
            return {}
        chosen, _, product = wanted.partition("/")
        # Anybody can watch what there is not, under any number of names.
        if chosen not in _CHOICES or (product and product not in site.state.products):
            return {}
        rollouts = _listed(site.state, chosen, product)[:PAGE]
        return await site.parts({"rows": "rollout_rows.html"}, rows=_rows(site.state, rollouts))

    site.live.topic(_TOPIC, rows, look_every_s=2.0)
    if site.state is not None:
        site.state.listeners.append(lambda _: site.live.touch(_TOPIC))
    return [shows(PATH, _show, site, Scope.READ)]


def _rows(
    state: FleetState, rollouts: Sequence[Rollout]
) -> list[tuple[Rollout, RolloutRow | None]]:
    """Returns each with its counts, if it counts for anything; in the event loop."""
    lives = {live.rollout.id: live for own in state.products.values() for live in own.lives}
    return [
        (rollout, rollout_row(lives[rollout.id]) if rollout.id in lives else None)
        for rollout in rollouts
    ]


def _listed(state: FleetState, chosen: str, product: str) -> list[Rollout]:
    """Returns the rollouts of the list, the newest first."""
    states = _CHOICES.get(chosen, _CHOICES[""])
    listed = [
        rollout
        for rollout in state.rollouts.values()
        if product in ("", rollout.product) and (not states or rollout.state in states)
    ]
    return sorted(listed, key=lambda rollout: -rollout.started_at)


async def _show(visit: Visit) -> Response:
    visit.site.fleet()
    state, query = visit.site.state, visit.request.query_params
    if state is None:
        raise AssertionError("a fleet has a state")
    chosen, product = query.get("state", ""), query.get("product", "")
    page = paged(visit, _listed(state, chosen, product), PAGE)
    return await visit.page(
        "rollouts.html",
        rows=_rows(state, page.items),
        page=page,
        tabs=[
            (
                visit.t(f"rollouts.list_{name or 'all'}"),
                PATH + address(visit, state=name, page=""),
                name == chosen,
            )
            for name in _CHOICES
        ],
        product=product,
        without_product=PATH + address(visit, product="", page=""),
        topic="" if page.previous else f"{_TOPIC}:{chosen}/{product}",
    )
