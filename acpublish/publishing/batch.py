"""Several images published by one command: all are checked before the first byte is sent.

1. Two images must not be for the same board and of the same kind, because they would have the same
   place in the catalog.
2. Each image is checked as if those before it were published already.
3. If one is refused, none is published.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from acpublish.catalog.rehearsal import Rehearsal
from acpublish.errors import (
    AcpublishError,
    CatalogError,
    ConflictError,
    SettingsError,
    TransferError,
)
from acpublish.publishing.destinations import open_catalog
from acpublish.publishing.image_files import read_file
from acpublish.publishing.options import PublishOptions
from acpublish.publishing.publish import publish_image
from acpublish.publishing.versions import resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFile:
    """One of several images: its file, and what it is to be published as."""

    path: Path
    options: PublishOptions

    def named(self, error: AcpublishError) -> AcpublishError:
        """Returns an error that also names the file, if it does not begin with its name."""
        named = copy.copy(error)
        if not error.problem.startswith(f"{self.path} "):
            named.problem = f"{self.path}: {error.problem}"
        return named


def refusals(files: Sequence[BatchFile]) -> list[AcpublishError]:
    """Returns why files cannot be published; nothing is written or sent.

    Args:
        files: At least one, all for the same destination.

    Returns:
        An error for each file that would be refused, which names it.

    Raises:
        AcpublishError: It is not about one of the files: two are for the same board, or the
            catalog cannot be read.
    """
    _refuse_same_place(files)
    rehearsal = Rehearsal(open_catalog(files[0].options.destination, publishing=True))
    refused = []
    for file in files:
        try:
            source = resolve(file.options.version_source, Path.cwd())
            publish_image(read_file(file.path), file.options, source, rehearsal)
        except AcpublishError as error:
            of_catalog = isinstance(error, CatalogError) and not isinstance(error, ConflictError)
            if of_catalog or isinstance(error, TransferError):
                raise
            refused.append(file.named(error))
    return refused


def _refuse_same_place(files: Sequence[BatchFile]) -> None:
    places: dict[tuple[str, str], Path] = {}
    for file in files:
        place = (file.options.board, file.options.kind)
        other = places.setdefault(place, file.path)
        if other is not file.path:
            raise SettingsError(
                f"{other} and {file.path} are both {place[1]} for the board {place[0]}",
                hint="Name the board of each file: BOARD=FILE.",
            )
