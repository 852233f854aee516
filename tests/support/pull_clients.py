"""Clients that pull updates, written after their sources: what they read of our responses, and how.

Each names the file and the version that it mirrors. A server is reached over real sockets; what a
client rejects raises :class:`RejectedError` with the words of its log.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.support.server import PATIENCE_S, Answer, read_all


class RejectedError(Exception):
    """The client does not update."""


def fetch(url: str, *headers: str, method: str = "GET", host: str | None = None) -> Answer:
    """Requests a URL as esp_http_client and HTTPClient do, with the Host of the URL."""
    parts = urlsplit(url)
    assert parts.scheme == "http", url
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = (f"{method} {target} HTTP/1.1", f"Host: {host or parts.netloc}", *headers)
    with socket.create_connection((parts.hostname, parts.port or 80), PATIENCE_S) as connection:
        connection.sendall("\r\n".join((*lines, "Connection: close", "", "")).encode())
        return Answer.parse(read_all(connection))


def arduino_http_client_length(raw: bytes) -> int | None:
    """``contentLength`` of ArduinoHttpClient (HttpClient.cpp, commit 8b76ac2; its issue #184).

    It matches the bytes of each header line with ``Content-Length: ``, and starts anew with a line.
    """
    for line in raw.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        if line.startswith(b"Content-Length: "):
            return int(line[len(b"Content-Length: ") :])
    return None


def aws_s3_ota_update(raw: bytes) -> tuple[int, bool]:
    """``execOTA`` of arduino-esp32's example AWS_S3_OTA_Update: length, and whether the type fits.

    The example is in libraries/Update/examples of every release from 1.0.0 on.
    """
    length, valid = 0, False
    for number, line in enumerate(raw.partition(b"\r\n\r\n")[0].split(b"\r\n")):
        if number == 0 and b"200" not in line:
            raise RejectedError("Got a non 200 status code from server. Exiting OTA Update.")
        if line.startswith(b"Content-Length: "):
            length = int(line[len(b"Content-Length: ") :])
        if line.startswith(b"Content-Type: "):
            valid = line[len(b"Content-Type: ") :] == b"application/octet-stream"
    return length, valid


@dataclass
class Esphome:
    """ESPHome 2026.6.5: http_request/update/http_request_update.cpp, ota/ota_http_request.cpp.

    Attributes:
        variant: ``ESPHOME_VARIANT``.
        version: ``ESPHOME_PROJECT_VERSION``.
        source: The URL of the manifest.
    """

    variant: str
    version: str
    source: str
    firmware_url: str = ""
    latest: str = ""
    md5: str = ""

    def update(self) -> bool:
        """``update_task``: returns whether there is another version."""
        answer = fetch(self.source)
        if answer.status != 200:
            raise RejectedError("Failed to fetch manifest")
        # The buffer has as many bytes as Content-Length says; none without it.
        self._read(json.loads(answer.body[: int(answer.one("content-length"))]))
        if self.firmware_url and "http" not in self.firmware_url:
            if self.firmware_url.startswith("/"):
                domain = self.source[: self.source.find("/", 8)]
            else:
                domain = self.source[: self.source.rfind("/") + 1]
            self.firmware_url = domain + self.firmware_url
        return self.latest not in ("", self.version)

    def _read(self, root: Any) -> None:
        required = (root.get("name"), str), (root.get("version"), str), (root.get("builds"), list)
        if not all(isinstance(value, kind) for value, kind in required):
            raise RejectedError("Manifest does not contain required fields")
        self.latest = root["version"]
        for build in root["builds"]:
            if not isinstance(build.get("chipFamily"), str):
                raise RejectedError("Manifest does not contain required fields")
            if build["chipFamily"] == self.variant:
                ota = build.get("ota") or {}
                if not isinstance(ota.get("path"), str) or not isinstance(ota.get("md5"), str):
                    raise RejectedError("Manifest does not contain required fields")
                self.firmware_url, self.md5 = ota["path"], ota["md5"]
                return
        raise RejectedError("Failed to parse manifest JSON")

    def perform(self) -> bytes:
        """``do_ota_``: returns what it flashes."""
        return self.flash(self.firmware_url, self.md5)

    @staticmethod
    def flash(url: str, md5: str = "", md5_url: str = "") -> bytes:
        """``ota.http_request.flash``: the MD5 is given, or the first 32 characters of a file."""
        if len(url) < 8 or not url.startswith("http") or "://" not in url:
            raise RejectedError("URL is invalid and/or must be prefixed with 'http://'")
        if not md5:
            md5 = fetch(md5_url).body[:32].decode()
        answer = fetch(url)
        if answer.status != 200:
            raise RejectedError("OTA_CONNECTION_ERROR")
        body = answer.body[: int(answer.one("content-length"))]
        if hashlib.md5(body).hexdigest() != md5:
            raise RejectedError("MD5 computed: Aborting due to MD5 mismatch")
        return body


@dataclass
class Esp32Fota:
    """esp32FOTA, commit 0063972: ``checkJSONManifest`` and ``getHTTPStream`` of esp32FOTA.cpp.

    Versions are read by ``semver_parse_version`` of its semver.c, which knows nothing but numbers.
    """

    name: str
    version: str
    manifest_url: str
    firmware_url: str = ""

    @staticmethod
    def numbers(text: str) -> tuple[int, int, int]:
        """Returns what ``SemverClass`` makes of a version: 0.0.0 of one that it cannot read."""
        parts = text.split(".")
        if not all(re.fullmatch(r"\d*", part) for part in parts):
            return 0, 0, 0
        major, minor, patch = (*(int(part or 0) for part in parts[:3]), 0, 0, 0)[:3]
        return major, minor, patch

    def exec_http_check(self, host: str | None = None) -> bool:
        """Returns whether the manifest has a newer version."""
        answer = fetch(self.manifest_url, host=host)
        if answer.status not in (200, 301):
            raise RejectedError(f"Error on HTTP request (httpCode={answer.status})")
        document = json.loads(answer.body)
        entries = document if isinstance(document, list) else [document]
        return any(map(self._check, entries))

    def _check(self, entry: dict[str, Any]) -> bool:
        # strcmp with a missing type would crash the device.
        assert isinstance(entry["type"], str)
        if entry["type"] != self.name:
            return False
        if isinstance(entry.get("url"), str):
            self.firmware_url = entry["url"]
        elif all(key in entry for key in ("bin", "host", "port")):
            self.firmware_url = f"http://{entry['host']}:{entry['port']}{entry['bin']}"
        else:
            return False
        return self.numbers(entry["version"]) > self.numbers(self.version)

    def exec_ota(self) -> bytes:
        """Returns what it flashes."""
        answer = fetch(self.firmware_url)
        size = int(answer.one("content-length"))
        if answer.status != 200 or size <= 0:
            raise RejectedError("There was no content in the http response")
        if len(answer.body) != size:
            raise RejectedError("Written only: Premature end of stream?")
        return answer.body


@dataclass
class EspHttpsOta:
    """ESP-IDF 5.5, esp_https_ota.c, with ``partial_http_download``: HEAD, then range after range.

    Attributes:
        url: What ``esp_http_client_config_t`` has.
        request_bytes: ``max_http_request_size``.
        headers: What ``http_client_init_cb`` sets, on each request.
    """

    url: str
    request_bytes: int = 4096
    headers: list[str] = field(default_factory=list)
    image: bytes = b""

    def run(self, between: Callable[[int], None] = lambda number: None) -> bytes:
        """Downloads, and calls ``between`` before each further range; returns what was flashed."""
        length = int(self._connect("HEAD").one("content-length"))
        self.image = b""
        number = 0
        while len(self.image) < length:
            if number:
                between(number)
            number += 1
            last = len(self.image) + self.request_bytes - 1
            end = last if length - len(self.image) > self.request_bytes else ""
            self.image += self._connect("GET", f"Range: bytes={len(self.image)}-{end}").body
        return self.image

    def resume(self, written: bytes, *, partial: bool = False) -> bytes:
        """``ota_resumption``: continues with what an earlier run has flashed.

        With ``partial_http_download`` as well, the length is asked for first, by HEAD.
        """
        if partial:
            self._connect("HEAD")
        answer = self._connect("GET", f"Range: bytes={len(written)}-")
        if answer.status != 206:
            raise RejectedError("Server ignored the requested Range header")
        return written + answer.body

    def _connect(self, method: str, *more: str) -> Answer:
        """``_http_handle_response_code``: any status from 400 on ends the update."""
        answer = fetch(self.url, *self.headers, *more, method=method)
        if answer.status == 304:
            raise RejectedError("ESP_ERR_HTTP_NOT_MODIFIED")
        if answer.status == 416:
            raise RejectedError("ESP_ERR_HTTP_RANGE_NOT_SATISFIABLE")
        if answer.status >= 400:
            raise RejectedError(f"Client error ({answer.status})")
        return answer
