"""Where releases live: the directory catalog, and the files that were copied in by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acpublish.lazy import lazily

if TYPE_CHECKING:
    from acpublish.catalog.directory import DirectoryCatalog
    from acpublish.catalog.files import CatalogFiles, Directory, Entry, LooseFile, ReleaseFile
else:
    __getattr__ = lazily(
        __name__,
        directory="DirectoryCatalog",
        files="CatalogFiles Directory Entry LooseFile ReleaseFile",
    )

__all__ = [
    "CatalogFiles",
    "Directory",
    "DirectoryCatalog",
    "Entry",
    "LooseFile",
    "ReleaseFile",
]
