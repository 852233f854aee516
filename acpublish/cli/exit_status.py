"""The one table of exit statuses.

0    done; "already published" and "up to date" are successes
1    the answer is no: `inspect` of a file that is no image, a device's update that failed, a
     trouble that `doctor` found, an `init` or `import` that was not agreed to
2    usage: an option, variable or file of settings
3    authentication: the token is missing, wrong or not allowed to do this
4    conflict: the version exists with other bytes
5    network: no connection, no answer in time, or the server said no
6    verification: what arrived is not what was sent
7    pre-flight: the image, the version or a name cannot be published
8    catalog: the directory is missing, read-only or full, or holds a broken manifest
70   a fault of acpublish itself
130  ended by Ctrl-C
"""

from __future__ import annotations

from acpublish import errors

OK = 0
NO = 1
USAGE = 2
INTERNAL = 70
INTERRUPTED = 130

#: The first class that fits decides, so special ones stand before their families.
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
