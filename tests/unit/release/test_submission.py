"""What is handed in to be published."""

from __future__ import annotations

from typing import Any

import pytest

from acpublish.errors import SettingsError
from acpublish.release import names
from acpublish.release.names import ImageKind
from acpublish.release.submission import Submission
from acpublish.release.version import Version


def submission(**changes: Any) -> Submission:
    known: dict[str, Any] = {
        "product": names.product("lamp"),
        "version": Version.parse("1.2.3"),
        "board": names.board("d1"),
        "channel": names.STABLE,
    }
    return Submission(**{**known, **changes})


@pytest.mark.parametrize(
    ("kind", "file"), [("firmware", "lamp-1.2.3_d1.bin"), ("filesystem", "lamp-1.2.3_d1.fs.bin")]
)
def test_the_name_of_its_file(kind: ImageKind, file: str) -> None:
    assert submission(kind=kind).file == file


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("chip", 8266, "chip: 'chip' is 8266"),
        ("provenance", {"commit": 1}, "provenance: 'commit' is 1"),
        ("provenance", {1: "x"}, "provenance: 1 is 'x'"),
        ("private", {"remote": None}, "private provenance: 'remote' is None"),
        ("skipped_checks", {"dirty": True}, "skipped checks: 'dirty' is True"),
    ],
)
def test_what_a_manifest_could_not_be_read_with_is_refused(
    field: str, value: Any, said: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        submission(**{field: value})
    assert caught.value.problem.startswith(said)
