"""What is known of an image: plain frozen values that :func:`acpublish.image.reader.read` makes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from acpublish.wire import Family


class Kind(str, Enum):
    """The kind of a file.

    A ``part`` is an image that no updater of the Arduino cores can install: one half of a build, a
    program for RAM alone, or an image for another boot loader.
    """

    APPLICATION = "application"
    FILESYSTEM = "filesystem"
    MERGED = "merged"
    BOOTLOADER = "bootloader"
    PART = "part"
    GZIP = "gzip"
    SIGNED = "signed"
    UNKNOWN = "unknown"


class Integrity(str, Enum):
    """Whether a checksum, CRC or digest inside an image matches it."""

    VALID = "valid"
    INVALID = "invalid"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A segment: its load address, the offset of its bytes in the file, and its size in bytes."""

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
    """The product and version in an image."""

    product: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureBlock:
    """A signature block.

    Attributes:
        algorithm: ``RSA-<bits>`` or ``ECDSA P-<bits>``.
        key_digest: The SHA-256 of the public key as stored in an ESP32's eFuses, lower-case hex;
            None if the file does not contain the key.
        digest: Whether the block is intact and contains the image's digest; absent if it has none.
    """

    algorithm: str
    key_digest: str | None = None
    digest: Integrity = Integrity.ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The signature that follows a signed image, as far as it is known without a key.

    Attributes:
        scheme: ``esp8266``, ``secure-boot-v1`` or ``secure-boot-v2``.
        size: Its size in bytes, at the end of the file.
        blocks: One for each signature; Secure Boot v2 has up to three.
    """

    scheme: str
    size: int
    blocks: tuple[SignatureBlock, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedDigests:
    """Every digest that a device running this image may report, in lower-case hex.

    For a gzip or a signed file they are those of the image inside, inflated and unsigned.

    Attributes:
        md5s: The MD5 digests; if there are several, the file's own comes first.
        sha256s: The SHA-256 digests; ESP32 only.
    """

    md5s: tuple[str, ...] = ()
    sha256s: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """All that is known of a file from its bytes.

    Attributes:
        kind: The kind of the file; ``unknown`` if nothing matches.
        description: What the file is, as a phrase, if its kind does not say enough; empty
            otherwise.
        content: For a gzip or a signed file, the kind of the image inside, inflated and unsigned.
        compressed: Whether the file has to be inflated first; a signed file may be a gzip.
        signature: The signature that follows a signed image.
        family: The chip family, None if it is not known.
        chip: The chip as esptool's ``--chip`` spells it, ``chip-<id>`` for an unknown id.
        size: The size of the file in bytes.
        md5: The MD5 of the whole file, lower-case hex.
        sha256: The SHA-256 of the whole file, lower-case hex.
        entry: The entry address.
        flash_mode: ``qio``, ``qout``, ``dio`` or ``dout`` (``mode-<n>`` otherwise).
        flash_size: As esptool spells it (``4MB``), ``size-<n>`` otherwise.
        flash_frequency: As esptool spells it (``40m``), ``frequency-<n>`` otherwise.
        segments: The segments of the application (the second image of an ESP8266 file).
        descriptor: The app descriptor of an ESP32 image.
        stamp: The stamp that was written into it, None if there is none.
        stampable: Whether it has room for a stamp: a descriptor or a record.
        checksum: The XOR checksum.
        crc: The CRC words of an ESP8266 image.
        digest: The SHA-256 that is appended to an ESP32 image.
        running: The digests that devices running it may report.
        unstamped_sha256: The SHA-256 of the same image with a blank stamp, which is equal for two
            files that differ only in their stamps. The file's own SHA-256 if it is not stampable.
        problems: What is wrong with it, one phrase each; empty for a sound image.
        damaged: Whether it must not be published or stamped: it is truncated, or a checksum is
            wrong.
    """

    kind: Kind
    size: int
    md5: str
    sha256: str
    unstamped_sha256: str
    description: str = ""
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

    @property
    def is_application(self) -> bool:
        """Whether it is an application, be it plain, a gzip or signed."""
        return (self.content or self.kind) is Kind.APPLICATION

    @property
    def is_broken(self) -> bool:
        """Whether a device that flashes it would get less than the image, or different bytes.

        The MD5 that is sent with a truncated file matches its bytes, so it does not protect the
        device. Bytes after a sound image do no harm.
        """
        sums = (self.checksum, self.crc, self.digest)
        sound = self.checksum is Integrity.VALID and Integrity.INVALID not in sums
        return self.damaged and not sound


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What is known of a file from its headers alone.

    Attributes:
        kind: The kind of the file, as far as the headers show it.
        family: The family whose segment chain fits, None if neither or both do.
        complete: Whether the file contains the whole segment chain, and nothing else.
        truncated: Whether the file begins as an image but ends before its last segment does.
    """

    kind: Kind
    family: Family | None
    complete: bool
    truncated: bool = False
