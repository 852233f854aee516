"""The bodies of requests that are short: JSON documents for ``/api/v1``, and forms.

A route reads a body only once it knows that the token allows something of the kind: a stranger must
not make the server keep or parse anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from acpublish.errors import (
    BadNameError,
    ManifestError,
    RequestError,
    SettingsError,
    VersionError,
)
from acpublish.release.documents import loads
from acpublish.server.bounds import MAX_REQUEST_BYTES

READ_S = 10.0
_Result = TypeVar("_Result")


class TooLargeError(RequestError):
    """The body is larger than the address accepts."""


async def json_of(request: Request, *, empty: Any = None) -> Any:
    """Returns the JSON in the body of a request.

    Args:
        request: The request.
        empty: What a request without a body means; None if there has to be one.

    Raises:
        RequestError: It is too long, too slow, or not JSON.
    """
    body = await read_body(request)
    try:
        return empty if empty is not None and not body else loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError("the body is not valid JSON", hint="Send a JSON object.") from error


async def read_body(request: Request, name: str = "the body") -> bytes:
    """Reads a short body.

    Args:
        request: The request.
        name: What it is, for the error.

    Raises:
        RequestError: It is too long, or too slow.
    """
    try:
        return await asyncio.wait_for(_read(request, name), READ_S)
    except asyncio.TimeoutError as error:
        raise RequestError(f"{name} took too long", hint="Send it again.") from error
    except ClientDisconnect as error:
        raise RequestError("the client disconnected", hint="Send it again.") from error


async def _read(request: Request, name: str) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_REQUEST_BYTES:
            raise TooLargeError(
                f"{name} is longer than {MAX_REQUEST_BYTES} bytes", hint="Send less."
            )
    return bytes(body)


def read_sent(read: Callable[[], _Result]) -> _Result:
    """Returns what a function makes of what a client sent; a fault of that is the client's.

    Raises:
        RequestError: The function refuses it.
    """
    try:
        return read()
    except (ManifestError, VersionError, BadNameError, SettingsError) as error:
        raise RequestError(error.problem, hint=error.hint) from error
