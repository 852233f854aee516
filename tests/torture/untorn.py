"""The promise "never a torn download": clients download while somebody changes the catalog.

A download is whole if its length, its MD5 and its ETag are those that its head says, and if its
bytes are those of one file at one time. Or its connection breaks before its last byte, so that
nobody takes it for whole. In parts, both parts with the same ETag make that file.
"""

from __future__ import annotations

import functools
import hashlib
import random
import re
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from tests.support.server import RunningServer, running_server
from tests.torture.churning import CONTENTS, LOOSE, PRODUCTS, churning, content
from tests.torture.rows import Row

PROMISE = "never a torn download"
CLIENTS = 8
#: A client ends its own connection after so many requests at most.
_REQUESTS = 50
_PATIENCE_S = 30.0
#: A client of a large file is slow once.
_AT_ONCE_BYTES = (1 << 20) + 1
_SLOW_S = 0.3
#: The kernel must not take in the rest of it meanwhile.
_RECEIVED_BYTES = 128 * 1024
#: How many of about 100 downloads are of small files, of 1 MiB, and of a file that is too large for
#: the cache.
_OF_KINDS = {"small.bin": 42, "lamp": 42, "mib.bin": 7, "plug": 7, "large.bin": 2}
#: The share of downloads that come in two parts.
_IN_PARTS = 0.3
_MOST_FOUND = 50
#: Each download is another device's, because one that does not come back is kept waiting.
_UPDATER = (
    "User-Agent: ESP8266-http-Update\r\nx-ESP8266-STA-MAC: 5C:CF:7F:{:02X}:{:02X}:{:02X}\r\n"
    "x-ESP8266-version: 0.0.1\r\n"
)
_FILE_NAME = re.compile(r'filename="([^"]+)"')


class Broken(Exception):
    """The connection ended before the response did."""


@dataclass(frozen=True, slots=True)
class Response:
    """A response that came whole."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Tally:
    """What came of many downloads.

    Attributes:
        counts: How many of each kind there were.
        found: Each torn one, in words.
        lock: For both.
    """

    counts: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: str, fault: str = "") -> None:
        """Notes a download, and what is wrong with it."""
        with self.lock:
            self.counts[kind] += 1
            if fault and len(self.found) < _MOST_FOUND:
                self.found.append(fault)


def measure(tmp: Path, count: int, most_s: float = 3600.0) -> Row:
    """Downloads, and returns the row of the table.

    Args:
        tmp: An empty folder.
        count: How many downloads.
        most_s: How long it may take; then it stops, and the row says how far it came.
    """
    begin = time.monotonic()
    tally, changes = download(tmp, count, most_s)
    counts = tally.counts
    numbers = (
        f"{counts['whole'] + counts['in parts']:,} downloads ({counts['in parts']:,} in parts, "
        f"{counts['MiB']:,} of 1 MiB, {counts['large']:,} of 9 MiB), {counts['broken']:,} broken "
        f"off, {counts['refused']:,} refused; {sum(changes.values()):,} changes: "
        + ", ".join(f"{number:,} {kind}" for kind, number in sorted(changes.items()))
    )
    return Row(PROMISE, numbers, tally.found, f"{len(tally.found)} torn", time.monotonic() - begin)


def download(tmp: Path, count: int, most_s: float) -> tuple[Tally, Counter[str]]:
    """Downloads from a server whose catalog changes.

    Args:
        tmp: An empty folder.
        count: How many downloads; those that break off and those that are refused count too.
        most_s: How long it may take.

    Returns:
        What came of the downloads, and how often the catalog was changed in which way.
    """
    catalog = tmp / "catalog"
    catalog.mkdir()
    tally = Tally()
    until = time.monotonic() + most_s
    turns = iter(range(count))
    lock = threading.Lock()

    def run(client: Client) -> None:
        while time.monotonic() < until:
            with lock:
                if next(turns, None) is None:
                    return
            client.download()

    with running_server(catalog, tmp) as server, churning(catalog) as changes:
        clients = [Client(server, tally, seed) for seed in range(CLIENTS)]
        threads = [threading.Thread(target=run, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if server.process.poll() is not None:
            tally.note("ended", "the server has ended")
    log = server.log()
    for line in log.splitlines():
        if line.startswith("Traceback") or line.endswith(" 500"):
            tally.note("logged", f"logged: {line}")
    return tally, changes


class Client:
    """A client that keeps its connection, as long as that works."""

    def __init__(self, server: RunningServer, tally: Tally, seed: int) -> None:
        self._server = server
        self._tally = tally
        self._random = random.Random(seed)
        self._connection = Connection(server)
        self._names: dict[str, str] = {}

    def download(self) -> None:
        """Downloads something once, and notes what came of it."""
        (name,) = self._random.choices(list(_OF_KINDS), list(_OF_KINDS.values()))
        in_parts = self._random.random() < _IN_PARTS
        target, extra = f"/loose/{name}", ""
        if name in PRODUCTS:
            target = f"/update/{name}/d1"
            extra = _UPDATER.format(*self._random.randbytes(3))
            # By its own name, a release may be gone.
            if name in self._names and self._random.random() < 0.5:
                target, extra = f"/{name}/{self._names[name]}", ""
        try:
            get = self._in_parts if in_parts else self._whole
            fault = get(name, target, extra)
        except Broken:
            self._tally.note("broken")
            return
        except (ValueError, LookupError) as error:
            self._connection.close()
            self._tally.note("not HTTP", f"{target}: {type(error).__name__} {error}")
            return
        if fault is None:
            self._tally.note("refused")
            return
        self._tally.note("in parts" if in_parts else "whole", fault and f"{target}: {fault}")
        size = LOOSE.get(name) or PRODUCTS[name]
        if size >= 1 << 20:
            self._tally.note("MiB" if size == 1 << 20 else "large")

    def _whole(self, name: str, target: str, extra: str) -> str | None:
        response = self._connection.get(target, extra)
        if response.status != 200:
            return None
        match = _FILE_NAME.search(response.headers.get("content-disposition", ""))
        if match and name in PRODUCTS:
            self._names[name] = match[1]
        return judge(name, response)

    def _in_parts(self, name: str, target: str, extra: str) -> str | None:
        """Downloads the first part, and then the rest, if it is of the same file."""
        size = LOOSE.get(name) or PRODUCTS[name]
        middle = self._random.randrange(1, size)
        first = self._connection.get(target, f"{extra}Range: bytes=0-{middle - 1}\r\n")
        if first.status == 200:
            return judge(name, first)
        tag = first.headers.get("etag", "")
        if first.status != 206 or not tag:
            return None if first.status != 206 else "a part without ETag"
        condition = f"Range: bytes={middle}-\r\nIf-Range: {tag}\r\n"
        second = self._connection.get(target, extra + condition)
        if second.status == 200:
            # It is another file by now, and comes whole.
            return judge(name, second)
        if second.status != 206:
            return None
        if second.headers.get("etag") != tag:
            return f"If-Range {tag}, but a part of {second.headers.get('etag')}"
        body = first.body + second.body
        total = f"/{len(body)}"
        for part in (first, second):
            if not part.headers.get("content-range", "").endswith(total):
                return f"parts of {total}, but {part.headers.get('content-range')}"
        return judge(name, Response(200, {"etag": tag}, body))


def judge(name: str, response: Response) -> str:
    """Returns what is wrong with a whole download; empty if nothing is.

    Args:
        name: The product, or the name of the hand-copied file.
        response: The response; one that was made of parts has no length and no MD5.
    """
    headers, body = response.headers, response.body
    sha256, md5 = hashlib.sha256(body).hexdigest(), hashlib.md5(body).hexdigest()
    if headers.get("etag") != f'"{sha256}"':
        return f"ETag {headers.get('etag')}, but the {len(body)} bytes have {sha256}"
    if "content-length" in headers and headers.get("x-md5") != md5:
        return f"x-MD5 {headers.get('x-md5')}, but it is {md5}"
    if name in LOOSE and sha256 not in _written(name):
        return _mixed(name, body)
    return ""


@functools.lru_cache
def _written(name: str) -> dict[str, bytes]:
    """Returns all contents of a hand-copied file by their SHA-256."""
    contents = [content(name, number) for number in range(CONTENTS)]
    return {hashlib.sha256(data).hexdigest(): data for data in contents}


def _mixed(name: str, body: bytes) -> str:
    """Returns what a body that nobody wrote consists of."""
    for data in _written(name).values():
        pairs = enumerate(zip(data, body, strict=False))
        same = next((at for at, (ours, theirs) in pairs if ours != theirs), len(body))
        if same > 512:
            return f"{same} bytes of one file, and then {len(body) - same} others"
    return "bytes that nobody wrote"


class Connection:
    """A connection that is opened again when it has ended."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self._file: BinaryIO | None = None
        self._left = 0

    def get(self, target: str, extra: str) -> Response:
        """Requests something, and reads the response.

        Raises:
            Broken: The connection ended before the response did.
        """
        try:
            return self._exchange(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{extra}\r\n")
        except (OSError, Broken) as error:
            self.close()
            raise Broken from error

    def close(self) -> None:
        """Ends the connection, if there is one."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _exchange(self, request: str) -> Response:
        if self._file is None:
            with self._server.connect() as connection:
                connection.settimeout(_PATIENCE_S)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVED_BYTES)
                self._file = connection.makefile("rwb")
            self._left = _REQUESTS
        self._left -= 1
        self._file.write(request.encode())
        self._file.flush()
        status = int(self._line().split()[1])
        headers: dict[str, str] = {}
        while line := self._line():
            name, _, value = line.partition(": ")
            if name.lower() in headers:
                raise ValueError(f"twice: {line}")
            headers[name.lower()] = value
        size = int(headers["content-length"])
        body = self._file.read(min(size, _AT_ONCE_BYTES))
        if size > _AT_ONCE_BYTES:
            # Meanwhile, somebody may write to the file, of which the server has read a part.
            time.sleep(_SLOW_S)
            body += self._file.read(size - len(body))
        if len(body) < size:
            raise Broken
        if not self._left or headers.get("connection") == "close":
            self.close()
        return Response(status, headers, body)

    def _line(self) -> str:
        assert self._file is not None
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise Broken
        return line[:-2].decode("latin-1")
