"""Every error that acpublish raises, in one tree. The families say whose fault it is.

    AcpublishError
    ├── ImageError                 the image
    │   ├── NotAnImageError        the file is no ESP image at all
    │   ├── DamagedImageError      truncated, or a checksum, CRC or digest does not hold
    │   ├── WrongKindError         an image, but not one for this purpose (merged, signed, gzip)
    │   ├── StampError             product or version cannot be written into this image
    │   └── PartitionError         a partition table that cannot be read
    ├── VersionError               the version is no SemVer, or cannot be found
    ├── BadNameError               a product, board or channel name that is not allowed
    ├── ManifestError              a manifest that cannot be read
    ├── CatalogError               the catalog directory (missing, read-only, full)
    │   ├── ConflictError          the version exists with other bytes
    │   └── NotFoundError          no such release, image or directory
    ├── CheckError                 a pre-flight check found an error
    ├── SettingsError              an option, variable or file of settings
    │   └── MissingExtraError      a package that an optional part needs is not installed
    ├── TransferError              the way to or from a server
    │   ├── UnreachableError       no connection, or no answer in time
    │   ├── AuthenticationError    the token is missing or wrong
    │   ├── RefusedError           the server said no, for a reason that it gave
    │   └── VerificationError      what arrived is not what was sent
    └── RequestError               what a client asked of our server

Every error has a hint: what to do next. "Already published" and "up to date" are results, not
errors. One table maps errors to exit statuses (``acpublish.cli.exit_status``), one to HTTP statuses
(``acpublish.server.api.routes``).
"""

from __future__ import annotations

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
    "NotAnImageError",
    "NotFoundError",
    "PartitionError",
    "RefusedError",
    "RequestError",
    "SettingsError",
    "StampError",
    "TransferError",
    "UnreachableError",
    "VerificationError",
    "VersionError",
    "WrongKindError",
]


class AcpublishError(Exception):
    """The root of all errors of acpublish.

    Args:
        problem: What is wrong and why, as a phrase without a final full stop. It holds no secret.
        hint: What to do next, as a sentence.
    """

    def __init__(self, problem: str, *, hint: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint

    def __str__(self) -> str:
        """What, why and what to do next, on one line."""
        return " ".join(f"{self.problem}. {self.hint}".split())

    def __reduce__(self) -> tuple[object, ...]:
        """Keeps the hint when an error crosses a process boundary."""
        return (_rebuild, (type(self), self.problem, self.hint))


def _rebuild(kind: type[AcpublishError], problem: str, hint: str) -> AcpublishError:
    return kind(problem, hint=hint)


class ImageError(AcpublishError):
    """The image is at fault."""


class NotAnImageError(ImageError):
    """The file is no ESP image at all."""


class DamagedImageError(ImageError):
    """The image is truncated, or its checksum, CRC or digest does not hold."""


class WrongKindError(ImageError):
    """It is an image, but not one for this purpose (merged, bootloader, signed, gzip)."""


class StampError(ImageError):
    """Product or version cannot be written into this image."""


class PartitionError(ImageError):
    """A partition table that cannot be read, or that no device could use."""


class VersionError(AcpublishError):
    """The version is no SemVer 2.0.0, or it cannot be found out."""


class BadNameError(AcpublishError):
    """A product, board or channel name that is not allowed."""


class ManifestError(AcpublishError):
    """A manifest that cannot be read; the message carries the path into the document."""


class CatalogError(AcpublishError):
    """The catalog directory is at fault: missing, read-only, full."""


class ConflictError(CatalogError):
    """The version exists with other bytes; the message names both digests."""


class NotFoundError(CatalogError):
    """No such release, image or directory."""


class CheckError(AcpublishError):
    """A pre-flight check found an error; the message begins with the check's name."""

    @property
    def check(self) -> str:
        """The name of the check."""
        return self.problem.partition(":")[0]


class SettingsError(AcpublishError):
    """An option, an environment variable or a file of settings is at fault."""


class MissingExtraError(SettingsError):
    """A package that an optional part needs is not installed."""


class TransferError(AcpublishError):
    """The way to or from a server is at fault."""


class UnreachableError(TransferError):
    """No connection, or no answer in time."""


class AuthenticationError(TransferError):
    """The token is missing, wrong or not allowed to do this."""


class RefusedError(TransferError):
    """The server said no, for a reason that it gave."""


class VerificationError(TransferError):
    """What arrived is not what was sent."""


class RequestError(AcpublishError):
    """What a client asked of our server is at fault."""


def reason_of(fault: OSError) -> str:
    """Returns why the operating system refused something, in lower case and without a path."""
    return (fault.strerror or str(fault) or type(fault).__name__).lower()
