"""The update itself, with the checks of the C++ updaters in their order.

Source: ``handleUpdate`` and ``runUpdate`` in ``ESP8266httpUpdate.cpp`` (core 3.1.2) and
``HTTPUpdate.cpp`` (arduino-esp32 2); ``begin``, ``writeStream`` and ``end`` in ``Updater.cpp``.
The reasons of failures are those of ``getLastErrorString``.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from acpublish.emulator import flash
from acpublish.emulator.autoconnect import CatalogPage, read_page
from acpublish.emulator.connection import Answer, HttpError, Place, asked, find
from acpublish.emulator.profile import DeviceOptions, Outcome, Result
from acpublish.emulator.request import Running, catalog_request, update_request

#: What any other status than 200 and 304 is called.
_STATUSES = {
    401: "Unauthorized (401)",
    403: "Forbidden (403)",
    404: "File Not Found (404)",
}
_MAGIC = 0xE9
_GZIP_MAGIC = 0x1F
#: ``ESP.magicFlashChipSize``: the upper half of byte 3, in KiB.
_FLASH_KIB = {0: 512, 1: 256, 2: 1024, 3: 2048, 4: 4096, 8: 8192, 9: 16384}
#: Numbers of ``UPDATE_ERROR_…``, which the ESP8266 prints in front (``Updater.h``).
_STREAM, _MD5 = 6, 7


class _UpdateError(Exception):
    """A failure with the words of ``getLastErrorString``."""


class Device:
    """A device, as a server sees it."""

    def __init__(self, options: DeviceOptions) -> None:
        """Starts a device.

        Args:
            options: What it is.
        """
        self.options = options

    def check_for_update(self, url: str) -> Outcome:
        """Asks a URL for an update and installs what comes, as a sketch with HTTPUpdate does.

        Args:
            url: As the sketch has it; what follows the host is sent raw.

        Raises:
            SettingsError: The URL or the flash file cannot be used.
        """
        place = find(url)
        return self._update(place, place.target)

    def catalog(self, url: str, path: str = ".") -> CatalogPage:
        """Asks for the list of firmwares that AutoConnectUpdate shows.

        Args:
            url: The server.
            path: What the sketch gives as ``uri``, sent raw.

        Raises:
            SettingsError: The URL cannot be used.
        """
        place = find(url)
        options = self.options
        try:
            with asked(
                place,
                catalog_request(options, place.host, place.port, path),
                chip=options.chip,
                timeout_s=options.catalog_timeout_s,
                segment_bytes=options.segment_bytes,
            ) as answer:
                return read_page(answer, options.catalog_timeout_s)
        except HttpError as fault:
            return CatalogPage(caption=f"Update server responds ({fault})")

    def install(self, url: str, name: str, folder: str = ".") -> Outcome:
        """Installs a firmware that :meth:`catalog` lists, as AutoConnectUpdate does.

        Args:
            url: The server.
            name: The firmware's name in the list.
            folder: What the sketch gives as ``uri``; unless it begins with ``/``, neither does
                the request.

        Raises:
            SettingsError: The URL or the flash file cannot be used.
        """
        at = "" if folder == "." else folder.rstrip("/")
        return self._update(find(url), f"{at}/{name}".encode("utf-8", "surrogateescape"))

    def _update(self, place: Place, target: bytes) -> Outcome:
        options = self.options
        if options.user is None and place.user is not None:
            options = replace(options, user=place.user, password=place.password)
        running = flash.load(options)
        request = update_request(options, running, place.host, place.port, target)
        status = None
        try:
            with asked(
                place,
                request,
                chip=options.chip,
                timeout_s=options.timeout_s,
                segment_bytes=options.segment_bytes,
            ) as answer:
                status = answer.status
                if options.mode == "version":
                    return _available(answer)
                if status == 304:
                    return Outcome(result=Result.NO_UPDATE, status=status)
                image = _received(options, running, answer)
        except HttpError as fault:
            return Outcome(result=Result.FAILED, reason=f"HTTP error: {fault}", status=status)
        except _UpdateError as fault:
            return Outcome(result=Result.FAILED, reason=str(fault), status=status)
        except flash.BootError as fault:
            return Outcome(result=Result.FAILED, reason=f"Update error: {fault}", status=status)
        if options.flash is not None:
            flash.store(options.flash, image)
        return Outcome(result=Result.UPDATED, image=image, status=status)


def run(options: DeviceOptions, url: str, path: str) -> Outcome:
    """Lets a device update itself once.

    Args:
        options: The device.
        url: The server, such as ``http://192.168.1.10:8000``.
        path: What to ask it for, such as ``/update/sensor/d1_mini``; sent raw.

    Raises:
        SettingsError: The URL or the flash file cannot be used.
    """
    return Device(options).check_for_update(f"{url.rstrip('/')}/{path.lstrip('/')}")


def _available(answer: Answer) -> Outcome:
    """Does what ``getAvailableVersion`` does."""
    version = answer.header("x-version")
    if answer.status == 304:
        return Outcome(result=Result.NO_UPDATE, status=304)
    if answer.status == 200 and version:
        return Outcome(result=Result.AVAILABLE, available=version, status=200)
    reason = _STATUSES.get(answer.status, "Wrong HTTP Code")
    return Outcome(result=Result.FAILED, reason=reason, status=answer.status)


def _received(options: DeviceOptions, running: Running, answer: Answer) -> bytes:
    """Takes an image off the answer, and returns what the flash then holds."""
    if answer.status != 200:
        raise _UpdateError(_STATUSES.get(answer.status, "Wrong HTTP Code"))
    if answer.size <= 0:
        # With chunks there is no size; where a server sends both, the first chunk's length stands
        # in the place of the image's first byte.
        raise _UpdateError("Server Did Not Report Size")
    limit = options.chip_size if options.mode == "spiffs" else options.space
    if answer.size > limit:
        raise _UpdateError("Not Enough space")
    if options.mode == "sketch":
        _check_header(options, answer)
    expected = answer.header("x-MD5")
    if expected and len(expected) != 32:
        raise _UpdateError("Wrong MD5")
    body = answer.read(answer.size, options.stall_s)
    if len(body) != answer.size:
        raise _update_error(options, _STREAM, "Stream Read Timeout")
    found = hashlib.md5(body, usedforsecurity=False).hexdigest()
    if expected and found != expected.lower():
        if options.chip == "esp32":
            raise _update_error(options, _MD5, "MD5 Check Failed")
        words = f"MD5 verification failed: expected: {expected}, calculated: {found}"
        raise _update_error(options, _MD5, words)
    return flash.flashed(options, running, body)


def _check_header(options: DeviceOptions, answer: Answer) -> None:
    """Looks at the first bytes, which must have come with the head or in a segment of 4 or more."""
    if options.chip == "esp32":
        if answer.peek(1) != bytes([_MAGIC]):
            raise _UpdateError("Verify Bin Header Failed")
        return
    first = answer.peek(4)
    if len(first) < 4 or 1 <= answer.in_first_segment <= 3:
        raise _UpdateError("Verify Bin Header Failed")
    if first[0] not in (_MAGIC, _GZIP_MAGIC):
        raise _UpdateError("Verify Bin Header Failed")
    if first[0] == _MAGIC and _FLASH_KIB.get(first[3] >> 4, 0) * 1024 > options.chip_size:
        raise _UpdateError("New Binary Does Not Fit Flash Size")


def _update_error(options: DeviceOptions, number: int, words: str) -> _UpdateError:
    shown = f"ERROR[{number}]: {words}" if options.chip == "esp8266" else words
    return _UpdateError(f"Update error: {shown}")
