"""Checks of single values: each takes a string and returns the value, or raises an error.

All errors are of the tree in ``acpublish.errors``. A token comes from a file or standard input, so
that it never appears in a command line; no error shows any of it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

from acpublish import keyfiles, keys
from acpublish.errors import SettingsError, VersionError, reading
from acpublish.keys import is_private
from acpublish.redact import has_bare_password, is_token
from acpublish.release.names import IMAGE_KINDS, ImageKind
from acpublish.release.version import Version, without_v

#: A host with a port; a Windows drive has one letter.
_WITHOUT_SCHEME = re.compile(
    r"(?:(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9-]+|[A-Za-z0-9-]{2,}):\d{2,5}(?:/[\w/.-]*)?\Z"
)
_YES = frozenset({"1", "yes", "true", "on"})
_NO = frozenset({"0", "no", "false", "off"})
#: The public reason that a manifest has for the check ``secrets`` if nothing was searched.
SCAN_OFF = "secret_scan = off"


def address(text: str) -> str:
    """Returns the directory, or the URL without a final slash."""
    if has_bare_password(text):
        raise SettingsError(
            "the URL does not begin with http:// or https://, and contains a password",
            hint="Remove the password, and set the token in ACPUBLISH_TOKEN.",
        )
    if _WITHOUT_SCHEME.match(text):
        raise SettingsError(
            f"{text!r} looks like a server, but does not begin with http://",
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
            "the URL is not a valid http(s) URL of a server",
            hint="Use a directory, or a URL such as http://192.168.1.10:8000.",
        )
    if parts.username or parts.password:
        raise SettingsError(
            "the URL contains a user or a password",
            hint="Remove them, and set the token in ACPUBLISH_TOKEN.",
        )
    return text.rstrip("/")


def key_file(path: Path) -> Path:
    """Returns the file of a private key."""
    keys.require()
    hint = "Use the PEM file of a private key: acpublish key create -o FILE creates one."
    if not is_private(keyfiles.content(path, hint=hint)):
        raise SettingsError(f"{path} does not contain a private key", hint=hint)
    return path


def chip(text: str) -> str:
    """Returns the name of a chip."""
    from acpublish.image.esp32 import CHIPS

    known = ("esp8266", *CHIPS.values())
    # A chip that is newer than this list is named by its number.
    if text in known or re.fullmatch(r"chip-\d{1,5}", text):
        return text
    raise SettingsError(f"{text!r} is not a known chip", hint=f"Use one of: {', '.join(known)}.")


def kind(text: str) -> ImageKind:
    """Returns the kind of image."""
    for known in IMAGE_KINDS:
        if text == known:
            return known
    raise SettingsError(f"{text!r} is not a kind of image", hint="Use firmware or filesystem.")


def secret_scan(text: str) -> str:
    """Returns the secret scan mode."""
    if text in ("warning", "error", "off"):
        return text
    raise SettingsError(f"{text!r} is not a secret scan mode", hint="Use warning, error or off.")


def version_source(text: str) -> str:
    """Returns where a version comes from, or the version itself."""
    if text != "git" and not text.startswith(("git:", "file:")):
        try:
            Version.parse(text)
        except VersionError as fault:
            hint = f"{fault.hint} Or name its source: git, git:PREFIX or file:PATH."
            raise VersionError(fault.problem, hint=hint) from fault
    return text


def version_variable(name: str, text: str) -> str:
    """Returns the version that an environment variable contains.

    Args:
        name: The variable.
        text: Its value; empty if it is not set.
    """
    if not name.strip():
        raise VersionError(
            "env: does not name an environment variable",
            hint="Write the name after it, as in env:VERSION.",
        )
    # CI systems pass a tag unchanged, such as v1.2.3.
    bare = without_v(text.strip())
    if not bare:
        raise VersionError(
            f"the environment variable {name} is not set, but the version is to come from it",
            hint=f"Set {name}, for example to 1.0.0.",
        )
    try:
        Version.parse(bare)
    except VersionError as fault:
        # A user who named the wrong variable must not find its value in a log.
        raise VersionError(
            f"the environment variable {name} does not contain a version", hint=fault.hint
        ) from None
    return bare


def boolean(text: str) -> bool:
    """Returns whether the value is yes."""
    if text.lower() in _YES | _NO:
        return text.lower() in _YES
    raise SettingsError(f"{text!r} is neither yes nor no", hint="Write yes or no.")


#: The value of ``--token-file`` for standard input.
STDIN = "-"
#: Far longer than any token, so a wrong file is not read to its end.
_MAX_BYTES = 4096
_HOW = "Write only the token, on one line; acpublish token create creates one."


def token_from_file(path: Path) -> str:
    """Returns the token that is the only line of a file.

    Raises:
        SettingsError: It cannot be read, or does not contain a token; nothing of it is shown.
    """
    if is_token(path.name):
        raise SettingsError(
            "it is a token itself, not the path of its file",
            hint="Set the token in ACPUBLISH_TOKEN, or write it to a file and pass its path.",
        )
    name, hint = f"the token file {path}", "Use a file that contains only the token."
    with reading(name, SettingsError, hint=hint), path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    return _token(content, name)


def token_from_stdin() -> str:
    """Returns the token that is the only line of standard input; a terminal does not show it.

    Raises:
        SettingsError: There is none.
    """
    where = "standard input"
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
        raise SettingsError(f"{where} does not contain a token: it is empty", hint=_HOW)
    # A header may contain others (RFC 9110, 5.5), but a token never does.
    if any(not "!" <= char <= "~" for char in text):
        raise SettingsError(
            f"{where} does not contain a token: it has more than one word", hint=_HOW
        )
    return text
