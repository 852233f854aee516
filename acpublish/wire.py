"""What devices send and what they need: header names, modes and the 256-byte rule.

Facts only, for both sides of the wire: the server reads a :class:`Report` from the headers, and the
software device sends the same headers. Nothing here does I/O.

Sources: ``ESP8266httpUpdate.cpp`` (ESP8266 Arduino core 2.4.2 to 3.1.2), ``HTTPUpdate.cpp``
(arduino-esp32 1.0.0 to 2026 master) and ``AutoConnectUpdate.cpp`` (AutoConnect 1.4.2).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Literal, NamedTuple

Family = Literal["esp8266", "esp32"]

CATALOG_PATH = "/_catalog"
UPDATE_PREFIX = "/update/"
#: Below it are the secret paths, which nobody can guess.
HIDDEN_PREFIX = "/u/"
#: What an upload sends besides its address: JSON objects, and a list of signatures.
PROVENANCE_HEADER = "X-Acpublish-Provenance"
PRIVATE_HEADER = "X-Acpublish-Private"
DECLARED_HEADER = "X-Acpublish-Declared"
SKIP_CHECKS_HEADER = "X-Acpublish-Skip-Checks"
SIGNATURE_HEADER = "X-Acpublish-Signature"
SECRETS_HEADER = "X-Acpublish-Secrets"
#: The API's code for a catalog that the server cannot write: sending it again does not help.
READ_ONLY_CODE = "read-only"
#: The same for a server that cannot read its tokens.
TOKENS_CODE = "tokens"
#: The same for a server whose store of the fleet is away; it has waited for it already.
STORE_CODE = "store"
#: The chip family of each User-Agent that AutoConnect and HTTPUpdate send.
USER_AGENTS: Mapping[str, Family] = {
    "ESP8266HTTPClient": "esp8266",
    "ESP8266-http-Update": "esp8266",
    "ESP32HTTPClient": "esp32",
    "ESP32-http-Update": "esp32",
}
HEADER_PREFIXES: Mapping[Family, str] = {"esp8266": "x-ESP8266-", "esp32": "x-ESP32-"}
#: Values of ``x-…-mode`` that ask for a filesystem image (``HTTPUpdate.cpp``: ``setModeString``).
FILESYSTEM_MODES = frozenset({"spiffs", "littlefs", "fatfs", "flashfs"})

#: One catalog entry is parsed into ``DynamicJsonDocument(256)`` (``AutoConnectUpdate.cpp``).
ENTRY_DOCUMENT_BYTES = 256
#: What an entry costs more with ArduinoJson 5 than with version 6 (measured with the real
#: AutoConnect): a name has at most 106 bytes, or 102 if the size has more than six digits.
_VERSION_5_BYTES = 23
_VERSION_5_LONG_NUMBER_BYTES = 27
_VERSION_5_SHORT_DIGITS = 6
#: A device that shows more bins than this runs out of memory.
DEVICE_LIST_BINS = 25
#: ESP flash chips hold at most 32 MiB; no image can be larger.
MAX_IMAGE_BYTES = 32 * 1024 * 1024
#: Sizes are parsed into a signed 32-bit number.
MAX_SIZE_BYTES = 2**31 - 1
#: One TCP segment of a device holds 536 bytes; a header must not leave 1 to 3 body bytes in it.
MAX_IMAGE_HEADER_BYTES = 500

#: A longer text of a device is treated as malformed: genuine updaters send at most 64 bytes, and
#: what a device sends is kept. A version may be longer than what can be published.
MAX_REPORTED_BYTES = 128

#: The end of an updater's User-Agent; any sketch may use HTTPClient.
_UPDATER = "-http-Update"
_PREFIXES: Mapping[Family, bytes] = {
    family: prefix.lower().encode() for family, prefix in HEADER_PREFIXES.items()
}
#: The headers of a report, in the order in which :func:`read_report` unpacks them.
_FIELDS: Mapping[Family, tuple[bytes, ...]] = {
    family: tuple(
        prefix + name
        for name in (
            *(b"mode", b"version", b"sketch-md5", b"sketch-sha256", b"sketch-size"),
            *(b"free-space", b"sta-mac", b"base-mac", b"ap-mac", b"chip-size", b"sdk-version"),
        )
    )
    for family, prefix in _PREFIXES.items()
}
_MD5 = re.compile(rb"[0-9a-fA-F]{32}\Z")
_SHA256 = re.compile(rb"[0-9a-fA-F]{64}\Z")


class Mode(str, Enum):
    """What a device requests."""

    SKETCH = "sketch"
    FILESYSTEM = "filesystem"
    VERSION = "version"


_MODES: Mapping[bytes, Mode] = {
    b"version": Mode.VERSION,
    **{name.encode(): Mode.FILESYSTEM for name in FILESYSTEM_MODES},
}


class Report(NamedTuple):
    """What a client sends about itself; a field that is missing or malformed is None.

    Each up-to-date check makes one, and a frozen dataclass takes six times as long.

    Attributes:
        family: The chip family, from the device headers or else from the User-Agent.
        updater: Whether the client is an updater (by its device headers or its User-Agent).
        mode: What it requests; ``sketch`` if it does not say.
        version: The version that it claims to run, as it was sent.
        sketch_md5: MD5 of the running image, 32 lower-case hex digits.
        sketch_sha256: SHA-256 of the running image, 64 lower-case hex digits.
        sketch_size: The size of the running image, in bytes.
        free_space: The space available for an update, in bytes.
        chip_size: The size of the flash chip, in bytes.
        sdk_version: The version of Espressif's SDK, as it was sent.
        mac: The station's MAC address, as it was sent; the base address if there is no other.
        ap_mac: The access point's MAC address, as it was sent.
    """

    family: Family | None = None
    updater: bool = False
    mode: Mode = Mode.SKETCH
    version: str | None = None
    sketch_md5: str | None = None
    sketch_sha256: str | None = None
    sketch_size: int | None = None
    free_space: int | None = None
    chip_size: int | None = None
    sdk_version: str | None = None
    mac: str | None = None
    ap_mac: str | None = None


NO_REPORT = Report()
#: Tools that send a device's requests, but are not devices, use this address.
NO_MAC = "00:00:00:00:00:00"


def read_report(headers: Iterable[tuple[bytes, bytes]]) -> Report:
    """Reads what a client sends about itself in its request headers.

    Args:
        headers: Lower-case names and their values, as in ASGI.

    Returns:
        The report. No header is required, and no value is an error.
    """
    values = dict(headers)
    family = _family(values)
    if family is None:
        agent = values.get(b"user-agent", b"").decode("latin-1").strip()
        named = USER_AGENTS.get(agent.split("/")[0].strip())
        # A sketch that reads a file with HTTPClient is not an updater, but runs on that chip.
        return NO_REPORT if named is None else Report(family=named, updater=_UPDATER in agent)
    # Each up-to-date check waits for this, so only the headers in use are decoded.
    mode, version, md5, sha256, size, free_space, mac, base_mac, ap_mac, chip_size, sdk = map(
        values.get, _FIELDS[family]
    )
    return Report(
        family=family,
        updater=True,
        mode=_mode(mode),
        version=_text(version),
        sketch_md5=_digest(_MD5, md5),
        sketch_sha256=_digest(_SHA256, sha256),
        sketch_size=_number(size),
        free_space=_number(free_space),
        chip_size=_number(chip_size),
        sdk_version=_text(sdk),
        mac=_text(mac) or _text(base_mac),
        ap_mac=_text(ap_mac),
    )


def _family(names: Iterable[bytes]) -> Family | None:
    for name in names:
        if name.startswith(b"x-esp"):
            for family, prefix in _PREFIXES.items():
                if name.startswith(prefix):
                    return family
    return None


def _text(value: bytes | None) -> str | None:
    if not value or len(value) > MAX_REPORTED_BYTES:
        return None
    return value.decode("latin-1").strip() or None


def _mode(value: bytes | None) -> Mode:
    return _MODES.get(value.strip().lower(), Mode.SKETCH) if value else Mode.SKETCH


def _digest(pattern: re.Pattern[bytes], value: bytes | None) -> str | None:
    if value is None:
        return None
    digest = value.strip()
    return digest.decode("ascii").lower() if pattern.match(digest) else None


def _number(value: bytes | None) -> int | None:
    if value is None:
        return None
    digits = value.strip()
    # In bytes, only ASCII digits are digits.
    return int(digits) if digits.isdigit() and len(digits) < 16 else None


#: The versions of ArduinoJson with which AutoConnect is built: from version 6 on the cost is equal.
JsonVersion = Literal[5, 6]


def entry_cost(entry: Mapping[str, str | int], version: JsonVersion = 6) -> int:
    """Returns how many bytes of its JSON document a device needs for one catalog entry.

    The rule matches all measurements with ArduinoJson 6: 16 bytes for each key, plus each key and
    each string value in UTF-8 with a final NUL. Version 5 needs more, as it keeps numbers as text.

    Args:
        entry: The entry.
        version: The version of ArduinoJson.
    """
    cost = 0
    for key, value in entry.items():
        cost += 16 + len(key) + 1
        if isinstance(value, str):
            cost += len(value.encode("utf-8", "surrogateescape")) + 1
    if version == 5:
        numbers = (len(str(value)) for value in entry.values() if isinstance(value, int))
        short = max(numbers, default=0) <= _VERSION_5_SHORT_DIGITS
        cost += _VERSION_5_BYTES if short else _VERSION_5_LONG_NUMBER_BYTES
    return cost


def authority_of(host: str, port: int | None = None) -> str:
    """Returns host and port as in a URL and in ``Host``, where IPv6 has brackets (RFC 3986, 3.2.2).

    Args:
        host: The name or the address, without brackets.
        port: The port; None to leave it out.
    """
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def is_requestable(name: str) -> bool:
    """Returns whether a device can request a name: its request line is sent as it is.

    A control character, such as a tab or a line break, ends or garbles that line.
    """
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in name)
