"""Versions as people write them into the names of files."""

from __future__ import annotations

import pytest

from acpublish.release.written_versions import version_in, written_versions


def readings(text: str) -> list[list[tuple[str, str]]]:
    """Returns each version of a text: its readings, each with what follows it."""
    return [
        [(str(reading.version), text[reading.end :]) for reading in written.readings]
        for written in written_versions(text)
    ]


@pytest.mark.parametrize(
    ("text", "version", "rest"),
    [
        ("a_v1.2_d1", "1.2.0", "_d1"),
        ("a-1.2.3-d1", "1.2.3", "-d1"),
        ("a_v3_d1", "3.0.0", "_d1"),
        ("a_v0_9_10_d1", "0.9.10", "_d1"),
        ("a_v1-2-3-d1", "1.2.3", "-d1"),
        ("1.2.3.4", "1.2.3+4", ""),
        ("v1_2_4MB", "1.2.0", "_4MB"),
        ("v1.2-rc1_d1", "1.2.0-rc1", "_d1"),
        ("v1.2-rc.01_d1", "1.2.0-rc.1", "_d1"),
        ("v1.2_beta_2_d1", "1.2.0-beta.2", "_d1"),
        ("v1.2b1_c", "1.2.0-b1", "_c"),
        ("1.2.3+g12.d3_d1", "1.2.3+g12.d3", "_d1"),
        ("v1.2-14-gabc1234_d1", "1.2.1-dev.14+gabc1234", "_d1"),
        ("v1_2-14-gabc1234-dirty", "1.2.1-dev.14+gabc1234.dirty", ""),
        ("fw2.3.4", "2.3.4", ""),
        ("1.2.3.4.5_d1", "None", "_d1"),
        ("v1.2.3-beta.1+" + "a" * 40, "None", ""),
    ],
)
def test_a_version_is_read_whole(text: str, version: str, rest: str) -> None:
    assert readings(text) == [[(version, rest)]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.2.0-b1_c", [("1.2.0-b1", "_c"), ("1.2.0", "-b1_c")]),
        ("1.2.0_test", [("1.2.0-test", ""), ("1.2.0", "_test")]),
        ("1.2b", [("1.2.0-b", ""), ("1.2.0+b", "")]),
        ("1.2.0-1_d1", [("1.2.0-1", "_d1"), ("1.2.0+1", "_d1"), ("1.2.0", "-1_d1")]),
        ("1.02", [("1.2.0", ""), ("1.0.2", "")]),
        ("1.2.0+a-b", [("1.2.0+a", "-b"), ("1.2.0+a-b", "")]),
        ("2_1", [("2.1.0", ""), ("None", "2_1")]),
    ],
)
def test_what_follows_may_belong_to_it_or_not(text: str, expected: list[tuple[str, str]]) -> None:
    assert readings(text) == [expected]


@pytest.mark.parametrize("text", ["", "a", "sensor_2", "v", "v8engine", "core3.0.1", "x1_2x"])
def test_texts_without_a_version(text: str) -> None:
    assert written_versions(text) == ()


def test_several_versions() -> None:
    assert [read[0][0] for read in readings("a_1.0_v2.3.4_d1_v5")] == ["1.0.0", "2.3.4", "5.0.0"]


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v1.2.3", "1.2.3"),
        (" 1.2 ", "1.2.0"),
        ("0_9_10", "0.9.10"),
        ("2.3-dirty", "2.3.0-dirty"),
        ("v1.2-14-gabc1234", "1.2.1-dev.14+gabc1234"),
        ("20220628", "20220628.0.0"),
        ("1.2.0-hotfix", "1.2.0-hotfix"),
        # Without its pre-release it would be the release.
        ("v1.2-beta.aaaaaaaaaaaaaaaaaaaaaaa", "None"),
        ("abc", "None"),
    ],
)
def test_a_text_that_is_a_version(text: str, version: str) -> None:
    assert str(version_in(text)) == version
