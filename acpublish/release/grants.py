"""Tokens as they are requested and shown: the same in a state folder and over HTTP.

A token itself is shown once, when it is created; afterwards only its id, its name and what it
allows are known (:class:`TokenInfo`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from acpublish.errors import BadNameError, NotFoundError, SettingsError
from acpublish.release import names
from acpublish.release.documents import Fields
from acpublish.release.durations import of_seconds
from acpublish.release.text import MAX_NAME_CHARACTERS, text_fault

EVERY_PRODUCT = "*"
#: Far more than a product has; every request with the token looks at them.
MAX_CHANNELS = 32
_MAX_SHOWN_IDS = 5
#: Names of products with ``*`` for any characters; ``*`` alone is every product.
_PATTERN = re.compile(r"[a-z0-9*][a-z0-9._*-]{0,63}\Z")
_FIX = "Send what the reference of the HTTP API describes."
_OTHER_VERSION = "Use the version of acpublish that the server has."


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a token allows.

    Attributes:
        publish: The products that it may publish, with ``*`` for any characters; empty for none.
        channels: The channels that it may publish and promote to; all if empty.
        read: Whether it may see what is not for everyone.
        manage: Whether it may withdraw, roll back, retain and delete, handle tokens, and read.
    """

    publish: str = ""
    channels: tuple[str, ...] = ()
    read: bool = False
    manage: bool = False

    @classmethod
    def of(
        cls,
        publish: str = "",
        channels: Iterable[str] = (),
        *,
        read: bool = False,
        manage: bool = False,
    ) -> Grant:
        """Returns what a token is to allow, after a check.

        Raises:
            BadNameError: A pattern or a channel is not valid.
            SettingsError: It would allow nothing, has channels and publishes nothing, or has too
                many of them.
        """
        grant = cls(
            publish=_pattern(publish) if publish else "",
            channels=tuple(dict.fromkeys(map(names.channel, channels))),
            read=read,
            manage=manage,
        )
        if not grant.scopes:
            raise SettingsError(
                "the token would allow nothing",
                hint="Add --publish PRODUCT, --read or --manage.",
            )
        if grant.channels and not grant.publish:
            raise SettingsError(
                "channels are for a token that may publish", hint="Add --publish PRODUCT."
            )
        if len(grant.channels) > MAX_CHANNELS:
            raise SettingsError(
                f"{len(grant.channels)} channels are more than the {MAX_CHANNELS} that a token may "
                "have",
                hint="Name fewer, or none, which allows all.",
            )
        return grant

    @property
    def scopes(self) -> tuple[str, ...]:
        """What it allows, in words."""
        publish = (f"publish:{self.publish}",) if self.publish else ()
        return (*publish, *(["read"] if self.read else []), *(["manage"] if self.manage else []))


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A token to create.

    Attributes:
        grant: What it is to allow.
        name: What a person calls it; may be empty.
        lifetime: When it ends; None if it does not.
    """

    grant: Grant
    name: str = ""
    lifetime: timedelta | None = None

    def __post_init__(self) -> None:
        """Checks the name and the lifetime.

        Raises:
            SettingsError: The name is not valid, or the token would end at once.
        """
        fault = text_fault(self.name, MAX_NAME_CHARACTERS)
        if fault:
            raise SettingsError(f"the name {fault}", hint="Use a short name on one line.")
        if self.lifetime is not None and not self.lifetime:
            raise SettingsError(
                "the token would end at once", hint="Use a longer time, such as 90d."
            )

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON types."""
        return {
            "publish": self.grant.publish,
            "channels": list(self.grant.channels),
            "read": self.grant.read,
            "manage": self.grant.manage,
            "name": self.name,
            "expires_s": None if self.lifetime is None else int(self.lifetime.total_seconds()),
        }

    @classmethod
    def from_dict(cls, document: Any) -> TokenRequest:
        """Reads it.

        Raises:
            ManifestError: A field is of another type, or there is one that it does not have.
            BadNameError: A pattern or a channel is not valid.
            SettingsError: The token would allow nothing, or another text is not valid.
        """
        fields = Fields(document, "request", _FIX)
        expires_s = fields.get("expires_s", int, None)
        request = cls(
            grant=Grant.of(
                fields.get("publish", str, ""),
                fields.strings("channels"),
                read=fields.get("read", bool, False),
                manage=fields.get("manage", bool, False),
            ),
            name=fields.get("name", str, ""),
            lifetime=None if expires_s is None else of_seconds(expires_s),
        )
        fields.need_no_more()
        return request


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenInfo:
    """What may be shown of a token.

    Attributes:
        id: A short name that it gets by itself; changes that it makes are shown with it.
        name: What a person calls it; may be empty.
        scopes: What it allows, in words.
        channels: The channels that it may publish and promote to; all if empty.
        created: UTC, ISO 8601 with a final ``Z``.
        expires: When it ends, like ``created``; None if it does not.
        replaced_by: The id of the token that replaces it; None if none does.
        last_used: When it was last used, to about a minute; None if it was not.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    channels: tuple[str, ...]
    created: str
    expires: str | None = None
    replaced_by: str | None = None
    last_used: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON types."""
        return {
            "id": self.id,
            "name": self.name,
            "scopes": list(self.scopes),
            "channels": list(self.channels),
            "created": self.created,
            "expires": self.expires,
            "replaced_by": self.replaced_by,
            "last_used": self.last_used,
        }

    @classmethod
    def from_dict(cls, document: Any) -> TokenInfo:
        """Reads it.

        Raises:
            ManifestError: It is something else.
        """
        fields = Fields(document, "token", _OTHER_VERSION)
        return cls(
            id=fields.get("id", str),
            name=fields.get("name", str, ""),
            scopes=fields.strings("scopes"),
            channels=fields.strings("channels"),
            created=fields.get("created", str),
            expires=fields.get("expires", str, None),
            replaced_by=fields.get("replaced_by", str, None),
            last_used=fields.get("last_used", str, None),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token that was just created; nothing else has its text.

    Attributes:
        text: The token itself.
        info: What may be shown of it.
        replaces: The token that it replaces; None if it is another one.
    """

    text: str
    info: TokenInfo
    replaces: TokenInfo | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON types."""
        replaces = None if self.replaces is None else self.replaces.to_dict()
        return {"token": self.text, **self.info.to_dict(), "replaces": replaces}

    @classmethod
    def from_dict(cls, document: Any) -> NewToken:
        """Reads it.

        Raises:
            ManifestError: It is something else.
        """
        fields = Fields(document, "token", _OTHER_VERSION)
        replaces = fields.get("replaces", dict, None)
        return cls(
            text=fields.get("token", str),
            info=TokenInfo.from_dict(document),
            replaces=None if replaces is None else TokenInfo.from_dict(replaces),
        )


class _Named(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def replaced_by(self) -> str | None: ...


_Token = TypeVar("_Token", bound=_Named)


def find(tokens: Iterable[_Token], id_or_name: str) -> _Token:
    """Returns the token with an id, or else the only one with a name.

    Raises:
        NotFoundError: There is none, or several have that name.
    """
    tokens = list(tokens)
    matches = [token for token in tokens if token.id == id_or_name]
    matches = matches or [token for token in tokens if token.name and token.name == id_or_name]
    if len(matches) == 1:
        return matches[0]
    shown = f"{id_or_name[:MAX_NAME_CHARACTERS]!a}"
    if not matches:
        raise NotFoundError(
            f"there is no token {shown}", hint="Use the id; 'acpublish token list' shows them."
        )
    ids = [
        f"{token.id} (replaced by {token.replaced_by})" if token.replaced_by else token.id
        for token in matches[-_MAX_SHOWN_IDS:]
    ]
    raise NotFoundError(
        f"{len(matches)} tokens have the name {shown}",
        hint=f"Use the id of one of them: {', '.join(ids)}.",
    )


def _pattern(text: str) -> str:
    if "*" not in text:
        return names.product(text)
    if not _PATTERN.match(text):
        raise BadNameError(
            f"{text[:80]!a} is not a pattern for products",
            hint="Use a product's name, with * for any characters, such as 'lamp*'.",
        )
    return text
