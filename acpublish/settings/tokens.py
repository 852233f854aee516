"""A token out of a file or from standard input, so that it stands in no command line."""

from __future__ import annotations

import sys
from pathlib import Path

from acpublish.client.redact import is_token
from acpublish.errors import SettingsError

__all__ = ["STDIN", "token_from_file", "token_from_stdin"]

#: What ``--token-file`` takes for standard input.
STDIN = "-"
#: Far more than any token has; the wrong file is not read to its end.
_MAX_BYTES = 4096
_HOW = "Give the token alone, as its only line; acpublish token create makes one."


def token_from_file(path: Path) -> str:
    """Returns the token that is the only line of a file.

    Raises:
        SettingsError: It cannot be read, or holds no token; nothing of it is shown.
    """
    if is_token(path.name):
        raise SettingsError(
            "it is a token itself, not the path of its file",
            hint="Give the token in ACPUBLISH_TOKEN, or write it into a file and give its path.",
        )
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as fault:
        why = (fault.strerror or "unknown reason").lower()
        raise SettingsError(
            f"the token file {path} cannot be read: {why}",
            hint="Name a file that holds the token alone.",
        ) from fault
    return _token(content, f"the token file {path}")


def token_from_stdin() -> str:
    """Returns the token that is the only line of standard input; a terminal does not show it.

    Raises:
        SettingsError: There is none.
    """
    where = "what came from standard input"
    if sys.stdin is None:
        return _token(b"", where)
    if sys.stdin.isatty():
        import getpass

        return _token(getpass.getpass("Token: ").encode(), where)
    return _token(sys.stdin.buffer.read(_MAX_BYTES + 1), where)


def _token(content: bytes, where: str) -> str:
    if len(content) > _MAX_BYTES:
        raise SettingsError(f"{where} is too long for a token", hint=_HOW)
    text = content.removeprefix(b"\xef\xbb\xbf").decode("ascii", "replace").strip()
    if not text:
        raise SettingsError(f"{where} holds no token: it is empty", hint=_HOW)
    # A header takes no others (RFC 9110, 5.5), and a token has none of them.
    if any(not "!" <= one <= "~" for one in text):
        raise SettingsError(f"{where} is no token: it holds more than one word", hint=_HOW)
    return text
