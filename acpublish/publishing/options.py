"""What is to be published where: small frozen values, filled by ``acpublish.settings``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

from acpublish.release import names
from acpublish.release.declared import Declared
from acpublish.release.names import BoardName, ChannelName, ImageKind, ProductName
from acpublish.release.secrets import SecretRules

if TYPE_CHECKING:
    from acpublish.release.filenames import NamePattern

DEVELOPMENT_CHANNEL = names.DEVELOPMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where to publish.

    Attributes:
        to: A directory or an http(s) URL.
        token: What a server asks for; never shown.
        insecure_http: Whether the token may go over plain http to another machine.
        state: Of a directory, the folder of what must not be public; None where it is not kept.
    """

    to: str
    token: str | None = field(default=None, repr=False)
    insecure_http: bool = False
    state: Path | None = None

    @property
    def is_server(self) -> bool:
        """Whether it is the address of a server."""
        return self.to.lower().startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """What is known of an image that is only to be checked; each None is not known.

    Attributes:
        destination: Where the product's releases so far are looked up.
        product: As for :class:`PublishOptions`, and so are the others.
        version: The version's source.
        board: The board that the image is made for.
        channel: The channel that shall point at it.
        kind: Firmware or a filesystem.
        chip: The chip that the board is known to have.
        declared: What is known of the board and the build.
        partitions: The file of the board's partition table.
        secrets: What is to be done about secrets in the image.
        secret_values: Values to search for, by the names to show; never shown themselves.
        skipped_checks: The checks that are switched off, each with the reason.
        signing_key: The file of the private key that would sign the release.
    """

    destination: Destination | None = None
    product: ProductName | None = None
    version: str | None = None
    board: BoardName | None = None
    channel: ChannelName | None = None
    kind: ImageKind = "firmware"
    chip: str | None = None
    declared: Declared = field(default_factory=Declared)
    partitions: Path | None = None
    secrets: SecretRules = field(default_factory=SecretRules)
    secret_values: Mapping[str, str] = field(default_factory=dict, repr=False)
    skipped_checks: Mapping[str, str] = field(default_factory=dict)
    signing_key: Path | None = None

    @classmethod
    def of(cls, options: PublishOptions) -> CheckOptions:
        """Returns what is known of an image that could be published."""
        return cls(**{one.name: getattr(options, one.name) for one in fields(cls)})


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOptions:
    """What is to be published.

    Attributes:
        destination: Where to.
        product: The product.
        version: The version's source: a literal, ``git`` or ``file:PATH``.
        board: The board that the image is made for.
        channel: The channel that shall point at it; None for what fits the version: ``stable``,
            and ``dev`` for a state that git has no tag for.
        kind: Firmware or a filesystem.
        chip: The chip that the board is known to have.
        provenance: Where the image comes from; public.
        private: More of that, for whoever runs the catalog alone.
        compress: Whether the release shall hold the image as a gzip, too.
        declared: What is known of the board and the build.
        partitions: The file of the board's partition table.
        secrets: What is to be done about secrets in the image.
        secret_values: Values to search for, by the names to show; never shown themselves.
        skipped_checks: The checks that are switched off, each with the reason; public.
        signing_key: The file of the private key that signs the release.
        stamp: Whether the image is stamped; otherwise its bytes stay as they are, so that devices
            which run it are recognised by its digest.
    """

    destination: Destination
    product: ProductName
    version: str
    board: BoardName
    channel: ChannelName | None = None
    kind: ImageKind = "firmware"
    chip: str | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)
    private: Mapping[str, str] = field(default_factory=dict)
    compress: bool = False
    declared: Declared = field(default_factory=Declared)
    partitions: Path | None = None
    secrets: SecretRules = field(default_factory=SecretRules)
    secret_values: Mapping[str, str] = field(default_factory=dict, repr=False)
    skipped_checks: Mapping[str, str] = field(default_factory=dict)
    signing_key: Path | None = None
    stamp: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """Where a folder of old images is to go, and what is known of all of them.

    Attributes:
        destination: Where to.
        pattern: How the files are named.
        product: The product of all of them; None for what each tells by itself.
        board: The board of all of them; None for what each name tells.
        channel: The channel that shall point at them; None for ``stable``, where that points at
            nothing newer.
        secrets: As for :class:`PublishOptions`, and so are the others.
        secret_values: Values to search for.
        skipped_checks: The checks that are switched off.
        signing_key: The file of the key that signs the releases.
    """

    destination: Destination
    pattern: NamePattern
    product: ProductName | None = None
    board: BoardName | None = None
    channel: ChannelName | None = None
    secrets: SecretRules = field(default_factory=SecretRules)
    secret_values: Mapping[str, str] = field(default_factory=dict, repr=False)
    skipped_checks: Mapping[str, str] = field(default_factory=dict)
    signing_key: Path | None = None
