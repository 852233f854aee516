"""Requests about the fleet of a server, and what it answers, as JSON documents."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from acpublish.client.address import Address
from acpublish.client.responses import json_body, refuse, unexpected
from acpublish.client.retry import Patience
from acpublish.client.transport import Response, Transport
from acpublish.errors import (
    AcpublishError,
    AuthenticationError,
    BadNameError,
    ConflictError,
    NotFoundError,
    SettingsError,
    StoreError,
    UnreachableError,
    VersionError,
)

Document = dict[str, Any]

_FLEET = "/api/v1/fleet"
_MAX_BYTES = 16 * 1024 * 1024
_PAGE = 1000
#: The error that each code of a server stands for.
_ERRORS: Mapping[str, type[AcpublishError]] = {
    "conflict": ConflictError,
    "not-found": NotFoundError,
    "name": BadNameError,
    "version": VersionError,
    "request": SettingsError,
    "store": StoreError,
}


class FleetRequests:
    """Sends requests about the fleet of one server."""

    def __init__(self, address: Address, timeout_s: float, patience: Patience | None) -> None:
        """Prepares the exchanges; nothing is sent yet.

        Args:
            address: The server.
            timeout_s: How long to wait for a response.
            patience: How long to try in all.
        """
        self._address = address
        self._transport = Transport(address, timeout_s=timeout_s, patience=patience)
        # What must not happen twice is tried once: its response may have been lost.
        self._once = Transport(address, timeout_s=timeout_s, patience=Patience(attempts=1))

    def pages(self, path: str, key: str, query: Mapping[str, Any]) -> Iterator[Document]:
        """Yields what all pages of a list have.

        Args:
            path: The address of the list, below that of the fleet.
            key: Where the list is in a document.
            query: What to list; None is left out.
        """
        fields = {name: value for name, value in query.items() if value is not None}
        cursor: Any = ""
        while cursor is not None:
            page = {**fields, "limit": _PAGE, **({"cursor": cursor} if cursor else {})}
            items, after = self.items("GET", f"{path}?{urlencode(page)}", key)
            yield from items
            if after is not None and (not isinstance(after, str) or after == cursor):
                raise unexpected(self._address, "a list without an end")
            cursor = after

    def items(
        self, method: str, target: str, key: str, body: Document | None = None
    ) -> tuple[list[Document], Any]:
        """Returns a list of documents, and the cursor of the next page; None after the last."""
        document = self.document(method, target, body)
        items = document.get(key)
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise unexpected(self._address, f"something other than {key}")
        return items, document.get("next")

    def document(
        self, method: str, target: str, body: Document | None = None, *, once: bool = False
    ) -> Document:
        """Returns the document of a response.

        Args:
            method: The method.
            target: The address, below that of the fleet.
            body: What to send.
            once: Whether it must not be tried again.

        Raises:
            TransferError: The server cannot be reached, refuses, or sends something else.
        """
        self._need_token()

        def handle(response: Response) -> Document:
            if response.status not in (200, 201):
                refuse(response, "this", _ERRORS)
            document = json_body(response, "this", _MAX_BYTES)
            if not isinstance(document, dict):
                raise unexpected(response.address, "something other than an object")
            return document

        try:
            return (self._once if once else self._transport).exchange(
                method,
                _FLEET + target,
                handle,
                headers={} if body is None else {"Content-Type": "application/json"},
                body=None if body is None else json.dumps(body).encode(),
            )
        except UnreachableError as error:
            if not once:
                raise
            hint = f"{error.hint} Whether it was done: it was not tried again."
            raise UnreachableError(error.problem, hint=hint) from error

    def _need_token(self) -> None:
        if self._address.token is None and self._address.user is None:
            raise AuthenticationError(
                f"{self._address.base} needs a token for its devices and rollouts, and none is set",
                hint="Set ACPUBLISH_TOKEN to the output of 'acpublish token create --read' on the "
                "server, in its catalog's directory; to change something, --manage.",
            )
