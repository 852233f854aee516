from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from acpublish.catalog.servable import (
    LARGEST_TEXT_BYTES,
    Use,
    is_hidden,
    signs_of_a_project,
    use_of,
)
from acpublish.image.examine import outline
from tests.support import images

IMAGE = images.esp8266_image()
PEM = b"-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----\n"


def use(name: str, data: bytes) -> Use:
    def read_at(offset: int, length: int) -> bytes:
        return data[offset : offset + length]

    return use_of(name, len(data), outline(read_at, len(data)), read_at)


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("x.bin", IMAGE, Use.IMAGE),
        ("x.bin", IMAGE[:-1000], Use.IMAGE),
        ("x", images.esp32_image(), Use.IMAGE),
        # Firmware may contain the key of its own certificate.
        ("x.bin", images.esp32_image()[:-64] + PEM[:64], Use.IMAGE),
        ("fs.bin", images.littlefs(), Use.IMAGE),
        ("x.bin.gz", gzip.compress(IMAGE, mtime=0), Use.IMAGE),
        ("x.bin", gzip.compress(IMAGE, mtime=0), Use.IMAGE),
        ("index.html.gz", gzip.compress(b"<html>", mtime=0), Use.WITHHELD),
        ("x.bin.gz", gzip.compress(gzip.compress(IMAGE, mtime=0)), Use.WITHHELD),
        ("x.bin.gz", b"\x1f\x8bbroken", Use.WITHHELD),
        ("manifest.json", b"{}", Use.TEXT),
        ("x.bin.md5", b"0" * 32, Use.TEXT),
        ("x.bin.sig", b"\x00\xff" * 128, Use.TEXT),
        ("NOTES.TXT", b"hello", Use.TEXT),
        ("x.version", b"1.0.0", Use.TEXT),
        ("long.txt", b"x" * 5_000_000, Use.TEXT),
        ("long.txt", b"x" * (1024 * 1024 - 10) + PEM + b"x" * 5_000_000, Use.WITHHELD),
        ("account.json", b'{"private_key": "-----BEGIN PRIVATE KEY-----\\n"}', Use.WITHHELD),
        ("note.txt", b"x" * 100_000 + PEM, Use.WITHHELD),
        ("note.txt", PEM.decode().encode("utf-16"), Use.WITHHELD),
        (
            "long.txt",
            ("x" * (512 * 1024 - 20) + PEM.decode() + "x" * 999_999).encode("utf-16"),
            Use.WITHHELD,
        ),
        ("jwk.json", b'{"kty": "EC", "d": "' + b"a" * 43 + b'"}', Use.WITHHELD),
        ("jwk.json", b'{"kty": "RSA", "d" : "' + b"a" * 342 + b'"}', Use.WITHHELD),
        ("manifest.json", b'{"d": "' + b"a" * 64 + b'", "x": "' + b"a" * 43 + b'"}', Use.TEXT),
        ("note.txt", b"AGE-SECRET-KEY-1QQ", Use.WITHHELD),
        ("note.txt", b"ACPUBLISH_TOKEN=acp_" + b"a" * 43, Use.WITHHELD),
        ("spiffs.bin", b"\xff" * 4096, Use.UNMARKED),
        ("spiffs.bin", b"what SPIFFS looks like", Use.UNMARKED),
        ("key.bin", b"\x01" * 4096, Use.WITHHELD),
        ("flash_encryption_key.bin", b"\x01" * 33, Use.WITHHELD),
        ("aes.bin", b"\x01" * 32, Use.WITHHELD),
        ("innocent.bin", PEM, Use.WITHHELD),
        ("innocent.bin", b"\n" + PEM, Use.WITHHELD),
        ("der.bin", b"\x30\x82\x04\xa3\x02\x01\x00\x02\x82", Use.WITHHELD),
        ("empty.bin", b"", Use.WITHHELD),
        ("signing.pem", b"anything", Use.WITHHELD),
        ("SIGNING.KEY", IMAGE, Use.WITHHELD),
        ("id_rsa", PEM, Use.WITHHELD),
        ("id_ed25519.txt", b"x", Use.WITHHELD),
        (".env", b"PASSWORD=x", Use.WITHHELD),
        (".x.bin", IMAGE, Use.WITHHELD),
        ("platformio.ini", b"[env]", Use.WITHHELD),
        ("main.cpp", b"int main", Use.WITHHELD),
        ("firmware.elf", b"\x7fELF" + bytes(100), Use.WITHHELD),
        ("secrets.h", b"#define", Use.WITHHELD),
        ("passwords.db", b"SQLite format 3\0" + bytes(100), Use.WITHHELD),
    ],
)
def test_use(name: str, data: bytes, expected: Use) -> None:
    assert use(name, data) is expected


def test_a_text_that_is_too_long_to_be_searched_is_withheld() -> None:
    def read_at(offset: int, length: int) -> bytes:
        raise AssertionError("read")

    seen = outline(lambda offset, length: b"x" * length, 4096)
    assert use_of("x.txt", LARGEST_TEXT_BYTES + 1, seen, read_at) is Use.WITHHELD


def test_hidden_paths() -> None:
    assert is_hidden((".git", "config"))
    assert is_hidden(("sub", ".env"))
    assert not is_hidden(("a.b", "c."))


def test_signs(tmp_path: Path) -> None:
    assert signs_of_a_project(str(tmp_path)) == ()
    assert signs_of_a_project(str(tmp_path / "missing")) == ()
    for name in ("x.bin", ".acpublish", "platformio.ini", "Blink.INO", ".git", ".ssh", "sub"):
        (tmp_path / name).touch()
    assert signs_of_a_project(str(tmp_path)) == (".git", ".ssh", "Blink.INO", "platformio.ini")
