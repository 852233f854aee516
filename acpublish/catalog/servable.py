"""Which hand-copied files may be served: images and what updates need, and never a secret.

Someone may serve a folder in which other things are as well, such as a project or a home:

1. A name that begins with a dot is never served, nor anything below such a folder.
2. A private key is never served, by its name or by its content.
3. An image or a filesystem is served and listed. So is a text that updates need.
4. A filesystem without a mark (SPIFFS, FAT) looks like anything. It is not listed, but a device
   that asks for it by its name, as a filesystem, gets it.
5. Anything else is not served.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterable
from enum import Enum

from acpublish.image.chain import ReadAt
from acpublish.image.examine import GZIP_MAGIC, outline
from acpublish.image.model import Kind, Outline


class Use(Enum):
    """What a hand-copied file may be used for."""

    IMAGE = "image"
    TEXT = "text"
    #: It may be a filesystem, so only a request for a filesystem gets it.
    UNMARKED = "unmarked"
    WITHHELD = "withheld"


_TEXTS = (".json", ".txt", ".version", ".md5", ".sha256", ".sig")
_FILESYSTEMS = (".bin", ".img", ".fs", ".spiffs", ".littlefs", ".fatfs", ".fat", ".ffat")
#: Far longer than any text that updates need; a text is searched for keys as a whole, once.
LARGEST_TEXT_BYTES = 64 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024
_KEY_NAME = re.compile(
    r".*\.(?:pem|key|p8|pk8|p12|pfx|ppk|der|jks|keystore|kdbx)\Z"
    r"|id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?(?:[._-].*)?\Z",
    re.IGNORECASE | re.DOTALL,
)
#: A word of a name that says what is in a file without a mark, as in flash_encryption_key.bin.
_KEY_WORD = re.compile(r"(?:\A|[._-])keys?(?:[._-]|\Z)", re.IGNORECASE)
#: PEM, PuTTY, age, the private part of a JSON Web Key, and a token of this server.
_KEY_TEXT = re.compile(
    rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY|PuTTY-User-Key-File|AGE-SECRET-KEY-1"
    rb'|"d"\s{0,4}:\s{0,4}"[A-Za-z0-9_-]{43}(?:"|[A-Za-z0-9_-]{22})|\bacp_[A-Za-z0-9_-]{40}'
)
#: As long as what the expression matches at most, in UTF-16.
_KEY_TEXT_BYTES = 256
#: PKCS #1, PKCS #8 and SEC 1 begin with a sequence (0x30), its length, and the version 0 or 1.
_KEY_DER = re.compile(rb"\x30(?:[\x00-\x7f]|\x81.|\x82..)\x02\x01[\x00\x01]", re.DOTALL)
#: Keys of AES and HMAC, and of flash encryption (espefuse): nothing but their bytes.
_RAW_KEY_BYTES = frozenset({16, 24, 32, 64})
_HEAD_BYTES = 4096
#: Enough for the headers of an ESP8266 image behind its boot loader, which takes 4 KiB.
_INFLATED_BYTES = 16 * 1024
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
#: What a folder of images does not have, and a project or a home does.
_SIGNS = frozenset(
    {
        *("platformio.ini", "cmakelists.txt", "sdkconfig", "package.json", "pyproject.toml"),
        *(".git", ".hg", ".svn", ".pio", ".vscode", ".env", ".ssh", ".gnupg", ".aws", ".config"),
        *(".bashrc", ".profile", ".bash_history", ".zshrc", ".netrc", ".npmrc", ".pypirc"),
    }
)


def is_hidden(parts: Iterable[str]) -> bool:
    """Returns whether a component of a path begins with a dot."""
    return any(part.startswith(".") for part in parts)


def use_of(name: str, size: int, seen: Outline, read_at: ReadAt) -> Use:
    """Returns what a file may be used for.

    Args:
        name: Its name.
        size: Its size, in bytes.
        seen: What its headers say.
        read_at: Returns up to ``length`` bytes at ``offset``: ``read_at(offset, length)``.
    """
    if name.startswith(".") or _KEY_NAME.match(name):
        return Use.WITHHELD
    if seen.kind is Kind.GZIP:
        return Use.IMAGE if _has_image(read_at) else Use.WITHHELD
    if seen.kind is not Kind.UNKNOWN or seen.truncated:
        return Use.IMAGE
    suffix = os.path.splitext(name)[1].lower()
    if suffix in _TEXTS:
        return _use_of_text(size, read_at)
    if suffix not in _FILESYSTEMS or size == 0 or size in _RAW_KEY_BYTES:
        return Use.WITHHELD
    head = read_at(0, _HEAD_BYTES)
    if _KEY_WORD.search(name) or _has_key(head) or _KEY_DER.match(head):
        return Use.WITHHELD
    return Use.UNMARKED


def _use_of_text(size: int, read_at: ReadAt) -> Use:
    if size > LARGEST_TEXT_BYTES:
        return Use.WITHHELD
    if _KEY_DER.match(read_at(0, _HEAD_BYTES)):
        return Use.WITHHELD
    for offset in range(0, size, _PIECE_BYTES):
        # A key may begin at the end of a piece.
        if _has_key(read_at(offset, _PIECE_BYTES + _KEY_TEXT_BYTES)):
            return Use.WITHHELD
    return Use.TEXT


def _has_key(text: bytes) -> bool:
    """Returns whether a text contains a key, in UTF-8 or, as Windows writes it, in UTF-16."""
    return _KEY_TEXT.search(text.replace(b"\0", b"")) is not None


def _has_image(read_at: ReadAt) -> bool:
    """Returns whether a gzip begins as one of an image; it is not inflated as a whole."""
    stream = zlib.decompressobj(_GZIP_WINDOW)
    try:
        inner = stream.decompress(read_at(0, _INFLATED_BYTES), _INFLATED_BYTES)
    except zlib.error:
        return False
    if inner.startswith(GZIP_MAGIC):
        return False
    inside = outline(lambda offset, length: inner[offset : offset + length], len(inner))
    return inside.kind is not Kind.UNKNOWN or inside.truncated


def signs_of_a_project(root: str) -> tuple[str, ...]:
    """Returns what makes a folder look like a project or a home, sorted; empty if nothing does."""
    try:
        with os.scandir(root) as items:
            names = [item.name for item in items]
    except OSError:
        return ()
    return tuple(
        sorted(name for name in names if name.lower() in _SIGNS or name.lower().endswith(".ino"))
    )
