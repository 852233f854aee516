"""The one table of exit statuses.

0    success; "already published" and "up to date" count as success
1    the result is negative: `inspect` on a file that is not an image, a `device` update that
     failed, an error that `doctor` found, or an `init` or `import` that the user declined
2    usage: an option, an environment variable or a settings file is invalid
3    authentication: the token is missing, wrong or not allowed to do this
4    conflict: the version already exists with different bytes
5    network: no connection, no response in time, or the server refused
6    verification: the bytes that arrived are not the bytes that were sent
7    pre-flight: the image, the version or a name cannot be published
8    catalog: the directory is missing, read-only or full, or contains a broken manifest
70   an internal error in acpublish
130  interrupted by Ctrl-C
"""

from __future__ import annotations

from acpublish import errors

OK = 0
NO = 1
USAGE = 2
INTERNAL = 70
INTERRUPTED = 130

#: The first matching class decides, so special cases come before their families.
_TABLE: tuple[tuple[type[errors.AcpublishError], int], ...] = (
    (errors.AuthenticationError, 3),
    (errors.ConflictError, 4),
    (errors.VerificationError, 6),
    (errors.TransferError, 5),
    (errors.SettingsError, USAGE),
    (errors.ImageError, 7),
    (errors.CheckError, 7),
    (errors.VersionError, 7),
    (errors.BadNameError, 7),
    (errors.ManifestError, 8),
    (errors.CatalogError, 8),
    (errors.RequestError, 5),
)


def status_of(error: errors.AcpublishError) -> int:
    """Returns the exit status of an error."""
    for kind, status in _TABLE:
        if isinstance(error, kind):
            return status
    return INTERNAL
