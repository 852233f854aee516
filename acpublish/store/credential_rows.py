"""What devices prove themselves by, as it is stored: never a password, never a path."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from acpublish.store.schema import passwords, secret_paths


@dataclass(frozen=True, slots=True, kw_only=True)
class Password:
    """A user and a password that devices of a product send with Basic.

    Attributes:
        product: The product.
        user_name: The user.
        salt: The salt of the digest, in hex.
        digest: The salted digest of the password, in hex.
        created_at: Seconds since 1970.
    """

    product: str
    user_name: str
    salt: str
    digest: str
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretPath:
    """An unguessable path.

    Attributes:
        sha256: The digest of its secret, in hex.
        product: The product that it is for; empty for all.
        shown: The six digits of it that the log may show.
        created_at: Seconds since 1970.
    """

    sha256: str
    product: str = ""
    shown: str
    created_at: float


def load_passwords(connection: Connection) -> list[Password]:
    """Returns all passwords."""
    return [Password(**row) for row in connection.execute(select(passwords)).mappings()]


def load_secret_paths(connection: Connection) -> list[SecretPath]:
    """Returns all paths."""
    return [SecretPath(**row) for row in connection.execute(select(secret_paths)).mappings()]
