"""Reads the files that the user names, none of them further than a limit, and acpublish's own.

A path may lead to a device that never ends, or to a file of another kind that fills the memory. A
user may name a pipe all the same, which the shell makes of ``<(…)``; a file of acpublish's own is
never one, so nobody waits for who might write to it.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from acpublish.errors import AcpublishError, SettingsError, reading

#: Several times the list of all CAs that browsers trust.
_MAX_CA_BYTES = 4 * 1024 * 1024
#: Without O_NONBLOCK, opening a FIFO would wait for its writer.
_OWN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_CA_HINT = "Use the PEM file of the CA's certificate, not of a key; it begins with -----BEGIN."


def expanded(path: str | Path) -> Path:
    """Returns a path with ``~`` replaced by the home directory; an unknown user's ``~`` stays."""
    # Path.expanduser raises a RuntimeError for an unknown user.
    return Path(os.path.expanduser(path))  # noqa: PTH111


def read_bounded(
    path: Path, max_bytes: int, kind: type[AcpublishError], *, hint: str, name: str | None = None
) -> bytes:
    """Returns the bytes of a file.

    Args:
        path: The file.
        max_bytes: The most bytes that it may have.
        kind: The class of the error to raise.
        hint: What to do next, as a sentence.
        name: The file, for the message; None for its path.

    Raises:
        AcpublishError: It cannot be read, or is larger.
    """
    name = name or str(path)
    with reading(name, kind, hint=hint), path.open("rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        limit = f"{max_bytes >> 20} MiB" if max_bytes >= 1 << 20 else f"{max_bytes >> 10} KiB"
        raise kind(f"{name} is larger than {limit}", hint=hint)
    return data


def read_own(path: Path) -> bytes:
    """Returns the bytes of a file that acpublish has written, or somebody in its place.

    Args:
        path: The file.

    Raises:
        OSError: It cannot be read, or is not a regular file.
    """
    descriptor = os.open(path, _OWN)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def ca_file(path: Path) -> Path:
    """Returns the file of CA certificates, once it is clear that it has one.

    Raises:
        SettingsError: It cannot be read, or does not contain a certificate in PEM.
    """
    # Only those who publish over TLS need it, and each build loads this module.
    import ssl

    read_bounded(path, _MAX_CA_BYTES, SettingsError, hint=_CA_HINT, name=f"the CA file {path}")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{path} does not contain a certificate in PEM", hint=_CA_HINT
        ) from error
    return path
