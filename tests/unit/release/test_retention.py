from __future__ import annotations

import pytest

from acpublish.errors import NotFoundError, SettingsError
from tests.unit.release.publishing import D1, D1_FS, D2, Product, three, v

#: More than 90 days before NOW, and less.
OLD, YOUNG = "2026-01-01T00:00:00Z", "2026-05-01T00:00:00Z"
DAY_S = 86_400


def spare(product: Product, keep: int = 1, channel: str | None = None, days: int = 90) -> list[str]:
    planned = product.plan("retain", None, channel, keep=keep, older_than_s=days * DAY_S)
    return [f"{version} {place}" for version, place in planned.freed]


def five() -> Product:
    product = Product()
    for minor in range(5):
        product.put(f"1.{minor}.0", published_at=f"2026-01-0{minor + 1}T00:00:00Z")
    return product


def test_the_newest_and_what_a_channel_could_go_back_to_are_kept() -> None:
    assert spare(five(), keep=1) == ["1.0.0 d1", "1.1.0 d1", "1.2.0 d1"]
    assert spare(five(), keep=4) == ["1.0.0 d1"]
    assert spare(five(), keep=5) == []


def test_what_a_channel_points_at_or_pointed_at_before_is_kept_however_old() -> None:
    product = five()
    product.change("promote", "1.0.0", "lts")
    product.change("promote", "1.1.0", "lts")
    assert spare(product) == ["1.2.0 d1"]
    product.change("rollback", "1.0.0", "stable")
    # 1.4.0 is where it has just been, and may be examined or promoted again.
    assert "1.4.0 d1" not in spare(product)


def test_each_channel_and_board_keeps_its_own() -> None:
    product = five()
    for minor in range(5):
        product.put(f"2.0.0-dev.{minor}", D1, D2, channel="dev", published_at=OLD)
    assert spare(product, keep=3, channel="dev") == [
        f"2.0.0-dev.{minor} {board}" for minor in (0, 1) for board in ("d1", "d2")
    ]
    assert "1.4.0 d1" not in spare(product)


def test_a_channel_clears_only_what_was_on_no_other() -> None:
    product = Product()
    for minor in range(4):
        product.put(f"2.0.0-dev.{minor}", channel="dev")
    product.change("promote", "2.0.0-dev.0", "beta")
    product.change("promote", "2.0.0-dev.2", "beta")
    product.change("promote", "2.0.0-dev.3", "beta")
    assert spare(product, channel="dev") == ["2.0.0-dev.1 d1"]
    with pytest.raises(NotFoundError, match="there is no channel nightly"):
        spare(product, channel="nightly")


def test_nothing_young_is_cleared_and_the_plan_says_so() -> None:
    product = Product()
    for minor in range(4):
        product.put(f"1.{minor}.0", published_at=YOUNG)
    planned = product.plan("retain", keep=1, older_than_s=90 * DAY_S)
    assert planned.change is None
    assert "within 90 days are kept" in planned.notes[0]
    assert spare(product, days=10) == ["1.0.0 d1", "1.1.0 d1"]


@pytest.mark.parametrize(
    ("seconds", "age"),
    [
        (DAY_S, "1 day"),
        (DAY_S * 30, "30 days"),
        (3600 * 12, "12 hours"),
        (1, "1 second"),
        (90, "90 seconds"),
    ],
)
def test_the_plan_says_how_old_as_people_write_it(seconds: int, age: str) -> None:
    notes = five().plan("retain", keep=5, older_than_s=seconds).notes
    assert f"within {age} are kept" in notes[0]
    assert five().plan("retain", keep=1, older_than_s=0).notes == ()


def test_what_was_withdrawn_a_short_while_ago_is_kept_for_examination() -> None:
    product = five()
    product.change("withdraw", "1.0.0")
    assert "1.0.0 d1" not in spare(product, days=0)


def test_what_was_withdrawn_long_ago_goes_and_does_not_count_as_the_newest() -> None:
    product = five()
    product.change("withdraw", "1.4.0")
    for key, mark in product.channels.marks.items():
        old = mark.author._replace(at=OLD)
        object.__setattr__(mark, "author", old)
        assert key == (v("1.4.0"), D1)
    # It has just been left, by the channel that points at 1.3.0 now.
    assert spare(product) == ["1.0.0 d1", "1.1.0 d1"]
    for minor in (5, 6):
        product.put(f"1.{minor}.0", published_at=OLD)
    assert "1.4.0 d1" in spare(product)


def test_a_retired_image_is_marked_and_no_channel_comes_back_to_it() -> None:
    product = three(D1, D1_FS)
    planned = product.change("retain", keep=1, older_than_s=0)
    assert planned.freed == {(v("1.0.0"), D1): 1000, (v("1.0.0"), D1_FS): 1000}
    states = {str(one.version): one.images[0].withdrawn for one in product.releases}
    assert states == {"1.0.0": "retired", "1.1.0": None, "1.2.0": None}
    assert product.plan("retain", keep=1, older_than_s=0).change is None
    product.change("rollback", None, "stable")
    assert product.at() == "1.1.0"
    # Retired is not taken back: nobody is ordered away from it.
    assert product.ordered() == ["1.2.0"]


def test_an_unreadable_time_counts_as_young() -> None:
    product = five()
    product.put("0.9.0", channel="dev", published_at="yesterday")
    product.put("0.9.1", channel="dev", published_at="yesterday")
    product.put("0.9.2", channel="dev", published_at="yesterday")
    assert spare(product, channel="dev", days=0) == []


def test_at_least_one_is_kept() -> None:
    with pytest.raises(SettingsError, match="at least one release is kept"):
        spare(five(), keep=0)
