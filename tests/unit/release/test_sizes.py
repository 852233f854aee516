from __future__ import annotations

from dataclasses import replace

from acpublish.image.comparison import Change
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.release.sizes import build_changes, sizes
from tests.unit.release.making import release


def made(version: str, size: int, at: str, order: int, board: str = "d1") -> Release:
    one = release(version, board=board, channels={"stable": order})
    return replace(one, images=(replace(one.images[0], size=size, published_at=at),))


def test_sizes_are_in_the_order_of_publishing() -> None:
    releases = [
        made("2.0.0", 300, "2026-11-24T04:05:07Z", 2),
        made("1.5.0", 250, "2026-11-25T00:00:00Z", 3),
        made("1.0.0", 100, "2026-11-24T04:05:07Z", 1),
        made("9.0.0", 900, "2026-11-24T04:05:07Z", 4, board="c3"),
    ]
    found = sizes(releases, "d1", "firmware", 10)
    assert [(str(one.version), one.size) for one in found] == [
        ("1.0.0", 100),
        ("2.0.0", 300),
        ("1.5.0", 250),
    ]
    assert [one.size for one in sizes(releases, "d1", "firmware", 2)] == [300, 250]
    assert sizes(releases, "d1", "filesystem", 2) == ()


def image(**provenance: str) -> ReleaseImage:
    return replace(release("1.0.0").images[0], provenance=provenance)


def test_what_was_recorded_of_both_builds_is_compared() -> None:
    old = image(commit="a", platform="espressif8266 4.2.1", libraries="A B 1.0.0, Gone 2.0.0, Odd")
    new = image(commit="b", platform="espressif8266 4.2.1", libraries="A B 1.1.0, New 3.0.0, Odd")
    assert build_changes(old, new) == (
        Change(name="commit", old="a", new="b"),
        Change(name="library A B", old="1.0.0", new="1.1.0"),
        Change(name="library Gone", old="2.0.0", new=None),
        Change(name="library New", old=None, new="3.0.0"),
    )
    assert build_changes(old, old) == ()
    assert build_changes(image(), image(core="3.1.2"))[0].new == "3.1.2"
