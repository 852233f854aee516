"""The fields of a form without files, which is never read without end."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from acpublish.errors import RequestError
from acpublish.server.api.bodies import READ_S, TooLargeError
from acpublish.server.bounds import MAX_REQUEST_BYTES

_MAX_FIELDS = 1000
_KIND = "application/x-www-form-urlencoded"


async def form_fields(request: Request) -> list[tuple[str, str]]:
    """Reads the fields of a form, in their order.

    Raises:
        RequestError: It is too large, too slow, or not a form.
    """
    try:
        body = await asyncio.wait_for(_body(request), READ_S)
    except asyncio.TimeoutError as error:
        raise RequestError("the form took too long", hint="Send it again.") from error
    except ClientDisconnect as error:
        raise RequestError("the browser disconnected", hint="Send it again.") from error
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != _KIND:
        raise RequestError("this is not a form", hint="Use the form on the page.")
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError as error:
        raise RequestError("the form cannot be read", hint="Load the page again.") from error


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_REQUEST_BYTES:
            raise TooLargeError(
                f"the form is longer than {MAX_REQUEST_BYTES} bytes", hint="Send less."
            )
    return bytes(body)
