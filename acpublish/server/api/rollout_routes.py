"""Rollouts over HTTP: ``read`` shows them, ``manage`` starts, changes and ends them."""

from __future__ import annotations

from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from acpublish.control.operations import Document, Operation
from acpublish.fleet.policy import Policy
from acpublish.release import names
from acpublish.release.documents import Fields
from acpublish.release.names import BoardName, ChannelName, ProductName
from acpublish.release.version import Version
from acpublish.server.api.authority import NOTE
from acpublish.server.api.bodies import json_of, read_sent
from acpublish.server.api.fleet_routes import FleetAccess, answer, limit_of, sent
from acpublish.server.api.policy_routes import policy_sent
from acpublish.server.fleet_people import FleetPeople

_FIX = "See the reference of the HTTP API."


class RolloutRoutes:
    """Shows and changes rollouts."""

    def __init__(self, access: FleetAccess) -> None:
        """Prepares the routes.

        Args:
            access: The fleet.
        """
        self._access = access

    async def rollouts(self, request: Request) -> Response:
        """Lists the rollouts, also those that have ended, the oldest first, page by page.

        Raises:
            AcpublishError: The request is refused.
        """
        fleet, query = self._access.reader(request), request.query_params
        product, cursor = query.get("product"), query.get("cursor", "")
        with sent():
            operation = fleet.rollouts.rollouts(product, cursor, limit_of(query))
            return answer(await fleet.show(operation))

    async def rollout(self, request: Request) -> Response:
        """Returns a rollout's details.

        Raises:
            AcpublishError: The request is refused, or there is no such rollout.
        """
        fleet = self._access.reader(request)
        return answer(await fleet.show(fleet.rollouts.rollout(request.path_params["rollout"])))

    async def plan(self, request: Request) -> Response:
        """Says how many devices each stage of a rollout would reach, with those before it.

        Raises:
            AcpublishError: The request is refused, or there is no such release or image.
        """
        fleet = self._access.reader(request)
        document = await json_of(request)
        wanted = read_sent(lambda: _Plan.of(document))
        with sent():
            stages = await fleet.show(fleet.rollouts.plan(*wanted.what, boards=wanted.boards))
        return answer({"stages": stages})

    async def start(self, request: Request) -> Response:
        """Sends a release to a channel in stages, and returns the rollout's details.

        Raises:
            AcpublishError: The request is refused, or the change is.
        """
        fleet, by = self._access.manager(request)
        document = await json_of(request)
        wanted = read_sent(lambda: _Start.of(document))
        operation = fleet.rollouts.start(
            *wanted.what, offers_from=wanted.offers_from, boards=wanted.boards, by=by
        )
        return await self._made(request, fleet, operation, "started", 201)

    async def pause(self, request: Request) -> Response:
        """Offers the release to nobody until the rollout is resumed.

        Raises:
            AcpublishError: The request is refused, or the rollout has ended.
        """
        fleet, by = self._access.manager(request)
        reason = await _reason(request)
        operation = fleet.rollouts.pause(request.path_params["rollout"], reason, by=by)
        return await self._made(request, fleet, operation, "paused")

    async def resume(self, request: Request) -> Response:
        """Goes on with a paused rollout.

        Raises:
            AcpublishError: The request is refused, or the rollout is not paused.
        """
        fleet, by = self._access.manager(request)
        operation = fleet.rollouts.resume(request.path_params["rollout"], by=by)
        return await self._made(request, fleet, operation, "resumed")

    async def advance(self, request: Request) -> Response:
        """Goes to the next stage without waiting for soak or evidence.

        Raises:
            AcpublishError: The request is refused, or the rollout offers nothing.
        """
        fleet, by = self._access.manager(request)
        operation = fleet.rollouts.advance(request.path_params["rollout"], by=by)
        return await self._made(request, fleet, operation, "advanced")

    async def abort(self, request: Request) -> Response:
        """Ends a rollout; the channel stays at the settled release.

        Raises:
            AcpublishError: The request is refused, or the rollout has ended.
        """
        fleet, by = self._access.manager(request)
        reason = await _reason(request)
        operation = fleet.rollouts.abort(request.path_params["rollout"], reason, by=by)
        return await self._made(request, fleet, operation, "aborted")

    async def _made(
        self,
        request: Request,
        fleet: FleetPeople,
        operation: Operation[Document],
        what: str,
        status: int = 200,
    ) -> Response:
        with sent():
            document = await fleet.make(operation)
        request.scope[NOTE] += f"; {what} {document['id']}"
        return answer(document, status)


class _What(NamedTuple):
    product: ProductName
    version: Version
    channel: ChannelName
    policy: Policy


class _Plan(NamedTuple):
    what: _What
    boards: tuple[BoardName, ...]

    @classmethod
    def of(cls, document: Any) -> _Plan:
        what, fields = _what(document)
        plan = cls(what, _boards(fields))
        fields.need_no_more()
        return plan


class _Start(NamedTuple):
    what: _What
    offers_from: int | None
    boards: tuple[BoardName, ...]

    @classmethod
    def of(cls, document: Any) -> _Start:
        what, fields = _what(document)
        start = cls(what, fields.get("offers_from", int, None), _boards(fields))
        fields.need_no_more()
        return start


def _what(document: Any) -> tuple[_What, Fields]:
    """Returns what is to be rolled out, and the fields that may follow."""
    fields = Fields(document, "request", _FIX)
    what = _What(
        fields.checked("product", names.product),
        fields.checked("version", Version.parse),
        fields.checked("channel", names.channel),
        policy_sent(fields.get("policy", dict)),
    )
    return what, fields


def _boards(fields: Fields) -> tuple[BoardName, ...]:
    return tuple(map(names.board, fields.strings("boards")))


async def _reason(request: Request) -> str:
    """Returns the reason in the body of a request, which need not have one."""
    document = await json_of(request, empty={})
    fields = read_sent(lambda: Fields(document, "request", _FIX))
    reason: str = read_sent(lambda: fields.get("reason", str, ""))
    read_sent(fields.need_no_more)
    return reason
