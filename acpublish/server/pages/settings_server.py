"""``/_/settings``: how the server is, and what its log would say of problems."""

from __future__ import annotations

import asyncio
import platform
import time
from collections import Counter
from importlib.metadata import version
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.servable import signs_of_a_project
from acpublish.errors import AcpublishError
from acpublish.server.pages.page_routes import shows
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.settings_sections import ROOT, section_page
from acpublish.server.pages.visits import Visit
from acpublish.server.tokens import Scope

PATH = ROOT
TOPIC = "server"
#: The fleet's task turns every second; later than this, something keeps it.
_LATE_S = 10.0
_SHOWN_PROBLEMS = 25
_STATES = ("running", "waiting", "paused", "halted")


def server_settings(site: PageSite) -> list[Route]:
    """Returns the route, and names what can be watched."""

    async def health(_: str) -> dict[str, str]:
        return {"health": await site.part("settings_health.html", **await _health(site))}

    site.live.topic(TOPIC, health)
    return [shows(PATH, _show, site, Scope.READ)]


async def _show(visit: Visit) -> Response:
    site = visit.site
    return await section_page(
        visit,
        PATH,
        "settings_server.html",
        version=version("acpublish"),
        python=platform.python_version(),
        problems=site.problems.all()[:_SHOWN_PROBLEMS],
        **await _health(site),
    )


async def _health(site: PageSite) -> dict[str, Any]:
    """Returns how the server is; nothing in it is only for who may manage."""
    state, connections = site.state, site.connections
    rollouts = [] if state is None else list(state.rollouts.values())
    states = Counter(str(rollout.state) for rollout in rollouts)
    return {
        "started": site.started,
        "devices": None if state is None else len(state),
        "rollouts": {name: states[name] for name in _STATES},
        "connections": None if connections is None else len(connections.open),
        "most": 0 if connections is None else connections.most,
        "watchers": len(site.live),
        "signed_in": len(site.sessions),
        "store": _store(site),
        "late": _is_late(site),
        "faults": await asyncio.to_thread(_faults, site),
    }


def _store(site: PageSite) -> str:
    """Returns the key of what the fleet's store is doing."""
    state = site.state
    if state is None:
        return "none"
    if state.unread:
        return "unread"
    if state.store is None:
        return "waiting"
    return "away" if state.away else "open"


def _is_late(site: PageSite) -> bool:
    """Returns whether the task that keeps the fleet going is late."""
    state = site.state
    return state is not None and 0 < state.turned_at < time.time() - _LATE_S


def _faults(site: PageSite) -> list[str]:
    """Returns the keys of what is wrong now; called in a thread, because it reads files."""
    faults = []
    state = site.state
    if state is not None:
        if state.unreadable:
            faults.append("policies")
        if len(state) >= state.capacity:
            faults.append("full")
    try:
        site.catalog.need_present()
    except AcpublishError:
        faults.append("catalog")
    if not _manages(site):
        faults.append("manage")
    if _is_project(site.catalog):
        faults.append("project")
    return faults


def _manages(site: PageSite) -> bool:
    try:
        return site.tokens.has(Scope.MANAGE)
    except AcpublishError:
        return False


def _is_project(catalog: DirectoryCatalog) -> bool:
    return bool(signs_of_a_project(str(catalog.root)))
