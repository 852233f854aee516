"""Whether a request may do what it asks for, by the token that it brings."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from starlette.requests import Request

from acpublish.errors import AcpublishError, AuthenticationError, RequestError
from acpublish.release import names
from acpublish.server.token_file import Token
from acpublish.server.tokens import Refusal, Scope, Tokens, bearer

#: The key of an ASGI scope with what the log says of a request, besides its status.
NOTE = "acpublish.note"
_CREATE = "acpublish token create"


class ForbiddenError(RequestError):
    """The token does not allow this, or there are no tokens and the server is read-only."""


_REFUSALS: Mapping[Refusal, tuple[type[AcpublishError], str]] = {
    Refusal.NO_TOKENS: (
        ForbiddenError,
        "this server is read-only, because no token has been created",
    ),
    Refusal.WRONG: (AuthenticationError, "the server does not know this token"),
    Refusal.EXPIRED: (AuthenticationError, "the token has expired"),
    Refusal.OTHER_PRODUCT: (ForbiddenError, "the token is for another product"),
    Refusal.OTHER_CHANNEL: (ForbiddenError, "the token is for other channels"),
}


class Authority:
    """Decides on requests."""

    def __init__(self, tokens: Tokens) -> None:
        """Prepares to decide.

        Args:
            tokens: The server's tokens.
        """
        self._tokens = tokens

    def need(self, request: Request, scope: Scope, channel: str | None = None) -> Token:
        """Returns the token of a request that may do what it asks for, and notes its use.

        The log then names the token's id. Called in the event loop.

        Args:
            request: The request; the product in its path counts for ``PUBLISH``.
            scope: What it needs.
            channel: The channel that it is about, None for any.

        Raises:
            AuthenticationError: There is no token, or it is not valid.
            ForbiddenError: The token does not allow it.
            TokensError: The tokens file cannot be read.
        """
        token = self.check(request, scope, channel)
        self._tokens.note_use(token)
        request.scope[NOTE] = f"token {token.id}"
        return token

    def check(self, request: Request, scope: Scope, channel: str | None = None) -> Token:
        """Returns the token of a request as it is now: it may have been revoked meanwhile.

        Args:
            request: As for :meth:`need`.
            scope: As for :meth:`need`.
            channel: As for :meth:`need`.

        Raises:
            AcpublishError: As for :meth:`need`.
        """
        text = bearer(request.headers.get("authorization", ""))
        product = request.path_params.get("product", "")
        token = self._tokens.allowed(text, product, scope=scope, channel=channel)
        if isinstance(token, Token):
            return token
        if token is Refusal.MISSING:
            what = "publishing" if scope is Scope.PUBLISH else "this"
            raise AuthenticationError(
                f"{what} needs a token",
                hint="Set it in the environment variable ACPUBLISH_TOKEN.",
            )
        raise refused(token, scope, product)

    def need_changer(self, request: Request) -> None:
        """Refuses a request whose token cannot change anything of the product, before its body.

        Only the body says which scope it needs: a promotion needs ``PUBLISH``, the rest ``MANAGE``.

        Raises:
            AcpublishError: As for :meth:`need`.
        """
        with contextlib.suppress(ForbiddenError):
            self.check(request, Scope.MANAGE)
            return
        try:
            self.check(request, Scope.PUBLISH)
        except ForbiddenError as error:
            hint = f"{error.hint}; for anything but a promotion: {_CREATE} --manage"
            raise ForbiddenError(error.problem, hint=hint) from error

    def need_reader(self, request: Request) -> None:
        """Refuses a request for what is not for everyone, once there is a token for that.

        Before, it is open, as it was when there were no such tokens.

        Raises:
            AuthenticationError: There is no token, or it is not valid.
            ForbiddenError: The token does not allow it.
            TokensError: The tokens file cannot be read.
        """
        if self._tokens.has(Scope.READ, Scope.MANAGE):
            self.need(request, Scope.READ)


def refused(refusal: Refusal, scope: Scope, product: str = "") -> AcpublishError:
    """Returns the error for a token that does not allow something.

    Args:
        refusal: Why it does not.
        scope: What was needed.
        product: The product that it was about.
    """
    hint = _create_token(scope, product)
    if refusal is Refusal.OTHER_SCOPE:
        return ForbiddenError(f"this needs a token with the scope {scope.value}", hint=hint)
    kind, problem = _REFUSALS[refusal]
    return kind(problem, hint=hint)


def _create_token(scope: Scope, product: str) -> str:
    """Returns what creates a fitting token; the name of a product may be a stranger's."""
    option = f"publish {_shown(product)}" if scope is Scope.PUBLISH else scope.value
    return f"Create one on the server, in its catalog's directory: {_CREATE} --{option}"


def _shown(product: str) -> str:
    return product if names.is_name(product) else "PRODUCT"
