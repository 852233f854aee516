from __future__ import annotations

from pathlib import Path

import pytest

import acpublish
from acpublish.errors import NotFoundError, SettingsError
from acpublish.fleet.policy import Policy
from acpublish.release import names
from acpublish.release.rollout_changes import RolloutChange
from tests.unit.catalog.changing import three_releases


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return three_releases(tmp_path).root


def test_a_policy_is_set_read_and_cleared(root: Path) -> None:
    assert acpublish.policy_of("lamp", "stable", to=root) is None
    changed = acpublish.set_policy(
        "lamp", "stable", to=root, stages="1,10%,100%", soak="1h", by="anna", reason="careful"
    )
    assert changed.change is not None
    author = changed.change.author
    assert (changed.change.action, author.by, author.why) == ("policy", "anna", "careful")
    policy = acpublish.policy_of("lamp", "stable", to=root)
    assert policy == Policy.parse("1,10%,100%", soak="1h")
    assert acpublish.clear_policy("lamp", "stable", to=root).applied
    assert acpublish.policy_of("lamp", "stable", to=root) is None
    assert not acpublish.clear_policy("lamp", "stable", to=root).applied


def test_what_could_never_work_is_not_written(root: Path) -> None:
    before = (root / ".acpublish/releases/lamp/channels.json").read_bytes()
    for options in ({"stages": "0"}, {"stages": "1", "by": "x" * 65}, {"stages": "1", "halt": "0"}):
        with pytest.raises(SettingsError):
            acpublish.set_policy("lamp", "stable", to=root, **options)  # type: ignore[arg-type]
    with pytest.raises(acpublish.AcpublishError, match="channel name 'Not one' is invalid"):
        acpublish.set_policy("lamp", "Not one", to=root, stages="1")
    with pytest.raises(NotFoundError, match="the catalog has no product door"):
        acpublish.set_policy("door", "stable", to=root, stages="1")
    assert (root / ".acpublish/releases/lamp/channels.json").read_bytes() == before


def test_a_policy_of_a_newer_version_is_named(tmp_path: Path) -> None:
    catalog = three_releases(tmp_path)
    newer = RolloutChange(
        action="policy", channel=names.channel("stable"), policy={"stages": ["moon:full"]}
    )
    catalog.changes.make("lamp", newer)
    with pytest.raises(SettingsError, match="the policy has no soak"):
        acpublish.policy_of("lamp", "stable", to=catalog.root)
