"""``/_/rollouts/ID``: how far a rollout is, the devices behind it, and what can be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import Any
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from acpublish.bounded import BoundedDict
from acpublish.control.operations import Document, Operation
from acpublish.errors import AcpublishError, NotFoundError
from acpublish.fleet.rollout import OPEN
from acpublish.release.text import cleaned
from acpublish.server.api.authority import NOTE
from acpublish.server.api.fleet_routes import sent
from acpublish.server.api.routes import Shown, shown
from acpublish.server.fleet_people import FleetPeople
from acpublish.server.pages.page_routes import changes, shows
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.rollout_list import PATH
from acpublish.server.pages.seldom import Seldom
from acpublish.server.pages.visits import Visit
from acpublish.server.tokens import Scope

_TOPIC = "rollout"
_ID = PATH + "/{rollout}"
#: How many rollouts are looked at at the same time.
_MAX_WATCHED = 100
_SHOWN = 80

Order = Callable[[FleetPeople, str, str, str], Operation[Document]]
#: What can be done: the fleet, the rollout, the reason, and who does it.
_ORDERS: Mapping[str, Order] = {
    "pause": lambda fleet, key, why, by: fleet.rollouts.pause(key, why, by=by),
    "resume": lambda fleet, key, _, by: fleet.rollouts.resume(key, by=by),
    "advance": lambda fleet, key, _, by: fleet.rollouts.advance(key, by=by),
    "abort": lambda fleet, key, why, by: fleet.rollouts.abort(key, why, by=by),
}


def rollout_path(rollout_id: str) -> str:
    """Returns the path of a rollout's page."""
    return f"{PATH}/{quote(rollout_id, safe='')}"


def rollout_page_routes(site: PageSite) -> list[Route]:
    """Returns the routes, and names what can be watched."""
    pages = _RolloutPages(site)
    return [
        shows(_ID, pages.show, site, Scope.READ),
        shows(f"{_ID}/actions", pages.actions, site, Scope.READ),
        changes(f"{_ID}/retry", pages.retry, site),
        *(changes(f"{_ID}/{what}", partial(pages.order, what), site) for what in _ORDERS),
    ]


class _RolloutPages:
    """Shows rollouts, and changes them as the API does."""

    def __init__(self, site: PageSite) -> None:
        self._site = site
        self._details: BoundedDict[str, Seldom[Document]] = BoundedDict(_MAX_WATCHED)
        site.live.topic(_TOPIC, self._watched, look_every_s=1.0)

    async def _document(self, key: str) -> Document:
        """Returns a rollout's details, the same for all who look at about the same time.

        Raises:
            NotFoundError: There is no such rollout.
        """
        fleet, state = self._site.fleet(), self._site.state
        if state is None or key not in state.rollouts:
            raise NotFoundError(
                f"there is no rollout {cleaned(key[:_SHOWN])!r}", hint=f"See {PATH}."
            )
        details = self._details.get(key)
        if details is None:

            async def look() -> Document:
                return await fleet.show(fleet.rollouts.rollout(key))

            details = self._details[key] = Seldom(look)
        return await details.get()

    def _values(self, document: Document) -> dict[str, Any]:
        """Returns what the parts show that change; in the event loop."""
        state = self._site.state
        names = {}
        for of_stage in document["devices"]:
            for keys in of_stage.values():
                for key in keys:
                    device = state.device(key) if state is not None else None
                    names[key] = device.name if device is not None else ""
        holds = [stage["devices"] for stage in document["stages"]]
        sums = {
            name: sum(stage[name] for stage in document["stages"])
            for name in ("offered", "delivered", "running", "failed", "unrecognised", "pending")
        }
        added = [holds[0], *(after - before for before, after in pairwise(holds))]
        return {
            "rollout": document,
            "sums": sums,
            "sizes": added,
            "total": holds[-1],
            "names": names,
        }

    async def _watched(self, key: str) -> dict[str, str]:
        try:
            values = self._values(await self._document(key))
        except AcpublishError:
            # Anybody can watch what there is not, and the page says why it cannot be read.
            return {}
        templates = {"progress": "rollout_progress.html", "state": "rollout_state.html"}
        return await self._site.parts(templates, **values)

    async def show(self, visit: Visit) -> Response:
        """Responds with the page."""
        return await self._page(visit)

    async def _page(self, visit: Visit, error: Shown | None = None) -> Response:
        document = await self._document(visit.request.path_params["rollout"])
        values = {**self._values(document), **self._allowed(visit, document)}
        status = 200 if error is None else error.status
        return await visit.page("rollout.html", status, error=error, topic=_TOPIC, **values)

    async def actions(self, visit: Visit) -> Response:
        """Responds with the buttons alone, which the page loads when the state has changed."""
        document = await self._document(visit.request.path_params["rollout"])
        values = {**self._values(document), **self._allowed(visit, document)}
        return await visit.page("rollout_actions.html", **values)

    def _allowed(self, visit: Visit, document: Document) -> dict[str, Any]:
        """Returns what whoever looks can do with a rollout as it is."""
        state, may = document["state"], visit.may(Scope.MANAGE)
        ids = [key for of_stage in document["devices"] for key in of_stage["failed"]]
        return {
            "path": rollout_path(document["id"]),
            "may": {
                "pause": may and state in ("running", "waiting"),
                "resume": may and state == "paused",
                "advance": may and state in ("running", "waiting"),
                "abort": may and state in {*OPEN, "halted"},
                "retry": may and state in OPEN and bool(ids),
                "again": may and state in ("halted", "aborted"),
            },
        }

    async def order(self, what: str, visit: Visit) -> Response:
        """Changes a rollout, and shows it; what was refused is shown on the page."""
        fleet, key = self._site.fleet(), visit.request.path_params["rollout"]
        try:
            with sent():
                await fleet.make(_ORDERS[what](fleet, key, visit.form.get("reason", ""), visit.by))
        except AcpublishError as error:
            self._changed(key)
            return await self._page(visit, shown(error))
        visit.request.scope[NOTE] += f"; {what} {key}"
        return self._done(visit, key, visit.t(f"rollouts.done_{what}", id=key))

    async def retry(self, visit: Visit) -> Response:
        """Lets the devices that failed try again."""
        fleet, key = self._site.fleet(), visit.request.path_params["rollout"]
        try:
            count = await fleet.make(fleet.devices.retry_failed(key))
        except AcpublishError as error:
            self._changed(key)
            return await self._page(visit, shown(error))
        visit.request.scope[NOTE] += f"; retried {count} devices of {key}"
        return self._done(visit, key, visit.t("rollouts.done_retry", n=count, devices=count))

    def _done(self, visit: Visit, key: str, text: str) -> Response:
        self._changed(key)
        return visit.redirect(rollout_path(key), text)

    def _changed(self, key: str) -> None:
        self._details.pop(key, None)
        self._site.live.touch(_TOPIC)
