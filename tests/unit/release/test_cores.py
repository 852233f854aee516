from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acpublish.errors import VersionError
from acpublish.release.cores import core, core_of_framework, inflates


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        ("3.30102.0", "3.1.2"),
        ("3.30002.0", "3.0.2"),
        ("3.20704.0", "2.7.4"),
        ("3.20701.0", "2.7.1"),
        ("2.20603.200130", "2.6.3"),
        ("2.20502.0", "2.5.2"),
        ("1.20401.1", "2.4.1"),
        ("3.30102.0+sha.b1a2c3d", "3.1.2"),
        ("3.100001.0", "10.0.1"),
        ("3.1.2", None),
        ("0.0.0-alpha", None),
        ("3.30102", None),
        ("3.30102.0.1", None),
        ("3.30102.01x.2", "3.1.2"),
        ("3.1230102.0", None),
        ("", None),
        ("None", None),
    ],
)
def test_the_core_in_a_framework_package(package: str, expected: str | None) -> None:
    assert core_of_framework(package) == expected


@given(st.text())
def test_any_text_gives_a_result(text: str) -> None:
    found = core_of_framework(text)
    assert found is None or core(found) == found
    inflates(text)


@pytest.mark.parametrize("text", ["2.7.0", "2.7.4", "3.0.0", "3.1.2", "10.0.0"])
def test_these_inflate(text: str) -> None:
    assert inflates(core(text))


@pytest.mark.parametrize("text", ["2.6.3", "2.4.2", "1.0.0", "0.7.0"])
def test_these_do_not(text: str) -> None:
    assert not inflates(core(text))


@pytest.mark.parametrize("text", [None, "", "3", "3.1", "3.1.2-dev", "v3.1.2", "٣.1.2", "3.1.2\n"])
def test_what_is_no_version_is_refused_and_inflates_nothing(text: str | None) -> None:
    assert not inflates(text)
    with pytest.raises(VersionError):
        core(text or "")
