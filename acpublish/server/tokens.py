"""Tokens: who may publish which product.

The file ``tokens.json`` in the state folder contains the SHA-256 of each token, never a token. A
token has 256 random bits, so a fast digest is enough: it cannot be guessed.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import json
import os
import secrets
import time
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from acpublish import atomic, ownership
from acpublish.catalog.state import ensure_private
from acpublish.errors import SettingsError, reason_of
from acpublish.release import names

FILE = "tokens.json"
PREFIX = "acp_"
EVERY_PRODUCT = "*"
_RANDOM_BYTES = 32


class TokensError(SettingsError):
    """The tokens file cannot be read or written."""


class Refusal(Enum):
    """Why nothing may be published with a token."""

    NO_TOKENS = "no tokens"
    MISSING = "missing"
    WRONG = "wrong"
    OTHER_PRODUCT = "other product"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is stored of a token.

    Attributes:
        id: A short name for it.
        sha256: The SHA-256 of the token, in lower-case hex.
        publish: The product that it may publish, or ``*`` for every product.
        created: UTC, ISO 8601 with a final ``Z``.
    """

    id: str
    sha256: str
    publish: str
    created: str

    def to_dict(self) -> dict[str, str]:
        """Returns the token as JSON types."""
        return {
            "id": self.id,
            "sha256": self.sha256,
            "publish": self.publish,
            "created": self.created,
        }


def create_token(state: Path, publish: str) -> str:
    """Creates a token.

    Args:
        state: The state folder; created if it is missing.
        publish: The product that it may publish, or ``*`` for every product.

    Returns:
        The token. It is not stored anywhere.

    Raises:
        BadNameError: ``publish`` is not a valid product name.
        SettingsError: The state folder cannot be created.
        TokensError: The tokens file cannot be read or written.
    """
    if publish != EVERY_PRODUCT:
        names.product(publish)
    ensure_private(state)
    text = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    token = Token(
        id=secrets.token_hex(4),
        sha256=_digest(text),
        publish=publish,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )
    try:
        # Two commands at the same time must not lose each other's token.
        with atomic.exclusive(state):
            _write(state / FILE, [*_read(state / FILE), token])
    except OSError as error:
        raise TokensError(
            f"the tokens in {state} cannot be written: {reason_of(error)}",
            hint=_hint(error, state / FILE),
        ) from error
    return text


class Tokens:
    """The tokens of a state folder, read again whenever their file has changed."""

    def __init__(self, state: Path) -> None:
        self._path = state / FILE
        self._seen: tuple[int, int, int] | None = None
        self._tokens: tuple[Token, ...] = ()

    def allowed(self, text: str | None, product: str) -> Token | Refusal:
        """Returns the token that a text is, if it may publish a product; otherwise why not.

        Args:
            text: The token, None if none was sent.
            product: The product's name.

        Raises:
            TokensError: The tokens file cannot be read.
        """
        tokens = self._current()
        if not tokens:
            return Refusal.NO_TOKENS
        if text is None:
            return Refusal.MISSING
        matches = _matches(text, tokens)
        if not matches:
            return Refusal.WRONG
        allowed = (token for token in matches if token.publish in (EVERY_PRODUCT, product))
        return next(allowed, Refusal.OTHER_PRODUCT)

    def find(self, text: str | None) -> Token | None:
        """Returns the token that a text is, whichever product it is for; None if it is none.

        Raises:
            TokensError: The tokens file cannot be read.
        """
        return next(iter(_matches(text, self._current())), None) if text is not None else None

    def _current(self) -> tuple[Token, ...]:
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise _unreadable(self._path, error) from error
        seen = (status.st_ino, status.st_size, status.st_mtime_ns)
        if seen != self._seen:
            self._tokens = tuple(_read(self._path))
            self._seen = seen
        return self._tokens


def bearer(authorization: str) -> str | None:
    """Returns the token in the value of an Authorization header, None if there is none."""
    scheme, _, credentials = authorization.partition(" ")
    return (credentials.strip() or None) if scheme.lower() == "bearer" else None


def _matches(text: str, tokens: tuple[Token, ...]) -> list[Token]:
    digest = _digest(text)
    # Every token is compared, so that the time does not show which one came close.
    return [token for token in tokens if hmac.compare_digest(token.sha256, digest)]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _read(path: Path) -> list[Token]:
    try:
        document: Any = json.loads(path.read_bytes())
        return [
            Token(
                id=str(entry["id"]),
                sha256=str(entry["sha256"]),
                publish=str(entry["publish"]),
                created=str(entry["created"]),
            )
            for entry in document["tokens"]
        ]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unreadable(path, error) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        # The file may hold the only record of valid tokens, so nobody is told to remove it.
        raise TokensError(
            f"the tokens in {path} cannot be read: the file is damaged",
            hint="Restore it from a backup. If there is none, rename it and create new tokens "
            "(acpublish token create); the old ones are no longer valid then.",
        ) from error


def _write(path: Path, tokens: list[Token]) -> None:
    text = json.dumps({"format": 1, "tokens": [token.to_dict() for token in tokens]}, indent=1)
    atomic.write(path, f"{text}\n".encode(), mode=0o600)


def _unreadable(path: Path, error: OSError) -> TokensError:
    return TokensError(
        f"the tokens in {path} cannot be read: {reason_of(error)}", hint=_hint(error, path)
    )


def _hint(error: OSError, path: Path) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return ownership.permission_hint(path, path.parent)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Free some space on its file system."
    return "Check the file system it is on, or use another state folder with --state."
