"""What a product stands at, put together from what a directory or a server knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import CatalogError, NotFoundError
from acpublish.publishing.options import Destination
from acpublish.publishing.standing import Standing, move_text, row_lines, standing_of
from acpublish.release.adoption import Adoption
from acpublish.release.change_request import ChangeRequest
from acpublish.release.channels import Move, Place
from acpublish.release.version import Version
from tests.unit.catalog.holding import put

D1 = Place("d1", "firmware")


@pytest.fixture
def catalog(tmp_path: Path) -> DirectoryCatalog:
    """A catalog whose 1.2.0 was withdrawn, and whose channel dev points at nothing."""
    catalog = DirectoryCatalog(tmp_path)
    for version in ("1.0.0", "1.10.0", "1.2.0"):
        put(catalog, version, skipped_checks={"version-order": "in any order"})
    put(catalog, "2.0.0-dev.1", channel="dev")
    for version in ("1.2.0", "2.0.0-dev.1"):
        request = ChangeRequest(action="withdraw", version=Version.parse(version), why="it hangs")
        catalog.changes.make("lamp", replace(request, by="anna"))
    return catalog


def standing(catalog: DirectoryCatalog, *running: Adoption) -> Standing:
    return replace(standing_of(Destination(to=str(catalog.root)), "lamp"), running=running)


def test_the_newest_are_those_that_somebody_is_offered(catalog: DirectoryCatalog) -> None:
    assert [str(release.version) for release in standing(catalog).newest] == ["1.10.0", "1.0.0"]


def test_what_needs_attention(catalog: DirectoryCatalog) -> None:
    assert standing(catalog).attention == ("dev points at nothing for d1",)
    running = (
        Adoption(board="d1", version="1.2.0", count=3),
        Adoption(board="d1", version="2.0.0-dev.1", count=1),
        Adoption(board="d1", version="1.10.0", count=9),
        Adoption(board="d2", version="1.2.0", count=1),
        Adoption(board="", version=None, count=2, never_updated=True),
    )
    assert standing(catalog, *running).attention == (
        "dev points at nothing for d1",
        "3 d1 run 1.2.0, which was withdrawn",
        "1 d1 runs 2.0.0-dev.1, which was withdrawn",
        "2 of an unknown board will never be updated: they report a version higher than every "
        "release",
    )


def test_the_rows_for_a_person(catalog: DirectoryCatalog) -> None:
    dev, stable = row_lines(standing(catalog).rows)
    assert dev == ("dev", "d1", "nothing", "", "", "before: 2.0.0-dev.1 (taken back)")
    assert (*stable[:3], *stable[4:]) == (
        *("stable", "d1", "1.10.0", "by anna: it hangs"),
        "before: 1.2.0 (taken back), 1.0.0",
    )


def test_the_document(catalog: DirectoryCatalog) -> None:
    document = standing(catalog, Adoption(board="d1", version="1.0.0", count=1)).to_dict()
    assert document["product"] == "lamp"
    assert [row["channel"] for row in document["channels"]] == ["dev", "stable"]
    assert document["newest"][0] == {"version": "1.10.0", "boards": ["d1"]}
    assert document["devices"] == [{"board": "d1", "version": "1.0.0", "count": 1}]
    assert document["attention"] == ["dev points at nothing for d1"]
    assert replace(standing(catalog), running=None).to_dict()["devices"] is None


def test_a_product_or_a_directory_that_is_not_there(catalog: DirectoryCatalog) -> None:
    with pytest.raises(NotFoundError, match="no product door"):
        standing_of(Destination(to=str(catalog.root)), "door")
    with pytest.raises(CatalogError):
        standing_of(Destination(to=str(catalog.root / "missing")), "lamp")


def test_a_move_in_words() -> None:
    after = Version.parse("1.0.0")
    up = Move(channel="beta", place=D1, before=None, after=after)
    down = Move(channel="beta", place=Place("d1", "filesystem"), before=after, after=None)
    assert move_text(up) == "beta d1: nothing -> 1.0.0"
    assert move_text(down) == "beta d1 (filesystem): 1.0.0 -> nothing"
