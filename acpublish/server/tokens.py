"""Tokens: who may do what over HTTP. What they allow is in :mod:`acpublish.server.token_file`.

What a token allows is decided anew for each request, so one that was revoked or has expired allows
nothing from then on.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import math
import os
from dataclasses import replace
from datetime import datetime, timezone
from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path

from acpublish.release import names
from acpublish.release.grants import EVERY_PRODUCT, Grant, TokenInfo
from acpublish.server.token_file import (
    FILE,
    Token,
    TokensError,
    TokenStore,
    digest_of,
    note_uses,
    read_tokens,
    unreadable,
)

#: The file of last uses is not written more often.
_NOTE_EVERY_S = 60.0


class Scope(Enum):
    """What a request needs."""

    PUBLISH = "publish"
    READ = "read"
    MANAGE = "manage"


class Refusal(Enum):
    """Why a request is refused."""

    NO_TOKENS = "no tokens"
    MISSING = "missing"
    WRONG = "wrong"
    EXPIRED = "expired"
    OTHER_PRODUCT = "other product"
    OTHER_CHANNEL = "other channel"
    OTHER_SCOPE = "other scope"


#: What commands on the server's own machine may do; its text is in no file of tokens.
_OF_COMMANDS = Token(id="local", sha256="", created="", grant=Grant(manage=True))


class Tokens:
    """The tokens of a state folder, read again whenever their file has changed.

    Attributes:
        state: The state folder.
        store: Shows and changes them.
        of_commands: What commands on this machine send (:mod:`acpublish.control.running_file`);
            empty if there is none. It opens and closes nothing for others.
    """

    def __init__(self, state: Path) -> None:
        """Prepares to read the tokens.

        Args:
            state: The state folder.
        """
        self.state = state
        self.store = TokenStore(state)
        self.of_commands = ""
        self._path = state / FILE
        # One attribute, because several threads read it.
        self._read: tuple[tuple[int, int, int] | None, tuple[Token, ...]] = (None, ())
        self._uses: dict[str, str] = {}
        self._written_at = -math.inf
        self._next_write: asyncio.TimerHandle | None = None

    def allowed(
        self,
        text: str | None,
        product: str = "",
        *,
        scope: Scope = Scope.PUBLISH,
        channel: str | None = None,
    ) -> Token | Refusal:
        """Returns the token if it allows a request, or why it does not.

        Args:
            text: The token, None if none was sent.
            product: The product that the request is about, for ``PUBLISH``.
            scope: What the request needs.
            channel: The channel that the request is about, for ``PUBLISH``; None for any.

        Raises:
            TokensError: The tokens file cannot be read.
        """
        if self._is_of_commands(text):
            return judged(_OF_COMMANDS, scope, product, channel)
        tokens = self._current()
        if not tokens:
            return Refusal.NO_TOKENS
        if text is None:
            return Refusal.MISSING
        matches = _matches(text, tokens)
        if not matches:
            return Refusal.WRONG
        refusal = Refusal.EXPIRED
        for token in matches:
            if token.has_expired(datetime.now(timezone.utc)):
                continue
            answer = judged(token, scope, product, channel)
            if isinstance(answer, Token):
                return answer
            refusal = answer
        return refusal

    def find(self, text: str | None) -> Token | None:
        """Returns the token that a text is, whatever it allows; None if it is none, or has expired.

        Raises:
            TokensError: The tokens file cannot be read.
        """
        if text is None:
            return None
        if self._is_of_commands(text):
            return _OF_COMMANDS
        now = datetime.now(timezone.utc)
        matches = _matches(text, self._current())
        return next((token for token in matches if not token.has_expired(now)), None)

    def current(self, token: Token) -> Token | None:
        """Returns a token as it is now; None if it was revoked, replaced, or has expired.

        Raises:
            TokensError: The tokens file cannot be read.
        """
        now = datetime.now(timezone.utc)
        for other in self._current():
            if (other.id, other.sha256) == (token.id, token.sha256):
                return None if other.has_expired(now) else other
        return None

    def _is_of_commands(self, text: str | None) -> bool:
        own = self.of_commands
        return bool(own and text) and hmac.compare_digest(digest_of(own), digest_of(text or ""))

    def has(self, *scopes: Scope) -> bool:
        """Returns whether any token has one of some scopes, even if it has expired.

        That a token ends opens nothing.

        Raises:
            TokensError: The tokens file cannot be read.
        """
        return any(
            (token.grant.manage and Scope.MANAGE in scopes)
            or (token.grant.read and Scope.READ in scopes)
            or (token.grant.publish and Scope.PUBLISH in scopes)
            for token in self._current()
        )

    def all(self) -> tuple[TokenInfo, ...]:
        """Returns every token, with uses that are not written down yet.

        Raises:
            TokensError: The tokens file cannot be read.
        """
        return tuple(
            replace(info, last_used=self._uses.get(info.id, info.last_used))
            for info in self.store.all()
        )

    def note_use(self, token: Token) -> None:
        """Remembers that a token is used now. It is written down at most once a minute.

        Called in the event loop.
        """
        self._uses[token.id] = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        if self._next_write is None:
            loop = asyncio.get_running_loop()
            wait_s = max(0.0, self._written_at + _NOTE_EVERY_S - loop.time())
            self._next_write = loop.call_later(wait_s, self._begin_write, loop)

    def _begin_write(self, loop: asyncio.AbstractEventLoop) -> None:
        self._next_write, self._written_at = None, loop.time()
        # A slow disk must not stop the event loop.
        loop.run_in_executor(None, self.write_uses)

    def write_uses(self) -> None:
        """Records when tokens were last used; a failure does not fail the request."""
        uses = dict(self._uses)
        if uses:
            with contextlib.suppress(OSError, TokensError):
                note_uses(self.state, uses, {token.id for token in self._current()})

    def _current(self) -> tuple[Token, ...]:
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise unreadable(self._path, error) from error
        seen = (status.st_ino, status.st_size, status.st_mtime_ns)
        if seen != self._read[0]:
            self._read = (seen, tuple(read_tokens(self._path)))
        return self._read[1]


def bearer(authorization: str) -> str | None:
    """Returns the token in the value of an Authorization header, None if there is none."""
    scheme, _, credentials = authorization.partition(" ")
    return (credentials.strip() or None) if scheme.lower() == "bearer" else None


def judged(
    token: Token, scope: Scope, product: str = "", channel: str | None = None
) -> Token | Refusal:
    """Returns a token if it allows a request, or why it does not.

    Args:
        token: The token, which has not expired.
        scope: What the request needs.
        product: The product that the request is about, for ``PUBLISH``.
        channel: The channel that the request is about, for ``PUBLISH``; None for any.
    """
    grant = token.grant
    if scope is Scope.MANAGE:
        return token if grant.manage else Refusal.OTHER_SCOPE
    if scope is Scope.READ:
        return token if grant.read or grant.manage else Refusal.OTHER_SCOPE
    if not grant.publish:
        return Refusal.OTHER_SCOPE
    # A pattern takes time for each character, and a stranger's address may be long.
    matches = names.is_name(product) and fnmatchcase(product, grant.publish)
    # Whoever may publish every product hears what is wrong with a name.
    if not matches and grant.publish != EVERY_PRODUCT:
        return Refusal.OTHER_PRODUCT
    if channel is not None and grant.channels and channel not in grant.channels:
        return Refusal.OTHER_CHANNEL
    return token


def _matches(text: str, tokens: tuple[Token, ...]) -> list[Token]:
    digest = digest_of(text)
    # Every token is compared, so that the time does not show which one came close.
    return [token for token in tokens if hmac.compare_digest(token.sha256, digest)]
