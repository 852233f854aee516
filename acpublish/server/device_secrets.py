"""What is stored of device credentials and secret paths: never a password, never a path.

A password may be one that a person has chosen, so scrypt makes guessing it slow. A secret path has
128 random bits, so its SHA-256 is enough: it cannot be guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from acpublish.release.grants import EVERY_PRODUCT
from acpublish.wire import HIDDEN_PREFIX

_SECRET_BYTES = 16
#: The format of the file; what a later version adds to an entry is kept.
FORMAT = 1
_SALT_BYTES = 16
#: About 40 ms and 16 MiB on a server of today, 150 ms on a Raspberry Pi 4.
_COST = {"n": 2**14, "r": 8, "p": 1}
_SCRYPT_BYTES = 64 * 1024 * 1024
_KEY_BYTES = 32
_MAX_P = 16
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What is stored of the credentials for a product.

    Attributes:
        product: The product whose images need them.
        user: The user's name.
        salt: Random bytes, in hex.
        scrypt: What scrypt makes of the password and the salt, in hex.
        cost: The parameters ``n``, ``r`` and ``p`` of scrypt.
        created: UTC, ISO 8601 with a final ``Z``.
        rest: Keys that a later version has added.
    """

    product: str
    user: str
    salt: str
    scrypt: str
    cost: Mapping[str, int]
    created: str
    rest: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, product: str, user: str, password: str) -> Credentials:
        """Makes credentials from a password, which takes as long as verifying it."""
        salt = secrets.token_bytes(_SALT_BYTES)
        return cls(
            product=product,
            user=user,
            salt=salt.hex(),
            scrypt=_scrypt(password.encode(), salt, _COST).hex(),
            cost=_COST,
            created=_now(),
        )

    def verify(self, password: bytes) -> bool:
        """Returns whether a password is right; slow, as intended."""
        made = _scrypt(password, bytes.fromhex(self.salt), self.cost)
        return hmac.compare_digest(made, bytes.fromhex(self.scrypt))

    def info(self) -> dict[str, Any]:
        """Returns what may be shown, as JSON types."""
        return {"product": self.product, "user": self.user, "created": self.created}

    def to_dict(self) -> dict[str, Any]:
        """Returns what is stored, as JSON types."""
        stored = {"salt": self.salt, "scrypt": self.scrypt, "cost": dict(self.cost)}
        return {**self.rest, **self.info(), **stored}


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretPath:
    """What is stored of a secret path.

    Attributes:
        id: The first six digits of the path, which the log shows.
        sha256: The SHA-256 of all its digits, in lower-case hex.
        products: The products whose images need no credentials below it; ``*`` for every product.
        name: What a person calls it; may be empty.
        created: UTC, ISO 8601 with a final ``Z``.
        rest: Keys that a later version has added.
    """

    id: str
    sha256: str
    products: tuple[str, ...]
    name: str
    created: str
    rest: Mapping[str, Any] = field(default_factory=dict)

    def opens(self, product: str) -> bool:
        """Returns whether the images of a product need no credentials below it."""
        return product in self.products or EVERY_PRODUCT in self.products

    def info(self) -> dict[str, Any]:
        """Returns what may be shown, as JSON types."""
        return {
            "id": self.id,
            "name": self.name,
            "products": list(self.products),
            "created": self.created,
        }

    def to_dict(self) -> dict[str, Any]:
        """Returns what is stored, as JSON types."""
        return {**self.rest, **self.info(), "sha256": self.sha256}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAccess:
    """All that is stored.

    Attributes:
        credentials: Of all products.
        paths: The secret paths.
        rest: Keys that a later version has added.
    """

    credentials: tuple[Credentials, ...] = ()
    paths: tuple[SecretPath, ...] = ()
    rest: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON types."""
        return {
            **self.rest,
            "format": FORMAT,
            "credentials": [entry.to_dict() for entry in self.credentials],
            "paths": [path.to_dict() for path in self.paths],
        }


def secret_path(products: Iterable[str], name: str) -> tuple[str, SecretPath]:
    """Makes a secret path.

    Args:
        products: The products that need no credentials below it; ``*`` for every product.
        name: What a person calls it; may be empty.

    Returns:
        The path, which is not stored anywhere, and what is stored of it.
    """
    digits = secrets.token_hex(_SECRET_BYTES)
    made = SecretPath(
        id=digits[:6],
        sha256=digest_of(digits),
        products=tuple(dict.fromkeys(products)),
        name=name,
        created=_now(),
    )
    return HIDDEN_PREFIX + digits, made


def new_password() -> str:
    """Returns a random password."""
    return secrets.token_hex(_SECRET_BYTES)


def digest_of(digits: str) -> str:
    """Returns the SHA-256 of a secret path's digits, in lower-case hex."""
    return hashlib.sha256(digits.encode("ascii", "replace")).hexdigest()


def stored_access(document: Mapping[str, Any]) -> StoredAccess:
    """Reads what the file contains.

    Raises:
        ValueError: It is damaged; or KeyError, TypeError or AttributeError.
    """
    return StoredAccess(
        credentials=tuple(_credentials(entry) for entry in document["credentials"]),
        paths=tuple(_secret_path(entry) for entry in document["paths"]),
        rest=_rest(document, ("format", "credentials", "paths")),
    )


def _credentials(entry: Mapping[str, Any]) -> Credentials:
    # Damage is noticed here, and not in the middle of a request.
    salt, made = bytes.fromhex(entry["salt"]), bytes.fromhex(entry["scrypt"])
    cost = {key: int(entry["cost"][key]) for key in ("n", "r", "p")}
    n, r, p = cost["n"], cost["r"], cost["p"]
    possible = n > 1 and n & (n - 1) == 0 and r > 0 and 0 < p <= _MAX_P
    if not salt or len(made) != _KEY_BYTES or not possible or 256 * n * r > _SCRYPT_BYTES:
        raise ValueError("not what scrypt makes")
    return Credentials(
        product=str(entry["product"]),
        user=str(entry["user"]),
        salt=salt.hex(),
        scrypt=made.hex(),
        cost=cost,
        created=str(entry["created"]),
        rest=_rest(entry, ("product", "user", "salt", "scrypt", "cost", "created")),
    )


def _secret_path(entry: Mapping[str, Any]) -> SecretPath:
    return SecretPath(
        id=str(entry["id"]),
        sha256=str(entry["sha256"]),
        products=tuple(str(product) for product in entry["products"]),
        name=str(entry["name"]),
        created=str(entry["created"]),
        rest=_rest(entry, ("id", "sha256", "products", "name", "created")),
    )


def _rest(entry: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key not in set(known)}


def _scrypt(password: bytes, salt: bytes, cost: Mapping[str, int]) -> bytes:
    return hashlib.scrypt(
        password,
        salt=salt,
        n=cost["n"],
        r=cost["r"],
        p=cost["p"],
        maxmem=_SCRYPT_BYTES,
        dklen=_KEY_BYTES,
    )


def _now() -> str:
    return datetime.now(timezone.utc).strftime(_TIME)
