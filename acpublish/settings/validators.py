"""The checks of single texts; each returns the value, or says what is wrong with the text.

All raise an error of the tree in ``acpublish.errors``.

A token out of a file or from standard input, so that it stands in no command line.
"""

from __future__ import annotations

import contextlib
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

from acpublish import keys
from acpublish.errors import SettingsError, VersionError, reason_of
from acpublish.redact import has_bare_password, is_token
from acpublish.release.names import IMAGE_KINDS, ImageKind
from acpublish.release.version import Version

__all__ = [
    "SCAN_OFF",
    "STDIN",
    "address",
    "boolean",
    "chip",
    "key_file",
    "kind",
    "secret_scan",
    "token_from_file",
    "token_from_stdin",
    "version_source",
    "version_variable",
]

#: A host with a port; a drive of Windows has one letter.
_WITHOUT_SCHEME = re.compile(
    r"(?:(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9-]+|[A-Za-z0-9-]{2,}):\d{2,5}(?:/[\w/.-]*)?\Z"
)
#: The head of a key's file, with lines before it that openssl writes.
_KEY_BYTES = 16384
_YES = frozenset({"1", "yes", "true", "on"})
_NO = frozenset({"0", "no", "false", "off"})
#: The public reason that a manifest has for the check ``secrets`` if nothing was searched.
SCAN_OFF = "secret_scan = off"


def address(text: str) -> str:
    """Returns the directory, or the address without a final slash."""
    if has_bare_password(text):
        raise SettingsError(
            "the address has no http:// or https:// before it, and holds a password",
            hint="Take the password out, and give the token in ACPUBLISH_TOKEN.",
        )
    if _WITHOUT_SCHEME.match(text):
        raise SettingsError(
            f"{text!a} looks like a server, but begins with no http://",
            hint=f"Write http://{text}, or ./{text} for a directory of that name.",
        )
    if "://" not in text:
        return text
    try:
        parts = urlsplit(text)
        usable = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(
            "the address is no http(s) URL of a server",
            hint="Give a directory, or an address such as http://192.168.1.10:8000.",
        )
    if parts.username or parts.password:
        raise SettingsError(
            "the address holds a user or a password",
            hint="Take them out, and give the token in ACPUBLISH_TOKEN.",
        )
    return text.rstrip("/")


def key_file(path: Path) -> Path:
    """Returns the file of a private key."""
    keys.refuse_key_itself(str(path))
    keys.require()
    hint = "Give the PEM file of a private key: acpublish key create makes one."
    if not path.is_file():
        raise SettingsError(f"there is no key {path}", hint=hint)
    with contextlib.suppress(OSError), path.open("rb") as file:
        # Whoever cannot read it is told so when it is used.
        if b"PRIVATE KEY-----" not in file.read(_KEY_BYTES):
            raise SettingsError(f"{path} holds no private key", hint=hint)
    return path


def chip(text: str) -> str:
    """Returns the name of a chip."""
    from acpublish.image.esp32 import CHIPS

    known = ("esp8266", *CHIPS.values())
    # A chip that is newer than this list has its number for a name.
    if text in known or re.fullmatch(r"chip-\d{1,5}", text):
        return text
    raise SettingsError(f"{text!a} is no chip", hint=f"There are {', '.join(known)}.")


def kind(text: str) -> ImageKind:
    """Returns the kind of image."""
    for one in IMAGE_KINDS:
        if text == one:
            return one
    raise SettingsError(f"{text!a} is no kind of image", hint="Use firmware or filesystem.")


def secret_scan(text: str) -> str:
    """Returns what is to be done about secrets."""
    if text in ("warning", "error", "off"):
        return text
    raise SettingsError(f"{text!a} is no way to scan", hint="Use warning, error or off.")


def version_source(text: str) -> str:
    """Returns where a version comes from, or the version itself."""
    if text != "git" and not text.startswith(("git:", "file:")):
        Version.parse(text)
    return text


def version_variable(name: str, text: str) -> str:
    """Returns the version that an environment variable holds.

    Args:
        name: The variable.
        text: What it holds; empty where it is not set.
    """
    # CI names a tag as it is, such as v1.2.3.
    bare = text.strip().removeprefix("v")
    if not bare:
        raise VersionError(
            f"the environment variable {name} is not set, and the version is to come from it",
            hint=f"Set {name}, for example to 1.0.0.",
        )
    try:
        Version.parse(bare)
    except VersionError as fault:
        # Whoever names the wrong variable must not find its value in a log.
        raise VersionError(
            f"what the environment variable {name} holds is no version", hint=fault.hint
        ) from None
    return bare


def boolean(text: str) -> bool:
    """Returns a yes or no."""
    if text.lower() in _YES | _NO:
        return text.lower() in _YES
    raise SettingsError(f"{text!a} is neither yes nor no", hint="Write yes or no.")


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
        why = reason_of(fault)
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
