"""``/_/rollouts``: all rollouts, the newest first."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from acpublish.control.fleet_state import FleetState
from acpublish.fleet.rollout import OPEN, Rollout
from acpublish.server.pages.overview_rows import RolloutRow, rollout_row
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.visits import Visit, shows
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
        listed = _listed(site.state, chosen, product)
        return await site.parts({"rows": "rollout_rows.html"}, rows=listed.rows(site.state))

    site.live.topic(_TOPIC, rows, look_every_s=2.0)
    if site.state is not None:
        site.state.listeners.append(lambda _: site.live.touch(_TOPIC))
    return [shows(PATH, _show, site, Scope.READ)]


class _Listed(NamedTuple):
    """A page of the list.

    Attributes:
        rollouts: The rollouts.
        first: The number of the first of them, from 1.
        total: How many there are in all.
    """

    rollouts: list[Rollout]
    first: int
    total: int

    def rows(self, state: FleetState) -> list[tuple[Rollout, RolloutRow | None]]:
        """Returns each with its counts, if it counts for anything; in the event loop."""
        lives = {live.rollout.id: live for own in state.products.values() for live in own.lives}
        return [
            (rollout, rollout_row(lives[rollout.id]) if rollout.id in lives else None)
            for rollout in self.rollouts
        ]


def _listed(state: FleetState, chosen: str, product: str, page: int = 1) -> _Listed:
    states = _CHOICES.get(chosen, _CHOICES[""])
    every = [
        rollout
        for rollout in state.rollouts.values()
        if product in ("", rollout.product) and (not states or rollout.state in states)
    ]
    every.sort(key=lambda rollout: -rollout.started_at)
    first = (page - 1) * PAGE
    return _Listed(every[first : first + PAGE], first + 1, len(every))


async def _show(visit: Visit) -> Response:
    visit.site.fleet()
    state, query = visit.site.state, visit.request.query_params
    if state is None:
        raise AssertionError("a fleet has a state")
    chosen, product = query.get("state", ""), query.get("product", "")
    number = query.get("page", "1")
    page = max(1, int(number)) if number.isascii() and number.isdigit() and len(number) < 8 else 1
    listed = _listed(state, chosen, product, page)
    last = listed.first + len(listed.rollouts) - 1

    def path(**values: str) -> str:
        query = {"state": chosen, "product": product, **values}
        kept = {name: value for name, value in query.items() if value}
        return f"{PATH}?{urlencode(kept)}" if kept else PATH

    return await visit.page(
        "rollouts.html",
        rows=listed.rows(state),
        tabs=[
            (visit.t(f"rollouts.list_{name or 'all'}"), path(state=name), name == chosen)
            for name in _CHOICES
        ],
        product=product,
        without_product=path(product=""),
        topic=f"{_TOPIC}:{chosen}/{product}" if page == 1 else "",
        range=(listed.first, last, listed.total),
        previous=path(page=str(page - 1)) if page > 1 else "",
        next=path(page=str(page + 1)) if last < listed.total else "",
    )
