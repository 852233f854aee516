"""What is stored of a password and of a secret path."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import pytest

from acpublish.server.device_secrets import (
    Credentials,
    SecretPath,
    StoredAccess,
    digest_of,
    secret_path,
    stored_access,
)

MADE = Credentials.of("lamp", "fleet", "s3cret")


def test_a_password_is_stored_as_a_salted_hash() -> None:
    other = Credentials.of("lamp", "fleet", "s3cret")
    assert (MADE.salt, MADE.scrypt) != (other.salt, other.scrypt)
    assert "s3cret" not in str(MADE.to_dict())
    assert MADE.verify(b"s3cret")
    assert other.verify(b"s3cret")
    for wrong in (b"", b"s3cre", b"s3crets", b"S3CRET"):
        assert not MADE.verify(wrong)


def test_the_parameters_are_those_of_the_entry() -> None:
    made = hashlib.scrypt(b"x", salt=b"salt", n=16, r=8, p=1, dklen=32).hex()
    cheap = dataclasses.replace(
        MADE, salt=b"salt".hex(), scrypt=made, cost={"n": 16, "r": 8, "p": 1}
    )
    assert cheap.verify(b"x")
    assert not cheap.verify(b"y")


def test_a_secret_path_has_128_random_bits_and_only_its_digest_is_stored() -> None:
    path, stored = secret_path(["lamp", "plug", "lamp"], "attic")
    digits = path.removeprefix("/u/")
    assert len(bytes.fromhex(digits)) == 16
    assert digits not in str(stored.to_dict())
    assert (stored.id, stored.sha256) == (digits[:6], hashlib.sha256(digits.encode()).hexdigest())
    assert stored.sha256 == digest_of(digits)
    assert stored.products == ("lamp", "plug")
    assert (stored.opens("lamp"), stored.opens("fan")) == (True, False)
    assert secret_path(["lamp"], "")[0] != path
    assert secret_path(["*"], "")[1].opens("fan")


def document(**changes: Any) -> dict[str, Any]:
    stored = StoredAccess(credentials=(MADE,), paths=(secret_path(["lamp"], "attic")[1],))
    return {**stored.to_dict(), **changes}


def test_what_is_written_is_read() -> None:
    written = document()
    assert stored_access(written).to_dict() == written


def test_what_a_later_version_adds_survives() -> None:
    written = document(later=1)
    written["credentials"][0]["ends"] = "never"
    written["paths"][0]["board"] = "d1"
    assert stored_access(written).to_dict() == written


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("credentials", "salt", ""),
        ("credentials", "salt", "no hex"),
        ("credentials", "scrypt", "ab"),
        ("credentials", "cost", {"n": 15, "r": 8, "p": 1}),
        ("credentials", "cost", {"n": 2**24, "r": 8, "p": 1}),
        ("credentials", "cost", {"n": 2, "r": 0, "p": 1}),
        ("credentials", "cost", {"n": 16, "r": 8, "p": 10**6}),
        ("credentials", "cost", {"n": 16}),
        ("credentials", "cost", None),
        ("paths", "products", None),
    ],
)
def test_damage_is_noticed_when_it_is_read(kind: str, key: str, value: object) -> None:
    written = document()
    written[kind][0][key] = value
    with pytest.raises((ValueError, KeyError, TypeError)):
        stored_access(written)


def test_a_missing_key_is_damage() -> None:
    for kind in ("credentials", "paths"):
        for key in list(document()[kind][0]):
            written = document()
            del written[kind][0][key]
            with pytest.raises(KeyError):
                stored_access(written)


def test_what_may_be_shown_has_no_secret() -> None:
    path = secret_path(["lamp"], "attic")[1]
    assert set(MADE.info()) == {"product", "user", "created"}
    assert set(path.info()) == {"id", "name", "products", "created"}
    assert isinstance(path, SecretPath)
