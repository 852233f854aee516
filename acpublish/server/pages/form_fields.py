"""The fields of a form without files, which is never read without end."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request

from acpublish.errors import RequestError
from acpublish.server.api.bodies import read_body

_MAX_FIELDS = 1000
_KIND = "application/x-www-form-urlencoded"


async def form_fields(request: Request) -> list[tuple[str, str]]:
    """Reads the fields of a form, in their order.

    Raises:
        RequestError: It is too large, too slow, or not a form.
    """
    body = await read_body(request, "the form")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != _KIND:
        raise RequestError("this is not a form", hint="Use the form on the page.")
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError as error:
        raise RequestError("the form cannot be read", hint="Load the page again.") from error
