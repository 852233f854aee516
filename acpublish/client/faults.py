"""The errors of requests and urllib3, turned into ours or into another attempt."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from acpublish.client.address import Address
from acpublish.errors import SettingsError, UnreachableError

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
