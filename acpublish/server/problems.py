"""The one table from errors to HTTP statuses."""

from __future__ import annotations

import errno

from acpublish import errors

#: The first class that fits decides, so the narrower ones come first.
_STATUSES: tuple[tuple[type[errors.AcpublishError], int, str], ...] = (
    (errors.ConflictError, 409, "conflict"),
    (errors.NotFoundError, 404, "not-found"),
    (errors.CheckError, 422, "check"),
    (errors.ImageError, 422, "image"),
    (errors.VersionError, 422, "version"),
    (errors.BadNameError, 422, "name"),
    (errors.AuthenticationError, 401, "unauthorised"),
    (errors.RequestError, 400, "request"),
)
#: A full disk is not the client's fault, and asking again at once is of no use.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def status_of(fault: errors.AcpublishError) -> tuple[int, str]:
    """Returns the HTTP status of an error, and a short name for it that scripts may compare."""
    cause = fault.__cause__
    if isinstance(cause, OSError):
        if cause.errno in _FULL:
            return 507, "full"
        # Not 5xx: clients would try again, and nothing changes by that.
        if cause.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            return 403, "read-only"
    for kind, status, code in _STATUSES:
        if isinstance(fault, kind):
            return status, code
    return 500, "server"
