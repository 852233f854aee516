"""Which release a device runs, and how many devices run each."""

from __future__ import annotations

from typing import Any

import pytest

from acpublish.errors import ManifestError
from acpublish.release.adoption import Adoption, RunningVersions
from acpublish.wire import NO_REPORT, Report
from tests.unit.release.making import md5, release, sha256

ONE, TWO = release("1.0.0"), release("2.0.0")


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (Report(sketch_md5=md5("1.0.0 d1 firmware")), "1.0.0"),
        (Report(sketch_sha256=sha256("2.0.0 d1 firmware")), "2.0.0"),
        (Report(sketch_md5=md5("other"), version="2.0.0"), None),
        (Report(version="v2.0.0"), "2.0.0"),
        (Report(version="3.0.0"), None),
        (NO_REPORT, None),
    ],
)
def test_the_digest_decides_and_the_version_counts_without_one(
    report: Report, expected: str | None
) -> None:
    versions = RunningVersions([ONE, TWO])
    reported = report.sketch_md5, report.sketch_sha256, report.version
    assert versions.of("d1", *reported) == expected
    assert versions.of("c3", *reported) is None


@pytest.mark.parametrize("version", ["1.2.3", None])
def test_it_is_read_as_it_is_written(version: str | None) -> None:
    adoption = Adoption(board="d1", version=version, count=3)
    assert Adoption.from_dict(adoption.to_dict()) == adoption


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"board": 1, "version": None, "count": 1},
        {"board": "d1", "version": "kitchen", "count": 1},
        {"board": "d1", "version": None, "count": "1"},
    ],
)
def test_anything_else_is_refused(document: Any) -> None:
    with pytest.raises(ManifestError, match="list of devices cannot be read"):
        Adoption.from_dict(document)
