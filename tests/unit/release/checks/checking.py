"""Stamped images to check, what they are published as, and the names of what is found."""

from __future__ import annotations

from acpublish.image.reader import read
from acpublish.image.stamper import stamp
from acpublish.release import names
from acpublish.release.manifest import Release
from acpublish.release.names import ImageKind
from acpublish.release.submission import Submission
from acpublish.release.version import Version
from tests.support import images
from tests.unit.release.making import check

STAMPED = stamp(images.esp8266_image(), "lamp", "1.0.0")
C3 = stamp(images.esp32_image(), "lamp", "1.0.0")


def submission(
    *, kind: ImageKind = "firmware", chip: str | None = None, board: str = "d1"
) -> Submission:
    return Submission(
        product=names.product("lamp"),
        version=Version.parse("1.0.0"),
        board=names.board(board),
        channel=names.channel("stable"),
        kind=kind,
        chip=chip,
    )


def found(
    data: bytes, wanted: Submission | None = None, releases: tuple[Release, ...] = ()
) -> list[str]:
    return [finding.check for finding in check(read(data), wanted or submission(), releases)]
