"""The words of file names, and their dates."""

from __future__ import annotations

import pytest

from acpublish.release.filename_words import (
    first_date,
    is_hardware,
    is_prerelease,
    is_stray,
    without_dates,
)


@pytest.mark.parametrize("word", ["esp8266", "ESP32S3", "d1", "nodemcuv2", "c3", "lolin", "hw2"])
def test_words_of_hardware(word: str) -> None:
    assert is_hardware(word)


@pytest.mark.parametrize("word", ["lamp", "kitchen", "mini", "v2", "d", "espresso-machine", ""])
def test_words_that_are_not_hardware_alone(word: str) -> None:
    assert not is_hardware(word)


def test_words_that_follow_hardware() -> None:
    assert all(is_hardware(word, after=True) for word in ("mini", "v2", "4MB", "esp32"))
    assert not is_hardware("kitchen", after=True)


def test_words_that_are_probably_not_part_of_a_board() -> None:
    assert all(map(is_stray, ("1234", "240115", "gabc1234", "abc1234", "ota", "Release", "rev3")))
    assert not any(map(is_stray, ("8266", "32", "kitchen", "d1", "feed", "mini")))


def test_words_before_a_release() -> None:
    assert all(map(is_prerelease, ("beta", "RC1", "debug", "nightly", "test2")))
    assert not any(map(is_prerelease, ("d1", "better", "v1")))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_20220628_b", "a__________b"),
        ("a_2024-01-15_1430_b", "a_________________b"),
        ("a_2024.01.15_b", "a_2024.01.15_b"),
        ("a_20221328_b", "a_20221328_b"),
        ("a_202206281_b", "a_202206281_b"),
        ("a_v20220628_b", "a_v20220628_b"),
        ("a_1922-01-15", "a_1922-01-15"),
    ],
)
def test_dates_are_blanked(text: str, expected: str) -> None:
    assert without_dates(text, dotted=False) == expected


def test_dates_with_dots() -> None:
    assert without_dates("a_2024.01.15_b", dotted=True) == "a____________b"
    date = first_date("a_2024.01.15_b")
    assert date is not None
    assert date["day"] == "2024.01.15"
    assert first_date("a_2024.1_b") is None
