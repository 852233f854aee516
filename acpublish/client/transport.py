"""One exchange with a server: the request, its response, sessions and timeouts.

The rules, in order:

1. Redirects are never followed: a token or an image must not end up elsewhere.
2. Failed exchanges are retried as :mod:`acpublish.client.retry` says, and in no other way.
3. The headers of a response have a deadline as a whole, and a body has a size limit and a slowest
   rate, so a server that is unreachable, hangs or dribbles is given up within 30 s.
4. No text of an error contains a secret: requests never learns of the credentials in a URL, and
   what a server says is redacted.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from acpublish.client.address import Address
from acpublish.client.retry import (
    RETRIED_STATUSES,
    Patience,
    retry_after_s,
    retrying,
    translated_errors,
)
from acpublish.client.tracing import trace_response
from acpublish.errors import SettingsError, UnreachableError, VerificationError

if TYPE_CHECKING:
    import requests

_T = TypeVar("_T")

_PART_BYTES = 64 * 1024
#: A connection is made in a second or not at all; a host may have several addresses to try.
_CONNECT_S = 5.0
#: urllib3 has the same limit for each block that is sent, and a busy server may pause.
_SEND_S = 10.0

#: Takes the bytes sent so far, and the bytes in all; each attempt starts again with 0.
Sent = Callable[[int, int], None]


class Transport:
    """Speaks HTTP to one server."""

    def __init__(
        self, address: Address, *, timeout_s: float = 10.0, patience: Patience | None = None
    ) -> None:
        """Prepares the exchanges; nothing is sent yet.

        Args:
            address: The server.
            timeout_s: How long to wait for a connection, for the headers of a response, and for
                each next byte of its body.
            patience: How long to try in all.

        Raises:
            SettingsError: The timeout is not positive.
        """
        if not timeout_s > 0:
            raise SettingsError("the timeout must be more than 0 s", hint="Omit it for 10 s.")
        self.address = address
        self._timeout_s = timeout_s
        self._patience = patience or Patience()

    def exchange(
        self,
        method: str,
        target: str,
        handle: Callable[[Response], _T],
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        sent: Sent | None = None,
    ) -> _T:
        """Sends a request, with retries, and returns the result of its response.

        Args:
            method: The HTTP method.
            target: Path and query below the base URL, percent-encoded, beginning with ``/``.
            handle: Turns the response into the result; raises
                :class:`acpublish.client.retry.Retry` for another attempt.
            headers: Additional headers.
            body: The body of the request.
            sent: Called with the progress of the body.

        Raises:
            UnreachableError: There is no connection, or no response in time.
            TransferError: ``handle`` does not accept the response.
        """

        def attempt(end: float) -> _T:
            stream = None if body is None else Outgoing(body, sent)
            with self._response(method, target, headers or {}, stream, end) as response:
                return handle(response)

        return retrying(attempt, self._patience)

    @contextmanager
    def _response(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: Outgoing | None,
        end: float,
    ) -> Iterator[Response]:
        import requests

        from acpublish.client.head_deadline import HeadDeadline

        left = max(0.1, end - time.monotonic())
        connect_s = _CONNECT_S if body is None else _SEND_S
        timeouts = (min(connect_s, self._timeout_s, left), min(self._timeout_s, left))
        # A request to this machine must not go to a proxy.
        proxies = {"no_proxy": self.address.host} if self.address.loopback else None
        with requests.Session() as session:
            for scheme in ("http://", "https://"):
                session.mount(scheme, HeadDeadline(timeouts[1]))
            begun = time.monotonic()
            with translated_errors(self.address):
                response = session.request(
                    method,
                    self.address.base + target,
                    data=body,
                    headers={"User-Agent": "acpublish", "Accept-Encoding": "identity", **headers},
                    auth=self._authorize,
                    timeout=timeouts,
                    proxies=proxies,
                    # An argument also takes precedence over REQUESTS_CA_BUNDLE.
                    verify=str(self.address.ca) if self.address.ca else None,
                    allow_redirects=False,
                    stream=True,
                )
            trace_response(self.address, method, target, begun, response.status_code)
            with response:
                yield Response(response, self.address, self._patience)

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sets the header itself, because requests would prefer a .netrc to it."""
        from requests.auth import HTTPBasicAuth

        address = self.address
        if address.token:
            request.headers["Authorization"] = f"Bearer {address.token}"
        elif address.user is not None:
            user, password = address.user.encode(), (address.password or "").encode()
            return HTTPBasicAuth(user, password)(request)  # type: ignore[no-any-return]
        return request


class Response:
    """A response whose headers were received and whose body is read in parts."""

    def __init__(self, response: requests.Response, address: Address, patience: Patience) -> None:
        self._response = response
        self._patience = patience
        self.status: int = response.status_code
        self.address = address

    def header(self, name: str) -> str | None:
        """Returns a header; the values of one that was sent twice are joined by commas."""
        value: str | None = self._response.headers.get(name)
        return None if value is None else value.strip()

    @property
    def may_succeed_later(self) -> bool:
        """Whether the status says that the same request may succeed later."""
        return self.status in RETRIED_STATUSES

    @property
    def retry_after_s(self) -> float | None:
        """The wait that the server asks for; None if it does not, or names a date."""
        return retry_after_s(self.header("Retry-After"))

    def parts(self, limit: int) -> Iterator[bytes]:
        """Yields the body as it was sent.

        Args:
            limit: The most bytes to accept.

        Raises:
            VerificationError: It is longer.
            UnreachableError: It is slower than the slowest rate allowed.
        """
        slowest = self._patience.slowest
        begun = time.monotonic()
        received = 0
        raw: Any = self._response.raw
        # It returns the bytes that are there, so a slow server is noticed; urllib3 1 lacks it.
        read = getattr(raw, "read1", None) or _read1_of_urllib3_1(raw)
        while True:
            with translated_errors(self.address):
                part: bytes = read(_PART_BYTES, decode_content=False)
            if not part:
                return
            received += len(part)
            if received > limit:
                raise VerificationError(
                    f"{self.address.base} sends more than {limit} bytes",
                    hint="Check that the URL is the right one.",
                )
            if time.monotonic() - begun > self._patience.total_s + received / slowest:
                raise UnreachableError(
                    f"{self.address.base} sends less than {slowest} bytes per second",
                    hint="Try again on a faster network.",
                )
            yield part

    def body(self, limit: int) -> bytes:
        """Returns the whole body; see :meth:`parts`."""
        return b"".join(self.parts(limit))


def _read1_of_urllib3_1(raw: Any) -> Callable[..., bytes]:
    def read1(count: int, *, decode_content: bool) -> bytes:
        part: bytes = raw._original_response.read1(count)
        return part

    return read1


class Outgoing(io.BytesIO):
    """A request body that is sent in blocks, each with its own timeout.

    Plain bytes would have one timeout for all of them.
    """

    def __init__(self, body: bytes, sent: Sent | None = None) -> None:
        """Prepares to be read.

        Args:
            body: The whole body.
            sent: Called with the progress.
        """
        super().__init__(body)
        self._total = len(body)
        self._sent = sent

    def read(self, size: int | None = -1, /) -> bytes:
        """Returns the next block; asking for it means that the previous one was sent."""
        if self._sent is not None:
            self._sent(self.tell(), self._total)
        return super().read(size)
