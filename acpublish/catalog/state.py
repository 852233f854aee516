"""The state folder: what must not be public, outside the catalog, one folder for each catalog.

Here are its path, its permissions, and the private part of each image's provenance, a JSON object
of strings in ``provenance/<product>/<visible file>.json``. The server keeps its tokens in the same
folder (``acpublish.server.tokens``).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from acpublish.errors import AcpublishError, SettingsError, reason_of

if TYPE_CHECKING:
    from acpublish.release.submission import Submission

__all__ = ["PrivateProvenance", "ensure_private", "state_dir"]

_log = logging.getLogger(__name__)


def state_dir(catalog: Path, environ: Mapping[str, str]) -> Path:
    """Returns the default state folder of a catalog, by the XDG Base Directory Specification.

    Args:
        catalog: The catalog's directory; every path that leads to it gives the same folder.
        environ: The environment.
    """
    home = environ.get("XDG_STATE_HOME", "")
    # The specification says to ignore a relative path.
    base = Path(home) if Path(home).is_absolute() else Path.home() / ".local" / "state"
    name = hashlib.sha256(os.fsencode(os.path.realpath(catalog))).hexdigest()[:16]
    return base / "acpublish" / name


def ensure_private(directory: Path) -> None:
    """Creates a directory that only its owner may enter; an existing one stays as it is.

    It belongs to whom the folder around it belongs, if possible (acpublish.ownership).

    Raises:
        SettingsError: It cannot be created.
    """
    # The hook imports this module in every build, but only a publish writes.
    from acpublish import atomic

    try:
        atomic.make_directory(directory, private=True)
    except OSError as error:
        raise SettingsError(
            f"the state folder {directory} cannot be created: {reason_of(error)}",
            hint="Use another one with --state.",
        ) from error


class PrivateProvenance:
    """The private part of the provenance of a catalog's images."""

    def __init__(self, state: Path) -> None:
        """Uses a state folder, which is created when something is kept.

        Args:
            state: The state folder of the catalog.
        """
        self._folder = state / "provenance"

    def keep(self, submission: Submission) -> None:
        """Keeps the private provenance of a submission, unless that of the same image exists.

        The release is published by now, so a failure to write is logged and not an error.
        """
        if not submission.private:
            return
        # The hook imports this module in every build, but only a publish writes.
        from acpublish import atomic

        path = self._path(submission)
        text = json.dumps(dict(submission.private), indent=1, sort_keys=True) + "\n"
        try:
            # A folder that this user may not enter raises here.
            if path.exists():
                return
            ensure_private(path.parent)
            atomic.write(path, text.encode(), mode=0o600)
        except (OSError, AcpublishError) as error:
            _log.warning("the private provenance of %s is not kept: %s", submission.file, error)

    def _path(self, submission: Submission) -> Path:
        return self._folder / submission.product / f"{submission.file}.json"
