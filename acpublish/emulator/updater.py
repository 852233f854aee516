"""The update itself, with the checks of the C++ updaters in their order.

Source: ``handleUpdate`` and ``runUpdate`` in ``ESP8266httpUpdate.cpp`` (core 3.1.2) and
``HTTPUpdate.cpp`` (arduino-esp32 2); ``begin``, ``writeStream`` and ``end`` in ``Updater.cpp``.
The reasons for failures are those of ``getLastErrorString``.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from acpublish.emulator import flash
from acpublish.emulator.autoconnect import CatalogPage, read_page
from acpublish.emulator.connection import DeviceResponse, Endpoint, HttpError, exchange, parse_url
from acpublish.emulator.profile import DeviceOptions, UpdateOutcome, UpdateResult
from acpublish.emulator.request import Running, catalog_request, update_request

#: What a status other than 200 and 304 is called.
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
            options: Its properties.
        """
        self.options = options

    def check_for_update(self, url: str) -> UpdateOutcome:
        """Requests an update from a URL and installs it, as a sketch with HTTPUpdate does.

        Args:
            url: The URL in the sketch; everything after the host is sent raw.

        Raises:
            SettingsError: The URL or the flash file cannot be used.
        """
        endpoint = parse_url(url, self.options.ca)
        return self._update(endpoint, endpoint.target)

    def catalog(self, url: str, path: str = ".") -> CatalogPage:
        """Requests the list that AutoConnectUpdate shows.

        Args:
            url: The server.
            path: What the sketch passes as ``uri``, sent raw.

        Raises:
            SettingsError: The URL cannot be used.
        """
        options = self.options
        endpoint = parse_url(url, options.ca)
        try:
            with exchange(
                endpoint,
                catalog_request(options, endpoint.host, endpoint.port, path),
                chip=options.chip,
                timeout_s=options.catalog_timeout_s,
                segment_bytes=options.segment_bytes,
            ) as response:
                return read_page(response, options.catalog_timeout_s, options.json_version)
        except HttpError as error:
            caption = f"Update server responds ({error})"
            return CatalogPage(caption=caption, cause=error.cause)

    def install(self, server: Endpoint, name: str, folder: str = ".") -> UpdateOutcome:
        """Installs an image that :meth:`catalog` lists, as AutoConnectUpdate does.

        Args:
            server: The server; its target is not used.
            name: The image's name in the list.
            folder: What the sketch passes as ``uri``; the request begins with ``/`` only if this
                does.

        Raises:
            SettingsError: The flash file cannot be used.
        """
        prefix = "" if folder == "." else folder.rstrip("/")
        target = f"{prefix}/{name}".encode("utf-8", "surrogateescape")
        return self._update(server, target)

    def _update(self, endpoint: Endpoint, target: bytes) -> UpdateOutcome:
        outcome = self.update(endpoint, target, flash.load(self.options))
        updated = outcome.result is UpdateResult.UPDATED
        if updated and self.options.flash is not None and outcome.image is not None:
            flash.store(self.options.flash, outcome.image)
        return outcome

    def update(self, endpoint: Endpoint, target: bytes, running: Running) -> UpdateOutcome:
        """Requests an update, and checks it as a device does; nothing is written to a file.

        Args:
            endpoint: The server; its target is not used.
            target: What the sketch requests, raw.
            running: What the device runs.
        """
        options = self.options
        if options.user is None and endpoint.user is not None:
            options = replace(options, user=endpoint.user, password=endpoint.password)
        request = update_request(options, running, endpoint.host, endpoint.port, target)
        status = None
        try:
            with exchange(
                endpoint,
                request,
                chip=options.chip,
                timeout_s=options.timeout_s,
                segment_bytes=options.segment_bytes,
                source=options.source,
            ) as response:
                status = response.status
                if options.mode == "version":
                    return _available(response)
                if status == 304:
                    return UpdateOutcome(result=UpdateResult.NO_UPDATE, status=status)
                image = _received(options, running, response)
        except HttpError as error:
            return UpdateOutcome(
                result=UpdateResult.FAILED,
                reason=f"HTTP error: {error}",
                status=status,
                cause=error.cause,
            )
        except _UpdateError as error:
            return UpdateOutcome(result=UpdateResult.FAILED, reason=str(error), status=status)
        except flash.BootError as error:
            return UpdateOutcome(
                result=UpdateResult.FAILED, reason=f"Update error: {error}", status=status
            )
        # Its updater restarts it either way; only then does it show whether the image boots.
        result = UpdateResult.UPDATED if options.boots else UpdateResult.NOT_BOOTED
        return UpdateOutcome(result=result, image=image, status=status)


def run(options: DeviceOptions, url: str, path: str) -> UpdateOutcome:
    """Runs one update of a device.

    Args:
        options: The device.
        url: The server, such as ``http://192.168.1.10:8000``.
        path: What to request, such as ``/update/sensor/d1_mini``; sent raw.

    Raises:
        SettingsError: The URL or the flash file cannot be used.
    """
    return Device(options).check_for_update(f"{url.rstrip('/')}/{path.lstrip('/')}")


def _available(response: DeviceResponse) -> UpdateOutcome:
    """Does what ``getAvailableVersion`` does."""
    version = response.header("x-version")
    if response.status == 304:
        return UpdateOutcome(result=UpdateResult.NO_UPDATE, status=304)
    if response.status == 200 and version:
        return UpdateOutcome(result=UpdateResult.AVAILABLE, available=version, status=200)
    reason = _STATUSES.get(response.status, "Wrong HTTP Code")
    return UpdateOutcome(result=UpdateResult.FAILED, reason=reason, status=response.status)


def _received(options: DeviceOptions, running: Running, response: DeviceResponse) -> bytes:
    """Reads an image from the response, and returns the content of the flash afterwards."""
    if response.status != 200:
        raise _UpdateError(_STATUSES.get(response.status, "Wrong HTTP Code"))
    if response.size <= 0:
        # A chunked response has no size; if a server sends both, the first chunk's length takes
        # the place of the image's first byte.
        raise _UpdateError("Server Did Not Report Size")
    limit = options.chip_size if options.mode == "spiffs" else options.space
    if response.size > limit:
        raise _UpdateError("Not Enough space")
    if options.mode == "sketch":
        _check_header(options, response)
    expected = response.header("x-MD5")
    if expected and len(expected) != 32:
        raise _UpdateError("Wrong MD5")
    wanted = int(response.size * options.reads_share)
    body = response.read(wanted, options.stall_s, options.bytes_per_s)
    if len(body) != response.size:
        raise _update_error(options, _STREAM, "Stream Read Timeout")
    calculated = hashlib.md5(body, usedforsecurity=False).hexdigest()
    if expected and calculated != expected.lower():
        if options.chip == "esp32":
            raise _update_error(options, _MD5, "MD5 Check Failed")
        words = f"MD5 verification failed: expected: {expected}, calculated: {calculated}"
        raise _update_error(options, _MD5, words)
    return flash.flashed(options, running, body)


def _check_header(options: DeviceOptions, response: DeviceResponse) -> None:
    """Checks the first bytes, which must not arrive in a segment with fewer than 4 of them."""
    if options.chip == "esp32":
        if response.peek(1) != bytes([_MAGIC]):
            raise _UpdateError("Verify Bin Header Failed")
        return
    first = response.peek(4)
    if len(first) < 4 or 1 <= response.in_first_segment <= 3:
        raise _UpdateError("Verify Bin Header Failed")
    if first[0] not in (_MAGIC, _GZIP_MAGIC):
        raise _UpdateError("Verify Bin Header Failed")
    if first[0] == _MAGIC and _FLASH_KIB.get(first[3] >> 4, 0) * 1024 > options.chip_size:
        raise _UpdateError("New Binary Does Not Fit Flash Size")


def _update_error(options: DeviceOptions, number: int, words: str) -> _UpdateError:
    shown = f"ERROR[{number}]: {words}" if options.chip == "esp8266" else words
    return _UpdateError(f"Update error: {shown}")
