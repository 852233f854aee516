"""The private part of an image's provenance, only for whoever runs the catalog.

It is stored in the state folder: a JSON object of strings in
``provenance/<product>/<visible file>.json``.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from acpublish import atomic
from acpublish.catalog.state import ensure_private
from acpublish.errors import AcpublishError
from acpublish.release.submission import Submission

_log = logging.getLogger(__name__)


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
