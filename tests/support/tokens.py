"""Tokens for tests, without the command line."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from acpublish.release.grants import Grant, TokenRequest
from acpublish.server.token_file import TokenStore


def create_token(
    state: Path,
    publish: str = "",
    *,
    channels: Iterable[str] = (),
    read: bool = False,
    manage: bool = False,
    name: str = "",
    lifetime: timedelta | None = None,
) -> str:
    """Creates a token in a state folder, and returns its text."""
    grant = Grant.of(publish, channels, read=read, manage=manage)
    request = TokenRequest(grant=grant, name=name, lifetime=lifetime)
    return TokenStore(state).create(request).text
