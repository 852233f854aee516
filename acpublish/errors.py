"""Every error that acpublish raises, in one tree. The families say whose fault it is.

    AcpublishError
    ├── ImageError                 the image
    │   ├── NotAnImageError        the file is not an ESP image at all
    │   ├── DamagedImageError      truncated, or a checksum, CRC or digest is wrong
    │   ├── WrongKindError         an image, but not one for this purpose (merged, signed, gzip)
    │   ├── StampError             product or version cannot be written into this image
    │   └── PartitionError         a partition table that cannot be read
    ├── VersionError               the version is not valid SemVer, or cannot be determined
    ├── BadNameError               a product, board or channel name that is not allowed
    ├── ManifestError              a manifest that cannot be read
    │   └── NewerFormatError       a newer acpublish wrote it
    ├── CatalogError               the catalog directory (missing, read-only, full)
    │   ├── ConflictError          the version exists with different bytes
    │   └── NotFoundError          no such release, image or directory
    ├── StoreError                 the fleet's store (damaged, newer, not writable)
    │   └── StoreInUseError        another server has it
    ├── CheckError                 a pre-flight check failed
    ├── SettingsError              an option, variable or settings file
    │   ├── MissingExtraError      a package that an optional part needs is not installed
    │   └── UnconfirmedError       a change with consequences that nobody has confirmed
    ├── TransferError              communication with a server failed
    │   ├── UnreachableError       no connection, or no response in time
    │   ├── AuthenticationError    the token is missing or wrong
    │   ├── RefusedError           the server refused, and gave the reason
    │   └── VerificationError      what arrived is not what was sent
    └── RequestError               a client sent our server an invalid request

Every error has a hint: what to do next. "Already published" and "up to date" are results, not
errors. One table maps errors to exit statuses (``acpublish.cli.exit_status``), one to HTTP statuses
(``acpublish.server.api.routes``).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "AcpublishError",
    "AuthenticationError",
    "BadNameError",
    "CatalogError",
    "CheckError",
    "ConflictError",
    "DamagedImageError",
    "ImageError",
    "ManifestError",
    "MissingExtraError",
    "NewerFormatError",
    "NotAnImageError",
    "NotFoundError",
    "PartitionError",
    "RefusedError",
    "RequestError",
    "SettingsError",
    "StampError",
    "StoreError",
    "StoreInUseError",
    "TransferError",
    "UnconfirmedError",
    "UnreachableError",
    "VerificationError",
    "VersionError",
    "WrongKindError",
]


class AcpublishError(Exception):
    """The root of all errors of acpublish.

    Args:
        problem: What is wrong and why, as a phrase without a final full stop and without secrets.
        hint: What to do next, as a sentence.
    """

    def __init__(self, problem: str, *, hint: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint

    def __str__(self) -> str:
        """Returns what is wrong, why and what to do next, on one line."""
        return " ".join(f"{self.problem}. {self.hint}".split())

    def __reduce__(self) -> tuple[object, ...]:
        """Keeps the hint when an error crosses a process boundary."""
        return (_rebuild, (type(self), self.problem, self.hint))


def _rebuild(kind: type[AcpublishError], problem: str, hint: str) -> AcpublishError:
    return kind(problem, hint=hint)


class ImageError(AcpublishError):
    """The image is invalid."""


class NotAnImageError(ImageError):
    """The file is not an ESP image at all."""


class DamagedImageError(ImageError):
    """The image is truncated, or its checksum, CRC or digest is wrong."""


class WrongKindError(ImageError):
    """The image is not one for this purpose (merged, bootloader, signed, gzip)."""


class StampError(ImageError):
    """The product or version cannot be written into this image."""


class PartitionError(ImageError):
    """The partition table cannot be read, or no device could use it."""


class VersionError(AcpublishError):
    """The version is not valid SemVer 2.0.0, or it cannot be determined."""


class BadNameError(AcpublishError):
    """The product, board or channel name is not allowed."""


class ManifestError(AcpublishError):
    """The manifest cannot be read; the message contains the path into the document."""


class NewerFormatError(ManifestError):
    """A newer acpublish wrote the document, so nothing that depends on it may be changed."""


class CatalogError(AcpublishError):
    """The catalog directory cannot be used: it is missing, read-only or full."""


class ConflictError(CatalogError):
    """The version exists with different bytes; the message contains both digests."""


class NotFoundError(CatalogError):
    """There is no such release, image or directory."""


class StoreError(AcpublishError):
    """The fleet's store is in use, damaged or of a newer version, or cannot be written."""


class StoreInUseError(StoreError):
    """Another server has the fleet's store."""


class CheckError(AcpublishError):
    """A pre-flight check failed, here or on the server.

    Args:
        problem: As for every error; it begins with the check's name, or the server's URL.
        hint: As for every error.
        check: The name of the check that failed; empty if the server did not name it.
    """

    def __init__(self, problem: str, *, hint: str, check: str = "") -> None:
        super().__init__(problem, hint=hint)
        self.check = check

    def __reduce__(self) -> tuple[object, ...]:
        """Keeps the check as well when an error crosses a process boundary."""
        return (*super().__reduce__(), {"check": self.check})


class SettingsError(AcpublishError):
    """An option, an environment variable or a settings file is invalid."""


class MissingExtraError(SettingsError):
    """A package that an optional part needs is not installed."""


class UnconfirmedError(SettingsError):
    """The change has consequences, which the message names, and has to be confirmed."""


class TransferError(AcpublishError):
    """Communication with a server failed."""


class UnreachableError(TransferError):
    """There was no connection, or no response in time."""


class AuthenticationError(TransferError):
    """The token is missing, wrong or not allowed to do this."""


class RefusedError(TransferError):
    """The server refused the request, and gave the reason."""


class VerificationError(TransferError):
    """The data that arrived is not the data that was sent."""


class RequestError(AcpublishError):
    """A client sent our server an invalid request."""


def reason_of(error: OSError | ValueError) -> str:
    """Returns why the operating system refused something, in lower case and without a path.

    A ValueError comes from Python, which passes no path with a null byte to the system.
    """
    reason = error.strerror if isinstance(error, OSError) else None
    return (reason or str(error) or type(error).__name__).lower()


@contextlib.contextmanager
def reading(what: str, kind: type[AcpublishError], *, hint: str) -> Iterator[None]:
    """Turns an error of the operating system into one that says what cannot be read, and why.

    Args:
        what: The file, for the message.
        kind: The class of the error to raise.
        hint: What to do next, as a sentence; not used if permission is denied.

    Raises:
        AcpublishError: The block raised an ``OSError``, or a ``ValueError`` because of the path.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        if isinstance(error, PermissionError):
            hint = "Make it readable for this user, or run this as its owner."
        raise kind(f"{what} cannot be read: {reason_of(error)}", hint=hint) from error
