"""Keys: made, read and used as openssl does, and never shown."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from acpublish.errors import MissingExtraError, SettingsError
from acpublish.keys import Algorithm, create_key, read_private_key, read_public_key
from tests.support.openssl import made, needs_openssl, openssl, verifies

DATA = b"what is signed"


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "rsa"])
def test_a_key_verifies_what_it_signed_and_nothing_else(algorithm: Algorithm) -> None:
    key, other = create_key(algorithm), create_key(algorithm)
    signature = key.sign(DATA)
    assert key.public.verifies(signature, DATA)
    assert not key.public.verifies(signature, DATA + b".")
    assert not key.public.verifies(signature[:-1], DATA)
    assert not key.public.verifies(b"", DATA)
    assert not other.public.verifies(signature, DATA)


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "rsa"])
def test_a_key_is_the_same_after_a_round_trip(algorithm: Algorithm) -> None:
    key = create_key(algorithm)
    assert read_private_key(key.to_pem()).public == key.public
    assert read_public_key(key.public.pem.encode()) == key.public
    assert key.public.algorithm == algorithm


def test_no_text_of_a_private_key_holds_the_secret() -> None:
    key = create_key()
    secret = key.to_pem().decode().splitlines()[1]
    assert secret not in repr(key) + str(key) + repr(key.public)


@needs_openssl
def test_openssl_agrees_on_the_id_and_the_signature(tmp_path: Path) -> None:
    key = create_key()
    public = tmp_path / "public.pem"
    public.write_text(key.public.pem)
    der = openssl("pkey", "-pubin", "-in", public, "-outform", "DER").stdout
    assert key.public.id == hashlib.sha256(der).hexdigest()[:16]
    assert verifies(public, key.sign(DATA), DATA, tmp_path)
    assert not verifies(public, key.sign(DATA), DATA + b".", tmp_path)


@needs_openssl
@pytest.mark.parametrize(
    "words",
    [
        ("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
        ("ecparam", "-name", "prime256v1", "-genkey", "-noout"),
        ("genrsa", "2048"),
        ("genrsa", "-traditional", "3072"),
    ],
)
def test_keys_of_openssl_are_taken(tmp_path: Path, words: tuple[str, ...]) -> None:
    secret, public = tmp_path / "secret.pem", tmp_path / "public.pem"
    made(*words[:1], "-out", secret, *words[1:])
    made("pkey", "-in", secret, "-pubout", "-out", public)
    key = read_private_key(secret.read_bytes())
    assert key.public == read_public_key(public.read_bytes())
    assert verifies(public, key.sign(DATA), DATA, tmp_path)


@needs_openssl
@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("genrsa", "1024"), "neither ECDSA on P-256 nor RSA"),
        (("ecparam", "-name", "secp384r1", "-genkey", "-noout"), "neither ECDSA on P-256"),
        (("genpkey", "-algorithm", "ed25519"), "neither ECDSA on P-256"),
        (("genpkey", "-algorithm", "x25519"), "neither ECDSA on P-256"),
    ],
)
def test_other_keys_are_refused(tmp_path: Path, words: tuple[str, ...], problem: str) -> None:
    secret = tmp_path / "secret.pem"
    made(*words[:1], "-out", secret, *words[1:])
    with pytest.raises(SettingsError, match=problem):
        read_private_key(secret.read_bytes())


@needs_openssl
def test_an_encrypted_key_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.pem"
    made("genrsa", "-aes128", "-passout", "pass:word", "-out", secret, "2048")
    with pytest.raises(SettingsError, match="encrypted with a password"):
        read_private_key(secret.read_bytes())


@pytest.mark.parametrize("pem", [b"", b"\0" * 99, b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END"])
def test_what_is_no_key_is_one_kind_of_error(pem: bytes) -> None:
    for reader in (read_private_key, read_public_key):
        with pytest.raises(SettingsError):
            reader(pem)


def test_a_private_key_is_not_taken_for_a_public_one() -> None:
    key = create_key()
    with pytest.raises(SettingsError, match="contains a private key") as caught:
        read_public_key(key.to_pem())
    assert key.to_pem().decode().splitlines()[1] not in str(caught.value)


def test_without_cryptography_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(MissingExtraError, match=r"acpublish\[signing\]"):
        create_key()
