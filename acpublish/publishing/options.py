"""What is to be published where: small frozen values, filled by ``acpublish.settings``."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from acpublish.catalog.state import state_dir
from acpublish.errors import SettingsError
from acpublish.release.coordinates import Coordinates
from acpublish.release.declared import Declared
from acpublish.release.names import BoardName, ProductName
from acpublish.release.secrets import SecretRules
from acpublish.release.version import Version

if TYPE_CHECKING:
    from acpublish.keys import PrivateKey
    from acpublish.release.filenames import NamePattern


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where to publish.

    Attributes:
        to: A directory or an http(s) URL.
        token: What a server requires; never shown.
        insecure_http: Whether the token may be sent over plain http to another machine.
        ca: The file of the only CAs to trust for the TLS of a server; None for the usual ones.
        state: For a directory, the folder of what must not be public; None if that is not kept.
    """

    to: str
    token: str | None = field(default=None, repr=False)
    insecure_http: bool = False
    ca: Path | None = None
    state: Path | None = None

    @classmethod
    def of_directory(cls, path: Path, environ: Mapping[str, str]) -> Destination:
        """Returns a directory as a destination, with the state folder of its catalog.

        Args:
            path: The directory.
            environ: The environment, which says where state folders are; without one, or for a user
                without a home directory, what must not be public is not kept.
        """
        state = None
        with contextlib.suppress(SettingsError):
            state = state_dir(path, environ) if environ else None
        return cls(to=str(path), state=state)

    @property
    def is_server(self) -> bool:
        """Whether it is the URL of a server."""
        return self.to.lower().startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions(Coordinates):
    """What is known of an image that is to be checked; each None means not known.

    The version itself is known only when the image is: a changed working tree gets one that
    contains a part of the image's digest.

    Attributes:
        destination: Where the product's releases are.
        version_source: Where the version comes from: a literal, ``git`` or ``file:PATH``.
        declared: What is known of the board and the build.
        partitions: The file of the board's partition table.
        secrets: How to treat secrets in the image.
        secret_values: Values to search for, by the names to show; never shown themselves.
        skipped_checks: The checks that are switched off, each with the reason; public.
        signing_key: The private key that signs the release, or its file.
    """

    destination: Destination | None = None
    version_source: str | None = None
    declared: Declared = field(default_factory=Declared)
    partitions: Path | None = None
    secrets: SecretRules = field(default_factory=SecretRules)
    secret_values: Mapping[str, str] = field(default_factory=dict, repr=False)
    skipped_checks: Mapping[str, str] = field(default_factory=dict)
    signing_key: Path | PrivateKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOptions(CheckOptions):
    """What is to be published.

    Without a channel, the version decides: ``stable``, or ``dev`` for an untagged git state.

    Attributes:
        provenance: Where the image comes from; public.
        private: More about that, only for whoever runs the catalog.
        compress: Whether the release should also have a gzip of the image.
        no_downgrade_below: Devices that run it never go back to a lower release.
        requires: What a device must run before it is offered it, such as ``>=1.4.0``.
        by: Who publishes it, for a directory; shown to everyone.
        stamp: Whether to stamp the image; otherwise its bytes are left as they are, so that
            devices that run it are recognised by its digest.
    """

    destination: Destination
    product: ProductName
    version_source: str
    board: BoardName
    provenance: Mapping[str, str] = field(default_factory=dict)
    private: Mapping[str, str] = field(default_factory=dict)
    compress: bool = False
    no_downgrade_below: Version | None = None
    requires: str | None = None
    by: str = ""
    stamp: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions(CheckOptions):
    """Where a folder of old images is to go, and what is known of all of them.

    A product or board that is not given comes from each file; without a channel an image goes to
    ``stable``, unless that has a newer one.

    Attributes:
        pattern: How the files are named.
    """

    destination: Destination
    pattern: NamePattern
