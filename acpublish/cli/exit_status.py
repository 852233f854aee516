"""The one table of exit statuses, and of the codes that name the same in JSON.

0    success; "already published" and "up to date" count as success
1    the result is negative: `inspect` on a file that is not an image, a `device` update that
     failed, an error that `doctor` found, a device that does not run what `deploy` waited for, or
     a question that the user answered with no
2    usage: an option, an environment variable or a settings file is invalid
3    authentication: the token is missing, wrong or not allowed to do this
4    conflict: the version already exists with different bytes
5    network: no connection, no response in time, or the server refused
6    verification: the bytes that arrived are not the bytes that were sent
7    pre-flight: the image, the version or a name cannot be published
8    catalog: the directory is missing, read-only or full, or contains a broken manifest; or the
     fleet's store is in use, damaged, of a newer version, or cannot be written
70   an internal error in acpublish
74   the output cannot be written, because the disk is full for example
130  interrupted by Ctrl-C
141  whoever read the output has closed it, as `| head` does
"""

from __future__ import annotations

from acpublish import errors

OK = 0
NO = 1
USAGE = 2
#: EX_SOFTWARE and EX_IOERR (``sysexits.h``).
INTERNAL = 70
OUTPUT = 74
#: 128 and the number of SIGINT or SIGPIPE, as a shell reports a process that the signal ended.
INTERRUPTED = 130
BROKEN_PIPE = 141

#: The codes of what is not an error of the tree.
USAGE_CODE = "usage"
INTERNAL_CODE = "internal"
INTERRUPTED_CODE = "interrupted"

#: The first matching class decides, so special cases come before their families. Errors that a
#: server can respond with have the same code there (``acpublish.server.api.routes``).
_TABLE: tuple[tuple[type[errors.AcpublishError], int, str], ...] = (
    (errors.AuthenticationError, 3, "unauthorised"),
    (errors.ConflictError, 4, "conflict"),
    (errors.VerificationError, 6, "verification"),
    (errors.UnreachableError, 5, "unreachable"),
    (errors.TransferError, 5, "refused"),
    (errors.SettingsError, USAGE, USAGE_CODE),
    (errors.ImageError, 7, "image"),
    (errors.CheckError, 7, "check"),
    (errors.VersionError, 7, "version"),
    (errors.BadNameError, 7, "name"),
    (errors.ManifestError, 8, "manifest"),
    (errors.NotFoundError, 8, "not-found"),
    (errors.CatalogError, 8, "catalog"),
    (errors.StoreError, 8, "store"),
    (errors.RequestError, 5, "request"),
)
_OTHERWISE = (INTERNAL, INTERNAL_CODE)


def status_of(error: errors.AcpublishError) -> int:
    """Returns the exit status of an error."""
    return _row(error)[0]


def code_of(error: errors.AcpublishError) -> str:
    """Returns the code of an error, which scripts may compare."""
    return _row(error)[1]


def _row(error: errors.AcpublishError) -> tuple[int, str]:
    matches = ((status, code) for kind, status, code in _TABLE if isinstance(error, kind))
    return next(matches, _OTHERWISE)
