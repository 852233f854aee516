"""The policies of channels over HTTP: everybody may read them, ``manage`` may change them.

The body of a PUT is the policy. A field that is left out has the default of the command, and one
that is not known is refused: a misspelt limit must not be left out.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import NotFoundError
from acpublish.fleet.policy import DEFAULT_HALT, DEFAULT_SOAK, Policy
from acpublish.release import names
from acpublish.release.documents import Fields
from acpublish.release.rollout_changes import RolloutChange
from acpublish.server.api.authority import NOTE, Authority
from acpublish.server.api.bodies import json_of, read_sent
from acpublish.server.api.change_routes import ChangeRoutes
from acpublish.server.tokens import Scope

_FIX = "Send what the reference of the HTTP API describes."


class PolicyRoutes:
    """Shows and changes the policies of channels."""

    def __init__(
        self, catalog: DirectoryCatalog, authority: Authority, changes: ChangeRoutes
    ) -> None:
        """Prepares the routes.

        Args:
            catalog: Where the policies are.
            authority: Who may change them.
            changes: Makes one change after the other.
        """
        self._catalog = catalog
        self._authority = authority
        self._changes = changes

    async def show(self, request: Request) -> Response:
        """Says how releases go to a channel; the policy is null if they reach everybody at once.

        Raises:
            NotFoundError: There is no such product.
        """
        product = names.product(request.path_params["product"])
        channel = names.channel(request.path_params["channel"])
        snapshot = self._catalog.snapshots.product(product)
        if not snapshot.owned:
            raise NotFoundError("there is no such product", hint="See /api/v1/products.")
        policy = snapshot.channels.policies.get(channel)
        return JSONResponse({"product": product, "channel": channel, "policy": policy})

    async def set(self, request: Request) -> Response:
        """Sets the policy of a channel.

        Raises:
            AcpublishError: The request is refused, or the catalog is.
        """
        self._authority.need(request, Scope.MANAGE)
        document = await json_of(request)
        return await self._change(request, read_sent(partial(policy_sent, document)))

    async def clear(self, request: Request) -> Response:
        """Takes the policy of a channel away.

        Raises:
            AcpublishError: The request is refused, or the catalog is.
        """
        return await self._change(request, None)

    async def _change(self, request: Request, policy: Policy | None) -> Response:
        change = RolloutChange(
            action="policy",
            channel=names.channel(request.path_params["channel"]),
            policy=None if policy is None else policy.to_dict(),
            by=self._authority.need(request, Scope.MANAGE).id,
            why=request.query_params.get("why", ""),
        )
        changed = await self._changes.made(request, change, Scope.MANAGE)
        about = "set" if policy is not None else "cleared"
        request.scope[NOTE] += f"; policy of {change.channel} {about}: change {changed.serial}"
        return JSONResponse(changed.to_dict())


def policy_sent(document: Any) -> Policy:
    """Reads a policy that a client sent.

    Raises:
        ManifestError: It has a field that is not known, or one of another type.
        SettingsError: It is malformed, or could never work.
    """
    fields = Fields(document, "policy", _FIX)
    policy = Policy.from_dict(
        {
            "stages": list(fields.strings("stages")),
            "soak": list(fields.strings("soak")) or [DEFAULT_SOAK],
            "halt": fields.get("halt", str, DEFAULT_HALT),
            "on_halt": fields.get("on_halt", str, "stop"),
            "at_once": fields.get("at_once", bool, False),
            "window": fields.get("window", str, None),
        }
    )
    fields.need_no_more()
    return policy
