"""The flash of a software device: what it runs, and how an image gets into it.

Sources: ``Updater.cpp`` ``_writeBuffer`` and ``_verifyEnd`` of both cores, ``Esp.cpp``
``getSketchMD5``, and eboot for gzip.
"""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

from acpublish.emulator.profile import FLASH_MODES, DeviceOptions
from acpublish.emulator.request import Running
from acpublish.errors import SettingsError
from acpublish.image.model import Kind
from acpublish.image.reader import read
from acpublish.input_files import read_bounded
from acpublish.output_files import write_file

_MODE_OFFSET = 2
_SECTOR_BYTES = 4096
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_NOT_BOOTABLE = frozenset({Kind.MERGED, Kind.BOOTLOADER, Kind.PART, Kind.UNKNOWN, Kind.GZIP})

#: What a device without a flash file reports that it runs: an image that is in no catalog.
FACTORY = Running(size=400_000, md5="0d" * 16, sha256="0D" * 32)


class BootError(Exception):
    """The device would not boot the image that it received."""


def load(options: DeviceOptions) -> Running:
    """Returns what the device runs.

    Raises:
        SettingsError: The flash file exists but cannot be read.
    """
    if options.flash is None or options.mode == "spiffs":
        return FACTORY
    try:
        content = read_bounded(
            options.flash,
            options.chip_size,
            SettingsError,
            hint="Use another file with --flash.",
            name=f"the flash file {options.flash}",
        )
    except SettingsError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return FACTORY
        raise
    return running(content) if content else FACTORY


def running(content: bytes) -> Running:
    """Returns what a device that runs these bytes reports."""
    known = read(content).running
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    # Both cores measure the image's own length, so a signature after it does not count.
    if known.md5s and md5 not in known.md5s:
        md5 = known.md5s[0]
    sha256 = known.sha256s[0] if known.sha256s else hashlib.sha256(content).hexdigest()
    return Running(size=len(content), md5=md5, sha256=sha256.upper())


def flashed(options: DeviceOptions, runs: Running, received: bytes) -> bytes:
    """Returns the content of the flash once the received image has booted.

    Args:
        options: The device.
        runs: What it has run until then.
        received: The bytes that it received.

    Raises:
        BootError: The device refuses it, or would not boot it.
    """
    if options.mode == "spiffs":
        return received
    if options.chip == "esp32":
        _verify(options, received)
        return received
    if received.startswith(_GZIP):
        return _inflated(options, runs, received)
    if options.flash_mode is None:
        return received
    mode = FLASH_MODES.index(options.flash_mode)
    return received[:_MODE_OFFSET] + bytes([mode]) + received[_MODE_OFFSET + 1 :]


def _verify(options: DeviceOptions, received: bytes) -> None:
    """Does what ``esp_ota_set_boot_partition`` does before an image may boot."""
    image = read(received)
    bootable = image.family == "esp32" and image.kind not in _NOT_BOOTABLE and not image.damaged
    if not bootable or (options.model and image.chip != options.model):
        raise BootError("Could Not Activate The Firmware")


def _inflated(options: DeviceOptions, runs: Running, received: bytes) -> bytes:
    """Does what eboot does with a gzip; bytes after it in the file are ignored.

    The gzip is at the end of the space for sketches (``Updater.cpp``: ``begin``), and the image
    is written from offset 0 while the gzip is read.
    """
    stream = zlib.decompressobj(_GZIP_WINDOW)
    try:
        image = stream.decompress(received, options.chip_size + 1)
    except zlib.error:
        image = b""
    if not stream.eof or len(image) > options.chip_size or not image:
        raise BootError("eboot cannot inflate the image")
    if _sectors(len(image)) + _sectors(len(received)) > _sectors(runs.size) + options.space:
        raise BootError("eboot overwrites the gzip before it has read it")
    return image


def _sectors(size: int) -> int:
    return -(-size // _SECTOR_BYTES) * _SECTOR_BYTES


def store(path: Path, content: bytes) -> None:
    """Writes the flash file, completely or not at all.

    Raises:
        SettingsError: It cannot be written.
    """
    write_file(path, content, hint="Use another file with --flash.")
