"""What an answer means when it is not the one that was hoped for."""

from __future__ import annotations

import json
from typing import Any

from acpublish.client.address import Address
from acpublish.client.transport import Again, Answer
from acpublish.errors import (
    AcpublishError,
    AuthenticationError,
    CheckError,
    ConflictError,
    RefusedError,
    UnreachableError,
)
from acpublish.wire import READ_ONLY_CODE

_ERROR_BYTES = 64 * 1024
_SHOWN = 300
_ODD = "Check the address, and that client and server are of the same acpublish version."
#: With these a web server says that it has nothing at the address, or nothing that takes images.
_NOT_THERE = frozenset({404, 405})
_TRY_LATER = "Try again later, and look at the server's log."
_PAGE = "Look at the logs of the server, and of a proxy in front of it."
_PAGE_HINTS = {
    413: "Raise the limit of the proxy in front of the server (nginx: client_max_body_size).",
}


def refusal(answer: Answer, what: str) -> AcpublishError:
    """Returns the error for an answer that is no success.

    Args:
        answer: The answer; its body is read.
        what: What was asked for, for the message.
    """
    return _refusal(answer, what)[0]


def _refusal(answer: Answer, what: str) -> tuple[AcpublishError, str]:
    """Returns the error, and the code by which our servers name it."""
    body = b"" if 300 <= answer.status < 400 else answer.body(_ERROR_BYTES)
    said, hint, code = _said(answer, body)
    return _error(answer, what, body, said, hint), code


def _error(answer: Answer, what: str, body: bytes, said: str, hint: str) -> AcpublishError:
    where = answer.address.base
    if 300 <= answer.status < 400:
        target = answer.address.redacted(answer.header("Location") or "nowhere")
        return RefusedError(
            f"{where} redirects {what} to {_line(target)}, and redirects are not followed",
            hint="Give the address that it redirects to, if you trust it.",
        )
    if answer.status in (401, 403):
        return AuthenticationError(
            f"{where} refuses {what} ({answer.status}){said}",
            hint=hint or "Check the token (ACPUBLISH_TOKEN), and that it is an acpublish server.",
        )
    if answer.status == 409:
        return ConflictError(
            f"{where} refuses {what}{said}", hint=hint or "Give it another version."
        )
    if answer.status == 422:
        return CheckError(
            f"{where} refuses {what}{said}", hint=hint or "Mend what the check found."
        )
    if looks_like_html(answer, body):
        if answer.status in _NOT_THERE:
            return not_acpublish(answer)
        said, hint = " with a web page", _PAGE_HINTS.get(answer.status, _PAGE)
    problem = f"{where} answers {answer.status} to {what}{said}"
    if answer.status == 404:
        return RefusedError(problem, hint=hint or "Look at what there is: acpublish list URL")
    return RefusedError(problem, hint=hint or _TRY_LATER)


def raise_refusal(answer: Answer, what: str) -> None:
    """Raises the error for an answer that is no success, or asks for another attempt.

    Raises:
        Again: The same request may succeed later.
        AcpublishError: It will not.
    """
    final, code = _refusal(answer, what)
    # A catalog that cannot be written stays so: waiting does not help.
    if not answer.worth_another or code == READ_ONLY_CODE:
        raise final
    wait_s = answer.retry_after_s
    if answer.status == 429 or wait_s is not None:
        when = f"in {wait_s:.0f} s" if wait_s is not None else "later"
        final = UnreachableError(final.problem, hint=f"The server is busy; try again {when}.")
    raise Again(final, wait_s)


def json_body(answer: Answer, what: str, limit: int) -> Any:
    """Returns the JSON of an answer.

    Raises:
        RefusedError: It is none, so this is another sort of server.
    """
    body = answer.body(limit)
    if looks_like_html(answer, body):
        raise not_acpublish(answer)
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as fault:
        raise RefusedError(
            f"{answer.address.base} answers {what} with something other than JSON",
            hint="Check that the address is that of an update server.",
        ) from fault


def not_acpublish(answer: Answer) -> RefusedError:
    """Returns the error for a web page where an update server should be."""
    return RefusedError(
        f"{answer.address.base} answered HTML, not an acpublish server",
        hint="Check the address: host, port and path.",
    )


def odd(address: Address, what: str) -> RefusedError:
    """Returns the error for an answer that no server of this version gives."""
    return RefusedError(f"{address.base} answers with {what}", hint=_ODD)


def looks_like_html(answer: Answer, body: bytes) -> bool:
    """Tells whether a web page came."""
    kind = (answer.header("Content-Type") or "").lower()
    return kind.startswith(("text/html", "application/xhtml")) or body.lstrip()[:1] == b"<"


def _said(answer: Answer, body: bytes) -> tuple[str, str, str]:
    """Returns what our servers say in an error: the phrase, the hint and the code."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("error"), str):
        return "", "", ""
    hint, code = document.get("hint"), document.get("code")
    # In this order: half of a secret, where a line is cut, would not be known for one.
    said = _line(answer.address.redacted(document["error"])).rstrip(".")
    shown_hint = _line(answer.address.redacted(hint)) if isinstance(hint, str) else ""
    return f": {said}", shown_hint, code if isinstance(code, str) else ""


def _line(text: str) -> str:
    """Makes one printable line of bounded length out of what a server said."""
    clean = "".join(c if c.isprintable() else " " for c in text)
    line = " ".join(clean.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 3] + "..."
