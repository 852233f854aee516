"""What a publish says of itself that is not for everybody who reads the catalog.

It stays in the state folder: ``provenance/<product>/<visible file>.json``, a JSON object of texts.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from acpublish.catalog import atomic
from acpublish.catalog.state import ensure_private
from acpublish.errors import AcpublishError
from acpublish.release import Submission

__all__ = ["PrivateProvenance"]

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
