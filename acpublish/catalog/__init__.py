"""Where releases live: the directory catalog, and the files that were copied in by hand."""

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.files import CatalogFiles, Directory, Entry, LooseFile, ReleaseFile

__all__ = [
    "CatalogFiles",
    "Directory",
    "DirectoryCatalog",
    "Entry",
    "LooseFile",
    "ReleaseFile",
]
