"""What is known of an image: plain frozen values, made by :func:`acpublish.image.read`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from acpublish.wire import Family


class Kind(str, Enum):
    """What a file is."""

    APPLICATION = "application"
    FILESYSTEM = "filesystem"
    MERGED = "merged"
    BOOTLOADER = "bootloader"
    GZIP = "gzip"
    SIGNED = "signed"
    UNKNOWN = "unknown"


class Integrity(str, Enum):
    """What a checksum, CRC or digest inside an image says of it."""

    VALID = "valid"
    INVALID = "invalid"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One segment: its load address, where its bytes begin in the file, how many bytes it has."""

    address: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AppDescriptor:
    """The ``esp_app_desc_t`` of an ESP32 image (ESP-IDF ``esp_app_desc.h``)."""

    secure_version: int
    version: str
    project: str
    time: str
    date: str
    idf_version: str
    elf_sha256: str
    min_revision: int
    max_revision: int
    mmu_page_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Product and version, as they stand in an image."""

    product: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureBlock:
    """One signature.

    Attributes:
        algorithm: ``RSA-<bits>`` or ``ECDSA P-<bits>``.
        key_digest: SHA-256 of the public key as an ESP32's eFuses hold it, lower-case hex; None
            where the file does not carry the key.
        digest: Whether the block is whole and holds the image's digest; absent where it has none.
    """

    algorithm: str
    key_digest: str | None = None
    digest: Integrity = Integrity.ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What follows a signed image, as far as it can be told without a key.

    Attributes:
        scheme: ``esp8266``, ``secure-boot-v1`` or ``secure-boot-v2``.
        size: Bytes that it takes at the end of the file.
        blocks: One for each signature; Secure Boot v2 has up to three.
    """

    scheme: str
    size: int
    blocks: tuple[SignatureBlock, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedDigests:
    """Every digest that a device running this image may report, in lower-case hex.

    Of a gzip or a signed file they are those of the image inside: inflated, unsigned.

    Attributes:
        md5s: The file's own first, where there are several.
        sha256s: ESP32 only.
    """

    md5s: tuple[str, ...] = ()
    sha256s: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """All that can be told of a file from its bytes.

    Attributes:
        kind: What it is; ``unknown`` where nothing fits.
        content: Of a gzip or a signed file, the kind of what is inside, inflated and unsigned.
        compressed: Whether a gzip is to be opened first; a signed file may hold one.
        signature: What follows a signed image.
        family: The chip family, None where it is not known.
        chip: The chip as esptool's ``--chip`` spells it, ``chip-<id>`` for an unknown id.
        size: Of the file, in bytes.
        md5: Of the whole file, lower-case hex.
        sha256: Of the whole file, lower-case hex.
        entry: The entry address.
        flash_mode: ``qio``, ``qout``, ``dio`` or ``dout`` (``mode-<n>`` otherwise).
        flash_size: As esptool spells it (``4MB``), ``size-<n>`` otherwise.
        flash_frequency: As esptool spells it (``40m``), ``frequency-<n>`` otherwise.
        segments: Of the application (the second image of an ESP8266 file).
        descriptor: The app descriptor of an ESP32 image.
        stamp: The stamp that was written into it, None where there is none.
        stampable: Whether there is a place for a stamp: a descriptor or a record.
        checksum: The XOR checksum.
        crc: The CRC words of an ESP8266 image.
        digest: The SHA-256 that is appended to an ESP32 image.
        running: What devices that run it may report.
        unstamped_sha256: SHA-256 of the same image with a blank stamp: equal for two files that
            differ in their stamps only. The file's own SHA-256 where there is no place for a stamp.
        problems: What is wrong with it, one phrase each; empty for a sound image.
        damaged: Whether it must not be published or stamped: truncated or a check does not hold.
    """

    kind: Kind
    size: int
    md5: str
    sha256: str
    unstamped_sha256: str
    content: Kind | None = None
    compressed: bool = False
    signature: Signature | None = None
    family: Family | None = None
    chip: str | None = None
    entry: int | None = None
    flash_mode: str | None = None
    flash_size: str | None = None
    flash_frequency: str | None = None
    segments: tuple[Segment, ...] = ()
    descriptor: AppDescriptor | None = None
    stamp: Stamp | None = None
    stampable: bool = False
    checksum: Integrity = Integrity.ABSENT
    crc: Integrity = Integrity.ABSENT
    digest: Integrity = Integrity.ABSENT
    running: ReportedDigests = ReportedDigests()
    problems: tuple[str, ...] = ()
    damaged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What the headers alone tell of a file, without reading all of it.

    Attributes:
        kind: As far as headers tell.
        family: The family whose segment chain fits, None where neither or both do.
        complete: Whether the segment chain ends inside the file (not before its bytes are there).
        truncated: Whether it begins as an image and ends before its last segment does.
    """

    kind: Kind
    family: Family | None
    complete: bool
    truncated: bool = False
