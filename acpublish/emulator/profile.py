"""The properties of a software device, and the outcome of an update."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Literal

from acpublish.errors import SettingsError
from acpublish.wire import Family, JsonVersion

Mode = Literal["sketch", "spiffs", "version"]

#: ``ESP.magicFlashChipMode`` (ESP8266 ``Esp.cpp``), as esptool spells them.
FLASH_MODES = ("qio", "qout", "dio", "dout")
_MAC = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}\Z")
_HEADER_TEXT = re.compile(r"[^\x00-\x1f\x7f]*\Z")
_SDK_VERSIONS: dict[Family, str] = {"esp8266": "2.5.0", "esp32": "v4.4.5"}
_MACS: dict[Family, str] = {"esp8266": "DE:BA:7A:B1:E0:42", "esp32": "24:0A:C4:A3:15:3C"}
_FREE_SPACE: dict[Family, int] = {"esp8266": 1_695_744, "esp32": 1_310_720}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOptions:
    """The properties of a software device.

    Attributes:
        chip: The family whose updater it imitates.
        model: The exact chip, as esptool spells it; an ESP32 then refuses images for other chips.
        mode: What it requests: ``sketch``, ``spiffs`` (a filesystem), or ``version``.
        version: What the sketch passes as its current version.
        flash: The file with the bytes that it runs: read at the start if it exists, written after
            an update. In filesystem mode, the filesystem's bytes are written there, and none are
            read.
        flash_mode: The flash mode of an ESP8266's own chip, which its updater writes into byte 2;
            None to keep the image's.
        chip_size: The size of its flash chip, in bytes.
        free_space: The space available for an update, in bytes; None for the usual of its family.
        mac: The station's MAC address; None for an example of its family.
        sends_mac: Whether it sends its MAC addresses; old cores do not.
        chip_id: The chip ID of an ESP8266; None for the last three bytes of its MAC address.
        sdk_version: The version of the SDK; None for an example of its family.
        user: For Basic authentication; None for no authentication.
        password: For Basic authentication.
        timeout_s: How long it waits for the first byte of an image response, in seconds.
        catalog_timeout_s: How long it waits for each next byte of a catalog, in seconds.
        json_version: The version of ArduinoJson that reads a catalog: 5, or 6 for any later one.
        ca: The file of the only CAs that it trusts over TLS; None for those of browsers.
        stall_s: How long the body of an image may pause, in seconds.
        segment_bytes: The size of a TCP segment; how much of the body is in the first one matters.
        bytes_per_s: How fast it downloads an image at most; None for as fast as it comes.
        reads_share: The share of an image after which it hangs up; 1 to read all of it.
        source: The address of this machine that it connects from; None for the usual one.
        boots: Whether it boots the firmware that it receives. If not, it runs what it ran before.
    """

    chip: Family = "esp8266"
    model: str | None = None
    mode: Mode = "sketch"
    version: str | None = None
    flash: Path | None = None
    flash_mode: str | None = None
    chip_size: int = 4 * 1024 * 1024
    free_space: int | None = None
    mac: str | None = None
    sends_mac: bool = True
    chip_id: int | None = None
    sdk_version: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout_s: float = 8.0
    catalog_timeout_s: float = 5.0
    json_version: JsonVersion = 6
    ca: Path | None = None
    stall_s: float = 60.0
    segment_bytes: int = 536
    bytes_per_s: float | None = None
    reads_share: float = 1.0
    source: str | None = None
    boots: bool = True

    def __post_init__(self) -> None:
        """Checks what would end up in a header.

        Raises:
            SettingsError: An option is not a value that a device can have.
        """
        _check("the chip", self.chip in _MACS, "Use esp8266 or esp32.")
        _check(
            "the mode",
            self.mode in ("sketch", "spiffs", "version"),
            "Use sketch, spiffs or version.",
        )
        if self.mode == "version":
            _check(
                "the mode 'version' of an ESP32",
                self.chip == "esp8266",
                "Use the chip esp8266: only ESP8266HTTPUpdate requests the version alone.",
            )
        _check(
            f"the mode {self.mode!r} of a device that does not boot",
            self.boots or self.mode == "sketch",
            "Use the mode sketch: only firmware has to boot.",
        )
        _check(
            "the MAC address",
            self.mac is None or _MAC.match(self.mac),
            "Use an address such as 24:0A:C4:A3:15:3C.",
        )
        for text in (self.version, self.sdk_version):
            _check("a version", text is None or _HEADER_TEXT.match(text), "Use a single line.")
        modes = (None, *FLASH_MODES)
        _check("the flash mode", self.flash_mode in modes, f"Use one of: {', '.join(FLASH_MODES)}.")

    @property
    def station_mac(self) -> str:
        """The MAC address of the station."""
        return self.mac or _MACS[self.chip]

    @property
    def access_point_mac(self) -> str:
        """The MAC address of the access point, as the SDKs derive it from the station's."""
        head, *middle, last = (int(part, 16) for part in self.station_mac.split(":"))
        if self.chip == "esp8266":
            head |= 2
        else:
            last = (last + 1) & 0xFF
        return ":".join(f"{part:02X}" for part in (head, *middle, last))

    @property
    def identity(self) -> int:
        """What ``ESP.getChipId()`` returns."""
        if self.chip_id is not None:
            return self.chip_id
        return int("".join(self.station_mac.split(":")[3:]), 16)

    @property
    def space(self) -> int:
        """What ``ESP.getFreeSketchSpace()`` returns."""
        return _FREE_SPACE[self.chip] if self.free_space is None else self.free_space

    @property
    def sdk(self) -> str:
        """What ``ESP.getSdkVersion()`` returns."""
        return self.sdk_version or _SDK_VERSIONS[self.chip]


def _check(what: str, valid: object, hint: str) -> None:
    if not valid:
        raise SettingsError(f"{what} is not a value that a device can have", hint=hint)


class UpdateResult(str, Enum):
    """The result of an update, in one word."""

    UPDATED = "updated"
    NOT_BOOTED = "not booted"
    NO_UPDATE = "no update"
    AVAILABLE = "available"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateOutcome:
    """The outcome of a request for an update.

    Attributes:
        result: The result.
        reason: Why it failed, in the words of ``getLastErrorString()``; empty otherwise.
        image: The content of the flash after an update, or what did not boot.
        available: The version that the server has, in version mode.
        status: The HTTP status, None if there was no response.
        cause: What a device does not say of a failure, and what to do, as sentences; empty if
            unknown.
    """

    result: UpdateResult
    reason: str = ""
    image: bytes | None = field(default=None, repr=False)
    available: str | None = None
    status: int | None = None
    cause: str = ""
