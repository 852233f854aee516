"""Keys: PEM in, signatures out. No I/O.

- ECDSA P-256 with SHA-256 signs releases: Mbed TLS and BearSSL on a device can verify it.
- RSA (PKCS#1 v1.5) with SHA-256 signs images that an ESP8266 verifies itself.

``cryptography`` is loaded when a key is first used, so an installation without keys does not need
it. No message of this module contains any part of a private key.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, get_args

from acpublish.errors import MissingExtraError, SettingsError

Algorithm = Literal["ecdsa-p256", "rsa"]

#: A key's id is this many hex digits of the SHA-256 of its DER SubjectPublicKeyInfo.
ID_DIGITS = 16
#: With fewer bits a signature can be forged with effort; with more, BearSSL on the device gives up
#: (``BR_MAX_RSA_SIZE``).
RSA_BITS = range(2048, 4097)
_NEW_RSA_BITS = 2048
_NEW_RSA_EXPONENT = 65537

_KEY_ID = re.compile(rf"[0-9a-f]{{{ID_DIGITS}}}\Z")
_PRIVATE = b"PRIVATE KEY-----"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A key that verifies signatures.

    Attributes:
        id: The name by which signatures and people refer to it.
        algorithm: The algorithm of its signatures.
        pem: The key itself, as SubjectPublicKeyInfo.
    """

    id: str
    algorithm: Algorithm
    pem: str
    _key: Any = field(repr=False, compare=False)

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Returns whether this key made the signature of exactly these bytes."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, padding

        try:
            if self.algorithm == "rsa":
                self._key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
            else:
                self._key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateKey:
    """A key that makes signatures; only its public half is ever shown."""

    public: PublicKey
    _key: Any = field(repr=False, compare=False)

    def sign(self, data: bytes) -> bytes:
        """Returns the signature of these bytes: DER for ECDSA, the length of the key for RSA."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, padding

        signature: bytes
        if self.public.algorithm == "rsa":
            signature = self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        else:
            signature = self._key.sign(data, ec.ECDSA(hashes.SHA256()))
        return signature

    def to_pem(self) -> bytes:
        """Returns the secret itself as unencrypted PKCS#8, only to be written to its file."""
        from cryptography.hazmat.primitives import serialization

        pem: bytes = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return pem


def create_key(algorithm: Algorithm = "ecdsa-p256") -> PrivateKey:
    """Creates a new key.

    Raises:
        SettingsError: There is no such algorithm.
        MissingExtraError: cryptography is not installed.
    """
    known = get_args(Algorithm)
    if algorithm not in known:
        raise SettingsError(
            f"{algorithm!r} is not an algorithm of keys", hint=f"Use {' or '.join(known)}."
        )
    require()
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if algorithm == "rsa":
        return _private(rsa.generate_private_key(_NEW_RSA_EXPONENT, _NEW_RSA_BITS))
    return _private(ec.generate_private_key(ec.SECP256R1()))


def is_key_id(value: object) -> bool:
    """Returns whether a value has the form of a key's id."""
    return isinstance(value, str) and _KEY_ID.match(value) is not None


def is_private(pem: bytes) -> bool:
    """Returns whether a PEM is labelled as a private key."""
    return _PRIVATE in pem


def read_private_key(pem: bytes) -> PrivateKey:
    """Reads a private key.

    Args:
        pem: PKCS#8, PKCS#1 or SEC1, not encrypted.

    Raises:
        SettingsError: It is not a private key, it is encrypted, or its kind is not used here.
        MissingExtraError: cryptography is not installed.
    """
    require()
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise SettingsError(
            "the private key is encrypted with a password",
            hint="Remove the password: openssl pkey -in KEY.pem -out PLAIN.pem.",
        ) from error
    except _key_errors() as error:
        raise SettingsError(
            "the file does not contain a private key in PEM",
            hint="Use a file that 'acpublish key create' made.",
        ) from error
    return _private(key)


def read_public_key(pem: bytes) -> PublicKey:
    """Reads a public key.

    Raises:
        SettingsError: It is not a public key, or its kind is not used here.
        MissingExtraError: cryptography is not installed.
    """
    require()
    if is_private(pem):
        raise SettingsError(
            "the file contains a private key, but a public key is needed here",
            hint="Use what 'acpublish key show KEY.pem' prints, and keep the private key secret.",
        )
    return _read_public_key(pem)


@lru_cache(maxsize=64)
def _read_public_key(pem: bytes) -> PublicKey:
    """Caches keys: a catalog reads its few keys again after each change, each in 0.1 ms."""
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_pem_public_key(pem)
    except _key_errors() as error:
        raise SettingsError(
            "the file does not contain a public key in PEM",
            hint="Use what 'acpublish key show KEY.pem' prints.",
        ) from error
    return _public(key)


def _private(key: Any) -> PrivateKey:
    if not hasattr(key, "sign"):
        raise _unusable()
    return PrivateKey(public=_public(key.public_key()), _key=key)


def _public(key: Any) -> PublicKey:
    from cryptography.hazmat.primitives import serialization

    form = serialization.PublicFormat.SubjectPublicKeyInfo
    der = key.public_bytes(serialization.Encoding.DER, form)
    return PublicKey(
        id=hashlib.sha256(der).hexdigest()[:ID_DIGITS],
        algorithm=_algorithm(key),
        pem=key.public_bytes(serialization.Encoding.PEM, form).decode("ascii"),
        _key=key,
    )


def _algorithm(key: Any) -> Algorithm:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if isinstance(key, rsa.RSAPublicKey) and key.key_size in RSA_BITS:
        return "rsa"
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return "ecdsa-p256"
    raise _unusable()


def _unusable() -> SettingsError:
    return SettingsError(
        "the key is neither ECDSA on P-256 nor RSA of 2048 to 4096 bits",
        hint="Create one: acpublish key create, or acpublish key create --rsa for ESP8266 images.",
    )


def _key_errors() -> tuple[type[Exception], ...]:
    from cryptography.exceptions import UnsupportedAlgorithm

    return (ValueError, UnsupportedAlgorithm)


def require() -> None:
    """Makes sure that keys can be used, without spending the time to load cryptography.

    Raises:
        MissingExtraError: cryptography is not installed.
    """
    try:
        installed = importlib.util.find_spec("cryptography") is not None
    except ValueError:
        installed = False
    if not installed:
        raise MissingExtraError(
            "keys and signatures need the package cryptography",
            hint="Install it: python -m pip install 'acpublish[signing]'.",
        )
