"""One exchange with a server: session, timeouts, retries, and requests' errors as ours.

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

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from acpublish.client.address import Address
from acpublish.client.answer import Answer, Patience
from acpublish.client.faults import Again, faults
from acpublish.client.outgoing import Outgoing, Sent
from acpublish.client.telling import tell_answer, tell_wait
from acpublish.errors import SettingsError

if TYPE_CHECKING:
    import requests

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

        from acpublish.client.deadline import HeadDeadline

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
