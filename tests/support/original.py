"""The original protocol server, in few words of our own: what a client must get along with.

As AutoConnect's ``updateserver.py`` it knows ``/_catalog?op=list&path=...``, gives files only to
requests with all headers of an updater, compares nothing, and serves one request at a time.
Directories are listed as "file", and only images have date, time and size. The faults that would
endanger the machine it runs on (paths that lead out of the catalog) are left out.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

UPDATER = re.compile(r"(ESP8266|ESP32)-http-Update")
DEMANDED = (
    "STA-MAC",
    "AP-MAC",
    "FREE-SPACE",
    "SKETCH-SIZE",
    "SKETCH-MD5",
    "CHIP-SIZE",
    "SDK-VERSION",
)


class OriginalServer(HTTPServer):
    """Serves one catalog; ``requests`` holds the target and headers of each request."""

    def __init__(self, catalog: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.catalog = catalog
        self.requests: list[tuple[str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: OriginalServer
    timeout = 10

    def do_GET(self) -> None:
        self.server.requests.append((self.path, dict(self.headers)))
        parts = urlsplit(self.path)
        if parts.path == "/_catalog":
            self._list(parse_qs(parts.query))
        elif not self._is_updater():
            self._refuse("The request available only from ESP8266 or ESP32 http updater.")
        else:
            self._send(self.server.catalog / self.path.lstrip("/"))

    def _list(self, query: dict[str, list[str]]) -> None:
        if query.get("op") != ["list"]:
            self._refuse("unknown operation")
            return
        directory = self.server.catalog / query.get("path", ["."])[0]
        body = json.dumps([_described(path) for path in sorted(directory.iterdir())]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _is_updater(self) -> bool:
        agent = UPDATER.match(self.headers.get("User-Agent", ""))
        return agent is not None and all(
            f"x-{agent.group(1)}-{name}" in self.headers for name in DEMANDED
        )

    def _refuse(self, why: str) -> None:
        self.send_response(403, why)
        self.end_headers()

    def _send(self, path: Path) -> None:
        try:
            body = path.read_bytes()
        except OSError as fault:
            self.send_response(500, str(fault))
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Disposition", f"attachment; filename={path.name}")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-MD5", hashlib.md5(body).hexdigest())
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Stays silent."""


def _described(path: Path) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": path.name, "type": "file"}
    if path.is_file() and path.suffix == ".bin" and path.read_bytes()[:1] == b"\xe9":
        changed = time.localtime(path.stat().st_mtime)
        entry["type"] = "bin"
        entry["date"] = time.strftime("%x", changed)
        entry["time"] = time.strftime("%X", changed)
        entry["size"] = path.stat().st_size
    return entry


@contextmanager
def original_server(catalog: Path) -> Iterator[OriginalServer]:
    """Runs the server in a thread for as long as the block lasts."""
    server = OriginalServer(catalog)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
