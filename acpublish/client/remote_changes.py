"""Changes of what a server offers, made and shown over HTTP.

It has the methods of :class:`acpublish.catalog.product_changes.ProductChanges`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from acpublish.client.responses import json_body, refuse, unexpected
from acpublish.client.transport import Response, Transport
from acpublish.errors import (
    AuthenticationError,
    ManifestError,
    UnreachableError,
)
from acpublish.release.change_request import Changed, ChangeRequest
from acpublish.release.channel_document import change_from_fields
from acpublish.release.channel_rows import ChannelRow
from acpublish.release.channels import Change, Policy
from acpublish.release.documents import Fields
from acpublish.release.names import ChannelName

_MAX_BYTES = 64 * 1024 * 1024
_FIX = "Use the version of acpublish that the server has."
_Result = TypeVar("_Result")


class RemoteChanges:
    """Changes what one server offers."""

    def __init__(self, transport: Transport) -> None:
        """Prepares the exchanges; nothing is sent yet.

        Args:
            transport: The connection to the server.
        """
        self._transport = transport

    def make(self, product: str, request: ChangeRequest) -> Changed:
        """Makes a change, or only plans it; the server writes down whose token it was.

        Args:
            product: The product.
            request: The change.

        Raises:
            AuthenticationError: There is no token, or it does not allow this.
            NotFoundError: There is no such product, release, board or channel.
            ConflictError: What is published does not allow the change, or it changed meanwhile.
            TransferError: The server cannot be reached, refuses, or sends something else.
        """
        publish = "acpublish token create --publish PRODUCT"
        manage = "acpublish token create --manage"
        self._need_token(publish if request.action == "promote" else manage)
        if not request.apply:
            return self._send(product, request)
        if request.action == "rollback" and request.serial is None:
            # A request is repeated if its response is lost, and a second rollback would go one
            # release further back.
            plan = self._send(product, replace(request, apply=False))
            request = replace(request, serial=plan.serial)
        try:
            return self._send(product, request)
        except UnreachableError as error:
            raise UnreachableError(
                error.problem,
                hint=f"{error.hint} Whether the change was made: acpublish history {product}.",
            ) from error

    def _need_token(self, create: str) -> None:
        address = self._transport.address
        if address.token is None and address.user is None:
            raise AuthenticationError(
                f"{address.base} accepts changes only with a token, and none is set",
                hint=f"Set ACPUBLISH_TOKEN to the output of '{create}' on the server, in "
                "its catalog's directory.",
            )

    def _send(self, product: str, request: ChangeRequest) -> Changed:
        body = json.dumps(request.to_dict()).encode()
        return self._exchange(product, "changes", "the change", Changed.from_dict, body=body)

    def rows(self, product: str) -> tuple[ChannelRow, ...]:
        """Returns what the channels of a product point at, and pointed at before.

        Raises:
            NotFoundError: There is no such product.
            TransferError: The server cannot be reached, refuses, or sends something else.
        """
        return self._list(product, "channels", ChannelRow.from_fields)

    def history(self, product: str) -> tuple[Change, ...]:
        """Returns every change of a product, the oldest first.

        Raises:
            NotFoundError: There is no such product.
            TransferError: The server cannot be reached, refuses, or sends something else.
        """
        return self._list(product, "history", change_from_fields)

    def policies(self, product: str) -> Mapping[str, Policy]:
        """Returns the policies of a product's channels, by channel.

        Raises:
            NotFoundError: There is no such product.
            TransferError: The server cannot be reached, refuses, or sends something else.
        """

        def policies(document: Any) -> Mapping[str, Policy]:
            # An earlier server does not have any.
            return Fields(document, "response", _FIX).mapping("policies", dict)

        return self._exchange(product, "channels", "the channels", policies)

    def set_policy(
        self, product: str, channel: ChannelName, policy: Policy | None, *, why: str, by: str
    ) -> Changed:
        """Sets the policy of a channel, which is already checked, or takes it away with None.

        Args:
            product: The product.
            channel: The channel.
            policy: The policy.
            why: The reason, shown to everyone.
            by: Not sent: the server writes down whose token it was.

        Raises:
            AuthenticationError: There is no token, or it does not allow this.
            NotFoundError: There is no such product.
            TransferError: The server cannot be reached, refuses, or sends something else.
        """
        self._need_token("acpublish token create --manage")
        address = f"channels/{quote(channel, '')}/policy"
        return self._exchange(
            product,
            f"{address}?{urlencode({'why': why})}" if why else address,
            "the change",
            Changed.from_dict,
            method="DELETE" if policy is None else "PUT",
            body=None if policy is None else json.dumps(policy).encode(),
        )

    def _list(
        self, product: str, name: str, read: Callable[[Fields], _Result]
    ) -> tuple[_Result, ...]:
        """Returns what a document of a product lists under its own name."""

        def items(document: Any) -> tuple[_Result, ...]:
            return tuple(map(read, Fields(document, "response", _FIX).objects(name)))

        return self._exchange(product, name, f"the {name}", items)

    def _exchange(
        self,
        product: str,
        name: str,
        what: str,
        read: Callable[[Any], _Result],
        *,
        method: str = "",
        body: bytes | None = None,
    ) -> _Result:
        def handle(response: Response) -> _Result:
            if response.status != 200:
                refuse(response, what)
            document = json_body(response, what, _MAX_BYTES)
            try:
                return read(document)
            except ManifestError as fault:
                raise unexpected(response.address, f"something other than {what}") from fault

        return self._transport.exchange(
            method or ("GET" if body is None else "POST"),
            f"/api/v1/products/{quote(product, '')}/{name}",
            handle,
            headers={} if body is None else {"Content-Type": "application/json"},
            body=body,
        )
