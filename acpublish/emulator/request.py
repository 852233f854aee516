"""The requests of real devices, byte for byte.

Sources: ``ESP8266HTTPClient.cpp`` ``sendHeader`` and ``ESP8266httpUpdate.cpp`` ``handleUpdate``
(core 3), ``HTTPClient.cpp`` and ``HTTPUpdate.cpp`` (arduino-esp32 2), ``AutoConnectUpdate.cpp``.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from acpublish.emulator.profile import DeviceOptions
from acpublish.wire import CATALOG_PATH, HEADER_PREFIXES, authority_of

_ENCODINGS = "Accept-Encoding: identity;q=1,chunked;q=0.1,*;q=0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What a device reports about the image that it runs.

    Attributes:
        size: ``ESP.getSketchSize()``.
        md5: ``ESP.getSketchMD5()``, lower-case hex; empty if it is not reported.
        sha256: Upper-case hex, which an ESP32 also reports; empty likewise.
    """

    size: int
    md5: str
    sha256: str


def update_request(
    options: DeviceOptions, running: Running, host: str, port: int, target: bytes
) -> bytes:
    """Returns the request for an update.

    Args:
        options: The device.
        running: What it runs.
        host: The server, as the sketch names it.
        port: The server's port.
        target: What the sketch requests, raw, in the request line.
    """
    prefix = HEADER_PREFIXES[options.chip]
    agent = "ESP8266-http-Update" if options.chip == "esp8266" else "ESP32-http-Update"
    lines = [f"Host: {_authority(host, port)}", f"User-Agent: {agent}"]
    authorization = _authorization(options)
    if options.chip == "esp8266":
        lines += [*authorization, "Connection: close"]
        lines.append(f"{prefix}Chip-ID: {options.identity}")
    else:
        lines += ["Connection: close", *authorization, "Cache-Control: no-cache"]
    if options.sends_mac:
        lines.append(f"{prefix}STA-MAC: {options.station_mac}")
        lines.append(f"{prefix}AP-MAC: {options.access_point_mac}")
    lines.append(f"{prefix}free-space: {options.space}")
    lines.append(f"{prefix}sketch-size: {running.size}")
    if running.md5:
        lines.append(f"{prefix}sketch-md5: {running.md5}")
    if options.chip == "esp32" and running.sha256:
        lines.append(f"{prefix}sketch-sha256: {running.sha256}")
    lines += [
        f"{prefix}chip-size: {options.chip_size}",
        f"{prefix}sdk-version: {options.sdk}",
        f"{prefix}mode: {options.mode}",
    ]
    if options.version:
        lines.append(f"{prefix}version: {options.version}")
    if options.chip == "esp8266":
        lines.append("Content-Length: 0")
    return _request(target, b"1.0", lines)


def catalog_request(options: DeviceOptions, host: str, port: int, path: str) -> bytes:
    """Returns AutoConnectUpdate's request for its list; the path is appended raw."""
    target = f"{CATALOG_PATH}?op=list&path={path}".encode()
    lines = [f"Host: {_authority(host, port)}"]
    if options.chip == "esp8266":
        lines += [
            "User-Agent: ESP8266HTTPClient",
            _ENCODINGS,
            "Connection: keep-alive",
            "Content-Length: 0",
        ]
    else:
        lines += ["User-Agent: ESP32HTTPClient", "Connection: keep-alive", _ENCODINGS]
    return _request(target, b"1.1", lines)


def plain_request(target: bytes, host: str, port: int) -> bytes:
    """Returns a request without anything of a device but the name of the server."""
    return _request(target, b"1.1", [f"Host: {_authority(host, port)}", "Connection: close"])


def _request(target: bytes, version: bytes, lines: list[str]) -> bytes:
    head = b"GET %s HTTP/%s\r\n" % (target or b"/", version)
    return head + "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


def _authority(host: str, port: int) -> str:
    """Returns host and port, without a port that is a default (``sendHeader``)."""
    return authority_of(host, None if port in (80, 443) else port)


def _authorization(options: DeviceOptions) -> list[str]:
    if options.user is None:
        return []
    pair = f"{options.user}:{options.password or ''}".encode()
    return [f"Authorization: Basic {base64.b64encode(pair).decode()}"]
