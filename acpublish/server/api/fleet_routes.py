"""The devices of the fleet over HTTP: ``read`` shows them, ``manage`` changes them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from acpublish.control.device_query import MAX_PAGE, DeviceFilter
from acpublish.errors import ConflictError, ManifestError, RequestError, SettingsError
from acpublish.fleet.device_changes import DeviceChange
from acpublish.server.api.authority import NOTE, Authority
from acpublish.server.api.bodies import json_of, read_sent
from acpublish.server.fleet_people import FleetPeople
from acpublish.server.tokens import Scope

_PAGE = 100
#: What names devices and their addresses is in no cache.
_PRIVATE = {"cache-control": "no-store"}


class FleetAccess:
    """The fleet, for whoever may see or change it."""

    def __init__(self, people: FleetPeople | None, authority: Authority) -> None:
        """Prepares the access.

        Args:
            people: The fleet; None for a server without one.
            authority: Who may see and change it.
        """
        self._people = people
        self._authority = authority

    def reader(self, request: Request) -> FleetPeople:
        """Returns the fleet for a request that only shows something.

        Raises:
            AcpublishError: The request is refused, or there is no fleet.
        """
        self._authority.need(request, Scope.READ)
        return self._known()

    def manager(self, request: Request) -> tuple[FleetPeople, str]:
        """Returns the fleet for a request that changes something, and the id of its token.

        Raises:
            AcpublishError: The request is refused, or there is no fleet.
        """
        token = self._authority.need(request, Scope.MANAGE)
        return self._known(), token.id

    def _known(self) -> FleetPeople:
        if self._people is None:
            raise ConflictError(
                "this server does not know its devices, because it runs with --no-fleet",
                hint="Start it without --no-fleet.",
            )
        return self._people


class FleetRoutes:
    """Shows and changes devices."""

    def __init__(self, access: FleetAccess) -> None:
        """Prepares the routes.

        Args:
            access: The fleet.
        """
        self._access = access

    async def devices(self, request: Request) -> Response:
        """Lists the devices to which all conditions apply, by their ids, page by page.

        Raises:
            AcpublishError: The request is refused, or a condition is invalid.
        """
        fleet = self._access.reader(request)
        with sent():
            wanted = _filter(request.query_params)
            limit = limit_of(request.query_params)
        after = request.query_params.get("cursor", "")
        return answer(await fleet.show(fleet.devices.devices(wanted, after, limit)))

    async def device(self, request: Request) -> Response:
        """Returns a device's story.

        Raises:
            AcpublishError: The request is refused, or there is no such device.
        """
        fleet = self._access.reader(request)
        return answer(await fleet.show(fleet.devices.show(request.path_params["device"])))

    async def explanation(self, request: Request) -> Response:
        """Says what a device would get now, and what each rule says of it.

        Raises:
            AcpublishError: The request is refused, or there is no such device.
        """
        fleet = self._access.reader(request)
        return answer(await fleet.show(fleet.devices.explain(request.path_params["device"])))

    async def status(self, request: Request) -> Response:
        """Counts the devices by product, board and version.

        Raises:
            AcpublishError: The request is refused.
        """
        fleet = self._access.reader(request)
        return answer(await fleet.show(fleet.devices.status()))

    async def change(self, request: Request) -> Response:
        """Changes what people say of a device and want for it, and returns its story.

        Raises:
            AcpublishError: The request is refused, or the change is.
        """
        fleet, _ = self._access.manager(request)
        document = await json_of(request)
        change = read_sent(lambda: DeviceChange.from_dict(document))
        with sent():
            story = await fleet.make(fleet.devices.change(request.path_params["device"], change))
        what = ", ".join(change.to_dict()) or "nothing"
        request.scope[NOTE] += f"; changed {what} of {story['id']}"
        return answer(story)

    async def retry(self, request: Request) -> Response:
        """Lets a device try again that was boxed, or that failed in a rollout.

        Raises:
            AcpublishError: The request is refused, or there is no such device.
        """
        fleet, _ = self._access.manager(request)
        story = await fleet.make(fleet.devices.retry(request.path_params["device"]))
        what = "may try again" if story["retried"] else "had not failed"
        request.scope[NOTE] += f"; {story['id']} {what}"
        return answer(story)

    async def retry_flagged(self, request: Request) -> Response:
        """Lets all devices try again that were boxed, or that failed in a rollout.

        Raises:
            AcpublishError: The request is refused.
        """
        fleet, _ = self._access.manager(request)
        devices = await fleet.make(fleet.devices.retry_flagged())
        request.scope[NOTE] += f"; {len(devices)} devices may try again"
        return answer({"devices": devices})

    async def forget(self, request: Request) -> Response:
        """Forgets a device, and returns what was known of it.

        Raises:
            AcpublishError: The request is refused, or there is no such device.
        """
        fleet, _ = self._access.manager(request)
        story = await fleet.make(fleet.devices.forget(request.path_params["device"]))
        request.scope[NOTE] += f"; forgot {story['id']}"
        return answer(story)


def answer(document: object, status: int = 200) -> Response:
    """Returns the response with a document about the fleet."""
    return JSONResponse(document, status, headers=_PRIVATE)


@contextlib.contextmanager
def sent() -> Iterator[None]:
    """Turns what is wrong with a value that a client sent into what the client hears.

    Raises:
        RequestError: A text or a number is invalid.
    """
    try:
        yield
    except (SettingsError, ManifestError) as error:
        raise RequestError(error.problem, hint=error.hint) from error


def limit_of(query: Mapping[str, str]) -> int:
    """Returns how many entries of a list a client wants at once.

    Raises:
        SettingsError: It is not a number from 1 to the most.
    """
    text = query.get("limit", str(_PAGE))
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 0 < int(text) <= MAX_PAGE):
        raise SettingsError(
            f"limit is not a number from 1 to {MAX_PAGE}", hint="Leave it out, or use fewer."
        )
    return int(text)


def _filter(query: Mapping[str, str]) -> DeviceFilter:
    return DeviceFilter.of(
        product=query.get("product"),
        board=query.get("board"),
        version=query.get("version"),
        tag=query.get("tag"),
        group=query.get("group"),
        not_seen_s=_seconds(query.get("not_seen_s")),
        stuck=_flag(query, "stuck"),
        flagged=_flag(query, "flagged"),
    )


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return float(text[:40])
    except ValueError as error:
        raise SettingsError(
            f"not_seen_s is {text[:40]!a}, which is not a number of seconds",
            hint="Use a number such as 86400.",
        ) from error


def _flag(query: Mapping[str, str], name: str) -> bool:
    value = query.get(name, "false")
    if value not in ("true", "false"):
        raise SettingsError(f"{name} is neither true nor false", hint="Leave it out for false.")
    return value == "true"
