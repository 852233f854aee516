"""The retry policy of the client: what is tried again, when, and for how long.

1. Statuses: 429, 500, 502, 503 and 504 are retried, and no others.
2. Errors: a connection that fails, breaks or times out is retried. An untrusted certificate and
   unusable proxy settings are not.
3. Waits: ``first_wait_s``, doubled after each attempt, less a random part of up to half of it, so
   clients that failed together do not come back together.
4. ``Retry-After``: the wait comes on top of the seconds that the server asks for.
5. Patience: at most ``attempts`` attempts, and none that would begin after ``total_s``. A longer
   wait is not begun: the last error is raised instead.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from acpublish.client.address import Address
from acpublish.client.tracing import trace_wait
from acpublish.errors import SettingsError, UnreachableError

#: Not 507: a full disk stays full.
RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
#: A longer number of seconds is not a wait that anybody means.
_MAX_RETRY_AFTER_DIGITS = 8
#: More than any chain of errors that was seen.
_MAX_CAUSES = 10

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to try.

    Attributes:
        attempts: The most attempts, including the first.
        first_wait_s: The wait after the first failure; each further one is twice as long.
        total_s: No attempt begins later than this.
        slowest: Bytes per second; a slower transfer is given up, after ``total_s`` of grace.
    """

    attempts: int = 4
    first_wait_s: float = 0.5
    total_s: float = 20.0
    slowest: int = 1024

    def wait_s(self, attempt: int, retry_after_s: float | None) -> float:
        """Returns how long to wait after a failed attempt, with jitter.

        Args:
            attempt: The number of the attempt that failed; the first is 1.
            retry_after_s: The seconds that the server asks for; None if it does not.
        """
        backoff_s = self.first_wait_s * 2.0 ** (attempt - 1)
        # The jitter only spreads clients; it protects no secret.
        return (retry_after_s or 0.0) + backoff_s * random.uniform(0.5, 1.0)  # noqa: S311


class Retry(Exception):
    """Raised by an attempt that failed, but may succeed later."""

    def __init__(self, final: Exception, retry_after_s: float | None = None) -> None:
        """Creates the request for another attempt.

        Args:
            final: The error to raise if there is no other attempt.
            retry_after_s: The seconds that the server asks for; None if it does not.
        """
        super().__init__(str(final))
        self.final = final
        self.retry_after_s = retry_after_s


def retry_after_s(header: str | None) -> float | None:
    """Returns the seconds of a ``Retry-After`` header; None without one, or if it is a date."""
    text = header or ""
    if text.isascii() and text.isdigit() and len(text) <= _MAX_RETRY_AFTER_DIGITS:
        return float(text)
    return None


def retrying(attempt: Callable[[float], _T], patience: Patience) -> _T:
    """Runs an attempt until it succeeds or fails for good.

    Args:
        attempt: Takes the time (by ``time.monotonic``) at which the patience ends; raises
            :class:`Retry` if it may succeed later.
        patience: How long to try.

    Returns:
        The result of the attempt.

    Raises:
        Exception: The final error of the last attempt.
    """
    end = time.monotonic() + patience.total_s
    for number in range(1, patience.attempts + 1):
        try:
            return attempt(end)
        except Retry as retry:
            wait_s = patience.wait_s(number, retry.retry_after_s)
            if number == patience.attempts or time.monotonic() + wait_s > end:
                raise retry.final from retry.__cause__
            trace_wait(
                retry.final,
                wait_s,
                number + 1,
                patience.attempts,
                requested=retry.retry_after_s is not None,
            )
        time.sleep(wait_s)
    raise SettingsError("no attempt is allowed", hint="Set attempts to at least 1.")


@contextmanager
def translated_errors(address: Address) -> Iterator[None]:
    """Turns the errors of requests and urllib3 into ours, with a reason in a few words.

    Args:
        address: The server; its secrets do not appear in any text.

    Raises:
        Retry: The connection failed, so another attempt may succeed.
        UnreachableError: The server's certificate is not trusted.
        SettingsError: The URL or the proxy settings cannot be used.
    """
    import requests
    import urllib3

    try:
        yield
    except requests.exceptions.SSLError as fault:
        raise _no_tls(address, fault) from fault
    except (OSError, urllib3.exceptions.HTTPError, ValueError) as fault:
        reason = _reason(address, fault)
        if isinstance(fault, ValueError):
            raise SettingsError(
                f"no request can be sent to {address.base}: {reason}",
                hint="Check the URL and the proxy settings.",
            ) from fault
        raise Retry(
            UnreachableError(
                f"{address.base} cannot be reached: {reason}",
                hint="Check the URL, the network, and that the server is running."
                + _other_scheme(address, fault),
            )
        ) from fault


def _no_tls(address: Address, fault: Exception) -> UnreachableError:
    # Each build loads this module, and few need these.
    import ssl

    from acpublish.client.tls_faults import tls_fault

    causes = list(_causes(fault))
    of_tls = (error for error in causes if isinstance(error, ssl.SSLError))
    tls = tls_fault(next(of_tls, causes[-1]), address.authority)
    verdict = "trusted" if tls.untrusted else "reached"
    return UnreachableError(
        f"{address.base} cannot be {verdict}: {address.redacted(tls.reason)}", hint=tls.hint
    )


def _reason(address: Address, fault: BaseException) -> str:
    """Returns the innermost reason in a few words; the texts of requests are a page long."""
    if "timed out" in str(fault).lower() or "Timeout" in type(fault).__name__:
        return "no response in time"
    for error in _causes(fault):
        if isinstance(error, OSError) and error.strerror:
            return address.redacted(error.strerror.lower())
    return "the connection broke"


def _other_scheme(address: Address, fault: BaseException) -> str:
    """Returns the hint for a connection that ends at the first bytes, as for those of TLS."""
    from http.client import BadStatusLine

    broken = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError, BadStatusLine)
    if not any(isinstance(error, broken) for error in _causes(fault)):
        return ""
    if address.secure:
        return f" If that port has no TLS, use http://{address.authority}."
    return f" If that port speaks TLS, use https://{address.authority}."


def _causes(fault: BaseException) -> Iterator[BaseException]:
    """Yields an error and those that led to it, up to the innermost."""
    current: BaseException | None = fault
    for _ in range(_MAX_CAUSES):
        if current is None:
            return
        yield current
        causes = (
            getattr(current, "reason", None),
            *current.args,
            current.__cause__,
            current.__context__,
        )
        current = next((cause for cause in causes if isinstance(cause, BaseException)), None)
