"""``/_/devices/PRODUCT/MAC``: the story of a device, what it would get now, and what people want.

What is known of the device changes in place while the page is open; the forms below it do not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from acpublish.control.device_query import believed_version
from acpublish.control.fleet_access import Document
from acpublish.errors import AcpublishError, RequestError
from acpublish.fleet.device_changes import DeviceChange
from acpublish.fleet.explaining import is_kept_back
from acpublish.release import names
from acpublish.server.api.authority import NOTE
from acpublish.server.api.fleet_routes import sent
from acpublish.server.api.routes import shown
from acpublish.server.fleet_people import FleetPeople
from acpublish.server.pages.device_list import PATH, device_path
from acpublish.server.pages.page_routes import changes, shows
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.rendering import lasting
from acpublish.server.pages.visits import Visit
from acpublish.server.tokens import Scope

_TOPIC = "device"
#: What is sent of the page when it changes: the macros of ``device_story.html``.
_PARTS = ("figures", "now", "rules", "story")
_ROLLOUTS = "/_/rollouts"
#: The newest versions that are proposed for a pin.
_PROPOSED = 50
#: The forms, by what they do.
_DESCRIBE, _PIN, _HOLD, _CLEAR, _RETRY, _FORGET = (
    *("describe", "pin", "hold", "clear", "retry", "forget"),
)


def device_page_routes(site: PageSite) -> list[Route]:
    """Returns the routes, and names what can be watched."""
    page = _DevicePage(site)
    path = PATH + "/{device:path}"
    site.live.topic(_TOPIC, page.parts)
    return [shows(path, page.show, site, Scope.READ), changes(path, page.change, site)]


class _DevicePage:
    def __init__(self, site: PageSite) -> None:
        self._site = site

    async def parts(self, device_id: str) -> dict[str, str]:
        """Returns what changes of the page of a device; without the device, nothing does."""
        # Anything else than an id would be searched for among all names, again and again.
        if self._site.state is None or self._site.state.device(device_id) is None:
            return {}
        values = await self._story(device_id)
        part = self._site.part
        return {name: await part("device_part.html", part=name, **values) for name in _PARTS}

    async def show(self, visit: Visit) -> Response:
        ref = visit.request.path_params["device"]
        values = await self._story(ref)
        device = values["device"]
        if device["id"] != ref:
            return visit.redirect(device_path(device["id"]))
        return await self._page(visit, values)

    async def _story(self, ref: str) -> dict[str, Any]:
        """Returns what the part that changes shows.

        Raises:
            AcpublishError: There is no such device.
        """
        people = self._site.fleet()
        device = await people.show(people.devices.show(ref))
        known = people.devices.state.device(device["id"])
        return {
            "device": device,
            "believed": None if known is None else believed_version(known),
            "explained": (explained := await people.show(people.devices.explain(device["id"]))),
            "kept_back": is_kept_back(explained),
            "links_rollouts": any(entry.path == _ROLLOUTS for entry in self._site.navigation),
            "gap_texts": list(map(lasting, device["gaps"])),
        }

    async def _page(
        self,
        visit: Visit,
        values: Mapping[str, Any],
        status: int = 200,
        failed: str = "",
        problem: str = "",
        hint: str = "",
    ) -> Response:
        """Responds with the page; a problem is one of the form that failed."""
        device = values["device"]
        fields = {name: device[name] for name in ("name", "note")}
        fields |= {name: " ".join(device[name]) for name in ("tags", "groups")}
        fields |= {"version": device["pin"]["version"] if device["pin"] else ""}
        if failed:
            fields |= {name: visit.form[name] for name in fields if name in visit.form}
        versions: list[str] = []
        if visit.may(Scope.MANAGE):
            versions = await asyncio.to_thread(self._versions, device)
        return await visit.page(
            "device_page.html",
            status,
            **values,
            path=device_path(device["id"]),
            fields=fields,
            versions=versions,
            failed=failed,
            problem=problem,
            hint=hint,
        )

    def _versions(self, device: Document) -> list[str]:
        """Returns the newest versions that a device can be pinned to."""
        snapshot = self._site.catalog.snapshots.product(device["product"])
        fitting = [
            release.version
            for release in snapshot.releases
            if (image := release.image_for(device["board"], "firmware")) and not image.withdrawn
        ]
        newest = sorted(fitting, key=lambda version: version.precedence, reverse=True)
        return [str(version) for version in newest[:_PROPOSED]]

    async def change(self, visit: Visit) -> Response:
        """Does what one of the forms is for."""
        people, ref = self._site.fleet(), visit.request.path_params["device"]
        what = visit.form.get("what", "")
        values = await self._story(ref)
        device = values["device"]
        try:
            with sent():
                done = await self._make(visit, people, device["id"], what)
        except AcpublishError as error:
            status, _, problem, hint = shown(error)
            return await self._page(visit, values, status, what, problem, hint)
        self._site.live.touch(_TOPIC)
        text = visit.t(f"device.{done}", device=device["name"] or device["id"])
        return visit.redirect(PATH if what == _FORGET else device_path(device["id"]), text)

    async def _make(self, visit: Visit, people: FleetPeople, device_id: str, what: str) -> str:
        """Makes a change, and returns the key of the text that says so.

        Raises:
            AcpublishError: It is not possible.
        """
        devices = people.devices
        if what == _RETRY:
            story = await people.make(devices.retry(device_id))
            if not story["retried"]:
                return "nothing_to_retry"
            note = f"{device_id} may try again"
        elif what == _FORGET:
            await people.make(devices.forget(device_id))
            note = f"forgot {device_id}"
        else:
            change = _change(what, visit.form)
            await people.make(devices.change(device_id, change))
            note = f"changed {', '.join(change.to_dict()) or 'nothing'} of {device_id}"
        visit.request.scope[NOTE] += f"; {note}"
        return f"done_{what}"


def _change(what: str, form: Mapping[str, str]) -> DeviceChange:
    """Returns the change that a form is for.

    Raises:
        AcpublishError: There is no such form, or it has a version that is not one.
    """
    if what == _PIN:
        version = form.get("version", "").strip()
        return DeviceChange.to_version(version, order_back=form.get("order_back") == "yes")
    if what == _HOLD:
        return DeviceChange.to_nothing()
    if what == _CLEAR:
        return DeviceChange.to_anything()
    if what != _DESCRIBE:
        raise RequestError("this is not a form of a device", hint="Load the page again.")
    add_tags, remove_tags = _difference(form, "tags")
    add_groups, remove_groups = _difference(form, "groups")
    return DeviceChange(
        name=form.get("name"),
        note=form.get("note"),
        add_tags=add_tags,
        remove_tags=remove_tags,
        add_groups=add_groups,
        remove_groups=remove_groups,
    )


def _difference(form: Mapping[str, str], name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns what a form adds to the names that it showed, and what it removes of them.

    What somebody else has changed meanwhile stays.
    """
    before = names.listed(form.get(f"{name}_before", ""))
    after = names.listed(form.get(name, form.get(f"{name}_before", "")))
    return _without(after, before), _without(before, after)


def _without(own: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    others = set(others)
    return tuple(name for name in own if name not in others)
