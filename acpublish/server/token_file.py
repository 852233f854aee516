"""The file with the tokens, and what changes it: create, revoke, rotate.

``tokens.json`` in the state folder contains the SHA-256 of each token, never a token. A token has
256 random bits, so a fast digest is enough: it cannot be guessed. Format 1 knew tokens for one
product or all (``"publish": "lamp"``); it is read, and written as format 2 at the first change.

When a token was last used is in a file of its own, because a server writes it, and must never
change which tokens there are.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from acpublish import atomic, ownership
from acpublish.catalog.state import ensure_private
from acpublish.errors import ConflictError, SettingsError, reason_of
from acpublish.input_files import read_own
from acpublish.release.grants import Grant, NewToken, TokenInfo, TokenRequest, find

FILE = "tokens.json"
USES_FILE = "tokens-used.json"
FORMAT = 2
PREFIX = "acp_"
_RANDOM_BYTES = 32
_TIME = "%Y-%m-%dT%H:%M:%SZ"


class TokensError(SettingsError):
    """The tokens file cannot be read or written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is stored of a token.

    Attributes:
        id: A short name that it gets by itself; changes that it makes are shown with it.
        sha256: The SHA-256 of the token, in lower-case hex.
        created: UTC, ISO 8601 with a final ``Z``.
        grant: What it allows.
        name: What a person calls it; may be empty.
        expires: When it ends, like ``created``; None if it does not.
        replaced_by: The id of the token that replaces it; None if none does.
    """

    id: str
    sha256: str
    created: str
    grant: Grant
    name: str = ""
    expires: str | None = None
    replaced_by: str | None = None

    def has_expired(self, now: datetime) -> bool:
        """Returns whether it has ended."""
        return self.expires is not None and _time(self.expires) <= now

    @property
    def lifetime(self) -> timedelta | None:
        """How long it lasts in all; None for ever."""
        return None if self.expires is None else _time(self.expires) - _time(self.created)

    def info(self, last_used: str | None = None) -> TokenInfo:
        """Returns what may be shown of it."""
        return TokenInfo(
            id=self.id,
            name=self.name,
            scopes=self.grant.scopes,
            channels=self.grant.channels,
            created=self.created,
            expires=self.expires,
            replaced_by=self.replaced_by,
            last_used=last_used,
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the token as JSON types."""
        return {
            "id": self.id,
            "name": self.name,
            "sha256": self.sha256,
            "scopes": list(self.grant.scopes),
            "channels": list(self.grant.channels),
            "created": self.created,
            "expires": self.expires,
            "replaced_by": self.replaced_by,
        }


class TokenStore:
    """The tokens in a state folder: shows and changes them. A running server follows at once.

    What changes them takes ``before_commit``, which is called with the lock, before anything is
    written; an error that it raises is passed on, and the tokens stay as they are.
    """

    def __init__(self, state: Path) -> None:
        """Prepares to use a state folder, which is created with the first token.

        Args:
            state: The state folder.
        """
        self._state = state

    @property
    def place(self) -> str:
        """Where the tokens are, for messages."""
        return str(self._state)

    def all(self) -> tuple[TokenInfo, ...]:
        """Returns every token, also those that have expired.

        Raises:
            TokensError: The tokens file cannot be read.
        """
        uses = last_uses(self._state)
        tokens = read_tokens(self._state / FILE)
        return tuple(token.info(uses.get(token.id)) for token in tokens)

    def create(
        self, request: TokenRequest, *, before_commit: Callable[[], object] | None = None
    ) -> NewToken:
        """Creates a token; its text is not stored anywhere.

        Raises:
            SettingsError: The state folder cannot be created.
            TokensError: The tokens file cannot be read or written.
        """
        now = datetime.now(timezone.utc)
        text, token = _new(request, now)
        self._change(lambda tokens: [*tokens, token], before_commit)
        return NewToken(text=text, info=token.info())

    def revoke(
        self, id_or_name: str, *, before_commit: Callable[[], object] | None = None
    ) -> TokenInfo:
        """Removes a token; a running server accepts it no longer.

        Raises:
            NotFoundError: There is none, or several have that name.
            TokensError: The tokens file cannot be read or written.
        """
        self._need(id_or_name)
        revoked: list[Token] = []

        def remove(tokens: list[Token]) -> list[Token]:
            token = find(tokens, id_or_name)
            revoked.append(token)
            return [other for other in tokens if other is not token]

        self._change(remove, before_commit)
        return revoked[0].info(last_uses(self._state).get(revoked[0].id))

    def rotate(
        self,
        id_or_name: str,
        grace: timedelta,
        *,
        before_commit: Callable[[], object] | None = None,
    ) -> NewToken:
        """Creates a token that allows the same as another one, and lasts as long; that one ends.

        Args:
            id_or_name: The token to replace.
            grace: How long it is still accepted.
            before_commit: As for every change.

        Raises:
            ConflictError: It was replaced already.
            NotFoundError: There is none, or several have that name.
            TokensError: The tokens file cannot be read or written.
        """
        self._need(id_or_name)
        made: list[NewToken] = []

        def rotate(tokens: list[Token]) -> list[Token]:
            now = datetime.now(timezone.utc)
            old = find(tokens, id_or_name)
            if old.replaced_by is not None:
                raise ConflictError(
                    f"the token {old.id} was replaced already, by {old.replaced_by}",
                    hint=f"Rotate {old.replaced_by}, or create another token.",
                )
            request = TokenRequest(grant=old.grant, name=old.name, lifetime=old.lifetime)
            text, token = _new(request, now)
            end = (now + grace).strftime(_TIME)
            end = end if old.expires is None else min(end, old.expires, key=_time)
            ended = replace(old, expires=end, replaced_by=token.id)
            made.append(NewToken(text=text, info=token.info(), replaces=ended.info()))
            kept = [ended if other is old else other for other in tokens]
            return [*(other for other in kept if not _is_past(other, now)), token]

        self._change(rotate, before_commit)
        return made[0]

    def _need(self, id_or_name: str) -> None:
        """Refuses a token that is not there, before the state folder is created for it."""
        find(read_tokens(self._state / FILE), id_or_name)

    def _change(
        self,
        change: Callable[[list[Token]], list[Token]],
        before_commit: Callable[[], object] | None,
    ) -> None:
        state, path = self._state, self._state / FILE
        ensure_private(state)
        try:
            # Two commands at the same time must not lose each other's token.
            with atomic.exclusive(state):
                if before_commit is not None:
                    before_commit()
                tokens = change(read_tokens(path))
                document = {"format": FORMAT, "tokens": [token.to_dict() for token in tokens]}
                text = json.dumps(document, indent=1)
                atomic.write(path, f"{text}\n".encode(), mode=0o600)
        except OSError as error:
            raise TokensError(
                f"the tokens in {state} cannot be written: {reason_of(error)}",
                hint=state_hint(error, path),
            ) from error


def read_tokens(path: Path) -> list[Token]:
    """Reads the tokens in a file, none if there is no file.

    Raises:
        TokensError: The file cannot be read.
    """
    try:
        document: Any = json.loads(read_own(path))
        if document["format"] > FORMAT:
            raise TokensError(
                f"the tokens in {path} are of a newer format",
                hint="Install the version of acpublish that wrote them.",
            )
        read = _read_1 if document["format"] < FORMAT else _read_2
        return [read(entry) for entry in document["tokens"]]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        # The file may hold the only record of valid tokens, so nobody is told to remove it.
        raise TokensError(
            f"the tokens in {path} cannot be read: the file is damaged",
            hint="Restore it from a backup. If there is none, rename it and create new tokens "
            "(acpublish token create); the old ones are no longer valid then.",
        ) from error


def last_uses(state: Path) -> dict[str, str]:
    """Returns when each token was last used, by id; empty if that cannot be read."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        document = json.loads(read_own(state / USES_FILE))
        if isinstance(document, dict):
            return {str(id_): str(at) for id_, at in document.items()}
    return {}


def note_uses(state: Path, uses: Mapping[str, str], known: Collection[str]) -> None:
    """Writes down when tokens were last used.

    Args:
        state: The state folder.
        uses: When, by id; the file keeps what it has of others.
        known: The ids of all tokens; the file forgets others.

    Raises:
        OSError: The file cannot be written.
    """
    merged = {**last_uses(state), **uses}
    kept = {id_: at for id_, at in merged.items() if id_ in known}
    text = json.dumps(kept, indent=1, sort_keys=True)
    atomic.write(state / USES_FILE, f"{text}\n".encode(), mode=0o600, durable=False)


def digest_of(text: str) -> str:
    """Returns the SHA-256 of a token, in lower-case hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def unreadable(path: Path, error: OSError) -> TokensError:
    """Returns the error for a tokens file that the system does not let us read."""
    return TokensError(
        f"the tokens in {path} cannot be read: {reason_of(error)}", hint=state_hint(error, path)
    )


def _new(request: TokenRequest, now: datetime) -> tuple[str, Token]:
    text = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    lifetime = request.lifetime
    token = Token(
        id=secrets.token_hex(4),
        sha256=digest_of(text),
        created=now.strftime(_TIME),
        grant=request.grant,
        name=request.name,
        expires=None if lifetime is None else (now + lifetime).strftime(_TIME),
    )
    return text, token


def _is_past(token: Token, now: datetime) -> bool:
    """Returns whether a token was replaced and has ended; nobody needs to know of it any more.

    One that only expired stays: that there is a token to read with closes what is open otherwise.
    """
    return token.replaced_by is not None and token.has_expired(now)


def _read_1(entry: Mapping[str, Any]) -> Token:
    return Token(
        id=str(entry["id"]),
        sha256=str(entry["sha256"]),
        created=str(entry["created"]),
        grant=Grant(publish=str(entry["publish"])),
    )


def _read_2(entry: Mapping[str, Any]) -> Token:
    scopes = [str(scope) for scope in entry["scopes"]]
    patterns = [scope.partition(":")[2] for scope in scopes if scope.startswith("publish:")]
    token = Token(
        id=str(entry["id"]),
        sha256=str(entry["sha256"]),
        created=str(entry["created"]),
        name=str(entry["name"]),
        grant=Grant(
            publish=patterns[0] if patterns else "",
            channels=tuple(str(channel) for channel in entry["channels"]),
            read="read" in scopes,
            manage="manage" in scopes,
        ),
        expires=entry["expires"],
        replaced_by=entry["replaced_by"],
    )
    if token.expires is not None:
        # Damage is noticed here, and not in the middle of a request.
        _time(token.expires)
        if token.replaced_by is None:
            _time(token.created)
    return token


def _time(text: str) -> datetime:
    return datetime.strptime(text, _TIME).replace(tzinfo=timezone.utc)


def state_hint(error: OSError, path: Path) -> str:
    """Returns what to do about an error of a file in the state folder."""
    if isinstance(error, atomic.UnflushedError):
        return atomic.UNFLUSHED
    if error.errno in (errno.EACCES, errno.EPERM):
        return ownership.permission_hint(path, path.parent)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Free some space on its file system."
    return "Check the file system it is on, or use another state folder with --state."
