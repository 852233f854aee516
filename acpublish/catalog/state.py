"""Where what must not be public is kept: outside the catalog, one folder per catalog.

What a publish says of itself that is not for everybody who reads the catalog.

It stays in the state folder: ``provenance/<product>/<visible file>.json``, a JSON object of texts.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from acpublish import atomic
from acpublish.errors import AcpublishError, SettingsError

if TYPE_CHECKING:
    from acpublish.release.submission import Submission

__all__ = ["PrivateProvenance"]


def state_dir(catalog: Path, environ: Mapping[str, str]) -> Path:
    """Returns the default state folder of a catalog, by the XDG Base Directory Specification.

    Args:
        catalog: The catalog's directory; every path that leads to it gives the same folder.
        environ: The environment.
    """
    home = environ.get("XDG_STATE_HOME", "")
    # The specification: a relative path is to be ignored.
    base = Path(home) if Path(home).is_absolute() else Path.home() / ".local" / "state"
    name = hashlib.sha256(os.fsencode(os.path.realpath(catalog))).hexdigest()[:16]
    return base / "acpublish" / name


def ensure_private(directory: Path) -> None:
    """Makes a directory that only its owner may enter, unless it is there.

    Raises:
        SettingsError: It cannot be made.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as fault:
        raise SettingsError(
            f"the state folder {directory} cannot be made: {fault.strerror}",
            hint="Give another one with --state.",
        ) from fault


_log = logging.getLogger(__name__)


class PrivateProvenance:
    """The private part of the provenance of a catalog's images."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "provenance"

    def keep(self, submission: Submission) -> None:
        """Keeps what a submission says, unless that of the same image is there.

        The release stands by now, so that what cannot be written is logged and is no error.
        """
        path = self._path(submission)
        if not submission.private or path.exists():
            return
        text = json.dumps(dict(submission.private), indent=1, sort_keys=True) + "\n"
        try:
            ensure_private(path.parent)
            atomic.write(path, text.encode(), path.parent, mode=0o600)
        except (OSError, AcpublishError) as fault:
            _log.warning("the private provenance of %s is not kept: %s", submission.file, fault)

    def _path(self, submission: Submission) -> Path:
        return self._folder / submission.product / f"{submission.file}.json"
