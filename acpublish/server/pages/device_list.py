"""``/_/devices``: all devices, filtered, sorted and page by page; and changes of many at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from starlette.responses import Response
from starlette.routing import Route

from acpublish.control.device_index import DeviceIndex
from acpublish.control.device_query import TROUBLES, DeviceFilter
from acpublish.control.device_table import AWAY_S, Order
from acpublish.errors import AcpublishError, RequestError
from acpublish.fleet.describing import device_document
from acpublish.fleet.device_changes import DeviceChange
from acpublish.fleet.known_device import Device
from acpublish.release import names
from acpublish.release.durations import duration
from acpublish.server.api.authority import NOTE
from acpublish.server.api.fleet_routes import sent
from acpublish.server.api.routes import shown
from acpublish.server.fleet_people import FleetPeople
from acpublish.server.pages.page_routes import changes, shows
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.shared_results import SharedResults
from acpublish.server.pages.visits import Visit
from acpublish.server.tokens import Scope

PATH = "/_/devices"
PAGE = 50
#: How long a list is the same for all who look; what its rows say is always new.
_FRESH_S = 2.0
#: Looking at everything takes longer than a page may, so the counts may be older than the rows.
_INDEXED_S, _STALE_S = 30.0, 120.0
#: Each has 800 KB with 100,000 devices.
_MAX_LISTS = 16
#: The filters with a value, by the names of their fields.
_FILTERS = ("q", "product", "board", "version", "tag", "group", "not_seen", "trouble")
_FLAGS = ("flagged", "stuck")
_MORE = ("board", "version", "tag", "group", "not_seen", "trouble", *_FLAGS)
#: What can be done with many devices at once: the part of a change that each is.
_BULK = {
    "tag": "add_tags",
    "untag": "remove_tags",
    "group": "add_groups",
    "ungroup": "remove_groups",
}
_RETRY = "retry"
#: The orders that are proposed.
_ORDERS = (
    *("-last_seen", "last_seen", "device", "product", "board", "-runs", "runs"),
    *("-first_seen", "first_seen"),
)


def device_path(device_id: str) -> str:
    """Returns the path of a device's page."""
    return f"{PATH}/{quote(device_id, safe='/:~')}"


def device_list_routes(site: PageSite) -> list[Route]:
    """Returns the routes."""
    pages = _DeviceList(site)
    return [
        shows(PATH, pages.show, site, Scope.READ),
        changes(PATH, pages.change, site, Scope.MANAGE),
    ]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What somebody wants to see.

    Attributes:
        values: What the fields of the filter have, without those that are empty.
        order: The order.
        page: The number of the page, from 1.
    """

    values: Mapping[str, str]
    order: Order
    page: int = 1

    @classmethod
    def of(cls, sent: Mapping[str, str]) -> _Asked:
        values = {name: text for name in _FILTERS if (text := sent.get(name, "").strip())}
        values.update((name, "true") for name in _FLAGS if sent.get(name) == "true")
        number = sent.get("page", "1")
        is_number = number.isascii() and number.isdigit() and len(number) < 8
        page = max(1, int(number)) if is_number else 1
        return cls(values, Order.parse(sent.get("sort", "")), page)

    def filter(self) -> DeviceFilter:
        """Returns the conditions.

        Raises:
            AcpublishError: One of them is not valid.
        """
        get = self.values.get
        not_seen = get("not_seen")
        return DeviceFilter.of(
            product=get("product"),
            board=get("board"),
            version=get("version"),
            tag=get("tag"),
            group=get("group"),
            not_seen_s=None if not_seen is None else duration(not_seen).total_seconds(),
            stuck="stuck" in self.values,
            flagged="flagged" in self.values,
            trouble=get("trouble"),
            text=get("q", ""),
        )

    def path(self, page: int = 1, order: Order | None = None) -> str:
        """Returns the path of this list, sorted in an order, at one of its pages."""
        query = dict(self.values)
        order = order or self.order
        if order != Order():
            query["sort"] = str(order)
        if page > 1:
            query["page"] = str(page)
        return f"{PATH}?{urlencode(query)}" if query else PATH

    def by(self, column: str) -> tuple[str, str]:
        """Returns the path that sorts by a column, and how this list is sorted by it now."""
        if column != self.order.column:
            return self.path(order=Order(column, column.endswith("_seen"))), ""
        turned = self.order._replace(descending=not self.order.descending)
        return self.path(order=turned), "descending" if self.order.descending else "ascending"


def _orders(order: Order) -> list[str]:
    """Returns what a list can be sorted by; how it is sorted now is always among it."""
    now = str(order)
    return [*_ORDERS, now] if now not in _ORDERS else list(_ORDERS)


class _Row(NamedTuple):
    """A device as the table shows it."""

    path: str
    device: Mapping[str, Any]


class _DeviceList:
    def __init__(self, site: PageSite) -> None:
        self._site = site
        self._lists: SharedResults[list[Device]] = SharedResults(_FRESH_S, _MAX_LISTS)
        self._index: SharedResults[DeviceIndex] = SharedResults(_INDEXED_S, 1, _STALE_S)

    async def show(self, visit: Visit) -> Response:
        return await self._page(visit, _Asked.of(visit.request.query_params))

    async def _page(
        self, visit: Visit, asked: _Asked, error: AcpublishError | None = None
    ) -> Response:
        """Responds with a list; an error is one of the form below it."""
        people = self._site.fleet()
        status, problem, hint, devices = 200, "", "", list[Device]()
        bulk_problem = bulk_hint = ""
        index = await self._indexed(people)
        try:
            with sent():
                wanted = asked.filter()
            devices = await self._lists.get(
                (wanted, asked.order),
                lambda: people.show(people.devices.matching(index, wanted, asked.order)),
            )
        except AcpublishError as wrong:
            status, _, problem, hint = shown(wrong)
        if error is not None:
            status, _, bulk_problem, bulk_hint = shown(error)
        pages = max(1, -(-len(devices) // PAGE))
        asked = replace(asked, page=min(asked.page, pages))
        begin = (asked.page - 1) * PAGE
        return await visit.page(
            "device_list.html",
            status,
            asked=asked,
            rows=[
                _Row(device_path(device.id), device_document(device))
                for device in devices[begin : begin + PAGE]
            ],
            begin=begin,
            count=len(devices),
            pages=pages,
            in_all=len(people.devices.state),
            totals=index.totals,
            away=f"{AWAY_S // 3600}h",
            orders=_orders(asked.order),
            troubles=TROUBLES,
            wanted={name: asked.values.get(name, "") for name in (*_FILTERS, *_FLAGS)},
            bulk={name: visit.form.get(name, "") for name in ("which", "what", "marks")},
            selected={text for name, text in visit.fields if name == "device"},
            opened=any(name in asked.values for name in _MORE),
            problem=problem,
            hint=hint,
            bulk_problem=bulk_problem,
            bulk_hint=bulk_hint,
        )

    async def _indexed(self, people: FleetPeople) -> DeviceIndex:
        if people.devices.state.lately is None:
            self._index.forget()
        return await self._index.get("", lambda: people.show(people.devices.index()))

    async def change(self, visit: Visit) -> Response:
        """Changes the devices that are selected, or all that the filter shows."""
        people, form = self._site.fleet(), visit.form
        asked = _Asked.of(form)
        try:
            with sent():
                text = await self._changed(visit, people, asked)
        except AcpublishError as error:
            return await self._page(visit, asked, error)
        self._lists.forget()
        self._index.forget()
        return visit.redirect(asked.path(asked.page), text)

    async def _changed(self, visit: Visit, people: FleetPeople, asked: _Asked) -> str:
        """Makes the change; returns what the next page says of it.

        Raises:
            AcpublishError: It is not possible.
        """
        what = visit.form.get("what", "")
        if what == _RETRY:
            count = len(await people.make(people.devices.retry_flagged()))
            visit.request.scope[NOTE] += f"; {count} devices may try again"
            return visit.t("devices.retried", n=count)
        if what not in _BULK:
            raise RequestError("this is not something to do with devices", hint="Choose again.")
        marks = list(names.listed(visit.form.get("marks", "")))
        if not marks:
            raise RequestError("no tag or group is named", hint="Name at least one.")
        devices = await self._meant(visit, people, asked)
        change = DeviceChange.from_dict({_BULK[what]: list(marks)})
        count = await people.make(people.devices.change_all(devices, change))
        visit.request.scope[NOTE] += f"; changed {_BULK[what]} of {count} devices"
        return visit.t(f"devices.done_{what}", n=count, marks=", ".join(marks))

    async def _meant(self, visit: Visit, people: FleetPeople, asked: _Asked) -> list[Device]:
        """Returns the devices that a change is for.

        Raises:
            RequestError: None is selected.
        """
        if visit.form.get("which") == "all":
            wanted, index = asked.filter(), await self._indexed(people)
            return await people.show(people.devices.matching(index, wanted, asked.order))
        ids = [text for name, text in visit.fields if name == "device"]
        devices = [people.devices.state.device(device_id) for device_id in ids]
        meant = [device for device in devices if device is not None]
        if not meant:
            raise RequestError(
                "no device is selected",
                hint="Select some in the table, or choose all that the filter shows.",
            )
        return meant
