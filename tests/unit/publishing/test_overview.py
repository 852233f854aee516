"""What a product has, for a person."""

from __future__ import annotations

from dataclasses import replace

from acpublish.publishing.overview import release_lines
from tests.unit.release.making import release


def test_the_last_one_comes_first_and_channels_tell_where_they_point() -> None:
    held = [
        release("1.0.0", channels={"stable": 1}),
        release("1.1.0", channels={"stable": 2, "beta": 3}),
        release("0.9.0", channels={"beta": 4}, board="c3"),
    ]
    rows = [line.split() for line in release_lines(held)]
    assert [(row[0], row[1], " ".join(row[5:])) for row in rows] == [
        ("0.9.0", "c3", "beta"),
        ("1.1.0", "d1", "beta, stable"),
        ("1.0.0", "d1", "(stable)"),
    ]


def test_nothing_and_more_than_is_shown() -> None:
    assert release_lines([]) == ["nothing is published yet"]
    many = [release(f"1.{n}.0", channels={"stable": n + 1}) for n in range(25)]
    lines = release_lines(many)
    assert (len(lines), lines[-1]) == (21, "and 5 more")


def test_what_is_on_its_way_says_where_to() -> None:
    coming = release("1.1.0", channels={"beta": 2})
    coming = replace(coming, images=(replace(coming.images[0], rolling={"stable": 3}),))
    first, second = release_lines([release("1.0.0"), coming])
    assert first.startswith("1.1.0")
    assert first.endswith("beta, on its way to stable")
    assert second.endswith("stable")
