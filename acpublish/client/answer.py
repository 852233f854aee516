"""An answer whose head is there, and whose body is read in parts, bounded in size and time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from acpublish.client.address import Address
from acpublish.client.faults import faults
from acpublish.errors import UnreachableError, VerificationError

if TYPE_CHECKING:
    import requests

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
