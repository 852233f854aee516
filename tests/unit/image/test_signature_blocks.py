"""Signatures described as espsecure describes them."""

from __future__ import annotations

import io
from pathlib import Path

import espsecure
import pytest

from acpublish.image.model import Integrity, Kind, SignatureBlock
from acpublish.image.reader import read
from tests.support.images import (
    bootloader,
    esp32_image,
    esp8266_image,
    signed_esp32,
    signed_esp8266,
)

SCHEMES = {"rsa3072": "RSA-3072", "ecdsa192": "ECDSA P-192", "ecdsa256": "ECDSA P-256"}
IMAGE = esp32_image(size=8192)


def espsecure_signed(place: Path, image: bytes, *keys: Path) -> bytes:
    files = [io.BytesIO(key.read_bytes()) for key in keys]
    for number, file in enumerate(files):
        file.name = keys[number].name
    data = io.BytesIO(image)
    data.name = "image.bin"
    output = place / "signed.bin"
    espsecure.sign_data("2", files, str(output), False, False, None, None, None, data)
    return output.read_bytes()


def new_key(place: Path, scheme: str) -> Path:
    path = place / f"{scheme}.pem"
    espsecure.generate_signing_key("2", scheme, str(path))
    return path


def key_digest(place: Path, key: Path) -> str:
    output = place / "digest.bin"
    with key.open("rb") as file:
        espsecure.digest_sbv2_public_key(file, str(output))
    return output.read_bytes().hex()


@pytest.mark.parametrize("scheme", [*SCHEMES, "ecdsa384"])
def test_secure_boot_v2_is_described_as_espsecure_does(scheme: str, tmp_path: Path) -> None:
    key = new_key(tmp_path, scheme)
    facts = read(espsecure_signed(tmp_path, IMAGE, key))
    assert (facts.kind, facts.content, facts.problems) == (Kind.SIGNED, Kind.APPLICATION, ())
    assert facts.signature is not None
    assert (facts.signature.scheme, facts.signature.size) == ("secure-boot-v2", 4096)
    (block,) = facts.signature.blocks
    assert block.algorithm == SCHEMES.get(scheme, "ECDSA P-384")
    assert block.digest is Integrity.VALID
    assert block.key_digest == key_digest(tmp_path, key)
    assert facts.running == read(IMAGE).running


def test_up_to_three_signatures_are_counted(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    keys = [new_key(place, "rsa3072") for place in (tmp_path, tmp_path / "other")]
    facts = read(espsecure_signed(tmp_path, IMAGE, *keys))
    assert facts.signature is not None
    assert [block.digest for block in facts.signature.blocks] == [Integrity.VALID] * 2
    assert len({block.key_digest for block in facts.signature.blocks}) == 2


@pytest.mark.parametrize("offset", [4, 1196])
def test_a_block_that_is_broken_or_of_another_image_is_a_problem(offset: int) -> None:
    signed = bytearray(signed_esp32(IMAGE))
    signed[len(signed) - 4096 + offset] ^= 1
    facts = read(bytes(signed))
    assert facts.problems == ("signature block 1 does not match this image",)
    assert facts.kind is Kind.SIGNED


def test_a_signed_boot_loader_is_a_sound_boot_loader() -> None:
    facts = read(signed_esp32(bootloader()))
    assert (facts.kind, facts.problems) == (Kind.BOOTLOADER, ())
    assert facts.signature is not None


def test_the_others_are_described_by_their_length() -> None:
    first = read(IMAGE + bytes(4) + b"\x5a" * 64).signature
    assert first is not None
    assert (first.scheme, first.size) == ("secure-boot-v1", 68)
    assert first.blocks == (SignatureBlock(algorithm="ECDSA P-256"),)
    other = read(signed_esp8266(esp8266_image())).signature
    assert other is not None
    assert (other.scheme, other.size) == ("esp8266", 260)
    assert other.blocks == (SignatureBlock(algorithm="RSA-2048"),)
    assert read(IMAGE).signature is None
