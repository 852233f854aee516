"""The errors of requests and urllib3, turned into ours or into another attempt.

An answer whose head is there, and whose body is read in parts, bounded in size and time.

The body of a request, which tells how much of it the socket took.

One exchange with a server: session, timeouts, retries, and requests' errors as ours.

The rules, in order:

1. Redirects are never followed: a token or an image must not end up elsewhere.
2. Connection errors, 429 and 5xx are tried again, after a wait with jitter, which comes on top of
   what Retry-After asks for. No other answer is.
3. No attempt begins once the patience has ended, and the head of an answer has a deadline as a
   whole, so a server that is unreachable, hangs or dribbles is given up within 30 s.
4. No text of an error holds a secret: requests never learns of the credentials in a URL, and what
   a server says is redacted.
"""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from acpublish.client.address import Address
from acpublish.client.tracing import tell_answer, tell_wait
from acpublish.errors import SettingsError, UnreachableError, VerificationError

if TYPE_CHECKING:
    import requests

__all__ = ["Outgoing", "Sent"]

#: More than any chain of errors that was seen.
_DEPTH = 10


class Again(Exception):
    """What an exchange came to when it is worth another attempt; carries the final error."""

    def __init__(self, final: Exception, wait_s: float | None = None) -> None:
        super().__init__(str(final))
        self.final = final
        self.wait_s = wait_s


@contextmanager
def faults(address: Address) -> Iterator[None]:
    """Turns the errors of requests and urllib3 into ours, with a reason in a few words.

    Args:
        address: The server; its secrets appear in no text.

    Raises:
        Again: The connection is at fault, so another attempt may succeed.
        UnreachableError: The server's certificate is not to be trusted.
        SettingsError: The address or the proxy settings cannot be used.
    """
    import requests
    import urllib3

    try:
        yield
    except requests.exceptions.SSLError as fault:
        raise UnreachableError(
            f"{address.base} cannot be trusted: {_reason(address, fault)}",
            hint="Check the address and the server's certificate.",
        ) from fault
    except (OSError, urllib3.exceptions.HTTPError, ValueError) as fault:
        reason = _reason(address, fault)
        if isinstance(fault, ValueError):
            raise SettingsError(
                f"{address.base} cannot be asked: {reason}",
                hint="Check the address and the proxy settings.",
            ) from fault
        raise Again(
            UnreachableError(
                f"{address.base} cannot be reached: {reason}",
                hint="Check the address, the network, and that the server is running.",
            )
        ) from fault


def _reason(address: Address, fault: BaseException) -> str:
    """Returns the innermost reason in a few words; requests' own texts are a page long."""
    if "timed out" in str(fault).lower() or "Timeout" in type(fault).__name__:
        return "no answer in time"
    found: BaseException | None = fault
    for _ in range(_DEPTH):
        if isinstance(found, OSError) and found.strerror:
            return address.redacted(found.strerror.lower())
        if found is None:
            break
        linked = (getattr(found, "reason", None), *found.args, found.__cause__, found.__context__)
        found = next((one for one in linked if isinstance(one, BaseException)), None)
    return "the connection broke"


_PART_BYTES = 64 * 1024
#: Not 507: a disk that is full stays so.
_RETRIED = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to try.

    Attributes:
        attempts: The most attempts, the first included.
        first_wait_s: The wait after the first failure; each further one is twice as long.
        total_s: No attempt begins later than this.
        slowest: Bytes per second; a transfer below it is given up, after ``total_s`` of grace.
    """

    attempts: int = 4
    first_wait_s: float = 0.5
    total_s: float = 20.0
    slowest: int = 1024


class Answer:
    """An answer whose head is there and whose body is read in parts."""

    def __init__(self, response: requests.Response, address: Address, patience: Patience) -> None:
        self._response = response
        self._patience = patience
        self.status: int = response.status_code
        self.address = address

    def header(self, name: str) -> str | None:
        """Returns a header; the values of one that came twice are joined by commas."""
        value: str | None = self._response.headers.get(name)
        return None if value is None else value.strip()

    @property
    def worth_another(self) -> bool:
        """Whether the status says that the same request may succeed later."""
        return self.status in _RETRIED

    @property
    def retry_after_s(self) -> float | None:
        """What Retry-After asks for, None where it is missing or a date."""
        asked = self.header("Retry-After") or ""
        return float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 9 else None

    def parts(self, limit: int) -> Iterator[bytes]:
        """Yields the body as it was sent.

        Args:
            limit: The most bytes that are taken.

        Raises:
            VerificationError: It is longer, or slower than is any use.
        """
        slowest = self._patience.slowest
        begun = time.monotonic()
        taken = 0
        raw: Any = self._response.raw
        # It returns what is there, so that a slow server is noticed; urllib3 1 has no such thing.
        read = getattr(raw, "read1", None) or _read1_of_urllib3_1(raw)
        while True:
            with faults(self.address):
                part: bytes = read(_PART_BYTES, decode_content=False)
            if not part:
                return
            taken += len(part)
            if taken > limit:
                raise VerificationError(
                    f"{self.address.base} sends more than {limit} bytes",
                    hint="Check that the address is the right one.",
                )
            if time.monotonic() - begun > self._patience.total_s + taken / slowest:
                raise UnreachableError(
                    f"{self.address.base} sends less than {slowest} bytes per second",
                    hint="Try again over a better network.",
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


#: Takes the bytes that were sent so far, and all that there are; an attempt begins anew with 0.
Sent = Callable[[int, int], None]


class Outgoing(io.BytesIO):
    """A body that is sent in blocks with a timeout each; bytes would have one in all."""

    def __init__(self, body: bytes, sent: Sent | None = None) -> None:
        """Prepares to be read.

        Args:
            body: All of it.
            sent: Told of the progress.
        """
        super().__init__(body)
        self._total = len(body)
        self._sent = sent

    def read(self, size: int | None = -1, /) -> bytes:
        """Returns the next block; who asks for one has sent what it got before."""
        if self._sent is not None:
            self._sent(self.tell(), self._total)
        return super().read(size)


_T = TypeVar("_T")

#: A connection is made in a second or not at all; a host may have several addresses to try.
_CONNECT_S = 5.0
#: urllib3 has the same limit for each block that is sent, and a busy server may pause.
_SEND_S = 10.0


class Transport:
    """Speaks HTTP to one server."""

    def __init__(
        self, address: Address, *, timeout_s: float = 10.0, patience: Patience | None = None
    ) -> None:
        """Prepares to speak to a server; nothing is sent yet.

        Args:
            address: The server.
            timeout_s: How long to wait for a connection, for the head of an answer, and for each
                next byte of its body.
            patience: How long to try in all.
        """
        if not timeout_s > 0:
            raise SettingsError("a timeout must be above 0 s", hint="Leave it out for 10 s.")
        self.address = address
        self._timeout_s = timeout_s
        self._patience = patience or Patience()

    def exchange(
        self,
        method: str,
        target: str,
        judge: Callable[[Answer], _T],
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        sent: Sent | None = None,
    ) -> _T:
        """Sends a request, as often as needed, and returns what is made of its answer.

        Args:
            method: The HTTP method.
            target: Path and query below the address, percent-encoded, beginning with ``/``.
            judge: Makes the result of an answer that is not to be tried again; it may raise
                :class:`Again`.
            headers: Further headers.
            body: What to send.
            sent: Told how much of the body was sent.

        Raises:
            UnreachableError: There is no connection, or no answer in time.
            TransferError: Whatever ``judge`` found.
        """
        end = time.monotonic() + self._patience.total_s
        for attempt in range(1, self._patience.attempts + 1):
            try:
                stream = None if body is None else Outgoing(body, sent)
                with self._answer(method, target, headers or {}, stream, end) as answer:
                    return judge(answer)
            except Again as again:
                wait, attempts = self._wait(attempt, again.wait_s), self._patience.attempts
                if attempt == attempts or time.monotonic() + wait > end:
                    raise again.final from again.__cause__
                asked = again.wait_s is not None
                tell_wait(again.final, wait, attempt + 1, attempts, asked=asked)
            time.sleep(wait)
        raise SettingsError("no attempt was allowed", hint="Allow at least one attempt.")

    def _wait(self, attempt: int, asked_s: float | None) -> float:
        backoff = self._patience.first_wait_s * 2.0 ** (attempt - 1)
        # Jitter spreads clients that failed together; it is no secret.
        return (asked_s or 0.0) + backoff * random.uniform(0.5, 1.0)  # noqa: S311

    @contextmanager
    def _answer(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: Outgoing | None,
        end: float,
    ) -> Iterator[Answer]:
        import requests

        from acpublish.client.head_deadline import HeadDeadline

        left = max(0.1, end - time.monotonic())
        connect_s = _CONNECT_S if body is None else _SEND_S
        timeouts = (min(connect_s, self._timeout_s, left), min(self._timeout_s, left))
        # What is meant for this machine must not go to a proxy.
        proxies = {"no_proxy": self.address.host} if self.address.loopback else None
        with requests.Session() as session:
            for scheme in ("http://", "https://"):
                session.mount(scheme, HeadDeadline(timeouts[1]))
            begun = time.monotonic()
            with faults(self.address):
                response = session.request(
                    method,
                    self.address.base + target,
                    data=body,
                    headers={"User-Agent": "acpublish", "Accept-Encoding": "identity", **headers},
                    auth=self._authorize,
                    timeout=timeouts,
                    proxies=proxies,
                    allow_redirects=False,
                    stream=True,
                )
            tell_answer(self.address, method, target, begun, response.status_code)
            with response:
                yield Answer(response, self.address, self._patience)

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
