"""Recognises and describes the signatures that follow images; verifying one needs a key.

Sources: esptool's ``espsecure`` (``sign_data_version_1``, ``generate_rsa_signature_block``,
``generate_ecdsa_signature_block``, ``signature_info_v2``); ESP8266 Arduino ``tools/signing.py``.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator

from acpublish.image.chain import ReadAt
from acpublish.image.model import Integrity, Signature, SignatureBlock

SECTOR_BYTES = 0x1000

#: A version word of 0 and a signature of 64 bytes.
_V1_BYTES = 68

_BLOCK_BYTES = 1216
_MAX_BLOCKS = 3
_BLOCK_MAGIC = 0xE7
_RSA, _ECDSA = 2, 3
_V2_MAGICS = (bytes((_BLOCK_MAGIC, _RSA)), bytes((_BLOCK_MAGIC, _ECDSA)))
#: A CRC-32 of all bytes before it, then padding.
_CRC_OFFSET = 1196
_DIGEST_OFFSET = 4
#: Modulus, exponent and two values derived from them.
_RSA_KEY = slice(36, 812)
_SHA_384 = 1
_CURVES = {1: "ECDSA P-192", 2: "ECDSA P-256", 3: "ECDSA P-384"}

#: The length of a signature in bytes; that of an RSA key of 2048 bits is 256.
_ESP8266_BYTES = range(32, 4097)
_WORD_BYTES = 4


def signed_esp32(read_at: ReadAt, end: int, size: int) -> bool:
    """Returns whether a Secure Boot v1 or v2 signature follows the image that ends at ``end``."""
    if size - end == _V1_BYTES and read_at(end, _WORD_BYTES) == bytes(_WORD_BYTES):
        return True
    sector = -(-end // SECTOR_BYTES) * SECTOR_BYTES
    return (
        size == sector + SECTOR_BYTES
        and read_at(sector, 2) in _V2_MAGICS
        # Without this check a digest whose flag was lost would pass for padding.
        and not read_at(end, sector - end).strip(b"\xff")
    )


def signed_esp8266(read_at: ReadAt, end: int, size: int) -> bool:
    """Returns whether a signature follows the image, with its length in the file's last word."""
    if size - end < _WORD_BYTES:
        return False
    length = int.from_bytes(read_at(size - _WORD_BYTES, _WORD_BYTES), "little")
    return length in _ESP8266_BYTES and size == end + length + _WORD_BYTES


def describe_esp8266(length: int) -> Signature:
    """Describes an RSA signature by its length, which is that of the key's modulus."""
    block = SignatureBlock(algorithm=f"RSA-{8 * length}")
    return Signature(scheme="esp8266", size=length + _WORD_BYTES, blocks=(block,))


def describe_esp32(data: bytes, end: int) -> Signature:
    """Describes the signature after an image for which :func:`signed_esp32` is true."""
    if len(data) - end == _V1_BYTES:
        block = SignatureBlock(algorithm=_CURVES[2])
        return Signature(scheme="secure-boot-v1", size=_V1_BYTES, blocks=(block,))
    return Signature(
        scheme="secure-boot-v2", size=SECTOR_BYTES, blocks=tuple(_blocks(memoryview(data)))
    )


def _blocks(data: memoryview) -> Iterator[SignatureBlock]:
    """Yields the blocks at the beginning of the file's last sector, up to the first non-block."""
    signed, sector = data[:-SECTOR_BYTES], data[-SECTOR_BYTES:]
    for number in range(_MAX_BLOCKS):
        block = sector[number * _BLOCK_BYTES : (number + 1) * _BLOCK_BYTES]
        if bytes(block[:2]) not in _V2_MAGICS:
            return
        crc = int.from_bytes(block[_CRC_OFFSET : _CRC_OFFSET + 4], "little")
        algorithm, matches, key = _content(block, signed)
        intact = crc == zlib.crc32(block[:_CRC_OFFSET])
        yield SignatureBlock(
            algorithm=algorithm,
            key_digest=hashlib.sha256(key).hexdigest(),
            digest=Integrity.VALID if intact and matches else Integrity.INVALID,
        )


def _content(block: memoryview, signed: memoryview) -> tuple[str, bool, memoryview]:
    """Returns a block's algorithm, whether it contains the image's digest, and its public key."""
    long_digest = block[1] == _ECDSA and block[2] == _SHA_384
    computed = (hashlib.sha384 if long_digest else hashlib.sha256)(signed).digest()
    digest_end = _DIGEST_OFFSET + len(computed)
    matches = bytes(block[_DIGEST_OFFSET:digest_end]) == computed
    if block[1] == _RSA:
        return "RSA-3072", matches, block[_RSA_KEY]
    curve = block[digest_end]
    point_bytes = 96 if long_digest else 64
    algorithm = _CURVES.get(curve, f"ECDSA curve {curve}")
    return algorithm, matches, block[digest_end : digest_end + 1 + point_bytes]
