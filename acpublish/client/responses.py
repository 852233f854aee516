"""What an unexpected response means: the error for it, or another attempt."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acpublish.client.address import Address
from acpublish.client.retry import Retry
from acpublish.client.transport import Response
from acpublish.errors import (
    AcpublishError,
    AuthenticationError,
    CheckError,
    ConflictError,
    NotFoundError,
    RefusedError,
    UnreachableError,
)
from acpublish.wire import READ_ONLY_CODE, STORE_CODE, TOKENS_CODE

_ERROR_BYTES = 64 * 1024
_SHOWN = 300
#: The code of a failed check, and how its name is written.
_CHECK_CODE = "check"
_CHECK_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_UNEXPECTED = "Check the URL, and that client and server have the same acpublish version."
#: The statuses of a web server that has nothing at the URL, or does not accept images there.
_NOT_THERE = frozenset({404, 405})
#: What a server of ours says of an address that its version does not have (``_on_unknown_address``
#: in ``acpublish.server.api.routes``).
_UNKNOWN_ADDRESS = "there is nothing at this address"
_TRY_LATER = "Try again later, and look at the server's log."
_WEB_PAGE = "Look at the logs of the server, and of a proxy in front of it."
_NO_KINDS: Mapping[str, type[AcpublishError]] = {}
_PAGE_HINTS = {
    413: "Raise the limit of the proxy in front of the server (nginx: client_max_body_size).",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _ServerError:
    """What our own server says about an error; empty from another server.

    Attributes:
        message: What is wrong, as it continues a sentence.
        hint: What to do next.
        code: The code by which our servers name the error.
        check: The name of the check that failed.
    """

    message: str = ""
    hint: str = ""
    code: str = ""
    check: str = ""


def _error(
    response: Response,
    what: str,
    body: bytes,
    reported: _ServerError,
    missing: str,
    absent: type[AcpublishError],
    kinds: Mapping[str, type[AcpublishError]],
) -> AcpublishError:
    where, message, hint = response.address.base, reported.message, reported.hint
    if reported.code in kinds:
        return kinds[reported.code](message.removeprefix(": "), hint=hint or _UNEXPECTED)
    if 300 <= response.status < 400:
        target = response.address.redacted(response.header("Location") or "nowhere")
        return RefusedError(
            f"{where} redirects {what} to {_line(target)}, and redirects are not followed",
            hint="Use the URL that it redirects to, if you trust it.",
        )
    if response.status in (401, 403):
        if (response.header("WWW-Authenticate") or "").lower().startswith("basic"):
            hint = hint or "Write the user and the password in the URL: http://USER:PASSWORD@HOST."
        return AuthenticationError(
            f"{where} refuses {what} ({response.status}){message}",
            hint=hint or "Check the token (ACPUBLISH_TOKEN), and that it is an acpublish server.",
        )
    if response.status == 409:
        return ConflictError(
            f"{where} refuses {what}{message}",
            hint=hint or "Publish it with another version (--version).",
        )
    if response.status == 422:
        return CheckError(
            f"{where} refuses {what}{message}",
            hint=hint or "Fix what the check found.",
            check=reported.check,
        )
    if looks_like_html(response, body):
        if response.status in _NOT_THERE:
            return not_acpublish(response)
        message, hint = " with a web page", _PAGE_HINTS.get(response.status, _WEB_PAGE)
    problem = f"{where} responded with {response.status} to {what}{message}"
    if response.status == 404:
        hint = hint or missing or f"List what exists: acpublish list --to {where}"
        return (absent if reported.code else RefusedError)(problem, hint=hint)
    return RefusedError(problem, hint=hint or _TRY_LATER)


def raise_refusal(
    response: Response,
    what: str,
    *,
    missing: str = "",
    absent: type[AcpublishError] = RefusedError,
    kinds: Mapping[str, type[AcpublishError]] = _NO_KINDS,
) -> None:
    """Raises the error for a response that is not a success, or asks for another attempt.

    Args:
        response: The response; its body is read.
        what: What was requested, for the message.
        missing: What to do next if the server has no such thing; by default, to list what it has.
        absent: The error if one of our servers has no such thing.
        kinds: The errors, by the codes of our servers, that are raised with the server's words.

    Raises:
        Retry: The same request may succeed later.
        AcpublishError: It will not.
    """
    body = b"" if 300 <= response.status < 400 else response.body(_ERROR_BYTES)
    reported = _error_of_server(response, body)
    final = _error(response, what, body, reported, missing, absent, kinds)
    # Waiting does not help if the catalog cannot be written, or the tokens cannot be read; for its
    # store, the server has waited already.
    final_codes = (READ_ONLY_CODE, STORE_CODE, TOKENS_CODE)
    if not response.may_succeed_later or reported.code in final_codes:
        raise final
    wait_s = response.retry_after_s
    if response.status == 429 or wait_s is not None:
        when = f"in {wait_s:.0f} s" if wait_s is not None else "later"
        final = UnreachableError(final.problem, hint=f"The server is busy; try again {when}.")
    raise Retry(final, wait_s)


def refuse(
    response: Response, what: str, kinds: Mapping[str, type[AcpublishError]] = _NO_KINDS
) -> None:
    """Does the same for an address that earlier servers do not have.

    Args:
        response: The response; its body is read.
        what: What was requested, for the message.
        kinds: As for :func:`raise_refusal`.

    Raises:
        Retry: The same request may succeed later.
        NotFoundError: The server has the address, and not what is named there.
        AcpublishError: As for :func:`raise_refusal`.
    """
    try:
        raise_refusal(response, what, absent=NotFoundError, kinds=kinds)
    except NotFoundError as error:
        if _UNKNOWN_ADDRESS not in error.problem:
            raise
        raise RefusedError(
            f"{response.address.base} runs an earlier acpublish, which cannot do this",
            hint="Install the current version on the server.",
        ) from error


def json_body(response: Response, what: str, limit: int) -> Any:
    """Returns the JSON of a response.

    Raises:
        RefusedError: It is not JSON, so this is a different kind of server.
    """
    body = response.body(limit)
    if looks_like_html(response, body):
        raise not_acpublish(response)
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as fault:
        raise RefusedError(
            f"{response.address.base} did not respond to {what} with JSON",
            hint="Check that the URL is that of an update server.",
        ) from fault


def not_acpublish(response: Response) -> RefusedError:
    """Returns the error for a web page where an update server should be."""
    return RefusedError(
        f"{response.address.base} responded with HTML, so it is not an acpublish server",
        hint="Check the URL: host, port and path.",
    )


def unexpected(address: Address, what: str) -> RefusedError:
    """Returns the error for a response that a server of this version never sends."""
    return RefusedError(f"{address.base} sent {what}", hint=_UNEXPECTED)


def looks_like_html(response: Response, body: bytes) -> bool:
    """Returns whether the response is a web page."""
    kind = (response.header("Content-Type") or "").lower()
    return kind.startswith(("text/html", "application/xhtml")) or body.lstrip()[:1] == b"<"


def _error_of_server(response: Response, body: bytes) -> _ServerError:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("error"), str):
        return _ServerError()
    hint, code = document.get("hint"), document.get("code")
    # Redact first: half a secret at the end of a cut line would not be recognised.
    message = _line(response.address.redacted(document["error"])).rstrip(".")
    shown_hint = _line(response.address.redacted(hint)) if isinstance(hint, str) else ""
    return _ServerError(
        message=f": {message}",
        hint=shown_hint,
        code=code if isinstance(code, str) else "",
        check=_check_of(document) if code == _CHECK_CODE else "",
    )


def _check_of(document: Mapping[str, object]) -> str:
    """Returns the name of the failed check; earlier servers only begin the message with it."""
    name = document.get("check", str(document["error"]).partition(":")[0])
    return name if isinstance(name, str) and _CHECK_NAME.fullmatch(name) else ""


def _line(text: str) -> str:
    """Returns a server's text as one printable line of bounded length."""
    clean = "".join(char if char.isprintable() else " " for char in text)
    line = " ".join(clean.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 3] + "..."
