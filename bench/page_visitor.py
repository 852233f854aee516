"""A person who visits pages, as a browser does: signed in, over a connection that stays open."""

from __future__ import annotations

import http.client
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from urllib.parse import urlencode

from bench.page_paths import UPLOAD
from bench.report import BenchError

_SIGN_IN = "/_/sign-in"
_PATIENCE_S = 60.0
_BOUNDARY = "4c4dfd4d8a26"
_FORM = "application/x-www-form-urlencoded"
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')
_FILE = re.compile(r'name="product\.([^"]+)"')
_SEE_OTHER = 303


class Visitor(AbstractContextManager["Visitor"]):
    """Somebody who is signed in."""

    def __init__(self, port: int, token: str) -> None:
        """Signs in.

        Args:
            port: The server's port.
            token: What they sign in with.

        Raises:
            BenchError: It does not work.
        """
        self._cookies: dict[str, str] = {}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
        self._csrf = self._csrf_of(_SIGN_IN)
        self._post(_SIGN_IN, {"csrf": self._csrf, "token": token})
        self._csrf = self._csrf_of(UPLOAD)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leaves."""
        self._connection.close()

    @property
    def cookie(self) -> str:
        """The cookies of the session, as a browser sends them."""
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())

    def get(self, path: str) -> bytes:
        """Returns a page.

        Raises:
            BenchError: It cannot be seen.
        """
        return self._request("GET", path, 200)

    def drop(self, image: bytes) -> None:
        """Drops a file, which then waits."""
        head = (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{self._csrf}\r\n'
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="a.bin"'
            "\r\nContent-Type: application/octet-stream\r\n\r\n"
        )
        body = head.encode() + image + f"\r\n--{_BOUNDARY}--\r\n".encode()
        kind = f"multipart/form-data; boundary={_BOUNDARY}"
        self._request("POST", f"{UPLOAD}/files", _SEE_OTHER, body, kind)

    def describe(self, **typed: str) -> None:
        """Types what the dropped file is; the next look at it makes the checks anew.

        Args:
            typed: Its product, version and board.
        """
        file = self._waiting()
        fields = {f"{what}.{file}": text for what, text in typed.items()}
        self._post(f"{UPLOAD}/check", {"csrf": self._csrf, "channel": "stable", **fields})

    def remove(self) -> None:
        """Takes the file away."""
        self._post(f"{UPLOAD}/remove", {"csrf": self._csrf, "remove": self._waiting()})

    def _waiting(self) -> str:
        match = _FILE.search(self.get(UPLOAD).decode())
        if match is None:
            raise BenchError("the dropped file is not there")
        return match[1]

    def _csrf_of(self, path: str) -> str:
        match = _CSRF.search(self.get(path).decode())
        if match is None:
            raise BenchError(f"{path} has no form")
        return match[1]

    def _post(self, path: str, fields: Mapping[str, str]) -> None:
        self._request("POST", path, _SEE_OTHER, urlencode(fields).encode(), _FORM)

    def _request(
        self,
        method: str,
        path: str,
        status: int,
        body: bytes = b"",
        kind: str = "",
    ) -> bytes:
        """Returns a body, and keeps the cookies that came with it.

        Raises:
            BenchError: The status is another one.
        """
        headers = {"Accept": "text/html"}
        # Who is signed in is sent away from the form to sign in.
        if method == "POST" or path != _SIGN_IN:
            headers["Cookie"] = self.cookie
        if body:
            headers["Content-Type"] = kind
        try:
            self._connection.request(method, path, body or None, headers)
            response = self._connection.getresponse()
        except http.client.RemoteDisconnected:
            # The server has ended a connection that nothing came over for a while.
            self._connection.request(method, path, body or None, headers)
            response = self._connection.getresponse()
        answer = response.read()
        if response.status != status:
            raise BenchError(f"{method} {path}: {response.status}: {answer[-300:]!r}")
        for line in response.headers.get_all("set-cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self._cookies[name] = value
        return answer
