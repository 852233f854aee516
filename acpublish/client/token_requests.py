"""The tokens of a server, over HTTP: needs a token of the scope ``manage``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from acpublish.client.address import Address, parse_address
from acpublish.client.responses import json_body, raise_refusal, unexpected
from acpublish.client.retry import Patience
from acpublish.client.transport import Response, Transport
from acpublish.errors import ManifestError, RefusedError, UnreachableError
from acpublish.release.grants import NewToken, TokenInfo, TokenRequest, find

_TOKENS = "/api/v1/tokens"
_LINKS = "/api/v1/login-links"
#: A server on this machine answers at once, or not at all.
_ANSWERS_S = 5.0
_MAX_BYTES = 4 * 1024 * 1024
_Result = TypeVar("_Result")


class RemoteTokens:
    """The tokens of one server: shows and changes them."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        insecure_http: bool = False,
        ca: Path | None = None,
        timeout_s: float = 20.0,
        patience: Patience | None = None,
    ) -> None:
        """Prepares the exchanges with a server; nothing is sent yet.

        Args:
            url: Its URL.
            token: A token of the scope ``manage``.
            insecure_http: Send tokens over plain http even to another machine.
            ca: The file of the only CAs to trust for the server's TLS.
            timeout_s: How long to wait for a response.
            patience: How long to try in all; a change is tried once.

        Raises:
            SettingsError: The URL cannot be used, or the token must not be sent there.
        """
        self._connect(
            parse_address(url, token=token, insecure_http=insecure_http, ca=ca),
            timeout_s,
            patience,
        )

    @classmethod
    def on_this_machine(cls, url: str, token: str) -> RemoteTokens:
        """Returns those of a server that runs here, to which no proxy is in between.

        Args:
            url: Its URL; it may have any address of this machine.
            token: What it accepts from commands of this machine.

        Raises:
            SettingsError: The URL cannot be used.
        """
        tokens = cls(url, token, insecure_http=True)
        tokens._connect(replace(tokens._reading.address, here=True), _ANSWERS_S, None)
        return tokens

    def _connect(self, address: Address, timeout_s: float, patience: Patience | None) -> None:
        self._reading = Transport(address, timeout_s=timeout_s, patience=patience)
        # A second attempt could create a second token, which nobody would know of.
        self._changing = Transport(address, timeout_s=timeout_s, patience=Patience(attempts=1))

    @property
    def place(self) -> str:
        """Where the tokens are, for messages."""
        return self._reading.address.base

    def all(self) -> tuple[TokenInfo, ...]:
        """Returns every token, also those that have expired.

        Raises:
            TransferError: The server cannot be reached, refuses, or sends something else.
        """

        def read(document: Any) -> tuple[TokenInfo, ...]:
            tokens = document.get("tokens") if isinstance(document, dict) else None
            if not isinstance(tokens, list):
                raise ManifestError("it has no tokens", hint="Check the URL.")
            return tuple(map(TokenInfo.from_dict, tokens))

        return self._exchange(self._reading, "GET", _TOKENS, None, read)

    def create(self, request: TokenRequest) -> NewToken:
        """Creates a token.

        Raises:
            TransferError: The server cannot be reached, refuses, or sends something else.
        """
        with _once():
            return self._exchange(
                self._changing, "POST", _TOKENS, request.to_dict(), NewToken.from_dict
            )

    def revoke(self, id_or_name: str) -> TokenInfo:
        """Revokes a token.

        Raises:
            NotFoundError: There is none, or several have that name.
            TransferError: The server cannot be reached, refuses, or sends something else.
        """
        target = f"{_TOKENS}/{self._id(id_or_name)}"
        with _once():
            return self._exchange(self._changing, "DELETE", target, None, TokenInfo.from_dict)

    def rotate(self, id_or_name: str, grace: timedelta) -> NewToken:
        """Replaces a token by another that allows the same.

        Args:
            id_or_name: The token to replace.
            grace: How long it is still accepted.

        Raises:
            NotFoundError: There is none, or several have that name.
            TransferError: The server cannot be reached, refuses, or sends something else.
        """
        target = f"{_TOKENS}/{self._id(id_or_name)}/rotate"
        body = {"grace_s": int(grace.total_seconds())}
        with _once():
            return self._exchange(self._changing, "POST", target, body, NewToken.from_dict)

    def login_link(self) -> str:
        """Returns a new link that signs in to the page of the server, once.

        Raises:
            TransferError: The server cannot be reached, refuses, or sends something else.
        """

        def read(document: Any) -> str:
            path = document.get("path") if isinstance(document, dict) else None
            if not isinstance(path, str):
                raise ManifestError("it has no link", hint="Check the URL.")
            return self._changing.address.base + path

        return self._exchange(self._changing, "POST", _LINKS, None, read)

    def _id(self, id_or_name: str) -> str:
        """Returns the id of a token; a name could not be part of every address."""
        id_ = find(self.all(), id_or_name).id
        if not (id_.isascii() and id_.isalnum()):
            raise unexpected(self._reading.address, "a token without a usable id")
        return id_

    def _exchange(
        self,
        transport: Transport,
        method: str,
        target: str,
        body: Any,
        read: Callable[[Any], _Result],
    ) -> _Result:
        def handle(response: Response) -> _Result:
            # No token is known by its id before the list was read, so this is the list itself.
            if response.status == 404 and target in (_TOKENS, _LINKS):
                what = "handle tokens over HTTP" if target == _TOKENS else "have a page"
                raise RefusedError(
                    f"{response.address.base} does not {what}",
                    hint="Upgrade the server, or run this on the server, in its catalog's "
                    "directory, without --to.",
                )
            if response.status not in (200, 201):
                raise_refusal(response, "this")
            document = json_body(response, "a request about tokens", _MAX_BYTES)
            try:
                return read(document)
            except ManifestError as fault:
                raise unexpected(response.address, "something other than tokens") from fault

        return transport.exchange(
            method,
            target,
            handle,
            headers={} if body is None else {"Content-Type": "application/json"},
            body=None if body is None else json.dumps(body).encode(),
        )


@contextmanager
def _once() -> Iterator[None]:
    """Says what to look at if it is not known whether a change was made."""
    try:
        yield
    except UnreachableError as error:
        raise UnreachableError(
            error.problem,
            hint="Look with 'acpublish token list' whether the change was made; it was not tried "
            "again.",
        ) from error
