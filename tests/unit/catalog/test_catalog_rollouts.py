from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.release import names
from acpublish.release.channels import Rolling
from acpublish.release.rollout_changes import RolloutChange
from acpublish.release.version import Version
from tests.unit.catalog.changing import change, points_at, three_releases
from tests.unit.catalog.holding import put

POLICY = {"stages": ["1", "100%"]}
NEW = Version.parse("1.3.0")


def with_policy(folder: Path) -> DirectoryCatalog:
    """Returns a catalog with 1.2.0 settled on stable, which has a policy."""
    catalog = three_releases(folder)
    request = RolloutChange(action="policy", channel=names.channel("stable"), policy=POLICY)
    catalog.changes.make("lamp", request)
    return catalog


def rolling(catalog: DirectoryCatalog) -> list[Rolling]:
    return list(catalog.changes.channels("lamp").rolling.get("stable", {}).values())


def visible(catalog: DirectoryCatalog) -> list[str]:
    return sorted(path.name for path in (catalog.root / "lamp").glob("*1.3.0*"))


def test_a_release_on_its_way_has_no_visible_file_until_it_is_settled(tmp_path: Path) -> None:
    catalog = with_policy(tmp_path)
    receipt = put(catalog, "1.3.0")
    assert (receipt.rolling, str(receipt.points_at)) == (True, "1.2.0")
    file = receipt.file.removeprefix("lamp/")
    assert (points_at(catalog), visible(catalog), catalog.find_file("lamp", file)) == (
        "1.2.0",
        [],
        None,
    )
    # Nothing that completes or mends a catalog brings it either.
    put(catalog, "1.3.0")
    assert (catalog.repair(), visible(catalog)) == ((), [])
    assert [dict(release.images[0].rolling) for release in catalog.releases("lamp")].count({}) == 3
    changed = catalog.rollouts.settle("lamp", "stable", NEW)
    assert changed.applied
    assert (points_at(catalog), visible(catalog)) == ("1.3.0", [file])
    assert catalog.find_file("lamp", file) is not None


def test_a_settlement_that_was_broken_off_is_completed(tmp_path: Path) -> None:
    catalog = with_policy(tmp_path)
    receipt = put(catalog, "1.3.0")
    catalog.rollouts.settle("lamp", "stable", NEW)
    (catalog.root / receipt.file).unlink()
    catalog.rollouts.settle("lamp", "stable", NEW)
    assert (catalog.root / receipt.file).is_file()


def test_what_never_arrived_is_not_shown_afterwards(tmp_path: Path) -> None:
    catalog = with_policy(tmp_path)
    put(catalog, "1.3.0")
    catalog.rollouts.abort("lamp", "stable", NEW, "wrong one", "anna")
    receipt = put(catalog, "1.3.0")
    assert (receipt.rolling, str(receipt.points_at)) == (False, "1.2.0")
    assert (catalog.repair(), visible(catalog)) == ((), [])
    (line,) = [line for line in catalog.changes.history("lamp") if line.action == "abort"]
    assert (line.author.by, line.author.why) == ("anna", "wrong one")


def test_what_another_channel_has_keeps_its_visible_file(tmp_path: Path) -> None:
    catalog = with_policy(tmp_path)
    receipt = put(catalog, "1.3.0", channel="beta")
    change(catalog, "promote", "1.3.0", "stable")
    assert len(rolling(catalog)) == 1
    (catalog.root / receipt.file).unlink()
    assert catalog.repair() == (receipt.file,)


@pytest.mark.parametrize("decide", ["settle", "halt", "abort"])
def test_each_decision_is_made_once_from_whichever_thread(tmp_path: Path, decide: str) -> None:
    catalog = with_policy(tmp_path)
    put(catalog, "1.3.0")
    number = rolling(catalog)[0].rollout
    rollouts = catalog.rollouts

    def make(_: int) -> bool:
        if decide == "settle":
            return rollouts.settle("lamp", "stable", NEW, rollout=number).applied
        if decide == "halt":
            return rollouts.halt("lamp", "stable", NEW, "two failed", rollout=number).applied
        return rollouts.abort("lamp", "stable", NEW, "wrong one", rollout=number).applied

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(make, range(8))) == [False] * 7 + [True]
    expected = {"settle": [], "halt": ["two failed"], "abort": []}[decide]
    assert [entry.halted for entry in rolling(catalog)] == expected


def test_a_person_starts_a_rollout_with_its_own_policy(tmp_path: Path) -> None:
    catalog = three_releases(tmp_path)
    put(catalog, "1.3.0", channel="beta")
    changed = catalog.rollouts.start("lamp", NEW, "stable", POLICY, offers_from=5, by="anna")
    assert changed.applied
    (entry,) = rolling(catalog)
    assert (entry.policy, entry.offers_from, entry.author.by) == (POLICY, 5, "anna")
    assert points_at(catalog) == "1.2.0"
